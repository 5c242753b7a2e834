package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// decide is a decision with every field filled, n seconds after monday.
func decide(service string, n int, code forescale.Code, actions ...forescale.Action) forescale.Decision {
	d := forescale.Decision{
		ID: fmt.Sprintf("dec_%s%04d", service, n), Service: service, At: at(float64(n)), Mode: forescale.ModeActive,
		From: 3, To: 3 + len(actions), Required: 4, Metric: util,
		Reasons: []forescale.Reason{
			{Code: code, Numbers: map[string]float64{"demand": 2.75, "upper": 70}, Times: map[string]time.Time{"peak": at(600)}, Words: map[string]string{"metric": "load"}},
			{Code: forescale.CodeMaxBound},
		},
		Actions: actions, Outcome: forescale.OutcomeNone, LastAt: at(float64(n)),
	}
	if len(actions) > 0 {
		d.Outcome = forescale.OutcomePending
	}
	return d
}

func start(instance string) forescale.Action {
	return forescale.Action{Kind: forescale.ActionStart, Instance: instance}
}

// record records a round of decisions, each with a short plan.
func (f *fixture) record(ds ...forescale.Decision) {
	f.Helper()
	f.ok(f.RecordPlan(f.ctx, planOf(ds...), nil))
}

func planOf(ds ...forescale.Decision) (p forescale.Plan) {
	for _, d := range ds {
		p.At = d.At
		p.Services = append(p.Services, forescale.ServicePlan{Service: d.Service, MadeAt: d.At, Lead: 90 * time.Second, Until: d.At.Add(time.Hour),
			Changes: []forescale.PlanChange{{At: d.At, Wanted: d.To, Required: d.Required, Demand: 2.75, Code: d.Code()}}, Acting: true, Decision: d})
	}
	return p
}

func (f *fixture) decisions(q forescale.DecisionQuery) []forescale.Decision {
	f.Helper()
	return must[[]forescale.Decision](f)(f.Decisions(f.ctx, q))
}

func (f *fixture) latest() []forescale.Decision {
	f.Helper()
	return must[[]forescale.Decision](f)(f.LatestDecisions(f.ctx))
}

func decisionIDs(ds []forescale.Decision) (s []string) {
	for _, d := range ds {
		s = append(s, d.ID)
	}
	return s
}

// rollout has something in every field.
func rollout() *forescale.Rollout {
	return &forescale.Rollout{Revision: "1", State: forescale.RolloutBack, Since: at(3), Why: "3 failed", GoodRevision: "0",
		Good: &forescale.Template{Image: "a", Env: map[string]string{"LANG": "de"}, Liveness: forescale.Probe{TCP: true}}}
}

var planCases = []testCase{
	{"the latest plan of each service comes back, by service, without its decision", func(f *fixture) {
		a := planOf(decide("b", 0, forescale.CodeSteady), decide("a", 0, forescale.CodeSteady)).Services
		a[0].Changes = append(a[0].Changes, forescale.PlanChange{At: at(300), Wanted: 9, Required: 12, Demand: math.Pi, Code: forescale.CodeForecastRise})
		a[1].Changes, a[1].Acting = nil, false
		f.ok(f.RecordPlan(f.ctx, forescale.Plan{At: at(0), Services: a}, nil))
		want := []forescale.ServicePlan{a[1], a[0]}
		want[0].Decision, want[1].Decision = forescale.Decision{}, forescale.Decision{}
		f.equal(must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx)), want)

		next := planOf(decide("a", 30, forescale.CodeSteady)).Services[0]
		f.ok(f.RecordPlan(f.ctx, forescale.Plan{At: at(30), Services: []forescale.ServicePlan{next}}, nil))
		next.Decision = forescale.Decision{}
		f.equal(must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx)), []forescale.ServicePlan{next, want[1]})
	}},
	{"how far a roll-out is stays with the plan of its service until another is recorded", func(f *fixture) {
		record := func(t int, r *forescale.Rollout) {
			p := planOf(decide("a", t, forescale.CodeSteady))
			p.Services[0].Rollout = r
			f.ok(f.RecordPlan(f.ctx, p, nil))
		}
		read := func() *forescale.Rollout {
			return must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx))[0].Rollout
		}
		record(0, nil)
		f.equal(read(), (*forescale.Rollout)(nil))
		back := rollout()
		record(30, back)
		record(60, nil)
		f.equal(read(), back)
		done := &forescale.Rollout{Revision: "2", State: forescale.RolloutDone, Since: at(90)}
		record(90, done)
		f.equal(read(), done)
	}},
	{"numbers that are none do not keep a plan or its reasons from being recorded", func(f *fixture) {
		d := decide("a", 0, forescale.CodeSteady)
		d.Reasons[0].Numbers = map[string]float64{"nan": math.NaN(), "up": math.Inf(1), "down": math.Inf(-1)}
		p := planOf(d)
		p.Services[0].Changes[0].Demand = math.Inf(1)
		f.ok(f.RecordPlan(f.ctx, p, nil))
		f.equal(f.latest(), []forescale.Decision{d})
		f.equal(must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx))[0].Changes, p.Services[0].Changes)
	}},
	{"a plan, its decisions and its instances are one commit", func(f *fixture) {
		d := decide("a", 0, forescale.CodeForecastRise, start("a-9"))
		i := forescale.Instance{ID: "a-9", Service: "a", State: forescale.InstanceStarting, Origin: forescale.OriginStarted, Decision: d.ID, OrderedAt: at(0), Deadline: at(300)}
		f.ok(f.RecordPlan(f.ctx, planOf(d), []forescale.Instance{i}))
		f.equal(f.latest(), []forescale.Decision{d})
		f.equal(f.instances(forescale.InstanceQuery{}), []forescale.Instance{i})

		// The second decision of this round has an id that is taken: a second planner.
		stop := i
		stop.State, stop.StopBy = forescale.InstanceDraining, "dec_b0030"
		err := f.RecordPlan(f.ctx, planOf(decide("b", 30, forescale.CodeSteady), decide("a", 0, forescale.CodeReactiveHigh, start("a-10"))), []forescale.Instance{stop})
		f.is(err, forescale.ErrConflict)
		f.equal(f.latest(), []forescale.Decision{d})
		f.equal(f.instances(forescale.InstanceQuery{}), []forescale.Instance{i})
		f.equal(len(must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx))), 1)
	}},
	{"a plan without a decision keeps the plan alone", func(f *fixture) {
		p := planOf(decide("a", 0, forescale.CodeSteady))
		p.Services[0].Decision = forescale.Decision{}
		f.ok(f.RecordPlan(f.ctx, p, nil))
		f.equal(len(must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx))), 1)
		f.equal(f.latest(), []forescale.Decision{})
	}},
}

var decisionCases = []testCase{
	{"decisions come newest first, and the latest of each service by service", func(f *fixture) {
		a, b, c := decide("b", 0, forescale.CodeSteady), decide("a", 10, forescale.CodeSteady), decide("b", 20, forescale.CodeReactiveHigh)
		f.record(a)
		f.record(b)
		f.record(c)
		f.equal(f.decisions(forescale.DecisionQuery{}), []forescale.Decision{c, b, a})
		f.equal(f.latest(), []forescale.Decision{b, c})
	}},
	{"the same decision again is folded into the newest one", func(f *fixture) {
		first := decide("a", 0, forescale.CodeSteady)
		f.record(first)
		for n := 30; n <= 90; n += 30 {
			again := decide("a", n, forescale.CodeSteady)
			again.Reasons[0].Numbers["demand"] = float64(n) // other numbers, same code
			f.record(again)
		}
		want := first
		want.Repeats, want.LastAt = 3, at(90)
		f.equal(f.decisions(forescale.DecisionQuery{}), []forescale.Decision{want})
		f.equal(f.latest(), []forescale.Decision{want})
	}},
	{"a decision that differs is not folded, nor is one that is only like an earlier one", func(f *fixture) {
		base := decide("a", 0, forescale.CodeSteady)
		f.record(base)
		for n, change := range []func(*forescale.Decision){
			func(d *forescale.Decision) { d.Mode = forescale.ModeForecastOnly },
			func(d *forescale.Decision) { d.From = 4 },
			func(d *forescale.Decision) { d.To = 9 },
			func(d *forescale.Decision) { d.Outcome = forescale.OutcomeWould },
			func(d *forescale.Decision) { d.Reasons[0].Code = forescale.CodeMinBound },
			func(d *forescale.Decision) { d.Actions = []forescale.Action{start("x")} },
			func(d *forescale.Decision) {},
		} {
			d := decide("a", 10*(n+1), forescale.CodeSteady)
			change(&d)
			f.record(d)
		}
		f.equal(len(f.decisions(forescale.DecisionQuery{})), 8)
	}},
	{"what a decision was weighed by comes back when it is asked for, of the first of those that are folded", func(f *fixture) {
		d, again := decide("a", 0, forescale.CodeSteady), decide("a", 30, forescale.CodeSteady)
		d.Weighed = &forescale.Weighing{Serves: 2.25, FewerServe: 1.5, Demand: math.Pi, By: at(300), Since: at(-600), Until: at(900), Price: 125_000,
			Bounds: []forescale.Bound{
				{Kind: forescale.BoundForecast, Side: forescale.SideLeast, Count: 7, Demand: 5.2, Quantile: 0.93, Of: "load", At: at(120), Holds: true},
				{Kind: forescale.BoundMax, Side: forescale.SideMost, Count: 12},
			}}
		again.Weighed = &forescale.Weighing{Bounds: []forescale.Bound{}, By: at(1), Since: at(1), Until: at(1)}
		odd := decide("b", 40, forescale.CodeSteady)
		odd.Weighed = &forescale.Weighing{Serves: math.Inf(1), Bounds: []forescale.Bound{{Kind: forescale.BoundLive, Demand: math.NaN()}}, By: at(1), Since: at(1), Until: at(1)}
		f.record(d)
		f.record(again)
		f.record(odd)
		want := d
		want.Repeats, want.LastAt = 1, at(30)
		f.equal(f.decisions(forescale.DecisionQuery{Service: "a", Weighed: true}), []forescale.Decision{want})
		f.equal(f.decisions(forescale.DecisionQuery{ID: d.ID, Weighed: true}), []forescale.Decision{want})
		want.Weighed = nil
		f.equal(f.decisions(forescale.DecisionQuery{Service: "a"}), []forescale.Decision{want})
		f.equal(f.latest()[0], want)
		f.equal(len(f.decisions(forescale.DecisionQuery{Service: "b", Weighed: true})), 1)
	}},
	{"two decisions with actions are never folded", func(f *fixture) {
		f.record(decide("a", 0, forescale.CodeReactiveHigh, start("a-1")))
		f.record(decide("a", 30, forescale.CodeReactiveHigh, start("a-1")))
		f.equal(len(f.decisions(forescale.DecisionQuery{})), 2)
	}},
	{"other services do not stand between a decision and its repetition", func(f *fixture) {
		f.record(decide("a", 0, forescale.CodeSteady), decide("b", 0, forescale.CodeSteady))
		f.record(decide("b", 30, forescale.CodeMinBound), decide("a", 30, forescale.CodeSteady))
		f.equal(f.latest()[0].Repeats, 1)
		f.equal(f.latest()[1].Repeats, 0)
	}},
	{"a pending decision stays pending when another is recorded, until it is finished", func(f *fixture) {
		first := decide("a", 0, forescale.CodeReactiveHigh, start("a-1"))
		second := decide("a", 30, forescale.CodeReactiveHigh, start("a-2"))
		f.record(first, decide("b", 0, forescale.CodeSteady))
		f.record(second)
		f.record(decide("a", 60, forescale.CodeWarmingUp))
		f.equal(f.decisions(forescale.DecisionQuery{Pending: true}), []forescale.Decision{second, first})
		f.ok(f.FinishDecision(f.ctx, first.ID, at(70), forescale.OutcomeSuperseded, ""))
		f.equal(f.decisions(forescale.DecisionQuery{Pending: true}), []forescale.Decision{second})
		first.Outcome, first.EndedAt = forescale.OutcomeSuperseded, at(70)
		f.equal(f.decisions(forescale.DecisionQuery{ID: first.ID}), []forescale.Decision{first})
	}},
	{"a finished decision keeps its outcome", func(f *fixture) {
		d := decide("a", 0, forescale.CodeReactiveHigh, start("a-1"))
		f.record(d)
		f.ok(f.FinishDecision(f.ctx, d.ID, at(9), forescale.OutcomeFailed, "engine gone"))
		d.Outcome, d.EndedAt, d.Error = forescale.OutcomeFailed, at(9), "engine gone"
		f.equal(f.latest(), []forescale.Decision{d})
		f.ok(f.FinishDecision(f.ctx, d.ID, at(20), forescale.OutcomeDone, ""))
		f.record(decide("a", 30, forescale.CodeSteady))
		f.equal(f.decisions(forescale.DecisionQuery{ID: d.ID}), []forescale.Decision{d})
		f.is(f.FinishDecision(f.ctx, "dec_nobody", at(0), forescale.OutcomeDone, ""), forescale.ErrNotFound)
	}},
	{"a query picks by service, time, actions and outcome", func(f *fixture) {
		steady, rise, would := decide("a", 0, forescale.CodeSteady), decide("a", 10, forescale.CodeForecastRise, start("x")), decide("b", 20, forescale.CodePaused, start("y"))
		would.Outcome = forescale.OutcomeWould
		f.record(steady)
		f.record(rise)
		f.record(would)
		for _, c := range []struct {
			q    forescale.DecisionQuery
			want []forescale.Decision
		}{
			{forescale.DecisionQuery{Service: "a"}, []forescale.Decision{rise, steady}},
			{forescale.DecisionQuery{From: at(10)}, []forescale.Decision{would, rise}},
			{forescale.DecisionQuery{To: at(10)}, []forescale.Decision{steady}},
			{forescale.DecisionQuery{From: at(10), To: at(20)}, []forescale.Decision{rise}},
			{forescale.DecisionQuery{Acted: true}, []forescale.Decision{would, rise}},
			{forescale.DecisionQuery{Pending: true}, []forescale.Decision{rise}},
			{forescale.DecisionQuery{Service: "b", Pending: true}, nil},
		} {
			f.equal(f.decisions(c.q), c.want)
		}
	}},
	{"an id can be cut short as long as it is unique", func(f *fixture) {
		for n, id := range []string{"dec_abc1", "dec_abc2", "dec_xyz", "dec_xyz9", "dec_%"} {
			d := decide("a", n, forescale.CodeSteady, start("x"))
			d.ID = id
			f.record(d)
		}
		find := func(id string) []string { return decisionIDs(f.decisions(forescale.DecisionQuery{ID: id})) }
		f.equal(find("dec_abc1"), []string{"dec_abc1"})
		f.equal(find("dec_xyz"), []string{"dec_xyz"}) // whole, though another begins with it
		f.equal(find("dec_xyz9"), []string{"dec_xyz9"})
		f.equal(find("dec_%"), []string{"dec_%"}) // no pattern
		f.equal(find("dec_q"), []string{})
		f.equal(find("DEC_ABC1"), []string{})
		for _, prefix := range []string{"dec_abc", "dec_", "d"} {
			if _, err := f.Decisions(f.ctx, forescale.DecisionQuery{ID: prefix}); err == nil {
				f.Fatalf("%q is ambiguous and gave no error", prefix)
			}
		}
	}},
	{"pages follow each other without a gap or a double", func(f *fixture) {
		var all []string
		for n := range 25 {
			d := decide(fmt.Sprint("s", n%3), n/4, forescale.CodeSteady, start("x")) // several at one time
			d.ID = fmt.Sprintf("dec_%x", (n*7)%25+100)
			f.record(d)
			all = append([]string{d.ID}, all...)
		}
		var got []string
		for before := ""; ; before = got[len(got)-1] {
			page := decisionIDs(f.decisions(forescale.DecisionQuery{Before: before, Limit: 4}))
			got = append(got, page...)
			if len(page) < 4 {
				break
			}
		}
		f.equal(got, all)
		_, err := f.Decisions(f.ctx, forescale.DecisionQuery{Before: "dec_nobody"})
		f.is(err, forescale.ErrNotFound)
	}},
	{"without a limit a page has 100", func(f *fixture) {
		for n := range 103 {
			f.record(decide("a", n, forescale.CodeSteady, start("x")))
		}
		f.equal(len(f.decisions(forescale.DecisionQuery{})), 100)
		f.equal(len(f.decisions(forescale.DecisionQuery{Limit: 200})), 103)
	}},
	{"after the clock was set back, the newest is still the one recorded last", func(f *fixture) {
		f.record(decide("a", 1000, forescale.CodeSteady))
		f.record(decide("a", 10, forescale.CodeReactiveHigh))
		f.record(decide("a", 20, forescale.CodeReactiveHigh))
		f.equal(decisionIDs(f.latest()), []string{"dec_a0010"})
		f.equal(f.latest()[0].Repeats, 1)
		f.equal(decisionIDs(f.decisions(forescale.DecisionQuery{})), []string{"dec_a0010", "dec_a1000"})
	}},
}
