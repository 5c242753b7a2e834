package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale/internal/demo"
	"github.com/forescale/forescale/internal/dockertest"
)

func TestDemoRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"demo", "--docker", "maybe"}, {"demo", "--day", "1s"}, {"demo", "--days", "-1"}, {"demo", "extra"},
		{"demo", "--nodes", "--docker", "off"}, {"demo", "--nodes", "--day", "4m"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs, func(string) (string, bool) { return "", false }); code != exitUsage {
			t.Errorf("%v ends with %d: %s", args, code, errs.String())
		}
	}
}

// A simulated day with the whole server: store on disk, API, loop.
func TestDemoPlaysADayInTheSimulatedWorld(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	args := []string{"demo", "--docker", "off", "--days", "1", "--day", "15s"}
	began := time.Now()
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs, os.LookupEnv); code != exitOK {
		t.Fatalf("ends with %d: %s\n%s", code, errs.String(), out.String())
	}
	t.Logf("%s\nin %v", out.String(), time.Since(began).Round(time.Millisecond))
	for _, want := range []string{"simulated, as asked for", "http://127.0.0.1:", "forescale ", "Kubernetes HPA at 70 %", "No promise was broken"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
}

// demoProgram builds the program once, static, as it has to run in a container.
func demoProgram(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "forescale")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// demoProcess is a demonstration in a process of its own.
type demoProcess struct {
	cmd   *exec.Cmd
	lines chan string
}

func startDemo(t *testing.T, bin, tmp string, args ...string) *demoProcess {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"demo"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &demoProcess{cmd: cmd, lines: make(chan string, 10_000)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return p
}

// until reads lines until one contains what.
func (p *demoProcess) until(t *testing.T, within time.Duration, what string) string {
	t.Helper()
	end := time.After(within)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended before it said %q", what)
			}
			t.Log(line)
			if strings.Contains(line, " failed ") && !strings.HasPrefix(line, "Really sent") {
				t.Errorf("an instance was lost: %s", line)
			}
			if strings.Contains(line, what) {
				return line
			}
		case <-end:
			t.Fatalf("it did not say %q within %v", what, within)
		}
	}
}

// leftovers is what carries the demonstration's label and this process's id.
func leftovers(t *testing.T, pid int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e, err := demo.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	containers, images, err := e.Labelled(ctx, demo.Label)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, things := range []map[string]string{containers, images} {
		for id, owner := range things {
			if strings.HasPrefix(owner, fmt.Sprintf("%d-", pid)) {
				left = append(left, id[:12])
			}
		}
	}
	return left
}

// A real engine, real containers and real requests: it scales up ahead of the
// morning, ends by Ctrl-C with the table, and leaves nothing. Then the same,
// killed: what it left is removed by the next one.
func TestDemoWithARealEngineLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	dockertest.Engine(t)
	bin, tmp := demoProgram(t), t.TempDir()

	p := startDemo(t, bin, tmp, "--docker", "required", "--day", "2m30s")
	p.until(t, 20*time.Second, "a Docker Engine")
	url := strings.TrimSpace(strings.TrimPrefix(p.until(t, 20*time.Second, "http://"), "  page"))
	p.until(t, 60*time.Second, "the demand of Mondays rises")
	dockertest.Until(t, 30*time.Second, "two instances are ready", func() bool { return readyInstances(url) >= 2 })
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.until(t, 30*time.Second, "Kubernetes HPA at 70 %")
	p.until(t, 10*time.Second, "Really sent:")
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C is no failure: %v", err)
	}
	if left := leftovers(t, p.cmd.Process.Pid); len(left) > 0 {
		t.Errorf("left in the engine: %v", left)
	}

	killed := startDemo(t, bin, tmp, "--docker", "required", "--day", "2m30s")
	url = strings.TrimSpace(strings.TrimPrefix(killed.until(t, 20*time.Second, "http://"), "  page"))
	dockertest.Until(t, 30*time.Second, "an instance is ready", func() bool { return readyInstances(url) >= 1 })
	_ = killed.cmd.Process.Kill()
	_ = killed.cmd.Wait()
	if left := leftovers(t, killed.cmd.Process.Pid); len(left) < 2 {
		t.Fatalf("a killed one left %v, want a container and an image: the test tests nothing", left)
	}
	next := startDemo(t, bin, tmp, "--docker", "required", "--day", "2m30s")
	next.until(t, 30*time.Second, "a killed demonstration had left")
	next.until(t, 30*time.Second, "http://")
	if err := next.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := next.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM is no failure: %v", err)
	}
	for _, pid := range []int{killed.cmd.Process.Pid, next.cmd.Process.Pid} {
		if left := leftovers(t, pid); len(left) > 0 {
			t.Errorf("left in the engine: %v", left)
		}
	}
	if dirs, _ := filepath.Glob(filepath.Join(tmp, "forescale-demo-*")); len(dirs) > 0 {
		t.Errorf("left on disk: %v", dirs)
	}
}

func readyInstances(url string) int {
	resp, err := http.Get(url + "/v1/instances?service=shop&state=ready")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var list struct{ Items []struct{ ID string } }
	if json.NewDecoder(resp.Body).Decode(&list) != nil {
		return 0
	}
	return len(list.Items)
}
