package actuator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
)

// The child process of the crash tests is this test binary again, told by its
// environment what to do and after which step to die.
const (
	crashAt   = "FORESCALE_TEST_CRASH" // "start create": in Start, after the step create
	crashWork = "FORESCALE_TEST_WORK"  // the service and the instance, as JSON
)

type work struct {
	Service  forescale.Service
	Instance forescale.Instance
}

// crashChild carries out one effect and kills its own process after a step.
func crashChild() int {
	effect, at, _ := strings.Cut(os.Getenv(crashAt), " ")
	var w work
	if err := json.Unmarshal([]byte(os.Getenv(crashWork)), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	d, err := NewDocker(DockerOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	d.step = func(name string) {
		if name == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	do := d.Start
	if effect == "stop" {
		do = d.Stop
	}
	if err := do(context.Background(), w.Service, w.Instance); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process runs one effect in a process of its own that dies after the step at,
// or not at all if that is "".
func (b *bench) process(effect, at string) {
	b.Helper()
	content, err := json.Marshal(work{b.service, b.instance})
	b.must(err)
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashAt+"="+effect+" "+at, crashWork+"="+string(content))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	switch {
	case at == "" && err != nil:
		b.Fatalf("%s failed: %v\n%s", effect, err, out)
	case at != "" && !killed:
		b.Fatalf("%s did not die after step %q: %v\n%s", effect, at, err, out)
	}
}

// The world's own record decides: whatever the step after which the process is
// killed, and how often, there was one create, one start and one end.
func TestKilledBetweenAnyTwoStepsEndsInTheSameWorld(t *testing.T) {
	for _, c := range []struct {
		name        string
		start, stop []string // steps to die after, one attempt each
	}{
		{"nothing goes wrong", nil, nil},
		{"start dies before it creates", []string{"inspect"}, nil},
		{"start dies between create and start", []string{"create"}, nil},
		{"start dies after the start", []string{"start"}, nil},
		{"start dies again and again", []string{"inspect", "create", "inspect", "inspect", "start", "inspect"}, nil},
		{"stop dies before it stops", nil, []string{"inspect"}},
		{"stop dies between stop and remove", nil, []string{"stop"}},
		{"stop dies after the remove", nil, []string{"remove"}},
		{"stop dies again and again", nil, []string{"inspect", "inspect", "stop", "inspect", "remove"}},
		{"a half start is stopped", []string{"create"}, []string{"remove"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, DockerOptions{})
			for _, at := range c.start {
				b.process("start", at)
			}
			half := len(c.start) > 0 && len(c.stop) > 0
			if !half {
				b.process("start", "")
				if !b.inspect(b.instance.ID).State.Running {
					t.Fatal("it does not run")
				}
			}
			b.onlyOne(1)
			for _, at := range c.stop {
				b.process("stop", at)
			}
			b.process("stop", "")
			b.onlyOne(0)
			want := map[string]int{"create": 1, "start": 1, "destroy": 1}
			if half {
				want["start"] = 0
			}
			got := b.effects()
			for effect, n := range want {
				if got[effect] != n {
					t.Errorf("the engine recorded %d times %s, want %d (all: %v)", got[effect], effect, n, got)
				}
			}
		})
	}
}

// onlyOne checks how many containers of the service the engine has.
func (b *bench) onlyOne(n int) {
	b.Helper()
	if got := b.count(); got != n {
		b.Fatalf("the engine has %d containers of the service, want %d", got, n)
	}
}

// An answer that is lost, late or cut off leaves it unknown whether the engine
// did it. Repeating converges all the same.
func TestLostAnswersConverge(t *testing.T) {
	engine := func(method, suffix string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == method && strings.HasSuffix(r.URL.Path, suffix) }
	}
	calls := []struct {
		name  string
		match func(*http.Request) bool
	}{
		{"create", engine("POST", "/containers/create")},
		{"start", engine("POST", "/start")},
		{"inspect", engine("GET", "/json")},
		{"stop", engine("POST", "/stop")},
		{"remove", func(r *http.Request) bool { return r.Method == "DELETE" }},
	}
	for name, trouble := range map[string]dockertest.Trouble{
		"is swallowed": dockertest.Swallow, "is cut": dockertest.Cut, "never reaches the engine": dockertest.Refuse,
		"hangs": dockertest.Hang, "is late but in time": dockertest.Delay,
	} {
		for _, call := range calls {
			t.Run(call.name+" "+name, func(t *testing.T) {
				t.Parallel()
				proxy := dockertest.NewProxy(t)
				b := setup(t, DockerOptions{Host: proxy.Host, Timeout: 2 * time.Second, Grace: time.Second})
				b.must(b.docker.gate.Pass(t.Context(), b.docker.cli))
				left := 1 // the first of these calls meets trouble
				if trouble == dockertest.Cut || trouble == dockertest.Refuse {
					left = 2 // those that take no time: the repeated one too
				}
				var mu sync.Mutex
				proxy.Trouble(func(r *http.Request) dockertest.Trouble {
					mu.Lock()
					defer mu.Unlock()
					if left > 0 && call.match(r) {
						left--
						return trouble
					}
					return dockertest.None
				})
				b.repeat(b.start)
				if !b.inspect(b.instance.ID).State.Running {
					t.Fatal("it does not run")
				}
				b.onlyOne(1)
				b.repeat(b.stop)
				b.onlyOne(0)
				if got := b.effects(); got["create"] != 1 || got["start"] != 1 || got["destroy"] != 1 {
					t.Errorf("the engine recorded %v, want one create, one start, one destroy", got)
				}
			})
		}
	}
}

// repeat does what the loop does: again, until it works.
func (b *bench) repeat(do func() error) {
	b.Helper()
	for range 6 {
		err := do()
		if err == nil {
			return
		}
		if c := code(err); c != "engine_timeout" && c != "engine_unreachable" {
			b.Fatalf("unexpected error: %v", err)
		}
	}
	b.Fatal("it does not converge")
}
