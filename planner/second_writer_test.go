package planner

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func ago(d time.Duration, appeared, undoes bool) ForeignChange {
	return ForeignChange{At: now.Add(-d), Appeared: appeared, Undoes: undoes}
}

func TestSecondWriter(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name    string
		changes []ForeignChange
		change  func(*State)
		holds   bool
		to      int
	}{
		{"nothing happened", nil, nil, false, 4},
		{"one removal is no sign", []ForeignChange{ago(minute, false, true)}, nil, false, 4},
		{"several at one time are one", []ForeignChange{ago(minute, false, true), ago(minute, false, true)}, nil, false, 4},
		{"twice undone", []ForeignChange{ago(minute, true, true), ago(9*minute, true, true)}, nil, true, 4},
		{"twice undone, but apart", []ForeignChange{ago(minute, true, true), ago(12*minute, true, true)}, nil, false, 4},
		{"and ten minutes of quiet", []ForeignChange{ago(10*minute, true, true), ago(12*minute, true, true)}, nil, false, 4},
		{"who goes on for an hour", []ForeignChange{ago(9*minute, true, true), ago(17*minute, true, true), ago(25*minute, true, true)}, nil, true, 4},
		{"some appear, as when a person starts them", []ForeignChange{ago(1*minute, true, false), ago(2*minute, true, false), ago(3*minute, true, false)}, nil, false, 4},
		{"they come and go", []ForeignChange{ago(1*minute, true, false), ago(2*minute, false, false), ago(3*minute, true, false), ago(4*minute, false, false)}, nil, true, 4},
		{"a clock that was set back", []ForeignChange{ago(-minute, true, true), ago(-2*minute, true, true)}, nil, false, 4},
		{"of a service that is paused", []ForeignChange{ago(minute, true, true), ago(2*minute, true, true)},
			func(s *State) { s.Pauses = pauseOf("checkout", -time.Hour, time.Hour) }, false, 4},
		{"of a service that is forecast only", []ForeignChange{ago(minute, true, true), ago(2*minute, true, true)},
			func(s *State) { s.Service.Mode = forescale.ModeForecastOnly }, false, 4},
		{"live demand is served", []ForeignChange{ago(minute, false, true), ago(2*minute, false, true)}, func(s *State) { s.Demand = flat(4.4) }, true, 6},
		{"the forecast is not, nor is min", []ForeignChange{ago(minute, false, true), ago(2*minute, false, true)}, func(s *State) {
			s.Service.Min = 9
			s.Forecasts = []forescale.Forecast{foresee(func(time.Time) float64 { return 8 })}
		}, true, 4},
		{"one is left even without samples", []ForeignChange{ago(minute, false, true), ago(2*minute, false, true)}, func(s *State) { s.Instances, s.Demand = nil, nil }, true, 1},
		{"nothing is stopped, even above max", []ForeignChange{ago(minute, true, true), ago(2*minute, true, true)}, func(s *State) { s.Service.Max = 3 }, true, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := calm()
			s.Foreign = c.changes
			if c.change != nil {
				c.change(&s)
			}
			d := Decide(now, DefaultOptions(), s).Plan.Decision
			said := false
			for _, r := range d.Reasons {
				said = said || r.Code == forescale.CodeSecondWriter
			}
			if said != c.holds || d.To != c.to {
				t.Errorf("to %d, said %t; want %d, %t: %s", d.To, said, c.to, c.holds, d.Sentence(time.UTC))
			}
		})
	}
}

func TestAWarmupThatOutrunsTheForecastIsTold(t *testing.T) {
	s := calm()
	s.Learned = nil
	s.Service.Warmup = 23 * time.Hour
	s.Forecasts[0].Values = s.Forecasts[0].Values[:240] // 20 h
	d := Decide(now, DefaultOptions(), s).Plan.Decision
	if cs := d.Alerts(); len(cs) != 1 || cs[0].Code != forescale.CodeWarmupLong {
		t.Errorf("alerts %v among %v", cs, codes(d))
	}
	s.Service.Warmup = 19 * time.Hour
	if d = Decide(now, DefaultOptions(), s).Plan.Decision; len(d.Alerts()) > 0 {
		t.Errorf("alerts %v", d.Alerts())
	}
}
