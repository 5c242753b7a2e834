package storetest

import (
	"errors"
	"time"

	"github.com/forescale/forescale"
)

// wholeService has something in every field.
func wholeService(name string) forescale.Service {
	return forescale.Service{
		Name: name, Mode: forescale.ModeActive, Min: 2, Max: 40, Objective: 0.99,
		Band: forescale.Band{{From: 1, Upper: 55.5}, {From: 4, Upper: 75}}, TimeZone: "Europe/Berlin",
		Metrics: []forescale.Metric{util, load}, Capacity: 120.5,
		Warmup: 90 * time.Second, Cooldown: 1500 * time.Millisecond, MaxStep: 3,
		Missing: forescale.MissingRules{Hold: time.Minute, StandIn: 2 * time.Hour, FollowForecast: true},
		Template: forescale.Template{
			Image: "shop/checkout@sha256:0", Command: []string{"serve", "--port", "80"},
			Env: map[string]string{"LANG": "de"}, EnvFrom: []string{"DB_PASSWORD"}, Labels: map[string]string{"team": "shop"},
			Network: "shop", Port: 80, Publish: true, CPUs: 0.5, Memory: 1 << 30, Swarm: "shop_web",
			Readiness: forescale.Probe{HTTP: "/ready", Port: 81, Period: 5 * time.Second, Timeout: time.Second, Failures: 2, Successes: 3},
			Liveness:  forescale.Probe{TCP: true}, Startup: forescale.Probe{Command: []string{"/bin/check"}},
		},
		Rollout:      forescale.RolloutRules{Surge: 2, Failures: 4, Hotter: 1.25, Settle: time.Minute},
		PricePerHour: 125_000, BillingStep: time.Minute, Priority: -3,
		Origin: forescale.OriginAPI, UpdatedAt: at(0),
	}
}

func (f *fixture) put(s forescale.Service, ifVersion int64) forescale.Service {
	f.Helper()
	return must[forescale.Service](f)(f.PutService(f.ctx, s, ifVersion))
}

// is fails the test unless err is the one wanted.
func (f *fixture) is(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("got error %v, want %v", err, want)
	}
}

var serviceCases = []testCase{
	{"a service comes back whole, with its version", func(f *fixture) {
		s := wholeService("checkout")
		s.UpdatedAt = at(0).Add(999 * time.Microsecond).In(time.FixedZone("CET", 3600))
		got := f.put(s, 0)
		want := wholeService("checkout")
		want.Version = got.Version
		if got.Version < 1 {
			f.Fatalf("version %d", got.Version)
		}
		f.equal(got, want)
		f.equal(must[forescale.Service](f)(f.Service(f.ctx, "checkout")), want)
		empty := f.put(forescale.Service{Name: "empty", UpdatedAt: at(0)}, 0)
		f.equal(must[forescale.Service](f)(f.Service(f.ctx, "empty")), empty)
	}},
	{"a service that is not there is not found", func(f *fixture) {
		_, err := f.Service(f.ctx, "nobody")
		f.is(err, forescale.ErrNotFound)
		f.is(f.DeleteService(f.ctx, "nobody"), forescale.ErrNotFound)
	}},
	{"services are listed by name", func(f *fixture) {
		f.equal(must[[]forescale.Service](f)(f.ListServices(f.ctx)), []forescale.Service{})
		for _, n := range []string{"b", "c", "a"} {
			f.put(wholeService(n), 0)
		}
		var names []string
		for _, s := range must[[]forescale.Service](f)(f.ListServices(f.ctx)) {
			names = append(names, s.Name)
		}
		f.equal(names, []string{"a", "b", "c"})
	}},
	{"a version grows with each change, and a stale one conflicts", func(f *fixture) {
		s := wholeService("a")
		first := f.put(s, 0)
		s.Max = 50
		second := f.put(s, first.Version)
		if second.Version <= first.Version {
			f.Fatalf("version %d after %d", second.Version, first.Version)
		}
		for _, stale := range []int64{0, first.Version, second.Version + 1} {
			s.Max = 60
			_, err := f.PutService(f.ctx, s, stale)
			f.is(err, forescale.ErrConflict)
		}
		f.equal(must[forescale.Service](f)(f.Service(f.ctx, "a")), second)
		f.equal(f.put(s, -1).Max, 60)
	}},
	{"a service that does not exist conflicts with any version but 0 and -1", func(f *fixture) {
		_, err := f.PutService(f.ctx, wholeService("a"), 1)
		f.is(err, forescale.ErrConflict)
		f.put(wholeService("a"), -1)
	}},
	{"a deleted service is gone, and its versions are not given out again", func(f *fixture) {
		f.put(wholeService("a"), 0)
		last := f.put(wholeService("a"), -1)
		f.append(sample(service("a"), load, at(0), 1))
		f.ok(f.DeleteService(f.ctx, "a"))
		_, err := f.Service(f.ctx, "a")
		f.is(err, forescale.ErrNotFound)
		f.is(f.DeleteService(f.ctx, "a"), forescale.ErrNotFound)
		f.equal(must[[]forescale.Service](f)(f.ListServices(f.ctx)), []forescale.Service{})
		f.equal(len(f.dirty(9)), 1) // its history stays
		_, err = f.PutService(f.ctx, wholeService("a"), last.Version)
		f.is(err, forescale.ErrConflict)
		if again := f.put(wholeService("a"), 0); again.Version <= last.Version {
			f.Fatalf("version %d was given out before", again.Version)
		}
	}},
	{"what is returned does not share memory with what was given", func(f *fixture) {
		s := wholeService("a")
		got := f.put(s, 0)
		s.Template.Env["LANG"], s.Band[0].Upper = "fr", 1
		want := wholeService("a")
		want.Version = got.Version
		f.equal(got, want)
	}},
}

var pauseCases = []testCase{
	{"pauses that have not ended by now are listed by service", func(f *fixture) {
		pauses := []forescale.Pause{
			{Service: "", By: "ops", Note: "night", Since: at(0), Until: at(100)},
			{Service: "a", By: "ops-2", Since: at(10), Until: at(50)},
			{Service: "b", Since: at(60), Until: at(70)},
		}
		for _, p := range []int{2, 0, 1} {
			f.ok(f.PutPause(f.ctx, pauses[p]))
		}
		read := func(now time.Time) []forescale.Pause { return must[[]forescale.Pause](f)(f.Pauses(f.ctx, now)) }
		f.equal(read(at(0)), pauses)
		f.equal(read(at(50).Add(-time.Millisecond)), pauses)
		f.equal(read(at(50)), []forescale.Pause{pauses[0], pauses[2]})
		f.equal(read(at(100)), []forescale.Pause{})
	}},
	{"there is one pause for each service: another one replaces it", func(f *fixture) {
		f.ok(f.PutPause(f.ctx, forescale.Pause{Service: "a", By: "x", Note: "old", Since: at(0), Until: at(100)}))
		p := forescale.Pause{Service: "a", By: "y", Since: at(1), Until: at(9)}
		f.ok(f.PutPause(f.ctx, p))
		f.equal(must[[]forescale.Pause](f)(f.Pauses(f.ctx, at(2))), []forescale.Pause{p})
	}},
	{"a pause can be ended, once", func(f *fixture) {
		f.ok(f.PutPause(f.ctx, forescale.Pause{Service: "", Since: at(0), Until: at(100)}))
		f.is(f.EndPause(f.ctx, "a"), forescale.ErrNotFound)
		f.ok(f.EndPause(f.ctx, ""))
		f.is(f.EndPause(f.ctx, ""), forescale.ErrNotFound)
		f.equal(must[[]forescale.Pause](f)(f.Pauses(f.ctx, at(0))), []forescale.Pause{})
	}},
}

var nodeCases = []testCase{
	{"nodes and node types come back whole, by name, and are replaced by name", func(f *fixture) {
		n := forescale.Node{Name: "n-02", Type: "large", Address: "10.0.0.2:80", State: forescale.NodeReady, Protected: true,
			Cores: 7.5, Memory: 1 << 36, UpdatedAt: at(0)}
		other := forescale.Node{Name: "n-01", State: forescale.NodeBooting, UpdatedAt: at(1)}
		f.ok(f.PutNode(f.ctx, n))
		f.ok(f.PutNode(f.ctx, other))
		f.equal(must[[]forescale.Node](f)(f.Nodes(f.ctx)), []forescale.Node{other, n})
		n.State, n.Protected = forescale.NodeDraining, false
		f.ok(f.PutNode(f.ctx, n))
		f.equal(must[[]forescale.Node](f)(f.Nodes(f.ctx)), []forescale.Node{other, n})

		large := forescale.NodeType{Name: "large", Cores: 8, Speed: 1.25, Memory: 1 << 36, Disk: 1 << 40, DiskKind: "nvme", Bandwidth: 1000,
			PricePerHour: 0.123, BillingStep: time.Hour, BootTime: 90 * time.Second, MaxCount: 5, UpdatedAt: at(0)}
		big := forescale.NodeType{Name: "big", UpdatedAt: at(1)}
		f.ok(f.PutNodeType(f.ctx, large))
		f.ok(f.PutNodeType(f.ctx, big))
		f.equal(must[[]forescale.NodeType](f)(f.NodeTypes(f.ctx)), []forescale.NodeType{big, large})
		large.PricePerHour = 0.2
		f.ok(f.PutNodeType(f.ctx, large))
		f.equal(must[[]forescale.NodeType](f)(f.NodeTypes(f.ctx)), []forescale.NodeType{big, large})
	}},
}
