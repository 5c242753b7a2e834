package loop_test

import (
	"bytes"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// scored is a store with demand that grows hour by hour, and a loop that forecasts
// and scores it.
type scored struct {
	*testing.T
	store *sqlite.Store
	loop  *loop.Loop
	log   *bytes.Buffer
	now   time.Time
	r     *rand.Rand
	scale float64
}

func newScored(t *testing.T) *scored {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	if _, err := st.PutService(t.Context(), forescale.Service{Name: "web"}.WithDefaults(), -1); err != nil {
		t.Fatal(err)
	}
	s := &scored{T: t, store: st, log: &bytes.Buffer{}, now: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), r: rand.New(rand.NewPCG(5, 6)), scale: 1}
	s.loop = loop.New(loop.Config{Store: st, Clock: sim.NewClock(s.now), Log: slog.New(slog.NewTextHandler(s.log, nil)),
		Options: loop.Options{Step: 15 * time.Minute, Refresh: time.Hour, History: 16 * 24 * time.Hour, Patience: time.Minute}})
	return s
}

// grow adds demand, minute by minute, and moves on.
func (s *scored) grow(d time.Duration) {
	s.Helper()
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(time.Minute) {
		v := 8 + 4*math.Sin(2*math.Pi*float64(s.now.Hour()*60+s.now.Minute())/1440)
		if s.now.Weekday() == time.Sunday {
			v *= .7
		}
		cells = append(cells, forescale.Cell{Service: "web", Time: s.now})
		points = append(points, forescale.DemandPoint{Service: "web", Metric: forescale.MetricUtilization, Time: s.now,
			Value: s.scale * v * math.Exp(.1*s.r.NormFloat64()), Reporting: 1, Ready: 1})
	}
	if err := s.store.SaveDemand(s.Context(), cells, points); err != nil {
		s.Fatal(err)
	}
}

// hours lets time go on, with a forecast at each hour and scores 20 min later.
func (s *scored) hours(n int) {
	s.Helper()
	for range n {
		if _, err := s.loop.RefreshServices(s.Context(), s.now, nil); err != nil {
			s.Fatal(err)
		}
		s.grow(20 * time.Minute)
		s.scores()
		s.grow(40 * time.Minute)
	}
}

func (s *scored) scores() {
	s.Helper()
	if r, err := s.loop.ScoreServices(s.Context(), s.now, nil); err != nil || r.Fault != nil || r.Done != 1 {
		s.Fatal(r, err)
	}
}

func (s *scored) track() forescale.Track {
	s.Helper()
	ts, err := s.store.Tracks(s.Context())
	if err != nil || len(ts) != 1 {
		s.Fatal(ts, err)
	}
	return ts[0]
}

func (s *scored) tallies() (by map[time.Duration]forescale.Tally) {
	s.Helper()
	ts, err := s.store.Tallies(s.Context(), forescale.TallyQuery{})
	if err != nil {
		s.Fatal(err)
	}
	by = map[time.Duration]forescale.Tally{}
	for _, t := range ts {
		x := by[t.Lead]
		x.Add(t)
		by[t.Lead] = x
	}
	return by
}

func TestIssuedForecastsAreScoredOnceAndDriftIsToldOnce(t *testing.T) {
	s := newScored(t)
	s.grow(16 * 24 * time.Hour)
	s.hours(30)
	// The last scores were made 20 min after an hour: the 30th from the first.
	got := s.tallies()
	for lead, steps := range map[time.Duration]int64{30 * time.Minute: 2 * 29, 2 * time.Hour: 4*29 - 2, 24 * time.Hour: 4 * (29 - 22)} {
		x := got[lead]
		coverage, _ := x.Coverage()
		ratio, ok := x.AgainstLastWeek()
		if x.Steps != steps || x.Compared != steps || coverage < .75 || !ok || ratio > 1.1 {
			t.Errorf("%v: %+v, want %d steps", lead, x, steps)
		}
	}
	until := s.track().Until
	s.scores() // nothing has settled since
	s.grow(20 * time.Minute)
	s.scores()
	s.scores()
	if again := s.tallies()[2*time.Hour]; again.Steps != got[2*time.Hour].Steps+4 || !s.track().Until.Equal(until.Add(time.Hour)) {
		t.Errorf("scored again: %+v, until %v", again, s.track().Until)
	}
	if d := s.track().Drift; d.Times != 0 {
		t.Fatalf("drifted although nothing has: %+v", d)
	}
	// The load grows by half every hour: no interval that was learned before holds.
	for range 14 {
		s.scale *= 1.5
		s.hours(1)
	}
	d := s.track().Drift
	if d.Alarm != forescale.AlarmCoverage || d.Times != 1 || d.Wider <= 1 {
		t.Fatalf("drift %+v, want one alarm", d)
	}
	if n := strings.Count(s.log.String(), "forecasts have drifted"); n != 1 {
		t.Errorf("told %d times:\n%s", n, s.log)
	}
	fs, err := s.store.LedgerForecasts(t.Context(), "web", forescale.MetricUtilization, d.Since, d.Since.Add(time.Millisecond))
	if err != nil || len(fs) != 1 {
		t.Fatalf("%d forecasts were made when the alarm was raised, %v", len(fs), err)
	}
	if s.hours(1); !strings.Contains(strings.Join(s.newest().Warnings, "; "), "widened by") {
		t.Errorf("the newest forecast does not tell that it is widened: %q", s.newest().Warnings)
	}
}

func (s *scored) newest() forescale.Forecast {
	s.Helper()
	fs, err := s.store.LatestForecasts(s.Context(), time.Time{})
	if err != nil || len(fs) != 1 {
		s.Fatal(fs, err)
	}
	return fs[0]
}

func TestScoringGoesOnAfterAPauseAndLeavesOutWhatIsTooOld(t *testing.T) {
	s := newScored(t)
	s.grow(10 * 24 * time.Hour)
	s.hours(3)
	before := s.tallies()[30*time.Minute].Steps
	for range 72 { // forecasts are made, but not scored
		if _, err := s.loop.RefreshServices(s.Context(), s.now, nil); err != nil {
			t.Fatal(err)
		}
		s.grow(time.Hour)
	}
	s.grow(20 * time.Minute)
	s.scores()
	if got := s.tallies()[30*time.Minute].Steps - before; got != 2*48 {
		t.Errorf("%d steps were scored after the pause, want the last 48 hours", got)
	}
	until := s.track().Until
	// A silent service is not scored on.
	s.now = s.now.Add(24 * time.Hour)
	s.scores()
	if got := s.track().Until; !got.Equal(until) {
		t.Errorf("scored until %v, in the silence after %v", got, until)
	}
}
