package sim

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// Trace is the load of a service over time, in its own unit per second.
type Trace interface {
	// At is the load at t, 0 or more. It is the same at every call.
	At(t time.Time) float64
}

// TraceFunc is a function as a [Trace].
type TraceFunc func(t time.Time) float64

// At implements [Trace].
func (f TraceFunc) At(t time.Time) float64 { return f(t) }

// Recorded replays a series. Before it, after it and in its gaps the nearest
// earlier value holds, else the first one: the world itself has no gaps.
type Recorded struct{ Series forescale.Series }

// At implements [Trace].
func (r Recorded) At(t time.Time) float64 {
	vs := r.Series.Values
	if len(vs) == 0 {
		return 0
	}
	for i := min(r.Series.Index(t), len(vs)-1); i >= 0; i-- {
		if !math.IsNaN(vs[i]) {
			return max(0, vs[i])
		}
	}
	for _, v := range vs {
		if !math.IsNaN(v) {
			return max(0, v)
		}
	}
	return 0
}

// Samples are the trace's values from from to to, one a step, as service-level
// load samples: what an import of history consists of.
func Samples(t Trace, service string, from, to time.Time, step time.Duration) []forescale.Sample {
	subject := forescale.Subject{Kind: forescale.KindService, Name: service, Service: service}
	var out []forescale.Sample
	for at := from; at.Before(to); at = at.Add(step) {
		out = append(out, forescale.Sample{Subject: subject, Metric: forescale.MetricLoad, Time: at.UTC(), Value: t.At(at)})
	}
	return out
}
