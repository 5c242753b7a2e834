package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// worldRequest is what was asked for of the simulated world.
type worldRequest struct {
	sim.Conditions
	sigma  float64
	file   string // of measured warm-ups
	metric string
	pull   durationValue
}

// flags adds the flags about the world to a command.
func (w *worldRequest) flags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Float64Var(&w.sigma, "warmup-spread", 0, "standard deviation of the logarithm of warm-ups; 0: all take --warmup")
	fs.StringVar(&w.file, "warmups", "", "file of measured warm-ups, one a line as 90s or in seconds, which are drawn from; --warmup is what the service declares")
	fs.Var(&w.pull, "pull", "how much longer the first start on a node takes, for its image")
	fs.IntVar(&w.Nodes, "nodes", 1, "nodes that instances are spread over")
	fs.Float64Var(&w.StartFails, "failing-starts", 0, "share of the instances that exit half-way through their start")
	fs.Float64Var(&w.Deaths, "instance-deaths", 0, "deaths for each instance and day")
	fs.Float64Var(&w.NodeDeaths, "node-deaths", 0, "deaths for each node and day; it is back, without images, after 5 min")
	fs.Float64Var(&w.Missing, "missing-metrics", 0, "share of the minutes in which an instance gives no metrics")
	fs.Float64Var(&w.Noise, "noise", 0, "standard deviation of measured utilization in percentage points; it stays within 0 and 100 %")
	fs.StringVar(&w.metric, "metric", string(forescale.MetricLoad), "what predictive sees of its instances: load, or utilization, which saturates")
	_ = cmd.RegisterFlagCompletionFunc("metric", cobra.FixedCompletions([]string{"load", "utilization"}, cobra.ShellCompDirectiveNoFileComp))
}

// mostDeaths bounds deaths for each instance or node and day: one in five minutes.
const mostDeaths = 288

func (w *worldRequest) check() error {
	w.Pull, w.Utilization = time.Duration(w.pull), w.metric == string(forescale.MetricUtilization)
	for _, f := range []struct {
		flag  string
		value float64
		most  float64
	}{{"warmup-spread", w.sigma, 2}, {"failing-starts", w.StartFails, 0.9}, {"instance-deaths", w.Deaths, mostDeaths},
		{"node-deaths", w.NodeDeaths, mostDeaths}, {"missing-metrics", w.Missing, 0.99}, {"noise", w.Noise, 100}} {
		if !(f.value >= 0 && f.value <= f.most) {
			return usage(fmt.Sprintf("--%s %g is not possible", f.flag, f.value), fmt.Sprintf("use 0 to %g", f.most))
		}
	}
	switch {
	case w.Nodes < 1 || w.Nodes > 1000:
		return usage(fmt.Sprintf("%d nodes are not possible", w.Nodes), "use 1 to 1000")
	case !w.Utilization && w.metric != string(forescale.MetricLoad):
		return usage(fmt.Sprintf("%q is not a metric to simulate", w.metric), "use --metric load or utilization")
	case w.file != "" && w.sigma > 0:
		return usage("warm-ups are either measured or spread", "leave out --warmups or --warmup-spread")
	}
	return nil
}

// warmup is how long starts truly take.
func (w *worldRequest) warmup() (sim.Spread, error) {
	if w.file == "" {
		return sim.Spread{Sigma: w.sigma}, nil
	}
	measured, err := readWarmups(w.file)
	return sim.Spread{Measured: measured}, err
}

// Bounds of a file of measured warm-ups.
const (
	mostWarmups   = 1_000_000
	longestWarmup = 24 * time.Hour
)

func unreadableWarmups(path string, err error) error {
	return &forescale.Fault{Code: "warmups_invalid", What: "cannot read the warm-ups: " + reason(err), Where: path, Help: "name a file with one duration a line", Err: err}
}

// readWarmups reads a duration a line. Empty lines and what follows # is passed over.
func readWarmups(path string) ([]time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadableWarmups(path, err)
	}
	defer f.Close()
	var out []time.Duration
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		d, err := parseDuration(text)
		if seconds, numeric := strconv.ParseFloat(text, 64); numeric == nil && seconds >= 0 && seconds <= longestWarmup.Seconds() {
			d, err = time.Duration(seconds*float64(time.Second)), nil
		}
		if err != nil || d < 0 || d > longestWarmup || len(out) == mostWarmups {
			return nil, &forescale.Fault{Code: "warmups_invalid", Where: fmt.Sprintf("%s:%d", path, n), What: fmt.Sprintf("%s is not a warm-up", oneLine(text)),
				Help: fmt.Sprintf("write one duration a line, such as 90s or 90.5, up to 24h; at most %s lines", thousands(mostWarmups))}
		}
		out = append(out, d)
	}
	if err := lines.Err(); err != nil {
		return nil, unreadableWarmups(path, err)
	}
	if len(out) == 0 {
		return nil, &forescale.Fault{Code: "warmups_invalid", Where: path, What: "the file holds no warm-up", Help: "write one duration a line, such as 90s"}
	}
	return out, nil
}
