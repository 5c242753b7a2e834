package nodes

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// place gives every instance that is wanted and has no place one: on nodes that
// are there, on nodes that are on their way, and on nodes to be ordered. When
// not all fit, higher priorities come first. It gives what has to wait until
// something is gone from its node.
func (p *plan) place(at time.Time) (waits map[entry]bool) {
	for i := range p.svcs {
		p.before[i] = p.svcs[i].held
	}
	m, orders := p.mark(), len(p.orders)
	waits = map[entry]bool{}
	b := p.gather(func(s *svc) int { return s.low - s.held })
	if b.left == 0 {
		return waits
	}
	tiers := p.priorities(b)
	if p.placeBatch(b, waits); b.left > 0 && len(tiers) > 1 {
		p.undo(m)
		clear(waits)
		for _, tier := range tiers {
			b := p.gather(func(s *svc) int {
				if s.in.Priority != tier {
					return 0
				}
				return s.low - s.held
			})
			p.placeBatch(b, waits)
		}
	}
	p.dissolve(int32(m.rooms))
	p.part(int32(m.rooms))
	for id := int32(m.rooms); int(id) < len(p.rooms); id++ {
		if !p.rooms[id].gone {
			p.orders = append(p.orders, id)
			p.noteOrder(id, at, "")
		}
	}
	for _, id := range p.orders[orders:] {
		p.explainOrder(id)
	}
	p.report(at)
	return waits
}

// priorities are those of the batch, highest first.
func (p *plan) priorities(b *batch) (ps []int) {
	for _, it := range b.items {
		ps = append(ps, p.svcs[it.svc].in.Priority)
	}
	slices.SortFunc(ps, func(a, b int) int { return cmp.Compare(b, a) })
	return slices.Compact(ps)
}

// placeBatch tries, in turn, what costs least: room that is there, spread if it
// can be had for nothing; room that is about to be free; new nodes; and fewer
// nodes than a service should be spread over.
func (p *plan) placeBatch(b *batch, waits map[entry]bool) {
	order := p.inOrder()
	p.fillRooms(b, order, true, true)
	p.fillRooms(b, order, false, true)
	p.fillLate(b, order, waits)
	if b.left > 0 {
		p.order(b, true)
	}
	if b.left > 0 { // what is tried for needs more nodes than there may be
		order = p.inOrder()
		p.fillRooms(b, order, false, true)
		p.order(b, false)
	}
	short := false
	for _, it := range b.items {
		if s := &p.svcs[it.svc]; it.n > 0 && s.in.Spread > 1 && !s.short {
			s.short, short = true, true
		}
	}
	if short {
		p.fillRooms(b, p.inOrder(), false, true)
		p.fillLate(b, p.inOrder(), waits)
		p.order(b, false)
	}
}

// fillLate fills the room that is about to be free, too, and keeps what waits for it.
func (p *plan) fillLate(b *batch, order []int32, waits map[entry]bool) {
	from := len(p.log)
	p.fillRooms(b, order, false, false)
	for _, e := range p.log[from:] {
		waits[entry{e.room, e.svc, 0}] = true
	}
}

// inOrder is the open rooms as they are to be filled: ready ones first, then those
// that stay whatever happens, then the fullest, so that others may become empty.
func (p *plan) inOrder() []int32 {
	var ids []int32
	type rank struct {
		late, may bool
		full      float64
	}
	ranks := make([]rank, len(p.rooms))
	for i := range p.rooms {
		r := &p.rooms[i]
		if r.open {
			ids = append(ids, int32(i))
			ranks[i] = rank{r.node == nil || r.node.State != forescale.NodeReady, p.keep(int32(i)) == "", fullness(r)}
		}
	}
	slices.SortFunc(ids, func(a, b int32) int {
		x, y := ranks[a], ranks[b]
		return cmp.Or(falseFirst(x.late, y.late), falseFirst(x.may, y.may), cmp.Compare(y.full, x.full), cmp.Compare(a, b))
	})
	return ids
}

// keep says why the room stays though nothing may need it; "" if nothing keeps it.
func (p *plan) keep(id int32) forescale.Code {
	r := &p.rooms[id]
	switch {
	case r.node == nil:
		return ""
	case r.node.Protected:
		return CodeProtected
	case r.node.Static || r.typ < 0:
		return CodeStatic
	case r.foreign:
		return CodeForeign
	case p.kinds[r.kind].name != "":
		return CodeNamed
	}
	return ""
}

const (
	// spares is how many of the rooms with the most left are tried for what is to
	// move, and as many again of rooms that are alike: the work of emptying a node
	// does not grow with their number.
	spares = 48
)

// roomiest is the rooms for which use is true, those with the most left first.
func (p *plan) roomiest(k int, use func(*room) bool) []int32 {
	var ids []int32
	left := make([]float64, len(p.rooms))
	for i := range p.rooms {
		if r := &p.rooms[i]; r.open && use(r) {
			ids = append(ids, int32(i))
			left[i] = 1
			for x := cores; x <= memory; x++ {
				left[i] = min(left[i], float64(r.free[x])/max(1, float64(p.ref[x])))
			}
		}
	}
	slices.SortFunc(ids, func(a, b int32) int { return cmp.Or(cmp.Compare(left[b], left[a]), cmp.Compare(a, b)) })
	out := slices.Clone(ids[:min(spares, len(ids))])
	alike := 0
	for _, id := range ids[len(out):] {
		if alike == spares {
			break
		}
		if p.rooms[id].kind == k {
			out = append(out, id)
			alike++
		}
	}
	return out
}

// relocate moves what is in the room to the others of the list, largest first,
// each to where it fits tightest. It gives how many have no place; unless all is
// true it stops at the first.
func (p *plan) relocate(id int32, among []int32, all bool) (left int) {
	held := slices.Clone(p.rooms[id].held)
	size := func(h holding) (x float64) {
		for r, n := range p.svcs[h.svc].on1(p.rooms[id].typ) {
			x = max(x, float64(n)/max(1, float64(p.ref[r])))
		}
		return x
	}
	slices.SortFunc(held, func(a, b holding) int { return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a.svc, b.svc)) })
	for _, h := range held {
		for n := int(h.n); n > 0; {
			to, k := p.tightest(id, h.svc, among)
			if to < 0 {
				left += n
				break
			}
			k = min(k, n)
			p.put(id, h.svc, -k)
			p.put(to, h.svc, k)
			n -= k
		}
		if left > 0 && !all {
			return left
		}
	}
	return left
}

// tightest is the room in which an instance leaves least, and how many it may take.
func (p *plan) tightest(not, service int32, among []int32) (best int32, n int) {
	s := &p.svcs[service]
	best = -1
	var score float64
	for _, to := range among {
		r := &p.rooms[to]
		if to == not || !r.open || !p.may(s, r) {
			continue
		}
		p.probes++
		need := s.on1(r.typ)
		free := r.free
		for i := range free {
			free[i] -= r.busy[i]
		}
		k := min(free.times(need, mostWanted), s.limit(false)-r.has(service))
		if k <= 0 {
			continue
		}
		x := 0.0
		for i, c := range need {
			if c > 0 {
				x = max(x, float64(c)/float64(free[i]))
			}
		}
		if best < 0 || x > score {
			best, score, n = to, x, k
		}
	}
	return best, n
}

// dissolve closes new rooms whose instances fit into the others.
func (p *plan) dissolve(first int32) {
	var ids []int32
	for id := first; int(id) < len(p.rooms); id++ {
		if !p.rooms[id].gone {
			ids = append(ids, id)
		}
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(fullness(&p.rooms[a]), fullness(&p.rooms[b])) })
	for _, id := range ids {
		m := p.mark()
		if p.relocate(id, p.roomiest(p.rooms[id].kind, func(*room) bool { return true }), false) > 0 {
			p.undo(m)
			continue
		}
		p.close(id)
	}
}

// part moves one of the instances that lie on one node all, where there is room
// for it elsewhere: two nodes do not die at once.
func (p *plan) part(first int32) {
	var among []int32
	for id := first; int(id) < len(p.rooms); id++ {
		for _, h := range slices.Clone(p.rooms[id].held) {
			s := &p.svcs[h.svc]
			if s.held < 2 || int(h.n) < s.held || p.rooms[id].gone {
				continue
			}
			if among == nil {
				among = p.roomiest(-1, func(*room) bool { return true })
			}
			if to, _ := p.tightest(id, h.svc, among); to >= 0 {
				p.put(id, h.svc, -1)
				p.put(to, h.svc, 1)
			}
		}
	}
}

// report says what of the step under way has no place, and why, once for each
// number that is missing.
func (p *plan) report(at time.Time) {
	for i := range p.svcs {
		s := &p.svcs[i]
		if s.short {
			p.noteSpread(s)
		}
		n := s.low - s.held
		if n <= p.unmet[i] {
			continue
		}
		p.unmet[i] = n
		from := p.wants[i].above(at, s.held)
		p.res.Unmet = append(p.res.Unmet, Unmet{Service: s.in.Name, Count: n, At: from, Reason: p.why(s)})
	}
}

// why says why an instance of the service has no place.
func (p *plan) why(s *svc) forescale.Reason {
	rule := &p.rules[s.rule]
	matched, fits, orderable := false, false, false
	var top vec
	var topTyp = -1
	look := func(k, t int, cap *vec) {
		if !p.ok[s.rule][k] {
			return
		}
		matched = true
		fits = fits || cap.fits(s.on1(t))
		for r, x := range cap {
			if x > top[r] {
				top[r], topTyp = x, t
			}
		}
	}
	for i := range p.rooms {
		if r := &p.rooms[i]; r.node != nil && !r.leaving {
			look(r.kind, r.typ, &r.cap)
		}
	}
	for t := range p.typs {
		if x := &p.typs[t]; x.orderable {
			look(x.kind, t, &x.cap)
			orderable = orderable || p.ok[s.rule][x.kind] && x.cap.fits(s.on1(t))
		}
	}
	r := forescale.Reason{Numbers: nums{}, Words: words{}}
	switch {
	case !matched && rule.node != "":
		r.Code, r.Words["node"] = CodeUnknownNode, rule.node
	case !matched && rule.any:
		r.Code = CodeNoTypes
	case !matched:
		r.Code = CodeNoMatch
	case !fits:
		r.Code = CodeTooBig
		n := s.on1(topTyp)
		for x := range n {
			if n[x] > top[x] {
				r.Words["resource"] = names[x]
				r.Numbers["needs"], r.Numbers["largest"] = amountOf(x, n[x]), amountOf(x, top[x])
				break
			}
		}
	case rule.node != "":
		r.Code, r.Words["node"] = CodeNodeFull, rule.node
	case !orderable:
		r.Code = CodeNoTypes
	default:
		r.Code = CodeMaxBound
		for t := range p.typs {
			if x := &p.typs[t]; x.orderable && p.ok[s.rule][x.kind] {
				r.Numbers["max_nodes"] += float64(x.in.MaxCount)
			}
		}
	}
	return r
}

// noteSpread says once of a service that it lies on fewer nodes than it should.
func (p *plan) noteSpread(s *svc) {
	subject := "services/" + s.in.Name
	for i := range p.notes {
		if p.notes[i].Subject == subject && p.notes[i].Reason.Code == CodeSpread {
			return
		}
	}
	p.noteReason(subject, forescale.Reason{Code: CodeSpread, Numbers: nums{"spread": float64(s.in.Spread)}})
}

// amountOf is an amount in the unit that people write it in: cores, bytes, Mbit/s.
func amountOf(r int, x int64) float64 {
	switch r {
	case cores:
		return float64(x) / 1e6
	case bandwidth:
		return float64(x) / 1e3
	default:
		return float64(x)
	}
}
