package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"pgregory.net/rapid"
)

// model is a store as simple as it can be: maps and full scans. It is what the
// contract says, without any thought of speed or disks.
type model struct {
	samples   map[sampleKey]float64
	dirty     map[forescale.Cell]bool
	handed    map[forescale.Cell]bool // given out, and true if marked again since
	demand    map[demandKey]forescale.DemandPoint
	hours     map[demandKey]forescale.DemandHour // as of the last roll-up
	final     time.Time                          // hours before it stay as they are
	services  map[string]forescale.Service
	versions  map[string]int64 // last given out
	decisions []forescale.Decision
	instances map[string]forescale.Instance
	nextID    int
}

type sampleKey struct {
	subject forescale.Subject
	metric  forescale.Metric
	at      time.Time
}

type demandKey struct {
	cell   forescale.Cell
	metric forescale.Metric
}

// machine is a store and its model, and the operations that are done to both.
type machine struct {
	store store.Store
	open  Open
	m     model
}

// checkModel does random operations to a store and a model and compares what
// both then hold.
func checkModel(t *testing.T, fresh func(t *testing.T) Open, forgets bool) {
	rapid.Check(t, func(rt *rapid.T) {
		open := fresh(t)
		x := newMachine(open)
		defer func() { x.store.Close() }()
		operations := x.operations()
		if forgets {
			delete(operations, "reopen")
		}
		rt.Repeat(operations)
	})
}

func newMachine(open Open) *machine {
	return &machine{open: open, store: open(), m: model{
		samples: map[sampleKey]float64{}, dirty: map[forescale.Cell]bool{}, handed: map[forescale.Cell]bool{},
		demand: map[demandKey]forescale.DemandPoint{}, hours: map[demandKey]forescale.DemandHour{}, services: map[string]forescale.Service{},
		versions: map[string]int64{}, instances: map[string]forescale.Instance{},
	}}
}

func (x *machine) operations() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"append":          x.append,
		"work out cells":  x.workOut,
		"replace demand":  x.replaceDemand,
		"put service":     x.putService,
		"delete service":  x.deleteService,
		"record plan":     x.recordPlan,
		"finish decision": x.finishDecision,
		"prune":           x.prune,
		"roll up":         x.rollUp,
		"reopen":          x.reopen,
		"":                x.compare,
	}
}

// Few names and times, so that operations meet the same rows.
var (
	anyService = rapid.SampledFrom([]string{"a", "b", "c"})
	anySecond  = rapid.IntRange(0, 239)
	anyMinute  = rapid.IntRange(0, 3)
	anyMetric  = rapid.SampledFrom([]forescale.Metric{util, load, disk, demand})
	anySubject = rapid.Custom(func(t *rapid.T) forescale.Subject {
		s := anyService.Draw(t, "service")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return node(s)
		case 1:
			return service(s)
		}
		return instance(s, fmt.Sprint(s, "-", rapid.IntRange(1, 2).Draw(t, "number")))
	})
	anySample = rapid.Custom(func(t *rapid.T) forescale.Sample {
		return sample(anySubject.Draw(t, "subject"), anyMetric.Draw(t, "metric"), at(float64(anySecond.Draw(t, "second"))),
			rapid.Float64Range(0, 100).Draw(t, "value"))
	})
)

func done(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (x *machine) append(t *rapid.T) {
	batch := rapid.SliceOfN(anySample, 0, 20).Draw(t, "samples")
	done(t, x.store.Append(context.Background(), batch))
	for _, s := range batch {
		x.m.samples[sampleKey{s.Subject, s.Metric, s.Time}] = s.Value
		if s.Subject.Kind != forescale.KindNode && s.Metric != disk {
			c := forescale.Cell{Service: s.Subject.Service, Time: s.Time.Truncate(time.Minute)}
			x.m.dirty[c] = true
			if _, ok := x.m.handed[c]; ok {
				x.m.handed[c] = true
			}
		}
	}
}

// workOut does what the loop does, perhaps with samples coming in between.
func (x *machine) workOut(t *rapid.T) {
	limit := rapid.IntRange(1, 5).Draw(t, "limit")
	cells, err := x.store.DirtyCells(context.Background(), limit)
	done(t, err)
	want := slices.SortedFunc(maps.Keys(x.m.dirty), byTimeThenService)
	compareAs(t, "dirty cells", cells, want[:min(limit, len(want))])
	for _, c := range cells {
		if _, again := x.m.handed[c]; !again {
			x.m.handed[c] = false
		}
	}
	if rapid.Bool().Draw(t, "interrupted") {
		x.append(t)
	}
	x.saveDemand(t, cells)
}

func (x *machine) replaceDemand(t *rapid.T) {
	var cells []forescale.Cell
	for range rapid.IntRange(0, 4).Draw(t, "cells") {
		cells = append(cells, cell(anyService.Draw(t, "service"), anyMinute.Draw(t, "minute")))
	}
	x.saveDemand(t, cells)
}

func (x *machine) saveDemand(t *rapid.T, cells []forescale.Cell) {
	var points []forescale.DemandPoint
	for _, c := range cells {
		for _, m := range []forescale.Metric{util, load} {
			if rapid.Bool().Draw(t, "point") {
				points = append(points, forescale.DemandPoint{Service: c.Service, Metric: m, Time: c.Time, Value: rapid.Float64Range(0, 9).Draw(t, "demand")})
			}
		}
	}
	done(t, x.store.SaveDemand(context.Background(), cells, points))
	for _, c := range cells {
		for _, m := range []forescale.Metric{util, load} {
			delete(x.m.demand, demandKey{c, m})
		}
		if !x.m.handed[c] {
			delete(x.m.dirty, c)
		}
	}
	for _, c := range cells {
		delete(x.m.handed, c)
	}
	for _, p := range points {
		x.m.demand[demandKey{forescale.Cell{Service: p.Service, Time: p.Time}, p.Metric}] = p
	}
}

func (x *machine) putService(t *rapid.T) {
	s := wholeService(anyService.Draw(t, "service"))
	s.Max = rapid.IntRange(2, 99).Draw(t, "max")
	ifVersion := rapid.Int64Range(-1, 4).Draw(t, "ifVersion")
	got, err := x.store.PutService(context.Background(), s, ifVersion)
	if current := x.m.services[s.Name].Version; ifVersion != -1 && ifVersion != current {
		if !errors.Is(err, forescale.ErrConflict) {
			t.Fatalf("version %d against %d: %v", ifVersion, current, err)
		}
		return
	}
	done(t, err)
	if got.Version <= x.m.versions[s.Name] {
		t.Fatalf("version %d after %d", got.Version, x.m.versions[s.Name])
	}
	s.Version = got.Version
	compareAs(t, "service", got, s)
	x.m.versions[s.Name], x.m.services[s.Name] = s.Version, s
}

func (x *machine) deleteService(t *rapid.T) {
	name := anyService.Draw(t, "service")
	err := x.store.DeleteService(context.Background(), name)
	if _, ok := x.m.services[name]; ok != (err == nil) || !ok && !errors.Is(err, forescale.ErrNotFound) {
		t.Fatalf("delete %s: %v", name, err)
	}
	delete(x.m.services, name)
}

func (x *machine) recordPlan(t *rapid.T) {
	var plan forescale.Plan
	var instances []forescale.Instance
	for _, name := range rapid.SliceOfNDistinct(anyService, 1, 3, rapid.ID).Draw(t, "services") {
		x.m.nextID++
		d := decide(name, x.m.nextID, rapid.SampledFrom([]forescale.Code{forescale.CodeSteady, forescale.CodeMinBound}).Draw(t, "code"))
		if rapid.IntRange(0, 3).Draw(t, "acts") == 0 {
			i := forescale.Instance{ID: fmt.Sprint(name, "-", x.m.nextID), Service: name, State: forescale.InstanceStarting, OrderedAt: d.At, Decision: d.ID}
			instances = append(instances, i)
			d.Actions, d.Outcome = []forescale.Action{start(i.ID)}, forescale.OutcomePending
		}
		plan.Services = append(plan.Services, planOf(d).Services...)
		x.m.record(d)
	}
	for _, i := range instances {
		x.m.instances[i.ID] = i
	}
	done(t, x.store.RecordPlan(context.Background(), plan, instances))
}

func (m *model) record(d forescale.Decision) {
	newest := -1
	for i, e := range m.decisions {
		if e.Service == d.Service {
			newest = i
		}
	}
	if newest >= 0 && m.decisions[newest].Same(d) {
		m.decisions[newest].Repeats++
		m.decisions[newest].LastAt = d.At
		return
	}
	m.decisions = append(m.decisions, d)
}

func (x *machine) finishDecision(t *rapid.T) {
	if len(x.m.decisions) == 0 {
		t.Skip("nothing decided")
	}
	d := &x.m.decisions[rapid.IntRange(0, len(x.m.decisions)-1).Draw(t, "decision")]
	done(t, x.store.FinishDecision(context.Background(), d.ID, at(500), forescale.OutcomeDone, "why"))
	if d.Outcome == forescale.OutcomePending {
		d.Outcome, d.EndedAt, d.Error = forescale.OutcomeDone, at(500), "why"
	}
}

func (x *machine) prune(t *rapid.T) {
	before := at(float64(anySecond.Draw(t, "before")) - 60)
	x.m.rollUp() // pruning begins with it
	if final := before.Add(time.Hour - 1).Truncate(time.Hour); final.After(x.m.final) {
		x.m.final = final
	}
	var want int64
	for k, h := range x.m.hours {
		if !h.Time.Add(time.Hour).After(before) {
			delete(x.m.hours, k)
			want++
		}
	}
	for k := range x.m.samples {
		if k.at.Before(before) {
			delete(x.m.samples, k)
			want++
		}
	}
	for k := range x.m.demand {
		if k.cell.Time.Before(before) {
			delete(x.m.demand, k)
			want++
		}
	}
	for c := range x.m.dirty {
		if c.Time.Before(before) {
			delete(x.m.dirty, c)
		}
	}
	want += x.m.pruneDecisions(before)
	want += x.prunedPlans(t, before)
	got, err := x.store.Prune(context.Background(), store.Before(before))
	done(t, err)
	if got != want {
		t.Fatalf("%d rows pruned, want %d", got, want)
	}
}

// pruneDecisions deletes what is old and not pending, a service's newest one
// only if no other of that service is left.
func (m *model) pruneDecisions(before time.Time) (gone int64) {
	kept := map[string]bool{}
	var left []forescale.Decision
	for i, d := range m.decisions { // in the order of recording
		newest := !slices.ContainsFunc(m.decisions[i+1:], func(e forescale.Decision) bool { return e.Service == d.Service })
		if d.LastAt.Before(before) && d.Outcome != forescale.OutcomePending && !(newest && kept[d.Service]) {
			gone++
			continue
		}
		kept[d.Service] = true
		left = append(left, d)
	}
	m.decisions = left
	return gone
}

// prunedPlans counts the plans that will go, as the store tells of them.
func (x *machine) prunedPlans(t *rapid.T, before time.Time) (n int64) {
	plans, err := x.store.LatestPlans(context.Background())
	done(t, err)
	for _, p := range plans {
		if p.MadeAt.Before(before) {
			n++
		}
	}
	return n
}

// rollUp does so in both, and compares the hours.
func (x *machine) rollUp(t *rapid.T) {
	done(t, x.store.RollUp(context.Background()))
	x.m.rollUp()
	var each []forescale.DemandHour
	for _, service := range []string{"a", "b", "c"} {
		for _, m := range []forescale.Metric{load, util} {
			got, err := x.store.DemandHours(context.Background(), service, m, minute(-999), minute(999))
			done(t, err)
			var want []forescale.DemandHour
			if h, ok := x.m.hours[demandKey{forescale.Cell{Service: service, Time: monday}, m}]; ok { // all minutes lie in this one
				want = append(want, h)
			}
			each = append(each, got...)
			for i := range got { // sums depend on their order, in the last bits
				if i < len(want) && math.Abs(got[i].Mean-want[i].Mean) < 1e-9 {
					got[i].Mean = want[i].Mean
				}
			}
			compareAs(t, "hours of "+service, got, want)
		}
	}
	of, err := x.store.HoursOf(context.Background(), minute(-999), minute(999), []string{"a", "b", "c"})
	done(t, err)
	compareAs(t, "hours of all", of, each)
}

func (m *model) rollUp() {
	for k, h := range m.hours {
		if !h.Time.Before(m.final) {
			delete(m.hours, k)
		}
	}
	values := map[demandKey][]float64{}
	for k, p := range m.demand {
		k.cell.Time = k.cell.Time.Truncate(time.Hour)
		if !k.cell.Time.Before(m.final) {
			values[k] = append(values[k], p.Value)
		}
	}
	for k, vs := range values {
		m.hours[k] = hourOf(k.cell.Service, k.metric, int(k.cell.Time.Sub(monday)/time.Minute), vs...)
	}
}

func (x *machine) reopen(t *rapid.T) {
	done(t, x.store.Close())
	x.store = x.open()
	clear(x.m.handed) // who was working them out is gone as well
}

// compare reads everything from both.
func (x *machine) compare(t *rapid.T) {
	ctx := context.Background()
	got := func(v any, err error) any {
		done(t, err)
		return v
	}
	samples := x.m.listSamples()
	compareAs(t, "samples", got(x.store.Samples(ctx, forescale.SampleQuery{})), any(samples))
	last := map[string]time.Time{}
	for _, s := range samples {
		name := s.Subject.Service
		if s.Subject.Kind == forescale.KindNode {
			name = "node/" + s.Subject.Name
		}
		if s.Time.After(last[name]) {
			last[name] = s.Time
		}
	}
	compareAs(t, "newest samples", got(x.store.LastSamples(ctx)), any(last))
	points := slices.Collect(maps.Values(x.m.demand))
	sortPoints(points)
	compareAs(t, "demand", got(x.store.RecentDemand(ctx, minute(-9))), any(points))
	var each []forescale.DemandPoint
	done(t, x.store.EachDemand(ctx, minute(-9), minute(9), []string{"a", "b", "c"}, func(p *forescale.DemandPoint) error {
		each = append(each, *p)
		return nil
	}))
	sortPoints(each)
	compareAs(t, "each point of demand", each, points)
	compareAs(t, "spans", got(x.store.DemandSpans(ctx)), any(spansOf(points)))
	services := slices.SortedFunc(maps.Values(x.m.services), func(a, b forescale.Service) int { return cmp.Compare(a.Name, b.Name) })
	compareAs(t, "services", got(x.store.ListServices(ctx)), any(services))
	newestFirst := slices.Clone(x.m.decisions)
	slices.Reverse(newestFirst)
	compareAs(t, "decisions", got(x.store.Decisions(ctx, forescale.DecisionQuery{Limit: 9999})), any(newestFirst))
	instances := slices.SortedFunc(maps.Values(x.m.instances), func(a, b forescale.Instance) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.OrderedAt.Compare(b.OrderedAt), cmp.Compare(a.ID, b.ID))
	})
	compareAs(t, "instances", got(x.store.Instances(ctx, forescale.InstanceQuery{})), any(instances))
}

func (m *model) listSamples() []forescale.Sample {
	var out []forescale.Sample
	for k, v := range m.samples {
		out = append(out, sample(k.subject, k.metric, k.at, v))
	}
	slices.SortFunc(out, func(a, b forescale.Sample) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.Name, b.Subject.Name),
			cmp.Compare(a.Subject.Service, b.Subject.Service), cmp.Compare(a.Metric, b.Metric))
	})
	return out
}

func sortPoints(points []forescale.DemandPoint) {
	slices.SortFunc(points, func(a, b forescale.DemandPoint) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Metric, b.Metric), a.Time.Compare(b.Time))
	})
}

// spansOf tells how far sorted points reach.
func spansOf(points []forescale.DemandPoint) (spans []forescale.DemandSpan) {
	for _, p := range points {
		if n := len(spans); n > 0 && spans[n-1].Service == p.Service && spans[n-1].Metric == p.Metric {
			spans[n-1].Last = p.Time
			spans[n-1].Points++
		} else {
			spans = append(spans, forescale.DemandSpan{Service: p.Service, Metric: p.Metric, First: p.Time, Last: p.Time, Points: 1})
		}
	}
	return spans
}

func byTimeThenService(a, b forescale.Cell) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Service, b.Service))
}

func compareAs(t *rapid.T, what string, got, want any) {
	t.Helper()
	if !same(reflect.ValueOf(got), reflect.ValueOf(want)) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}
