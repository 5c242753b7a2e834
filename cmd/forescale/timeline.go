package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// files names the timeline of each run: the file that was asked for, or one in
// the folder for each of several. "" is none.
func (r simulateRequest) files(runs []*simulated) ([]string, error) {
	files := make([]string, len(runs))
	info, err := os.Stat(r.timeline)
	folder := err == nil && info.IsDir()
	switch {
	case r.timeline == "":
		return files, nil
	case len(runs) == 1 && !folder:
		files[0] = r.timeline
		return files, nil
	case !folder:
		return nil, usage(fmt.Sprintf("%d timelines cannot go into one file", len(runs)), "name a folder that exists with --timeline")
	}
	taken := map[string]bool{}
	for i, s := range runs {
		base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(s.trace), ".gz"), ".csv")
		name := fmt.Sprintf("%s.%s.csv", base, s.policy)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d.%s.csv", base, n, s.policy)
		}
		taken[name] = true
		files[i] = filepath.Join(r.timeline, name)
	}
	return files, nil
}

// timelineHeader is fixed: other programs read it.
var timelineHeader = []string{"timestamp", "service", "demand", "required", "desired", "starting", "ready", "draining", "nodes", "cost", "reason"}

// writeTimeline writes one row a step. Counts are means of the step, but for
// required and desired, which are whole.
func (a *app) writeTimeline(path string, s *simulated) error {
	return writeWhole(path, func(w io.Writer) error {
		buffer := bufio.NewWriterSize(w, 1<<16)
		out := csv.NewWriter(buffer)
		if err := out.Write(timelineHeader); err != nil {
			return err
		}
		number := func(v float64) string { return strconv.FormatFloat(v, 'g', 10, 64) }
		for _, r := range s.rows {
			if err := out.Write([]string{r.Time.UTC().Format(time.RFC3339), s.study.Service.Name, number(r.Demand), strconv.Itoa(r.Required),
				strconv.Itoa(r.Wanted), number(r.Starting), number(r.Ready), number(r.Draining), strconv.Itoa(r.Nodes), number(r.Cost(s.study.Service.PricePerHour, s.study.Load.Step)), string(r.Reason)}); err != nil {
				return err
			}
		}
		out.Flush()
		return errors.Join(out.Error(), buffer.Flush())
	})
}

// writeWhole writes a file in one step: it is there as a whole or as it was.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".forescale-*")
	if err != nil {
		return &forescale.Fault{Code: "output_unwritable", What: "cannot write the file: " + reason(err), Where: path, Help: "name another file", Err: err}
	}
	err = write(f)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// simulationView is one run of `simulate --report json`.
type simulationView struct {
	Trace  string    `json:"trace"`
	Series string    `json:"series"`
	Policy string    `json:"policy"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Step   string    `json:"step"`
	sim.Elasticity
	Cost   float64         `json:"cost"`             // while it was measured; 0 without a price
	Budget forescale.Money `json:"budget,omitempty"` // per month
	Limits []sim.Limit     `json:"limits,omitempty"` // what it allows in each month
}

// views are the lines of a run: one, or two when it was also run without its budget.
func (s *simulated) views() []simulationView {
	view := func(rows []sim.Row) simulationView {
		return simulationView{Trace: s.trace, Series: s.series, Policy: string(s.policy), From: s.study.From, To: s.study.To, Step: s.study.Load.Step.String(),
			Elasticity: sim.Measure(rows, s.study.Load.Step), Cost: sim.Cost(rows, s.study.Service.PricePerHour, s.study.Load.Step)}
	}
	v := view(s.rows)
	if s.policy == sim.Predictive && s.study.Budget > 0 {
		v.Budget, v.Limits = s.study.Budget, s.study.Limits()
	}
	if s.free == nil {
		return []simulationView{v}
	}
	return []simulationView{view(s.free), v}
}

// writeReport tells how well each policy did.
func (a *app) writeReport(f format, runs []*simulated) error {
	t := newTable("TRACE", "POLICY", "BELOW NEED", "NOT SERVED", "UNDER", "OVER", "UNSTABLE", "HOURS", "× ORACLE", "STARTS", "COST", "BUDGET").alignRight(2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	var views []simulationView
	for _, s := range runs {
		views = append(views, s.views()...)
	}
	for _, v := range views {
		percent := func(v float64) string { return fmt.Sprintf("%.2f %%", v) }
		cost, budget := "-", "-"
		if v.Cost > 0 {
			cost = fmt.Sprintf("%.2f", v.Cost)
		}
		if v.Budget > 0 {
			budget = v.Budget.String() + " a month"
		}
		t.add(oneLine(filepath.Base(v.Trace)), v.Policy, percent(v.TimeUnder), percent(v.Lost), percent(v.Under), percent(v.Over),
			percent(v.Instability), fmt.Sprintf("%.1f", v.Hours), fmt.Sprintf("%.3f", v.OracleRatio), strconv.Itoa(v.Starts), cost, budget)
	}
	if f == formatJSON {
		return a.writeJSON(map[string]any{"runs": views})
	}
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("Below need: share of time with fewer ready instances than the band asks for. Under, over: θ of the SPEC research group. See docs/simulate.md.")
	return nil
}
