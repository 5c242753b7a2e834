package main

import (
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// seriesSummary is what was imported of one series.
type seriesSummary struct {
	rows        int64
	first, last time.Time
	previous    time.Time
	steps       map[time.Duration]int64 // how often rows were so far apart
}

// maxSteps bounds the distances that are counted; an uneven series has many.
const maxSteps = 1000

func (im *importer) summary(series string) *seriesSummary {
	s, ok := im.series[series]
	if !ok {
		s = &seriesSummary{steps: map[time.Duration]int64{}}
		im.series[series] = s
		im.order = append(im.order, series)
	}
	return s
}

func (s *seriesSummary) add(t time.Time) {
	s.rows++
	if s.first.IsZero() || t.Before(s.first) {
		s.first = t
	}
	if t.After(s.last) {
		s.last = t
	}
	if d := t.Sub(s.previous); !s.previous.IsZero() && d > 0 {
		if _, known := s.steps[d]; known || len(s.steps) < maxSteps {
			s.steps[d]++
		}
	}
	s.previous = t
}

// step is the most frequent distance between rows, and gaps how often it was
// more than one and a half of it.
func (s *seriesSummary) step() (step time.Duration, gaps int64) {
	var most int64
	for d, n := range s.steps {
		if n > most || n == most && d < step {
			step, most = d, n
		}
	}
	for d, n := range s.steps {
		if d > step*3/2 {
			gaps += n
		}
	}
	return step, gaps
}

// maxSeriesShown bounds the table of the summary.
const maxSeriesShown = 20

// importSummary tells what was imported and what was refused.
func (a *app) importSummary(im *importer, file string, before int64) error {
	t := newTable("SERIES", "ROWS", "FROM", "TO", "STEP", "GAPS").alignRight(1, 5)
	for i, name := range im.order {
		if i == maxSeriesShown && a.terminal {
			break
		}
		s := im.series[name]
		step, gaps := s.step()
		t.add(oneLine(name), thousands(s.rows), s.first.Format(time.RFC3339), s.last.Format(time.RFC3339), shortDuration(step), thousands(gaps))
		if !a.terminal {
			t.rows[i][1], t.rows[i][5] = fmt.Sprint(s.rows), fmt.Sprint(gaps)
		}
	}
	if len(t.rows) > 0 {
		if err := a.write(t); err != nil {
			return err
		}
	}
	if n := len(im.order) - len(t.rows); n > 0 {
		a.hint("and %s more series", thousands(n))
	}
	switch {
	case before > 0 && im.stored == 0 && im.refusals == 0:
		fmt.Fprintf(a.stderr, "All %s rows of %s were imported before; --again starts anew.\n", thousands(before), file)
	case before > 0:
		fmt.Fprintf(a.stderr, "Imported %s rows; %s were there from an earlier run.\n", thousands(im.stored), thousands(before))
	default:
		fmt.Fprintf(a.stderr, "Imported %s rows.\n", thousands(im.stored))
	}
	if im.gaps > 0 {
		fmt.Fprintf(a.stderr, "%s rows had no value; they are gaps.\n", thousands(im.gaps))
	}
	if im.refusals == 0 {
		return nil
	}
	fs := append(forescale.Faults{{Code: "history_invalid", What: fmt.Sprintf("%s of %s rows were refused; the others are in", thousands(im.refusals), thousands(im.rows)),
		Where: file, Help: "correct them and run the command again; rows that are there are not doubled"}}, im.refused...)
	return fs
}
