package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// agentsAddress is where a running server takes agents.
var agentsAddress = regexp.MustCompile(`agents are taken on (https://\S+)`)

// The whole way: a token, a join over TLS, samples in the store, and the end of it.
func TestANodeJoinsByATokenAndReports(t *testing.T) {
	s := newShell(t)
	path := filepath.Join(s.dir, "a.db")
	s.fails(exitFailed, []string{"no authority", "serve --agents"}, "join-token", "create", "--node", "node-1", "--store", path)
	file := filepath.Join(s.dir, "c.yaml")
	if err := os.WriteFile(file, []byte("agents: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := s.serve("--config", file, "--store", path)
	var found []string
	eventually(t, 20*time.Second, func() error {
		if found = agentsAddress.FindStringSubmatch(server.said.String()); found == nil {
			return errors.New("serve does not tell where it takes agents: " + server.said.String())
		}
		return nil
	})
	info, err := os.Stat(path + ".agents.pem")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the authority's file: %v, %v", info, err)
	}
	s.fails(exitUsage, []string{"not a node name"}, "join-token", "create", "--node", "No de", "--store", path)
	token := strings.TrimSpace(s.must("join-token", "create", "--node", "node-1", "--order", "order-7", "--store", path))
	if out := s.must("join-token", "list", "--store", path) + s.must("join-token", "list", "--store", path, "-o", "json"); strings.Contains(out, strings.Split(token, ".")[1]) || !strings.Contains(out, "order-7") {
		t.Errorf("the list of tokens:\n%s", out)
	}
	for _, name := range []string{path, path + "-wal"} {
		if data, err := os.ReadFile(name); err == nil && strings.Contains(string(data), strings.Split(token, ".")[1]) {
			t.Errorf("the token is in %s", name)
		}
	}
	s.fails(exitUsage, []string{"no server"}, "agent")
	s.fails(exitFailed, []string{"has not joined yet", "join-token create"}, "agent", "--server", found[1], "--state", filepath.Join(s.dir, "other"))

	ctx, cancel := context.WithCancel(t.Context())
	s.env["FORESCALE_JOIN_TOKEN"] = token
	ended := make(chan result, 1)
	go func() {
		ended <- s.runContext(ctx, "agent", "--server", found[1], "--state", filepath.Join(s.dir, "agent"), "--type", "small", "--label", "zone=a")
	}()
	eventually(t, 40*time.Second, func() error {
		select {
		case r := <-ended:
			ended <- r
			t.Fatalf("the agent ended with %d: %s%s", r.code, r.out, r.err)
		default:
		}
		for _, line := range strings.Split(s.must("agents", "list", "--store", path, "-o", "csv"), "\n")[1:] {
			if strings.HasPrefix(line, "node-1,small,") && !strings.HasSuffix(line, ",") {
				return nil
			}
		}
		return errors.New("node-1 has not reported yet")
	})
	cancel()
	if r := <-ended; r.code != exitOK || !strings.Contains(r.out, "reports for node node-1") || strings.Contains(r.out+r.err, token) {
		t.Errorf("%+v", r)
	}
	s.fails(exitFailed, []string{"used", "join-token create"}, "agent", "--server", found[1], "--state", filepath.Join(s.dir, "third"))
	if out := s.must("agents", "remove", "node-1", "--store", path); out != "Removed the agent of node-1.\n" {
		t.Error(out)
	}
	if out := s.must("agents", "list", "--store", path, "-o", "json"); strings.TrimSpace(out) != "[]" {
		t.Error(out)
	}
	s.fails(exitFailed, []string{"not found"}, "agents", "remove", "node-1", "--store", path)
	if r := server.stop(); strings.Contains(r.out+r.err, token) {
		t.Error("the token is in the server's log")
	}
}
