package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/forecast"
)

// Limits of what is held in memory. Series that follow one another need no more
// however long the input is, but for eight bytes and a little for each.
const (
	heldRows   = 2 << 20 // rows; beyond them series that have ended are forecast and let go
	heldLonger = 4       // rows of one series, in steps that a forecast looks at, from which on they are averaged
	heldBeside = 8       // rows that the rest of a held series takes the room of
	heldValues = 4 << 20 // of forecasts that wait to be written
)

// heldSeries is the series that are held.
type heldSeries struct {
	request forecastRequest
	most    int // rows that may be held
	out     *forecastCSV
	note    func(notes []string) // is told the doubts about what was written
	series  []forecast.History   // in order of appearance
	index   map[string]int       // of the held ones
	gone    map[uint64]struct{}  // those that were forecast, see [seriesKey]
	empty   map[string]struct{}  // those without a value so far
	rows    int                  // held
	refused forescale.Faults
	failed  forescale.Faults
}

func newHeldSeries(r forecastRequest, most int, out *forecastCSV, note func([]string)) *heldSeries {
	return &heldSeries{request: r, most: most, out: out, note: note, index: map[string]int{}, gone: map[uint64]struct{}{}, empty: map[string]struct{}{}}
}

// seriesKey stands for a name, of which millions need not be kept. That two of ten
// million have the same has a chance of three in a million.
func seriesKey(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[:])
}

func (b *heldSeries) isGone(name string) bool {
	if len(b.gone) == 0 {
		return false
	}
	_, gone := b.gone[seriesKey(name)]
	return gone
}

// read takes in all rows, and forecasts and writes all series. What cannot be
// forecast is told in failed.
func (b *heldSeries) read(ctx context.Context, in *history) error {
	rows := 0
	for row, err := range in.rows() {
		if rows++; rows%10_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var f *forescale.Fault
		switch {
		case err != nil && row.Line != 0 && errors.As(err, &f):
			if len(b.refused) < 10 {
				b.refused = append(b.refused, f)
			}
			continue
		case err != nil:
			return err
		case len(b.refused) > 0: // the other faults are worth knowing, the forecast is not
			continue
		}
		if err := b.add(ctx, row); err != nil {
			return err
		}
	}
	if len(b.refused) > 0 {
		return b.refused // a forecast of half a file would look like one of the whole
	}
	if len(b.series) == 0 && len(b.gone) == 0 {
		return &forescale.Fault{Code: "history_invalid", What: "there is no row to forecast from", Where: in.name, Help: "nothing was written"}
	}
	if err := b.flush(ctx, len(b.series)); err != nil {
		return err
	}
	b.forgetEmpty("")
	return nil
}

// add takes in a row.
func (b *heldSeries) add(ctx context.Context, row collector.HistoryRow) error {
	i, held := b.index[row.Series]
	switch {
	case held:
	case b.isGone(row.Series):
		return &forescale.Fault{Code: "history_unsorted", What: fmt.Sprintf("series %s goes on after others, and the input is too long to be held", oneLine(row.Series)),
			Where: fmt.Sprintf("line %d", row.Line), Help: "sort the rows by series, or use a longer step"}
	case row.Gap:
		if _, there := b.empty[row.Series]; there {
			return nil
		}
		b.empty[strings.Clone(row.Series)] = struct{}{}
		b.rows += heldBeside
		if b.rows >= b.most {
			return b.makeRoom(ctx, row.Series)
		}
		return nil
	default:
		i = b.begin(strings.Clone(row.Series)) // the name is a part of the line
	}
	if row.Gap {
		return nil
	}
	h := &b.series[i]
	h.Times, h.Values = append(h.Times, row.Time), append(h.Values, row.Value)
	b.rows++
	if len(h.Times) >= heldLonger*forecast.MaxHistory && len(h.Times)%forecast.MaxHistory == 0 {
		b.rows -= h.Condense()
	}
	if b.rows >= b.most {
		return b.makeRoom(ctx, row.Series)
	}
	return nil
}

// begin holds one more series, and says where.
func (b *heldSeries) begin(name string) int {
	i := len(b.series)
	b.index[name] = i
	if _, empty := b.empty[name]; empty {
		delete(b.empty, name)
		b.rows -= heldBeside
	}
	b.series = append(b.series, forecast.History{Name: name, Step: b.request.step, Horizon: b.request.horizon, Levels: b.request.levels, Location: b.request.zone, Country: b.request.country})
	b.rows += heldBeside
	return i
}

// makeRoom averages what is held over its steps; if that is not enough, it forecasts
// all series but the one that is being read.
func (b *heldSeries) makeRoom(ctx context.Context, reading string) error {
	for i := range b.series {
		b.rows -= b.series[i].Condense()
	}
	if b.rows < b.most/2 || len(b.series) == 1 && len(b.empty) == 0 {
		return nil
	}
	n := len(b.series)
	if i, held := b.index[reading]; held {
		current := b.series[i]
		b.series = append(slices.Delete(b.series, i, i+1), current)
		n--
	}
	if err := b.flush(ctx, n); err != nil {
		return err
	}
	b.forgetEmpty(reading)
	return nil
}

// forgetEmpty tells of the series without a value, but for the one that is being read,
// and lets them go.
func (b *heldSeries) forgetEmpty(reading string) {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(b.empty)) {
		if name == reading {
			continue
		}
		delete(b.empty, name)
		b.rows -= heldBeside
		b.gone[seriesKey(name)] = struct{}{}
		notes = append(notes, fmt.Sprintf("note: %s: there is no value, and nothing was forecast", oneLine(name)))
	}
	b.note(notes)
}

// flush forecasts and writes the first n series, and lets them go.
func (b *heldSeries) flush(ctx context.Context, n int) error {
	width := b.request.horizon * (len(b.request.levels) + 3) // a step has a header of its own
	for part := range slices.Chunk(b.series[:n], max(heldValues/width, 4*runtime.GOMAXPROCS(0))) {
		if err := b.forecast(ctx, part); err != nil {
			return err
		}
	}
	b.series = slices.Clone(b.series[n:])
	for i := range b.series {
		b.index[b.series[i].Name] = i
	}
	return nil
}

// forecast forecasts and writes some of the held series, and forgets their rows.
func (b *heldSeries) forecast(ctx context.Context, part []forecast.History) error {
	made, failed := make([]forescale.Forecast, len(part)), make([]error, len(part))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range part {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			made[i], failed[i] = forecast.FromHistory(part[i])
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var notes []string
	for i, f := range made {
		name := part[i].Name
		b.rows -= len(part[i].Times) + heldBeside
		delete(b.index, name)
		b.gone[seriesKey(name)] = struct{}{}
		part[i] = forecast.History{}
		if failed[i] != nil {
			b.failed = append(b.failed, &forescale.Fault{Code: "forecast_failed", What: failed[i].Error(), Where: "series " + oneLine(name),
				Help: "the other series were written", Err: failed[i]})
			continue
		}
		if err := b.out.write(f); err != nil {
			return err
		}
		for _, w := range f.Warnings {
			notes = append(notes, fmt.Sprintf("note: %s: %s", oneLine(name), oneLine(w)))
		}
	}
	b.note(notes)
	return nil
}
