package sim

import (
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// Workload is one service of the world: what is asked of it and how its
// instances behave, whatever forescale was told about it.
type Workload struct {
	Service  forescale.Service // as registered; min and max are promises that the world watches
	Load     Trace             // arrivals of the whole service, in load per second
	Capacity float64           // load that one instance truly serves at 100 %; more than 0
	Warmup   Spread            // engine start until ready
	Initial  int               // ready when the world begins, started by somebody else
	Labelled bool              // Observe registers the service, as labels of its containers do
	Silent   bool              // Observe gives no samples: somebody else pushes them
}

// unit is one instance in the world.
type unit struct {
	id       string
	workload *workload
	on       *machine
	decision string
	foreign  bool      // not forescale's: hidden from Observe, must never be stopped
	created  time.Time // true time, as all times here
	ready    time.Time // when it becomes ready
	dies     time.Time // when its process ends by itself; zero: never
	exit     string    // why it will have ended
	draining bool      // takes no load any more
}

func (u *unit) running(t time.Time) bool { return u.dies.IsZero() || t.Before(u.dies) }
func (u *unit) isReady(t time.Time) bool { return u.running(t) && !t.Before(u.ready) }

// serves reports whether the unit takes its share of the load.
func (u *unit) serves(t time.Time) bool { return u.isReady(t) && !u.draining }

func (u *unit) address() string {
	return fmt.Sprintf("10.0.%d.%d:8080", hash(u.id)>>8&0xff, hash(u.id)&0xff)
}

// workload is a [Workload] with what became of it.
type workload struct {
	Workload
	names    []string // of its units in the world, in the order of their creation
	wanted   int      // by the newest decision
	reason   forescale.Code
	starts   int
	stops    int
	timeline []Row
	open     sums // of the row under way
}

// Row is the truth about one service during one step of the timeline.
type Row struct {
	Time     time.Time      `json:"time"`
	Demand   float64        `json:"demand"`   // mean, in busy instances
	Required int            `json:"required"` // at that demand, by the band and min
	Wanted   int            `json:"wanted"`   // the most during the step, by decisions
	Starting float64        `json:"starting"` // mean
	Ready    float64        `json:"ready"`    // mean, of those that take load
	Draining float64        `json:"draining"` // mean
	Starts   int            `json:"starts"`   // during the step
	Nodes    int            `json:"nodes"`    // that were up at its end
	Reason   forescale.Code `json:"reason,omitempty"`
}

// sums adds up a row tick by tick.
type sums struct {
	at                               time.Time
	ticks                            int
	demand, starting, ready, drained float64
	starts                           int
	wanted                           int // the most
}

func (s sums) row(w *workload) Row {
	n := float64(max(s.ticks, 1))
	d := s.demand / n
	return Row{Time: s.at, Demand: d, Required: max(w.Service.Band.Required(d), w.Service.Min, 1), Wanted: s.wanted,
		Starting: s.starting / n, Ready: s.ready / n, Draining: s.drained / n, Starts: s.starts, Reason: w.reason}
}

// Measure is the elasticity of a timeline whose rows are step apart.
func Measure(rows []Row, step time.Duration) Elasticity {
	demand, ready, required, starts := make([]float64, len(rows)), make([]float64, len(rows)), make([]int, len(rows)), 0
	for i, r := range rows {
		demand[i], ready[i], required[i] = r.Demand, r.Ready, r.Required
		starts += r.Starts
	}
	return Score(demand, ready, required, step, starts)
}

// Demands are the rows' demands.
func Demands(rows []Row) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = r.Demand
	}
	return out
}
