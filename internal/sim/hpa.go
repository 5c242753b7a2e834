package sim

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// HPA is the algorithm of the Kubernetes Horizontal Pod Autoscaler: every 15 s
// ceil(ready·value/target), nothing within the tolerance, up by at most the
// larger of 100 % and 4 pods each time, down to the highest wish of the last
// five minutes. Its metrics are late, and its pods warm up as ours do.
type HPA struct {
	Target    float64       // utilization in %
	Tolerance float64       // share
	Delay     time.Duration // age of the metrics it sees
	Stabilize time.Duration // window of scaling down
	Warmup    time.Duration // start until ready
	Min, Max  int
	// Forecast, if set, gives a demand for step i that is served as well, at
	// Target: with last week's values, what people build from a rule in
	// Prometheus. ok is false when there is none.
	Forecast func(i int) (demand float64, ok bool)
}

// DefaultHPA has the defaults of Kubernetes, with metrics 30 s late.
func DefaultHPA(target float64, warmup time.Duration) HPA {
	return HPA{Target: target, Tolerance: 0.1, Delay: 30 * time.Second, Stabilize: 5 * time.Minute,
		Warmup: warmup, Min: 1, Max: forescale.MaxInstances}
}

const hpaPeriod = 15 * time.Second

// Replay runs the algorithm over demand, in busy instances and constant within
// each step, beginning with n0 ready pods. It returns the mean number of ready
// pods of each step and how often a pod was started in each.
func (h HPA) Replay(demand []float64, step time.Duration, n0 int) (ready []float64, starts []int) {
	sub := max(1, int(step/hpaPeriod))
	r := replay{HPA: h, dt: step / time.Duration(sub), pods: pods{ready: n0, warmup: h.Warmup}}
	ready, starts = make([]float64, len(demand)), make([]int, len(demand))
	for i, d := range demand {
		before, sum := r.pods.starts, 0
		for k := range sub {
			r.tick(time.Duration(i)*step+time.Duration(k)*r.dt, i, d)
			sum += r.pods.ready
		}
		ready[i] = float64(sum) / float64(sub)
		starts[i] = r.pods.starts - before
	}
	return ready, starts
}

// replay is one run of the algorithm.
type replay struct {
	HPA
	dt     time.Duration
	pods   pods
	seen   []float64 // utilization at each tick
	wishes []wish    // of the stabilisation window
}

type wish struct {
	at time.Duration
	n  int
}

func (r *replay) tick(t time.Duration, i int, demand float64) {
	r.pods.warm(t)
	r.seen = append(r.seen, min(100, 100*demand/float64(max(r.pods.ready, 1))))
	want := min(max(r.want(i), r.Min), r.Max)
	r.wishes = append(r.wishes, wish{t, want})
	for r.wishes[0].at < t-r.Stabilize {
		r.wishes = r.wishes[1:]
	}
	cur := r.pods.total()
	switch {
	case want < cur:
		highest := slices.MaxFunc(r.wishes, func(a, b wish) int { return a.n - b.n })
		want = min(cur, highest.n)
	case want > cur:
		want = min(want, max(2*cur, cur+4))
	}
	r.pods.scale(want, t)
}

// want is the wish before limits.
func (r *replay) want(i int) int {
	j := len(r.seen) - 1
	if late := j - int(r.Delay/r.dt); late >= 0 {
		j = late
	}
	ratio, want := r.seen[j]/r.Target, r.pods.total()
	if math.Abs(ratio-1) > r.Tolerance {
		want = int(math.Ceil(float64(r.pods.ready)*ratio - rounding))
		if ratio > 1 {
			want = max(want, len(r.pods.due)+r.pods.ready) // pods under way count
		}
	}
	if r.Forecast != nil {
		if d, ok := r.Forecast(i); ok {
			want = max(want, int(math.Ceil(d*100/r.Target-rounding)))
		}
	}
	return want
}

// rounding guards ceil against the last bit of a division.
const rounding = 1e-9

// pods become ready a fixed warm-up after their start; a stop is immediate.
type pods struct {
	ready  int
	due    []time.Duration // when the starting ones become ready, rising
	warmup time.Duration
	starts int
}

func (p *pods) warm(t time.Duration) {
	for len(p.due) > 0 && p.due[0] <= t {
		p.due = p.due[1:]
		p.ready++
	}
}

func (p *pods) total() int { return p.ready + len(p.due) }

// scale starts what is missing, or stops: first those that are not ready yet.
func (p *pods) scale(n int, t time.Duration) {
	for ; p.total() < n; p.starts++ {
		p.due = append(p.due, t+p.warmup)
	}
	for p.total() > n && len(p.due) > 0 {
		p.due = p.due[:len(p.due)-1]
	}
	p.ready = min(p.ready, n)
}

// LastWeek is the forecast that [HPA] follows when it is fed with the highest
// demand of the half hour that began a week before, as a rule in Prometheus
// with an offset does.
func LastWeek(demand []float64, step time.Duration) func(i int) (float64, bool) {
	week, ahead := int(7*24*time.Hour/step), int(30*time.Minute/step)
	return func(i int) (float64, bool) {
		a := i - week
		if a < 0 || ahead == 0 {
			return 0, false
		}
		return slices.Max(demand[a : a+ahead]), true
	}
}
