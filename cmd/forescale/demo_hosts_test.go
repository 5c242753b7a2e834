package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale/deploy/providers"
	"github.com/forescale/forescale/internal/dockertest"
)

// demoHosts are the folders of hosts that a demonstration of this process id has.
func demoHosts(t *testing.T, pid int) []string {
	t.Helper()
	dirs, err := filepath.Glob(fmt.Sprintf("/run/forescale-hosts-%d-*", pid))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// networkOf is the number at the end of a folder of hosts.
func networkOf(t *testing.T, dir string) int {
	t.Helper()
	n, err := strconv.Atoi(dir[strings.LastIndex(dir, "-")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// endDemoHosts ends what demonstrations left that did not end by themselves.
func endDemoHosts(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		for _, dir := range demoHosts(t, pid) {
			h := providers.Hosts{Script: provider(t, "local-host"), Dir: dir, Network: networkOf(t, dir)}
			if err := h.End(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDemoWithHostsIsRefusedWhereThereCanBeNone(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--nodes"}, strings.NewReader(""), &out, &errs, os.LookupEnv); code != exitFailed {
		t.Errorf("ends with %d", code)
	}
	for _, want := range []string{"error[hosts_impossible]", "without ", "unshare", "help: on Linux, install dockerd", "nothing was made"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("the error lacks %q: %s", want, errs.String())
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 || out.Len() > 0 || len(demoHosts(t, os.Getpid())) > 0 {
		t.Errorf("it made %v and said %q before it refused", left, out.String())
	}
}

func TestAnAgentRefusesAClockThatIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"soon", "2026-03-02T05:30:00Z now 60", "2026-03-02T05:30:00Z 2026-03-02T05:30:00Z -1"} {
		var errs bytes.Buffer
		env := func(name string) (string, bool) { return text, name == "FORESCALE_DEMO_CLOCK" }
		code := run(t.Context(), []string{"agent", "--server", "https://127.0.0.1:1", "--state", t.TempDir()}, strings.NewReader(""), &errs, &errs, env)
		if code != exitUsage || !strings.Contains(errs.String(), "FORESCALE_DEMO_CLOCK") {
			t.Errorf("with %q it ends with %d: %s", text, code, errs.String())
		}
	}
}

// Real hosts: what a killed demonstration left goes with the next one, which orders a host
// ahead of the morning, sees it ready, and ends by Ctrl-C with the table. It leaves nothing.
func TestDemoOrdersHostsAheadOfTheMorning(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	dockertest.NeedHosts(t)
	bin, tmp := demoProgram(t), t.TempDir()
	var pids []int
	t.Cleanup(func() { endDemoHosts(t, pids) }) // of a test that failed

	killed := startDemo(t, bin, tmp, "--nodes")
	pids = append(pids, killed.cmd.Process.Pid)
	killed.until(t, 30*time.Second, "http://")
	dockertest.Until(t, 20*time.Second, "the protected host runs", func() bool {
		left, _ := filepath.Glob(fmt.Sprintf("/run/forescale-hosts-%d-*/rack/pid", killed.cmd.Process.Pid))
		return len(left) == 1
	})
	_ = killed.cmd.Process.Kill()
	_ = killed.cmd.Wait()

	p := startDemo(t, bin, tmp, "--nodes")
	pids = append(pids, p.cmd.Process.Pid)
	p.until(t, 30*time.Second, "1 hosts that a killed demonstration had left")
	p.until(t, 30*time.Second, "rack is protected, up to 3 more")
	made := demoHosts(t, p.cmd.Process.Pid)
	if len(made) != 1 {
		t.Fatalf("it has its hosts in %v", made)
	}
	link := fmt.Sprintf("fshost%d", networkOf(t, made[0]))
	if _, err := net.InterfaceByName(link); err != nil {
		t.Errorf("the network of its hosts: %v", err)
	}
	ordered := strings.Fields(p.until(t, 90*time.Second, " is ordered. "))
	host := ordered[2]
	p.until(t, 60*time.Second, host+" is ready.")
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.until(t, 30*time.Second, "hosts ordered ahead of the load")
	p.until(t, time.Second, "rack              protected: it stays")
	if row := strings.Fields(p.until(t, time.Second, host+"  ")); len(row) < 5 || row[3] == "-" {
		t.Errorf("the row of the host that is ready: %v", row)
	}
	p.until(t, time.Second, "of them for want of a ready host")
	p.until(t, time.Second, "of the month's 100.00")
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C is no failure: %v", err)
	}
	for _, pid := range pids {
		if left := append(leftovers(t, pid), demoHosts(t, pid)...); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	if _, err := net.InterfaceByName(link); err == nil {
		t.Errorf("the network %s is left", link)
	}
	if dirs, _ := filepath.Glob(filepath.Join(tmp, "forescale-demo-*")); len(dirs) > 0 {
		t.Errorf("left on disk: %v", dirs)
	}
}
