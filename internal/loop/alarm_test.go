package loop_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// What is pushed shows a rise just after a planning round: the start does not wait for
// the next one.
func TestAPushedRiseIsAnsweredWithinASecond(t *testing.T) {
	pushed(t, func(p *pusher) {
		p.until(31 * time.Second) // the next round is due at 60 s
		p.starts(0)
		p.push(95)
		p.until(31500 * time.Millisecond)
		p.starts(1)
		p.push(96) // what was asked for is known
		p.until(45 * time.Second)
		p.starts(1)
		if p.rounds != 1 {
			p.Errorf("%d planning rounds, want one for the rise", p.rounds)
		}
	})
}

// What is pushed before half of a minute is over is answered when it is, though nothing
// more comes.
func TestARiseThatDoesNotCountYetIsAnsweredOnceItDoes(t *testing.T) {
	pushed(t, func(p *pusher) {
		p.until(10 * time.Second)
		p.push(95)
		p.until(30 * time.Second)
		p.starts(0)
		p.until(30500 * time.Millisecond)
		p.starts(1)
		if p.rounds != 1 {
			p.Errorf("%d planning rounds, want one for the rise", p.rounds)
		}
	})
}

// A service that tells its utilization once a minute is answered at once, whenever that
// is; one that tells it more often once half of the usual was heard.
func TestARiseCountsWhenHalfOfWhatAMinuteTellsWasHeard(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration // between two samples
		waits int           // samples that show the rise and do not yet count
	}{
		"once a minute":    {every: time.Minute},
		"every 30 seconds": {every: 30 * time.Second},
		"every 10 seconds": {every: 10 * time.Second, waits: 2},
	} {
		t.Run(name, func(t *testing.T) {
			pushed(t, func(p *pusher) {
				at := 5 * time.Second
				for ; at < 3*time.Minute; at += c.every {
					p.until(at)
					p.push(30)
				}
				for range c.waits {
					p.until(at)
					p.push(95)
					p.until(at + time.Second)
					p.starts(0)
					at += c.every
				}
				p.until(at)
				before := p.rounds
				p.push(95)
				p.until(at + 500*time.Millisecond)
				p.starts(1)
				if got := p.rounds - before; got != 1 {
					p.Errorf("%d rounds before one was due, want one for the rise", got)
				}
			})
		})
	}
}

// A start that takes long holds up none that is asked for meanwhile.
func TestARiseIsAnsweredWhileAStartIsUnderWay(t *testing.T) {
	pushed(t, func(p *pusher) {
		p.hold.Store(int64(10 * time.Second))
		p.until(31 * time.Second)
		p.push(95)
		p.until(31500 * time.Millisecond)
		p.begun(1)
		p.keep(p.of("another", 95), p.of("a-third", 95)) // they run elsewhere
		p.until(32 * time.Second)
		p.begun(2)
	})
}

// Samples above the limit that show no service short, or one that cannot grow, cost one
// look, and no round.
func TestAnAlarmThatIsNoneIsLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*forescale.Service){
		"not acted on": func(s *forescale.Service) { s.Mode = forescale.ModeForecastOnly },
		"at max":       func(s *forescale.Service) { s.Max = 1 },
		"another unit": func(s *forescale.Service) { s.Metrics = []forescale.Metric{forescale.MetricMemory} },
	} {
		t.Run(name, func(t *testing.T) {
			pushedTo(t, change, func(p *pusher) {
				p.until(31 * time.Second)
				for range 50 {
					p.push(95)
					p.until(p.elapsed() + 400*time.Millisecond)
				}
				p.starts(0)
				if p.rounds != 0 {
					p.Errorf("%d planning rounds before one was due", p.rounds)
				}
			})
		})
	}
}

// A store that fails is not asked the more for it.
func TestNoAlarmShortensThePauseAfterAFailure(t *testing.T) {
	pushed(t, func(p *pusher) {
		p.until(31 * time.Second)
		one := []forescale.Sample{p.sample(95)}
		_ = p.store.Close()
		for range 20 {
			p.loop.Notice(one)
			time.Sleep(400 * time.Millisecond)
		}
		synctest.Wait()
		if p.reads != 1 {
			p.Errorf("the world was read %d times, want once, before the failure", p.reads)
		}
	})
}

// pusher is a service with one instance whose utilization is pushed.
type pusher struct {
	*testing.T
	clock  forescale.Clock
	world  *sim.World
	store  *sqlite.Store
	loop   *loop.Loop
	rounds int // of planning, since it began
	reads  int // of the world, the same
	began  time.Duration
	before int // starts

	hold  atomic.Int64 // how long a start takes, in ns
	tried atomic.Int64 // starts that began while there was hold
}

// Start implements loop.Target.
func (p *pusher) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	if hold := p.hold.Load(); hold > 0 {
		p.tried.Add(1)
		<-p.clock.After(time.Duration(hold))
	}
	return p.world.Start(ctx, s, i)
}

// Stop implements loop.Target.
func (p *pusher) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return p.world.Stop(ctx, s, i)
}

func (p *pusher) begun(n int64) {
	p.Helper()
	if got := p.tried.Load(); got != n {
		p.Errorf("%v after the round %d starts began, want %d", p.elapsed(), got, n)
	}
}

func pushed(t *testing.T, live func(*pusher)) { pushedTo(t, func(*forescale.Service) {}, live) }

func pushedTo(t *testing.T, change func(*forescale.Service), live func(*pusher)) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		svc := forescale.Service{Name: "web", Mode: forescale.ModeActive, Max: 10, Warmup: 20 * time.Second}.WithDefaults()
		change(&svc)
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		p := &pusher{T: t, clock: forescale.NewSystemClock()}
		p.world = sim.NewWorld(sim.Config{Clock: p.clock}, sim.Workload{Service: svc, Capacity: 100,
			Load: sim.TraceFunc(func(time.Time) float64 { return 30 }), Warmup: sim.Spread{Median: 20 * time.Second}})
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		p.store = s
		if _, err := s.PutService(t.Context(), svc, 0); err != nil {
			t.Fatal(err)
		}
		p.loop = loop.New(loop.Config{Store: s, Sources: []loop.Source{silent{p.world, &p.reads}}, Target: p, Clock: p.clock,
			Options: loop.Options{Collect: time.Minute, Interval: time.Minute, Refresh: 1000 * time.Hour},
			OnStep:  func(loop.Report) { p.rounds++ }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.loop.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(2*time.Minute + time.Second) // the one instance is ready, and a round was just made
		synctest.Wait()
		p.began, p.rounds, p.reads = p.clock.Elapsed()-time.Second, 0, 0
		p.before, _ = p.world.Effects("web")
		live(p)
	})
}

// silent leaves out the samples of a source, and counts its reads.
type silent struct {
	loop.Source
	reads *int
}

func (s silent) Observe(ctx context.Context) forescale.Observation {
	*s.reads++
	o := s.Source.Observe(ctx)
	o.Samples = nil
	return o
}

func (p *pusher) sample(utilization float64) forescale.Sample {
	p.Helper()
	is, err := p.store.Instances(p.Context(), forescale.InstanceQuery{Service: "web"})
	if err != nil {
		p.Fatal(err)
	}
	name := "of-somebody-else"
	if len(is) > 0 {
		name = is[0].ID
	}
	return p.of(name, utilization)
}

// of is a sample of a named instance.
func (p *pusher) of(name string, utilization float64) forescale.Sample {
	return forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: name, Service: "web"},
		Metric: forescale.MetricUtilization, Time: p.clock.Now(), Value: utilization}
}

// push keeps a sample and tells the loop of it, as the ingest does.
func (p *pusher) push(utilization float64) {
	p.Helper()
	p.keep(p.sample(utilization))
}

func (p *pusher) keep(s ...forescale.Sample) {
	p.Helper()
	if err := p.store.Append(p.Context(), s); err != nil {
		p.Fatal(err)
	}
	p.loop.Notice(s)
}

func (p *pusher) elapsed() time.Duration { return p.clock.Elapsed() - p.began }

// until lets time go by up to so long after a planning round.
func (p *pusher) until(elapsed time.Duration) {
	time.Sleep(elapsed - p.elapsed())
	synctest.Wait()
}

func (p *pusher) starts(n int) {
	p.Helper()
	if all, _ := p.world.Effects("web"); all-p.before != n {
		ds, _ := p.store.Decisions(p.Context(), forescale.DecisionQuery{})
		p.Errorf("%v after the round %d were started, want %d: %+v", p.elapsed(), all-p.before, n, ds)
	}
}
