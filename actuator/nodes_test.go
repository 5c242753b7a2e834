//go:build unix

package actuator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

var small = forescale.NodeType{Name: "small", Cores: 2, Memory: 4 << 30}

// withCommands are nodes of type small by these commands.
func withCommands(t *testing.T, c NodeCommands) *Nodes {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	n := &Nodes{Token: func(_ context.Context, node string) (string, error) { return "fsj_" + node + ".secret.pin", nil }}
	n.Set(map[string]NodeCommands{"small": c})
	return n
}

// program writes a script to run.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func stop(text ...string) []string { return append([]string{"true", "{node}"}, text...) }

func fault(t *testing.T, err error, code, what string) {
	t.Helper()
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.What, what) || f.Help == "" {
		t.Errorf("got %v, want %s that says %q and helps", err, code, what)
	}
}

func TestACommandGetsItsArgumentsAsTheyAreAndNoShellSeesThem(t *testing.T) {
	p := program(t, `for a in "$@"; do printf '<%s>' "$a"; done; cat "$7"; printf ' [%s|%s|%s]' "$FORESCALE_NODE" "$FORESCALE_JOIN_TOKEN" "${SECRET_OF_THE_SERVER-unset}"; echo " $HANDED_ON"; stat -c %a "$7"`)
	t.Setenv("SECRET_OF_THE_SERVER", "x")
	t.Setenv("HANDED_ON", "handed on")
	n := withCommands(t, NodeCommands{Start: []string{p, "$(reboot)", "a b; c", "--name={node}", "{{x}}", "{type}/{cores}/{memory}", "{server}", "{token_file}"}, Stop: stop(),
		Env: []string{"HANDED_ON"}, Server: "https://forescale.example:8481"})
	run, err := n.Start(t.Context(), small, "small-1")
	if err != nil {
		t.Fatal(err, run)
	}
	want := "<$(reboot)><a b; c><--name=small-1><{x}><small/2/4294967296><https://forescale.example:8481>"
	if !strings.HasPrefix(run.Output, want) || run.Exit != 0 || run.Kind != "start" {
		t.Errorf("it was run as %+v", run)
	}
	// What holds the token reaches the command and is not kept.
	if !strings.Contains(run.Output, ">***\n [small-1|***|unset] handed on\n600") || strings.Contains(run.Output, "secret") {
		t.Errorf("token and environment: %q", run.Output)
	}
	file := run.Output[len(want)+1 : strings.Index(run.Output, ">***")]
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the token is left at %s: %v", file, err)
	}
}

func TestACommandThatFailsTellsItsExitCodeAndItsEnd(t *testing.T) {
	n := withCommands(t, NodeCommands{Start: []string{program(t, "echo first; echo quota exceeded >&2; exit 7"), "{node}"}, Stop: stop()})
	run, err := n.Start(t.Context(), small, "small-1")
	fault(t, err, "node_command_failed", "exit code 7")
	if run.Exit != 7 || run.Output != "first\nquota exceeded\n" {
		t.Errorf("kept is %+v", run)
	}
	n = withCommands(t, NodeCommands{Start: []string{"/nowhere/program", "{node}"}, Stop: stop()})
	run, err = n.Start(t.Context(), small, "small-1")
	fault(t, err, "node_command_failed", "could not be run")
	if run.Exit != -1 {
		t.Errorf("exit %d of what did not run", run.Exit)
	}
}

func TestACommandThatPrintsMegabytesIsKeptByItsEnd(t *testing.T) {
	n := withCommands(t, NodeCommands{Start: []string{program(t, `echo "$FORESCALE_JOIN_TOKEN"; head -c 30000000 /dev/zero | tr '\0' x; for i in 1 2 3 4 5 6 7 8 9; do echo "$FORESCALE_JOIN_TOKEN"; done; echo the end`), "{node}"}, Stop: stop()})
	run, err := n.Start(t.Context(), small, "small-1")
	if err != nil || len(run.Output) > mostOutput+len("…") || !strings.HasPrefix(run.Output, "…") || !strings.HasSuffix(run.Output, "***\nthe end\n") || strings.Contains(run.Output, "secret") {
		t.Errorf("%v, %d bytes, ends %q", err, len(run.Output), run.Output[max(0, len(run.Output)-60):])
	}
}

// No part of a secret that is cut through is shown, wherever the cut is.
func TestACutSecretIsNotShown(t *testing.T) {
	const secret = "abcdefghij"
	for shift := range 40 {
		k := &tail{most: 20 + len(secret), secret: secret}
		fmt.Fprint(k, secret, strings.Repeat("-", shift), secret, strings.Repeat(".", 15))
		if s := k.String(); strings.ContainsAny(s, secret) {
			t.Errorf("shifted by %d it is %q", shift, s)
		}
	}
}

func TestACommandThatHangsIsKilledWithAllThatItStarted(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	n := withCommands(t, NodeCommands{Start: []string{program(t, "sleep 1000 & echo $! > "+pids+"; echo waiting; sleep 1000"), "{node}"}, Stop: stop(), Time: time.Second})
	run, err := n.Start(t.Context(), small, "small-1")
	fault(t, err, "node_command_failed", "did not end within")
	if run.Output != "waiting\n" || run.Exit != -1 {
		t.Errorf("kept is %+v", run)
	}
	data, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the child %d lives on", pid)
		}
	}
}

func TestACommandMayLeaveAProcessBehind(t *testing.T) {
	n := withCommands(t, NodeCommands{Start: []string{program(t, "sleep 5 & echo started"), "{node}"}, Stop: stop()})
	if run, err := n.Start(t.Context(), small, "small-1"); err != nil || run.Exit != 0 || run.Output != "started\n" {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestAListIsOneNameALineOrNothing(t *testing.T) {
	list := func(text string) ([]string, error) {
		return withCommands(t, NodeCommands{Start: []string{"true", "{node}"}, Stop: stop(), List: []string{program(t, text), "{type}"}}).List(t.Context(), small)
	}
	names, err := list("echo 'small-2 running'; echo; echo small-1; echo small-1; echo warning >&2")
	if err != nil || !slices.Equal(names, []string{"small-1", "small-2"}) {
		t.Errorf("%v, %v", names, err)
	}
	if names, err := list(":"); err != nil || len(names) != 0 {
		t.Errorf("no nodes are %v, %v", names, err)
	}
	_, err = list("echo small-1; echo 'Error: throttled'")
	fault(t, err, "node_command_failed", "not the name of a node")
	_, err = list("echo small-1; exit 3")
	fault(t, err, "node_command_failed", "exit code 3")
	_, err = list("yes small-1 | head -c 2000000")
	fault(t, err, "node_command_failed", "more than 1048576 bytes")
}

func TestCommandsAreCheckedBeforeTheyAreRun(t *testing.T) {
	good := NodeCommands{Start: []string{"cloud", "create", "{node}"}, Stop: []string{"cloud", "delete", "{node}"}}
	for _, c := range []struct {
		name        string
		change      func(*NodeCommands)
		where, what string
	}{
		{"an unknown placeholder", func(c *NodeCommands) { c.Start = append(c.Start, "{name}") }, "start", "{name} is no placeholder of start"},
		{"one of another command", func(c *NodeCommands) { c.Stop = append(c.Stop, "{token_file}") }, "stop", "{token_file} is no placeholder of stop"},
		{"the token as an argument", func(c *NodeCommands) { c.Start = append(c.Start, "--token={token}") }, "start", "would show a secret"},
		{"a brace that is not closed", func(c *NodeCommands) { c.Start = append(c.Start, "{node") }, "start", "not closed"},
		{"a brace that was not opened", func(c *NodeCommands) { c.Start = append(c.Start, "node}") }, "start", "not opened"},
		{"a program from a placeholder", func(c *NodeCommands) { c.Start = []string{"{node}"} }, "start", "the program of start has a placeholder"},
		{"no program", func(c *NodeCommands) { c.Start[0] = "" }, "start", "names no program"},
		{"a line break", func(c *NodeCommands) { c.Start = append(c.Start, "a\nb") }, "start", "line break"},
		{"a start that names no node", func(c *NodeCommands) { c.Start = []string{"cloud", "create"} }, "start", "does not say which node"},
		{"no stop", func(c *NodeCommands) { c.Stop = nil }, "start", "there is no stop command"},
		{"no start", func(c *NodeCommands) { c.Start = nil }, "stop", "there is no start command"},
		{"a server that is not told", func(c *NodeCommands) { c.Start = append(c.Start, "{server}") }, "start", "{server} stands for nothing"},
		{"a server without TLS", func(c *NodeCommands) { c.Server = "http://x" }, "server", "is not where agents reach the server"},
		{"a variable of our own", func(c *NodeCommands) { c.Env = []string{"FORESCALE_KEY"} }, "env", "cannot be handed on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := NodeCommands{Start: slices.Clone(good.Start), Stop: slices.Clone(good.Stop)}
			c.change(&bad)
			var fs forescale.Faults
			if !errors.As(bad.Validate(), &fs) || fs[0].Where != c.where || !strings.Contains(fs[0].What, c.what) || fs[0].Help == "" {
				t.Errorf("got %v, want %s: %s", fs, c.where, c.what)
			}
		})
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestNoValueBecomesAnOptionOrASecondLine(t *testing.T) {
	for _, v := range []string{"", "-rf", "--user-data=x", "a\nb", "a b", "a\x00", "ä", strings.Repeat("x", mostValue+1)} {
		if out, err := fill([]string{"p", "{node}"}, map[string]string{"node": v}); err == nil {
			t.Errorf("%.20q became %q", v, out)
		}
	}
	out, err := fill([]string{"p", "--name={node}"}, map[string]string{"node": "-1"}) // inside an argument it is no option
	if err != nil || out[1] != "--name=-1" {
		t.Errorf("%q, %v", out, err)
	}
}
