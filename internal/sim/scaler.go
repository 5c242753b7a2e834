package sim

import "time"

// scaler is a policy that is asked at even intervals how many instances it wants.
// It is told what its kind can see in life: utilization, not demand.
type scaler interface {
	// wants is called at t, in step i of the demand. used is the mean utilization
	// of the ready pods that give metrics at that moment, in %; NaN when none does.
	wants(t time.Duration, i int, used float64, p *pods) int
}

// drive lets a scaler act on demand, in busy instances and constant within each
// step, at least once a step and as often as its period says. It begins with n0
// ready pods. The rows have no time and no need: they are the caller's to fill in.
func drive(r scaler, demand []float64, step, period, warmup time.Duration, n0 int) []Row {
	times := max(1, int(step/period))
	dt := step / time.Duration(times)
	p := pods{ready: n0, warmup: warmup}
	rows := make([]Row, len(demand))
	for i, d := range demand {
		before, row := p.starts, Row{Demand: d}
		for k := range times {
			t := time.Duration(i)*step + time.Duration(k)*dt
			p.warm(t)
			p.scale(r.wants(t, i, min(100, 100*d/float64(max(p.ready, 1))), &p), t)
			row.Wanted = max(row.Wanted, p.total())
			row.Ready += float64(p.ready)
			row.Starting += float64(len(p.due))
		}
		row.Ready /= float64(times)
		row.Starting /= float64(times)
		row.Starts = p.starts - before
		rows[i] = row
	}
	return rows
}

// pods become ready a fixed warm-up after their start; a stop is immediate.
type pods struct {
	ready   int
	due     []time.Duration // when the starting ones become ready, rising
	warmup  time.Duration
	starts  int
	missing int // of the ready ones, those without metrics
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
