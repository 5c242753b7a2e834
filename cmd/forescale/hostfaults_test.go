package main

import (
	"cmp"
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

	"github.com/forescale/forescale/internal/dockertest"
)

// hostFaultCount is how many faults the hosts get; fewer by default.
const hostFaultCount = "FORESCALE_HOST_FAULTS"

// hostFault is one kind of fault; make gives what heals it, nil where there is nothing to hurt.
type hostFault struct {
	name string
	make func(s *hostSite, host string) (heal func())
}

var hostFaults = []hostFault{
	{"agent killed", func(s *hostSite, host string) func() { return s.signal(host, dockertest.HostAgent, syscall.SIGKILL, 0) }},
	{"agent stands still", func(s *hostSite, host string) func() {
		return s.signal(host, dockertest.HostAgent, syscall.SIGSTOP, syscall.SIGCONT)
	}},
	{"host cut off", func(s *hostSite, host string) func() {
		s.hosts.Cut(host)
		return func() { s.hosts.Heal(host) }
	}},
	{"start fails", func(s *hostSite, _ string) func() { return s.spoil("fails") }},
	{"start hangs", func(s *hostSite, _ string) func() { return s.spoil("hangs") }},
	{"engine killed", func(s *hostSite, host string) func() {
		return s.signal(host, dockertest.HostEngine, syscall.SIGKILL, 0)
	}},
	{"engine stands still", func(s *hostSite, host string) func() {
		return s.signal(host, dockertest.HostEngine, syscall.SIGSTOP, syscall.SIGCONT)
	}},
	{"host ended", func(s *hostSite, host string) func() {
		if host == hostRack { // nobody would order it anew
			return nil
		}
		s.hosts.Die(host)
		return func() {}
	}},
	{"server killed", func(s *hostSite, _ string) func() {
		s.kill()
		return s.start
	}},
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

// Many random faults of agents, hosts, engines, start commands and the server while much is
// asked for. In the end the engines of all hosts run what the store has, no host runs that
// it does not have, and nothing was doubled. FORESCALE_HOST_FAULTS=100 makes it a long one.
func TestRandomFaultsOfHosts(t *testing.T) {
	faults, _ := strconv.Atoi(os.Getenv(hostFaultCount))
	faults = cmp.Or(faults, len(hostFaults))
	s := newHostSite(t, time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC), func(time.Time) float64 { return 50 }, 1_000_000)
	s.settled(time.Minute, 1, hostRoom)
	r := rand.New(rand.NewPCG(2, 71))
	var healing sync.WaitGroup
	var mu sync.Mutex
	under, count := map[string]bool{}, map[string]int{}
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
			host = there[r.IntN(len(there))]
			mu.Lock()
			defer mu.Unlock()
			if under[kind.name] || under[host] {
				return fmt.Errorf("%s or %s is hurt already", kind.name, host)
			}
			if heal = kind.make(s, host); heal == nil {
				return fmt.Errorf("%s: nothing to hurt on %s", kind.name, host)
			}
			under[kind.name], under[host] = true, true
			return nil
		})
		count[kind.name]++
		t.Logf("%d at %s: %s of %s for %v; %d wanted", n+1, s.clock.Now().Format(time.TimeOnly), kind.name, host, lasts, least)
		healing.Go(func() {
			<-time.After(lasts)
			heal()
			mu.Lock()
			defer mu.Unlock()
			delete(under, kind.name)
			delete(under, host)
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
	t.Logf("faults %v; %d hosts ordered, %d containers seen", count, len(s.lives()), len(s.where))
}
