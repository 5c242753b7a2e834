package loop_test

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestAnInstanceThatIsNotAliveIsReplacedOnTheEngine(t *testing.T) { // alone, and rounds come more often than probes: it counts failures
	for _, c := range []struct {
		name  string
		probe forescale.Probe
		of    string
		why   string
	}{
		{"by an answer", forescale.Probe{HTTP: "/live", Period: 30 * time.Second, Failures: 2}, "live", "its liveness probe (GET /live) failed 2 times: it answers 500"},
		{"by a command", forescale.Probe{Command: []string{"/svc", "health"}, Period: 30 * time.Second, Timeout: 5 * time.Second, Failures: 2}, "ready", "its liveness probe (/svc health) failed 2 times: the command ends with exit code 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := onEngine(t, "alive", func(s *forescale.Service) {
				s.Template.Liveness = c.probe
				if c.of == "ready" {
					s.Template.Readiness = forescale.Probe{TCP: true}
				}
			})
			var sick forescale.Instance
			b.until("two serve", func(_ forescale.Decision, is []forescale.Instance) bool {
				ready := serving(is)
				if len(ready) == 2 {
					sick = ready[0]
				}
				return len(ready) == 2
			})
			b.tell(sick, c.of, "500")
			b.until("another has taken its place", func(_ forescale.Decision, is []forescale.Instance) bool {
				return len(serving(is)) == 2 && find(is, sick.ID).State == forescale.InstanceFailed
			})
			is, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: b.svc.Name})
			b.must(err)
			if got := find(is, sick.ID).Failure; got != c.why {
				t.Errorf("it failed as %q, want %q", got, c.why)
			}
		})
	}
}

func TestAnInstanceThatTakesNoLoadIsNoSupplyOnTheEngine(t *testing.T) {
	t.Parallel()
	b := onEngine(t, "unready", func(s *forescale.Service) {
		s.Template.Liveness = forescale.Probe{TCP: true, Period: time.Second}
	})
	var one forescale.Instance
	b.until("two serve", func(_ forescale.Decision, is []forescale.Instance) bool {
		ready := serving(is)
		if len(ready) == 2 {
			one = ready[0]
		}
		return len(ready) == 2
	})
	b.tell(one, "ready", "503")
	b.until("another joins, and the one stays", func(_ forescale.Decision, is []forescale.Instance) bool {
		x := find(is, one.ID)
		return x.State == forescale.InstanceReady && !x.UnreadySince.IsZero() && len(serving(is)) == 2
	})
	b.tell(one, "ready", "200")
	b.until("it serves again", func(_ forescale.Decision, is []forescale.Instance) bool {
		x := find(is, one.ID)
		return x.State == forescale.InstanceReady && x.UnreadySince.IsZero()
	})
}

func TestACrashLoopOnTheEngineIsSaid(t *testing.T) {
	t.Parallel()
	b := onEngine(t, "crash", func(s *forescale.Service) { s.Template.Env = map[string]string{"EXIT_AFTER": "2s"} })
	var starts int
	b.until("the crash loop is said", func(d forescale.Decision, is []forescale.Instance) bool {
		starts = len(is)
		return says(d, forescale.CodeCrashLoop)
	})
	at := b.clock.Now()
	b.until("it goes on slowly", func(d forescale.Decision, is []forescale.Instance) bool {
		if !says(d, forescale.CodeCrashLoop) {
			t.Fatalf("it is not said any more: %v", d.Reasons)
		}
		if live := len(is) - starts; live > 6 {
			t.Fatalf("%d more starts", live)
		}
		return b.clock.Now().Sub(at) > 3*time.Minute
	})
	ds, err := b.store.LatestDecisions(t.Context())
	b.must(err)
	if text := ds[0].Sentence(time.UTC); len(ds[0].Alerts()) == 0 || !strings.Contains(text, "exit code 7") && ds[0].Code() == forescale.CodeCrashLoop {
		t.Errorf("alerts %v, sentence %q", ds[0].Alerts(), text)
	}
}
