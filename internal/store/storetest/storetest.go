// Package storetest is the one suite that every backend of a forescale store
// passes unchanged. A backend's own tests hold a line such as
//
//	storetest.Exercise(t, func(t *testing.T) storetest.Open { … })
//
// and add what is special about that backend: its faults, its files, its speed.
// Each case's name is a sentence of the contract in package store; each case
// begins with an empty store of its own.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// Open opens one place: the first time it is empty, later it holds what was
// stored before, unless the backend [Forgets]. The store that was opened before is
// closed by then.
type Open func() store.Store

// Exception is a part of the contract that a backend is not made to keep. The group
// that is about it is skipped, and says so.
type Exception string

// Forgets is of a backend that holds nothing any more after it was closed. Cases that
// close and open in passing go on with the open store.
const Forgets Exception = "this store forgets everything when it is closed"

// Exercise runs the suite. fresh makes an empty place and fails t if it cannot.
func Exercise(t *testing.T, fresh func(t *testing.T) Open, but ...Exception) {
	forgets := slices.Contains(but, Forgets)
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"samples", sampleCases},
		{"cells", cellCases},
		{"demand", demandCases},
		{"hours", hourCases},
		{"services", serviceCases},
		{"named services", namedCases},
		{"pauses", pauseCases},
		{"events", eventCases},
		{"nodes", nodeCases},
		{"plans of nodes", nodePlanCases},
		{"ordered nodes", nodeLifeCases},
		{"instances", instanceCases},
		{"warm-ups", warmupCases},
		{"forecasts", forecastCases},
		{"scores", scoreCases},
		{"money", moneyCases},
		{"plans", planCases},
		{"decisions", decisionCases},
		{"runs", runCases},
		{"keys", keyCases},
		{"agents", agentCases},
		{"leases", leaseCases},
		{"pruning", pruneCases},
		{"life", lifeCases},
		{restarts, restartCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			if forgets && group.name == restarts {
				t.Skip(string(Forgets))
			}
			for _, c := range group.cases {
				t.Run(c.sentence, func(t *testing.T) {
					f := newFixture(t, fresh(t))
					f.forgets = forgets
					c.run(f)
				})
			}
		})
	}
	t.Run("some order explains the answers to clients that take, lose and write under leases at once", func(t *testing.T) { checkHistory(t, fresh(t)) })
	t.Run("no month costs more than its limit, whoever plans", func(t *testing.T) { checkMoney(t, fresh, forgets) })
	t.Run("any sequence of operations agrees with a model in memory", func(t *testing.T) { checkModel(t, fresh, forgets) })
}

// restarts is the group that a backend is excepted from which [Forgets].
const restarts = "restarts"

// testCase is one sentence and the proof of it.
type testCase struct {
	sentence string
	run      func(*fixture)
}

// fixture is a test with a store of its own.
type fixture struct {
	*testing.T
	store.Store
	ctx     context.Context
	open    Open
	forgets bool
}

func newFixture(t *testing.T, open Open) *fixture {
	f := &fixture{T: t, ctx: t.Context(), open: open, Store: open()}
	t.Cleanup(func() {
		if err := f.Store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

// reopen closes the store and opens it again, if it forgets nothing by that.
func (f *fixture) reopen() {
	f.Helper()
	if f.forgets {
		return
	}
	f.ok(f.Store.Close())
	f.Store = f.open()
}

// ok fails the test at once on an error.
func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// must is a value that came without an error.
func must[T any](f *fixture) func(T, error) T {
	return func(v T, err error) T {
		f.Helper()
		f.ok(err)
		return v
	}
}

// monday is where the tests' time begins: a round one, so that rows are easy to
// read. at(s) is s seconds later.
var monday = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return monday.Add(time.Duration(seconds * float64(time.Second)))
}

func minute(n int) time.Time { return monday.Add(time.Duration(n) * time.Minute) }

func instance(service, name string) forescale.Subject {
	return forescale.Subject{Kind: forescale.KindInstance, Name: name, Service: service}
}

func service(name string) forescale.Subject {
	return forescale.Subject{Kind: forescale.KindService, Name: name, Service: name}
}

func node(name string) forescale.Subject {
	return forescale.Subject{Kind: forescale.KindNode, Name: name}
}

func sample(s forescale.Subject, m forescale.Metric, t time.Time, v float64) forescale.Sample {
	return forescale.Sample{Subject: s, Metric: m, Time: t, Value: v}
}

// Short names, as the cases name them often.
const (
	util   = forescale.MetricUtilization
	cpu    = forescale.MetricCPU
	load   = forescale.MetricLoad
	disk   = forescale.MetricDisk
	demand = forescale.MetricDemand
)
