package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// patternless are loads that nothing can be learned from but how they scatter, made by
// the minute from a seed, around a level of 100.
var patternless = map[string]func(r *rand.Rand, n int) []float64{
	"random walk": func(r *rand.Rand, n int) []float64 {
		return drawn(n, 100, func(was float64) float64 { return min(max(was*(1+0.01*r.NormFloat64()), 20), 400) })
	},
	"white noise": func(r *rand.Rand, n int) []float64 {
		return drawn(n, 100, func(float64) float64 { return max(0, 100+20*r.NormFloat64()) })
	},
	"bursts": func(r *rand.Rand, n int) []float64 {
		left, height := 0, 0.0
		return drawn(n, 50, func(float64) float64 {
			if left--; left < 0 && r.IntN(180) == 0 {
				left, height = 3+r.IntN(20), 50+200*r.Float64()
			}
			if left < 0 {
				return max(0, 50+7*r.NormFloat64())
			}
			return max(0, 50+height+7*r.NormFloat64())
		})
	},
	"levels that switch": func(r *rand.Rand, n int) []float64 {
		level := 100.0
		return drawn(n, level, func(float64) float64 {
			if r.IntN(400) == 0 {
				level = 20 + 180*r.Float64()
			}
			return max(0, level*(1+0.05*r.NormFloat64()))
		})
	},
}

func drawn(n int, v float64, next func(was float64) float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		v = next(v)
		values[i] = v
	}
	return values
}

// Where there is no pattern, who asks for as much as the HPA at 70 % gives gets it, and
// pays at most 5 % more than for the HPA at the highest target up to that which is below
// need no more often.
func TestWithoutAPatternItIsNoWorseThanTheHPA(t *testing.T) {
	t.Parallel()
	const day = 24 * 60
	for name, load := range patternless {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Study{Service: forescale.Service{Name: "odd", Min: 1, Max: 1000, Warmup: 3 * time.Minute, Capacity: 8}.WithDefaults(),
				Load:  forescale.Series{Start: monday, Step: time.Minute, Values: load(rand.New(rand.NewPCG(3, 7)), 5*day/2)},
				Train: monday.Add(24 * time.Hour), Seed: 1}
			s.From, s.To = s.Train, s.Load.End()
			hpa := s.tuned(70, 100)
			s.Service.Objective = min(max(1-hpa.TimeUnder/100, 0.9), 0.999)
			ours := Measure(s.rows(t, Predictive), s.Load.Step)
			if ours.TimeUnder > max(hpa.TimeUnder, 0.1)+0.2 {
				t.Errorf("below need %.2f %% of the time, the HPA at 70 %% is %.2f %%", ours.TimeUnder, hpa.TimeUnder)
			}
			if hpa = s.tuned(70, ours.TimeUnder+0.2); ours.OracleRatio > 1.05*hpa.OracleRatio {
				t.Errorf("%.3f times the oracle's hours for %.2f %% below need, the HPA takes %.3f for %.2f %%",
					ours.OracleRatio, ours.TimeUnder, hpa.OracleRatio, hpa.TimeUnder)
			}
		})
	}
}

// tuned is the HPA at the highest target from most down that is below need at most so
// many percent of the time.
func (s Study) tuned(most float64, under float64) Elasticity {
	demand := s.demand()
	for target := most; ; target -= 2 {
		rows := DefaultHPA(target, s.Service.Warmup).Replay(demand, s.Load.Step, s.need(demand[0]))
		e := Measure(s.cut(KubernetesHPA, rows, 0, demand), s.Load.Step)
		if e.TimeUnder <= under || target < 30 {
			return e
		}
	}
}
