package memory

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
)

// Prune implements [store.Samples].
func (s *Store) Prune(ctx context.Context, old store.Cutoffs) (total int64, err error) {
	err = s.put(ctx, unfenced, func() {
		if from := old.FinalFrom(); !from.IsZero() {
			s.rollUp()
			s.final = max(s.final, hourFrom(from))
		}
		if !old.Samples.IsZero() {
			total += s.pruneSamples(old.Samples)
		}
		total += s.pruneDemand(old)
		if !old.Minutes.IsZero() {
			total += s.pruneCapacities(old.Minutes.UnixMilli())
		}
		if !old.Decisions.IsZero() {
			total += s.pruneRows(old.Decisions.UnixMilli())
			total += s.pruneNodes(old.Decisions.UnixMilli())
		}
		s.pruneCharges(old.Decisions)
		s.pruneLines()
	})
	return total, err
}

func (s *Store) pruneSamples(old time.Time) (n int64) {
	for key, x := range s.series {
		gone := x.from(old.UnixMilli())
		if x.values = drop(x.values, gone); len(x.values) == 0 {
			delete(s.series, key)
		}
		n += int64(gone)
	}
	s.recent = nil
	s.inOrder = slices.DeleteFunc(s.inOrder, func(x *series) bool { return len(x.values) == 0 })
	for c := range s.dirty {
		if minuteOf(c.Time) < minuteFrom(old) {
			delete(s.dirty, c)
		}
	}
	for c := range s.handed {
		if _, dirty := s.dirty[c]; !dirty {
			delete(s.handed, c)
		}
	}
	return n
}

// pruneCharges forgets what ended instances were charged, and months that are old.
func (s *Store) pruneCharges(old time.Time) {
	before := money.Month(math.MinInt)
	if !old.IsZero() {
		before = money.MonthOf(old, time.UTC) - 1
	}
	s.charged.Forget(func(instance string) bool { return s.instances[instance] != nil || s.hasNodeBill(instance) }, before)
}

// drop is a list without its first n, in memory of its own size.
func drop[T any](list []T, n int) []T {
	if n == 0 {
		return list
	}
	return append(make([]T, 0, len(list)-n), list[n:]...)
}

func (s *Store) pruneDemand(old store.Cutoffs) (n int64) {
	for _, l := range s.lines {
		if !old.Minutes.IsZero() {
			gone := l.from(minuteFrom(old.Minutes))
			l.points = drop(l.points, gone)
			n += int64(gone)
		}
		for h := range l.hours {
			if !old.Hours.IsZero() && h < hourOf(minuteOf(old.Hours)) {
				delete(l.hours, h)
				n++
			}
		}
	}
	return n
}

// pruneRows deletes what is before a time and of the level of decisions.
func (s *Store) pruneRows(cut int64) (n int64) {
	gone := s.endedFrom(cut)
	for _, i := range s.ended[:gone] {
		delete(s.instances, i.ID)
	}
	s.ended = drop(s.ended, gone)
	n += int64(gone)
	n += s.pruneDecisions(cut) + s.warmups.prune(cut) + s.cooldowns.prune(cut)
	n += pruneMap(s.lives, func(l forescale.NodeLife) bool { return !l.EndedAt.IsZero() && l.EndedAt.UnixMilli() < cut })
	n += pruneMap(s.events, func(e forescale.Event) bool { return e.Until.UnixMilli() < cut })
	n += pruneMap(s.plans, func(p forescale.ServicePlan) bool { return p.MadeAt.UnixMilli() < cut })
	n += pruneMap(s.learned, func(l forescale.LearnedTimes) bool { return l.At.UnixMilli() < cut })
	n += pruneMap(s.runs, func(r forescale.Run) bool { return r.StartedAt.UnixMilli() < cut })
	for k := range s.elasticity {
		if dayEnd(k.day) <= cut {
			delete(s.elasticity, k)
			n++
		}
	}
	for _, l := range s.lines {
		gone := l.issuedFrom(cut)
		l.forecasts = drop(l.forecasts, gone)
		n += int64(gone)
		for k := range l.tallies {
			if dayEnd(k.day) <= cut {
				delete(l.tallies, k)
				n++
			}
		}
		if l.track != nil && l.track.Until.UnixMilli() < cut {
			l.track = nil
			n++
		}
		if l.choice != nil && l.choice.issued.UnixMilli() < cut {
			l.choice = nil
			n++
		}
	}
	return n
}

// dayEnd is when a day of that number ends, in milliseconds.
func dayEnd(day int64) int64 { return (day + 1) * 24 * int64(time.Hour/time.Millisecond) }

func pruneMap[K comparable, T any](m map[K]T, old func(T) bool) (n int64) {
	for k, v := range m {
		if old(v) {
			delete(m, k)
			n++
		}
	}
	return n
}

// pruneDecisions deletes what is old and not pending, a service's newest one only
// if no other of that service is left.
func (s *Store) pruneDecisions(cut int64) (n int64) {
	kept := map[string]bool{}
	s.decisions = slices.DeleteFunc(s.decisions, func(d *decision) bool {
		newest := s.newest[d.Service] == d
		if d.At.UnixMilli() >= cut || d.LastAt.UnixMilli() >= cut || d.Outcome == forescale.OutcomePending || newest && kept[d.Service] {
			kept[d.Service] = true
			return false
		}
		delete(s.byID, d.ID)
		if newest {
			delete(s.newest, d.Service)
		}
		n++
		return true
	})
	return n
}

// pruneLines forgets the lines that nothing is known of any more.
func (s *Store) pruneLines() {
	for k, l := range s.lines {
		if len(l.points)+len(l.hours)+len(l.due)+len(l.forecasts)+len(l.tallies) > 0 || l.track != nil || l.choice != nil {
			continue
		}
		delete(s.lines, k)
		ls := slices.DeleteFunc(s.ofService[k.service], func(o *line) bool { return o == l })
		if s.ofService[k.service] = ls; len(ls) == 0 {
			delete(s.ofService, k.service)
		}
	}
}
