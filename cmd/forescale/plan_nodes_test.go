package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestThePlanOfNodesIsShown(t *testing.T) {
	url := answers(t, map[string]string{"GET /v1/about": about,
		"GET /v1/nodes/plan": `{"made_at":"2026-11-23T07:40:00Z","nodes":2,"unmet_instances":0,"cost":{"now":0.2,"planned":0.4,"peak":0.6,"least":0.1},
		"orders":[{"type":"large","order_at":"2026-11-23T08:17:00Z","price_per_hour":0.4,"reason":{"code":"node_needed"},"message":"Two."}],
		"kept":[{"node":"rack","reason":{"code":"node_static"},"message":"Owner."}],
		"unmet":[{"service":"web","count":3,"at":"2026-11-23T23:00:00Z","reason":{"code":"max_bound"},"message":"All."}]}`})
	out := onTerminal(t, url, "plan", "--nodes")
	for _, want := range []string{"no node is ordered or stopped", "order", "large", "node_needed", "keep", "rack", "node_static",
		"2 nodes planned, 0 instances without a place.", "An hour costs 0.2 now, 0.4 planned, 0.6 at most ahead; at least 0.1."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "unmet") { // beyond --for
		t.Errorf("what comes in eleven hours is shown:\n%s", out)
	}
}

func TestTheServerPlansTheNodesOfItsConfig(t *testing.T) {
	s := newShell(t)
	config := "planning: {interval: 1s, collect: 1s}\nservices:\n  web:\n    min_instances: 3\n    resources: {cores: 200}\n"
	server := s.serve("--config", s.file("f.yaml", config+"node_types:\n  large: {cores: 400, memory: 8GiB, price_per_hour: 0.5, max_count: 9}\n"))
	eventually(t, 20*time.Second, func() error {
		out := s.must("services", "-o", "csv")
		r := s.run("plan", "--nodes", "-o", "csv")
		if r.code != exitOK || strings.Count(r.out, ",order,large,node_needed,0.5,") != 2 {
			return fmt.Errorf("the plan of nodes is\n%s%s\n%s", r.out, r.err, out)
		}
		return nil
	})
	if r := server.stop(); r.code != exitOK {
		t.Errorf("serve ends with %d: %s", r.code, r.err)
	}
	s.fails(exitUsage, []string{"nodes are planned for all services at once"}, "plan", "--nodes", "web")
}
