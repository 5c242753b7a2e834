package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// benchRequest is what `forecast bench` was asked for.
type benchRequest struct {
	folder  string
	step    time.Duration // 0: each series' own
	most    int           // series of a file, 0: all
	origins int
	zone    *time.Location
}

func newForecastBench(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench DIR",
		Short: "Measure all models and the automatic choice on a folder of history files",
		Long: `Measure each model on each series of the history files in a folder: CSV with the
header timestamp,series,value, .gz too. At origins spread over the last four tenths
of a series it forecasts a day from the eight weeks before.

A number under a lead time is the pinball loss, at the levels 0.05, 0.5, 0.9, 0.95 and
0.99, over that of the best, in hindsight and for each series and lead time, of last
value, last day and last week with the quantiles of their own past errors: below 1 is
better than any of them. It is the geometric mean over the series. WORST is the worst
series at any lead time, COVERED the share of truths in the 90 % intervals, MASE the error of
the median over the usual change from day to day, MS the time of one forecast.

Series of less than nine days are left out. -o csv gives a row for each series, model and lead time.`,
		Example: "  forescale forecast bench traces/\n  forescale forecast bench traces/ --step 1h --timezone Europe/Berlin -o csv",
		Args:    wants("DIR"),
	}
	var r benchRequest
	var zone string
	fs := cmd.Flags()
	step := durationFlag(cmd, "step", 0, "width of a step; 0: the usual distance of a series' times, a minute or more")
	fs.IntVar(&r.most, "series", 0, "measure only so many series of a file, the longest; 0: all")
	fs.IntVar(&r.origins, "origins", 6, "forecasts for each series and model")
	fs.StringVar(&zone, "timezone", "UTC", "IANA zone whose days and weeks the patterns follow, and of times that name none")
	o := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.folder, r.step = args[0], time.Duration(*step)
		var err error
		if r.zone, err = zoneOf(zone); err != nil {
			return err
		}
		return a.forecastBench(cmd.Context(), r, *o)
	}
	return cmd
}

func (r benchRequest) check() error {
	switch {
	case r.step != 0 && (r.step < time.Second || r.step > 24*time.Hour):
		return usage(fmt.Sprintf("a step of %s is out of range", shortDuration(r.step)), "use 1s to 24h, or leave it out")
	case r.origins < 1 || r.origins > 1000:
		return usage(fmt.Sprintf("%d forecasts for each series are out of range", r.origins), "use 1 to 1000")
	case r.most < 0:
		return usage(fmt.Sprintf("%d series of a file make no sense", r.most), "use 1 or more, or 0 for all")
	}
	return nil
}

// benchModels are those that are measured; the automatic choice is the first.
func benchModels() []benchModel {
	return []benchModel{
		{"automatic", forecast.Ladder{}},
		{"combination", forecast.Combination{}},
		{"weekly profile", forecast.Profile{Weekly: true}},
		{"daily profile", forecast.Profile{}},
		{"seasonal lags", forecast.Lags{}},
		{"smoothing", forecast.Smoothing{}},
		{"damped level", forecast.Level{}},
		{"last week", forecast.SeasonalNaive{}},
		{"last day", forecast.SeasonalNaive{Daily: true}},
	}
}

type benchModel struct {
	name  string
	model forecast.Model
}

// benchSeries is one series and what became of it.
type benchSeries struct {
	file, name string
	series     forescale.Series
	measured   []forecast.Measured // by model
	ok         []bool
}

func (a *app) forecastBench(ctx context.Context, r benchRequest, o format) error {
	if err := r.check(); err != nil {
		return err
	}
	files, err := historyFiles(r.folder)
	if err != nil {
		return err
	}
	models := benchModels()
	var all []*benchSeries
	short := 0
	for _, file := range files {
		series, left, err := a.benchFile(ctx, r, file)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(a.stderr, "note: %s is left out: %s\n", oneLine(filepath.Base(file)), oneLine(err.Error()))
			continue
		}
		short += left
		all = append(all, series...)
	}
	if short > 0 {
		fmt.Fprintf(a.stderr, "note: series of less than nine days that are left out: %d\n", short)
	}
	if len(all) == 0 {
		return &forescale.Fault{Code: "history_invalid", What: "no series is long enough to measure on", Where: r.folder, Help: "use history files with series of nine days or more"}
	}
	if err := a.benchAll(ctx, r, models, all); err != nil {
		return err
	}
	switch o {
	case formatTable:
		return a.write(benchTable(models, all))
	case formatJSON:
		return a.writeJSON(benchRows(models, all))
	}
	var rows [][]string
	for _, w := range benchRows(models, all) {
		rows = append(rows, []string{w.File, w.Series, w.Step, w.Model, w.Lead, strconv.Itoa(w.Tested), exact(w.Loss), exact(w.Naive), exact(w.Ratio), exact(w.Covered), exact(w.MASE)})
	}
	return a.writeCSV([]string{"file", "series", "step", "model", "lead", "tested", "loss", "best_naive", "ratio", "covered", "mase"}, rows)
}

// benchAll measures, several series at a time: each on its own, so that the numbers
// do not depend on how many.
func (a *app) benchAll(ctx context.Context, r benchRequest, models []benchModel, all []*benchSeries) error {
	var done atomic.Int64
	bar := a.steps(int64(len(all)*len(models)), done.Load)
	defer bar.finish()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	yard := forecast.Yardstick{Origins: r.origins, Location: r.zone}
	for _, s := range all {
		s.measured, s.ok = make([]forecast.Measured, len(models)), make([]bool, len(models))
		group.Go(func() error {
			for m, model := range models {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				s.measured[m], s.ok[m] = yard.Measure(model.model, s.series, time.Now)
				done.Add(1)
			}
			return nil
		})
	}
	return group.Wait()
}

// historyFiles are the CSV files of a folder, by name.
func historyFiles(folder string) (files []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, unreadable(folder, err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".csv.gz") {
			files = append(files, filepath.Join(folder, name))
		}
	}
	if len(files) == 0 {
		return nil, &forescale.Fault{Code: "history_unreadable", What: "the folder holds no history file", Where: folder, Help: "put files into it whose names end in .csv or .csv.gz"}
	}
	return files, nil
}

// benchFile reads the series of a file; short is the number of those that are too
// short.
func (a *app) benchFile(ctx context.Context, r benchRequest, file string) (series []*benchSeries, short int, err error) {
	in, err := a.openHistory(file, r.zone)
	if err != nil {
		return nil, 0, err
	}
	defer in.close()
	points := map[string][]forescale.DemandPoint{}
	var names []string
	rows := 0
	for row, err := range in.rows() {
		if rows++; rows%10_000 == 0 && ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		switch {
		case err != nil:
			return nil, 0, err
		case row.Gap:
			continue
		}
		if _, ok := points[row.Series]; !ok {
			names = append(names, row.Series)
		}
		points[row.Series] = append(points[row.Series], forescale.DemandPoint{Time: row.Time, Value: row.Value})
	}
	if r.most > 0 && len(names) > r.most {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(len(points[b]), len(points[a])) })
		names = names[:r.most]
	}
	for _, name := range names {
		s := gridOf(points[name], r.step)
		if s.End().Sub(s.Start) < 9*24*time.Hour {
			short++
			continue
		}
		series = append(series, &benchSeries{file: filepath.Base(file), name: name, series: s})
	}
	return series, short, nil
}

// longestBench bounds the steps of a series that are measured, from the end.
const longestBench = 1 << 18

// gridOf lays points of any order on a grid of the step, or of their usual distance.
func gridOf(points []forescale.DemandPoint, step time.Duration) forescale.Series {
	slices.SortStableFunc(points, func(a, b forescale.DemandPoint) int { return a.Time.Compare(b.Time) })
	if step == 0 {
		step = usualStep(points)
	}
	first, end := points[0].Time, points[len(points)-1].Time.Add(1)
	if oldest := end.Add(-longestBench * step); first.Before(oldest) {
		first = oldest
	}
	s, _ := forecast.Grid(points, first, end, step)
	return s
}

// usualStep is the median distance of times, in whole minutes, one at least.
func usualStep(points []forescale.DemandPoint) time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(points); i++ {
		if d := points[i].Time.Sub(points[i-1].Time); d > 0 {
			gaps = append(gaps, d)
		}
	}
	if len(gaps) == 0 {
		return time.Minute
	}
	slices.Sort(gaps)
	return max(time.Minute, gaps[len(gaps)/2].Round(time.Minute))
}

// benchRow is one line of -o csv and json; a number without a value is null.
type benchRow struct {
	File    string   `json:"file"`
	Series  string   `json:"series"`
	Step    string   `json:"step"`
	Model   string   `json:"model"`
	Lead    string   `json:"lead"`
	Tested  int      `json:"tested"`
	Loss    *float64 `json:"loss"`
	Naive   *float64 `json:"best_naive"`
	Ratio   *float64 `json:"ratio"`
	Covered *float64 `json:"covered"`
	MASE    *float64 `json:"mase"`
}

func benchRows(models []benchModel, all []*benchSeries) (rows []benchRow) {
	known := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	for _, s := range all {
		for m, model := range models {
			if !s.ok[m] {
				continue
			}
			r := s.measured[m]
			for i, lead := range forecast.YardstickLeads() {
				if r.Tested[i] == 0 {
					continue
				}
				rows = append(rows, benchRow{s.file, s.name, shortDuration(s.series.Step), model.name, shortDuration(lead), r.Tested[i],
					known(r.Loss[i]), known(r.Naive[i]), known(r.Ratio(i)), known(r.Covered[i]), known(r.Absolute)})
			}
		}
	}
	return rows
}

// benchTable has a row for each model.
func benchTable(models []benchModel, all []*benchSeries) *table {
	leads := forecast.YardstickLeads()
	headers := []string{"MODEL", "SERIES"}
	for _, lead := range leads {
		headers = append(headers, strings.ToUpper("≤ "+shortDuration(lead)))
	}
	t := newTable(append(headers, "WORST", "COVERED", "MASE", "MS")...).alignRight(1, 2, 3, 4, 5, 6, 7, 8, 9)
	for m, model := range models {
		logs, covered := make([]mean, len(leads)), mean{}
		var mase, spent mean
		worst, series := 0.0, 0
		for _, s := range all {
			if !s.ok[m] {
				continue
			}
			r := s.measured[m]
			series++
			forecasts := 0
			for i := range leads {
				if q := r.Ratio(i); q > 0 && !math.IsInf(q, 0) {
					logs[i].add(math.Log(q))
					worst = max(worst, q)
				}
				if r.Tested[i] > 0 {
					covered.add(r.Covered[i])
				}
				forecasts = r.Made
			}
			if r.Absolute > 0 {
				mase.add(math.Log(r.Absolute))
			}
			if forecasts > 0 {
				spent.add(r.Spent.Seconds() * 1e3 / float64(forecasts))
			}
		}
		row := []string{model.name, strconv.Itoa(series)}
		for i := range leads {
			row = append(row, logs[i].text(math.Exp, 3))
		}
		w := "–"
		if worst > 0 {
			w = strconv.FormatFloat(worst, 'f', 2, 64)
		}
		same := func(v float64) float64 { return v }
		t.add(append(row, w, covered.text(same, 3), mase.text(math.Exp, 3), spent.text(same, 1))...)
	}
	return t
}

// mean adds up numbers.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) { m.sum, m.n = m.sum+v, m.n+1 }

// text is the mean through f, with so many digits; a dash when there is none.
func (m mean) text(f func(float64) float64, digits int) string {
	if m.n == 0 {
		return "–"
	}
	return strconv.FormatFloat(f(m.sum/float64(m.n)), 'f', digits, 64)
}
