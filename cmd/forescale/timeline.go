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
				strconv.Itoa(r.Wanted), number(r.Starting), number(r.Ready), number(r.Draining), strconv.Itoa(r.Nodes), "0", string(r.Reason)}); err != nil {
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
}

// writeReport tells how well each policy did.
func (a *app) writeReport(f format, runs []*simulated) error {
	t := newTable("TRACE", "POLICY", "BELOW NEED", "NOT SERVED", "UNDER", "OVER", "UNSTABLE", "HOURS", "× ORACLE", "STARTS").alignRight(2, 3, 4, 5, 6, 7, 8, 9)
	views := make([]simulationView, len(runs))
	for i, s := range runs {
		e := sim.Measure(s.rows, s.study.Load.Step)
		views[i] = simulationView{Trace: s.trace, Series: s.series, Policy: string(s.policy), From: s.study.From, To: s.study.To,
			Step: s.study.Load.Step.String(), Elasticity: e}
		percent := func(v float64) string { return fmt.Sprintf("%.2f %%", v) }
		t.add(oneLine(filepath.Base(s.trace)), string(s.policy), percent(e.TimeUnder), percent(e.Lost), percent(e.Under), percent(e.Over),
			percent(e.Instability), fmt.Sprintf("%.1f", e.Hours), fmt.Sprintf("%.3f", e.OracleRatio), strconv.Itoa(e.Starts))
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
