package nodes

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/forescale/forescale"
)

// explained bounds the orders of which it is worked out what would be without them.
const explained = 200

// noteOrder writes down that a room is to be ordered for what it holds.
func (p *plan) noteOrder(id int32, at time.Time, replaces string) {
	r := &p.rooms[id]
	t := &p.typs[r.typ]
	p.perType[r.typ]++
	o := Order{Name: t.in.Name + "+" + strconv.Itoa(p.perType[r.typ]), Type: t.in.Name, PricePerHour: t.price, Replaces: replaces}
	need := time.Time{}
	instances := 0
	for _, h := range r.held {
		if h.n <= 0 {
			continue
		}
		s := &p.svcs[h.svc]
		o.Holds = append(o.Holds, Share{Service: s.in.Name, Count: int(h.n)})
		instances += int(h.n)
		first := at
		if replaces == "" {
			first = p.wants[h.svc].above(at, p.before[h.svc])
		}
		if need.IsZero() || first.Before(need) {
			need = first
		}
	}
	lead := t.in.lead()
	o.NeedAt = need
	o.OrderAt = need.Add(-lead)
	if o.OrderAt.Before(p.now) {
		o.OrderAt = p.now
	}
	o.ReadyBy = o.OrderAt.Add(lead)
	r.name, r.since, r.readyBy = o.Name, o.OrderAt, o.ReadyBy
	o.Reason = forescale.Reason{
		Code:    CodeNeeded,
		Numbers: nums{"instances": float64(instances), "price_per_hour": t.price, "lead_s": lead.Seconds()},
		Times:   times{"need": o.NeedAt, "ready": o.ReadyBy},
		Words:   words{"type": t.in.Name},
	}
	if late := o.ReadyBy.Sub(o.NeedAt); late > 0 && replaces == "" {
		o.Reason.Numbers["late_s"] = late.Seconds()
	}
	full, fullest := 0.0, cores
	for x, c := range r.cap {
		if c > 0 {
			share := float64(c-r.free[x]) / float64(c)
			o.Reason.Numbers[names[x]+"_used"] = math.Round(share*1e4) / 1e4
			if share > full {
				full, fullest = share, x
			}
		}
	}
	o.Reason.Words["fullest"] = names[fullest]
	p.res.Orders = append(p.res.Orders, o)
}

// explainOrder says of an order why not one fewer, and why this type.
func (p *plan) explainOrder(id int32) {
	k := slices.Index(p.orders, id)
	o := &p.res.Orders[k]
	r := &p.rooms[id]
	if k < explained {
		m := p.mark()
		left := p.relocate(id, p.roomiest(r.kind, func(*room) bool { return true }), true)
		p.undo(m)
		o.Reason.Numbers["without"] = float64(left) // have no place without this node
	}
	best := -1
	for t := range p.typs {
		x := &p.typs[t]
		if t == r.typ || !x.orderable || x.left <= 0 || best >= 0 && x.price >= p.typs[best].price {
			continue
		}
		if p.holds(t, r) {
			best = t
		}
	}
	if best >= 0 {
		x := &p.typs[best]
		o.Beside = &forescale.Reason{Code: CodeNeeded, Numbers: nums{"price_per_hour": x.price}, Words: words{"type": x.in.Name}}
	}
}

// result gathers the plan.
func (p *plan) result() Result {
	r := &p.res
	r.Notes, r.Probes = p.notes, p.probes
	p.stepsOfCost()
	r.Cost.Planned = r.Cost.Now
	for _, o := range r.Orders {
		if o.Due(p.now, p.o) {
			r.Cost.Planned += o.PricePerHour
		}
	}
	for i := range p.rooms {
		if x := &p.rooms[i]; x.node != nil && x.leaving && !p.replaced(x.name) {
			r.Cost.Planned -= x.price
		}
	}
	for _, s := range r.Steps {
		r.Cost.Peak = max(r.Cost.Peak, s.PerHour)
	}
	if math.Abs(r.Cost.Planned) < 1e-9 {
		r.Cost.Planned = 0
	}
	r.Starts = merged(r.Starts)
	slices.SortStableFunc(r.Orders, func(a, b Order) int { return a.OrderAt.Compare(b.OrderAt) })
	slices.SortStableFunc(r.Retire, func(a, b Retire) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Instance, b.Instance))
	})
	slices.SortStableFunc(r.Kept, func(a, b Kept) int { return cmp.Compare(a.Node, b.Node) })
	slices.SortStableFunc(r.Unmet, func(a, b Unmet) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Service, b.Service)) })
	slices.SortStableFunc(r.Notes, func(a, b Note) int { return cmp.Compare(a.Subject, b.Subject) })
	return *r
}

// replaced reports whether an order of this plan takes the place of the node.
func (p *plan) replaced(node string) bool {
	return slices.ContainsFunc(p.res.Orders, func(o Order) bool { return o.Replaces == node })
}

// merged joins what starts on the same node, sorted by node and service.
func merged(in []Start) []Start {
	slices.SortStableFunc(in, func(a, b Start) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Service, b.Service))
	})
	var out []Start
	for _, s := range in {
		if n := len(out) - 1; n >= 0 && out[n].Node == s.Node && out[n].Service == s.Service {
			out[n].Count += s.Count
			out[n].Moved += s.Moved
			out[n].Waits = out[n].Waits || s.Waits
			continue
		}
		out = append(out, s)
	}
	return out
}

// stepsOfCost counts the nodes of each step; a step like the one before is left out.
func (p *plan) stepsOfCost() {
	n := len(p.typs)
	counts, last := make([]int, n+1), make([]int, n+1)
	for k := range p.steps() {
		t := p.begin(k)
		until := t.Add(p.o.Step)
		if k == 0 {
			until = p.now.Add(p.o.Interval)
		}
		clear(counts)
		cost := 0.0
		for i := range p.rooms {
			r := &p.rooms[i]
			if r.gone && r.until.IsZero() { // only thought of
				continue
			}
			if !r.until.IsZero() && !t.Before(r.until) || !r.since.IsZero() && !r.since.Before(until) {
				continue
			}
			counts[r.typ+1]++
			cost += r.price
		}
		if k > 0 && slices.Equal(counts, last) {
			continue
		}
		copy(last, counts)
		s := Step{At: t, PerHour: cost}
		for x, c := range counts {
			if c == 0 {
				continue
			}
			name := ""
			if x > 0 {
				name = p.typs[x-1].in.Name
			}
			s.Nodes = append(s.Nodes, TypeCount{Type: name, Count: c})
		}
		p.res.Steps = append(p.res.Steps, s)
	}
}
