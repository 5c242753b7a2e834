package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/forecast"
)

// generateRequest is what `datasets generate` was asked for.
type generateRequest struct {
	pattern datasets.Pattern
	series  string
	from    time.Time
	to      time.Time
	step    time.Duration
	truth   string
	output  string
}

func newDatasetsGenerate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make up the load of a service, exact for a seed",
		Long: "Write made-up load as CSV with the header timestamp,series,value: requests per second, weighed\n" +
			"with what one costs, which begins near 1 and shifts with deploys. A time at which nobody\nmeasures has no value.\n\n" +
			"Presets:\n" + presetHelp() + `
The same flags give the same load on any machine, and more days begin with fewer. --truth
writes what no measurement tells: the load without noise and without what is special, the cost
of a request, and when there is a holiday, a burst, an outage or a gap.`,
		Example: "  forescale datasets generate --preset shop --days 28 --seed 1 --step 1m --timezone Europe/Berlin > load.csv",
		Args:    wants(),
	}
	r := generateRequest{}
	var preset, zone, from, country string
	var n int
	var seed uint64
	var peak float64
	fs := cmd.Flags()
	fs.StringVar(&preset, "preset", "shop", "kind of service: "+presetNames())
	fs.IntVar(&n, "days", 28, "days of the zone, so that those of clock changes have 23 or 25 hours")
	fs.Uint64Var(&seed, "seed", 1, "of all that is random")
	step := durationFlag(cmd, "step", time.Minute, "width of a row, 1s to 1d; its value is the mean of it")
	fs.StringVar(&zone, "timezone", "UTC", "IANA zone whose days and weeks the load follows")
	fs.StringVar(&from, "from", "2026-01-05", "first day; growth begins there")
	fs.Float64Var(&peak, "peak", 100, "load at the highest time of a usual weekday")
	fs.StringVar(&country, "country", "", "country whose public holidays count, such as DE (default: days that most of Europe keeps)")
	fs.StringVar(&r.series, "series", "", "name of the series (default: that of the preset)")
	fs.StringVar(&r.truth, "truth", "", "CSV file to write the truth to")
	fs.StringVar(&r.output, "output", "-", "file to write, or - for standard output")
	_ = cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(strings.Split(presetNames(), ", "), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, ok := datasets.PresetOf(preset)
		location, err := zoneOf(zone)
		begin, dateErr := time.ParseInLocation(time.DateOnly, from, cmp.Or(location, time.UTC))
		r.step = time.Duration(*step)
		switch {
		case !ok:
			return usage(fmt.Sprintf("%q is not a preset", preset), "use one of "+presetNames())
		case err != nil:
			return err
		case dateErr != nil:
			return usage(fmt.Sprintf("%q is not a day", from), "write it as 2026-01-05")
		case n < 1 || n > maxGenerated:
			return usage(fmt.Sprintf("%d days are out of range", n), fmt.Sprintf("use 1 to %d", maxGenerated))
		case r.step < time.Second || r.step > 24*time.Hour:
			return usage(fmt.Sprintf("a step of %s is out of range", shortDuration(r.step)), "use 1s to 1d")
		case !(peak > 0) || peak > 1e12:
			return usage(fmt.Sprintf("a peak of %g is out of range", peak), "use a number above 0, up to 1e12")
		case country != "" && !forescale.KnowsCountry(country):
			return usage(fmt.Sprintf("the holidays of %q are not known", country), "use one of "+orList(forescale.Countries))
		case r.truth != "" && r.truth == r.output:
			return usage("load and truth cannot both go to "+r.truth, "name two files")
		}
		r.series = cmp.Or(r.series, preset)
		r.pattern = p.Make(seed, peak, location)
		r.pattern.Origin, r.from, r.to = begin, begin, begin.AddDate(0, 0, n)
		if country != "" {
			r.pattern.HolidayOn = holidaysOf(country)
		}
		return a.generate(cmd.Context(), r)
	}
	return cmd
}

// maxGenerated is the most days that are made up at once: ten years.
const maxGenerated = 3660

func presetNames() string {
	var names []string
	for _, p := range datasets.Presets() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

func presetHelp() string {
	var b strings.Builder
	for _, p := range datasets.Presets() {
		fmt.Fprintf(&b, "  %s%s\n", padRight(p.Name, 9), wrap(p.About, 95, strings.Repeat(" ", 11)))
	}
	return b.String()
}

// holidaysOf asks for each day once: steps of a day follow one another.
func holidaysOf(country string) func(time.Time) bool {
	var day string
	var off bool
	return func(t time.Time) bool {
		if d := t.Format(time.DateOnly); d != day {
			day, off = d, forecast.HolidaysLie(country, t, t, t.Location())
		}
		return off
	}
}

func (a *app) generate(ctx context.Context, r generateRequest) error {
	write := func(w io.Writer) error {
		if r.truth == "" {
			return r.write(ctx, w, io.Discard)
		}
		return writeWhole(r.truth, func(truth io.Writer) error { return r.write(ctx, w, truth) })
	}
	if r.output == "-" || r.output == "" {
		return write(a.stdout)
	}
	return writeWhole(r.output, write)
}

// write writes load and truth, row by row.
func (r generateRequest) write(ctx context.Context, load, truth io.Writer) error {
	buffers := [2]*bufio.Writer{bufio.NewWriterSize(load, 1<<16), bufio.NewWriterSize(truth, 1<<16)}
	out, beside := csv.NewWriter(buffers[0]), csv.NewWriter(buffers[1])
	number := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 32) // they are made in single precision
	}
	flag := func(b bool) string { return map[bool]string{true: "1", false: "0"}[b] }
	err := errors.Join(out.Write([]string{"timestamp", "series", "value"}),
		beside.Write([]string{"timestamp", "series", "value", "expected", "usual", "cost", "holiday", "burst", "outage", "gap"}))
	rows := 0
	for x := range r.pattern.Trace(r.from, r.to, r.step) {
		if rows++; rows%10_000 == 0 {
			err = errors.Join(err, ctx.Err())
		}
		if err != nil {
			return err
		}
		row := []string{x.Time.Format(time.RFC3339), r.series, number(x.Value)}
		if err = out.Write(row); err == nil && truth != io.Discard {
			err = beside.Write(append(row, number(x.Expected), number(x.Usual), number(x.Cost), flag(x.Holiday), flag(x.Burst), flag(x.Outage), flag(x.Gap)))
		}
	}
	out.Flush()
	beside.Flush()
	return errors.Join(err, out.Error(), beside.Error(), buffers[0].Flush(), buffers[1].Flush())
}
