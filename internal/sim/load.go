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

// Record averages values onto an even grid whose steps begin at multiples of
// step in UTC; a step without a value is a gap. ok is false when the grid would
// have more than most steps. Times and values are of one length, at least 1.
func Record(times []time.Time, values []float64, step time.Duration, most int) (s forescale.Series, ok bool) {
	first, last := times[0], times[0]
	for _, t := range times {
		if t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	s = forescale.Series{Start: first.UTC().Truncate(step), Step: step}
	if last.Sub(s.Start)/step >= time.Duration(most) {
		return s, false
	}
	s.Values = make([]float64, s.Index(last)+1)
	count := make([]int, len(s.Values))
	for i, t := range times {
		k := s.Index(t)
		s.Values[k] += values[i]
		count[k]++
	}
	for k, n := range count {
		s.Values[k] /= float64(n) // 0/0 is the gap
	}
	return s, true
}
