package planner

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestAhead(t *testing.T) {
	day := func(t time.Time) float64 { // 2.5, a morning at 4.7, a day at 1.2
		switch h := t.Hour(); {
		case t.Day() == now.Day() && h < 10:
			return 2.5
		case t.Day() == now.Day() && h < 12:
			return 4.7
		default:
			return 1.2
		}
	}
	tests := []struct {
		name  string
		given func(s *State)
		want  string // "hour:minute wanted code", by semicolons
	}{
		{"steady is one change: now", func(*State) {}, "08:40:12 4 steady"},
		{"a rise is ordered one lead time before, a fall comes when lead time and window allow it", func(s *State) {
			s.Forecasts[0] = foresee(day)
		}, "08:40:12 4 steady; 09:55:20 7 forecast_rise; 12:10:00 3 forecast_fall"},
		{"a dip shorter than lead time and window does not show", func(s *State) {
			s.Forecasts[0] = foresee(func(t time.Time) float64 {
				if !t.Before(clock(10, 0)) && t.Before(clock(10, 15)) {
					return 1
				}
				return 2.5
			})
		}, "08:40:12 4 steady"},
		{"with known minutes neither does one that would be made good within minutes", func(s *State) {
			s.Forecasts[0] = known(foresee(func(t time.Time) float64 {
				if !t.Before(clock(10, 0)) && t.Before(clock(10, 10)) {
					return 1
				}
				return 2.3
			}))
			s.Demand = flat(2.3)
		}, "08:40:12 4 steady"},
		{"a longer one does", func(s *State) {
			s.Forecasts[0] = known(foresee(func(t time.Time) float64 {
				if !t.Before(clock(10, 0)) && t.Before(clock(10, 15)) {
					return 1
				}
				return 2.3
			}))
			s.Demand = flat(2.3)
		}, "08:40:12 4 steady; 10:05:00 2 forecast_fall; 10:10:20 4 forecast_rise"},
		{"max and min bound what is ahead", func(s *State) {
			s.Service.Max, s.Service.Min = 5, 4
			s.Forecasts[0] = foresee(day)
		}, "08:40:12 4 steady; 09:55:20 5 max_bound; 12:10:00 4 min_bound"},
		{"what the step limit puts off follows one interval later", func(s *State) {
			s.Service.MaxStep = 1
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
		}, "08:40:12 5 forecast_rise; 08:40:42 7 forecast_rise"},
		{"nothing falls within a window after a start", func(s *State) {
			idle(s)
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, time.Minute)}
		}, "08:40:12 4 cooling_down; 08:50:00 2 min_bound"},
		{"nothing falls while the minutes behind still count", func(s *State) {
			idle(s)
			s.Demand[14-1].Value = 2.6
			s.Demand[14].Value = 2.6
		}, "08:40:12 4 steady; 08:50:00 2 min_bound"},
		{"without a forecast there is only now", func(s *State) { noForecast(s) }, "08:40:12 4 steady"},
		{"a forecast too old shows nothing ahead", func(s *State) {
			s.Forecasts[0] = foresee(day)
			s.Forecasts[0].Issued = now.Add(-2 * time.Hour)
		}, "08:40:12 4 steady"},
		{"off has nothing ahead", func(s *State) {
			s.Service.Mode = forescale.ModeOff
			s.Forecasts[0] = foresee(day)
		}, "08:40:12 4 off"},
		{"forecast-only shows what it would do", func(s *State) {
			s.Service.Mode = forescale.ModeForecastOnly
			s.Forecasts[0] = foresee(day)
		}, "08:40:12 4 steady; 09:55:20 7 forecast_rise; 12:10:00 3 forecast_fall"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := calm()
			tt.given(&s)
			p := Decide(now, DefaultOptions(), s).Plan
			var got []string
			for _, c := range p.Changes {
				got = append(got, fmt.Sprintf("%s %d %s", c.At.Format("15:04:05"), c.Wanted, c.Code))
			}
			if strings.Join(got, "; ") != tt.want {
				t.Errorf("%s\nwant %s", strings.Join(got, "; "), tt.want)
			}
		})
	}
}

func TestAheadReachesAsFarAsTheForecast(t *testing.T) {
	s := calm()
	if p := Decide(now, DefaultOptions(), s).Plan; !p.Until.Equal(s.Forecasts[0].End()) {
		t.Errorf("until %v, want %v", p.Until, s.Forecasts[0].End())
	}
	noForecast(&s)
	if p := Decide(now, DefaultOptions(), s).Plan; !p.Until.Equal(now) {
		t.Errorf("until %v, want now", p.Until)
	}
}
