package forecast

import "math"

// intervals are quantiles of what came above what was said (split conformal, Vovk
// et al. 2005), on the root scale: each band of lead times has a spread, and all
// share one shape.
type intervals struct {
	bands  []band
	of     []int       // band of a lead
	resid  [][]float64 // by band
	spread []float64   // by band
	shape  []float64   // by level, in spreads
}

// Settings of the intervals.
const (
	bandsApart   = 2    // e-folds by which a neighbouring band counts less
	residPerTest = 4    // independent errors that the path of one origin is worth
	inflation    = 1.12 // the history ahead differs more than that behind
)

func newIntervals(reach int) *intervals {
	iv := &intervals{bands: bandsFor(1, reach), of: make([]int, reach)}
	for b, x := range iv.bands {
		for h := x.from; h <= x.to; h++ {
			iv.of[h-1] = b
		}
	}
	iv.resid = make([][]float64, len(iv.bands))
	return iv
}

// add takes what came at a lead, counted from 0, what was said, and how wide the
// errors were expected to be.
func (iv *intervals) add(lead int, y, said, wide float64) {
	b := iv.of[lead]
	iv.resid[b] = append(iv.resid[b], (toRoot(y)-toRoot(said))/wide)
}

// fit learns spreads and shape from the errors of so many origins.
func (iv *intervals) fit(levels []float64, origins int) {
	mean, count := make([]float64, len(iv.bands)), make([]float64, len(iv.bands))
	total := 0
	for b, rs := range iv.resid {
		var m running
		for _, r := range rs {
			m.add(math.Abs(r))
		}
		mean[b], count[b] = m.mean, float64(m.n)
		total += m.n
	}
	iv.spread, iv.shape = make([]float64, len(iv.bands)), make([]float64, len(levels))
	if total == 0 {
		return
	}
	pool := make([]float64, 0, total)
	for b, rs := range iv.resid {
		var sum, weight float64
		for a := range mean { // the first bands hold few errors
			w := count[a] * math.Exp(-bandsApart*math.Abs(float64(a-b)))
			sum += w * mean[a]
			weight += w
		}
		iv.spread[b] = sum/weight + smallestMiss
		for _, r := range rs {
			pool = append(pool, r/iv.spread[b])
		}
	}
	quantilesOf(pool, float64(residPerTest*origins), levels, iv.shape)
	for i, q := range levels {
		iv.shape[i] *= inflation
		if q == 0.5 {
			iv.shape[i] = 0 // what is said is the median
		}
	}
}

// around fills row with the quantiles around what is said at a lead. Beyond the
// leads that were tested the spread grows with the square root of the lead.
func (iv *intervals) around(lead int, said, wide float64, row []float64) {
	grow, b := wide, len(iv.bands)-1
	if lead < len(iv.of) {
		b = iv.of[lead]
	} else {
		grow *= math.Sqrt(float64(lead+1) / float64(len(iv.of)))
	}
	for i, q := range iv.shape {
		row[i] = fromRoot(toRoot(said) + q*iv.spread[b]*grow)
	}
	rising(row)
}
