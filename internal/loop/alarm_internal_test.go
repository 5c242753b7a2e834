package loop

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
)

// When a service is to be looked at that a sample shows above the limit.
func TestWhenAServiceIsLookedAt(t *testing.T) {
	const half = forescale.DemandStep / 2
	for sentence, c := range map[string]struct {
		second int           // of the minute in which it is pushed
		counts time.Duration // how much of a minute has to be over
		before time.Duration // how much older the sample is
		quiet  time.Duration // how long it is quiet yet
		after  time.Duration // it is looked at
	}{
		"at once when the minute counts":                          {second: 40, counts: half},
		"once it counts":                                          {second: 10, counts: half, after: 20*time.Second + clockSlack},
		"at once where each sample counts":                        {second: 10},
		"at once early on, if the sample is of the minute before": {second: 2, counts: half, before: 3 * time.Second},
		"after its quiet":                                         {second: 40, counts: half, quiet: 3 * time.Second, after: 3 * time.Second},
		"when it counts, though its quiet is over before":         {second: 10, counts: half, quiet: 3 * time.Second, after: 20*time.Second + clockSlack},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := forescale.NewSystemClock()
				time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + time.Duration(c.second)*time.Second)))
				a := newAlarm()
				a.set(map[string]growable{"web": {to: 1, limit: 60, after: c.counts, quiet: clock.Elapsed() + c.quiet}})
				if !a.hear(clock, high(clock.Now().Add(-c.before))) {
					t.Error("it does not ring")
				}
				if a.hear(clock, high(clock.Now().Add(-c.before))) {
					t.Error("it rings again for what is known")
				}
				if got := a.next(clock.Elapsed(), time.Minute); got != c.after {
					t.Errorf("it is looked at in %v, want %v", got, c.after)
				}
				if c.after > 0 {
					time.Sleep(c.after - time.Nanosecond)
					if got := a.take(clock.Elapsed()); len(got) != 0 {
						t.Errorf("%v are looked at too early", got)
					}
					time.Sleep(time.Nanosecond)
				}
				if got := a.take(clock.Elapsed()); !slices.Equal(got, []string{"web"}) {
					t.Errorf("%v are looked at, want web", got)
				}
				if got := a.take(clock.Elapsed()); len(got) != 0 {
					t.Errorf("%v are looked at twice", got)
				}
			})
		})
	}
}

// A sample that comes after a round read demand, and before it is over, is left for the next.
func TestWhatRingsWhileARoundPlansIsLookedAtByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := forescale.NewSystemClock()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 40*time.Second)))
		a := newAlarm()
		armed := map[string]growable{"web": {to: 1, limit: 60}}
		a.set(armed)
		a.hear(clock, high(clock.Now()))
		a.take(clock.Elapsed())
		if !a.hear(clock, high(clock.Now())) {
			t.Error("it does not ring again")
		}
		a.set(armed) // the round is over
		if got := a.take(clock.Elapsed()); !slices.Equal(got, []string{"web"}) {
			t.Errorf("%v are looked at, want web", got)
		}
	})
}

func high(at time.Time) []forescale.Sample {
	return []forescale.Sample{{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: "web-1", Service: "web"}, Metric: forescale.MetricUtilization, Time: at, Value: 95}}
}
