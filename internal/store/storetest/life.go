package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// everything is all that a store can be asked for.
func (f *fixture) everything() []any {
	f.Helper()
	key, err := f.KeyByHash(f.ctx, key("a", 0).Hash)
	f.ok(err)
	return []any{
		f.samples(forescale.SampleQuery{}),
		must[map[string]time.Time](f)(f.LastSamples(f.ctx)),
		f.dirty(99),
		must[[]forescale.DemandPoint](f)(f.RecentDemand(f.ctx, minute(-99))),
		must[[]forescale.DemandSpan](f)(f.DemandSpans(f.ctx)),
		must[int64](f)(f.ImportProgress(f.ctx, "file")),
		must[[]forescale.Service](f)(f.ListServices(f.ctx)),
		must[[]forescale.Pause](f)(f.Pauses(f.ctx, at(0))),
		f.events(),
		must[[]forescale.Budget](f)(f.Budgets(f.ctx)),
		f.money(),
		must[[]forescale.Node](f)(f.Nodes(f.ctx)),
		must[[]forescale.NodeType](f)(f.NodeTypes(f.ctx)),
		f.nodePlan(),
		must[[]forescale.NodeLife](f)(f.NodeLives(f.ctx, time.Time{})),
		must[[]forescale.NodeWish](f)(f.NodeWishes(f.ctx)),
		f.uses(),
		f.instances(forescale.InstanceQuery{}),
		must[[]forescale.Warmup](f)(f.Warmups(f.ctx, "", 9)),
		must[[]forescale.Warmup](f)(f.Cooldowns(f.ctx, "", 9)),
		must[[]forescale.LearnedTimes](f)(f.Learned(f.ctx, "", time.Time{})),
		must[[]forescale.Capacity](f)(f.Capacities(f.ctx, "", time.Time{})),
		must[[]forescale.Forecast](f)(f.LatestForecasts(f.ctx, time.Time{})),
		must[[]forescale.Track](f)(f.Tracks(f.ctx)),
		f.tallies(forescale.TallyQuery{}),
		must[[]forescale.ElasticityDay](f)(f.Elasticities(f.ctx, forescale.TallyQuery{})),
		f.choice("a"),
		must[[]forescale.ServicePlan](f)(f.LatestPlans(f.ctx)),
		f.decisions(forescale.DecisionQuery{}),
		f.latest(),
		must[[]forescale.Run](f)(f.ListRuns(f.ctx, forescale.RunQuery{})),
		must[[]forescale.Key](f)(f.ListKeys(f.ctx)),
		must[[]forescale.JoinToken](f)(f.JoinTokens(f.ctx)),
		must[[]forescale.Agent](f)(f.Agents(f.ctx)),
		key,
		f.hours("a", util),
		f.hours("b", load),
	}
}

// money is what is known of it.
func (f *fixture) money() []any {
	f.Helper()
	b := f.book(100)
	return []any{b.Budgets, b.Services, b.Instances, b.Bills, b.Meters, b.States(at(100))}
}

// fill puts something everywhere.
func (f *fixture) fill() {
	f.Helper()
	f.append(mixed()...)
	f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0)}, []forescale.DemandPoint{point("a", util, 0, 1)}))
	f.ok(f.AppendImport(f.ctx, "file", 3, nil))
	f.put(wholeService("a"), 0)
	f.ok(f.PutPause(f.ctx, forescale.Pause{Service: "a", By: "x", Since: at(0), Until: at(9)}))
	f.ok(f.PutEvent(f.ctx, event("sale", 0, 9)))
	f.ok(f.PutNode(f.ctx, forescale.Node{Name: "n", Managed: true, Labels: map[string]string{"zone": "a"}, Origin: forescale.OriginConfig, UpdatedAt: at(0)}))
	f.ok(f.PutNodeType(f.ctx, forescale.NodeType{Name: "t", Labels: map[string]string{"zone": "b"}, UpdatedAt: at(0)}))
	f.ok(f.SaveNodeLives(f.ctx, []forescale.NodeLife{nodeLife("t-1", 0), endedLife("t-2", 0, 9)}))
	f.ok(f.PutNodeWish(f.ctx, forescale.NodeWish{Node: "n", Cordoned: true, By: "x", At: at(3)}))
	f.ok(f.SaveUses(f.ctx, []forescale.InstanceUse{{Service: "a", Type: "t", At: at(0), Cores: 0.5, Memory: 1 << 30, Samples: 9}}))
	f.ok(f.SaveWarmup(f.ctx, warmup("a", "a-1", 0)))
	f.ok(f.SaveCooldown(f.ctx, warmup("a", "a-1", 0)))
	f.ok(f.SaveLearned(f.ctx, []forescale.LearnedTimes{learned("a", forescale.LapseWarmup, 0)}))
	f.ok(f.SaveCapacities(f.ctx, []forescale.Capacity{capacity("a", 0, 1)}))
	f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{forecast("a", util, 0, 20)}))
	f.saveScores(scoring("a", -1, 60, "profile", "level"))
	f.ok(f.SaveElasticity(f.ctx, []forescale.ElasticityDay{{Service: "a", Day: monday.Truncate(oneDay), Elasticity: forescale.Elasticity{Steps: 3, Under: 0.1}}}))
	mixed := forecast("a", util, 0, 0)
	mixed.Choice = []forescale.Choice{{From: 1, To: 288, Tested: 9, Shares: []forescale.Share{{Model: "profile", Weight: 1, Error: 0.1}}}}
	f.ok(f.SaveChoices(f.ctx, []forescale.Forecast{mixed}))
	plan := planOf(decide("a", 0, forescale.CodeReactiveHigh, start("a-1")))
	plan.Services[0].Rollout = rollout()
	f.ok(f.RecordPlan(f.ctx, plan,
		[]forescale.Instance{{ID: "a-1", Service: "a", State: forescale.InstanceStarting, OrderedAt: at(0)}}))
	f.ok(f.RecordPlan(f.ctx, forescale.Plan{At: at(0), Nodes: nodePlan(0)}, nil))
	f.ok(f.SaveRun(f.ctx, forescale.Run{ID: "1", Kind: "forecast", Server: "x", DueAt: at(-1), StartedAt: at(0), State: forescale.RunRetrying, Attempt: 2, Error: "y"}))
	f.ok(f.CreateKey(f.ctx, key("a", 0)))
	f.ok(f.CreateJoinToken(f.ctx, joinToken("n-1", 0)))
	f.ok(f.Join(f.ctx, joinToken("n-1", 0).Hash, agent("n-1", 1), at(5)))
}

var lifeCases = []testCase{
	{"a check finds a sound store sound", func(f *fixture) {
		f.ok(f.Check(f.ctx))
		f.fill()
		f.ok(f.Check(f.ctx))
		f.reopen()
		f.ok(f.Check(f.ctx))
	}},
	{"after closing every method returns an error, and closing again does not", func(f *fixture) {
		f.ok(f.Store.Close())
		f.ok(f.Store.Close())
		if err := f.Append(f.ctx, mixed()); err == nil {
			f.Error("a closed store appends")
		}
		if _, err := f.Samples(f.ctx, forescale.SampleQuery{}); err == nil {
			f.Error("a closed store reads")
		}
		if err := f.Check(f.ctx); err == nil {
			f.Error("a closed store is ready")
		}
		if _, err := f.Prune(f.ctx, store.Before(at(0))); err == nil {
			f.Error("a closed store prunes")
		}
	}},
	{"a read with a cancelled context says so", func(f *fixture) {
		f.append(mixed()...)
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if _, err := f.Samples(ctx, forescale.SampleQuery{}); !errors.Is(err, context.Canceled) {
			f.Fatalf("got %v", err)
		}
		f.equal(f.samples(forescale.SampleQuery{}), mixed()) // and the store goes on
	}},
	{"many may append, read and plan at the same time", func(f *fixture) {
		const writers, rounds, rows = 4, 15, 20
		var wg sync.WaitGroup
		for w := range writers {
			name := fmt.Sprint("s", w)
			wg.Go(func() {
				for r := range rounds {
					var batch []forescale.Sample
					for i := range rows {
						batch = append(batch, sample(instance(name, fmt.Sprint(name, "-", i%5)), util, at(float64(r*rows+i)), float64(r)))
					}
					if err := f.Append(f.ctx, batch); err != nil {
						f.Error(err)
					}
					if err := f.RecordPlan(f.ctx, planOf(decide(name, r, forescale.CodeSteady)), nil); err != nil {
						f.Error(err)
					}
				}
			})
			wg.Go(func() {
				for range rounds {
					got, err := f.Samples(f.ctx, forescale.SampleQuery{Service: name})
					if err != nil || len(got)%rows != 0 {
						f.Errorf("%d samples, %v: half of a batch was seen", len(got), err)
					}
					cells, err := f.DirtyCells(f.ctx, 3)
					if err == nil {
						err = f.SaveDemand(f.ctx, cells, nil)
					}
					if _, err2 := f.LatestDecisions(f.ctx); err != nil || err2 != nil {
						f.Error(err, err2)
					}
				}
			})
		}
		wg.Go(func() {
			for range rounds {
				if _, err := f.Prune(f.ctx, store.Before(at(-1))); err != nil {
					f.Error(err)
				}
			}
		})
		wg.Wait()
		f.equal(len(f.samples(forescale.SampleQuery{})), writers*rounds*rows)
		for _, d := range f.latest() {
			f.equal(d.Repeats, rounds-1)
		}
	}},
	{"of many who change the same version one wins", func(f *fixture) {
		first := f.put(wholeService("a"), 0)
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		for n := range 8 {
			wg.Go(func() {
				s := wholeService("a")
				s.Max = 100 + n
				_, err := f.PutService(f.ctx, s, first.Version)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, forescale.ErrConflict) {
					f.Error(err)
				}
			})
		}
		wg.Wait()
		f.equal(won, 1)
	}},
}

// choice is what a service's newest forecast was mixed from.
func (f *fixture) choice(service string) []forescale.Choice {
	f.Helper()
	_, c, err := f.Choice(f.ctx, service, util)
	f.ok(err)
	return c
}
