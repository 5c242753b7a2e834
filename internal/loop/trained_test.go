package loop_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

func (s *scored) trained() *forecast.Trained {
	s.Helper()
	return s.loop.Trained("web", forescale.MetricUtilization)
}

func TestModelsAreTrainedOnceADayAndForecastManyTimes(t *testing.T) {
	s := newScored(t, 14*24*time.Hour)
	s.every = 15 * time.Minute
	s.grow(15 * 24 * time.Hour)
	seen := map[*forecast.Trained]int{}
	for range 48 {
		if _, err := s.loop.RefreshServices(t.Context(), s.now, nil); err != nil {
			t.Fatal(err)
		}
		seen[s.trained()]++
		if f := s.newest(); !f.Issued.Equal(s.now) {
			t.Fatalf("the newest forecast is of %v, at %v", f.Issued, s.now)
		}
		s.grow(time.Hour)
	}
	if len(seen) != 3 { // the first one's day is cut short, so that services do not train at once
		t.Errorf("trained %d times in two days: %v", len(seen), seen)
	}
	before := s.trained()
	if err := s.loop.Refresh(t.Context(), s.now, "web"); err != nil {
		t.Fatal(err)
	}
	if s.trained() == before {
		t.Error("somebody asked for new forecasts, and nothing was learned anew")
	}
}

// The alarm may have been raised by another server, which trained for itself.
func TestModelsAreTrainedAnewAfterAnAlarm(t *testing.T) {
	s := newScored(t, 3*24*time.Hour)
	s.grow(8 * 24 * time.Hour)
	s.hours(3)
	before := s.trained()
	old := before.Issued()
	for s.track().Drift.Times == 0 {
		s.scale *= 1.5
		s.hours(1)
	}
	since := s.track().Drift.Since
	if got := s.trained(); got == before || got.Issued().Before(since) {
		t.Errorf("trained at %v and then %v, the alarm was raised at %v", old, s.trained().Issued(), since)
	}
	x, err := s.store.Tracks(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	far := forescale.Scoring{Track: x[0], From: x[0].Until}
	far.Until = far.Until.Add(time.Hour)
	far.Drift.Since, far.Drift.Times = s.now, far.Drift.Times+1
	if taken, err := s.store.SaveScores(t.Context(), []forescale.Scoring{far}); err != nil || !taken[0] {
		t.Fatal(taken, err)
	}
	s.grow(15 * time.Minute)
	before = s.trained()
	if _, err := s.loop.RefreshServices(t.Context(), s.now, nil); err != nil {
		t.Fatal(err)
	}
	if s.trained() == before {
		t.Error("another server raised an alarm, and nothing was learned anew")
	}
}
