package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// residentLimit is what an idle server with ten services may hold, in KiB.
const residentLimit = 60 << 10

// The server runs as a process of its own, built as it is shipped: the test's own
// process holds the test's memory too.
func TestIdleServerStaysSmall(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds the program and reads /proc")
	}
	bin := demoProgram(t)
	s := newShell(t)
	var config strings.Builder
	config.WriteString("planning: {collect: 1s, interval: 1s}\nservices:\n")
	for i := range 10 {
		fmt.Fprintf(&config, "  service-%d: {max_instances: 20}\n", i)
	}
	cmd := exec.Command(bin, "serve", "--docker", "off", "--listen", "127.0.0.1:0", "--store", filepath.Join(s.dir, "x.db"), "--config", s.file("f.yaml", config.String()))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve ends with %v", err)
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "listens on ")
	if err != nil || !ok {
		t.Fatalf("it said %q, %v", line, err)
	}
	server := &running{t: t, url: url}
	start := time.Now().UTC().Add(-time.Hour)
	for minute := range 60 {
		var rows []map[string]any
		for i := range 10 {
			for k := range 3 {
				rows = append(rows, map[string]any{"service": fmt.Sprintf("service-%d", i), "instance": fmt.Sprintf("service-%d-%d", i, k),
					"time": start.Add(time.Duration(minute) * time.Minute), "utilization": 40 + k})
			}
		}
		server.push(rows)
	}
	s.env["FORESCALE_SERVER"] = url
	eventually(t, 30*time.Second, func() error {
		if out := s.must("services", "-o", "csv"); strings.Count(out, ",3,0,0,") != 10 {
			return fmt.Errorf("not all instances are known yet:\n%s", out)
		}
		return nil
	})
	got := resident(t, cmd.Process.Pid)
	t.Logf("%d MiB resident with 10 services", got>>10)
	if got > residentLimit {
		t.Errorf("%d KiB resident, at most %d are allowed", got, residentLimit)
	}
}

// resident is the memory that a process holds, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the kernel does not tell")
	return 0
}
