package main

import (
	"context"
	"log/slog"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/timescale"
)

// retention is how long each level of history is kept; 0: for ever.
type retention struct{ Samples, Minutes, Hours, Decisions time.Duration }

// defaultRetention keeps minutes for a year and a month: last year's season is
// still there.
var defaultRetention = retention{Samples: 30 * day, Minutes: 400 * day, Hours: 1825 * day, Decisions: 400 * day}

const day = 24 * time.Hour

// Late samples are accepted up to 7 days: what they are worked out with must be
// there as long.
const leastRetention, mostRetention = 8 * day, 7300 * day

// cutoffs are what is old at time now.
func (r retention) cutoffs(now time.Time) store.Cutoffs {
	cut := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return now.Add(-d)
	}
	return store.Cutoffs{Samples: cut(r.Samples), Minutes: cut(r.Minutes), Hours: cut(r.Hours), Decisions: cut(r.Decisions)}
}

// retentionField is a mapping of a duration for each level, or one for all.
func retentionField(key, doc string, to *retention) field {
	level := func(key, doc string, to *time.Duration, fallback string) field {
		return duration(key, doc, to, leastRetention, mostRetention).or(fallback)
	}
	f := object(key, doc, func() []field {
		return []field{
			level("samples", "Samples as they came in.", &to.Samples, "30d"),
			level("minutes", "Demand by the minute. Forecasts learn from it, and from hours where it is gone.", &to.Minutes, "400d"),
			level("hours", "Demand by the hour, for long charts.", &to.Hours, "1825d"),
			level("decisions", "Decisions, forecasts, instances that ended, and runs.", &to.Decisions, "400d"),
		}
	})
	var all time.Duration
	one, each := duration(key, doc, &all, leastRetention, mostRetention), f.read
	f.kind, f.schema = "mapping, or one duration for all", one.schema
	f.read = func(r *configReader, path string, n *yaml.Node) *wrong {
		if n.Kind != yaml.ScalarNode || isNull(n) {
			return each(r, path, n)
		}
		w := one.read(r, path, n)
		if w == nil {
			*to = retention{all, all, all, all}
		}
		return w
	}
	return f
}

// checkLevels finds a level that is kept shorter than what it is made of.
func (r *configReader) checkLevels(to retention) {
	for _, pair := range []struct {
		fine, coarse string
		a, b         time.Duration
	}{{"samples", "minutes", to.Samples, to.Minutes}, {"minutes", "hours", to.Minutes, to.Hours}} {
		n := r.places.near("retention." + pair.coarse)
		if pair.a > pair.b && !r.hasFaultAt(n) {
			r.fault(n.Line, n.Column, "config_wrong_value", "retention keeps "+pair.coarse+" shorter than the "+pair.fine+" that they are made of",
				"keep "+pair.coarse+" for "+shortDuration(pair.a)+" or longer, or "+pair.fine+" shorter")
		}
	}
}

// timescaleFields are the settings of TimescaleDB.
func timescaleFields(to *timescale.Chunks) []field {
	return []field{
		duration("sample_chunk", "Time that a chunk of samples holds. A chunk and its index should fit into a quarter of the memory.", &to.Samples, time.Hour, 30*day).or("1d"),
		duration("demand_chunk", "Time that a chunk of demand by the minute holds.", &to.Demand, day, 365*day).or("30d"),
		duration("compress_after", "Age from which chunks are compressed. Late samples come within 7 days, and are dearer after it.", &to.CompressAfter, day, 3650*day).or("8d"),
	}
}

// tuneStore sets chunks and compression as the config has them, where there are any.
func tuneStore(ctx context.Context, st store.Store, c timescale.Chunks, log *slog.Logger) error {
	s, ok := st.(*timescale.Store)
	if !ok {
		return nil
	}
	changed, err := s.Tune(ctx, c)
	if changed {
		log.Info("TimescaleDB was set up anew", "sample_chunk", c.Samples, "demand_chunk", c.Demand, "compress_after", c.CompressAfter)
	}
	return err
}
