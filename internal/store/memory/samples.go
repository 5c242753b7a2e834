package memory

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// seriesKey is what is measured.
type seriesKey struct {
	subject forescale.Subject
	metric  forescale.Metric
}

// compare orders series as their samples of one time are.
func (a seriesKey) compare(b seriesKey) int {
	return cmp.Or(cmp.Compare(a.subject.Kind, b.subject.Kind), cmp.Compare(a.subject.Name, b.subject.Name),
		cmp.Compare(a.subject.Service, b.subject.Service), cmp.Compare(a.metric, b.metric))
}

// series is the samples of one key, by time.
type series struct {
	seriesKey
	values []value
}

type value struct {
	at int64 // ms
	v  float64
}

// seriesOf is that of a key, made if it is new.
func (s *Store) seriesOf(k seriesKey) *series {
	x := s.series[k]
	if x == nil {
		x = &series{seriesKey: k}
		s.series[k] = x
		at, _ := slices.BinarySearchFunc(s.inOrder, k, func(o *series, k seriesKey) int { return o.compare(k) })
		s.inOrder = slices.Insert(s.inOrder, at, x)
	}
	return x
}

// from is the position of the first sample at or after at.
func (s *series) from(at int64) int {
	return searchLate(len(s.values), func(i int) bool { return s.values[i].at >= at })
}

func (s *series) set(at int64, v float64) {
	if n := len(s.values); n == 0 || s.values[n-1].at < at {
		s.values = append(s.values, value{at, v})
		return
	}
	i := s.from(at)
	if s.values[i].at != at {
		s.values = slices.Insert(s.values, i, value{at, v})
	}
	s.values[i].v = v
}

// Append implements [store.Samples].
func (s *Store) Append(ctx context.Context, samples []forescale.Sample) error {
	return s.write(ctx, unfenced, func() error { return s.append(samples) })
}

// ImportProgress implements [store.Samples].
func (s *Store) ImportProgress(ctx context.Context, fingerprint string) (n int64, err error) {
	err = s.read(ctx, func() { n = s.imports[fingerprint] })
	return n, err
}

// AppendImport implements [store.Samples].
func (s *Store) AppendImport(ctx context.Context, fingerprint string, rows int64, samples []forescale.Sample) error {
	return s.write(ctx, unfenced, func() error {
		if err := s.append(samples); err != nil {
			return err
		}
		s.imports[fingerprint] = rows
		return nil
	})
}

func (s *Store) append(samples []forescale.Sample) error {
	for i, x := range samples {
		if math.IsNaN(x.Value) {
			return fmt.Errorf("sample %d of %s has no value", i, x.Subject.Name)
		}
	}
	s.mark++
	for i, x := range samples {
		key := seriesKey{x.Subject, x.Metric}
		var to *series
		switch {
		case i > 0 && s.recent[i-1].seriesKey == key: // samples of one series often stand together
			to = s.recent[i-1]
		case i < len(s.recent) && s.recent[i].seriesKey == key: // and the next batch is often like the last
			to = s.recent[i]
		default:
			to = s.seriesOf(key)
		}
		if i < len(s.recent) {
			s.recent[i] = to
		} else {
			s.recent = append(s.recent, to)
		}
		to.set(x.Time.UnixMilli(), x.Value)
		if marksCell(x) {
			s.dirty[forescale.Cell{Service: x.Subject.Service, Time: fromMinute(minuteOf(x.Time))}] = s.mark
		}
	}
	return nil
}

// marksCell reports whether demand has to be worked out anew for the sample.
func marksCell(x forescale.Sample) bool {
	if x.Subject.Service == "" || x.Subject.Kind == forescale.KindNode {
		return false
	}
	return x.Metric == forescale.MetricDemand || slices.Contains(forescale.ServiceMetrics, x.Metric)
}

// Samples implements [store.Samples].
func (s *Store) Samples(ctx context.Context, q forescale.SampleQuery) (out []forescale.Sample, err error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		from = q.From.UnixMilli()
	}
	if !q.To.IsZero() {
		to = q.To.UnixMilli()
	}
	picks := func(k seriesKey) bool {
		return (q.Kind == "" || q.Kind == k.subject.Kind) && (q.Name == "" || q.Name == k.subject.Name) &&
			(q.Service == "" || q.Service == k.subject.Service) && (q.Metric == "" || q.Metric == k.metric)
	}
	type found struct {
		value
		series int // in order
	}
	err = s.read(ctx, func() {
		var all []found
		for k, x := range s.inOrder {
			if n := len(x.values); n == 0 || x.values[n-1].at < from || !picks(x.seriesKey) {
				continue
			}
			for _, v := range x.values[x.from(from):] {
				if v.at >= to {
					break
				}
				all = append(all, found{v, k})
			}
		}
		slices.SortFunc(all, func(a, b found) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.series, b.series))
		})
		all = page(all, q.Limit)
		out = make([]forescale.Sample, len(all))
		for i, f := range all {
			x := s.inOrder[f.series]
			out[i] = forescale.Sample{Subject: x.subject, Metric: x.metric, Time: fromMS(f.at), Value: f.v}
		}
	})
	return out, err
}

// LastSamples implements [store.Samples].
func (s *Store) LastSamples(ctx context.Context, services ...string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	var name string // of the series in a row that were looked at, and their newest
	var newest int64
	put := func() {
		if at := fromMS(newest); name != "" && at.After(out[name]) {
			out[name] = at
		}
	}
	err := s.read(ctx, func() {
		for _, x := range s.inOrder {
			n := len(x.values)
			if n == 0 {
				continue
			}
			of := x.subject.Service
			if x.subject.Kind == forescale.KindNode {
				if of = "node/" + x.subject.Name; len(services) > 0 {
					continue
				}
			}
			if of != name {
				put()
				name, newest = "", math.MinInt64
				if !among(services, of) {
					continue
				}
				name = of
			}
			newest = max(newest, x.values[n-1].at)
		}
		put()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// among reports whether a name is one of those named, or none is.
func among(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }
