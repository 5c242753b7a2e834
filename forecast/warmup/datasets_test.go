package warmup

import (
	"compress/gzip"
	"encoding/csv"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// trace reads a public trace, or skips and says what is missing.
func trace(t *testing.T, name string) [][]string {
	t.Helper()
	folder := os.Getenv("FORESCALE_DATASETS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "datasets")
	}
	f, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		t.Skipf("no %s: set FORESCALE_DATASETS to the folder that holds it; see datasets/README.md", name)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// pinball is the mean loss at the three levels that matter.
type pinball struct {
	sum [3]float64
	n   int
}

var scored = [3]float64{0.5, 0.9, 0.99}

func (p *pinball) add(took time.Duration, q func(level float64) time.Duration) {
	for k, level := range scored {
		e := (took - q(level)).Seconds()
		p.sum[k] += math.Max(level*e, (level-1)*e)
	}
	p.n++
}

func (p *pinball) join(o pinball) {
	for k := range p.sum {
		p.sum[k] += o.sum[k]
	}
	p.n += o.n
}

func (p *pinball) total() float64 { return p.sum[0] + p.sum[1] + p.sum[2] }

// plain is the quantile of the times themselves.
func plain(took []time.Duration, level float64) time.Duration {
	s := slices.Sorted(slices.Values(took))
	r := level * float64(len(s)-1)
	i := int(r)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + time.Duration((r-float64(i))*float64(s[i+1]-s[i]))
}

func (t Table) rows(is []int) Table {
	out := Table{Features: t.Features}
	for _, i := range is {
		out.Rows, out.Took = append(out.Rows, t.Rows[i]), append(out.Took, t.Took[i])
	}
	return out
}

// compare learns from one part and scores on the other.
func compare(t *testing.T, learn, judge Table, ours, yardstick *pinball) (gain float64) {
	t.Helper()
	l, err := Learn(learn)
	if err != nil {
		t.Fatal(err)
	}
	for i, took := range judge.Took {
		leaf := l.Leaf(func(f int) float64 { return judge.Rows[i][f] })
		ours.add(took, func(q float64) time.Duration { return leaf.At(l.Levels, q) })
		yardstick.add(took, func(q float64) time.Duration { return plain(learn.Took, q) })
	}
	return l.Gain
}

// The boot time of virtual machines depends on how many start and run beside them:
// knowing it makes the quantiles at least 15 % better than those of the host alone.
func TestConditionsOfBootTimesAreFound(t *testing.T) {
	t.Parallel()
	hosts := map[string]*Table{}
	for _, r := range trace(t, "vm_boot_times.csv.gz") {
		host := r[0] + " " + r[1]
		if hosts[host] == nil {
			hosts[host] = &Table{Features: []string{"starting_on_host", "busy_on_host", "starting_on_other_hosts"}}
		}
		h := hosts[host]
		h.Rows = append(h.Rows, []float64{number(t, r[3]), number(t, r[4]), number(t, r[5])})
		h.Took = append(h.Took, time.Duration(number(t, r[6])*float64(time.Second)))
	}
	var ours, yardstick pinball
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		h := hosts[name]
		order := rand.New(rand.NewPCG(1, 2)).Perm(len(h.Took)) // the file is sorted by condition
		cut := len(order) * 7 / 10
		learn := order[max(0, cut-MostTimes):cut]
		var o, y pinball
		gain := compare(t, h.rows(learn), h.rows(order[cut:]), &o, &y)
		ours.join(o)
		yardstick.join(y)
		t.Logf("%-8s %4d learned, %4d judged: loss %.3f s, of the plain quantile %.3f s, ratio %.2f (expected gain %.2f)", name, len(learn), len(order)-cut, o.total()/float64(o.n), y.total()/float64(y.n), o.total()/y.total(), gain)
	}
	for k, level := range scored {
		ratio := ours.sum[k] / yardstick.sum[k]
		t.Logf("P%g: ratio %.3f", 100*level, ratio)
		if ratio > 0.85 {
			t.Errorf("P%g: the loss is %.2f of the plain quantile's, want at most 0.85", 100*level, ratio)
		}
	}
}

// Of cold starts nothing but hour and date is known. What is learned must not be
// worse than the plain quantile of the same times, for any function.
func TestTimesWithoutConditionsAreNotWorse(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	t.Parallel()
	var names []string
	type start struct {
		at   time.Time
		took time.Duration
	}
	starts := map[string][]start{}
	for _, r := range trace(t, "aws_lambda_cold_start_ms.csv.gz") {
		at, err := time.Parse(time.RFC3339, r[0])
		if err != nil {
			t.Fatal(err)
		}
		if starts[r[1]] == nil {
			names = append(names, r[1])
		}
		starts[r[1]] = append(starts[r[1]], start{at, time.Duration(number(t, r[2]) * float64(time.Millisecond))})
	}
	const window, ahead = 500, 100
	var ours, yardstick pinball
	worst := 0.0
	for _, name := range names {
		s := starts[name]
		var o, y pinball
		believed := false
		for cut := window; cut+ahead <= len(s); cut += 10 * ahead {
			tab := func(part []start) (out Table) {
				out.Features = []string{"hour", "age_days"}
				for _, x := range part {
					out.Rows = append(out.Rows, []float64{float64(x.at.Hour()), max(0, s[cut-1].at.Sub(x.at).Hours()/24)})
					out.Took = append(out.Took, x.took)
				}
				return out
			}
			believed = compare(t, tab(s[cut-window:cut]), tab(s[cut:cut+ahead]), &o, &y) > 0 || believed
		}
		for k, level := range scored {
			if r := o.sum[k] / y.sum[k]; r > 1.001 && !believed {
				t.Errorf("%s: without conditions the loss at P%g is %.4f of the plain quantile's", name, 100*level, r)
			}
			ours.sum[k] += o.sum[k] / y.total()
			yardstick.sum[k] += y.sum[k] / y.total()
		}
		ratio := o.total() / y.total()
		worst = max(worst, ratio)
		if ratio > 1.05 { // by chance some lose a little where conditions were believed in
			t.Errorf("%s: the loss is %.3f of the plain quantile's", name, ratio)
		}
	}
	t.Logf("%d functions: P50 %.3f, P90 %.3f, P99 %.3f of the plain quantile's loss; the worst function %.3f", len(names),
		ours.sum[0]/yardstick.sum[0], ours.sum[1]/yardstick.sum[1], ours.sum[2]/yardstick.sum[2], worst)
	for k, level := range scored {
		if ratio := ours.sum[k] / yardstick.sum[k]; ratio > 1.002 {
			t.Errorf("P%g: the loss is %.3f of the plain quantile's, want at most the same", 100*level, ratio)
		}
	}
}
