package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
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

Written is CSV with the header series,timestamp,quantile,value,model.`,
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
	series, err := a.readSeries(ctx, r)
	if err != nil {
		return err
	}
	made := make([]forescale.Forecast, len(series))
	failed := make([]error, len(series))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range series {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			made[i], failed[i] = forecast.FromHistory(series[i])
			series[i] = forecast.History{Name: series[i].Name} // its values are done with
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := a.writeForecasts(r.output, made, failed); err != nil {
		return err
	}
	for i := range made {
		made[i].Service = series[i].Name // also of one that failed
	}
	return a.forecastNotes(made, failed)
}

// readSeries reads the input into one history a series, in order of appearance.
func (a *app) readSeries(ctx context.Context, r forecastRequest) ([]forecast.History, error) {
	in, err := a.openHistory(r.input, r.zone)
	if err != nil {
		return nil, err
	}
	defer in.close()
	var series []forecast.History
	index := map[string]int{}
	var refused forescale.Faults
	rows := 0
	for row, err := range in.rows() {
		if rows++; rows%10_000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var f *forescale.Fault
		switch {
		case err != nil && row.Line != 0 && errors.As(err, &f):
			if len(refused) < 10 {
				refused = append(refused, f)
			}
			continue
		case err != nil:
			return nil, err
		case row.Gap:
			continue
		}
		i, ok := index[row.Series]
		if !ok {
			i = len(series)
			index[row.Series] = i
			series = append(series, forecast.History{Name: row.Series, Step: r.step, Horizon: r.horizon, Levels: r.levels, Location: r.zone, Country: r.country})
		}
		series[i].Times = append(series[i].Times, row.Time)
		series[i].Values = append(series[i].Values, row.Value)
	}
	if len(refused) > 0 {
		return nil, refused // a forecast of half a file would look like one of the whole
	}
	if len(series) == 0 {
		return nil, &forescale.Fault{Code: "history_invalid", What: "there is no row to forecast from", Where: in.name, Help: "nothing was written"}
	}
	return series, nil
}

// writeForecasts writes to the file in one step, or to standard output.
func (a *app) writeForecasts(output string, made []forescale.Forecast, failed []error) error {
	if output == "-" || output == "" {
		return forecastCSV(a.stdout, made, failed)
	}
	return writeWhole(output, func(w io.Writer) error { return forecastCSV(w, made, failed) })
}

// forecastCSV writes series,timestamp,quantile,value,model.
func forecastCSV(w io.Writer, made []forescale.Forecast, failed []error) error {
	buffer := bufio.NewWriterSize(w, 1<<16)
	out := csv.NewWriter(buffer)
	if err := out.Write([]string{"series", "timestamp", "quantile", "value", "model"}); err != nil {
		return err
	}
	for i, f := range made {
		if failed[i] != nil {
			continue
		}
		levels := make([]string, len(f.Levels))
		for k, q := range f.Levels {
			levels[k] = strconv.FormatFloat(q, 'g', -1, 64)
		}
		for step, values := range f.Values {
			at := f.Start.Add(time.Duration(step) * f.Step).UTC().Format(time.RFC3339)
			for k, v := range values {
				if err := out.Write([]string{f.Service, at, levels[k], strconv.FormatFloat(v, 'g', 12, 64), f.Model}); err != nil {
					return err
				}
			}
		}
	}
	out.Flush()
	return errors.Join(out.Error(), buffer.Flush())
}

// forecastNotes says what could not be forecast, and the doubts about the rest.
func (a *app) forecastNotes(made []forescale.Forecast, failed []error) error {
	var fs forescale.Faults
	for i, err := range failed {
		if err != nil {
			fs = append(fs, &forescale.Fault{Code: "forecast_failed", What: err.Error(), Where: "series " + oneLine(made[i].Service),
				Help: "the other series were written", Err: err})
			continue
		}
		for _, w := range made[i].Warnings {
			a.hint("note: %s: %s", oneLine(made[i].Service), oneLine(w))
		}
	}
	return fs.OrNil()
}
