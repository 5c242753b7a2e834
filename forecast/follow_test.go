package forecast_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

// What jumps to where it never was and stays is followed within two hours, long before
// the jump counts as a shift of the level.
func TestALevelThatNeverWasIsFollowed(t *testing.T) {
	noise := forecasttest.Noise(5)
	s := forescale.Series{Start: monday, Step: 5 * time.Minute, Values: make([]float64, 21*288)}
	for i := range s.Values {
		s.Values[i] = 1 + 0.3*noise()
		if i >= len(s.Values)-24 {
			s.Values[i] += 3
		}
	}
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 24})
	if got := medianOf(f, 0, 6); got < 3.4 || got > 4.4 {
		t.Errorf("two hours after a jump from 1 to 4 the forecast of the next half hour is %.2f", got)
	}
}

// At midnight each Monday begins with twice the load of Sunday. The forecast knows the
// jump, and the half hour around it does not teach it to repeat the newest value.
func TestAJumpThatComesEachWeekIsForeseen(t *testing.T) {
	s := weekly(8064, 5*time.Minute)
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 24})
	if got := medianOf(f, 3, 9); got < 4.6 {
		t.Errorf("a quarter of an hour after midnight the forecast is %.2f, want 5: Sunday ended with %.2f", got, s.Values[8063])
	}
}
