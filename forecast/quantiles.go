package forecast

import (
	"math"
	"slices"
)

// quantilesOf fills dst with the quantiles of the sorted residuals at the given
// levels, linear between order statistics. They are a little wider than the
// sample's own, since a future value is exchangeable with the n seen and falls
// outside them with probability 2/(n+1) (split conformal, Vovk et al. 2005); with
// effective fewer than len(sorted), as neighbours in time resemble each other.
// Levels beyond the outermost order statistic get that one, stretched.
func quantilesOf(sorted []float64, effective float64, levels, dst []float64) {
	n := float64(len(sorted))
	for k, q := range levels {
		// (e+1)·q-th of e values, brought to the n at hand.
		wide := 0.5 + (q-0.5)*(effective+1)/effective
		pos := wide*n - 0.5
		switch i := int(math.Floor(pos)); {
		case i < 0:
			dst[k] = sorted[0] - stretch(-pos, sorted[0], sorted[len(sorted)/2], n)
		case i >= len(sorted)-1:
			last := sorted[len(sorted)-1]
			dst[k] = last + stretch(pos-(n-1), last, sorted[len(sorted)/2], n)
		default:
			dst[k] = sorted[i] + (sorted[i+1]-sorted[i])*(pos-float64(i))
		}
	}
}

// stretch is how far beyond the outermost value v a quantile goes that lies over
// order statistics beyond it: a logarithmic tail from the median outwards.
func stretch(over, v, median, n float64) float64 {
	if over <= 0.5 {
		return 0
	}
	return math.Abs(v-median) * min(1, math.Log(over+0.5)/math.Log(n+2))
}

// rising makes the values of a step rise: quantiles that cross are sorted, which
// never raises the pinball loss (Chernozhukov et al. 2010).
func rising(values []float64) {
	if !slices.IsSorted(values) {
		slices.Sort(values)
	}
}

// table makes an [n][k] table in one piece of memory.
func table(n, k int) [][]float64 {
	flat := make([]float64, n*k)
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = flat[i*k : (i+1)*k : (i+1)*k]
	}
	return rows
}
