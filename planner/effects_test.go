package planner

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// rising is a service whose live demand asks for two more.
func rising() State {
	s := calm()
	s.Demand = minutes(2.6, 3.9)
	return s
}

func pauseOf(service string, from, to time.Duration) []forescale.Pause {
	return []forescale.Pause{{Service: service, By: "anna", Since: now.Add(from), Until: now.Add(to)}}
}

func TestWhatHasAnEffect(t *testing.T) {
	const would, pending, none = forescale.OutcomeWould, forescale.OutcomePending, forescale.OutcomeNone
	tests := []struct {
		name    string
		given   func(s *State)
		to      int
		outcome forescale.Outcome
		code    forescale.Code // one of the reasons
		starts  int
	}{
		{"active acts", func(*State) {}, 6, pending, reactive, 2},
		{"active with nothing to do does nothing", func(s *State) { *s = calm() }, 4, none, steady, 0},
		{"forecast-only says what it would do", func(s *State) { s.Service.Mode = forescale.ModeForecastOnly }, 6, would, reactive, 0},
		{"a paused service says what it would do", func(s *State) { s.Pauses = pauseOf("checkout", -time.Hour, time.Hour) }, 6, would, forescale.CodePaused, 0},
		{"a pause of everything covers it", func(s *State) { s.Pauses = pauseOf("", -time.Hour, time.Hour) }, 6, would, forescale.CodePaused, 0},
		{"a pause of another service does not", func(s *State) { s.Pauses = pauseOf("search", -time.Hour, time.Hour) }, 6, pending, reactive, 2},
		{"a pause ends by itself", func(s *State) { s.Pauses = pauseOf("checkout", -time.Hour, 0) }, 6, pending, reactive, 2},
		{"off does nothing at all", func(s *State) { s.Service.Mode = forescale.ModeOff }, 4, none, forescale.CodeOff, 0},
		{"off does not reach min either", func(s *State) { s.Service.Mode = forescale.ModeOff; s.Instances = nil }, 0, none, forescale.CodeOff, 0},
		{"half a world is no fact", func(s *State) { s.Blind = "docker: no answer" }, 4, would, forescale.CodeHoldBlind, 0},
		{"nor is it for min", func(s *State) { s.Blind = "docker: no answer"; s.Instances = nil }, 0, would, forescale.CodeHoldBlind, 0},
		{"a jump of the clock holds", func(s *State) { s.ClockJump = -time.Hour }, 4, would, forescale.CodeHoldClock, 0},
		{"a jump of the clock holds min too", func(s *State) { s.ClockJump = time.Hour; s.Instances = nil }, 0, would, forescale.CodeHoldClock, 0},
		{"off says so even while blind", func(s *State) { s.Service.Mode = forescale.ModeOff; s.Blind = "x" }, 4, none, forescale.CodeOff, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := rising()
			tt.given(&s)
			r := Decide(now, DefaultOptions(), s)
			d := r.Plan.Decision
			if d.To != tt.to || d.Outcome != tt.outcome || !slices.Contains(codes(d), tt.code) || len(d.Actions) != tt.starts || len(r.Instances) != tt.starts {
				t.Errorf("to %d, %s, %v, %d actions; want to %d, %s, %s, %d", d.To, d.Outcome, codes(d), len(d.Actions), tt.to, tt.outcome, tt.code, tt.starts)
			}
			if r.Plan.Acting != (s.Service.Mode == forescale.ModeActive && !slices.Contains(codes(d), forescale.CodePaused)) {
				t.Errorf("acting is %t", r.Plan.Acting)
			}
		})
	}
}

// A hold must not make forget what was wanted before it.
func TestAnInstanceThatDiesDuringAHoldIsReplacedAfterIt(t *testing.T) {
	for _, hold := range []func(*State){
		func(s *State) { s.Blind = "docker: no answer" },
		func(s *State) { s.ClockJump = time.Hour },
	} {
		s := calm()
		silentFor(&s, 3*time.Minute)
		s.Last = last(4)
		s.Instances = ready(3)
		hold(&s)
		held := Decide(now, DefaultOptions(), s).Plan.Decision

		s.Blind, s.ClockJump, s.Last = "", 0, &held
		if d := Decide(now.Add(30*time.Second), DefaultOptions(), s).Plan.Decision; d.To != 4 {
			t.Errorf("after %v: to %d, want 4", codes(held), d.To)
		}
	}
}

func TestWhatWasWantedInAnotherLifeIsForgotten(t *testing.T) {
	tests := []struct {
		name string
		last func(d *forescale.Decision)
	}{
		{"while it only forecast", func(d *forescale.Decision) { d.Mode = forescale.ModeForecastOnly }},
		{"while it was paused", func(d *forescale.Decision) { d.Outcome = forescale.OutcomeWould }},
		{"long ago", func(d *forescale.Decision) { d.LastAt = now.Add(-2 * time.Hour) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := calm()
			silentFor(&s, 3*time.Minute)
			s.Last = last(9)
			if d := Decide(now, DefaultOptions(), s).Plan.Decision; d.To != 8 {
				t.Fatalf("to %d, want 8, as many as one step allows: %v", d.To, codes(d))
			}
			tt.last(s.Last)
			if d := Decide(now, DefaultOptions(), s).Plan.Decision; d.To != 4 {
				t.Errorf("to %d, want 4: %v", d.To, codes(d))
			}
		})
	}
}

func TestStartedRows(t *testing.T) {
	r := Decide(now, DefaultOptions(), rising())
	d := r.Plan.Decision
	if !strings.HasPrefix(d.ID, "dec_") || len(d.ID) != 20 {
		t.Fatalf("ID %q", d.ID)
	}
	for k, i := range r.Instances {
		want := forescale.Instance{
			ID: "checkout-" + d.ID[4:] + "-" + []string{"1", "2"}[k], Service: "checkout", State: forescale.InstanceStarting,
			Origin: forescale.OriginStarted, Decision: d.ID, OrderedAt: now, Deadline: now.Add(2 * (250 + 30) * time.Second),
		}
		if i != want {
			t.Errorf("row %d is\n%+v, want\n%+v", k, i, want)
		}
		if a := d.Actions[k]; a.Kind != forescale.ActionStart || a.Instance != i.ID {
			t.Errorf("action %d is %+v", k, a)
		}
	}
}

func TestStoppedRows(t *testing.T) {
	s := calm()
	idle(&s)
	r := Decide(now, DefaultOptions(), s)
	want := s.Instances[3]
	want.State, want.StopBy, want.DrainingAt = forescale.InstanceDraining, r.Plan.Decision.ID, now
	if len(r.Instances) != 1 || r.Instances[0] != want {
		t.Errorf("rows %+v, want %+v", r.Instances, want)
	}
}

// A service that became slower than ever must not be cut off again and again.
func TestEachFailedStartGivesTheNextOneTwiceTheTime(t *testing.T) {
	s := calm()
	s.Instances = ready(2)
	patience := func() time.Duration {
		r := Decide(now, DefaultOptions(), s)
		return r.Instances[0].Deadline.Sub(now)
	}
	first := patience()
	s.Instances = append(ready(2), failed(2, time.Hour)...)
	if got := patience(); got != 4*first {
		t.Errorf("after two failed starts %v, want four times %v", got, first)
	}
	s.Instances = append(ready(2), failed(20, time.Hour)...)
	if got := patience(); got != time.Hour {
		t.Errorf("after twenty failed starts %v, want 1 h", got)
	}
}

func TestVictims(t *testing.T) {
	at := func(m int) time.Time { return now.Add(time.Duration(m) * time.Minute) }
	is := []forescale.Instance{
		{ID: "pushed", State: forescale.InstanceReady, Origin: forescale.OriginPushed, ReadyAt: at(-1)},
		{ID: "adopted", State: forescale.InstanceReady, Origin: forescale.OriginAdopted, ReadyAt: at(-2)},
		{ID: "old", State: forescale.InstanceReady, Origin: forescale.OriginStarted, ReadyAt: at(-90)},
		{ID: "new", State: forescale.InstanceReady, Origin: forescale.OriginStarted, ReadyAt: at(-20)},
		{ID: "starting-adopted", State: forescale.InstanceStarting, Origin: forescale.OriginAdopted, OrderedAt: at(-1), Deadline: at(5)},
		{ID: "starting-old", State: forescale.InstanceStarting, Origin: forescale.OriginStarted, OrderedAt: at(-3), Deadline: at(5)},
		{ID: "starting-new", State: forescale.InstanceStarting, Origin: forescale.OriginStarted, OrderedAt: at(-2), Deadline: at(5)},
		{ID: "overdue", State: forescale.InstanceStarting, Origin: forescale.OriginStarted, OrderedAt: at(-30), Deadline: at(-5)},
		{ID: "draining", State: forescale.InstanceDraining, Origin: forescale.OriginStarted},
		{ID: "failed", State: forescale.InstanceFailed, Origin: forescale.OriginStarted},
	}
	for range 2 { // in whatever order they come
		r := look(now, DefaultOptions(), &State{Service: checkout(), Instances: is})
		var got []string
		for _, v := range r.victims(99) {
			got = append(got, v.ID)
		}
		if want := "starting-new starting-old starting-adopted new old adopted"; strings.Join(got, " ") != want {
			t.Errorf("in turn %v, want %s", got, want)
		}
		slices.Reverse(is)
	}
}

func TestWhatNobodyRunsCannotBeStopped(t *testing.T) {
	s := calm()
	idle(&s)
	for i := range s.Instances {
		s.Instances[i].Origin = forescale.OriginPushed
	}
	d := Decide(now, DefaultOptions(), s).Plan.Decision
	if d.To != 4 || d.Code() != forescale.CodeSecondWriter || len(d.Actions) != 0 {
		t.Errorf("to %d, %v, %v", d.To, codes(d), d.Actions)
	}
}

func TestLeadTime(t *testing.T) {
	s := forescale.Service{Warmup: 60 * time.Second}
	took := func(ds ...time.Duration) (w []forescale.Warmup) {
		for _, d := range ds {
			w = append(w, forescale.Warmup{Duration: d})
		}
		return w
	}
	many := slices.Repeat([]time.Duration{200 * time.Second}, 45)
	tests := []struct {
		name string
		w    []forescale.Warmup
		want time.Duration
	}{
		{"with no start measured it is the declared one", nil, 90 * time.Second},
		{"one odd start does not rule", took(300 * time.Second), 130 * time.Second}, // (1·300 + 5·60) / 6 + 30
		{"many starts do", took(many...), 216 * time.Second},                        // (45·200 + 5·60) / 50 + 30
		{"nine of ten starts are ready in it", took(append(slices.Repeat([]time.Duration{60 * time.Second}, 8), 110*time.Second, 110*time.Second)...), 124 * time.Second},
		{"measurements that cannot be are left out", took(-time.Hour, 0, 48*time.Hour), 90 * time.Second},
		{"it is rounded up to the second", took(61 * time.Second), 91 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := LeadTime(now, s, tt.w, nil, 30*time.Second); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestTheLeadTimeIsThatOfTheCircumstances(t *testing.T) {
	l := &forescale.LearnedTimes{Measured: 95, Shortest: 10 * time.Second, Longest: 400 * time.Second,
		Features: []string{forescale.FeatureAtOnce}, Levels: []float64{0.5, 0.9}, Nodes: []forescale.LearnedSplit{
			{Feature: 0, Below: 3, Left: 1, Right: 2, Count: 95},
			{Feature: -1, Count: 50, Values: []time.Duration{30 * time.Second, 100 * time.Second}},
			{Feature: -1, Count: 45, Values: []time.Duration{60 * time.Second, 200 * time.Second}},
		}}
	s := forescale.Service{Warmup: 60 * time.Second}
	beyond := *l
	beyond.Longest = 80 * time.Second
	damaged := *l
	damaged.Nodes = l.Nodes[:2]
	few := *l
	few.Measured = 5
	for _, c := range []struct {
		name     string
		l        *forescale.LearnedTimes
		lately   int
		starting int
		want     time.Duration
		basis    string
	}{
		{"one start", l, 1, 0, 98 * time.Second, "learned"}, // (95·100 + 5·60) / 100
		{"as many at once as lately", l, 4, 0, 193 * time.Second, "learned"},
		{"one more than start now", l, 1, 2, 193 * time.Second, "learned"},
		{"few starts lean on what was declared", &few, 1, 0, 80 * time.Second, "learned"},
		{"never longer than any start was", &beyond, 4, 0, 79 * time.Second, "learned"},
		{"what cannot be walked does not count", &damaged, 1, 0, 110 * time.Second, "measured"}, // (1·360 + 5·60) / 6
	} {
		t.Run(c.name, func(t *testing.T) {
			got := warmup(now, s, []forescale.Warmup{{Duration: 360 * time.Second, AtOnce: c.lately}}, c.l, c.starting)
			if got.is != c.want || got.basis != c.basis {
				t.Errorf("%v, %s; want %v, %s", got.is, got.basis, c.want, c.basis)
			}
		})
	}
	st := calm()
	st.Learned = l
	st.Forecasts[0] = foresee(stepTo(2.5, clock(8, 40), 4.4))
	d := Decide(now, DefaultOptions(), st).Plan.Decision
	if r := d.Reasons[0]; r.Code != forescale.CodeForecastRise || r.Words["warmup_basis"] != "learned" || r.Numbers["warmup_starts"] != 95 {
		t.Errorf("the decision does not say what the warm-up rests on: %+v", r)
	}
}

func TestStamp(t *testing.T) {
	a, b := stamp("checkout", now), stamp("search", now)
	later := stamp("checkout", now.Add(time.Millisecond))
	if len(a) != 16 || a == b || a[:9] != b[:9] || !(a < later) || !(b[:9] < later[:9]) {
		t.Errorf("%s, %s, %s", a, b, later)
	}
	if strings.Trim(a, crockford) != "" {
		t.Errorf("%s has other characters", a)
	}
	if stamp("checkout", now) != a {
		t.Error("not the same again")
	}
	// 9 characters are the milliseconds since 1970, most significant first.
	ms := int64(0)
	for _, c := range a[:9] {
		ms = ms*32 + int64(strings.IndexRune(crockford, c))
	}
	if ms != now.UnixMilli() {
		t.Errorf("%d ms, want %d", ms, now.UnixMilli())
	}
}
