package planner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// rolled is a world in which a template is rolled out, stepped by the planner.
type rolled struct {
	s       State
	at      time.Time
	bad     map[string]bool // revisions whose instances never become ready
	warmup  time.Duration
	busy    float64
	most    int // instances at once so far
	reasons map[forescale.Code]bool
}

// rollOut has n instances of image "a" that serve, under a demand for them.
func rollOut(n int, busy float64) *rolled {
	w := &rolled{s: calm(), at: now, bad: map[string]bool{}, warmup: time.Minute, busy: busy, reasons: map[forescale.Code]bool{}}
	w.s.Service.Template.Image = "a"
	good := w.s.Service.Template
	w.s.Rollout = &forescale.Rollout{Revision: good.Revision(), State: forescale.RolloutDone, Good: &good, GoodRevision: good.Revision(), Since: now.Add(-time.Hour)}
	w.s.Instances, w.s.Forecasts, w.s.Last = ready(n), nil, last(n)
	for i := range w.s.Instances {
		w.s.Instances[i].Revision = good.Revision()
	}
	return w
}

// step decides once, carries it out, and lets an interval pass.
func (w *rolled) step() forescale.Decision {
	w.s.Demand = nil
	for m := w.at.Truncate(time.Minute).Add(-15 * time.Minute); m.Before(w.at.Truncate(time.Minute)); m = m.Add(time.Minute) {
		w.s.Demand = append(w.s.Demand, forescale.DemandPoint{Service: "checkout", Metric: forescale.MetricUtilization, Time: m, Value: w.busy, Reporting: 4, Ready: 4})
	}
	w.s.LastSample = w.at
	r := Decide(w.at, DefaultOptions(), w.s)
	d := r.Plan.Decision
	if r.Plan.Rollout != nil {
		w.s.Rollout = r.Plan.Rollout
	}
	for _, i := range r.Instances {
		if k := slices.IndexFunc(w.s.Instances, func(x forescale.Instance) bool { return x.ID == i.ID }); k >= 0 {
			w.s.Instances[k] = i
		} else {
			w.s.Instances = append(w.s.Instances, i)
		}
	}
	for _, x := range d.Reasons {
		w.reasons[x.Code] = true
	}
	w.most = max(w.most, len(w.live()))
	if len(d.Actions) > 0 {
		w.s.Recent = append([]forescale.Decision{d}, w.s.Recent...)
	}
	d.LastAt = w.at
	w.s.Last = &d
	w.at = w.at.Add(30 * time.Second)
	for k := range w.s.Instances {
		switch i := &w.s.Instances[k]; {
		case i.State == forescale.InstanceDraining && i.Failure == "":
			i.State, i.StoppedAt = forescale.InstanceStopped, w.at
		case i.State == forescale.InstanceDraining:
			i.State, i.StoppedAt = forescale.InstanceFailed, w.at
		case i.State == forescale.InstanceStarting && w.bad[i.Revision] && w.at.Sub(i.OrderedAt) >= w.warmup:
			i.State, i.DrainingAt, i.Failure = forescale.InstanceDraining, w.at, "ended while starting: exit code 1"
		case i.State == forescale.InstanceStarting && w.at.Sub(i.OrderedAt) >= w.warmup:
			i.State, i.ReadyAt = forescale.InstanceReady, w.at
		}
	}
	w.s.Instances = slices.DeleteFunc(w.s.Instances, func(i forescale.Instance) bool {
		return i.State == forescale.InstanceStopped || i.State == forescale.InstanceFailed && w.at.Sub(i.StoppedAt) > time.Hour
	})
	return d
}

func (w *rolled) live() (is []forescale.Instance) {
	for _, i := range w.s.Instances {
		if i.State.Live() {
			is = append(is, i)
		}
	}
	return is
}

func (w *rolled) ready() (n int) {
	for _, i := range w.s.Instances {
		if i.State == forescale.InstanceReady {
			n++
		}
	}
	return n
}

// of counts the live instances of a revision.
func (w *rolled) of(rev string) (n int) {
	for _, i := range w.live() {
		if i.Revision == rev {
			n++
		}
	}
	return n
}

func TestARollOutReplacesAllAndNeverServesWithFewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "instances")
		w := rollOut(n, 0.1)
		w.s.Service.Min, w.s.Service.Max = n, max(n, rapid.IntRange(n, n+4).Draw(t, "max"))
		w.s.Service.Rollout = forescale.RolloutRules{Surge: rapid.IntRange(0, 4).Draw(t, "surge"), Settle: time.Duration(rapid.IntRange(1, 300).Draw(t, "settle")) * time.Second}
		w.warmup = time.Duration(rapid.IntRange(0, 500).Draw(t, "warm-up")) * time.Second
		w.s.Service.Template.Image = "b"
		want := w.s.Service.Template.Revision()
		bad := rapid.Bool().Draw(t, "bad")
		w.bad[want] = bad
		if bad {
			want = w.s.Rollout.GoodRevision
		}
		end := forescale.RolloutDone
		if bad {
			end = forescale.RolloutBack
		}
		most := w.s.Service.Max + w.s.Service.Rollout.WithDefaults(n).Surge
		var steps int
		for ; steps < 3000; steps++ {
			w.step()
			if w.ready() < n {
				t.Fatalf("step %d: %d are ready, %d are wanted", steps, w.ready(), n)
			}
			if w.most > most {
				t.Fatalf("step %d: %d run, max and surge are %d", steps, w.most, most)
			}
			if w.s.Rollout.State == end && w.of(want) == len(w.live()) {
				break
			}
		}
		if steps == 3000 {
			t.Fatalf("it does not end: %+v, %d of %d", w.s.Rollout, w.of(want), len(w.live()))
		}
		if !w.reasons[forescale.CodeRolloutStep] || bad && !slices.Contains(codes(w.step()), forescale.CodeRolloutBack) {
			t.Fatalf("it is not said: %v", w.reasons)
		}
		for range 200 { // what ended stays so
			w.step()
			if w.s.Rollout.State != end || w.of(want) != len(w.live()) || w.ready() < n {
				t.Fatalf("afterwards: %+v, %d of %d", w.s.Rollout, w.of(want), len(w.live()))
			}
		}
	})
}

func TestStartsAreLearnedAnewForAnotherImage(t *testing.T) {
	s := checkout()
	s.Template.Image = "b"
	starts := func(image string, n int, took time.Duration) []forescale.Warmup {
		return slices.Repeat([]forescale.Warmup{{Image: image, Duration: took}}, n)
	}
	old := starts("a", 40, time.Minute)
	usual := LeadTime(now, s, old, nil, 0)
	if got := LeadTime(now, s, append(starts("b", 4, 20*time.Minute), old...), nil, 0); got > 2*usual {
		t.Errorf("four starts of the new image give %v, all others %v", got, usual)
	}
	if got, want := LeadTime(now, s, append(starts("b", 5, 20*time.Minute), old...), nil, 0), LeadTime(now, s, starts("b", 5, 20*time.Minute), nil, 0); got != want {
		t.Errorf("five starts of the new image give %v, want %v", got, want)
	}
}

func TestARollOut(t *testing.T) {
	const minute = 2 // steps
	run := func(w *rolled, steps int) {
		for range steps {
			w.step()
		}
	}
	change := func(w *rolled, image string) string {
		w.s.Service.Template.Image = image
		return w.s.Service.Template.Revision()
	}
	t.Run("demand that rises while the new template is in doubt is served by the last good one", func(t *testing.T) {
		w := rollOut(4, 2.6)
		good := w.s.Rollout.GoodRevision
		b := change(w, "b")
		w.bad[b] = true
		run(w, 1)
		w.busy = 4.2
		run(w, 3*minute)
		if w.of(good) < 6 {
			t.Errorf("%d of the last good template run, 6 are needed", w.of(good))
		}
	})
	t.Run("an old one that dies is no reason to count on a new one that starts", func(t *testing.T) {
		w := rollOut(4, 2.6)
		b := change(w, "b")
		run(w, 1)
		w.s.Instances[0].State, w.s.Instances[0].StoppedAt, w.s.Instances[0].Failure = forescale.InstanceFailed, w.at, "ended: exit code 1"
		d := w.step()
		if d.From != 3 || d.To != 4 || w.of(b) != 1 {
			t.Errorf("from %d to %d with %d new ones: %v", d.From, d.To, w.of(b), codes(d))
		}
	})
	t.Run("new ones that run much hotter are taken back", func(t *testing.T) {
		w := rollOut(4, 2.6)
		b := change(w, "b")
		run(w, 3*minute)
		w.s.Heat = &Heat{New: 81, Old: 50}
		run(w, 1)
		if w.s.Rollout.State != forescale.RolloutBack || w.s.Rollout.Why != "new instances run at 81 %, the old ones at 50 %" {
			t.Fatalf("%+v", w.s.Rollout)
		}
		w.s.Heat = nil
		run(w, 10*minute)
		if w.of(b) != 0 || w.ready() != 4 {
			t.Errorf("%d new ones are left, %d ready", w.of(b), w.ready())
		}
	})
	t.Run("a little hotter is not, nor is twice of nothing", func(t *testing.T) {
		for _, h := range []Heat{{New: 70, Old: 50}, {New: 8, Old: 1}} {
			w := rollOut(4, 2.6)
			change(w, "b")
			w.s.Heat = &h
			run(w, 30*minute)
			if w.s.Rollout.State != forescale.RolloutDone {
				t.Errorf("%+v: %+v", h, w.s.Rollout)
			}
		}
	})
	t.Run("a template that changes again after it went back is tried", func(t *testing.T) {
		w := rollOut(4, 2.6)
		w.bad[change(w, "b")] = true
		run(w, 60*minute)
		if w.s.Rollout.State != forescale.RolloutBack {
			t.Fatalf("%+v", w.s.Rollout)
		}
		c := change(w, "c")
		run(w, 40*minute)
		if w.s.Rollout.State != forescale.RolloutDone || w.of(c) != len(w.live()) {
			t.Errorf("%+v, %d of %d", w.s.Rollout, w.of(c), len(w.live()))
		}
	})
	t.Run("nothing is started that a budget does not pay for", func(t *testing.T) {
		w := rollOut(4, 2.6)
		b := change(w, "b")
		w.s.Money = &Money{Most: 4, Reason: forescale.Reason{Code: forescale.CodeBudgetCapped, Words: words{"budget": "all"}}}
		run(w, 20*minute)
		if w.of(b) != 0 || w.most != 4 {
			t.Errorf("%d new ones, %d at once", w.of(b), w.most)
		}
		if said := fmt.Sprint(w.step().Reasons); !strings.Contains(said, "budget:all") {
			t.Errorf("the budget is not told: %s", said)
		}
	})
	t.Run("while it only forecasts nothing is replaced", func(t *testing.T) {
		w := rollOut(4, 2.6)
		b := change(w, "b")
		w.s.Service.Mode = forescale.ModeForecastOnly
		run(w, 20*minute)
		if w.of(b) != 0 {
			t.Errorf("%d new ones", w.of(b))
		}
	})
	t.Run("a changed probe replaces nothing", func(t *testing.T) {
		w := rollOut(4, 2.6)
		w.s.Service.Template.Readiness = forescale.Probe{HTTP: "/other"}
		run(w, 20*minute)
		if w.reasons[forescale.CodeRolloutStep] || w.s.Rollout.State != forescale.RolloutDone {
			t.Errorf("%v, %+v", w.reasons, w.s.Rollout)
		}
	})
	t.Run("the first template has nothing to go back to", func(t *testing.T) {
		w := rollOut(4, 2.6)
		w.s.Rollout = nil
		w.s.Instances = nil
		w.s.Last = nil
		w.bad[w.s.Service.Template.Revision()] = true
		run(w, 60*minute)
		if w.s.Rollout.State != forescale.RolloutRolling || !w.reasons[forescale.CodeStartFailing] {
			t.Errorf("%+v, %v", w.s.Rollout, fmt.Sprint(w.reasons))
		}
		ok := change(w, "b")
		run(w, 20*minute)
		if w.of(ok) == 0 || w.of(ok) != len(w.live()) || w.s.Rollout.GoodRevision != ok {
			t.Errorf("mended: %+v, %d of %d", w.s.Rollout, w.of(ok), len(w.live()))
		}
	})
}
