package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

// rough is a world in which everything goes wrong now and then.
var rough = Conditions{Nodes: 3, Pull: 4 * time.Minute, StartFails: 0.1, Deaths: 2, NodeDeaths: 1.5, Missing: 0.1, Noise: 8, Utilization: true}

// Whatever the demand, in a world that obeys a rival does what it does on the demand alone.
func TestAWorldThatObeysGivesWhatTheDemandAloneGives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Study{Service: forescale.Service{Name: "shop", Min: 1, Max: 30, Capacity: 1}.WithDefaults(),
			Load:   forescale.Series{Start: monday, Step: time.Duration(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "step")) * time.Minute},
			Warmup: Spread{Median: time.Duration(rapid.IntRange(1, 10).Draw(t, "warm-up")) * time.Minute}}
		s.Service.Warmup = s.Warmup.Median
		s.Load.Values = rapid.SliceOfN(rapid.Float64Range(0, 25), 1, 60).Draw(t, "demand")
		n0 := rapid.IntRange(1, 10).Draw(t, "n0")
		hpa, tracking := DefaultHPA(60, s.Service.Warmup), DefaultTracking(60, s.Service.Warmup)
		hpa.Max, tracking.Max = 30, 30
		for name, c := range map[string]struct {
			alone  []Row
			in     scaler
			period time.Duration
		}{
			"hpa":             {hpa.Replay(s.Load.Values, s.Load.Step, n0), hpa.scaler(s.Load.Step), hpaPeriod},
			"target tracking": {tracking.Replay(s.Load.Values, s.Load.Step, n0), tracking.scaler(s.Load.Step), trackingPeriod},
		} {
			rows, err := s.govern(t.Context(), c.in, c.period, n0)
			if err != nil || len(rows) != len(c.alone) {
				t.Fatalf("%d rows of %d, %v", len(rows), len(c.alone), err)
			}
			for i, r := range rows {
				a := c.alone[i]
				if math.Abs(r.Ready-a.Ready) > 1e-9 || math.Abs(r.Starting-a.Starting) > 1e-9 || r.Wanted != a.Wanted || r.Starts != a.Starts {
					t.Fatalf("%s, row %d: in the world %+v, alone %+v", name, i, r, a)
				}
			}
		}
	})
}

func newRough(c Conditions, seed uint64, initial int) (*Clock, *World, forescale.Service) {
	clock, s := NewClock(monday), shop(1, 1000)
	return clock, NewWorld(Config{Clock: clock, Seed: seed, Conditions: c}, Workload{Service: s, Load: steady(50), Capacity: 10,
		Warmup: Spread{Median: 2 * time.Minute}, Initial: initial}), s
}

func TestTheFirstStartOnANodePullsTheImageAndOthersWaitForIt(t *testing.T) {
	t.Parallel()
	c, w, s := newRough(Conditions{Pull: 3 * time.Minute}, 1, 0)
	start(t, w, s, "shop-a")
	c.Advance(time.Minute)
	start(t, w, s, "shop-b") // the pull takes two minutes more
	c.Advance(10 * time.Minute)
	start(t, w, s, "shop-c")
	c.Advance(5 * time.Minute)
	o := w.Observe(t.Context())
	want := map[string]time.Duration{"shop-a": 5 * time.Minute, "shop-b": 4 * time.Minute, "shop-c": 2 * time.Minute}
	for id, took := range want {
		if g, ok := byID(o, id); !ok || g.ReadyAt.Sub(g.StartedAt) != took {
			t.Errorf("%s on %s took %v, want %v", id, g.Node, g.ReadyAt.Sub(g.StartedAt), took)
		}
	}
}

func TestSomeStartsFailAndInstancesDie(t *testing.T) {
	t.Parallel()
	const n = 400
	c, w, s := newRough(Conditions{StartFails: 0.25, Deaths: 2}, 3, 1)
	for i := range n {
		start(t, w, s, "shop-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	running := func() (k int) {
		for _, g := range w.Observe(t.Context()).Instances {
			if g.Running && g.ID != "shop-first-1" {
				k++
			}
		}
		return k
	}
	c.Advance(time.Minute)
	if k := running(); k < 0.65*n || k > 0.85*n { // a quarter, within five standard deviations
		t.Errorf("%d of %d are left after half a warm-up, want about %g", k, n, 0.75*n)
	}
	c.Advance(12 * time.Hour)
	if k, want := float64(running()), 0.75*n*math.Exp(-1); math.Abs(k-want) > 50 {
		t.Errorf("%g are left after half a day with two deaths a day, want about %g", k, want)
	}
}

func TestANodeThatDiesTakesItsInstancesAndImagesAndComesBack(t *testing.T) {
	t.Parallel()
	c, w, s := newRough(Conditions{Nodes: 2, NodeDeaths: 4, Pull: time.Minute}, 5, 6)
	var dead forescale.Node
	for range 2 * 24 * 60 {
		c.Advance(time.Minute)
		o := w.Observe(t.Context())
		if i := slices.IndexFunc(o.Nodes, func(n forescale.Node) bool { return n.State != forescale.NodeReady }); i >= 0 {
			dead = o.Nodes[i]
			for _, g := range o.Instances {
				if g.Running == (g.Node == dead.Name) {
					t.Errorf("%s on %s runs %v when %s is dead", g.ID, g.Node, g.Running, dead.Name)
				}
			}
			break
		}
	}
	if dead.Name == "" {
		t.Fatal("no node died in two days with four deaths a day")
	}
	start(t, w, s, "shop-new")
	if g, _ := byID(w.Observe(t.Context()), "shop-new"); g.Node == dead.Name {
		t.Errorf("an instance was started on %s, which is dead", g.Node)
	}
	c.Advance(defaultNodeBoot)
	took := time.Duration(0)
	for i := 0; took == 0 && i < 20; i++ {
		id := "shop-" + string(rune('a'+i))
		start(t, w, s, id)
		c.Advance(4 * time.Minute)
		if g, _ := byID(w.Observe(t.Context()), id); g.Node == dead.Name {
			took = g.ReadyAt.Sub(g.StartedAt)
		}
	}
	if took != 3*time.Minute {
		t.Errorf("the first start on a node that came back took %v, want 3 min with the pull", took)
	}
	if rows := w.Timeline("shop"); !slices.ContainsFunc(rows, func(r Row) bool { return r.Nodes == 1 }) || rows[0].Nodes != 2 {
		t.Error("the timeline does not tell that a node was gone")
	}
}

func TestMetricsAreMissingAndNoisyAndSaturate(t *testing.T) {
	t.Parallel()
	c, w, _ := newRough(Conditions{Missing: 0.2, Noise: 10}, 7, 6) // each at 83 %
	var used []float64
	minutes, full := 0, 0
	for range 300 {
		c.Advance(time.Minute)
		minutes += 6
		for _, s := range w.Observe(t.Context()).Samples {
			if err := s.ValidateValue(); err != nil {
				t.Fatal(err)
			}
			switch s.Metric {
			case forescale.MetricUtilization:
				used = append(used, s.Value)
				if s.Value == 100 {
					full++
				}
			case forescale.MetricLoad:
				if math.Abs(s.Value-50.0/6) > 1e-9 {
					t.Fatalf("a load of %g, want %g: it is counted, not measured", s.Value, 50.0/6)
				}
			}
		}
	}
	if k := float64(len(used)) / float64(minutes); math.Abs(k-0.8) > 0.05 {
		t.Errorf("%g of the samples came, want 0.8", k)
	}
	slices.Sort(used)
	if m := used[len(used)/2]; math.Abs(m-250.0/3) > 2 || full < len(used)/50 || used[0] > 65 {
		t.Errorf("utilization from %g over %g in the middle, %d of %d at 100 %%; want about 83 ± 10", used[0], m, full, len(used))
	}
}

func TestMeasuredWarmUpsAreDrawnFrom(t *testing.T) {
	t.Parallel()
	s := Spread{Median: time.Hour, Measured: []time.Duration{time.Minute, 2 * time.Minute, 9 * time.Minute}}
	count := map[time.Duration]int{}
	for i := range 300 {
		count[s.Draw(1, string(rune('a'+i)))]++
	}
	for _, d := range s.Measured {
		if count[d] < 60 || len(count) != 3 {
			t.Errorf("drawn %v, want about 100 of each of %v", count, s.Measured)
		}
	}
}

func TestWhatComesLaterNeverChangesThePastInARoughWorld(t *testing.T) {
	t.Parallel()
	const learned, steps = 288, 96
	r := rand.New(rand.NewPCG(11, 12))
	for seed := range uint64(3) {
		whole := study(learned+steps, seed)
		whole.Conditions, whole.Warmup = rough, Spread{Sigma: 0.4}
		cuts := []int{1 + r.IntN(steps-1), 1 + r.IntN(steps-1)}
		for _, p := range []Policy{Predictive, KubernetesHPA, TargetTracking, LastWeeks, StaticMean} {
			all := whole.rows(t, p)
			for _, keep := range cuts {
				cut := whole
				cut.Load.Values = slices.Clone(whole.Load.Values[:learned+keep])
				cut.To = cut.Load.End()
				if rows := cut.rows(t, p); !slices.Equal(rows, all[:keep]) {
					t.Fatalf("%s, seed %d: cut after %d of %d steps, the rows before differ", p, seed, keep, steps)
				}
			}
			other := whole
			other.Seed++
			if p != StaticMean && slices.Equal(other.rows(t, p), all) {
				t.Errorf("%s: another seed gives the same world", p)
			}
		}
	}
}

// In a world that goes wrong now and then no promise is broken, and the demand is
// still met for most of the time.
func TestARoughWorldBreaksNoPromise(t *testing.T) {
	t.Parallel()
	s := study(288*3, 4)
	s.Conditions, s.Warmup, s.Options.Interval = rough, Spread{Sigma: 0.4}, time.Minute
	rows := s.rows(t, Predictive) // fails when a promise is broken
	e, gone := Measure(rows, s.Load.Step), 0
	for _, r := range rows {
		if r.Nodes < 3 {
			gone++
		}
	}
	t.Logf("%+v", e)
	if gone == 0 || e.Starts < 20 {
		t.Errorf("nodes were missing in %d steps, %d starts: the world was not rough", gone, e.Starts)
	}
	if e.TimeUnder > 40 || e.Lost > 5 {
		t.Errorf("below need %g %% of the time, %g %% not served", e.TimeUnder, e.Lost)
	}
}
