package main

import (
	"strings"
	"testing"
	"time"
)

const orderedType = `
node_types:
  small:
    cores: 2
    memory: 4GiB
    max_count: 3
    start: [cloud, create, "{node}", "--server={server}"]
    stop: [cloud, delete, "{node}"]
    list: [cloud, list]
    command_time: 2m
    join_time: 5m
    command_env: [CLOUD_TOKEN]
    server: https://forescale.example:8481
`

func TestCommandsOfNodeTypesAreReadAndCheckedWithTheirPlace(t *testing.T) {
	c, err := parseConfig("f.yaml", []byte(orderedType))
	if err != nil {
		t.Fatal(err)
	}
	k := c.NodeCommands["small"]
	if strings.Join(k.Start, " ") != "cloud create {node} --server={server}" || len(k.Stop) != 3 || len(k.List) != 2 || k.Time != 2*time.Minute || k.JoinTime != 5*time.Minute || k.Env[0] != "CLOUD_TOKEN" {
		t.Errorf("read as %+v", k)
	}
	for _, c := range []struct{ why, old, new, where, what string }{
		{"an unknown placeholder", `"--server={server}"`, `"{name}"`, "f.yaml:7:", `{name} is no placeholder of start, for node type "small"`},
		{"the token as an argument", `"--server={server}"`, `"{token}"`, "f.yaml:7:", "would show a secret to all on this machine"},
		{"no stop", "    stop: [cloud, delete, \"{node}\"]\n", "", "f.yaml:7:", "there is no stop command"},
		{"too long a limit", "command_time: 2m", "command_time: 2h", "f.yaml:10:", "command_time is 2h"},
		{"an address without TLS", "https://", "http://", "f.yaml:13:", "is not where agents reach the server"},
	} {
		t.Run(c.why, func(t *testing.T) {
			if !strings.Contains(orderedType, c.old) {
				t.Fatalf("%q is not there", c.old)
			}
			_, err := parseConfig("f.yaml", []byte(strings.Replace(orderedType, c.old, c.new, 1)))
			fs := faultsOf(err)
			if err == nil || !strings.HasPrefix(fs[0].Where, c.where) || !strings.Contains(fs[0].What, c.what) || fs[0].Help == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAServerThatOrdersNodesHasToTakeAgents(t *testing.T) {
	s := newShell(t)
	s.fails(exitUsage, []string{"nodes of type small are to be ordered", "--agents"}, "serve", "--config", s.file("f.yaml", orderedType), "--docker", "off", "--store", s.dir+"/a.db")
}

func TestNodesAreShownWithTheirLivesAndOrphans(t *testing.T) {
	url := answers(t, map[string]string{"GET /v1/about": about,
		"GET /v1/nodes": `{"items":[{"name":"rack","type":"","state":"ready","protected":true,"cordoned":true,"cores":4,"memory_bytes":1024,"instances":3,"cpu":41.7},
			{"name":"large-1","type":"large","state":"ordered","managed":true,"cores":8,"price_per_hour":0.4,"order":{"ordered_at":"2026-11-23T07:40:00Z","message":"Two have no place.","command":{"kind":"start","exit":7}}}]}`,
		"GET /v1/nodes/plan":      `{"made_at":"2026-11-23T07:40:00Z","notes":[{"subject":"nodes/stray","reason":{"code":"node_orphan"},"message":"It runs, and nobody knows it."}]}`,
		"PATCH /v1/nodes/large-1": `{"name":"large-1","draining":true}`})
	out := onTerminal(t, url, "nodes")
	for _, want := range []string{"rack", "ready, cordoned, protected", "large-1", "ordered", "0.4", "the start command ended with exit code 7", "Orphan stray: It runs, and nobody knows it."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out := onTerminal(t, url, "node", "drain", "large-1"); !strings.Contains(out, "large-1 is emptied.") || !strings.Contains(out, "forescale node uncordon large-1") {
		t.Error(out)
	}
	newShell(t).fails(exitUsage, []string{"not a node name"}, "node", "protect", "No de")
}
