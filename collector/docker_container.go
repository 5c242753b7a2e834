package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/forescale/forescale"
)

// errAnswer is returned when the engine's answer about a container lacks what
// it always holds.
var errAnswer = errors.New("the engine's answer about the container is incomplete")

// reading is what is remembered of one container between two observations.
type reading struct {
	sighting forescale.Sighting // as told last; its ID is "" before the first
	started  time.Time          // machine time; a change means that it was started again
	waited   bool               // it was seen when it was not ready yet, since started
	passed   bool               // it was seen ready, since started
	readyAt  time.Time          // by our clock, when that was; zero when not known
	unready  int                // how often it was looked at and found not ready
	unread   bool               // the last look at it failed: whether it is ready is not known
	limits   container.Resources
	usage    usage // the last one of this ready stretch; zero before
}

// read looks at one container. When it cannot be read, what was last known of
// it is told with the error; gone says that it went between list and look.
func (d *Docker) read(ctx context.Context, c container.Summary, r *reading) (s forescale.Sighting, gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.CallTimeout)
	defer cancel()
	j, err := d.cli.ContainerInspect(ctx, c.ID)
	if errdefs.IsNotFound(err) {
		return s, true, nil
	}
	if err == nil && (j.ContainerJSONBase == nil || j.State == nil || j.HostConfig == nil || j.Config == nil) {
		err = errAnswer
	}
	r.unread = err != nil
	if err != nil {
		if r.sighting.ID != "" {
			return r.sighting, false, err
		}
		return d.listed(c), false, err
	}
	s = d.listed(c)
	svc := d.services[s.Service]
	if made := c.Labels[forescale.LabelRevision]; made != "" && made != svc.Template.Revision() {
		if t, err := svc.Template.WithAsked(c.Labels[forescale.LabelProbes]); err == nil {
			svc.Template = t
		}
	}
	s.StartedAt, s.Exit = d.pace.at(engineTime(j.State.StartedAt)), exitWords(j.State)
	s.Running = j.State.Running && !j.State.Dead
	if s.Running {
		s.Address = address(j, port(svc, j), d.host, svc.Template.Network)
		d.ready(ctx, &s, svc, j, r)
	}
	r.sighting, r.limits = s, j.HostConfig.Resources
	if !s.Ready {
		r.unready++
		r.usage = usage{}
	}
	return s, false, nil
}

// listed is what the list alone tells about a container.
func (d *Docker) listed(c container.Summary) forescale.Sighting {
	return forescale.Sighting{
		ID: containerName(c), Service: forescale.LabelledService(containerName(c), c.Labels), Node: d.info.name,
		Image: c.Image, Decision: c.Labels[forescale.LabelDecision], Revision: c.Labels[forescale.LabelRevision], Running: c.State == container.StateRunning,
	}
}

// ready tells whether a running container takes load, and since when if that
// is known: from the log of its health check, or because it was seen unready.
func (d *Docker) ready(ctx context.Context, s *forescale.Sighting, svc forescale.Service, j container.InspectResponse, r *reading) {
	started := engineTime(j.State.StartedAt)
	if !r.started.Equal(started) {
		// Seen from its beginning, if the last look was before it started.
		*r = reading{started: started, unready: r.unready + 1, waited: !d.last.IsZero() && d.last.Before(started)}
	}
	var at time.Time // machine time
	switch {
	case j.State.Paused || j.State.Restarting:
	case j.State.Health != nil && j.State.Health.Status != container.NoHealthcheck:
		s.Ready = j.State.Health.Status == container.Healthy
		at = firstHealthy(j.State.Health, started, r.waited)
	default:
		s.Ready, at = true, started
	}
	if !j.State.Paused && !j.State.Restarting {
		at = d.probed(ctx, s, svc, j, r, at)
	}
	if s.Ready && !r.passed {
		r.passed, r.readyAt = true, d.pace.at(at)
	}
	r.waited = r.waited || !s.Ready
	s.ReadyAt = r.readyAt
}

// probed brings in what the probes tell, if there are any: they run beside the rounds,
// and only for the first answers of new instances a round waits a moment. ready is when it was
// ready without them; so is the answer where they do not tell.
func (d *Docker) probed(ctx context.Context, s *forescale.Sighting, svc forescale.Service, j container.InspectResponse, r *reading, ready time.Time) time.Time {
	probes := probesOf(svc, j.Config.Labels)
	var addresses [probeKinds]string
	some := false
	for k, p := range probes {
		some = some || p.Set()
		if addresses[k] = s.Address; p.Port > 0 {
			addresses[k] = address(j, p.Port, d.host, svc.Template.Network)
		}
	}
	if !some {
		return ready
	}
	d.probing.Do(func() { d.wg.Go(func() { d.prober.loop(d.end) }) })
	first := d.prober.watch(j.ID, r.started, r.waited, addresses, probes)
	patience := time.NewTimer(time.Until(d.firstBy))
	defer patience.Stop()
	select {
	case <-first:
	case <-patience.C:
	case <-ctx.Done():
	}
	h := d.prober.health(j.ID, s.Ready)
	s.Ready, s.Unasked, s.Unhealthy, s.Alive = h.ready, !h.known, h.unhealthy, h.alive
	if h.told {
		return h.readyAt
	}
	return ready
}

// healthLog is how many results the engine keeps.
const healthLog = 5

// firstHealthy is when the health check first passed since the start. If that
// has dropped out of the engine's short log, it is the oldest pass there for a
// container that was watched meanwhile, and else zero: it may be days ago.
func firstHealthy(h *container.Health, started time.Time, watched bool) time.Time {
	if h.Status != container.Healthy {
		return time.Time{}
	}
	for i, e := range h.Log {
		if e == nil || e.Start.Before(started) || e.ExitCode != 0 {
			continue
		}
		if i == 0 && len(h.Log) >= healthLog && !watched {
			return time.Time{}
		}
		return e.End
	}
	return time.Time{}
}

// exitWords tells why a container does not run; "" for one not started yet.
func exitWords(s *container.State) string {
	switch {
	case s.Running && !s.Dead:
		return ""
	case s.Status == "removing" || s.Dead:
		return forescale.ExitRemoved
	case s.OOMKilled:
		return fmt.Sprintf("exit code %d, out of memory: it passed its memory limit", s.ExitCode)
	case s.Error != "":
		return fmt.Sprintf("exit code %d, %s", s.ExitCode, s.Error)
	case s.Status == container.StateCreated:
		return ""
	case s.ExitCode == 137:
		return "exit code 137, killed"
	case s.ExitCode == 143:
		return "exit code 143, " + forescale.ExitAsked
	default:
		return fmt.Sprintf("exit code %d", s.ExitCode)
	}
}

// engineTime reads a time as the engine writes it; zero for "not yet".
func engineTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// port is the one that the service listens on inside the container: the
// service's, the label's, or the only one there is; 0 when not known.
func port(svc forescale.Service, j container.InspectResponse) int {
	if svc.Template.Port > 0 {
		return svc.Template.Port
	}
	if p, err := strconv.Atoi(j.Config.Labels[forescale.LabelPort]); err == nil {
		return p
	}
	only := func(ports []nat.Port) int {
		n := 0
		for _, p := range ports {
			if p.Proto() == "tcp" && n != 0 {
				return 0
			} else if p.Proto() == "tcp" {
				n = p.Int()
			}
		}
		return n
	}
	if p := only(slices.Collect(maps.Keys(j.HostConfig.PortBindings))); p > 0 {
		return p
	}
	return only(slices.Collect(maps.Keys(j.Config.ExposedPorts)))
}

// address is where the port is reached: published on the host, or at the
// container's own address. It is "" when the port is not known.
func address(j container.InspectResponse, port int, host, preferred string) string {
	if port == 0 || j.NetworkSettings == nil {
		return ""
	}
	p := nat.Port(strconv.Itoa(port) + "/tcp")
	for _, b := range j.NetworkSettings.Ports[p] {
		if n, err := strconv.Atoi(b.HostPort); err == nil && n > 0 {
			ip := b.HostIP
			if a := net.ParseIP(ip); a == nil || a.IsUnspecified() {
				ip = host
			}
			return net.JoinHostPort(ip, b.HostPort)
		}
	}
	if j.HostConfig.NetworkMode.IsHost() {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if ip := containerIP(j.NetworkSettings.Networks, preferred); ip != "" {
		return net.JoinHostPort(ip, strconv.Itoa(port))
	}
	return ""
}

func containerIP(nets map[string]*network.EndpointSettings, preferred string) string {
	if e := nets[preferred]; e != nil && e.IPAddress != "" {
		return e.IPAddress
	}
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		if e := nets[name]; e != nil && cmp.Or(e.IPAddress, e.GlobalIPv6Address) != "" {
			return cmp.Or(e.IPAddress, e.GlobalIPv6Address)
		}
	}
	return ""
}

// reachableHost is the host of an engine address: 127.0.0.1 for a local socket.
func reachableHost(engine string) string {
	u, err := url.Parse(engine)
	if err != nil || u.Hostname() == "" || !strings.HasPrefix(u.Scheme, "tcp") && !strings.HasPrefix(u.Scheme, "http") {
		return "127.0.0.1"
	}
	return u.Hostname()
}
