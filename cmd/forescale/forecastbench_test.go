package main

import (
	"encoding/csv"
	"strconv"
	"strings"
	"testing"
)

func TestForecastBenchMeasuresModelsOnAFolder(t *testing.T) {
	s := newShell(t)
	s.file("waves.csv", weeks(4))
	s.file("short.csv", weeks(1))
	s.file("notes.txt", "no history")
	out := s.must("forecast", "bench", s.dir, "--origins", "1", "-o", "csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "file,series,step,model,lead,tested,loss,best_naive,ratio,covered,mase" {
		t.Fatalf("header %s", got)
	}
	loss := map[string]float64{}
	for _, r := range rows[1:] {
		if r[0] != "waves.csv" || r[2] != "1h" || r[4] != "2h" && r[4] != "24h" {
			t.Errorf("row %v", r)
		}
		if r[1] == "a" && r[4] == "24h" {
			if loss[r[3]], err = strconv.ParseFloat(r[6], 64); err != nil {
				t.Errorf("row %v: %v", r, err)
			}
		}
	}
	if len(loss) < 8 {
		t.Errorf("models %v", loss)
	}
	if loss["automatic"] > 0.1*loss["damped level"] {
		t.Errorf("on a wave the automatic choice loses %g, a level %g", loss["automatic"], loss["damped level"])
	}
	table := s.must("forecast", "bench", s.dir, "--origins", "1")
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != len(benchModels()) || !strings.HasPrefix(lines[0], "automatic\t2\t") {
		t.Errorf("table\n%s", table)
	}
	if again := s.must("forecast", "bench", s.dir, "--origins", "1", "-o", "csv"); again != out {
		t.Error("the same folder was measured otherwise")
	}
}

func TestForecastBenchSaysWhatItCannotMeasure(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct {
		sentence string
		args     []string
		says     string
	}{
		{"a folder without history files", []string{s.dir}, "no history file"},
		{"a folder that is not there", []string{s.dir + "/away"}, "cannot read"},
		{"no origins", []string{s.dir, "--origins", "0"}, "out of range"},
	} {
		if r := s.run(append([]string{"forecast", "bench"}, c.args...)...); r.code == exitOK || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: exit %d, %q", c.sentence, r.code, r.err)
		}
	}
	s.file("short.csv", weeks(1))
	if r := s.run("forecast", "bench", s.dir); r.code == exitOK || !strings.Contains(r.err, "long enough") {
		t.Errorf("only a week: exit %d, %q", r.code, r.err)
	}
}
