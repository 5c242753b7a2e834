package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

func (f *fixture) prune(before time.Time) int64 {
	f.Helper()
	return must[int64](f)(f.Prune(f.ctx, store.Before(before)))
}

var pruneCases = []testCase{
	{"what is older goes and is counted, what is not stays", func(f *fixture) {
		for n := range 10 {
			t := float64(60 * n)
			f.append(sample(service("a"), load, at(t), 1), sample(node("n"), cpu, at(t), 1))
			f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", n)}, []forescale.DemandPoint{point("a", load, n, 1)}))
			f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{forecast("a", load, t, 1)}))
			f.ok(f.SaveWarmup(f.ctx, warmup("a", fmt.Sprint("a-", n), t)))
			f.ok(f.SaveCooldown(f.ctx, warmup("a", fmt.Sprint("a-", n), t)))
			f.ok(f.SaveLearned(f.ctx, []forescale.LearnedTimes{learned(fmt.Sprint("a-", n), forescale.LapseWarmup, t)}))
			f.ok(f.SaveRun(f.ctx, forescale.Run{ID: fmt.Sprint(n), StartedAt: at(t)}))
			f.saveInstances(forescale.Instance{ID: fmt.Sprint("a-", n), Service: "a", State: forescale.InstanceStopped, OrderedAt: at(0), StoppedAt: at(t)})
			d := decide("a", 60*n, forescale.CodeSteady, start("x"))
			d.Outcome = forescale.OutcomeDone
			f.record(d)
		}
		f.record(decide("b", 0, forescale.CodeSteady)) // with a plan
		f.saveInstances(forescale.Instance{ID: "old", Service: "a", State: forescale.InstanceReady, OrderedAt: at(0)})
		// 2 samples, and 1 each of demand, forecasts, warm-ups, cool-downs, learned, runs, instances, decisions: 10 in each
		// of the first 4 minutes; then the plan and the decision of b.
		f.equal(f.prune(minute(4)), int64(10*4+2))
		f.equal(f.prune(minute(4)), int64(0))
		f.equal(len(f.samples(forescale.SampleQuery{})), 12)
		f.equal(f.samples(forescale.SampleQuery{})[0].Time, minute(4))
		f.equal(f.demand("a", load)[0].Time, minute(4))
		f.equal(must[[]forescale.DemandSpan](f)(f.DemandSpans(f.ctx)), []forescale.DemandSpan{{Service: "a", Metric: load, First: minute(4), Last: minute(9), Points: 6}})
		f.equal(len(must[[]forescale.Forecast](f)(f.LedgerForecasts(f.ctx, "a", load, at(-1), at(9999)))), 6)
		f.equal(len(must[[]forescale.Warmup](f)(f.Warmups(f.ctx, "a", 99))), 6)
		f.equal(len(must[[]forescale.Warmup](f)(f.Cooldowns(f.ctx, "a", 99))), 6)
		f.equal(len(must[[]forescale.LearnedTimes](f)(f.Learned(f.ctx, "", time.Time{}))), 6)
		f.equal(len(must[[]forescale.Run](f)(f.ListRuns(f.ctx, forescale.RunQuery{}))), 6)
		f.equal(ids(f.instances(forescale.InstanceQuery{})), []string{"a-4", "a-5", "a-6", "a-7", "a-8", "a-9", "old"})
		f.equal(len(f.decisions(forescale.DecisionQuery{})), 6)
		f.equal(len(must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx))), 1)
	}},
	{"capacities go with the minutes that were worked out with them, but for the newest", func(f *fixture) {
		kept := []forescale.Capacity{capacity("a", 60, 300), capacity("b", 0, 10)}
		f.ok(f.SaveCapacities(f.ctx, append(kept, capacity("a", 0, 60))))
		f.equal(must[int64](f)(f.Prune(f.ctx, store.Cutoffs{Samples: at(9999), Hours: at(9999), Decisions: at(9999)})), int64(0))
		f.equal(must[int64](f)(f.Prune(f.ctx, store.Cutoffs{Minutes: at(200)})), int64(1))
		f.equal(must[[]forescale.Capacity](f)(f.Capacities(f.ctx, "", time.Time{})), kept)
	}},
	{"a decision is as old as its last repetition", func(f *fixture) {
		f.record(decide("a", 0, forescale.CodeSteady))
		f.record(decide("a", 600, forescale.CodeSteady))
		f.prune(at(300))
		f.equal(len(f.latest()), 1)
		f.prune(at(601))
		f.equal(len(f.latest()), 0)
	}},
	{"a pending decision stays: it is still to be done; so does the service's newest beside it", func(f *fixture) {
		f.record(decide("a", 0, forescale.CodeReactiveHigh, start("x")))
		f.record(decide("a", 30, forescale.CodeSteady))
		f.record(decide("a", 60, forescale.CodeMinBound))
		f.prune(at(9999))
		f.equal(decisionIDs(f.decisions(forescale.DecisionQuery{})), []string{"dec_a0060", "dec_a0000"})
		f.equal(decisionIDs(f.latest()), []string{"dec_a0060"})
	}},
	{"services, pauses, nodes, keys and import progress stay", func(f *fixture) {
		f.put(wholeService("a"), 0)
		f.ok(f.PutPause(f.ctx, forescale.Pause{Service: "a", Since: at(0), Until: at(9)}))
		f.ok(f.PutNode(f.ctx, forescale.Node{Name: "n", UpdatedAt: at(0)}))
		f.ok(f.CreateKey(f.ctx, key("a", 0)))
		f.ok(f.AppendImport(f.ctx, "file", 3, nil))
		f.equal(f.prune(at(99999)), int64(0))
		f.equal(len(must[[]forescale.Service](f)(f.ListServices(f.ctx))), 1)
		f.equal(len(must[[]forescale.Node](f)(f.Nodes(f.ctx))), 1)
		f.equal(len(must[[]forescale.Key](f)(f.ListKeys(f.ctx))), 1)
		f.equal(must[int64](f)(f.ImportProgress(f.ctx, "file")), int64(3))
	}},
	{"more than a bite goes in one call", func(f *fixture) {
		var batch []forescale.Sample
		for i := range 9000 {
			batch = append(batch, sample(instance("a", fmt.Sprint("a-", i%3)), util, at(float64(i)), 1))
		}
		f.append(batch...)
		f.equal(f.prune(at(8000)), int64(8000))
		f.equal(f.samples(forescale.SampleQuery{}), batch[8000:])
	}},
	{"samples can come again for what was pruned away", func(f *fixture) {
		f.append(mixed()...)
		f.prune(at(99999))
		f.equal(f.samples(forescale.SampleQuery{}), []forescale.Sample{})
		f.equal(must[map[string]time.Time](f)(f.LastSamples(f.ctx)), map[string]time.Time{})
		f.equal(f.dirty(9), []forescale.Cell{})
		f.append(sample(node("other"), cpu, at(0), 1))
		f.append(mixed()...)
		f.equal(len(f.samples(forescale.SampleQuery{})), len(mixed())+1)
		f.equal(f.samples(forescale.SampleQuery{Kind: forescale.KindInstance, Service: "mailer"}), mixed()[2:3])
	}},
	{"each level goes by its own cut-off, and a level without one stays", func(f *fixture) {
		for h := range 4 {
			f.append(sample(service("a"), load, minute(60*h), 1))
			f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 60*h)}, []forescale.DemandPoint{point("a", load, 60*h, float64(h))}))
			f.ok(f.SaveRun(f.ctx, forescale.Run{ID: fmt.Sprint(h), StartedAt: minute(60 * h)}))
		}
		left := func() [4]int {
			return [4]int{len(f.samples(forescale.SampleQuery{})), len(f.demand("a", load)), len(f.hours("a", load)),
				len(must[[]forescale.Run](f)(f.ListRuns(f.ctx, forescale.RunQuery{Limit: 99})))}
		}
		prune := must[int64](f)
		f.equal(prune(f.Prune(f.ctx, store.Cutoffs{})), int64(0))
		f.equal(prune(f.Prune(f.ctx, store.Cutoffs{Samples: minute(200), Minutes: minute(130), Hours: minute(100), Decisions: minute(50)})), int64(4+3+1+1))
		f.equal(left(), [4]int{0, 1, 3, 3})
		f.equal(prune(f.Prune(f.ctx, store.Cutoffs{Decisions: minute(100)})), int64(1))
		f.equal(prune(f.Prune(f.ctx, store.Cutoffs{Minutes: minute(999)})), int64(1))
		f.equal(left(), [4]int{0, 0, 3, 2})
		f.reopen()
		f.equal(left(), [4]int{0, 0, 3, 2})
		f.equal(prune(f.Prune(f.ctx, store.Cutoffs{Hours: minute(239)})), int64(2)) // the last one ends at 240
		f.equal(prune(f.Prune(f.ctx, store.Cutoffs{Hours: minute(240)})), int64(1))
		f.equal(left(), [4]int{0, 0, 0, 2})
	}},
	{"an hour is rolled up before its minutes go, and is final then", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 1), cell("a", 60)},
			[]forescale.DemandPoint{point("a", load, 0, 1), point("a", load, 1, 2), point("a", load, 60, 3)}))
		want := []forescale.DemandHour{hourOf("a", load, 0, 1, 2), hourOf("a", load, 60, 3)}
		_, err := f.Prune(f.ctx, store.Cutoffs{Minutes: minute(1)})
		f.ok(err)
		f.equal(f.demand("a", load)[0].Time, minute(1))
		f.equal(f.hours("a", load), want)
		// The first hour has lost a minute: what comes late cannot be added up any more.
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 1), cell("a", 2), cell("a", 61)},
			[]forescale.DemandPoint{point("a", load, 1, 9), point("a", load, 2, 9), point("a", load, 61, 5)}))
		f.ok(f.RollUp(f.ctx))
		want[1] = hourOf("a", load, 60, 3, 5)
		f.equal(f.hours("a", load), want)
	}},
	{"a cancelled context stops it", func(f *fixture) {
		f.append(mixed()...)
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if _, err := f.Prune(ctx, store.Before(at(9999))); !errors.Is(err, context.Canceled) {
			f.Fatalf("got %v", err)
		}
		f.equal(f.samples(forescale.SampleQuery{}), mixed())
	}},
}
