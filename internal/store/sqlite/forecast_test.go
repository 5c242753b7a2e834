package sqlite

import "math"

var benchLevels = []float64{.025, .05, .1, .25, .5, .75, .9, .95, .975, .99}

// dayAhead is what a forecast of a day in steps of 5 minutes looks like.
func dayAhead(seed int) [][]float64 {
	values := make([][]float64, 288)
	for i := range values {
		mid := 8 + float64(seed%7) + 5*math.Sin(float64(i)/288*2*math.Pi+float64(seed))
		for k := range benchLevels {
			values[i] = append(values[i], max(0, mid+(float64(k)-4.5)*(0.3+0.002*float64(i))))
		}
	}
	return values
}
