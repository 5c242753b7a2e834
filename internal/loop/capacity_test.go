package loop_test

import (
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/loop"
)

// wave is what a service with two instances is asked for, per second.
func wave(t time.Time) float64 {
	return 100 - 60*math.Cos(2*math.Pi*float64(t.Hour()*60+t.Minute())/1440)
}

// remember keeps days of demand until monday, as it was worked out when an instance
// counted as serving the declared load, while it serves 100.
func (b *bench) remember(days int, declared float64) {
	b.t.Helper()
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for at := monday.AddDate(0, 0, -days); at.Before(monday); at = at.Add(time.Minute) {
		cells = append(cells, forescale.Cell{Service: "web", Time: at})
		points = append(points,
			forescale.DemandPoint{Service: "web", Metric: forescale.MetricLoad, Time: at, Value: wave(at) / declared, Reporting: 2, Ready: 2},
			forescale.DemandPoint{Service: "web", Metric: forescale.MetricUtilization, Time: at, Value: wave(at) / 100, Reporting: 2, Ready: 2})
	}
	if err := b.store.SaveDemand(b.t.Context(), cells, points); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) capacities() []forescale.Capacity {
	b.t.Helper()
	cs, err := b.store.Capacities(b.t.Context(), "web", time.Time{})
	if err != nil {
		b.t.Fatal(err)
	}
	return cs
}

func (b *bench) learn(want int) {
	b.t.Helper()
	r, err := b.loop.LearnCapacities(b.t.Context(), b.clock.Now())
	if err != nil || r.Done != want || r.Failed != 0 {
		b.t.Fatalf("learned %+v, %v; want %d services", r, err, want)
	}
}

func byLoad(declared float64) func(*forescale.Service) {
	return func(s *forescale.Service) { s.Metrics, s.Capacity = []forescale.Metric{forescale.MetricLoad}, declared }
}

// Half of what an instance serves was declared. Once that is learned, live demand,
// forecasts, their history and their scores are all reckoned by what it serves.
func TestWhatAnInstanceServesIsLearnedAndHistoryStaysOfOnePiece(t *testing.T) {
	b := newBench(t, byLoad(50))
	b.load = 160
	b.remember(3, 50)
	var asked forecast.Request
	b.loop = loop.New(loop.Config{Store: b.store, Sources: []loop.Source{b.world}, Target: b.world, Clock: b.clock,
		Options: loop.Options{Interval: interval},
		Forecast: func(r forecast.Request) (forescale.Forecast, error) {
			asked = r
			return forecast.Make(r)
		}})
	rows := make([][]float64, 48)
	for i := range rows {
		rows[i] = []float64{3.2, 3.2, 3.2}
	}
	if err := b.store.SaveForecasts(t.Context(), []forescale.Forecast{{Service: "web", Metric: forescale.MetricLoad, Model: "by hand", Issued: monday, Start: monday,
		Step: 5 * time.Minute, Levels: []float64{0.05, 0.5, 0.95}, Values: rows}}); err != nil {
		t.Fatal(err)
	}
	b.learn(1)
	cs := b.capacities()
	if len(cs) != 2 || cs[0].Value != 50 || cs[0].From.After(monday.AddDate(0, 0, -3)) {
		t.Fatalf("capacities %+v, want what was declared first", cs)
	}
	serves := cs[1].Value
	if serves < 92 || serves > 102 || !cs[1].From.After(monday) || cs[1].Learned.Doubt != "" || cs[1].Learned.Minutes < 4000 {
		t.Fatalf("learned %+v, want about 100", cs[1])
	}

	b.run(14 * time.Minute) // so soon only when minutes before the change are reckoned anew, too
	b.want(3)               // not the 5 that the forecast asked for when it was issued
	b.run(2 * time.Hour)
	points, err := b.store.Demand(t.Context(), "web", forescale.MetricLoad, monday, b.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	odd := 0 // minutes in which an instance comes or goes
	for _, p := range points {
		want := 160 / serves
		if p.Time.Before(cs[1].From) {
			want = 160. / 50
		}
		if math.Abs(p.Value/want-1) > 0.05 {
			if odd++; odd < 4 {
				continue
			}
			t.Errorf("demand at %s is %.2f, want %.2f", p.Time.Format("15:04"), p.Value, want)
		}
	}

	if err := b.loop.Refresh(t.Context(), b.clock.Now(), "web"); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i, v := range asked.History.Values {
		at := asked.History.At(i)
		want := wave(at.Add(2*time.Minute)) / serves
		if !at.Before(monday) {
			want = 160 / serves
		}
		if !math.IsNaN(v) {
			seen++
			if math.Abs(v/want-1) > 0.12 { // as above, in one minute of five
				t.Errorf("history at %s is %.2f, want %.2f", at.Format("Mon 15:04"), v, want)
			}
		}
	}
	if seen < 3*288 {
		t.Errorf("%d steps of history", seen)
	}

	if r, err := b.loop.ScoreServices(t.Context(), b.clock.Now(), nil); err != nil || r.Failed != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	tallies, err := b.store.Tallies(t.Context(), forescale.TallyQuery{})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, y := range tallies {
		if e, ok := y.RelativeError(); y.Model == "by hand" && ok {
			if found = true; e > 0.05 {
				t.Errorf("the forecast that was right when it was issued is off by %.2f now", e)
			}
		}
	}
	if !found {
		t.Errorf("nothing was scored: %+v", tallies)
	}

	b.load = 300
	b.run(30 * time.Minute)
	if n := b.world.Ready("web"); n < 4 || n > 6 {
		t.Errorf("%d instances for a load of 300, of which each serves %.0f; %s", n, serves, b.why())
	}
	b.sound()
}

func TestACapacityIsLearnedOnceAnHourAndWhenAnotherIsDeclared(t *testing.T) {
	b := newBench(t, byLoad(100))
	b.remember(2, 100)
	b.learn(1)
	if cs := b.capacities(); len(cs) != 1 || cs[0].Value != 100 || cs[0].Learned.Value < 90 {
		t.Fatalf("%+v: what is declared right stays", cs)
	}
	b.clock.Advance(59 * time.Minute)
	b.learn(0)
	b.clock.Advance(time.Minute)
	b.learn(1)

	s, err := b.store.Service(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	s.Capacity = 1000
	if _, err := b.store.PutService(t.Context(), s, -1); err != nil {
		t.Fatal(err)
	}
	b.learn(1)
	cs := b.capacities()
	if len(cs) != 2 || cs[1].Value < 250 || cs[1].Declared != 1000 || cs[1].Learned.Doubt != forescale.CapacityFarOff {
		t.Fatalf("%+v, want a quarter of the 1000 that are declared now", cs)
	}
	b.learn(0)
}

// Without utilization nothing can be learned; what is declared counts, and a word
// that is taken back does not split the history.
func TestWithoutUtilizationWhatIsDeclaredCounts(t *testing.T) {
	b := newBench(t, byLoad(50))
	if err := b.store.SaveDemand(t.Context(), []forescale.Cell{{Service: "web", Time: monday}},
		[]forescale.DemandPoint{{Service: "web", Metric: forescale.MetricLoad, Time: monday, Value: 2}}); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Hour)
	b.learn(1)
	if cs := b.capacities(); len(cs) != 1 || cs[0].Value != 50 || cs[0].Learned.Doubt != forescale.CapacityTooLittle || !cs[0].From.Equal(monday) {
		t.Fatalf("%+v", cs)
	}
	s, err := b.store.Service(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	s.Capacity = 80
	if _, err := b.store.PutService(t.Context(), s, -1); err != nil {
		t.Fatal(err)
	}
	b.learn(1)
	if cs := b.capacities(); len(cs) != 2 || cs[1].Value != 80 || !cs[1].From.After(b.clock.Now()) {
		t.Fatalf("%+v", cs)
	}
}

// What is known of single minutes goes on when the capacity changes: the forecast before
// is held against them by the capacity of now.
func TestWhatIsKnownOfMinutesGoesOnWhenTheCapacityChanges(t *testing.T) {
	known := func(change bool) forescale.Minutes {
		b := newBench(t, byLoad(200))
		b.remember(3, 200)
		if err := b.loop.Refresh(t.Context(), b.clock.Now(), "web"); err != nil {
			t.Fatal(err)
		}
		var cells []forescale.Cell
		var points []forescale.DemandPoint
		for i := range 30 {
			at := monday.Add(time.Duration(i) * time.Minute)
			cells = append(cells, forescale.Cell{Service: "web", Time: at})
			points = append(points, forescale.DemandPoint{Service: "web", Metric: forescale.MetricLoad, Time: at, Value: (wave(at) + float64(7*i%11)) / 200, Reporting: 2, Ready: 2})
		}
		if err := b.store.SaveDemand(t.Context(), cells, points); err != nil {
			t.Fatal(err)
		}
		if change {
			if err := b.store.SaveCapacities(t.Context(), []forescale.Capacity{
				{Service: "web", From: monday.AddDate(0, 0, -3), At: monday, Value: 200, Declared: 200},
				{Service: "web", From: monday.Add(30 * time.Minute), At: monday, Value: 100, Declared: 200}}); err != nil {
				t.Fatal(err)
			}
		}
		b.clock.Advance(30 * time.Minute)
		if err := b.loop.Refresh(t.Context(), b.clock.Now(), "web"); err != nil {
			t.Fatal(err)
		}
		fs, err := b.store.LatestForecasts(t.Context(), time.Time{}, "web")
		if err != nil || len(fs) != 1 {
			t.Fatal(len(fs), err)
		}
		return fs[0].Minutes
	}
	want, got := known(false), known(true)
	near := func(a, b float64) bool { return math.Abs(a-b) <= 0.02*math.Abs(b)+1e-6 }
	if want.Seen != 30 || got.Seen != 30 || len(got.Before) != len(want.Before) || len(got.Before) == 0 || !near(got.Unit, 2*want.Unit) || !near(got.Before[0], 2*want.Before[0]) ||
		!near(got.Scatter, want.Scatter) || !near(got.Above, want.Above) || !near(got.Shift, want.Shift) || !near(got.Follow, want.Follow) {
		t.Errorf("when an instance serves half %+v,\nwith the capacity of before %+v", got, want)
	}
}

// A forecast that was issued before the capacity was learned is reckoned once, however
// many rounds look at it.
func TestAForecastIsReckonedOnceHoweverManyRoundsLookAtIt(t *testing.T) {
	b := newBench(t, byLoad(50))
	b.load = 160
	b.remember(3, 50)
	rows := make([][]float64, 48)
	for i := range rows {
		v := 3.2
		if i >= 12 { // an hour on
			v = 6.4
		}
		rows[i] = []float64{v, v, v}
	}
	if err := b.store.SaveForecasts(t.Context(), []forescale.Forecast{{Service: "web", Metric: forescale.MetricLoad, Model: "by hand", Issued: monday, Start: monday,
		Step: 5 * time.Minute, Levels: []float64{0.05, 0.5, 0.95}, Values: rows}}); err != nil {
		t.Fatal(err)
	}
	b.learn(1)
	b.run(20 * time.Minute)
	plans, err := b.store.LatestPlans(t.Context(), "web")
	if err != nil || len(plans) != 1 {
		t.Fatal(plans, err)
	}
	want, most := 6.4*50/b.capacities()[1].Value, 0.0
	for _, c := range plans[0].Changes {
		most = max(most, c.Demand)
	}
	if math.Abs(most/want-1) > 0.05 {
		t.Errorf("the plan goes up to a demand of %.2f, want %.2f: %+v", most, want, plans[0].Changes)
	}
}
