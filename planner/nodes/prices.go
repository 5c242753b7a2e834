package nodes

import "math"

// Shadow prices. Were nodes and instances divisible, the cheapest nodes for a
// batch would be the solution of
//
//	minimize   Σ_t p_t·y_t
//	s.t.       Σ_g N_gr·x_gt ≤ C_tr·y_t   for each type t and resource r
//	           Σ_t x_gt = 1, y_t ≤ L_t    x, y ≥ 0
//
// over groups g of instances that need N_gr in sum, types of price p_t, capacity
// C_tr and L_t more nodes. Its dual gives each resource of each type a price λ_tr
// ≥ 0 and each bound a rent μ_t ≥ 0 with Σ_r C_tr·λ_tr = p_t + μ_t, so that
//
//	Σ_g min_t Σ_r λ_tr·N_gr − Σ_t μ_t·L_t
//
// is largest. That is concave in λ and μ, and climbed by multiplicative steps on
// the shares w_tr = C_tr·λ_tr / (p_t + μ_t): what is used more than the rest of
// its type becomes dearer. Any λ and μ are good enough to choose by; the better
// they are, the better the choice.
type prices struct {
	lambda [][resources]float64 // by type, for a unit of a resource
	weight [][resources]float64 // w: the share of a node's price that the resource stands for
	cost   []float64            // p + μ
}

const (
	climbs     = 60   // steps of the ascent
	softness   = 0.02 // groups are shared among types that are within a few of this of the cheapest
	leastShare = 1e-4 // no resource is ever quite free
	// freeShare is what stands in for the price of a type that costs nothing, as a
	// share of the dearest one: the choice among free types is by size then.
	freeShare = 1e-6
)

// group is instances of a lane of about the same size, so that what one type can
// hold is right for most of it.
type group struct {
	rule  int
	total [resources]float64
	top   vec // the largest of each: what a node must have
}

// groups sums the batch up.
func (w *world) groups(b *batch) []group {
	var gs []group
	for k := range b.lanes {
		l := &b.lanes[k]
		last := math.Inf(1)
		for _, id := range l.items {
			it := &b.items[id]
			if it.n == 0 {
				continue
			}
			if len(gs) == 0 || it.size < last/2 {
				gs = append(gs, group{rule: l.rule})
				last = it.size
			}
			g, n := &gs[len(gs)-1], w.typical(&w.svcs[it.svc])
			for r, x := range n {
				g.total[r] += float64(x) * float64(it.n)
				g.top[r] = max(g.top[r], x)
			}
		}
	}
	return gs
}

// price finds shadow prices for the batch.
func (w *world) price(b *batch) prices {
	n := len(w.typs)
	p := prices{lambda: make([][resources]float64, n), weight: make([][resources]float64, n), cost: make([]float64, n)}
	gs := w.groups(b)
	dearest := 0.0
	for _, t := range w.typs {
		dearest = math.Max(dearest, t.price)
	}
	if dearest == 0 {
		dearest = 1
	}
	base, rent := make([]float64, n), make([]float64, n)
	for t := range w.typs {
		base[t] = math.Max(w.typs[t].price, freeShare*dearest)
		var sum float64
		for r := range p.weight[t] {
			if w.typs[t].cap[r] > 0 {
				p.weight[t][r] = 1
				sum++
			}
		}
		for r := range p.weight[t] {
			p.weight[t][r] /= math.Max(1, sum)
		}
	}
	set := func() {
		for t := range p.lambda {
			p.cost[t] = base[t] + rent[t]
			for r := range p.lambda[t] {
				p.lambda[t][r] = 0
				if c := w.typs[t].cap[r]; c > 0 {
					p.lambda[t][r] = p.cost[t] * p.weight[t][r] / float64(c)
				}
			}
		}
	}
	set()
	// Which types each group may go to does not change.
	may := make([][]int32, len(gs))
	for g := range gs {
		for t := range w.typs {
			x := &w.typs[t]
			if x.orderable && x.left > 0 && w.ok[gs[g].rule][x.kind] && x.cap.fits(&gs[g].top) {
				may[g] = append(may[g], int32(t))
			}
		}
	}
	use := make([][resources]float64, n)
	costs := make([]float64, n)
	best, bestBound := p.clone(), math.Inf(-1)
	for step := range climbs {
		bound := 0.0
		for t := range use {
			use[t] = [resources]float64{}
			bound -= rent[t] * float64(w.typs[t].left)
		}
		for g := range gs {
			low := math.Inf(1)
			for _, t := range may[g] {
				c := dot(&p.lambda[t], &gs[g].total)
				costs[t] = c
				low = math.Min(low, c)
			}
			if len(may[g]) == 0 || low == 0 {
				continue
			}
			bound += low
			sum := 0.0
			for _, t := range may[g] {
				x := (costs[t]/low - 1) / softness
				costs[t] = 0
				if x < 12 {
					costs[t] = math.Exp(-x)
					sum += costs[t]
				}
			}
			for _, t := range may[g] {
				if a := costs[t] / sum; a > 0 {
					for r := range use[t] {
						use[t][r] += a * gs[g].total[r]
					}
				}
			}
		}
		if bound > bestBound {
			best, bestBound = p.clone(), bound
		}
		pace := 0.6 / (1 + float64(step)/8)
		for t := range use {
			x := &w.typs[t]
			if !x.orderable || x.left == 0 {
				continue
			}
			var full [resources]float64 // nodes that each resource alone would ask for
			mean := 0.0
			for r := range full {
				if x.cap[r] > 0 {
					full[r] = use[t][r] / float64(x.cap[r])
					mean += p.weight[t][r] * full[r]
				}
			}
			rent[t] = math.Max(0, rent[t]+pace*(base[t]+rent[t])*clip(mean/float64(x.left)-1))
			if mean == 0 {
				continue
			}
			sum := 0.0
			for r := range full {
				if x.cap[r] > 0 {
					p.weight[t][r] = math.Max(leastShare, p.weight[t][r]*math.Exp(pace*clip(full[r]/mean-1)))
					sum += p.weight[t][r]
				}
			}
			for r := range full {
				p.weight[t][r] /= sum
			}
		}
		set()
	}
	return best
}

func (p prices) clone() prices {
	return prices{append([][resources]float64(nil), p.lambda...), append([][resources]float64(nil), p.weight...), append([]float64(nil), p.cost...)}
}

func clip(x float64) float64 { return math.Min(1, math.Max(-1, x)) }

func dot(a, b *[resources]float64) float64 {
	return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] + a[3]*b[3]
}

// of is what an instance that needs n costs on the type.
func (p *prices) of(t int, n *vec) float64 {
	l := &p.lambda[t]
	return l[0]*float64(n[0]) + l[1]*float64(n[1]) + l[2]*float64(n[2]) + l[3]*float64(n[3])
}
