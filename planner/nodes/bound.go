package nodes

import (
	"math"
	"time"
)

// Bound is what nodes for all that the services want at now cost an hour at least,
// were all of them ordered anew: the Lagrange dual of the linear program in prices.go
// at the prices that were found for it, worked out service by service. What is
// there counts for nothing. What fits on no type is left out.
//
// Proof. Let a plan buy y_t ≤ L_t nodes of type t, and put n_st of the n_s
// instances of service s on them, each needing a_str of resource r. No node is
// over its capacity, so Σ_s n_st·a_str ≤ C_tr·y_t for every t and r. Take any λ ≥ 0
// and μ ≥ 0 with Σ_r C_tr·λ_tr ≤ p_t + μ_t. Then
//
//	Σ_t p_t·y_t ≥ Σ_t (Σ_r C_tr·λ_tr − μ_t)·y_t        by the choice of λ
//	            ≥ Σ_t Σ_r λ_tr·Σ_s n_st·a_str − Σ_t μ_t·L_t   no node is over, y_t ≤ L_t
//	            ≥ Σ_s n_s·min_t Σ_r λ_tr·a_str − Σ_t μ_t·L_t  Σ_t n_st = n_s
//
// where t goes over the types on which an instance of s fits. How λ was found does
// not matter to that.
func Bound(now time.Time, st State) float64 {
	return boundOf(now, st, func(*world, prices) {})
}

// boundOf is Bound; look sees the prices.
func boundOf(now time.Time, st State, look func(*world, prices)) (sum float64) {
	st.Nodes = nil
	w := build(now.UTC(), DefaultOptions(), &st)
	for i := range w.svcs {
		ws, _ := readWants(w.svcs[i].in.Wanted)
		w.svcs[i].low = ws.at(now)
	}
	b := w.gather(func(s *svc) int { return s.low })
	p := w.price(b)
	look(w, p)
	for k := range w.typs {
		if rent := p.cost[k] - math.Max(w.typs[k].price, 0); rent > 1e-12 {
			sum -= rent * float64(w.typs[k].left)
		}
	}
	for i := range w.svcs {
		s := &w.svcs[i]
		least := math.Inf(1)
		for k := range w.typs {
			if n := s.on1(k); w.typs[k].orderable && w.ok[s.rule][w.typs[k].kind] && w.typs[k].cap.fits(n) {
				least = math.Min(least, p.of(k, n))
			}
		}
		if !math.IsInf(least, 1) {
			sum += least * float64(s.low)
		}
	}
	return math.Max(0, sum)
}
