package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// weekly is a demand with a daily and a weekly pattern and a little noise.
func weekly(n int, step time.Duration) forescale.Series {
	s := forescale.Series{Start: monday, Step: step, Values: make([]float64, n)}
	x := uint32(1)
	for i := range s.Values {
		t := s.At(i)
		v := 5 + 3*math.Sin(2*math.Pi*float64(t.Hour()*60+t.Minute())/1440)
		if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
			v *= 0.5
		}
		x = x*1664525 + 1013904223
		s.Values[i] = v * (1 + 0.1*(float64(x>>8)/(1<<24)-0.5))
	}
	return s
}

func BenchmarkMakeFourWeeks(b *testing.B) {
	s := weekly(8064, 5*time.Minute)
	for _, horizon := range []int{288, 576} {
		b.Run(map[int]string{288: "day", 576: "two_days"}[horizon], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := forecast.Make(forecast.Request{History: s, Issued: s.End(), Horizon: horizon}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
