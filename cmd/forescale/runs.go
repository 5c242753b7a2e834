package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newRuns(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Show what runs again and again: when next, and what became of it",
		Long: `Show when each job is due next, and its newest runs.

DONE counts services or rows, FAILED those of them that failed. ATTEMPT is above 1
if a run was tried again; SERVER is who ran it. The error stands under its run.`,
		Args: wants(),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	kinds := runKinds()
	kind := cmd.Flags().String("kind", "", "only of this kind: "+strings.Join(kinds, ", "))
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp))
	limit := cmd.Flags().Int("limit", 20, "how many runs, the newest first")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *limit < 1 || *limit > listLimit {
			return usage(fmt.Sprintf("--limit is %d", *limit), "use a number from 1 to "+thousands(listLimit))
		}
		return a.runs(cmd.Context(), f, *o, *kind, *limit)
	}
	return cmd
}

// runKinds are what runs are of: the jobs, and imports.
func runKinds() (kinds []string) {
	for _, j := range new(jobTimes).byName() {
		kinds = append(kinds, j.name)
	}
	return append(kinds, "import")
}

// runsPage is the most that the API gives of runs at once.
const runsPage = 500

func (a *app) runs(ctx context.Context, f *clientFlags, o format, kind string, limit int) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	q := url.Values{"limit": {strconv.Itoa(min(limit, runsPage))}}
	if kind != "" {
		q.Set("kind", kind)
	}
	runs, err := list[runView](ctx, c, "/v1/runs", q, limit)
	if err != nil {
		return err
	}
	switch {
	case o == formatJSON:
		return a.writeJSON(runs)
	case o == formatCSV:
		return a.writeCSV(runHeaders, runRows(runs))
	case !a.terminal:
		for _, r := range runRows(runs) {
			if err := a.line(r); err != nil {
				return err
			}
		}
		return nil
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	m, err := c.moment(about, f, "")
	if err != nil {
		return err
	}
	schedules, err := list[scheduleView](ctx, c, "/v1/schedules", nil, listLimit)
	if err != nil {
		return err
	}
	return a.runsTable(runs, schedules, m, kind, limit)
}

func (a *app) runsTable(runs []runView, schedules []scheduleView, m moment, kind string, limit int) error {
	a.hint("%s", m.header())
	due := newTable("JOB", "NEXT", "SCHEDULE")
	for _, s := range schedules {
		if kind == "" || s.Job == kind {
			due.add(s.Job, m.clock(s.NextAt), scheduleWord(s))
		}
	}
	if len(due.rows) > 0 {
		if err := a.write(due); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.stdout); err != nil {
			return err
		}
	}
	if len(runs) == 0 {
		a.hint("There is no run%s yet.", of(kind))
		return nil
	}
	t := newTable("KIND", "STATE", "STARTED", "TOOK", "DONE", "FAILED", "ATTEMPT", "SERVER").alignRight(3, 4, 5, 6)
	for i, r := range runs {
		t.add(r.Kind, string(r.State), m.clock(r.StartedAt), tookWord(r), thousands(r.Done), thousands(r.Failed), attemptWord(r), cmp.Or(r.Server, "-"))
		t.below[i] = oneLine(r.Error)
		switch {
		case r.State == forescale.RunFailed:
			t.paint[i] = "\x1b[31m"
		case r.State == forescale.RunRetrying || r.Error != "":
			t.paint[i] = "\x1b[33m"
		}
	}
	if err := a.write(t); err != nil {
		return err
	}
	if len(runs) == limit {
		a.hint("The newest %d. Older ones: forescale runs --limit %d", limit, min(10*limit, listLimit))
	}
	return nil
}

// of is " of forecast", or nothing.
func of(kind string) string {
	if kind == "" {
		return ""
	}
	return " of " + kind
}

// scheduleWord is a schedule as it was given; a pace in words.
func scheduleWord(s scheduleView) string {
	if pace, ok := strings.CutPrefix(s.Schedule, "every "); ok {
		return "every " + inWords(durationText(pace))
	}
	return s.Schedule + " " + s.TimeZone
}

// tookWord is how long a run took; "-" while it runs, or when it was cut off.
func tookWord(r runView) string {
	if r.EndedAt == nil {
		return "-"
	}
	took := r.EndedAt.Sub(r.StartedAt)
	if took < 10*time.Second {
		return fmt.Sprintf("%.1f s", took.Seconds())
	}
	return inWords(took)
}

func attemptWord(r runView) string {
	if r.Attempt == 0 {
		return "-"
	}
	return strconv.Itoa(r.Attempt)
}

var runHeaders = []string{"id", "kind", "state", "server", "due_at", "started_at", "ended_at", "attempt", "done", "failed", "error"}

// runRows is for machines: ids, UTC, full precision.
func runRows(runs []runView) [][]string {
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return stamp(*t)
	}
	rows := make([][]string, len(runs))
	for i, r := range runs {
		rows[i] = []string{r.ID, r.Kind, string(r.State), r.Server, at(r.DueAt), stamp(r.StartedAt), at(r.EndedAt),
			strconv.Itoa(r.Attempt), strconv.Itoa(r.Done), strconv.Itoa(r.Failed), oneLine(r.Error)}
	}
	return rows
}
