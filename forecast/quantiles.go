package forecast

import (
	"math"
	"slices"
)

// quantilesOf fills dst with the quantiles of the residuals at the given levels,
// linear between order statistics, and reorders the residuals. They are a little
// wider than the sample's own, since a future value is exchangeable with the n
// seen and falls outside them with probability 2/(n+1) (split conformal, Vovk et
// al. 2005); effective is how many of the residuals are independent, as neighbours
// in time resemble each other.
// Levels beyond the outermost order statistic get that one, stretched.
func quantilesOf(resid []float64, effective float64, levels, dst []float64) {
	arrange(resid, 0, wanted(len(resid), effective, levels))
	sorted := resid // at the places that are looked at
	n := float64(len(sorted))
	for k, q := range levels {
		pos := place(q, n, effective)
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

// place is where the q-quantile lies among n sorted values, counted from 0: the
// (e+1)·q-th of e effective values, brought to the n at hand.
func place(q, n, effective float64) float64 {
	return (0.5+(q-0.5)*(effective+1)/effective)*n - 0.5
}

// wanted are the places that quantilesOf looks at, rising and without repeats.
func wanted(n int, effective float64, levels []float64) []int {
	places := make([]int, 0, 2*len(levels)+3)
	places = append(places, 0, n/2, n-1)
	for _, q := range levels {
		i := int(math.Floor(place(q, float64(n), effective)))
		places = append(places, min(max(i, 0), n-1), min(max(i+1, 0), n-1))
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// arrange moves those values of v to the given places, counted from offset,
// which would stand there if all were sorted: quickselect for several places at
// once.
func arrange(v []float64, offset int, places []int) {
	for len(places) > 0 {
		if len(v) < 24 {
			slices.Sort(v)
			return
		}
		lo, hi := split(v)
		// v[:lo] < pivot, v[lo:hi] == pivot, v[hi:] > pivot
		left, _ := slices.BinarySearch(places, offset+lo)
		right, _ := slices.BinarySearch(places, offset+hi)
		arrange(v[:lo], offset, places[:left])
		v, offset, places = v[hi:], offset+hi, places[right:]
	}
}

// split parts v by the median of three of its values, in three ways, so that
// many equal values do no harm.
func split(v []float64) (lo, hi int) {
	a, b, c := v[0], v[len(v)/2], v[len(v)-1]
	pivot := max(min(a, b), min(max(a, b), c))
	hi = len(v)
	for i := 0; i < hi; {
		switch x := v[i]; {
		case x < pivot:
			v[lo], v[i] = x, v[lo]
			lo++
			i++
		case x > pivot:
			hi--
			v[i], v[hi] = v[hi], x
		default:
			i++
		}
	}
	return lo, hi
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
