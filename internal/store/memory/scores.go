package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/encoding"
)

// tallyKey is one of a line's sums.
type tallyKey struct {
	day   int64
	lead  time.Duration
	model string
}

type choice struct {
	issued time.Time
	of     []forescale.Choice
}

// SaveScores implements [store.Scores].
func (s *Store) SaveScores(ctx context.Context, ss []forescale.Scoring) ([]bool, error) {
	taken := make([]bool, len(ss))
	err := s.put(ctx, unfenced, func() {
		for i, x := range ss {
			taken[i] = s.saveScoring(x)
		}
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func (s *Store) saveScoring(x forescale.Scoring) bool {
	l := s.line(lineKey{x.Service, x.Metric})
	if (l.track == nil) != x.From.IsZero() || l.track != nil && !l.track.Until.Equal(utc(x.From)) {
		return false
	}
	track := x.Track
	track.Until = utc(track.Until)
	l.track = &track
	for _, y := range x.Tallies {
		k := tallyKey{encoding.Day(y.Day), y.Lead, y.Model}
		sum, known := l.tallies[k]
		if !known {
			sum = forescale.Tally{Service: l.service, Metric: l.metric, Model: y.Model, Lead: y.Lead}
		}
		sum.Add(y)
		l.tallies[k] = sum
	}
	return true
}

// Tracks implements [store.Scores].
func (s *Store) Tracks(ctx context.Context, services ...string) (out []forescale.Track, err error) {
	err = s.read(ctx, func() {
		for _, l := range s.linesOf(services) {
			if l.track != nil {
				out = append(out, *l.track)
			}
		}
	})
	return out, err
}

// Tallies implements [store.Scores].
func (s *Store) Tallies(ctx context.Context, q forescale.TallyQuery) (out []forescale.Tally, err error) {
	err = s.read(ctx, func() {
		for _, l := range s.linesOf(q.Services) {
			out = append(out, l.sums(q)...)
		}
	})
	return out, err
}

// sums are a line's tallies over the days that are asked for, by lead and model.
func (l *line) sums(q forescale.TallyQuery) []forescale.Tally {
	// Numbers depend on the order in which they are added: always by day.
	keys := slices.SortedFunc(maps.Keys(l.tallies), func(a, b tallyKey) int {
		return cmp.Or(cmp.Compare(a.lead, b.lead), cmp.Compare(a.model, b.model), cmp.Compare(a.day, b.day))
	})
	var out []forescale.Tally
	for _, k := range keys {
		if !ofDays(q, k.day) {
			continue
		}
		y := l.tallies[k]
		if n := len(out); n > 0 && out[n-1].Lead == y.Lead && out[n-1].Model == y.Model {
			out[n-1].Add(y)
		} else {
			out = append(out, y)
		}
	}
	return out
}

// ofDays reports whether a day is asked for.
func ofDays(q forescale.TallyQuery, day int64) bool {
	return (q.From.IsZero() || day >= encoding.Day(q.From)) && (q.To.IsZero() || day < encoding.Day(q.To))
}

// serviceDay is what a day's elasticity is found by.
type serviceDay struct {
	service string
	day     int64
}

// SaveElasticity implements [store.Scores].
func (s *Store) SaveElasticity(ctx context.Context, days []forescale.ElasticityDay) error {
	return s.put(ctx, unfenced, func() {
		for _, d := range days {
			s.elasticity[serviceDay{d.Service, encoding.Day(d.Day)}] = d.Elasticity
		}
	})
}

// Elasticities implements [store.Scores].
func (s *Store) Elasticities(ctx context.Context, q forescale.TallyQuery) (out []forescale.ElasticityDay, err error) {
	err = s.read(ctx, func() {
		for k, e := range s.elasticity {
			if !among(q.Services, k.service) || !ofDays(q, k.day) {
				continue
			}
			out = append(out, forescale.ElasticityDay{Service: k.service, Day: encoding.FromDay(k.day), Elasticity: e})
		}
	})
	slices.SortFunc(out, func(a, b forescale.ElasticityDay) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.Day.Compare(b.Day))
	})
	return out, err
}

// SaveChoices implements [store.Scores].
func (s *Store) SaveChoices(ctx context.Context, fs []forescale.Forecast) error {
	return s.put(ctx, unfenced, func() {
		for _, f := range fs {
			if len(f.Choice) == 0 {
				continue
			}
			l, issued := s.line(lineKey{f.Service, f.Metric}), utc(f.Issued)
			if l.choice == nil || !issued.Before(l.choice.issued) {
				l.choice = &choice{issued, cloneChoices(f.Choice)}
			}
		}
	})
}

func cloneChoices(cs []forescale.Choice) []forescale.Choice {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].Shares = slices.Clone(cs[i].Shares)
	}
	return cs
}

// Choice implements [store.Scores].
func (s *Store) Choice(ctx context.Context, service string, metric forescale.Metric) (issued time.Time, c []forescale.Choice, err error) {
	err = s.readOr(ctx, func() error {
		l := s.lines[lineKey{service, metric}]
		if l == nil || l.choice == nil {
			return fmt.Errorf("what forecasts of %s are mixed from: %w", service, forescale.ErrNotFound)
		}
		issued, c = l.choice.issued, cloneChoices(l.choice.of)
		return nil
	})
	return issued, c, err
}
