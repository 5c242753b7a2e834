package planner

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// hostile makes something of a state that no store and no check lets through.
func hostile(t *rapid.T, s *State) {
	v := &s.Service
	odd := rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 1e308})
	long := rapid.SampledFrom([]time.Duration{math.MinInt64, -time.Hour, 0, time.Nanosecond, 1000 * time.Hour, math.MaxInt64})
	for range rapid.IntRange(1, 4).Draw(t, "oddities") {
		switch rapid.IntRange(0, 13).Draw(t, "oddity") {
		case 0:
			v.Min = rapid.SampledFrom([]int{-5, 0, 10_000, math.MaxInt32}).Draw(t, "min")
		case 1:
			v.Max = rapid.SampledFrom([]int{-5, 0, 1, forescale.MaxInstances}).Draw(t, "max")
		case 2:
			v.Objective = odd.Draw(t, "objective")
		case 3:
			v.Band = forescale.Band{{From: rapid.IntRange(-2, 3).Draw(t, "from"), Upper: odd.Draw(t, "upper")}}
		case 4:
			v.Warmup, v.Cooldown = long.Draw(t, "warmup"), long.Draw(t, "cooldown")
		case 5:
			v.Missing = forescale.MissingRules{Hold: long.Draw(t, "hold"), StandIn: long.Draw(t, "stand in"), FollowForecast: rapid.Bool().Draw(t, "follow")}
		case 6:
			v.MaxStep, v.PricePerHour = rapid.IntRange(-3, 0).Draw(t, "step"), forescale.Money(math.MinInt64)
		case 7:
			s.Money = &Money{Most: rapid.IntRange(-5, 5).Draw(t, "most")}
		case 8:
			for i := range s.Demand {
				s.Demand[i].Value, s.Demand[i].Ready = odd.Draw(t, "demand"), -1
			}
		case 9:
			for i := range s.Forecasts {
				f := &s.Forecasts[i]
				f.Step = rapid.SampledFrom([]time.Duration{-time.Minute, 0, 1, 1000 * time.Hour}).Draw(t, "step of the forecast")
				f.Values = f.Values[:min(len(f.Values), 3)]
			}
		case 10:
			for i := range s.Forecasts {
				f := &s.Forecasts[i]
				f.Levels, f.Minutes = []float64{odd.Draw(t, "level")}, forescale.Minutes{Unit: 1, Scatter: odd.Draw(t, "scatter"), Follow: odd.Draw(t, "follow"), Shift: odd.Draw(t, "shift")}
				for k := range f.Values {
					f.Values[k] = []float64{odd.Draw(t, "value")}
					if k > 3 {
						f.Values = f.Values[:k]
						break
					}
				}
			}
		case 11:
			s.Warmups = append(s.Warmups, forescale.Warmup{Duration: long.Draw(t, "measured")})
			s.Foreign = append(s.Foreign, ForeignChange{}, ForeignChange{At: now}, ForeignChange{At: now.Add(time.Hour)})
		case 12:
			s.Last = &forescale.Decision{Mode: forescale.ModeActive, LastAt: now, To: -3, Reasons: []forescale.Reason{{Numbers: numbers{"wanted": odd.Draw(t, "wanted")}}}}
		case 13:
			v.Metrics, s.Demand = []forescale.Metric{"", "no-such"}, append(s.Demand, forescale.DemandPoint{})
		}
	}
}

// checkHostile decides in a state that no check let through: no panic, the same
// again, a count that can be, and nothing that cannot be written down.
func checkHostile(t *rapid.T) {
	s := anyState(t)
	hostile(t, &s)
	r := Decide(now, DefaultOptions(), s)
	d := r.Plan.Decision
	if d.To < 0 || d.To > max(d.From, forescale.MaxInstances, s.Service.Min) {
		t.Fatalf("from %d to %d", d.From, d.To)
	}
	if d.Weighed != nil {
		if _, err := json.Marshal(d.Weighed); err != nil {
			t.Fatal(err)
		}
	}
	d.Sentence(time.UTC)
	d.WhyNotFewer(time.UTC)
	d.WhyNotMore(time.UTC)
	d.WhatWouldChange(time.UTC)
}

func TestHostileStates(t *testing.T) { rapid.Check(t, checkHostile) }

func FuzzDecide(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkHostile)) }
