package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/spf13/cobra"
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
series follow one another; when they do not, about a million steps of all series together are held.
Of each series the newest 131,072 steps are looked at; a note says so of a longer one.`,
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

// forecastStream reads series, forecasts them many at a time, and writes them in
// the order in which they began.
func (a *app) forecastStream(ctx context.Context, r forecastRequest, in *history, w io.Writer) (failed forescale.Faults, err error) {
	var bar *progress
	if r.output != "-" || !a.terminal { // a bar among the rows helps nobody
		bar = a.progress(in.size, in.read)
		defer bar.finish()
	}
	out, err := newForecastCSV(w)
	if err != nil {
		return nil, err
	}
	b := newHeldSeries(r, heldRows, out, func(notes []string) {
		bar.clear()
		for _, n := range notes { // also into a pipe: a doubt belongs to its forecast
			fmt.Fprintln(a.stderr, n)
		}
	})
	if err := b.read(ctx, in); err != nil {
		return nil, err
	}
	return b.failed, out.flush()
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
