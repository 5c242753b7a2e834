package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"pgregory.net/rapid"
)

func shop(minimum, maximum int) forescale.Service {
	return forescale.Service{Name: "shop", Mode: forescale.ModeActive, Min: minimum, Max: maximum,
		Metrics: []forescale.Metric{forescale.MetricLoad}, Capacity: 10}.WithDefaults()
}

func steady(load float64) Trace { return TraceFunc(func(time.Time) float64 { return load }) }

func newShop(load float64, initial int) (*Clock, *World, forescale.Service) {
	c := NewClock(monday)
	s := shop(1, 10)
	w := NewWorld(Config{Clock: c, Seed: 7}, Workload{Service: s, Load: steady(load), Capacity: 10,
		Warmup: Spread{Median: 2 * time.Minute}, Initial: initial, Labelled: true})
	return c, w, s
}

func start(t *testing.T, w *World, s forescale.Service, id string) {
	t.Helper()
	if err := w.Start(t.Context(), s, forescale.Instance{ID: id, Service: s.Name, Decision: "dec_1"}); err != nil {
		t.Fatal(err)
	}
}

func byID(o forescale.Observation, id string) (forescale.Sighting, bool) {
	for _, s := range o.Instances {
		if s.ID == id {
			return s, true
		}
	}
	return forescale.Sighting{}, false
}

func value(o forescale.Observation, id string, m forescale.Metric) float64 {
	for _, s := range o.Samples {
		if s.Subject.Name == id && s.Metric == m {
			return s.Value
		}
	}
	return math.NaN()
}

func TestAnInstanceWarmsUpThenTakesItsShareUntilItIsDrained(t *testing.T) {
	t.Parallel()
	c, w, s := newShop(12, 1)
	o := w.Observe(t.Context())
	if got := value(o, "shop-first-1", forescale.MetricUtilization); got != 100 {
		t.Errorf("asked for 120 %%, one instance shows %g %%, want 100", got)
	}
	if got := value(o, "shop-first-1", forescale.MetricLoad); got != 12 {
		t.Errorf("load is %g, want all 12: it never saturates", got)
	}
	start(t, w, s, "shop-a")
	c.Advance(119 * time.Second)
	o = w.Observe(t.Context())
	if g, _ := byID(o, "shop-a"); !g.Running || g.Ready || g.Decision != "dec_1" || !g.StartedAt.Equal(monday) {
		t.Errorf("after 119 s: %+v, want running and not ready", g)
	}
	if got := value(o, "shop-a", forescale.MetricUtilization); !math.IsNaN(got) {
		t.Errorf("a starting instance reports utilization %g", got)
	}
	c.Advance(time.Second)
	o = w.Observe(t.Context())
	if g, _ := byID(o, "shop-a"); !g.Ready || !g.ReadyAt.Equal(monday.Add(2*time.Minute)) {
		t.Errorf("after 120 s: %+v, want ready", g)
	}
	if a, b := value(o, "shop-a", forescale.MetricUtilization), value(o, "shop-first-1", forescale.MetricUtilization); a != 60 || b != 60 {
		t.Errorf("two share 12 of 20: %g and %g %%, want 60 each", a, b)
	}
	w.Tell(forescale.Decision{Service: "shop", To: 1, Actions: []forescale.Action{{Kind: forescale.ActionStop, Instance: "shop-a"}}})
	o = w.Observe(t.Context())
	if got := value(o, "shop-a", forescale.MetricLoad); got != 0 {
		t.Errorf("a draining instance has load %g", got)
	}
	if err := w.Stop(t.Context(), s, forescale.Instance{ID: "shop-a"}); err != nil {
		t.Fatal(err)
	}
	if got := w.Names("shop"); !slices.Equal(got, []string{"shop-first-1"}) {
		t.Errorf("left are %v", got)
	}
	if b := w.Broken(); len(b) > 0 {
		t.Errorf("broken promises: %v", b)
	}
}

func TestTheTimelineTellsTheTruth(t *testing.T) {
	t.Parallel()
	c, w, s := newShop(12, 1)
	start(t, w, s, "shop-a")
	c.Advance(3 * time.Minute)
	rows := w.Timeline("shop")
	if len(rows) != 3 {
		t.Fatalf("%d rows of 3 minutes", len(rows))
	}
	for i, want := range []Row{{Ready: 1, Starting: 1, Starts: 1}, {Ready: 1, Starting: 1}, {Ready: 2}} {
		want.Time, want.Demand, want.Required, want.Wanted, want.Nodes = monday.Add(time.Duration(i)*time.Minute), 1.2, 2, 1, 1
		got := rows[i]
		got.Demand = math.Round(got.Demand*1e9) / 1e9
		if got != want {
			t.Errorf("row %d\n got %+v\nwant %+v", i, got, want)
		}
	}
	e := Measure(rows, time.Minute)
	if want := 100 * (0.2 + 0.2) / 3.6; math.Abs(e.Lost-want) > 1e-9 || math.Abs(e.TimeUnder-200.0/3) > 1e-9 || e.Starts != 1 {
		t.Errorf("%+v, want lost %g %% and below need 2 of 3 minutes", e, want)
	}
}

func TestThePromisesAreWatched(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		act  func(w *World, s forescale.Service) error
		err  error
		kept bool
	}{
		{"starting the same instance twice is one container", func(w *World, s forescale.Service) error {
			return errors.Join(w.Start(context.Background(), s, forescale.Instance{ID: "shop-a"}), w.Start(context.Background(), s, forescale.Instance{ID: "shop-a"}))
		}, nil, true},
		{"stopping what is gone is fine", func(w *World, s forescale.Service) error {
			return w.Stop(context.Background(), s, forescale.Instance{ID: "shop-x"})
		}, nil, true},
		{"a name that a stranger has is refused", func(w *World, s forescale.Service) error {
			w.Foreign("shop", "shop-a")
			return w.Start(context.Background(), s, forescale.Instance{ID: "shop-a"})
		}, ErrNameTaken, true},
		{"stopping a stranger's container breaks a promise", func(w *World, s forescale.Service) error {
			w.Foreign("shop", "database")
			return w.Stop(context.Background(), s, forescale.Instance{ID: "database"})
		}, ErrNotOurs, false},
		{"going below min breaks a promise", func(w *World, s forescale.Service) error {
			return w.Stop(context.Background(), s, forescale.Instance{ID: "shop-first-1"})
		}, nil, false},
		{"draining below min breaks a promise", func(w *World, s forescale.Service) error {
			w.Tell(forescale.Decision{Service: "shop", Actions: []forescale.Action{{Kind: forescale.ActionStop, Instance: "shop-first-1"}}})
			return nil
		}, nil, false},
		{"making a container of a decision again after it was removed breaks a promise", func(w *World, s forescale.Service) error {
			i := forescale.Instance{ID: "shop-a"}
			return errors.Join(w.Start(context.Background(), s, i), w.Stop(context.Background(), s, i), w.Start(context.Background(), s, i))
		}, nil, false},
		{"going above max breaks a promise", func(w *World, s forescale.Service) error {
			var err error
			for k := range 10 {
				err = errors.Join(err, w.Start(context.Background(), s, forescale.Instance{ID: fmt.Sprintf("shop-%d", k)}))
			}
			return err
		}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, w, s := newShop(5, 1)
			if err := c.act(w, s); !errors.Is(err, c.err) || (c.err == nil && err != nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if b := w.Broken(); (len(b) == 0) != c.kept {
				t.Errorf("broken: %v, kept wanted: %v", b, c.kept)
			}
		})
	}
}

func TestTroubles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		trouble Trouble
		check   func(t *testing.T, c *Clock, w *World, s forescale.Service)
	}{
		{"an unreachable engine shows nothing and says so", Trouble{Kind: Unreachable}, func(t *testing.T, _ *Clock, w *World, s forescale.Service) {
			o := w.Observe(t.Context())
			if o.Complete || len(o.Instances)+len(o.Samples) > 0 || len(o.Failed) != 1 {
				t.Errorf("%+v", o)
			}
			if err := w.Start(t.Context(), s, forescale.Instance{ID: "shop-a"}); !errors.Is(err, ErrUnreachable) {
				t.Errorf("start: %v", err)
			}
		}},
		{"a hanging engine hangs until the caller gives up", Trouble{Kind: Hanging}, func(t *testing.T, _ *Clock, w *World, s forescale.Service) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if o := w.Observe(ctx); o.Complete {
				t.Error("a read that never ended is complete")
			}
			if err := w.Stop(ctx, s, forescale.Instance{ID: "shop-first-1"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("stop: %v", err)
			}
		}},
		{"a partial read is not complete", Trouble{Kind: PartialRead, Instance: "shop-first-1"}, func(t *testing.T, _ *Clock, w *World, _ forescale.Service) {
			if o := w.Observe(t.Context()); o.Complete || len(o.Instances) != 1 || len(o.Failed) != 1 {
				t.Errorf("%+v", o)
			}
		}},
		{"a refused start makes nothing", Trouble{Kind: StartFails}, func(t *testing.T, _ *Clock, w *World, s forescale.Service) {
			if err := w.Start(t.Context(), s, forescale.Instance{ID: "shop-a"}); !errors.Is(err, ErrEngine) || len(w.Names("shop")) != 2 {
				t.Errorf("error %v, left %v", err, w.Names("shop"))
			}
		}},
		{"a refused stop removes nothing", Trouble{Kind: StopFails}, func(t *testing.T, _ *Clock, w *World, s forescale.Service) {
			if err := w.Stop(t.Context(), s, forescale.Instance{ID: "shop-first-1"}); !errors.Is(err, ErrEngine) || len(w.Names("shop")) != 2 {
				t.Errorf("error %v, left %v", err, w.Names("shop"))
			}
		}},
		{"a start whose answer is lost took effect", Trouble{Kind: LostAnswer}, func(t *testing.T, _ *Clock, w *World, s forescale.Service) {
			if err := w.Start(t.Context(), s, forescale.Instance{ID: "shop-a"}); !errors.Is(err, ErrEngine) || len(w.Names("shop")) != 3 {
				t.Errorf("error %v, left %v", err, w.Names("shop"))
			}
		}},
		{"an instance that dies early says why", Trouble{Kind: DiesEarly}, func(t *testing.T, c *Clock, w *World, s forescale.Service) {
			start(t, w, s, "shop-a")
			c.Advance(time.Hour)
			if g, _ := byID(w.Observe(t.Context()), "shop-a"); g.Running || g.Ready || g.Exit == "" {
				t.Errorf("%+v", g)
			}
		}},
		{"an instance whose probe never passes runs on", Trouble{Kind: NeverReady}, func(t *testing.T, c *Clock, w *World, s forescale.Service) {
			start(t, w, s, "shop-a")
			c.Advance(24 * time.Hour)
			if g, _ := byID(w.Observe(t.Context()), "shop-a"); !g.Running || g.Ready {
				t.Errorf("%+v", g)
			}
		}},
		{"a silent instance is ready and reports nothing", Trouble{Kind: Silence, Instance: "shop-first-1"}, func(t *testing.T, _ *Clock, w *World, _ forescale.Service) {
			o := w.Observe(t.Context())
			g, _ := byID(o, "shop-first-1")
			if v := value(o, "shop-first-1", forescale.MetricUtilization); !g.Ready || !math.IsNaN(v) || !o.Complete {
				t.Errorf("%+v with utilization %g", g, v)
			}
		}},
		{"a crash ends what runs when it begins, and nothing later", Trouble{Kind: Crash, From: monday.Add(time.Minute), Instance: "shop-first-2"}, func(t *testing.T, c *Clock, w *World, _ forescale.Service) {
			c.Advance(59 * time.Second)
			if n := w.Ready("shop"); n != 2 {
				t.Errorf("%d are ready before the crash", n)
			}
			c.Advance(time.Minute)
			if n := w.Ready("shop"); n != 1 {
				t.Errorf("%d are ready after it", n)
			}
		}},
		{"a trouble ends", Trouble{Kind: Unreachable, To: monday.Add(time.Minute)}, func(t *testing.T, c *Clock, w *World, _ forescale.Service) {
			c.Advance(time.Minute)
			if o := w.Observe(t.Context()); !o.Complete || len(o.Instances) != 2 {
				t.Errorf("%+v", o)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock, w, s := newShop(5, 2)
			w.Trouble(c.trouble)
			c.check(t, clock, w, s)
		})
	}
}

func TestAJumpOfTheWallClockChangesNothingInTheWorld(t *testing.T) {
	t.Parallel()
	c, w, s := newShop(5, 1)
	start(t, w, s, "shop-a")
	c.Advance(time.Minute)
	c.Jump(-6 * time.Hour)
	g, _ := byID(w.Observe(t.Context()), "shop-a")
	if g.Ready || !g.StartedAt.Equal(monday.Add(-6*time.Hour)) {
		t.Errorf("%+v, want not ready and started at the wall clock's time", g)
	}
	c.Advance(time.Minute)
	if g, _ = byID(w.Observe(t.Context()), "shop-a"); !g.Ready {
		t.Error("not ready after two minutes of real time")
	}
}

// Whatever is done in whatever order: the load is shared out whole, no name is
// there twice, the timeline has no holes, and cutting time differently changes
// nothing.
func TestTheWorldIsSound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		worlds, clocks := make([]*World, 2), make([]*Clock, 2)
		s := shop(1, 50)
		pattern := datasets.DefaultPattern(seed, 40, time.UTC)
		for k := range worlds {
			clocks[k] = NewClock(monday)
			worlds[k] = NewWorld(Config{Clock: clocks[k], Seed: seed}, Workload{Service: s, Load: pattern, Capacity: 10,
				Warmup: Spread{Median: 3 * time.Minute, Sigma: 0.3}, Initial: 1})
		}
		for range rapid.IntRange(1, 25).Draw(t, "acts") {
			i := forescale.Instance{ID: fmt.Sprintf("shop-%d", rapid.IntRange(0, 8).Draw(t, "instance"))}
			stop := rapid.Bool().Draw(t, "stop")
			d := time.Duration(rapid.IntRange(0, 900).Draw(t, "seconds")) * time.Second
			for k, w := range worlds {
				var err error
				if stop {
					err = w.Stop(context.Background(), s, i)
				} else {
					err = w.Start(context.Background(), s, i)
				}
				if err != nil {
					t.Fatal(err)
				}
				if k == 0 {
					clocks[k].Advance(d)
					continue
				}
				for range d / time.Second { // the other world looks every second
					clocks[k].Advance(time.Second)
					w.Ready("shop")
				}
			}
			checkShares(t, worlds[0], pattern.At(clocks[0].Now()))
		}
		a, b := worlds[0].Timeline("shop"), worlds[1].Timeline("shop")
		if !slices.Equal(a, b) {
			t.Fatalf("looking more often changed the world:\n%+v\n%+v", a, b)
		}
		for i, r := range a {
			if !r.Time.Equal(monday.Add(time.Duration(i) * time.Minute)) {
				t.Fatalf("row %d is of %v", i, r.Time)
			}
		}
	})
}

func checkShares(t *rapid.T, w *World, load float64) {
	o := w.Observe(context.Background())
	seen, sum := map[string]bool{}, 0.0
	for _, g := range o.Instances {
		if seen[g.ID] {
			t.Fatalf("%s is there twice", g.ID)
		}
		seen[g.ID] = true
	}
	for _, x := range o.Samples {
		if err := x.ValidateValue(); err != nil {
			t.Fatal(err)
		}
		if x.Metric == forescale.MetricLoad {
			sum += x.Value
		}
	}
	if w.Ready("shop") > 0 && math.Abs(sum-load) > 1e-9*load {
		t.Fatalf("instances have load %g of %g", sum, load)
	}
}
