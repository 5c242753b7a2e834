package sim

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// HPA is the algorithm of the Kubernetes Horizontal Pod Autoscaler as it is
// published: every 15 s ceil(ready·value/target), nothing within the tolerance, pods
// without metrics counted against the change, then what the rules of the direction
// let through. Its metrics are late, and its pods warm up as ours do. Utilization is
// not cut to whole percents, as the controller does with shares of a CPU request.
type HPA struct {
	Target    float64       // utilization in %
	Tolerance float64       // share
	Delay     time.Duration // age of the metrics it sees
	Up, Down  ScalingRules
	Warmup    time.Duration // start until ready
	Min, Max  int
	// Forecast, if set, gives a demand for step i that is served as well, at
	// Target: with last week's values, what people build from a rule in
	// Prometheus. ok is false when there is none.
	Forecast func(i int) (demand float64, ok bool)
}

// DefaultHPA has the defaults of Kubernetes, with metrics 30 s late.
func DefaultHPA(target float64, warmup time.Duration) HPA {
	return HPA{Target: target, Tolerance: 0.1, Delay: 30 * time.Second, Up: defaultUp(), Down: defaultDown(),
		Warmup: warmup, Min: 1, Max: forescale.MaxInstances}
}

const hpaPeriod = 15 * time.Second

// Replay runs the algorithm over demand, in busy instances and constant within
// each step, beginning with n0 ready pods. The rows have no time and no need.
func (h HPA) Replay(demand []float64, step time.Duration, n0 int) []Row {
	return drive(h.scaler(step), demand, step, hpaPeriod, h.Warmup, n0)
}

func (h HPA) scaler(step time.Duration) scaler {
	return &replay{HPA: h, dt: step / time.Duration(max(1, int(step/hpaPeriod)))}
}

// podMetrics is what the HPA knows of its pods at one time.
type podMetrics struct {
	sum     float64 // utilization of the ready ones that have metrics, in %, added up
	ready   int     // how many these are
	unready int     // not ready yet, or ready for too short to have metrics
	missing int     // ready, and yet without metrics
}

// replicas is how many pods one metric asks for, of current ones. Pods without
// metrics count as idle when the others ask for more, and as busy when they ask for
// fewer; those that are not ready yet count as idle when they ask for more, and not
// at all when they ask for fewer. If that turns the direction, nothing changes.
func (h HPA) replicas(current int, m podMetrics) int {
	if m.ready == 0 {
		return current
	}
	ratio := m.sum / float64(m.ready) / h.Target
	sum, n := m.sum, m.ready
	switch {
	case ratio < 1:
		sum += float64(m.missing) * max(100, h.Target)
		n += m.missing
	case ratio > 1:
		n += m.missing + m.unready
	}
	again := sum / float64(n) / h.Target
	if math.Abs(1-again) <= h.Tolerance || ratio < 1 && again > 1 || ratio > 1 && again < 1 {
		return current
	}
	want := int(math.Ceil(again*float64(n) - rounding))
	if n > m.ready && (again < 1 && want > current || again > 1 && want < current) {
		return current
	}
	return want
}

// replay is one run of the algorithm.
type replay struct {
	HPA
	rules
	dt   time.Duration
	seen []metric // at each tick
}

// wants implements scaler.
func (r *replay) wants(t time.Duration, i int, used float64, p *pods) int {
	r.seen = append(r.seen, metric{used, p.ready, p.missing})
	want, cur := r.want(i, p), p.total()
	want = min(max(r.let(t, cur, want, r.Up, r.Down), r.Min), r.Max)
	r.scaled(t, want-cur)
	return want
}

// want is the wish before the rules. Pods that became ready after the metrics were
// taken are not in them.
func (r *replay) want(i int, p *pods) int {
	j := len(r.seen) - 1
	if late := j - int(r.Delay/r.dt); late >= 0 {
		j = late
	}
	ready := min(r.seen[j].ready, p.ready)
	missing := min(r.seen[j].missing, ready)
	want := r.replicas(p.total(), podMetrics{sum: r.seen[j].used * float64(ready-missing), ready: ready - missing,
		missing: missing, unready: p.total() - ready})
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
