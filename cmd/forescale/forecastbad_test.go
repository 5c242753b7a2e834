package main

import (
	"fmt"
	"strings"
	"testing"
)

// rowsOf are rows of a history, each "TIME,SERIES,VALUE" after the header.
func rowsOf(rows ...string) string {
	return "timestamp,series,value\n" + strings.Join(rows, "\n") + "\n"
}

// Bad input is refused with its place and what to do, or forecast from with a note
// that says what was doubtful and what was done about it.
func TestForecastRunOnBadInput(t *testing.T) {
	const hour = "2026-03-02T%02d:00:00Z,a,%s"
	row := func(h int, value string) string { return fmt.Sprintf(hour, h, value) }
	three := rowsOf(row(0, "1"), row(1, "2"), row(2, "3"))
	for _, c := range []struct {
		sentence string
		input    string
		args     []string
		code     int
		says     []string // in the error, or in the notes
		steps    int      // that are forecast
	}{
		{"values that are all NaN", rowsOf(row(0, "NaN"), row(1, "NaN")), nil, exitInput, []string{"the value is NaN, not a number", "stdin:2", "stdin:3", "help: leave the line out"}, 0},
		{"gaps alone", rowsOf(row(0, ""), row(1, "")), nil, exitInput, []string{"there is no row to forecast from", "stdin"}, 0},
		{"a series of gaps beside another", rowsOf(row(0, ""), "2026-03-02T00:00:00Z,b,2", "2026-03-02T01:00:00Z,c,"), nil, exitOK, []string{"note: a: there is no value", "note: c: there is no value"}, 2},
		{"a series that begins with a gap", rowsOf(row(0, ""), row(1, "2")), nil, exitOK, []string{"less than two days of history"}, 2},
		{"one point", rowsOf(row(0, "5")), nil, exitOK, []string{"note: a: less than two days of history"}, 2},
		{"an infinite value", rowsOf(row(0, "1"), row(1, "+Inf")), nil, exitInput, []string{"not a number", "stdin:3", "help:"}, 0},
		{"a value below zero", rowsOf(row(0, "-2")), nil, exitInput, []string{"below 0", "stdin:2"}, 0},
		{"irregular times", rowsOf("2026-03-02T00:07:13Z,a,1", "2026-03-02T00:09:00Z,a,3", "2026-03-02T04:59:59Z,a,3"), nil, exitOK, nil, 2},
		{"doubled times", rowsOf(row(0, "1"), row(0, "3"), row(1, "2")), nil, exitOK, []string{"1 times are the same as in the row above; their values were averaged"}, 2},
		{"times in no order", rowsOf(row(2, "1"), row(0, "3"), row(1, "2")), nil, exitOK, []string{"1 times are before the one of the row above; the rows were put in order"}, 2},
		{"a horizon of nothing", three, []string{"--horizon", "0"}, exitUsage, []string{"a horizon of 0 steps is out of range", "help: use 1 to"}, 0},
		{"a horizon below nothing", three, []string{"--horizon", "-1"}, exitUsage, []string{"out of range"}, 0},
		{"a horizon longer than the history", three, []string{"--horizon", "9"}, exitOK, []string{"note: a: 9h0m0s are forecast from a history of 3h0m0s"}, 9},
		{"a horizon beyond use", three, []string{"--horizon", "100001"}, exitUsage, []string{"out of range"}, 0},
		{"a step that the data's does not divide", three, []string{"--step", "90m"}, exitOK, []string{"does not divide steps of 1h30m0s"}, 2},
		{"a step finer than the data's", three, []string{"--step", "20m"}, exitOK, []string{"steps of 20m0s in between have no value"}, 2},
		{"a quantile of 0", three, []string{"--quantiles", "0,0.5"}, exitUsage, []string{`"0" is not a quantile level`, "help:"}, 0},
		{"a quantile above 1", three, []string{"--quantiles", "1.5"}, exitUsage, []string{`"1.5" is not a quantile level`}, 0},
		{"a quantile that is no number", three, []string{"--quantiles", "NaN"}, exitUsage, []string{`"NaN" is not a quantile level`}, 0},
		{"no quantiles", three, []string{"--quantiles", ""}, exitUsage, []string{"is not a quantile level"}, 0},
		{"an unknown zone", three, []string{"--timezone", "Mars/Base"}, exitUsage, []string{`"Mars/Base" is not a time zone`, "help: use an IANA name"}, 0},
		{"an unknown country", three, []string{"--calendar", "XX"}, exitUsage, []string{`the holidays of "XX" are not known`, "DE"}, 0},
		{"a local time that clocks skip", rowsOf("2026-03-29T02:30:00,a,5"), []string{"--timezone", "Europe/Berlin"}, exitInput, []string{"does not exist in Europe/Berlin", "stdin:2"}, 0},
		{"an empty input", "", nil, exitInput, []string{"the input is empty", "help: begin with the header"}, 0},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := newShell(t)
			s.stdin = c.input
			r := s.run(append([]string{"forecast", "run", "--input", "-", "--step", "1h", "--horizon", "2", "--quantiles", "0.5"}, c.args...)...)
			if r.code != c.code {
				t.Errorf("exit %d, want %d", r.code, c.code)
			}
			for _, w := range c.says {
				if !strings.Contains(r.err, w) {
					t.Errorf("%q is missing in\n%s", w, r.err)
				}
			}
			if got := max(0, strings.Count(r.out, "\n")-1); got != c.steps || strings.Contains(r.out, "NaN") {
				t.Errorf("%d steps, want %d:\n%s", got, c.steps, r.out)
			}
		})
	}
}
