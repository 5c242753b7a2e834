package sim

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// Tracking is target tracking as AWS does it for groups of machines: an alarm
// that is raised when each of the last three minutes was above the target scales
// out, one that is raised when each of the last fifteen was below nine tenths of
// it scales in, both in proportion, and nothing scales in while instances warm up
// (Amazon EC2 Auto Scaling user guide, "Target tracking scaling policies").
type Tracking struct {
	Target   float64       // utilization in %
	Delay    time.Duration // age of the metrics it sees
	High     int           // minutes above the target before it scales out
	Low      int           // minutes below nine tenths before it scales in
	Warmup   time.Duration // start until ready
	Min, Max int
}

// DefaultTracking has the defaults of AWS, with metrics a minute late.
func DefaultTracking(target float64, warmup time.Duration) Tracking {
	return Tracking{Target: target, Delay: time.Minute, High: 3, Low: 15, Warmup: warmup, Min: 1, Max: forescale.MaxInstances}
}

// trackingPeriod is that of its metrics.
const trackingPeriod = time.Minute

// scaleInShare is how far below the target the metric must be to scale in.
const scaleInShare = 0.9

// Replay runs the algorithm over demand, as [HPA.Replay] does.
func (t Tracking) Replay(demand []float64, step time.Duration, n0 int) []Row {
	return drive(t.scaler(step), demand, step, trackingPeriod, t.Warmup, n0)
}

func (t Tracking) scaler(step time.Duration) scaler {
	dt := step / time.Duration(max(1, int(step/trackingPeriod)))
	return &tracker{Tracking: t, late: int(t.Delay / dt)}
}

// tracker is one run of the algorithm.
type tracker struct {
	Tracking
	seen      []metric
	late      int // periods until it is known
	high, low int // periods in a row above the target, and below
}

// metric is what was measured in one period, and how many it was measured of.
type metric struct {
	used    float64 // mean utilization in %
	ready   int
	missing int // of these, those without metrics
}

// wants implements scaler.
func (t *tracker) wants(_ time.Duration, _ int, used float64, p *pods) int {
	t.seen = append(t.seen, metric{used, p.ready, p.missing})
	cur := p.total()
	k := len(t.seen) - 1 - t.late
	if k < 0 {
		return cur
	}
	m := t.seen[k]
	t.high = count(t.high, m.used > t.Target)
	t.low = count(t.low, m.used < scaleInShare*t.Target)
	want := cur
	proportional := int(math.Ceil(float64(m.ready)*m.used/t.Target - rounding))
	switch {
	case t.high >= t.High:
		want = max(cur, proportional)
	case t.low >= t.Low && len(p.due) == 0:
		want = min(cur, proportional)
	}
	return min(max(want, t.Min), t.Max)
}

// count is one more when it goes on, and starts anew when it does not.
func count(n int, on bool) int {
	if on {
		return n + 1
	}
	return 0
}
