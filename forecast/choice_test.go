package forecast_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

// wholeChoice reports the first number of a choice that cannot be kept as JSON.
func wholeChoice(all []forescale.Choice) error {
	for _, ch := range all {
		for _, s := range ch.Shares {
			if !(s.Error >= 0 && s.Weight >= 0) || math.IsInf(s.Error, 0) || math.IsInf(s.Weight, 0) {
				return fmt.Errorf("%d to %d steps ahead: share %+v", ch.From, ch.To, s)
			}
		}
	}
	return nil
}

func TestTheForecastTellsWhatItWasMixedFrom(t *testing.T) {
	for _, c := range []struct {
		sentence string
		history  forescale.Series
		horizon  int
	}{
		{"hours", hours(900), 48},
		{"steps of five minutes", forecasttest.Weekly(8064, time.UTC), 288},
	} {
		f := must(t, forecast.Request{History: c.history, Issued: c.history.End(), Horizon: c.horizon})
		next := 1
		for _, ch := range f.Choice {
			if ch.From != next || ch.To < ch.From || ch.Tested == 0 {
				t.Errorf("%s: %d to %d steps ahead with %d tested, want it to begin at %d", c.sentence, ch.From, ch.To, ch.Tested, next)
			}
			next = ch.To + 1
			sum, naive := 0.0, false
			for i, s := range ch.Shares {
				sum += s.Weight
				naive = naive || s.Model == "last week"
				if s.Model == "" || !(s.Error > 0) || s.Weight < 0 || i > 0 && s.Weight > ch.Shares[i-1].Weight {
					t.Errorf("%s: %d to %d steps ahead: share %+v", c.sentence, ch.From, ch.To, s)
				}
			}
			if !naive || math.Abs(sum-1) > 0.2 {
				t.Errorf("%s: %d to %d steps ahead: weights add up to %.2f; last week is in: %t", c.sentence, ch.From, ch.To, sum, naive)
			}
		}
		if next != c.horizon+1 {
			t.Errorf("%s: the choice ends at %d steps ahead, want %d", c.sentence, next-1, c.horizon)
		}
	}
}
