package nodes

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Decide plans the nodes at now.
func Decide(now time.Time, o Options, st State) Result {
	now = now.UTC()
	p := plan{world: build(now, o.withDefaults(), &st)}
	p.look()
	p.settle()
	p.placeNow()
	p.aheadWithinPayback()
	p.drain()
	for i := range p.rooms { // from here on what is on its way out is gone
		p.rooms[i].busy = vec{}
	}
	p.aheadToHorizon()
	return p.result()
}

// plan is one planning round.
type plan struct {
	*world
	wants   []wants
	before  []int // what each service held before the step under way
	unmet   []int // instances of each service that are known to have no place
	res     Result
	touched map[int32]bool // rooms that get something to start now
	orders  []int32        // rooms of orders
	perType map[int]int
	freed   []freed
}

// mostWanted is what one service may want; more is a mistake.
const mostWanted = 1_000_000

// look reads what the services want now.
func (p *plan) look() {
	p.res.At, p.touched, p.perType = p.now, map[int32]bool{}, map[int]int{}
	p.wants, p.before, p.unmet = make([]wants, len(p.svcs)), make([]int, len(p.svcs)), make([]int, len(p.svcs))
	for i := range p.svcs {
		s := &p.svcs[i]
		ok := false
		if p.wants[i], ok = readWants(s.in.Wanted); !ok {
			p.note("services/"+s.in.Name, CodeInvalid, words{"why": "wanted"})
		}
		s.low = p.wants[i].at(p.now)
	}
	for _, r := range p.rooms {
		p.res.Cost.Now += r.price
	}
}

// settle keeps what runs where it is, as many as are wanted. What is on a node
// that is on its way out, against what its service asks for, or more than its
// node can hold, has to leave, and runs until as many are ready elsewhere.
func (p *plan) settle() {
	for i := range p.svcs {
		s := &p.svcs[i]
		for k := range s.there {
			x := &s.there[k]
			r := &p.rooms[x.room]
			switch {
			case r.leaving:
				x.leave = CodeIdle
			case !r.open && !r.shut:
				x.leave = CodeOverdue
			case !p.may(s, r):
				x.leave = CodeMisfit
			}
			if x.leave == "" {
				p.stay(int32(i), x.room, 1)
			}
		}
	}
	for i := range p.rooms {
		if p.rooms[i].open {
			p.relieve(int32(i))
		}
	}
	for i := range p.svcs {
		p.thin(int32(i))
		p.retire(int32(i))
	}
	p.log = p.log[:0] // nothing of this is ever undone
}

// stay notes that n instances that run in the room stay there; negative: do not.
func (p *plan) stay(s, room int32, n int) {
	r := &p.rooms[room]
	if i, ok := r.find(s); ok {
		r.held[i].stay += int32(n)
	}
	p.put(room, s, n)
	if n > 0 {
		i, _ := r.find(s)
		if r.held[i].stay == 0 {
			r.held[i].stay = int32(n)
		}
	}
}

// relieve lets instances leave a room in which more runs than fits, those first
// that give most of what is missing.
func (p *plan) relieve(room int32) {
	r := &p.rooms[room]
	for over(&r.free) >= 0 && len(r.held) > 0 {
		x := over(&r.free)
		best := -1
		for i, h := range r.held {
			n, b := p.svcs[h.svc].on1(r.typ)[x], int64(0)
			if best >= 0 {
				b = p.svcs[r.held[best].svc].on1(r.typ)[x]
			}
			// The smallest that is enough, or else the largest.
			enough, bestEnough := n >= -r.free[x], b >= -r.free[x]
			if n > 0 && (best < 0 || enough && (!bestEnough || n < b) || !enough && !bestEnough && n > b) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		s := r.held[best].svc
		for k := len(p.svcs[s].there) - 1; k >= 0; k-- {
			if y := &p.svcs[s].there[k]; y.room == room && y.leave == "" {
				y.leave = CodeOverfull
				break
			}
		}
		p.stay(s, room, -1)
		if len(p.notes) == 0 || p.notes[len(p.notes)-1].Subject != "nodes/"+r.name {
			p.note("nodes/"+r.name, CodeOverfull, words{"resource": names[x]})
		}
	}
}

// over is a resource of which there is less than nothing, -1 if there is none.
func over(free *vec) int {
	for r, x := range free {
		if x < 0 {
			return r
		}
	}
	return -1
}

// names are the resources as they are written.
var names = [resources]string{"cores", "memory", "disk", "bandwidth"}

// thin picks the instances that are too many: from the nodes that are easiest to
// empty, and among those from where most of the service are.
func (p *plan) thin(i int32) {
	s := &p.svcs[i]
	n := s.held - s.low
	if n <= 0 {
		return
	}
	type choice struct {
		at   int
		kept bool
		full float64
		same int
		x    *present
	}
	var cs []choice
	for k := range s.there {
		x := &s.there[k]
		if x.leave == "" {
			r := &p.rooms[x.room]
			cs = append(cs, choice{k, p.keep(x.room) != "", fullness(r), r.has(i), x})
		}
	}
	slices.SortFunc(cs, func(a, b choice) int {
		return cmp.Or(falseFirst(a.kept, b.kept), cmp.Compare(a.full, b.full), cmp.Compare(b.same, a.same), falseFirst(a.x.ready, b.x.ready), cmp.Compare(a.x.id, b.x.id))
	})
	for _, c := range cs[:min(n, len(cs))] {
		c.x.leave = CodeSurplus
		p.stay(i, c.x.room, -1)
	}
}

// falseFirst sorts false before true.
func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// fullness is the share of its fullest resource that is taken.
func fullness(r *room) (x float64) {
	for k, c := range r.cap {
		if c > 0 {
			x = max(x, float64(c-r.free[k])/float64(c))
		}
	}
	return x
}

// retire names what of the service may be stopped now: of what has to leave,
// as long as no fewer than are wanted stay ready. What may not goes on taking its
// room; what may will leave it soon.
func (p *plan) retire(i int32) {
	s := &p.svcs[i]
	ready, supply := 0, len(s.there)
	for _, x := range s.there {
		if x.ready {
			ready++
		}
	}
	for pass := range 2 { // first what has to leave, then what is too many
		for _, x := range s.there {
			if x.leave == "" || (x.leave == CodeSurplus) != (pass == 1) {
				continue
			}
			r := &p.rooms[x.room]
			n := s.on1(r.typ)
			if x.ready && ready <= s.low || !x.ready && supply <= s.low {
				if r.open {
					r.free.sub(n, 1)
				}
				continue
			}
			if x.ready {
				ready--
			}
			supply--
			if r.open {
				r.busy = plus(r.busy, n)
			}
			p.res.Retire = append(p.res.Retire, Retire{
				Service: s.in.Name, Instance: x.id, Node: r.name,
				Reason: forescale.Reason{Code: x.leave, Numbers: nums{"wanted": float64(s.low), "ready": float64(ready), "supply": float64(supply)}},
			})
		}
	}
}

// placeNow places what is wanted now and does not run anywhere.
func (p *plan) placeNow() {
	leaving := make([]int, len(p.svcs))
	for i := range p.svcs {
		for _, x := range p.svcs[i].there {
			if x.leave != "" && x.leave != CodeSurplus {
				leaving[i]++
			}
		}
	}
	waits := p.place(p.now)
	for i := range p.rooms {
		r := &p.rooms[i]
		if r.gone {
			continue
		}
		for _, h := range r.held {
			n := int(h.n - h.stay)
			if n <= 0 {
				continue
			}
			p.touched[int32(i)] = true
			moved := min(n, leaving[h.svc])
			leaving[h.svc] -= moved
			s := Start{Service: p.svcs[h.svc].in.Name, Node: r.name, Count: n, Moved: moved, ReadyBy: r.readyBy, Waits: waits[entry{int32(i), h.svc, 0}]}
			p.res.Starts = append(p.res.Starts, s)
		}
	}
}
