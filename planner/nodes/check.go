package nodes

import (
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// Check gathers the wishes of st that no plan can fulfil, and the numbers in it
// that make no sense. The faults' Where is node_types/NAME, nodes/NAME or
// services/NAME with the field. The error is nil or a [forescale.Faults].
//
// It finds what is certainly impossible: Min of one service, or of all together,
// above what all nodes that may be there hold. What merely cannot be packed is
// found by Decide, and told in Result.Unmet.
func Check(st State) error {
	c := checker{st: &st}
	c.types()
	c.nodes()
	c.services()
	if len(c.fs) == 0 { // else the numbers tell nothing
		c.w = build(time.Time{}, DefaultOptions(), &st)
		c.places()
		c.sums()
	}
	return c.fs.OrNil()
}

// checker gathers faults.
type checker struct {
	st *State
	w  *world
	fs forescale.Faults
}

func (c *checker) bad(code, where, what, help string) {
	c.fs = append(c.fs, &forescale.Fault{Code: code, Where: where, What: what, Help: help})
}

// number refuses what is not a number from low on.
func (c *checker) number(code, where, field string, x float64, positive bool) {
	if x > 0 && x <= float64(most)/1e6 || x == 0 && !positive {
		return
	}
	help := "use 0 or more"
	if positive {
		help = "use more than 0"
	}
	c.bad(code, where+"."+field, fmt.Sprintf("%s is %g", field, x), help)
}

func (c *checker) whole(code, where, field string, x int64) {
	if x < 0 || x > most {
		c.bad(code, where+"."+field, fmt.Sprintf("%s is %d", field, x), "use 0 or more bytes, up to 4 PiB")
	}
}

func (c *checker) types() {
	const code = "node_type_invalid"
	seen := map[string]bool{}
	for _, t := range c.st.Types {
		where := "node_types/" + t.Name
		if t.Name == "" {
			c.bad(code, where, "a node type has no name", "name it")
		}
		if seen[t.Name] {
			c.bad(code, where, "there are two node types of this name", "remove one of them, or rename it")
		}
		seen[t.Name] = true
		c.number(code, where, "cores", t.Cores, true)
		c.number(code, where, "speed", t.Speed, true)
		c.number(code, where, "bandwidth", t.Bandwidth, false)
		c.whole(code, where, "disk", t.Disk)
		if t.Memory <= 0 || t.Memory > most {
			c.bad(code, where+".memory", fmt.Sprintf("memory is %d", t.Memory), "use more than 0 bytes, up to 4 PiB")
		}
		if !(t.PricePerHour >= 0) || math.IsInf(t.PricePerHour, 0) {
			c.bad(code, where+".price_per_hour", fmt.Sprintf("price_per_hour is %g", t.PricePerHour), "use 0 or more, in the currency of the budgets")
		}
		if t.MaxCount < 0 {
			c.bad(code, where+".max_count", fmt.Sprintf("max_count is %d", t.MaxCount), "use 0 or more; with 0 none is ordered")
		}
		if t.BillingStep < 0 || t.BootTime < 0 || t.Lead < 0 {
			c.bad(code, where, fmt.Sprintf("billing_step is %v, boot_time %v, lead %v", t.BillingStep, t.BootTime, t.Lead), "use durations of 0s or more")
		}
	}
}

func (c *checker) nodes() {
	const code = "node_invalid"
	types := map[string]bool{}
	for _, t := range c.st.Types {
		types[t.Name] = true
	}
	seen := map[string]bool{}
	for _, n := range c.st.Nodes {
		where := "nodes/" + n.Name
		if n.Name == "" {
			c.bad(code, where, "a node has no name", "name it")
		}
		if seen[n.Name] {
			c.bad(code, where, "there are two nodes of this name", "remove one of them, or rename it")
		}
		seen[n.Name] = true
		if n.Type != "" && !types[n.Type] {
			c.bad(code, where+".type", fmt.Sprintf("there is no node type %q", n.Type), "add it to the node types, or leave it out and give cores and memory")
		}
		if n.Type == "" {
			c.number(code, where, "cores", n.Cores, true)
			c.whole(code, where, "memory", n.Memory)
		}
	}
}

func (c *checker) services() {
	const code = "service_invalid"
	types := map[string]bool{}
	for _, t := range c.st.Types {
		types[t.Name] = true
	}
	seen := map[string]bool{}
	for _, s := range c.st.Services {
		where := "services/" + s.Name
		if s.Name == "" {
			c.bad(code, where, "a service has no name", "name it")
		}
		if seen[s.Name] {
			c.bad(code, where, "there are two services of this name", "remove one of them, or rename it")
		}
		seen[s.Name] = true
		c.need(where+".need", s.Need)
		for t, n := range s.Learned {
			if !types[t] {
				continue // a type that is gone may be remembered
			}
			c.need(where+".learned."+t, n)
		}
		if s.Min < 0 || s.Min > mostWanted {
			c.bad(code, where+".min_instances", fmt.Sprintf("min_instances is %d", s.Min), fmt.Sprintf("use 0 to %d", mostWanted))
		}
		if s.Spread < 0 {
			c.bad(code, where+".spread", fmt.Sprintf("spread is %d", s.Spread), "use 0 or more nodes")
		}
		for _, w := range s.Wanted {
			if w.Count < 0 || w.Count > mostWanted {
				c.bad(code, where+".wanted", fmt.Sprintf("%d instances are wanted", w.Count), fmt.Sprintf("use 0 to %d", mostWanted))
				break
			}
		}
	}
}

func (c *checker) need(where string, n Need) {
	const code = "service_invalid"
	c.number(code, where, "cores", n.Cores, false)
	c.number(code, where, "bandwidth", n.Bandwidth, false)
	c.whole(code, where, "memory", n.Memory)
	c.whole(code, where, "disk", n.Disk)
}

// places finds services of which not even one instance could be anywhere.
func (c *checker) places() {
	p := plan{world: c.w}
	if len(c.w.svcs) > 0 && len(c.st.Nodes) == 0 && !c.anyOrderable() {
		c.bad("node_types_none", "node_types", "there is no node, and no node type of which one could be ordered", "add a node type with a max_count of 1 or more")
		return
	}
	for i := range c.w.svcs {
		s := &c.w.svcs[i]
		where := "services/" + s.in.Name
		if c.holds(s) > 0 {
			continue
		}
		switch r := p.why(s); r.Code {
		case CodeUnknownNode:
			c.bad("node_unknown", where+".node", fmt.Sprintf("there is no node %q", s.in.Node), "name a node that is there, or ask for a label instead")
		case CodeNoMatch:
			c.bad("node_no_match", where, "no node and no node type has the labels and the kind of disk that it asks for", "add them to a node type, or ask for less")
		case CodeNoTypes:
			c.bad("node_types_none", where, "no node that is there may hold it, and no node type of which one could be ordered", "raise max_count of a node type")
		case CodeTooBig:
			c.bad("instance_too_big", where+".need", fmt.Sprintf("one instance needs %g of %s, the largest node that it may run on has %g", r.Numbers["needs"], r.Words["resource"], r.Numbers["largest"]), "add a larger node type, or make the instances smaller")
		default:
			c.bad("max_bound", where, "no node that it may run on is there, and none may be ordered any more", "raise max_count of a node type")
		}
	}
}

func (c *checker) anyOrderable() bool {
	for _, t := range c.w.typs {
		if t.orderable {
			return true
		}
	}
	return false
}

// each calls f with every kind of node that there may be, and how many.
func (c *checker) each(f func(kind, typ, count int, cap *vec)) {
	for i := range c.w.rooms {
		if r := &c.w.rooms[i]; !r.leaving {
			f(r.kind, r.typ, 1, &r.cap)
		}
	}
	for t := range c.w.typs {
		if x := &c.w.typs[t]; x.orderable && x.left > 0 {
			f(x.kind, t, x.left, &x.cap)
		}
	}
}

// holds is how many instances of the service all nodes that may be there hold if
// they hold nothing else.
func (c *checker) holds(s *svc) (n int) {
	c.each(func(kind, typ, count int, cap *vec) {
		if c.w.ok[s.rule][kind] {
			n = min(mostWanted, n+min(count, mostWanted)*min(cap.times(s.on1(typ), mostWanted), mostWanted))
		}
	})
	return n
}

// sums holds min of each service, and of all together, against all nodes that may
// be there. Of a service whose need differs by type, the least counts.
func (c *checker) sums() {
	if len(c.fs) > 0 {
		return
	}
	var total, all [resources]float64
	c.each(func(_, _, count int, cap *vec) {
		for r, x := range cap {
			all[r] += float64(x) * float64(count)
		}
	})
	for i := range c.w.svcs {
		s := &c.w.svcs[i]
		if n := c.holds(s); s.in.Min > n {
			c.bad("min_not_held", "services/"+s.in.Name+".min_instances", fmt.Sprintf("min_instances is %d, all nodes that it may run on hold %d when they hold nothing else", s.in.Min, n), "lower min_instances, or raise max_count of a node type")
		}
		for r := range total {
			least := never
			c.each(func(kind, typ, _ int, _ *vec) {
				if c.w.ok[s.rule][kind] {
					least = min(least, s.on1(typ)[r])
				}
			})
			if least != never {
				total[r] += float64(least) * float64(s.in.Min)
			}
		}
	}
	for r := range total {
		if total[r] > all[r] && len(c.fs) == 0 {
			c.bad("min_not_held", "services", fmt.Sprintf("min_instances of all services together need %g of %s, all nodes that may be there have %g", amountOf(r, int64(total[r])), names[r], amountOf(r, int64(all[r]))), "lower min_instances, or raise max_count of a node type")
		}
	}
}
