package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/forecast"
)

// forecastRequest is what `forecast run` was asked for.
type forecastRequest struct {
	input, output string
	step          time.Duration
	horizon       int
	levels        []float64
	zone          *time.Location
	country       string
}

func newForecastRun(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run --input FILE --step DURATION --horizon STEPS --quantiles LEVELS",
		Short: "Forecast the series of a history file; no server and no store is needed",
		Long: `Forecast each series of a history file: CSV with the header timestamp,series,value, .gz
too, - for standard input. The forecast begins right after a series' newest value.

Written is CSV with the header series,timestamp,quantile,value,model.

Rows may come in any order. An input of any length needs little memory when the rows of a
series follow one another; when they do not, about a million steps of all series together are held.`,
		Example: "  forescale forecast run --input history.csv.gz --step 1h --horizon 48 --quantiles 0.1,0.5,0.9",
		Args:    wants(),
	}
	var r forecastRequest
	var quantiles, zone string
	fs := cmd.Flags()
	fs.StringVar(&r.input, "input", "", "history file, or - for standard input")
	fs.StringVar(&r.output, "output", "-", "file to write, or - for standard output")
	step := durationFlag(cmd, "step", time.Hour, "width of a step")
	fs.IntVar(&r.horizon, "horizon", 48, "steps ahead")
	fs.StringVar(&quantiles, "quantiles", "0.05,0.5,0.95", "levels between 0 and 1")
	fs.StringVar(&r.country, "calendar", "", "country whose public holidays count, such as DE")
	fs.StringVar(&zone, "timezone", "UTC", "IANA zone whose days and weeks the patterns follow, and of times that name none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r.step = time.Duration(*step)
		var err error
		if r.levels, err = parseLevels(quantiles); err != nil {
			return err
		}
		if r.zone, err = zoneOf(zone); err != nil {
			return err
		}
		if r.country != "" && !forescale.KnowsCountry(r.country) {
			return usage(fmt.Sprintf("the holidays of %q are not known", r.country), "use one of "+orList(forescale.Countries))
		}
		return a.forecastRun(cmd.Context(), r)
	}
	return cmd
}

// parseLevels reads quantile levels, and gives them rising and once each.
func parseLevels(s string) ([]float64, error) {
	var levels []float64
	for _, f := range strings.Split(s, ",") {
		q, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil || !(q > 0 && q < 1) {
			return nil, usage(fmt.Sprintf("%q is not a quantile level", f), "write levels between 0 and 1, such as 0.05,0.5,0.95")
		}
		levels = append(levels, q)
	}
	slices.Sort(levels)
	return slices.Compact(levels), nil
}

// maxForecastSteps bounds the horizon.
const maxForecastSteps = 100_000

func (r forecastRequest) check() error {
	switch {
	case r.input == "":
		return usage("there is no input", "name a history file with --input, or - for standard input")
	case r.horizon < 1 || r.horizon > maxForecastSteps:
		return usage(fmt.Sprintf("a horizon of %d steps is out of range", r.horizon), fmt.Sprintf("use 1 to %d steps", maxForecastSteps))
	case r.step < time.Second || r.step > 7*24*time.Hour:
		return usage(fmt.Sprintf("a step of %s is out of range", shortDuration(r.step)), "use 1s to 7d")
	}
	return nil
}

func (a *app) forecastRun(ctx context.Context, r forecastRequest) error {
	if err := r.check(); err != nil {
		return err
	}
	in, err := a.openHistory(r.input, r.zone)
	if err != nil {
		return err
	}
	defer in.close()
	var failed forescale.Faults // what could not be forecast leaves the rest written
	write := func(w io.Writer) (err error) {
		failed, err = a.forecastStream(ctx, r, in, w)
		return err
	}
	if r.output == "-" || r.output == "" {
		err = write(a.stdout)
	} else {
		err = writeWhole(r.output, write)
	}
	if err != nil {
		return err
	}
	return failed.OrNil()
}

// Limits of what is held in memory. Series that follow one another need no more
// however long the input is.
const (
	heldRows   = 2 << 20 // rows; beyond them series that have ended are forecast and let go
	heldLonger = 4       // rows of one series, in steps that a forecast looks at, from which on they are averaged
)

// forecastStream reads series, forecasts them many at a time, and writes them in
// the order in which they began.
func (a *app) forecastStream(ctx context.Context, r forecastRequest, in *history, w io.Writer) (failed forescale.Faults, err error) {
	if r.output != "-" || !a.terminal { // a bar among the rows helps nobody
		bar := a.progress(in.size, in.read)
		defer bar.finish()
	}
	out, err := newForecastCSV(w)
	if err != nil {
		return nil, err
	}
	b := heldSeries{request: r, most: heldRows, out: out, index: map[string]int{}, gone: map[string]bool{}, empty: map[string]bool{}}
	rows := 0
	for row, err := range in.rows() {
		if rows++; rows%10_000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var f *forescale.Fault
		switch {
		case err != nil && row.Line != 0 && errors.As(err, &f):
			if len(b.refused) < 10 {
				b.refused = append(b.refused, f)
			}
			continue
		case err != nil:
			return nil, err
		case row.Gap:
			b.gap(row.Series)
			continue
		}
		if len(b.refused) > 0 {
			continue // the other faults are worth knowing, the forecast is not
		}
		if err := b.add(ctx, row); err != nil {
			return nil, err
		}
	}
	if len(b.refused) > 0 {
		return nil, b.refused // a forecast of half a file would look like one of the whole
	}
	if len(b.series) == 0 && len(b.gone) == 0 {
		return nil, &forescale.Fault{Code: "history_invalid", What: "there is no row to forecast from", Where: in.name, Help: "nothing was written"}
	}
	if err := b.flush(ctx, len(b.series)); err != nil {
		return nil, err
	}
	if err := out.flush(); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(b.empty)) {
		b.notes = append(b.notes, fmt.Sprintf("note: %s: there is no value, and nothing was forecast", oneLine(name)))
	}
	for _, n := range b.notes { // also into a pipe: a doubt belongs to its forecast
		fmt.Fprintln(a.stderr, n)
	}
	return b.failed, nil
}

// heldSeries is the series that are held.
type heldSeries struct {
	request forecastRequest
	most    int // rows that may be held
	out     *forecastCSV
	series  []forecast.History // in order of appearance
	index   map[string]int     // of the held ones
	gone    map[string]bool    // those that were forecast
	empty   map[string]bool    // those without a value so far
	rows    int                // held
	last    int                // series of the newest row
	refused forescale.Faults
	failed  forescale.Faults
	notes   []string
}

// gap takes in a row without a value.
func (b *heldSeries) gap(name string) {
	if _, held := b.index[name]; !held && !b.gone[name] {
		b.empty[name] = true
	}
}

func (b *heldSeries) add(ctx context.Context, row collector.HistoryRow) error {
	i, ok := b.index[row.Series]
	if !ok {
		if b.gone[row.Series] {
			return &forescale.Fault{Code: "history_unsorted", What: fmt.Sprintf("series %s goes on after others, and the input is too long to be held", oneLine(row.Series)),
				Where: fmt.Sprintf("line %d", row.Line), Help: "sort the rows by series, or use a longer step"}
		}
		i = len(b.series)
		b.index[row.Series] = i
		delete(b.empty, row.Series)
		b.series = append(b.series, forecast.History{Name: row.Series, Step: b.request.step, Horizon: b.request.horizon, Levels: b.request.levels, Location: b.request.zone, Country: b.request.country})
	}
	h := &b.series[i]
	h.Times, h.Values = append(h.Times, row.Time), append(h.Values, row.Value)
	b.rows++
	b.last = i
	if len(h.Times) >= heldLonger*forecast.MaxHistory && len(h.Times)%forecast.MaxHistory == 0 {
		b.rows -= h.Condense()
	}
	if b.rows >= b.most {
		return b.makeRoom(ctx)
	}
	return nil
}

// makeRoom averages what is held over its steps; if that is not enough, it forecasts
// all series but the one that is being read.
func (b *heldSeries) makeRoom(ctx context.Context) error {
	for i := range b.series {
		b.rows -= b.series[i].Condense()
	}
	if b.rows < b.most/2 || len(b.series) == 1 {
		return nil
	}
	current := b.series[b.last]
	b.series = append(slices.Delete(b.series, b.last, b.last+1), current)
	return b.flush(ctx, len(b.series)-1)
}

// flush forecasts and writes the first n series, and lets them go.
func (b *heldSeries) flush(ctx context.Context, n int) error {
	made, failed := make([]forescale.Forecast, n), make([]error, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			made[i], failed[i] = forecast.FromHistory(b.series[i])
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, f := range made {
		name := b.series[i].Name
		b.rows -= len(b.series[i].Times)
		delete(b.index, name)
		b.gone[name] = true
		if failed[i] != nil {
			b.failed = append(b.failed, &forescale.Fault{Code: "forecast_failed", What: failed[i].Error(), Where: "series " + oneLine(name),
				Help: "the other series were written", Err: failed[i]})
			continue
		}
		if err := b.out.write(f); err != nil {
			return err
		}
		for _, w := range f.Warnings {
			b.notes = append(b.notes, fmt.Sprintf("note: %s: %s", oneLine(name), oneLine(w)))
		}
	}
	b.series = slices.Clone(b.series[n:])
	for i := range b.series {
		b.index[b.series[i].Name] = i
	}
	b.last = len(b.series) - 1
	return nil
}

// forecastCSV writes series,timestamp,quantile,value,model.
type forecastCSV struct {
	buffer *bufio.Writer
	out    *csv.Writer
}

func newForecastCSV(w io.Writer) (*forecastCSV, error) {
	buffer := bufio.NewWriterSize(w, 1<<16)
	c := &forecastCSV{buffer: buffer, out: csv.NewWriter(buffer)}
	return c, c.out.Write([]string{"series", "timestamp", "quantile", "value", "model"})
}

func (c *forecastCSV) write(f forescale.Forecast) error {
	levels := make([]string, len(f.Levels))
	for k, q := range f.Levels {
		levels[k] = strconv.FormatFloat(q, 'g', -1, 64)
	}
	for step, values := range f.Values {
		at := f.Start.Add(time.Duration(step) * f.Step).UTC().Format(time.RFC3339)
		for k, v := range values {
			if err := c.out.Write([]string{f.Service, at, levels[k], strconv.FormatFloat(v, 'g', 12, 64), f.Model}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *forecastCSV) flush() error {
	c.out.Flush()
	return errors.Join(c.out.Error(), c.buffer.Flush())
}
