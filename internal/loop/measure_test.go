package loop_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/memory"
)

// measured is a store with a service in Berlin that has had so many instances, and so
// much demand, in the minutes given.
type measured struct {
	*testing.T
	store *memory.Store
	loop  *loop.Loop
}

func newMeasured(t *testing.T) measured {
	m := measured{T: t, store: memory.New()}
	m.loop = loop.New(loop.Config{Store: m.store, Clock: sim.NewClock(time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC))})
	s := forescale.Service{Name: "web", TimeZone: "Europe/Berlin", Min: 1, Max: 9}.WithDefaults()
	if _, err := m.store.PutService(t.Context(), s, -1); err != nil {
		t.Fatal(err)
	}
	return m
}

// demand has ready instances from a minute on, and demand in two metrics.
func (m measured) demand(from time.Time, minutes, ready int, values map[forescale.Metric]float64) {
	m.Helper()
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for i := range minutes {
		at := from.Add(time.Duration(i) * time.Minute)
		cells = append(cells, forescale.Cell{Service: "web", Time: at})
		for metric, v := range values {
			points = append(points, forescale.DemandPoint{Service: "web", Metric: metric, Time: at, Value: v, Ready: ready, Reporting: ready})
		}
	}
	if err := m.store.SaveDemand(m.Context(), cells, points); err != nil {
		m.Fatal(err)
	}
}

func (m measured) at(now time.Time) []forescale.ElasticityDay {
	m.Helper()
	if r, err := m.loop.MeasureServices(m.Context(), now, nil); err != nil || r.Fault != nil || r.Done != 1 {
		m.Fatal(r, err)
	}
	days, err := m.store.Elasticities(m.Context(), forescale.TallyQuery{})
	if err != nil {
		m.Fatal(err)
	}
	return days
}

// The night of 29 March 2026 has 23 hours in Berlin: days are local ones.
func TestHowNeedWasFollowedIsMeasuredByLocalDays(t *testing.T) {
	t.Parallel()
	m := newMeasured(t)
	midnight := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC) // of the 29th, local
	one, two := map[forescale.Metric]float64{forescale.MetricLoad: 0.5}, map[forescale.Metric]float64{forescale.MetricLoad: 0.5, forescale.MetricUtilization: 1.2}
	m.demand(midnight.Add(-time.Hour), 60, 1, one) // enough: 0.5 on one
	m.demand(midnight, 60, 1, two)                 // utilization needs two
	m.demand(midnight.Add(time.Hour), 60, 2, two)  // now there are two
	m.demand(midnight.Add(3*time.Hour), 60, 3, one)
	m.demand(midnight.Add(4*time.Hour), 60, 0, one) // nobody knows how many there are
	days := m.at(midnight.Add(6 * time.Hour))
	if len(days) != 2 || days[0].Day.Format("2006-01-02") != "2026-03-28" || days[1].Day.Format("2006-01-02") != "2026-03-29" {
		t.Fatalf("days %+v", days)
	}
	if d := days[0]; d.Steps != 60 || d.StepsUnder != 0 || d.StepsOver != 0 || d.Supply != 60 {
		t.Errorf("the 28th: %+v", d.Elasticity)
	}
	if d := days[1]; d.Steps != 180 || d.StepsUnder != 60 || d.StepsOver != 60 || d.Under != 30 || d.Supply != 60+120+180 || d.Need != 120+120+60 || d.Pairs != 119+59 {
		t.Errorf("the 29th: %+v", d.Elasticity)
	}

	// Minutes that come late count, also for the day that is just over, but no day is
	// written again when it is long over. 23 hours after its midnight the next begins.
	m.demand(midnight.Add(2*time.Hour), 60, 2, two)
	m.demand(midnight.Add(22*time.Hour+59*time.Minute), 2, 1, one)
	days = m.at(midnight.Add(24 * time.Hour))
	if len(days) != 3 || days[1].Steps != 241 || days[2].Steps != 1 || days[2].Day.Format("2006-01-02") != "2026-03-30" {
		t.Errorf("a day later: %+v", days)
	}
	m.demand(midnight.Add(5*time.Hour), 60, 2, two)
	if days = m.at(midnight.Add(36 * time.Hour)); days[1].Steps != 241 {
		t.Errorf("a day that is long over was measured again: %+v", days[1])
	}
}

func TestNothingIsMeasuredOfServicesThatAreOff(t *testing.T) {
	t.Parallel()
	m := newMeasured(t)
	if _, err := m.store.PutService(t.Context(), forescale.Service{Name: "web", Mode: forescale.ModeOff}.WithDefaults(), -1); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	m.demand(now.Add(-time.Hour), 60, 1, map[forescale.Metric]float64{forescale.MetricUtilization: 1})
	r, err := m.loop.MeasureServices(t.Context(), now, nil)
	days, err2 := m.store.Elasticities(t.Context(), forescale.TallyQuery{})
	if err != nil || err2 != nil || r.Done != 0 || len(days) != 0 {
		t.Errorf("%+v: %+v, %v, %v", r, days, err, err2)
	}
}
