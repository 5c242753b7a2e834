package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
)

// childProgram makes the test's own binary the program.
const childProgram = "FORESCALE_TEST_PROGRAM"

func provider(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(deploy, "providers", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// executable writes a script to run.
func executable(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// commandsOf are the commands that the head of a script tells of, as a config has them.
func commandsOf(t *testing.T, name string, server string, env ...string) actuator.NodeCommands {
	t.Helper()
	c := actuator.NodeCommands{Server: server, Env: env, Time: time.Minute}
	for line := range strings.Lines(deployed(t, filepath.Join("providers", name))) {
		for kind, to := range map[string]*[]string{"start": &c.Start, "stop": &c.Stop, "list": &c.List} {
			list, told := strings.CutPrefix(line, "#   "+kind+":")
			if !told {
				continue
			}
			for word := range strings.SplitSeq(strings.Trim(strings.TrimSpace(list), "[]"), ", ") {
				*to = append(*to, strings.Trim(word, `"`))
			}
			(*to)[0] = provider(t, name)
		}
	}
	if err := c.Validate(); err != nil || len(c.Start) < 3 || len(c.Stop) != 3 || len(c.List) != 3 {
		t.Fatalf("the head of %s: %v, %v", name, c, err)
	}
	return c
}

// The fake of the cloud's client answers as it does, with its exit codes and messages, and
// notes how it was called.
const fakeCloud = `echo "$*" >> "$CLOUD/calls"
name() { while [ "$1" != --name ]; do shift; done; echo "$2"; }
data() { while [ "$1" != --user-data-from-file ]; do shift; done; cat "$2"; }
case "$1 $2" in
"server create")
	n=$(name "$@")
	if [ -e "$CLOUD/full" ]; then echo "hcloud: server limit exceeded (resource_limit_exceeded)" >&2; exit 1; fi
	if [ -e "$CLOUD/node-$n" ]; then echo "hcloud: server name is already used (uniqueness_error)" >&2; exit 1; fi
	data "$@" > "$CLOUD/node-$n"
	echo "Server 42 created" ;;
"server delete")
	if [ ! -e "$CLOUD/node-$3" ]; then echo "hcloud: Server not found: $3" >&2; exit 1; fi
	rm "$CLOUD/node-$3"
	echo "Server $3 deleted" ;;
"server list")
	cd "$CLOUD" && for f in node-*; do [ -e "$f" ] && echo "${f#node-}"; done; : ;;
esac
`

func TestTheCloudExampleIsSafeToRepeat(t *testing.T) {
	cloud, bin := t.TempDir(), t.TempDir()
	executable(t, filepath.Join(bin, "hcloud"), fakeCloud)
	t.Setenv("CLOUD", cloud)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	n := &actuator.Nodes{Token: func(context.Context, string) (string, error) { return "fsj_cx22-1.secret.pin", nil }}
	n.Set(map[string]actuator.NodeCommands{"cx22": commandsOf(t, "hcloud-node", "https://forescale.example:8481", "CLOUD")})
	kind := forescale.NodeType{Name: "cx22"}
	for range 2 { // the second time after a crash
		if run, err := n.Start(t.Context(), kind, "cx22-1"); err != nil {
			t.Fatal(err, run)
		}
	}
	data, err := os.ReadFile(filepath.Join(cloud, "node-cx22-1"))
	if err != nil || !strings.Contains(string(data), "FORESCALE_JOIN_TOKEN='fsj_cx22-1.secret.pin'") || !strings.Contains(string(data), "--server 'https://forescale.example:8481'") {
		t.Errorf("the node boots with %q, %v", data, err)
	}
	if names, err := n.List(t.Context(), kind); err != nil || !slices.Equal(names, []string{"cx22-1"}) {
		t.Errorf("listed %v, %v", names, err)
	}
	for range 2 {
		if run, err := n.Stop(t.Context(), kind, "cx22-1"); err != nil {
			t.Fatal(err, run)
		}
	}
	if names, err := n.List(t.Context(), kind); err != nil || len(names) != 0 {
		t.Errorf("listed %v, %v", names, err)
	}
	if err := os.WriteFile(filepath.Join(cloud, "full"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if run, err := n.Start(t.Context(), kind, "cx22-2"); err == nil || run.Exit != 1 || !strings.Contains(run.Output, "resource_limit_exceeded") {
		t.Errorf("a full cloud: %+v, %v", run, err)
	}
	calls, err := os.ReadFile(filepath.Join(cloud, "calls"))
	if err != nil || strings.Contains(string(calls), "secret") || !strings.HasPrefix(string(calls), "server create --name cx22-1 --type cx22 --image ubuntu-24.04 --label managed-by=forescale --label forescale-type=cx22 ") {
		t.Errorf("it was called as\n%s%v", calls, err)
	}
}

// Real agents, started and stopped by the script that is shipped, join a real server.
func TestNodesOnThisMachineComeAndGo(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("the script looks at /proc")
	}
	s := newShell(t)
	path := filepath.Join(s.dir, "a.db")
	server := s.serve("--agents", "127.0.0.1:0", "--store", path)
	var found []string
	eventually(t, 20*time.Second, func() error {
		if found = agentsAddress.FindStringSubmatch(server.said.String()); found == nil {
			return errors.New("serve does not tell where it takes agents")
		}
		return nil
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(s.dir, "program")
	executable(t, program, fmt.Sprintf("%s=1 exec '%s' \"$@\"\n", childProgram, self))
	wrapper := filepath.Join(s.dir, "local-node")
	executable(t, wrapper, fmt.Sprintf("FORESCALE_PROGRAM='%s' FORESCALE_NODES='%s' exec '%s' \"$@\"\n", program, filepath.Join(s.dir, "nodes"), provider(t, "local-node")))
	c := commandsOf(t, "local-node", found[1])
	c.Start[0], c.Stop[0], c.List[0] = wrapper, wrapper, wrapper
	n := &actuator.Nodes{Token: func(_ context.Context, node string) (string, error) {
		return strings.TrimSpace(s.must("join-token", "create", "--node", node, "--store", path)), nil
	}}
	n.Set(map[string]actuator.NodeCommands{"small": c})
	kind := forescale.NodeType{Name: "small"}
	names := []string{"small-1", "small-2"}
	t.Cleanup(func() {
		for _, name := range names {
			if run, err := n.Stop(context.Background(), kind, name); err != nil {
				t.Error(err, run)
			}
		}
	})
	for _, name := range []string{"small-1", "small-2", "small-1"} { // one twice, as after a crash
		if run, err := n.Start(t.Context(), kind, name); err != nil {
			t.Fatal(err, run)
		}
	}
	eventually(t, time.Minute, func() error {
		out := s.must("agents", "list", "--store", path, "-o", "csv")
		if !strings.Contains(out, "\nsmall-1,small,") || !strings.Contains(out, "\nsmall-2,small,") {
			return errors.New("not both have joined: " + out)
		}
		return nil
	})
	if there, err := n.List(t.Context(), kind); err != nil || !slices.Equal(there, names) {
		t.Errorf("listed %v, %v", there, err)
	}
	for range 2 {
		if run, err := n.Stop(t.Context(), kind, "small-1"); err != nil {
			t.Fatal(err, run)
		}
	}
	if there, err := n.List(t.Context(), kind); err != nil || !slices.Equal(there, names[1:]) {
		t.Errorf("listed %v, %v", there, err)
	}
}
