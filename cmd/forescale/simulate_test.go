package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wave is n steps of five minutes of a load that swings once in eight hours.
func wave(n int) string {
	var b strings.Builder
	b.WriteString("timestamp,series,value\n")
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "%s,shop,%.3f\n", at.Add(time.Duration(i)*5*time.Minute).Format(time.RFC3339), 100+80*math.Sin(2*math.Pi*float64(i)/96))
	}
	return b.String()
}

func TestSimulateWritesATimelineAndAReport(t *testing.T) {
	s := newShell(t)
	trace, out := s.file("load.csv", wave(288)), filepath.Join(s.dir, "out.csv")
	said := s.must("simulate", "--trace", trace, "--step", "5m", "--interval", "5m", "--capacity", "20", "--warmup", "5m", "--max", "30",
		"--train-until", "2026-03-02T16:00:00Z", "--timeline", out, "--report", "json")
	var report struct{ Runs []simulationView }
	if err := json.Unmarshal([]byte(said), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 1 || report.Runs[0].Policy != "predictive" || report.Runs[0].Series != "shop" || !(report.Runs[0].Hours > 0) {
		t.Errorf("report %s", said)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "timestamp,service,demand,required,desired,starting,ready,draining,nodes,cost,reason" {
		t.Fatalf("header %s", got)
	}
	if rows = rows[1:]; len(rows) != 96 || rows[0][0] != "2026-03-02T16:00:00Z" || rows[0][1] != "shop" {
		t.Fatalf("%d rows from %v, want 96 from 16:00 on", len(rows), rows[0])
	}
	hours := 0.0
	for i, r := range rows {
		demand, err1 := strconv.ParseFloat(r[2], 64)
		ready, err2 := strconv.ParseFloat(r[6], 64)
		want := (100 + 80*math.Sin(2*math.Pi*float64(192+i)/96)) / 20
		if err1 != nil || err2 != nil || math.Abs(demand-want) > 1e-3 || r[10] == "" {
			t.Fatalf("row %v, want a demand of %g", r, want)
		}
		hours += ready / 12
	}
	if math.Abs(hours-report.Runs[0].Hours) > 1e-6*hours {
		t.Errorf("the rows hold %g instance-hours, the report says %g", hours, report.Runs[0].Hours)
	}
}

func TestSimulateMeasuresSeveralPoliciesSideBySide(t *testing.T) {
	s := newShell(t)
	trace := s.file("load.csv", wave(288))
	out := t.TempDir()
	args := []string{"simulate", "--trace", trace, "--step", "5m", "--interval", "10m", "--capacity", "20", "--policy", "all", "--timeline", out}
	first := s.must(args...)
	if lines := strings.Split(strings.TrimSpace(first), "\n"); len(lines) != 7 || !strings.HasPrefix(lines[6], "load.csv\toracle\t0.00 %") {
		t.Errorf("said\n%s", first)
	}
	if second := s.must(args...); second != first {
		t.Errorf("two runs with one seed differ:\n%s\n%s", first, second)
	}
	files, err := filepath.Glob(filepath.Join(out, "load.*.csv"))
	if err != nil || len(files) != 7 {
		t.Errorf("timelines %v, %v", files, err)
	}
}

func TestSimulateLetsTheWorldGoWrong(t *testing.T) {
	s := newShell(t)
	trace, out := s.file("load.csv", wave(288)), t.TempDir()
	measured := s.file("warmups.txt", "# of last month\n90s\n\n2m30s # a slow one\n601.5\n")
	args := []string{"simulate", "--trace", trace, "--step", "5m", "--interval", "5m", "--capacity", "20", "--policy", "predictive,hpa,static-max", "--timeline", out,
		"--warmups", measured, "--pull", "3m", "--nodes", "3", "--failing-starts", "0.1", "--instance-deaths", "1", "--node-deaths", "8",
		"--missing-metrics", "0.1", "--noise", "5", "--metric", "utilization"}
	first := s.must(args...)
	if second := s.must(args...); second != first {
		t.Errorf("two runs with one seed differ:\n%s\n%s", first, second)
	}
	if other := s.must(append(args, "--seed", "2")...); other == first {
		t.Error("another seed gives the same world")
	}
	obeys := strings.Split(s.must("simulate", "--trace", trace, "--step", "5m", "--interval", "5m", "--capacity", "20", "--policy", "predictive,hpa,static-max"), "\n")
	for i, line := range strings.Split(first, "\n") {
		if same := line == obeys[i]; same != (i >= 2) {
			t.Errorf("in a world that goes wrong %q, in one that obeys %q", line, obeys[i])
		}
	}
	for _, policy := range []string{"predictive", "hpa"} {
		data, err := os.ReadFile(filepath.Join(out, "load."+policy+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		up := map[string]int{}
		for _, r := range rows[1:] {
			up[r[8]]++
		}
		if up["3"] == 0 || up["2"] == 0 || len(rows) != 145 {
			t.Errorf("%s: %d rows with nodes %v, want 3, and 2 now and then", policy, len(rows), up)
		}
	}
}

func TestSimulateTakesTheServiceFromAConfig(t *testing.T) {
	s := newShell(t)
	trace := s.file("load.csv", wave(48))
	config := s.file("f.yaml", "services:\n  shop: {capacity: 10, min_instances: 3, max_instances: 5}\n  bare: {}\n")
	s.must("simulate", "--trace", trace, "--step", "5m", "--config", config, "--policy", "static-max", "--timeline", filepath.Join(s.dir, "t.csv"))
	data, err := os.ReadFile(filepath.Join(s.dir, "t.csv"))
	if err != nil || !strings.Contains(string(data), ",5,0,5,0,1,0,") {
		t.Errorf("min 3 and max 5 do not show: %v\n%s", err, data)
	}
	s.fails(exitInput, []string{"service_unknown", "other"}, "simulate", "--trace", s.file("o.csv", strings.ReplaceAll(wave(48), "shop", "other")), "--config", config)
	s.fails(exitFailed, []string{"capacity_unknown", "bare"}, "simulate", "--trace", s.file("b.csv", strings.ReplaceAll(wave(48), "shop", "bare")), "--config", config)
}

func TestSimulateRefusesWhatMakesNoSense(t *testing.T) {
	s := newShell(t)
	trace := s.file("load.csv", wave(48))
	two := s.file("two.csv", "timestamp,series,value\n2026-03-02T00:00:00Z,a,1\n2026-03-02T00:01:00Z,b,1\n")
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{exitUsage, []string{"no trace", "--trace"}, nil},
		{exitUsage, []string{"how much one instance serves", "--capacity"}, []string{"--trace", trace}},
		{exitUsage, []string{`"magic" is not a policy`, "oracle"}, []string{"--trace", trace, "--capacity", "5", "--policy", "hpa,magic"}},
		{exitUsage, []string{"step of 15s"}, []string{"--trace", trace, "--capacity", "5", "--step", "15s"}},
		{exitUsage, []string{"not within the trace", "2026-03-02T00:00:00Z"}, []string{"--trace", trace, "--capacity", "5", "--to", "2027-01-01T00:00:00Z"}},
		{exitUsage, []string{"before --train-until"}, []string{"--trace", trace, "--capacity", "5", "--from", "2026-03-02T00:10:00Z"}},
		{exitUsage, []string{"nothing lies between"}, []string{"--trace", trace, "--capacity", "5", "--to", "2026-03-02T00:10:00Z"}},
		{exitUsage, []string{"one file", "folder"}, []string{"--trace", trace, "--capacity", "5", "--policy", "hpa,oracle", "--timeline", filepath.Join(s.dir, "x.csv")}},
		{exitUsage, []string{"not a report"}, []string{"--trace", trace, "--capacity", "5", "--report", "pdf"}},
		{exitFailed, []string{"several series", "a, b"}, []string{"--trace", two, "--capacity", "5"}},
		{exitInput, []string{`series "c"`}, []string{"--trace", two, "--capacity", "5", "--series", "c"}},
		{exitInput, []string{"cannot read the history"}, []string{"--trace", filepath.Join(s.dir, "none.csv"), "--capacity", "5"}},
		{exitUsage, []string{"--noise -1", "0 to 100"}, []string{"--trace", trace, "--capacity", "5", "--noise", "-1"}},
		{exitUsage, []string{"--failing-starts 1"}, []string{"--trace", trace, "--capacity", "5", "--failing-starts", "1"}},
		{exitUsage, []string{"0 nodes"}, []string{"--trace", trace, "--capacity", "5", "--nodes", "0"}},
		{exitUsage, []string{`"cpu" is not a metric`, "utilization"}, []string{"--trace", trace, "--capacity", "5", "--metric", "cpu"}},
		{exitUsage, []string{"measured or spread"}, []string{"--trace", trace, "--capacity", "5", "--warmups", trace, "--warmup-spread", "0.2"}},
		{exitInput, []string{"warmups_invalid", "load.csv:1", "timestamp"}, []string{"--trace", trace, "--capacity", "5", "--warmups", trace}},
		{exitInput, []string{"warmups_invalid", "no warm-up"}, []string{"--trace", trace, "--capacity", "5", "--warmups", s.file("none.txt", "# nothing\n")}},
		{exitInput, []string{"warmups_invalid", "cannot read"}, []string{"--trace", trace, "--capacity", "5", "--warmups", filepath.Join(s.dir, "gone.txt")}},
		{exitInput, []string{"longer than"}, []string{"--trace", s.file("long.csv", "timestamp,series,value\n1990-01-01T00:00:00Z,a,1\n2026-03-02T00:01:00Z,a,1\n"), "--capacity", "5"}},
	} {
		s.fails(c.code, c.words, append([]string{"simulate"}, c.args...)...)
	}
}
