package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
)

// answers is an instance that its probes can ask, by kind; nil passes.
type answers struct {
	mu    sync.Mutex
	by    map[string]error // by path
	asked map[string]int
}

func (a *answers) ask(_ context.Context, t asked, _ string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[t.probe.HTTP]++
	return "", a.by[t.probe.HTTP]
}

// times is how often a path was asked.
func (a *answers) times(path string) int { return a.all()[path] }

func (a *answers) all() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.asked)
}

func (a *answers) set(path string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[path] = err
}

// probing runs a prober on a clock of its own, with one container under the probes.
func probing(t *testing.T, probes [probeKinds]forescale.Probe, test func(p *prober, a *answers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{by: map[string]error{}, asked: map[string]int{}}
		p := newProber(pace{}, a.ask)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.loop(ctx) }()
		for k := range probes {
			if probes[k].Set() {
				probes[k] = probes[k].WithDefaults()
			}
		}
		p.watch("c", time.Now(), true, [probeKinds]string{}, probes)
		test(p, a)
		cancel()
		<-done
	})
}

func TestReadinessFollowsItsThresholds(t *testing.T) {
	probes := [probeKinds]forescale.Probe{readiness: {HTTP: "/ready", Failures: 3, Successes: 2}}
	probing(t, probes, func(p *prober, a *answers) {
		if h := p.health("c", true); h.known || h.ready {
			t.Errorf("before the first answer it is %+v", h)
		}
		a.set("/ready", errors.New("no"))
		time.Sleep(5 * time.Second)
		if h := p.health("c", true); !h.known || h.ready {
			t.Errorf("while it fails it is %+v", h)
		}
		a.set("/ready", nil)
		time.Sleep(1100 * time.Millisecond)
		if p.health("c", true).ready {
			t.Error("one pass of two makes it ready")
		}
		before := time.Now()
		time.Sleep(2 * time.Second)
		h := p.health("c", true)
		if !h.ready || h.readyAt.Before(before.Add(-time.Second)) || h.readyAt.After(before.Add(time.Second)) {
			t.Errorf("after two passes it is %+v, now is %v", h, time.Now())
		}
		a.set("/ready", errors.New("no"))
		time.Sleep(20 * time.Second)
		if !p.health("c", true).ready {
			t.Error("two failures of three take it out of service")
		}
		time.Sleep(12 * time.Second)
		if p.health("c", true).ready {
			t.Error("three failures do not take it out of service")
		}
		a.set("/ready", nil)
		time.Sleep(21 * time.Second)
		if got := p.health("c", true); !got.ready || !got.readyAt.Equal(h.readyAt) || got.unhealthy != "" {
			t.Errorf("back again it is %+v", got)
		}
	})
}

func TestLivenessWaitsForTheStart(t *testing.T) {
	no := errors.New("it answers 500")
	t.Run("until the start-up probe has passed nothing else is asked", func(t *testing.T) {
		probes := [probeKinds]forescale.Probe{startup: {HTTP: "/up", Period: time.Second, Failures: 30}, readiness: {HTTP: "/ready"}, liveness: {HTTP: "/live", Failures: 2}}
		probing(t, probes, func(p *prober, a *answers) {
			a.set("/up", no)
			a.set("/live", no)
			time.Sleep(2500 * time.Millisecond)
			if h := p.health("c", true); !h.known || h.ready || h.unhealthy != "" || a.times("/ready")+a.times("/live") > 0 {
				t.Errorf("%+v, asked %v", h, a.all())
			}
			a.set("/up", nil)
			time.Sleep(3 * time.Second)
			if h := p.health("c", true); !h.ready || h.unhealthy != "" {
				t.Errorf("started up it is %+v", h)
			}
			time.Sleep(10 * time.Second)
			up := a.times("/up")
			if h := p.health("c", true); h.unhealthy != "its liveness probe (GET /live) failed 2 times: it answers 500" {
				t.Errorf("not alive it is %+v", h)
			}
			time.Sleep(time.Minute)
			if a.times("/up") != up {
				t.Error("the start-up probe is asked again")
			}
		})
	})
	t.Run("a start-up probe that fails too often ends the start", func(t *testing.T) {
		probing(t, [probeKinds]forescale.Probe{startup: {HTTP: "/up", Period: time.Second, Failures: 5}}, func(p *prober, a *answers) {
			a.set("/up", no)
			time.Sleep(3500 * time.Millisecond)
			if h := p.health("c", true); h.ready || h.unhealthy != "" {
				t.Errorf("early it is %+v", h)
			}
			time.Sleep(3 * time.Second)
			if h := p.health("c", true); h.unhealthy == "" {
				t.Errorf("late it is %+v", h)
			}
		})
	})
	t.Run("without a start-up probe liveness counts from when it was ready", func(t *testing.T) {
		probing(t, [probeKinds]forescale.Probe{readiness: {HTTP: "/ready"}, liveness: {HTTP: "/live", Failures: 1}}, func(p *prober, a *answers) {
			a.set("/ready", no)
			a.set("/live", no)
			time.Sleep(time.Hour)
			if h := p.health("c", true); h.unhealthy != "" {
				t.Errorf("never ready it is %+v", h)
			}
			a.set("/ready", nil)
			time.Sleep(5 * time.Second)
			if h := p.health("c", true); h.unhealthy == "" {
				t.Errorf("ready it is %+v", h)
			}
		})
	})
	t.Run("a probe that is changed begins anew", func(t *testing.T) {
		probing(t, [probeKinds]forescale.Probe{liveness: {HTTP: "/live", Failures: 1}}, func(p *prober, a *answers) {
			a.set("/live", no)
			time.Sleep(5 * time.Second)
			if p.health("c", true).unhealthy == "" {
				t.Fatal("it is healthy")
			}
			started := p.by["c"].started
			p.watch("c", started, true, [probeKinds]string{}, [probeKinds]forescale.Probe{liveness: forescale.Probe{HTTP: "/other", Failures: 1}.WithDefaults()})
			if h := p.health("c", true); h.unhealthy != "" {
				t.Errorf("under another probe it is %+v", h)
			}
		})
	})
}

// Ten thousand instances that never answer hold up no reader, and no more attempts run
// at once than are allowed.
func TestManyProbesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most, asks atomic.Int64
		p := newProber(pace{}, func(ctx context.Context, t asked, _ string) (string, error) {
			n := under.Add(1)
			defer under.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			asks.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(t.probe.Timeout):
			}
			return "", errors.New("no answer")
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.loop(ctx) }()
		probe := forescale.Probe{HTTP: "/"}.WithDefaults()
		for n := range 10_000 {
			p.watch(fmt.Sprint(n), time.Now(), true, [probeKinds]string{}, [probeKinds]forescale.Probe{readiness: probe})
		}
		time.Sleep(time.Minute)
		began := time.Now()
		for n := range 10_000 {
			p.health(fmt.Sprint(n), true)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("reading takes %v", took)
		}
		if most.Load() != probesAtOnce {
			t.Errorf("%d attempts at once, want %d", most.Load(), probesAtOnce)
		}
		if n := asks.Load(); n < 50*probesAtOnce {
			t.Errorf("%d attempts in a minute", n)
		}
		p.keep(nil)
		before := asks.Load()
		time.Sleep(time.Minute)
		if n := asks.Load() - before; n > probesAtOnce {
			t.Errorf("%d attempts at containers that are gone", n)
		}
		cancel()
		<-done
	})
}

// The periods of probes are the clock's, as all that is configured: on one that runs
// sixty times as fast a minute is a second.
func TestPeriodsGoByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{by: map[string]error{}, asked: map[string]int{}}
		p := newProber(pace{factor: 60}, a.ask)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.loop(ctx) }()
		p.watch("c", time.Now(), true, [probeKinds]string{}, [probeKinds]forescale.Probe{liveness: forescale.Probe{HTTP: "/live", Period: time.Minute}.WithDefaults()})
		time.Sleep(10 * time.Second)
		if n := a.times("/live"); n < 9 || n > 11 {
			t.Errorf("asked %d times in ten minutes of the clock, want once a minute", n)
		}
		cancel()
		<-done
	})
}
