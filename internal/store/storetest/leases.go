package storetest

import (
	"errors"
	"time"

	"github.com/forescale/forescale"
)

// take takes the lead, which must work.
func (f *fixture) take(holder string, lasts time.Duration) forescale.Term {
	f.Helper()
	t, won, err := f.TakeLead(f.ctx, holder, lasts)
	f.ok(err)
	if !won || t.Holder != holder || t.Held() != (lasts > 0) || t.Until.Before(t.Since) {
		f.Fatalf("%s did not get the lead: %+v", holder, t)
	}
	return t
}

// takeWhenFree takes the lead as soon as it can be had.
func (f *fixture) takeWhenFree(holder string) forescale.Term {
	f.Helper()
	for {
		t, won, err := f.TakeLead(f.ctx, holder, time.Hour)
		f.ok(err)
		if won {
			return t
		}
	}
}

func (f *fixture) fenced(what string, err error) {
	f.Helper()
	var fault *forescale.Fault
	if !errors.Is(err, forescale.ErrFenced) || !errors.As(err, &fault) || fault.Code != "fenced" {
		f.Errorf("%s: %v, want ErrFenced in a fault", what, err)
	}
}

// leaderWrites is all that only a leader writes.
var leaderWrites = map[string]func(f *fixture, fence int64) error{
	"RecordPlan": func(f *fixture, fence int64) error {
		return f.Under(fence).RecordPlan(f.ctx, planOf(decide("a", 7, forescale.CodeReactiveHigh, start("a-7"))),
			[]forescale.Instance{{ID: "a-7", Service: "a", State: forescale.InstanceStarting, OrderedAt: at(7)}})
	},
	"FinishDecision": func(f *fixture, fence int64) error {
		return f.Under(fence).FinishDecision(f.ctx, decide("a", 0, "").ID, at(9), forescale.OutcomeDone, "")
	},
	"SaveInstances": func(f *fixture, fence int64) error {
		return f.Under(fence).SaveInstances(f.ctx, []forescale.Instance{{ID: "a-8", Service: "a", State: forescale.InstanceReady, OrderedAt: at(8)}})
	},
	"SaveWarmup": func(f *fixture, fence int64) error { return f.Under(fence).SaveWarmup(f.ctx, warmup("a", "a-9", 9)) },
	"SaveCooldown": func(f *fixture, fence int64) error {
		return f.Under(fence).SaveCooldown(f.ctx, warmup("a", "a-9", 9))
	},
	"SaveDemand": func(f *fixture, fence int64) error {
		return f.Under(fence).SaveDemand(f.ctx, []forescale.Cell{cell("a", 0)}, []forescale.DemandPoint{point("a", util, 0, 9)})
	},
	"SaveNodeLives": func(f *fixture, fence int64) error {
		return f.Under(fence).SaveNodeLives(f.ctx, []forescale.NodeLife{nodeLife("t-9", 9)})
	},
	"PutNode": func(f *fixture, fence int64) error {
		return f.Under(fence).PutNode(f.ctx, forescale.Node{Name: "m", UpdatedAt: at(9)})
	},
}

var leaseCases = []testCase{
	{"before the first term nobody leads", func(f *fixture) {
		t := must[forescale.Term](f)(f.Lead(f.ctx))
		if t.Scope == "" {
			f.Error("the store has no short id")
		}
		f.equal(t, forescale.Term{Scope: t.Scope})
	}},
	{"one leads at a time, also before itself", func(f *fixture) {
		first := f.take("a", time.Hour)
		for _, holder := range []string{"b", "a"} {
			t, won, err := f.TakeLead(f.ctx, holder, time.Hour)
			f.ok(err)
			if won || t.Fence != first.Fence || t.Holder != "a" || !t.Held() {
				f.Errorf("%s asks for the lead: won %v, %+v", holder, won, t)
			}
		}
		lead := must[forescale.Term](f)(f.Lead(f.ctx))
		if first.Left, lead.Left = 0, 0; first != lead {
			f.Errorf("taken %+v, read back %+v", first, lead)
		}
	}},
	{"each take-over has a higher fence, also after resigning and running out", func(f *fixture) {
		one := f.take("a", time.Hour)
		f.ok(f.Resign(f.ctx, one.Fence))
		two := f.take("b", time.Millisecond)
		three := f.takeWhenFree("a")
		f.equal([]int64{two.Fence, three.Fence}, []int64{one.Fence + 1, one.Fence + 2})
		if three.Since.Before(two.Until) {
			f.Errorf("taken over at %v, before its end at %v", three.Since, two.Until)
		}
		f.reopen()
		f.ok(f.Resign(f.ctx, three.Fence))
		f.equal(f.take("c", time.Hour).Fence, three.Fence+1)
	}},
	{"a term is renewed by its fence alone, and not after it was taken over or resigned", func(f *fixture) {
		one := f.take("a", time.Minute)
		t := must[forescale.Term](f)(f.KeepLead(f.ctx, one.Fence, time.Hour))
		if !t.Until.After(one.Until) || t.Left < 59*time.Minute || !t.Since.Equal(one.Since) {
			f.Errorf("renewed %+v to %+v", one, t)
		}
		_, err := f.KeepLead(f.ctx, one.Fence+1, time.Hour)
		f.fenced("renewing a term that never was", err)
		f.ok(f.Resign(f.ctx, one.Fence))
		f.fenced("resigning again", f.Resign(f.ctx, one.Fence))
		_, err = f.KeepLead(f.ctx, one.Fence, time.Hour)
		f.fenced("renewing after resigning", err)
		f.take("b", time.Hour)
		_, err = f.KeepLead(f.ctx, one.Fence, time.Hour)
		f.fenced("renewing after the take-over", err)
		if t := must[forescale.Term](f)(f.Lead(f.ctx)); t.Holder != "b" {
			f.Errorf("the leader is %+v", t)
		}
	}},
	{"a term that ran out can be renewed until somebody takes over", func(f *fixture) {
		one := f.take("a", 0)
		f.equal(must[forescale.Term](f)(f.KeepLead(f.ctx, one.Fence, time.Hour)).Fence, one.Fence)
		if _, won, err := f.TakeLead(f.ctx, "b", time.Hour); won || err != nil {
			f.Errorf("won %v, %v", won, err)
		}
	}},
	{"a leader's writes work under its fence and under none", func(f *fixture) {
		f.fill()
		for _, fence := range []int64{0, f.take("a", time.Hour).Fence} {
			for name, write := range leaderWrites {
				if name == "RecordPlan" && fence == 0 {
					continue // its id could not be recorded again
				}
				if err := write(f, fence); err != nil {
					f.Errorf("%s under %d: %v", name, fence, err)
				}
			}
		}
	}},
	{"a stale or resigned fence writes nothing of what a leader writes", func(f *fixture) {
		f.fill()
		want := f.everything()
		one := f.take("a", time.Hour)
		f.ok(f.Resign(f.ctx, one.Fence))
		for name, write := range leaderWrites {
			f.fenced(name+" after resigning", write(f, one.Fence))
		}
		two := f.take("b", time.Hour)
		for name, write := range leaderWrites {
			f.fenced(name+" after the take-over", write(f, one.Fence))
			f.fenced(name+" under a fence to come", write(f, two.Fence+1))
		}
		f.equal(f.everything(), want)
	}},
	{"a stale fence holds up nobody else's samples, pauses and forecasts", func(f *fixture) {
		one := f.take("a", time.Hour)
		f.ok(f.Resign(f.ctx, one.Fence))
		old := f.Under(one.Fence)
		f.ok(old.Append(f.ctx, mixed()))
		f.ok(old.PutPause(f.ctx, forescale.Pause{Service: "a", By: "x", Since: at(0), Until: at(9)}))
		f.ok(old.SaveForecasts(f.ctx, []forescale.Forecast{forecast("a", util, 0, 20)}))
		f.ok(old.SaveRun(f.ctx, forescale.Run{ID: "1", Kind: "forecast", StartedAt: at(0)}))
	}},
	{"a decision keeps the fence that it was recorded under", func(f *fixture) {
		one := f.take("a", time.Hour)
		f.ok(leaderWrites["RecordPlan"](f, one.Fence))
		f.equal(f.latest()[0].Fence, one.Fence)
		brought := decide("b", 1, forescale.CodeSteady)
		brought.Fence = 41 // of another store
		f.record(brought)
		f.ok(f.Resign(f.ctx, one.Fence))
		two := f.take("b", time.Hour)
		again := decide("b", 2, forescale.CodeSteady)
		f.ok(f.Under(two.Fence).RecordPlan(f.ctx, planOf(again), nil))
		ds := f.decisions(forescale.DecisionQuery{Service: "b"})
		if len(ds) != 1 || ds[0].Fence != 41 || ds[0].Repeats != 1 {
			f.Errorf("folded into %+v", ds)
		}
	}},
}
