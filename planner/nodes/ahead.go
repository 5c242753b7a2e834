package nodes

import (
	"cmp"
	"slices"
	"time"
)

// steps is the number of steps to the horizon.
func (p *plan) steps() int { return int(p.o.Horizon / p.o.Step) }

// withinPayback is how many steps begin before the payback time is over.
func (p *plan) withinPayback() int {
	return min(p.steps(), int((p.o.Payback+p.o.Step-1)/p.o.Step))
}

// aheadWithinPayback places what is wanted until the payback time is over, and
// nothing falls: what is needed again so soon is not given away.
func (p *plan) aheadWithinPayback() {
	for k := range p.withinPayback() {
		p.rise(k)
	}
}

// aheadToHorizon goes on from there, up and down.
func (p *plan) aheadToHorizon() {
	for k := p.withinPayback(); k < p.steps(); k++ {
		p.fall(k)
		p.rise(k)
	}
}

func (p *plan) begin(k int) time.Time { return p.now.Add(time.Duration(k) * p.o.Step) }

// rise places what step k wants more than there is.
func (p *plan) rise(k int) {
	t := p.begin(k)
	more := false
	for i := range p.svcs {
		s := &p.svcs[i]
		s.low = p.wants[i].peak(t, t.Add(p.o.Step))
		more = more || s.low-s.held > p.unmet[i]
	}
	if more {
		p.far = k > 0 && t.Sub(p.now) > p.longestLead()
		p.place(t)
	}
}

// longestLead is that of the types.
func (p *plan) longestLead() (d time.Duration) {
	for i := range p.typs {
		d = max(d, p.typs[i].in.lead())
	}
	return d
}

// fall takes out what is not needed from step k on for the whole payback time,
// and closes the nodes that become empty. Far ahead nothing is moved to empty a
// node: what is planned there is planned again many times.
func (p *plan) fall(k int) {
	t := p.begin(k)
	p.log = p.log[:0]
	p.freed = slices.DeleteFunc(p.freed, func(f freed) bool {
		if f.at.After(t) {
			return false
		}
		p.typs[f.typ].left++
		return true
	})
	fell := false
	for i := range p.svcs {
		if n := p.svcs[i].held - p.wants[i].peak(t, t.Add(max(p.o.Step, p.o.Payback))); n > 0 {
			p.shed(int32(i), n)
			p.unmet[i], fell = 0, true
		}
	}
	if !fell {
		return
	}
	for i := range p.rooms {
		r := &p.rooms[i]
		if r.open && !r.gone && empty(r) && p.mayStop(int32(i)) {
			p.close(int32(i))
			r.until = t
			// Another one of the type may be ordered from then on, not be there.
			x := &p.typs[r.typ]
			x.left--
			p.freed = append(p.freed, freed{r.typ, t.Add(x.in.lead())})
		}
	}
}

// freed is a node of a type that may be replaced from a step on.
type freed struct {
	typ int
	at  time.Time
}

// empty reports whether nothing is planned to be in the room.
func empty(r *room) bool {
	for _, h := range r.held {
		if h.n > 0 {
			return false
		}
	}
	return true
}

// shed takes n instances of the service out, from the emptiest nodes that may go first.
func (p *plan) shed(service int32, n int) {
	s := &p.svcs[service]
	type choice struct {
		room int32
		kept bool
		full float64
	}
	cs := make([]choice, len(s.on))
	for k, id := range s.on {
		cs[k] = choice{id, p.keep(id) != "", fullness(&p.rooms[id])}
	}
	slices.SortFunc(cs, func(a, b choice) int {
		return cmp.Or(falseFirst(a.kept, b.kept), cmp.Compare(a.full, b.full), cmp.Compare(a.room, b.room))
	})
	for _, c := range cs {
		k := min(n, p.rooms[c.room].has(service))
		if k > 0 {
			p.put(c.room, service, -k)
			n -= k
		}
	}
}
