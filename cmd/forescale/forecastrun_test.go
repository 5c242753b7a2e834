package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale/collector"
)

// weeks is n weeks of hours of a daily wave, in two series.
func weeks(n int) string {
	var b strings.Builder
	b.WriteString("timestamp,series,value\n")
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range n * 168 {
		wave := 50 + 40*math.Sin(2*math.Pi*float64(i%24)/24)
		for k, name := range []string{"a", "b,c"} {
			fmt.Fprintf(&b, "%s,%q,%.3f\n", at.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), name, wave*float64(k+1))
		}
	}
	return b.String()
}

func TestForecastRunWritesQuantilesThatFollowTheHistory(t *testing.T) {
	s := newShell(t)
	in, out := s.file("in.csv", weeks(4)), filepath.Join(s.dir, "out.csv")
	s.must("forecast", "run", "--input", in, "--step", "1h", "--horizon", "48", "--quantiles", "0.975,0.025,0.5", "--output", out)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "series,timestamp,quantile,value,model" {
		t.Fatalf("header %s", got)
	}
	rows = rows[1:]
	if len(rows) != 2*48*3 {
		t.Fatalf("%d rows, want 2 series of 48 steps with 3 quantiles", len(rows))
	}
	for i := 0; i < len(rows); i += 3 {
		var values []float64
		for k, level := range []string{"0.025", "0.5", "0.975"} {
			r := rows[i+k]
			v, err := strconv.ParseFloat(r[3], 64)
			if err != nil || r[2] != level || r[4] == "" {
				t.Fatalf("row %v", r)
			}
			values = append(values, v)
		}
		if !slices.IsSorted(values) {
			t.Fatalf("quantiles cross: %v", rows[i:i+3])
		}
	}
	if rows[0][0] != "a" || rows[0][1] != "2026-03-30T00:00:00Z" || rows[48*3][0] != "b,c" {
		t.Errorf("first rows %v and %v", rows[0], rows[48*3])
	}
	peak, _ := strconv.ParseFloat(rows[3*6+1][3], 64) // 06:00, the top of the wave
	if math.Abs(peak-90) > 5 {
		t.Errorf("the median at 06:00 is %g, the history says 90", peak)
	}
}

func TestForecastRunReadsStandardInputAndWritesStandardOutput(t *testing.T) {
	s := newShell(t)
	s.stdin = weeks(2)
	out := s.must("forecast", "run", "--input", "-", "--step", "1h", "--horizon", "2", "--quantiles", "0.5")
	if n := strings.Count(out, "\n"); n != 1+2*2 {
		t.Errorf("%d lines:\n%s", n, out)
	}
}

func TestForecastRunIsTheSameOnAnyNumberOfCores(t *testing.T) {
	s := newShell(t)
	run := func(cores int, step string) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		var in strings.Builder
		in.WriteString("timestamp,series,value\n")
		for i := range 12 {
			for k := range 24 * 15 {
				at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(k) * time.Hour)
				fmt.Fprintf(&in, "%s,s%d,%d\n", at.Format(time.RFC3339), i, 100+(k%24)*(i+3)+(k*k*(i+7))%41)
			}
		}
		s.stdin = in.String()
		r := s.run("forecast", "run", "--input", "-", "--step", step, "--horizon", "24", "--quantiles", "0.1,0.5,0.9")
		if r.code != exitOK {
			t.Fatal(r.err)
		}
		return r.out + r.err
	}
	for _, step := range []string{"1h", "15m"} { // by the combination, and by the profile
		if one, four := run(1, step), run(4, step); one != four || strings.Count(one, "\n") < 12*24*3 {
			t.Errorf("by steps of %s one core and four do not write the same", step)
		}
	}
}

func TestForecastRunNamesWhatIsWrong(t *testing.T) {
	s := newShell(t)
	good := s.file("good.csv", weeks(1))
	s.stdin = "timestamp,series,value\n2026-03-02T00:00:00Z,a,\n"
	for _, c := range []struct {
		name, word string
		code       int
		args       []string
	}{
		{"no input", "there is no input", exitUsage, nil},
		{"a file that is not there", "history_unreadable", exitInput, []string{"--input", "none.csv"}},
		{"a file with bad rows", "bad.csv:3", exitInput, []string{"--input", s.file("bad.csv", "timestamp,series,value\n2026-03-02T00:00:00Z,a,1\nyesterday,a,2\n")}},
		{"only gaps", "no row to forecast from", exitInput, []string{"--input", "-"}},
		{"a level of 1", `"1" is not a quantile level`, exitUsage, []string{"--input", good, "--quantiles", "0.5,1"}},
		{"a level that is no number", "is not a quantile level", exitUsage, []string{"--input", good, "--quantiles", "half"}},
		{"a horizon of nothing", "out of range", exitUsage, []string{"--input", good, "--horizon", "0"}},
		{"a step of nothing", "is not a duration", exitUsage, []string{"--input", good, "--step", "0s"}},
		{"a zone that is none", "is not a time zone", exitUsage, []string{"--input", good, "--timezone", "Mars"}},
		{"an output that cannot be written", "output_unwritable", exitFailed, []string{"--input", good, "--output", "/proc/none/out.csv"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.fails(c.code, []string{c.word}, append([]string{"forecast", "run"}, c.args...)...)
		})
	}
}

func TestForecastRunKnowsHolidays(t *testing.T) {
	// Hours of two years whose German holidays are at a third; the forecast is of 1 May 2026.
	off := map[string]bool{}
	for _, d := range []string{"2025-01-01", "2025-04-18", "2025-04-21", "2025-05-01", "2025-05-29", "2025-06-09", "2025-10-03", "2025-12-25", "2025-12-26", "2026-01-01", "2026-04-03", "2026-04-06"} {
		off[d] = true
	}
	var b strings.Builder
	b.WriteString("timestamp,series,value\n")
	for at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)); at = at.Add(time.Hour) {
		v := 50 + 40*math.Sin(2*math.Pi*float64(at.Hour())/24) + float64(at.YearDay()%5)
		if off[at.Format(time.DateOnly)] {
			v /= 3
		}
		fmt.Fprintf(&b, "%s,a,%.3f\n", at.Format(time.RFC3339), v)
	}
	s := newShell(t)
	in := s.file("in.csv", b.String())
	sum := func(args ...string) (sum float64) {
		out := filepath.Join(s.dir, "out.csv")
		s.must(append([]string{"forecast", "run", "--input", in, "--horizon", "24", "--quantiles", "0.5", "--output", out}, args...)...)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
		if err != nil || len(rows) != 25 {
			t.Fatal(len(rows), err)
		}
		for _, r := range rows[1:] {
			v, err := strconv.ParseFloat(r[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
		}
		return sum
	}
	if ratio := sum("--calendar", "DE") / sum(); ratio < .3 || ratio > .45 {
		t.Errorf("the holiday is forecast at %.2f of the usual, want about a third", ratio)
	}
	r := s.run("forecast", "run", "--input", in, "--calendar", "XX")
	if r.code != exits["usage"] || !strings.Contains(r.err, "the holidays of \"XX\" are not known") {
		t.Errorf("ends with %d: %s", r.code, r.err)
	}
}

func TestSeriesThatHaveEndedAreLetGoWhenTheInputIsLong(t *testing.T) {
	request := forecastRequest{step: time.Hour, horizon: 2, levels: []float64{0.5}, zone: time.UTC}
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	feed := func(most int, names ...string) (string, int, error) {
		var text strings.Builder
		out, err := newForecastCSV(&text)
		if err != nil {
			t.Fatal(err)
		}
		b := newHeldSeries(request, most, out, func([]string) {})
		held := 0
		for line, name := range names {
			for i := range 100 {
				row := collector.HistoryRow{Line: int64(100*line + i + 2), Series: name, Time: at.Add(time.Duration(100*line+i) * time.Hour), Value: float64(i % 24)}
				if err := b.add(t.Context(), row); err != nil {
					return "", held, err
				}
				held = max(held, b.rows)
			}
		}
		if err := errors.Join(b.flush(t.Context(), len(b.series)), out.flush()); err != nil {
			t.Fatal(err)
		}
		return text.String(), held, nil
	}
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	want, _, _ := feed(1_000_000, names...)
	got, held, err := feed(250, names...)
	if err != nil || got != want || held > 250 {
		t.Errorf("at most 250 rows: %v, %d were held, wrote\n%s\nwant\n%s", err, held, got, want)
	}
	if again, _, err := feed(450, "a", "b", "a", "b"); err != nil || strings.Count(again, "\n") != 5 {
		t.Errorf("two mixed series that fit: %v\n%s", err, again)
	}
	if _, _, err := feed(150, "a", "b", "a"); err == nil || !strings.Contains(err.Error(), "too long to be held") {
		t.Errorf("a series that goes on after it was let go: %v", err)
	}
}

// A stream of many short series, some of them without a value, is forecast whole, and
// what is held does not grow with it.
func TestNothingIsHeldOfSeriesThatAreDone(t *testing.T) {
	request := forecastRequest{step: time.Hour, horizon: 1000, levels: []float64{0.5}, zone: time.UTC}
	var text, notes strings.Builder
	out, err := newForecastCSV(&text)
	if err != nil {
		t.Fatal(err)
	}
	b := newHeldSeries(request, 500, out, func(ns []string) {
		for _, n := range ns {
			notes.WriteString(n + "\n")
		}
	})
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	const many = 300
	line := int64(1)
	for i := range many {
		for k := range 3 {
			line++
			row := collector.HistoryRow{Line: line, Series: fmt.Sprint("series-", i), Time: at.Add(time.Duration(k) * time.Hour), Value: 1, Gap: i%3 == 0}
			if err := b.add(t.Context(), row); err != nil {
				t.Fatal(err)
			}
		}
		if b.rows > 500 || len(b.index)+len(b.empty) > 500/heldBeside || len(b.series) != len(b.index) {
			t.Fatalf("after %d series %d rows of %d series are held, and %d without a value", i+1, b.rows, len(b.index), len(b.empty))
		}
	}
	if err := b.flush(t.Context(), len(b.series)); err != nil {
		t.Fatal(err)
	}
	b.forgetEmpty("")
	if err := out.flush(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text.String(), "\n"); n != 1+many*2/3*1000 || b.rows != 0 {
		t.Errorf("%d lines were written, and %d rows are still held", n, b.rows)
	}
	if n := strings.Count(notes.String(), "there is no value"); n != many/3 {
		t.Errorf("%d of %d series without a value are told", n, many/3)
	}
}

func TestDoubtsAboutTheInputAreSaid(t *testing.T) {
	s := newShell(t)
	s.stdin = "timestamp,series,value\n2026-03-02T00:00:00Z,a,1\n2026-03-02T00:00:00Z,a,3\n2026-03-02T02:00:00Z,a,2\n2026-03-02T01:00:00Z,a,2\n2026-03-02T03:00:00Z,a,2\n"
	r := s.run("forecast", "run", "--input", "-", "--step", "45m", "--horizon", "100", "--quantiles", "0.5")
	for _, w := range []string{"before the one of the row above", "the same as in the row above", "are forecast from a history of", "no value"} {
		if r.code != exitOK || !strings.Contains(r.err, w) {
			t.Errorf("exit %d: %q is missing in\n%s", r.code, w, r.err)
		}
	}
}
