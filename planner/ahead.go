package planner

import (
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// plan is the decision and what is wanted after it, as far as the forecast reaches.
func (r *round) plan() forescale.ServicePlan {
	p := forescale.ServicePlan{
		Service: r.s.Name, MadeAt: r.now, Lead: r.lead, Until: r.now,
		Acting: r.acting(), Decision: r.d,
	}
	p.Changes = append(make([]forescale.PlanChange, 0, 8), forescale.PlanChange{
		At: r.now, Wanted: r.to, Required: r.d.Required, Demand: r.up.demand, Code: r.d.Code(),
	})
	if r.s.Mode == forescale.ModeOff {
		return p
	}
	w := walk{r: r, cur: r.to, changes: p.Changes}
	p.Until = w.run(p.Until)
	p.Changes = w.changes
	return p
}

// walk goes through the forecast step by step as the planning steps to come will:
// an order goes out a lead time before it is needed, and nothing is stopped before
// the whole window allows it.
type walk struct {
	r       *round
	cur     int
	changes []forescale.PlanChange
	steps   []step
	reach   reach
}

// step is one step of the forecast.
type step struct {
	at     time.Duration // from now on
	high   float64       // the objective's quantile
	count  int           // needed at high, before min and max
	middle int           // needed at the median: what live demand will show when it is past
}

func (w *walk) run(until time.Time) time.Time {
	room := walkRooms.Get().(*walkRoom)
	defer walkRooms.Put(room)
	w.steps, w.reach = room.steps[:0], room.reach
	w.read()
	if len(w.steps) > 0 {
		w.walk()
		until = w.r.now.Add(w.steps[len(w.steps)-1].at + w.width())
	}
	room.steps, room.reach = w.steps, w.reach
	return until
}

// walk goes through the steps that were read.
func (w *walk) walk() {
	r := w.r
	w.reach.find(w.steps, r.lead+r.windows.beyond)
	quiet := w.quiet()
	next := 0 // the next step to order for
	for i := range w.steps {
		begin := w.steps[i].at
		// Orders that go out before this step begins.
		for ; next < len(w.steps) && w.steps[next].at-r.lead < begin; next++ {
			if at, ok := w.rise(next); ok {
				quiet = at + r.windows.rest
			}
		}
		if i > 0 && begin >= quiet {
			w.fall(i)
		}
	}
}

// quiet is the time before which nothing is stopped: something was started
// lately or is now, or live demand of the window behind still needs what is there.
func (w *walk) quiet() time.Duration {
	r := w.r
	quiet := time.Duration(0)
	if t := r.lastStart(); !t.IsZero() {
		quiet = t.Sub(r.now) + r.windows.rest
	}
	if r.to > r.supply {
		quiet = r.windows.rest
	}
	if r.down.known && !r.down.ahead {
		quiet = max(quiet, r.down.at.Sub(r.now))
	}
	return quiet
}

// rise orders for step i if it needs more than is wanted by then.
func (w *walk) rise(i int) (at time.Duration, ok bool) {
	s := &w.steps[i]
	n := w.r.clamp(s.count)
	if n <= w.cur {
		return 0, false
	}
	at = max(s.at-w.r.lead, w.r.o.Interval) // now is decided already
	code := forescale.CodeForecastRise
	if s.count > n {
		code = forescale.CodeMaxBound
	} else if s.count < n {
		code = forescale.CodeMinBound
	}
	w.add(forescale.PlanChange{At: w.r.now.Add(at), Wanted: n, Required: s.count, Demand: s.high, Code: code})
	return at, true
}

// fall stops what is not needed when step i begins: not by the forecast within
// lead time and window, and not by what will be the live demand of the window past.
func (w *walk) fall(i int) {
	r, s := w.r, &w.steps[i]
	if r.clamp(s.count) >= w.cur {
		return
	}
	top := &w.steps[w.reach.most[i]]
	most, from := max(1, top.count), s.at-r.windows.behind-w.width()
	for k := i - 1; k >= 0 && w.steps[k].at > from; k-- {
		most = max(most, w.steps[k].middle)
	}
	n := r.clamp(most)
	if n >= w.cur {
		return
	}
	code := forescale.CodeForecastFall
	if n == r.s.Min && most < n {
		code = forescale.CodeMinBound
	}
	w.add(forescale.PlanChange{At: r.now.Add(s.at), Wanted: n, Required: most, Demand: top.high, Code: code})
}

// add appends a change, or folds it into the last one when that is at the same time.
func (w *walk) add(c forescale.PlanChange) {
	w.cur = c.Wanted
	last := len(w.changes) - 1
	if last > 0 && w.changes[last].At.Equal(c.At) {
		w.changes[last] = c
		if w.changes[last-1].Wanted == c.Wanted {
			w.changes = w.changes[:last]
		}
		return
	}
	w.changes = append(w.changes, c)
}

// walkRoom is the room of a walk. It is used again: a day of steps is most of what a
// decision would take.
type walkRoom struct {
	steps []step
	reach reach
}

var walkRooms = sync.Pool{New: func() any { return new(walkRoom) }}

// read lays the fit forecasts of all metrics over one grid, the largest need of
// each step deciding.
func (w *walk) read() {
	r := w.r
	for i := range r.signals {
		g := &r.signals[i]
		if !g.fit {
			continue
		}
		f := g.forecast
		if len(w.steps) == 0 {
			for k := max(0, int(r.now.Sub(f.Start)/f.Step)); k < len(f.Values); k++ {
				w.steps = append(w.steps, step{at: g.outlook.begin + time.Duration(k)*f.Step})
			}
		}
		for k := range w.steps {
			s := &w.steps[k]
			high, middle, ok := g.outlook.after(s.at)
			if !ok || !isNumber(high) || !isNumber(middle) {
				if k > 0 { // nothing is known here: what was needed before still is
					s.merge(w.steps[k-1])
				}
				continue
			}
			s.merge(step{high: max(0, high), count: r.s.Band.Required(high), middle: r.s.Band.Required(middle)})
		}
	}
}

// merge takes over what needs more.
func (s *step) merge(x step) {
	if x.count > s.count {
		s.high, s.count = x.high, x.count
	}
	s.middle = max(s.middle, x.middle)
}

func (w *walk) width() time.Duration {
	if len(w.steps) > 1 {
		return w.steps[1].at - w.steps[0].at
	}
	return time.Minute
}
