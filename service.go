package forescale

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Mode says what forescale does for a service. The zero value does nothing.
type Mode string

// The modes.
const (
	ModeOff          Mode = "off"           // no forecast, no plan, no effect
	ModeForecastOnly Mode = "forecast-only" // everything but the acting; a new service starts here
	ModeActive       Mode = "active"        // decisions are carried out
)

// Service is a registered workload.
type Service struct {
	Name      string        `json:"name"`
	Mode      Mode          `json:"mode"`
	Min       int           `json:"min_instances"`      // never fewer by our hand
	Max       int           `json:"max_instances"`      // never more
	Objective float64       `json:"objective"`          // share of time, (0.5, 1), in which demand must fit the band
	Band      Band          `json:"band"`               // highest utilization by number of instances; nil: DefaultBand
	TimeZone  string        `json:"time_zone"`          // IANA name; patterns are of this local time
	Country   string        `json:"country,omitempty"`  // one of Countries, whose public holidays count; "": none
	Metrics   []Metric      `json:"metrics,omitempty"`  // what demand is read from, largest need decides; nil: utilization if pushed, else cpu
	Capacity  float64       `json:"capacity,omitempty"` // load that one instance serves at 100 %; 0: load is not used
	Warmup    time.Duration `json:"warmup"`             // declared: start command until ready and integrated
	Cooldown  time.Duration `json:"cooldown"`           // declared: drain until stopped
	MaxStep   int           `json:"max_step,omitempty"` // starts at most in one planning step; 0: max(4, as many as are ready or starting)
	Missing   MissingRules  `json:"missing"`            // what to do when samples stop
	Template  Template      `json:"template"`           // what an instance is made from
	Rollout   RolloutRules  `json:"rollout,omitzero"`   // how a changed template reaches the instances
	Resources Resources     `json:"resources,omitzero"` // what an instance takes of its node, for the plan of nodes

	PricePerHour Money         `json:"price_per_hour,omitempty"` // of one instance; 0: free, or not known
	BillingStep  time.Duration `json:"billing_step,omitempty"`   // started steps are paid whole; 0: a second
	Priority     int           `json:"priority,omitempty"`       // where money is short, those with less give way first

	Origin    Origin    `json:"origin"`  // who registered it
	Version   int64     `json:"version"` // grows with each change
	UpdatedAt time.Time `json:"updated_at"`
}

// Origin says where a thing came from.
type Origin string

// The origins.
const (
	OriginConfig  Origin = "config"  // the config file
	OriginLabel   Origin = "label"   // labels of a running container
	OriginAPI     Origin = "api"     // a request
	OriginStarted Origin = "started" // forescale started it
	OriginAdopted Origin = "adopted" // it ran before forescale saw it
	OriginPushed  Origin = "pushed"  // it is known by its samples only
)

// MissingRules say what holds while a service's samples are missing, by how
// long they have been. Never is a service scaled to min because data is missing.
type MissingRules struct {
	// Hold: until this long nothing changes. Default 5 minutes.
	Hold time.Duration `json:"hold"`
	// StandIn: until this long the forecast stands in, upwards only; afterwards
	// the count is held. Default 1 hour.
	StandIn time.Duration `json:"stand_in"`
	// FollowForecast: after StandIn, follow the forecast in both directions
	// rather than holding.
	FollowForecast bool `json:"follow_forecast,omitempty"`
}

// Template is what an instance is made from. Secrets do not belong in it: name
// the variables of the server's own environment in EnvFrom instead.
type Template struct {
	Image   string            `json:"image,omitempty"`
	Command []string          `json:"command,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	EnvFrom []string          `json:"env_from,omitempty"` // names of variables handed on from the server's environment
	Labels  map[string]string `json:"labels,omitempty"`
	Network string            `json:"network,omitempty"` // engine network; "" is the engine's default
	Port    int               `json:"port,omitempty"`    // port the service listens on inside the instance
	Publish bool              `json:"publish,omitempty"` // publish Port on a free loopback port of the node
	CPUs    float64           `json:"cpus,omitempty"`    // limit in cores; 0 is none
	Memory  int64             `json:"memory,omitempty"`  // limit in bytes; 0 is none
	// Processes is the limit of processes and threads; 0 is none, and on a node with an
	// agent [DefaultProcesses].
	Processes int `json:"processes,omitempty"`

	// Readiness tells when an instance takes load, at its start and later. With none, a
	// health check of the image is used; without that, a running container is ready.
	Readiness Probe `json:"readiness,omitzero"`
	// Liveness tells that an instance works at all: one whose probe fails is replaced. It
	// is asked once the instance has started up.
	Liveness Probe `json:"liveness,omitzero"`
	// Startup holds back the other two until it has passed once; one that fails ends the start.
	Startup Probe `json:"startup,omitzero"`
	// Swarm names the service of a Docker Swarm whose replicas the instances are.
	// The swarm knows what they are made from, so only Port may stand beside it.
	Swarm string `json:"swarm,omitempty"`
}

// DefaultProcesses is the limit of processes on nodes with an agent, which start nothing
// without one.
const DefaultProcesses = 512

var nameRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$`)

// ValidName reports whether s can name a service or a node: up to 42 lower-case
// letters, digits and inner hyphens.
func ValidName(s string) bool { return nameRule.MatchString(s) }

// WithDefaults fills what was left open. It does not validate.
func (s Service) WithDefaults() Service {
	if s.Mode == "" {
		s.Mode = ModeForecastOnly
	}
	if s.Min == 0 {
		s.Min = 1
	}
	if s.Max == 0 {
		s.Max = max(10, s.Min)
	}
	if s.Objective == 0 {
		s.Objective = 0.95
	}
	if s.Band == nil {
		s.Band = DefaultBand()
	}
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.Warmup == 0 {
		s.Warmup = time.Minute
	}
	if s.Cooldown == 0 {
		s.Cooldown = 10 * time.Second
	}
	if s.Missing.Hold == 0 {
		s.Missing.Hold = 5 * time.Minute
	}
	if s.Missing.StandIn == 0 {
		s.Missing.StandIn = time.Hour
	}
	if s.Origin == "" {
		s.Origin = OriginAPI
	}
	return s
}

// Validate gathers every fault of the service rather than stopping at the
// first. The faults' Where is the JSON name of the field. The error is nil or a
// [Faults].
func (s Service) Validate() error {
	var fs Faults
	bad := func(field, what, help string) {
		fs = append(fs, &Fault{Code: "service_invalid", What: what, Where: field, Help: help})
	}
	if !ValidName(s.Name) {
		bad("name", fmt.Sprintf("%q is not a service name", s.Name), "use up to 42 lower-case letters, digits and inner hyphens")
	}
	switch s.Mode {
	case ModeOff, ModeForecastOnly, ModeActive:
	default:
		bad("mode", fmt.Sprintf("%q is not a mode", s.Mode), "use off, forecast-only or active")
	}
	if s.Min < 1 {
		bad("min_instances", fmt.Sprintf("min_instances is %d", s.Min), "keep at least 1 instance")
	}
	if s.Max < s.Min {
		bad("max_instances", fmt.Sprintf("max_instances %d is below min_instances %d", s.Max, s.Min), "raise max_instances or lower min_instances")
	}
	if s.Max > MaxInstances {
		bad("max_instances", fmt.Sprintf("max_instances is %d", s.Max), fmt.Sprintf("use at most %d", MaxInstances))
	}
	if !(s.Objective >= 0.5 && s.Objective < 1) {
		bad("objective", fmt.Sprintf("objective is %g", s.Objective), "use a share from 0.5 to 0.999, such as 0.95")
	}
	if err := s.Band.Validate(); err != nil {
		bad("band", err.Error(), `write steps such as "1:60 2:65 3:70 5:75 8:80"`)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		bad("time_zone", fmt.Sprintf("%q is not a time zone", s.TimeZone), "use an IANA name such as Europe/Berlin")
	}
	if s.Country != "" && !KnowsCountry(s.Country) {
		bad("country", fmt.Sprintf("the holidays of %q are not known", s.Country), "use one of "+strings.Join(Countries, ", ")+", or leave it out and give holidays as events")
	}
	for _, m := range s.Metrics {
		if !slices.Contains(ServiceMetrics, m) {
			bad("metrics", fmt.Sprintf("%q is not a service metric", m), "use utilization, load, cpu or memory")
		}
		if m == MetricLoad && s.Capacity == 0 {
			bad("capacity", "load is a metric of this service but its capacity is not known", "set capacity: the load that one instance serves at 100 %")
		}
	}
	if !(s.Capacity >= 0 && s.Capacity <= 1e15) {
		bad("capacity", fmt.Sprintf("capacity is %g", s.Capacity), "use the load that one instance serves at 100 %")
	}
	for _, d := range []struct {
		field string
		d     time.Duration
	}{{"warmup", s.Warmup}, {"cooldown", s.Cooldown}, {"missing.hold", s.Missing.Hold}, {"missing.stand_in", s.Missing.StandIn}} {
		if d.d < 0 || d.d > 24*time.Hour {
			bad(d.field, fmt.Sprintf("%s is %v", d.field, d.d), "use a duration from 0s to 24h")
		}
	}
	if s.PricePerHour < 0 || s.PricePerHour > MaxPrice {
		bad("price_per_hour", fmt.Sprintf("price_per_hour is %s", s.PricePerHour), "use the price of one instance for an hour, from 0 to 1000000")
	}
	if s.BillingStep < 0 || s.BillingStep > MaxBillingStep || s.BillingStep%time.Second != 0 {
		bad("billing_step", fmt.Sprintf("billing_step is %v", s.BillingStep), "use whole seconds, up to 744h")
	}
	if s.Priority < -1000 || s.Priority > 1000 {
		bad("priority", fmt.Sprintf("priority is %d", s.Priority), "use -1000 to 1000")
	}
	if t := s.Template; t.Swarm != "" && (t.Image != "" || !t.Readiness.IsZero() || !t.Liveness.IsZero() || !t.Startup.IsZero() || t.Network != "" || t.Publish || len(t.Env)+len(t.EnvFrom)+len(t.Command)+len(t.Labels) > 0 || t.CPUs != 0 || t.Memory != 0 || t.Processes != 0) {
		bad("template.swarm", fmt.Sprintf("the swarm knows what %s is made from, and when a task is ready", t.Swarm), "keep swarm and port, and leave out the rest of the template")
	}
	if s.Template.Processes < 0 || s.Template.Processes > maxProcesses {
		bad("template.processes", fmt.Sprintf("processes is %d", s.Template.Processes), fmt.Sprintf("use 0 to %d", maxProcesses))
	}
	s.Template.validateProbes(bad)
	s.Rollout.validate(bad)
	s.Resources.validate(bad)
	if s.MaxStep < 0 {
		bad("max_step", fmt.Sprintf("max_step is %d", s.MaxStep), "use 1 or more, or leave it out")
	}
	return fs.OrNil()
}

// MaxInstances is the highest max a service may have: it bounds names, plans and loops.
const MaxInstances = 10_000

// maxProcesses is the highest limit of processes.
const maxProcesses = 1 << 22 // of Linux itself

// MaxBillingStep is the longest step that may be paid whole: a month.
const MaxBillingStep = 31 * 24 * time.Hour

// ServiceNames are the names of services, in their order.
func ServiceNames(services []Service) []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	return names
}

// Uses reports whether the service is planned by this metric; one that names none is
// planned by all there are.
func (s Service) Uses(m Metric) bool { return len(s.Metrics) == 0 || slices.Contains(s.Metrics, m) }

// Location is the service's time zone. UTC stands in for one that does not exist,
// which Validate refuses.
func (s Service) Location() *time.Location {
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Clone is a deep copy.
func (s Service) Clone() Service {
	s.Band = slices.Clone(s.Band)
	s.Metrics = slices.Clone(s.Metrics)
	s.Template.Command = slices.Clone(s.Template.Command)
	s.Template.Env = maps.Clone(s.Template.Env)
	s.Template.EnvFrom = slices.Clone(s.Template.EnvFrom)
	s.Template.Labels = maps.Clone(s.Template.Labels)
	for _, p := range []*Probe{&s.Template.Readiness, &s.Template.Liveness, &s.Template.Startup} {
		*p = p.Clone()
	}
	s.Resources.Labels = maps.Clone(s.Resources.Labels)
	return s
}

// Pause stops all effects on a service, or on all services, until it expires.
type Pause struct {
	Service string    `json:"service"` // "" pauses everything
	By      string    `json:"by"`      // who asked
	Note    string    `json:"note,omitempty"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
}

// Covers reports whether the pause holds for service at time t.
func (p Pause) Covers(service string, t time.Time) bool {
	return (p.Service == "" || p.Service == service) && !t.Before(p.Since) && t.Before(p.Until)
}
