package collector

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/forescale/forescale"
)

func TestFirstHealthy(t *testing.T) {
	t0 := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	sec := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }
	check := func(n, exit int) *container.HealthcheckResult {
		return &container.HealthcheckResult{Start: sec(n), End: sec(n).Add(100 * time.Millisecond), ExitCode: exit}
	}
	for _, c := range []struct {
		name string
		h    container.Health
		want time.Time // for one that was not watched
	}{
		{"the end of the first check that passed", container.Health{Status: "healthy", Log: []*container.HealthcheckResult{check(1, 1), check(2, 0), check(3, 0)}}, check(2, 0).End},
		{"a short log that begins with a pass is whole", container.Health{Status: "healthy", Log: []*container.HealthcheckResult{check(1, 0)}}, check(1, 0).End},
		{"a full log that begins with a pass has lost the first", container.Health{Status: "healthy", Log: []*container.HealthcheckResult{check(1, 0), check(2, 0), check(3, 0), check(4, 0), check(5, 0)}}, time.Time{}},
		{"checks from before a restart do not count", container.Health{Status: "healthy", Log: []*container.HealthcheckResult{check(-9, 0), check(2, 0)}}, check(2, 0).End},
		{"unhealthy is not ready", container.Health{Status: "unhealthy", Log: []*container.HealthcheckResult{check(1, 0)}}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := firstHealthy(&c.h, t0, false); !got.Equal(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	full := container.Health{Status: "healthy", Log: []*container.HealthcheckResult{check(1, 0), check(2, 0), check(3, 0), check(4, 0), check(5, 0)}}
	if got := firstHealthy(&full, t0, true); !got.Equal(full.Log[0].End) {
		t.Errorf("one that was watched was ready by %v at the latest, got %v", full.Log[0].End, got)
	}
}

func TestExitWords(t *testing.T) {
	for _, c := range []struct {
		name string
		s    container.State
		want string
	}{
		{"running has no exit", container.State{Status: "running", Running: true, ExitCode: 1}, ""},
		{"created is not ended", container.State{Status: "created"}, ""},
		{"a start that the engine refused", container.State{Status: "created", ExitCode: 127, Error: "no such file"}, "exit code 127, no such file"},
		{"out of memory is named", container.State{Status: "exited", ExitCode: 137, OOMKilled: true}, "exit code 137, out of memory: it passed its memory limit"},
		{"killed", container.State{Status: "exited", ExitCode: 137}, "exit code 137, killed"},
		{"ended by itself", container.State{Status: "exited"}, "exit code 0"},
		{"on its way out", container.State{Status: "removing", ExitCode: 2}, "is being removed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exitWords(&c.s); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	type nets = map[string]*network.EndpointSettings
	inspect := func(mode string, ports nat.PortMap, n nets, exposed ...nat.Port) container.InspectResponse {
		j := container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(mode), PortBindings: ports}},
			Config:            &container.Config{ExposedPorts: nat.PortSet{}},
			NetworkSettings:   &container.NetworkSettings{Networks: n},
		}
		j.NetworkSettings.Ports = ports
		for _, p := range exposed {
			j.Config.ExposedPorts[p] = struct{}{}
		}
		return j
	}
	bridge := nets{"bridge": {IPAddress: "172.17.0.5"}}
	for _, c := range []struct {
		name string
		j    container.InspectResponse
		svc  forescale.Service
		want string
	}{
		{"published on loopback", inspect("default", nat.PortMap{"80/tcp": {{HostIP: "127.0.0.1", HostPort: "3001"}}}, bridge), forescale.Service{}, "127.0.0.1:3001"},
		{"published on all is reached at the engine's host", inspect("default", nat.PortMap{"80/tcp": {{HostIP: "0.0.0.0", HostPort: "3001"}}}, bridge), forescale.Service{}, "engine:3001"},
		{"not published is reached at its own address", inspect("default", nil, bridge, "8080/tcp"), forescale.Service{}, "172.17.0.5:8080"},
		{"the service's port goes before the exposed ones", inspect("default", nil, bridge, "8080/tcp", "9090/tcp"), forescale.Service{Template: forescale.Template{Port: 9090}}, "172.17.0.5:9090"},
		{"two ports and no word which", inspect("default", nil, bridge, "8080/tcp", "9090/tcp"), forescale.Service{}, ""},
		{"udp does not count", inspect("default", nil, bridge, "8080/tcp", "53/udp"), forescale.Service{}, "172.17.0.5:8080"},
		{"the host's network", inspect("host", nil, nets{"host": {}}, "8080/tcp"), forescale.Service{}, "engine:8080"},
		{"the named network goes first", inspect("a", nil, nets{"a": {IPAddress: "10.0.0.1"}, "b": {IPAddress: "10.0.1.1"}}, "80/tcp"), forescale.Service{Template: forescale.Template{Network: "b"}}, "10.0.1.1:80"},
		{"version 6 is put in brackets", inspect("a", nil, nets{"a": {GlobalIPv6Address: "fd00::5"}}, "80/tcp"), forescale.Service{}, "[fd00::5]:80"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := address(c.j, port(c.svc, c.j), "engine", c.svc.Template.Network); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	for engine, want := range map[string]string{"unix:///var/run/docker.sock": "127.0.0.1", "tcp://10.1.2.3:2376": "10.1.2.3", "": "127.0.0.1"} {
		if got := reachableHost(engine); got != want {
			t.Errorf("ports of engine %q are reached at %q, want %q", engine, got, want)
		}
	}
}

func TestPaceOfAFastClock(t *testing.T) {
	origin := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	clock := forescale.NewFastClock(origin, 60)
	got := paceOf(clock).at(time.Now().Add(-10 * time.Second))
	if d := got.Sub(origin.Add(-10 * time.Minute)).Abs(); d > 10*time.Second {
		t.Errorf("10 s ago on the machine is %v by a clock 60 times as fast, want about %v", got, origin.Add(-10*time.Minute))
	}
	now := time.Now()
	if got := paceOf(forescale.NewSystemClock()).at(now); !got.Equal(now) || got.Location() != time.UTC {
		t.Errorf("the machine's own clock changes %v to %v", now, got)
	}
}

func TestBackoffGrowsWithSpreadAndEnds(t *testing.T) {
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var b backoff
	for n := range 40 {
		b.failed(now, "away")
		want := min(backoffFirst<<min(n, 10), backoffMost)
		if got := b.wait(now); got < want/2 || got > want*3/2 {
			t.Fatalf("pause %d is %v, want %v give or take half", n, got, want)
		}
	}
	if b.wait(now.Add(backoffMost*2)) != 0 {
		t.Error("the pause does not end")
	}
	b.worked()
	if b.wait(now) != 0 {
		t.Error("after it worked there is still a pause")
	}
}
