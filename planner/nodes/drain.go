package nodes

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// replaceTries is how many nodes are tried for a cheaper one in a plan.
	replaceTries = 8
	// leastGain is the share of what a node costs within the payback time that a
	// cheaper one in its place must save: below, the two are alike.
	leastGain = 0.1
)

// candidate is a node that may be emptied.
type candidate struct {
	room  int32
	moves int     // instances that run there
	saves float64 // within the payback time, after the moves
}

// drain empties nodes that are not needed for the whole payback time, as few at a
// time as the blast radius allows, those first that save most; and when there is
// none, it orders a cheaper node in place of one. What of the nodes is kept, and
// why, is told of those that hold nothing.
func (p *plan) drain() {
	p.stopEmpty()
	cs := p.candidates()
	left := p.radius()
	done, waits := 0, false
	for _, c := range cs {
		r := &p.rooms[c.room]
		if p.touched[c.room] { // it has just become the place of what leaves another
			continue
		}
		if left == 0 {
			if empty(r) {
				p.kept(c.room, forescale.Reason{Code: CodeRadius, Numbers: nums{"share": p.o.DrainShare}})
			}
			continue
		}
		switch d, how := p.tryDrain(c); how {
		case drained:
			p.res.Drains = append(p.res.Drains, d)
			left--
			done++
		case later:
			waits = true
		}
	}
	for id := range p.touched { // these are needed after all
		if name := p.rooms[id].name; !p.rooms[id].leaving {
			p.res.Kept = slices.DeleteFunc(p.res.Kept, func(k Kept) bool { return k.Node == name })
		}
	}
	if done == 0 && !waits && left > 0 && len(p.orders) == 0 {
		p.replace(cs)
	}
}

// radius is how many more nodes may be on their way out.
func (p *plan) radius() int {
	all, out := 0, 0
	for i := range p.rooms {
		if r := &p.rooms[i]; r.node != nil {
			all++
			if r.leaving {
				out++
			}
		}
	}
	return max(0, max(1, int(p.o.DrainShare*float64(all)+1e-9))-out)
}

// stopEmpty switches off what is on its way out and holds nothing any more.
func (p *plan) stopEmpty() {
	for i := range p.rooms {
		r := &p.rooms[i]
		if r.node == nil || !r.leaving {
			continue
		}
		r.until = p.now.Add(p.o.Step)
		switch {
		case !r.idle:
		case r.node.Protected:
			p.kept(int32(i), forescale.Reason{Code: CodeProtected})
		case r.node.Static:
			p.kept(int32(i), forescale.Reason{Code: CodeStatic})
		default:
			p.res.Stops = append(p.res.Stops, Stop{Node: r.name, Reason: forescale.Reason{Code: CodeIdle, Numbers: nums{"price_per_hour": r.price}}})
		}
	}
}

// candidates are the nodes that may be emptied now, those that save most first.
func (p *plan) candidates() []candidate {
	var cs []candidate
	for i := range p.rooms {
		id, r := int32(i), &p.rooms[i]
		if r.node == nil || !r.open || r.node.State != forescale.NodeReady || p.touched[id] {
			continue
		}
		if c := p.keep(id); c != "" {
			if empty(r) {
				p.kept(id, forescale.Reason{Code: c})
			}
			continue
		}
		c := candidate{room: id}
		for _, h := range r.held {
			c.moves += int(min(h.n, h.stay))
		}
		c.saves = p.bills(r) - float64(c.moves)*p.o.MoveCost
		switch young := p.age(r); {
		case young < p.o.Payback:
			if empty(r) {
				p.kept(id, forescale.Reason{Code: CodeSettling, Times: times{"until": r.node.OrderedAt.Add(p.o.Payback)}})
			}
		case p.paidUntil(r).Sub(p.now) > p.o.StopAhead && r.price > 0:
			if empty(r) {
				p.kept(id, forescale.Reason{Code: CodePaid, Times: times{"until": p.paidUntil(r)}})
			}
		case c.saves <= 0:
			if empty(r) {
				p.kept(id, forescale.Reason{Code: CodeDisrupts, Numbers: nums{"moves": float64(c.moves), "bills": p.bills(r)}})
			}
		default:
			cs = append(cs, c)
		}
	}
	slices.SortFunc(cs, func(a, b candidate) int {
		return cmp.Or(falseFirst(a.moves > 0, b.moves > 0), cmp.Compare(b.saves, a.saves), cmp.Compare(a.room, b.room))
	})
	return cs
}

// age is how long ago the node was ordered; as old as can be when that is not known.
func (p *plan) age(r *room) time.Duration {
	if r.node.OrderedAt.IsZero() {
		return p.o.Payback
	}
	return p.now.Sub(r.node.OrderedAt)
}

// paidUntil is the end of the billing step under way; now when there are none.
func (p *plan) paidUntil(r *room) time.Time {
	step := p.typs[r.typ].in.BillingStep
	at := r.node.OrderedAt
	if step <= 0 || at.IsZero() || at.After(p.now) {
		return p.now
	}
	return at.Add((p.now.Sub(at)/step + 1) * step)
}

// bills is what the node costs from the end of the billing step under way until
// the payback time is over, billing steps counted whole.
func (p *plan) bills(r *room) float64 {
	step := p.typs[r.typ].in.BillingStep
	rest := p.o.Payback - p.paidUntil(r).Sub(p.now)
	if step <= 0 || r.node.OrderedAt.IsZero() {
		return r.price * p.o.Payback.Hours()
	}
	if rest <= 0 {
		return 0
	}
	n := (rest + step - 1) / step
	return r.price * step.Hours() * float64(n)
}

func (p *plan) kept(id int32, r forescale.Reason) {
	p.res.Kept = append(p.res.Kept, Kept{Node: p.rooms[id].name, Reason: r})
}

// mayStop reports whether nothing keeps the room: nobody's word, and it is not the
// last that fulfils what a service asks for while no type could be ordered for it.
func (p *plan) mayStop(id int32) bool { return p.keep(id) == "" && !p.last(id) }

// last reports whether some service could run nowhere else.
func (p *plan) last(id int32) bool {
	k := p.rooms[id].kind
rules:
	for i := range p.rules {
		if p.rules[i].any || !p.ok[i][k] {
			continue
		}
		for t := range p.typs {
			if x := &p.typs[t]; x.orderable && p.ok[i][x.kind] {
				continue rules
			}
		}
		for o := range p.rooms {
			if r := &p.rooms[o]; int32(o) != id && r.open && p.ok[i][r.kind] {
				continue rules
			}
		}
		return true
	}
	return false
}

// outcome is how a try to empty a node ended.
type outcome int

const (
	stuck   outcome = iota // its instances do not fit elsewhere, or it has to stay
	later                  // they will, when a node that is on its way is ready
	drained                // they do
)

// tryDrain empties the node if all that it holds, now and within the payback time,
// fits on other nodes that are ready.
func (p *plan) tryDrain(c candidate) (Drain, outcome) {
	r := &p.rooms[c.room]
	if p.last(c.room) {
		if empty(r) {
			p.kept(c.room, forescale.Reason{Code: CodeLast})
		}
		return Drain{}, stuck
	}
	m := p.mark()
	held := slices.Clone(r.held)
	ready := func(x *room) bool { return x.node != nil && x.node.State == forescale.NodeReady }
	if p.relocate(c.room, p.roomiest(r.kind, ready), false) > 0 {
		p.undo(m)
		left := p.relocate(c.room, p.roomiest(r.kind, func(x *room) bool { return x.node != nil }), false)
		p.undo(m)
		if left == 0 {
			return Drain{}, later
		}
		return Drain{}, stuck
	}
	d := Drain{Node: r.name, Moves: p.moves(m, held), Saves: c.saves}
	d.Reason = forescale.Reason{Code: CodeIdle, Numbers: nums{"moves": float64(c.moves), "saves": c.saves, "price_per_hour": r.price, "payback_s": p.o.Payback.Seconds()}}
	p.leave(c.room)
	return d, drained
}

// leave closes a present node to what is to come.
func (p *plan) leave(id int32) {
	r := &p.rooms[id]
	r.open, r.leaving, r.until = false, true, p.now.Add(p.o.Step)
}

// moves reads from the log what of the instances that run in a room, held before,
// went where since m, and has them started there.
func (p *plan) moves(m mark, held []holding) (ms []Move) {
	runs := map[int32]int{}
	for _, h := range held {
		runs[h.svc] = int(min(h.n, h.stay))
	}
	for _, e := range p.log[m.log:] {
		n := min(int(e.n), runs[e.svc])
		if n <= 0 { // taken out, or not running yet
			continue
		}
		runs[e.svc] -= n
		to := &p.rooms[e.room]
		ms = append(ms, Move{Service: p.svcs[e.svc].in.Name, To: to.name, Count: n})
		p.touched[e.room] = true
		p.res.Starts = append(p.res.Starts, Start{Service: p.svcs[e.svc].in.Name, Node: to.name, Count: n, Moved: n, ReadyBy: to.readyBy})
	}
	return ms
}

// replace orders a cheaper node in the place of one, if that pays for the moves.
// The old node stays until the new one is ready: a later plan drains it then,
// since what it holds fits elsewhere.
func (p *plan) replace(cs []candidate) {
	types := p.orderable()
	slices.SortStableFunc(types, func(a, b int) int { return cmp.Compare(p.typs[a].price, p.typs[b].price) })
	tried := 0
	for _, c := range cs {
		r := &p.rooms[c.room]
		if empty(r) || p.touched[c.room] || p.last(c.room) {
			continue
		}
		if tried++; tried > replaceTries {
			return
		}
		for _, t := range types {
			x := &p.typs[t]
			gain := c.saves - x.price*p.o.Payback.Hours()
			if x.left <= 0 {
				continue
			}
			if gain <= leastGain*p.bills(r) {
				break
			}
			m := p.mark()
			to := p.openRoom(t)
			if p.relocate(c.room, append(p.roomiest(r.kind, func(y *room) bool { return y.node != nil }), to), false) > 0 {
				p.undo(m)
				r = &p.rooms[c.room]
				continue
			}
			r = &p.rooms[c.room]
			p.orders = append(p.orders, to)
			p.noteOrder(to, p.now, r.name)
			p.explainOrder(to)
			p.leave(c.room)
			r.until = p.rooms[to].readyBy
			o := &p.res.Orders[len(p.res.Orders)-1]
			o.Reason.Code = CodeReplaced
			o.Reason.Numbers["saves"] = gain
			o.Reason.Numbers["moves"] = float64(c.moves)
			o.Reason.Words["node"] = r.name
			return
		}
	}
}
