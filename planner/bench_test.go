package planner

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// fleet is n services with a forecast of 288 steps and 10 levels each, whose
// minutes are known.
func fleet(n int) []State {
	levels := []float64{.025, .05, .1, .25, .5, .75, .9, .95, .975, .99}
	ss := make([]State, n)
	for k := range ss {
		s := calm()
		s.Service.Name = fmt.Sprintf("service-%04d", k)
		f := &s.Forecasts[0]
		f.Levels = levels
		for i := range f.Values {
			mid := 3 + 2*math.Sin(float64(i+k)/288*2*math.Pi)
			f.Values[i] = make([]float64, len(levels))
			for j := range levels {
				f.Values[i][j] = mid * (0.8 + 0.05*float64(j))
			}
		}
		f.Minutes = forescale.Minutes{Unit: 3, Scatter: 0.05, Before: []float64{3, 3, 3}, Follow: 0.6, Shift: 0.1, Seen: 5000}
		for i := range 20 {
			s.Warmups = append(s.Warmups, forescale.Warmup{Duration: time.Duration(200+i) * time.Second})
		}
		ss[k] = s
	}
	return ss
}

func BenchmarkDecide1000(b *testing.B) {
	ss := fleet(1000)
	o := DefaultOptions()
	b.ReportAllocs()
	for b.Loop() {
		for k := range ss {
			Decide(now, o, ss[k])
		}
	}
}
