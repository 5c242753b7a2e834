package forescale

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The defaults and bounds of a probe.
const (
	ProbePeriod     = 10 * time.Second
	ProbeTimeout    = time.Second
	ProbeTimeoutMax = 30 * time.Second
	ProbeFailures   = 3

	StartupPeriod   = time.Second // of the start-up probe, whose end is measured
	StartupFailures = 300
	probeMost       = 1000
)

// Probe asks an instance how it is. One of HTTP, TCP and Command says how; with none
// of them there is no probe.
type Probe struct {
	HTTP      string        `json:"http,omitempty"`      // path asked for with GET; passes on 200-399
	TCP       bool          `json:"tcp,omitempty"`       // passes when the port accepts
	Command   []string      `json:"command,omitempty"`   // run inside the instance, without a shell; passes on exit code 0
	Port      int           `json:"port,omitempty"`      // of HTTP and TCP; 0: Template.Port
	Period    time.Duration `json:"period,omitempty"`    // between two attempts; 0: ProbePeriod
	Timeout   time.Duration `json:"timeout,omitempty"`   // one attempt; 0: ProbeTimeout
	Failures  int           `json:"failures,omitempty"`  // in a row until it counts as failed; 0: ProbeFailures
	Successes int           `json:"successes,omitempty"` // in a row until it counts as passed; 0: 1
}

// IsZero reports whether nothing at all is said.
func (p Probe) IsZero() bool {
	return !p.Set() && p.Port == 0 && p.Period == 0 && p.Timeout == 0 && p.Failures == 0 && p.Successes == 0
}

// Set reports whether there is something to ask.
func (p Probe) Set() bool { return p.HTTP != "" || p.TCP || len(p.Command) > 0 }

// WithDefaults fills what was left open.
func (p Probe) WithDefaults() Probe {
	if p.Period == 0 {
		p.Period = ProbePeriod
	}
	if p.Timeout == 0 {
		p.Timeout = ProbeTimeout
	}
	if p.Failures == 0 {
		p.Failures = ProbeFailures
	}
	if p.Successes == 0 {
		p.Successes = 1
	}
	return p
}

// String says what is asked, as "GET /ready on port 8080".
func (p Probe) String() string {
	on := ""
	if p.Port > 0 {
		on = fmt.Sprintf(" on port %d", p.Port)
	}
	switch {
	case p.HTTP != "":
		return "GET " + p.HTTP + on
	case p.TCP:
		return "connect" + on
	default:
		return strings.Join(p.Command, " ")
	}
}

// Clone is a deep copy.
func (p Probe) Clone() Probe {
	p.Command = slices.Clone(p.Command)
	return p
}

// validate tells what is wrong with the probe, under the field's name.
func (p Probe) validate(field string, bad func(field, what, help string)) {
	if p.IsZero() {
		return
	}
	ways := 0
	for _, set := range []bool{p.HTTP != "", p.TCP, len(p.Command) > 0} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		bad(field, fmt.Sprintf("%d of http, tcp and command are given", ways), "give one of them")
	}
	if p.HTTP != "" && !strings.HasPrefix(p.HTTP, "/") {
		bad(field+".http", fmt.Sprintf("%q is not a path", p.HTTP), "begin it with /, such as /ready")
	}
	if len(p.Command) > 0 && (p.Command[0] == "" || p.Port != 0) {
		bad(field+".command", "a command has a name and no port", "write it as a list such as [\"/bin/check\", \"--quick\"], and leave port out")
	}
	if p.Port < 0 || p.Port > 65535 {
		bad(field+".port", fmt.Sprintf("port is %d", p.Port), "use 1 to 65535, or leave it out for template.port")
	}
	if p.Period != 0 && (p.Period < time.Second || p.Period > time.Hour) {
		bad(field+".period", fmt.Sprintf("period is %v", p.Period), "use a duration from 1s to 1h")
	}
	if p.Timeout != 0 && (p.Timeout < time.Millisecond || p.Timeout > ProbeTimeoutMax) {
		bad(field+".timeout", fmt.Sprintf("timeout is %v", p.Timeout), fmt.Sprintf("use a duration from 1ms to %v", ProbeTimeoutMax))
	}
	for _, n := range []struct {
		field string
		n     int
	}{{"failures", p.Failures}, {"successes", p.Successes}} {
		if n.n < 0 || n.n > probeMost {
			bad(field+"."+n.field, fmt.Sprintf("%s is %d", n.field, n.n), fmt.Sprintf("use 1 to %d", probeMost))
		}
	}
}

// validateProbes tells what is wrong with the probes.
func (t *Template) validateProbes(bad func(field, what, help string)) {
	t.Readiness.validate("template.readiness", bad)
	t.Liveness.validate("template.liveness", bad)
	t.Startup.validate("template.startup", bad)
}
