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
// each step, beginning with n0 ready pods. The rows have no time and no need.
func (h HPA) Replay(demand []float64, step time.Duration, n0 int) []Row {
	dt := step / time.Duration(max(1, int(step/hpaPeriod)))
	return drive(&replay{HPA: h, dt: dt}, demand, step, hpaPeriod, h.Warmup, n0)
}

// replay is one run of the algorithm.
type replay struct {
	HPA
	dt     time.Duration
	seen   []float64 // utilization at each tick
	wishes []wish    // of the stabilisation window
}

type wish struct {
	at time.Duration
	n  int
}

// wants implements scaler.
func (r *replay) wants(t time.Duration, i int, used float64, p *pods) int {
	r.seen = append(r.seen, used)
	want := min(max(r.want(i, p), r.Min), r.Max)
	r.wishes = append(r.wishes, wish{t, want})
	for r.wishes[0].at < t-r.Stabilize {
		r.wishes = r.wishes[1:]
	}
	switch cur := p.total(); {
	case want < cur:
		highest := slices.MaxFunc(r.wishes, func(a, b wish) int { return a.n - b.n })
		want = min(cur, highest.n)
	case want > cur:
		want = min(want, max(2*cur, cur+4))
	}
	return want
}

// want is the wish before limits.
func (r *replay) want(i int, p *pods) int {
	j := len(r.seen) - 1
	if late := j - int(r.Delay/r.dt); late >= 0 {
		j = late
	}
	ratio, want := r.seen[j]/r.Target, p.total()
	if math.Abs(ratio-1) > r.Tolerance {
		want = int(math.Ceil(float64(p.ready)*ratio - rounding))
		if ratio > 1 {
			want = max(want, p.total()) // pods under way count
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

// LastWeek is the forecast that [HPA] follows when it is fed with the highest
// demand of the half hour that began a week before, as a rule in Prometheus
// with an offset does.
func LastWeek(demand []float64, step time.Duration) func(i int) (float64, bool) {
	week, ahead := int(7*24*time.Hour/step), max(1, int(30*time.Minute/step))
	return func(i int) (float64, bool) {
		a := i - week
		if a < 0 {
			return 0, false
		}
		return slices.Max(demand[a : a+ahead]), true
	}
}
