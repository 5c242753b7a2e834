package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
)

// hostFaultCount is how many faults the hosts get; fewer by default.
const hostFaultCount = "FORESCALE_HOST_FAULTS"

// hostFault is one kind of fault; make gives what heals it, nil where there is nothing to hurt.
type hostFault struct {
	name string
	make func(s *hostSite, host string) (heal func())
	of   string // what it hurts; "": a host
}

var hostFaults = []hostFault{
	{"agent killed", func(s *hostSite, host string) func() { return s.signal(host, dockertest.HostAgent, syscall.SIGKILL, 0) }, ""},
	{"agent stands still", func(s *hostSite, host string) func() {
		return s.signal(host, dockertest.HostAgent, syscall.SIGSTOP, syscall.SIGCONT)
	}, ""},
	{"host cut off", func(s *hostSite, host string) func() {
		s.hosts.Cut(host)
		return func() { s.hosts.Heal(host) }
	}, ""},
	{"start fails", func(s *hostSite, _ string) func() { return s.spoil("fails") }, "start commands"},
	{"start hangs", func(s *hostSite, _ string) func() { return s.spoil("hangs") }, "start commands"},
	{"engine killed", func(s *hostSite, host string) func() {
		return s.signal(host, dockertest.HostEngine, syscall.SIGKILL, 0)
	}, ""},
	{"engine stands still", func(s *hostSite, host string) func() {
		return s.signal(host, dockertest.HostEngine, syscall.SIGSTOP, syscall.SIGCONT)
	}, ""},
	{"host ended", func(s *hostSite, host string) func() {
		if host == hostRack { // nobody would order it anew
			return nil
		}
		s.hosts.Die(host)
		return func() {}
	}, ""},
	{"server killed", func(s *hostSite, _ string) func() {
		s.kill()
		return s.start
	}, hostServer},
}

// signal hurts a part of a host; what was ended by it comes back by itself.
func (s *hostSite) signal(host, part string, hurt, heal syscall.Signal) func() {
	if !s.hosts.Signal(host, part, hurt) {
		return nil
	}
	return func() {
		if heal != 0 {
			s.hosts.Signal(host, part, heal)
		}
	}
}

// spoil lets start commands go wrong.
func (s *hostSite) spoil(how string) func() {
	path := filepath.Join(s.dir, how)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		s.Error(err)
	}
	return func() { _ = os.Remove(path) }
}

// hurts is what is hurt, by fault and by host, and what that cost.
type hurts struct {
	mu       sync.Mutex
	under    map[string]bool
	well     map[string]time.Time // host → since when it was not hurt, by the clock of the site
	minutes  int
	unserved int // minutes in which nothing took load
	unforced int // of these, those in which it could have: see forces
}

// forces is how long after a fault it is to blame that nothing takes load: a silence of
// 30 s, a round, and a start of two minutes.
const forces = 5 * time.Minute

// watch counts unserved minutes until ctx ends. One is forced by faults unless the server and
// a host, which one instance always fits on, were well for long.
func (h *hurts) watch(ctx context.Context, s *hostSite) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.clock.After(time.Minute):
		}
		takes, now := 0, s.clock.Now()
		there := s.hosts.All()
		for _, host := range there {
			names, _ := s.hosts.Containers(ctx, host, forescale.LabelService+"="+hostShop) // of an engine that is hurt none is known
			takes += healthy(map[string]map[string]bool{host: names})
		}
		h.mu.Lock()
		could := false
		for _, host := range there {
			could = could || h.wellFor(host, now) && h.wellFor(hostServer, now)
		}
		h.minutes++
		if takes == 0 {
			h.unserved++
			if could {
				h.unforced++
			}
		}
		h.mu.Unlock()
	}
}

// hostServer stands for the server among the hosts.
const hostServer = "the server"

// wellFor reports whether something was not hurt for long; one that is new counts from now.
func (h *hurts) wellFor(what string, now time.Time) bool {
	if h.well[what].IsZero() {
		h.well[what] = now
	}
	return !h.under[what] && now.Sub(h.well[what]) > forces
}

// Many random faults of agents, hosts, engines, start commands and the server while much is
// asked for. In the end the engines of all hosts run what the store has, no host runs that
// it does not have, and nothing was doubled; and load was taken wherever something well could
// take it. FORESCALE_HOST_FAULTS=100 makes it a long one.
func TestRandomFaultsOfHosts(t *testing.T) {
	faults, _ := strconv.Atoi(os.Getenv(hostFaultCount))
	faults = cmp.Or(faults, len(hostFaults))
	s := newHostSite(t, time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC), func(time.Time) float64 { return 50 }, 1_000_000)
	s.settled(time.Minute, 1, hostRoom)
	r := rand.New(rand.NewPCG(2, 71))
	var healing, watching sync.WaitGroup
	hurt, count := &hurts{under: map[string]bool{}, well: map[string]time.Time{}}, map[string]int{}
	ctx, stop := context.WithCancel(t.Context())
	watching.Go(func() { hurt.watch(ctx, s) })
	t.Cleanup(func() { stop(); watching.Wait() })
	for n := range faults {
		least, lasts, gap := 1+r.IntN(7), 300*time.Millisecond+time.Duration(r.IntN(6000))*time.Millisecond, time.Second+time.Duration(r.IntN(3000))*time.Millisecond
		_ = s.ask(http.MethodPatch, "/v1/services/"+hostShop, fmt.Sprintf(`{"min_instances": %d}`, least), nil) // it may be away
		var kind hostFault
		var host string
		var heal func()
		eventually(t, time.Minute, func() error { // until something is well that can be hurt
			if kind = hostFaults[r.IntN(len(hostFaults))]; n < len(hostFaults) { // each at least once
				kind = hostFaults[n*5%len(hostFaults)]
			}
			there := s.hosts.All()
			if host = there[r.IntN(len(there))]; kind.of != "" {
				host = kind.of
			}
			hurt.mu.Lock()
			defer hurt.mu.Unlock()
			if hurt.under[kind.name] || hurt.under[host] {
				return fmt.Errorf("%s or %s is hurt already", kind.name, host)
			}
			if heal = kind.make(s, host); heal == nil {
				return fmt.Errorf("%s: nothing to hurt on %s", kind.name, host)
			}
			hurt.under[kind.name], hurt.under[host] = true, true
			return nil
		})
		count[kind.name]++
		t.Logf("%d at %s: %s of %s for %v; %d wanted", n+1, s.clock.Now().Format(time.TimeOnly), kind.name, host, lasts, least)
		healing.Go(func() {
			<-time.After(lasts)
			heal()
			hurt.mu.Lock()
			defer hurt.mu.Unlock()
			delete(hurt.under, kind.name)
			delete(hurt.under, host)
			hurt.well[host] = s.clock.Now()
		})
		_, _ = s.runs() // what is doubled for a while is seen, too
		<-time.After(gap)
	}
	healing.Wait()
	s.ready()
	const wanted = 3
	eventually(t, time.Minute, func() error {
		return s.ask(http.MethodPatch, "/v1/services/"+hostShop, fmt.Sprintf(`{"min_instances": %d}`, wanted), nil)
	})
	s.settled(3*time.Minute, wanted, wanted)
	s.once()
	stop()
	watching.Wait()
	if float64(hurt.unforced) > 0.05*float64(hurt.minutes) {
		t.Error("the objective of 95 % was missed where no fault forced it")
	}
	t.Logf("in %d of %d minutes nothing took load, in %d of them though a host and the server were well for %v", hurt.unserved, hurt.minutes, hurt.unforced, forces)
	t.Logf("faults %v; %d hosts ordered, %d containers seen", count, len(s.lives()), len(s.where))
}
