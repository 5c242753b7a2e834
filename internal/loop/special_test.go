package loop_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestHolidaysAndEventsReachTheForecastFromTheStore(t *testing.T) {
	s := newScored(t)
	web, err := s.store.Service(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	s.now = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for day := time.Date(2026, 4, 30, 0, 0, 0, 0, time.UTC); s.now.Before(day); {
		s.scale = 1
		if d := s.now.Format(time.DateOnly); d == "2026-04-03" || d == "2026-04-06" { // Good Friday and Easter Monday
			s.scale = .3
		}
		s.grow(24 * time.Hour)
	}
	s.grow(12 * time.Hour) // noon before 1 May
	at := func(h int) time.Time { return time.Date(2026, 5, 1, h, 0, 0, 0, time.UTC) }
	medians := func() (holiday, noon float64, warnings string) {
		t.Helper()
		if _, err := s.loop.RefreshServices(t.Context(), s.now, nil); err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(time.Second) // another issue time
		f := s.newest()
		holiday, ok := f.At(at(6), .5)
		noon, ok2 := f.At(time.Date(2026, 4, 30, 18, 0, 0, 0, time.UTC), .5)
		if !ok || !ok2 {
			t.Fatal("the forecast does not reach there")
		}
		return holiday, noon, strings.Join(f.Warnings, "; ")
	}
	plain, before, _ := medians()
	web.Country = "DE"
	if _, err := s.store.PutService(t.Context(), web, -1); err != nil {
		t.Fatal(err)
	}
	holiday, same, words := medians()
	// Two past holidays count two thirds: .3^(2/3) is .45.
	if r := holiday / plain; r < .35 || r > .6 || math.Abs(same/before-1) > .1 {
		t.Errorf("on the holiday %.2f of what it is without, the day before %.2f", r, same/before)
	}
	if !strings.Contains(words, "Fri 1 May is a holiday") || !strings.Contains(words, "2 past holidays") {
		t.Errorf("told: %s", words)
	}
	for _, e := range []forescale.Event{
		{Name: "spot", Service: "web", From: time.Date(2026, 4, 30, 17, 0, 0, 0, time.UTC), Until: time.Date(2026, 4, 30, 19, 0, 0, 0, time.UTC), Factor: 2},
		{Name: "other", Service: "mail", From: s.now, Until: at(23), Factor: 9},
	} {
		if err := s.store.PutEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	again, doubled, _ := medians()
	if math.Abs(doubled/same-2) > .01 || math.Abs(again/holiday-1) > .01 {
		t.Errorf("during the event %.2f of before, want 2; on the holiday %.2f", doubled/same, again/holiday)
	}
}
