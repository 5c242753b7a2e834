package api

import (
	"time"

	"github.com/forescale/forescale"
)

// ProbeBody is forescale.Probe.
type ProbeBody struct {
	HTTP      string   `json:"http,omitempty" example:"/ready" doc:"Path asked for with GET; passes on 200 to 399"`
	TCP       bool     `json:"tcp,omitempty" doc:"Passes when the port accepts"`
	Command   []string `json:"command,omitempty" nullable:"false" doc:"Run inside the instance, without a shell; passes on exit code 0"`
	Port      int      `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"Of http and tcp; default the template's port"`
	Period    string   `json:"period,omitempty" example:"10s" doc:"Between two attempts; default 10s"`
	Timeout   string   `json:"timeout,omitempty" example:"1s" doc:"Of one attempt; default 1s"`
	Failures  int      `json:"failures,omitempty" minimum:"0" maximum:"1000" doc:"In a row until it counts as failed; default 3"`
	Successes int      `json:"successes,omitempty" minimum:"0" maximum:"1000" doc:"In a row until it counts as passed; default 1"`
}

// probe is the probe that the body describes; none for nil.
func (b *ProbeBody) probe(field string, duration func(field, text string) time.Duration) forescale.Probe {
	if b == nil {
		return forescale.Probe{}
	}
	return forescale.Probe{HTTP: b.HTTP, TCP: b.TCP, Command: b.Command, Port: b.Port, Failures: b.Failures, Successes: b.Successes,
		Period: duration(field+".period", b.Period), Timeout: duration(field+".timeout", b.Timeout)}
}

func viewProbe(p forescale.Probe) *ProbeBody {
	if p.IsZero() {
		return nil
	}
	b := &ProbeBody{HTTP: p.HTTP, TCP: p.TCP, Command: p.Command, Port: p.Port, Failures: p.Failures, Successes: p.Successes}
	if p.Period != 0 {
		b.Period = p.Period.String()
	}
	if p.Timeout != 0 {
		b.Timeout = p.Timeout.String()
	}
	return b
}
