package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
)

// targets are the utilizations that the rival aims at: the usual one, and one as
// careful as the lower end of the band.
var targets = []float64{70, 60}

// outcome is one row of the table.
type outcome struct {
	policy string
	sim.Elasticity
}

// tell prints the table of the time from from to to.
func (d *demo) tell(ctx context.Context, title string, from, to time.Time) {
	d.say.line("\n%s\n", d.stage.table(ctx, d, title, settled(d.stage.rows()), from, to))
}

// compared is what stages without hosts have in common: nothing more is registered, and
// their table is that of the rivals.
type compared struct{}

func (compared) register(context.Context, store.Store) error { return nil }

func (compared) table(ctx context.Context, d *demo, title string, rows []sim.Row, from, to time.Time) string {
	return d.rivals(ctx, title, rows, from, to)
}

// rivals is the table that compares what happened with what others would have done.
func (d *demo) rivals(ctx context.Context, title string, rows []sim.Row, from, to time.Time) string {
	warmup := d.warmup(ctx)
	table := compare(rows, from, to, warmup, d.stage.service().Min, d.stage.service().Max)
	if len(table) == 0 {
		return "Nothing to compare yet: it ended before the first instances were ready."
	}
	return format(title, warmup, table)
}

// warmup is how long starts really took, on average.
func (d *demo) warmup(ctx context.Context) time.Duration {
	ws, err := d.store.Warmups(ctx, service, 50)
	if err != nil || len(ws) == 0 {
		return d.stage.service().Warmup
	}
	var sum time.Duration
	for _, w := range ws {
		sum += w.Duration
	}
	return (sum / time.Duration(len(ws))).Round(time.Second)
}

// settled leaves out the first minutes, until what was needed was there once:
// nobody can be ready for a world that begins now. It gives up after an hour.
func settled(rows []sim.Row) []sim.Row {
	for i, r := range rows {
		if r.Ready >= float64(r.Required) || i == 60 {
			return rows[i:]
		}
	}
	return nil
}

// compare measures the rows and the rivals on the same demand from the same
// beginning, during [from, to).
func compare(rows []sim.Row, from, to time.Time, warmup time.Duration, lowest, highest int) []outcome {
	if len(rows) == 0 {
		return nil
	}
	lo, hi := 0, len(rows)
	for lo < hi && rows[lo].Time.Before(from) {
		lo++
	}
	for hi > lo && !rows[hi-1].Time.Before(to) {
		hi--
	}
	if lo == hi {
		return nil
	}
	table := []outcome{{"forescale", sim.Measure(rows[lo:hi], time.Minute)}}
	demand, n0 := sim.Demands(rows), int(rows[0].Ready)
	for _, target := range targets {
		h := sim.DefaultHPA(target, warmup)
		h.Min, h.Max = lowest, highest
		replayed := h.Replay(demand, time.Minute, n0)
		rival := make([]sim.Row, hi-lo)
		for i := range rival {
			rival[i] = rows[lo+i]
			rival[i].Ready, rival[i].Starts = replayed[lo+i].Ready, replayed[lo+i].Starts
		}
		table = append(table, outcome{fmt.Sprintf("Kubernetes HPA at %g %%", target), sim.Measure(rival, time.Minute)})
	}
	return table
}

func format(title string, warmup time.Duration, table []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the same load, the same start-up time (%s on average)\n", title, spoken(warmup))
	fmt.Fprintf(&b, "%-24s%12s%12s%16s%8s\n", "POLICY", "BELOW NEED", "NOT SERVED", "INSTANCE-HOURS", "STARTS")
	for _, o := range table {
		fmt.Fprintf(&b, "%-24s%10.2f %%%10.2f %%%16.1f%8d\n", o.policy, o.TimeUnder, o.Lost, o.Hours, o.Starts)
	}
	b.WriteString("Below need: share of time with fewer ready instances than the band asks for.")
	return b.String()
}
