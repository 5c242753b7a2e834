package api

import (
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// What tests put into the store.

// demand puts live demand of a service, and the sample that it came from.
func (f *fixture) demand(service string, value float64) {
	f.Helper()
	at := f.clock.Now().Truncate(forescale.DemandStep).Add(-forescale.DemandStep)
	f.sample(service, f.clock.Now().Add(-20*time.Second))
	f.cells(service, at, value)
}

// cells puts demand from at on, a minute each; negative is a gap.
func (f *fixture) cells(service string, at time.Time, values ...float64) {
	f.Helper()
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for i, v := range values {
		t := at.Add(time.Duration(i) * forescale.DemandStep)
		cells = append(cells, forescale.Cell{Service: service, Time: t})
		if v >= 0 {
			points = append(points, forescale.DemandPoint{Service: service, Metric: forescale.MetricUtilization, Time: t, Value: v, Reporting: 1, Ready: 1, Censored: v >= 90})
		}
	}
	if err := f.store.SaveDemand(f.Context(), cells, points); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) sample(service string, at time.Time) {
	f.Helper()
	if err := f.store.Append(f.Context(), []forescale.Sample{{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: service + "-1", Service: service},
		Metric: forescale.MetricUtilization, Time: at, Value: 65}}); err != nil {
		f.Fatal(err)
	}
}

// ready puts n instances that have been ready for a day.
func (f *fixture) ready(service string, n int) {
	f.Helper()
	is := make([]forescale.Instance, n)
	for i := range is {
		t := f.clock.Now().Add(-24 * time.Hour)
		is[i] = forescale.Instance{ID: fmt.Sprintf("%s-%d", service, i+1), Service: service, Node: "n-01", State: forescale.InstanceReady, Origin: forescale.OriginAdopted,
			OrderedAt: t, StartedAt: t, ReadyAt: t, LastSeen: f.clock.Now()}
	}
	f.instances(is...)
}

func (f *fixture) instances(is ...forescale.Instance) {
	f.Helper()
	if err := f.store.SaveInstances(f.Context(), is); err != nil {
		f.Fatal(err)
	}
}

// decide records a decision at its time, or now.
func (f *fixture) decide(d forescale.Decision) {
	f.Helper()
	if d.At.IsZero() {
		d.At = f.clock.Now()
	}
	if d.ID == "" {
		d.ID = fmt.Sprintf("dec_%010d%s", d.At.Unix()%1e10, (d.Service + "000000")[:6])
	}
	if d.Mode == "" {
		d.Mode = forescale.ModeActive
	}
	if d.LastAt.IsZero() {
		d.LastAt = d.At
	}
	p := forescale.ServicePlan{Service: d.Service, MadeAt: d.At, Lead: 280 * time.Second, Acting: true, Until: d.At.Add(24 * time.Hour), Decision: d,
		Changes: []forescale.PlanChange{{At: d.At, Wanted: d.To, Required: d.To, Demand: 2.6, Code: d.Code()}}}
	f.record(p)
}

// plan records a plan that goes from one count to another in seven minutes.
func (f *fixture) plan(service string, from, to int) {
	f.Helper()
	now := f.clock.Now()
	d := forescale.Decision{ID: "dec_" + service + "plan", Service: service, At: now, LastAt: now, Mode: forescale.ModeActive, From: from, To: from, Required: from,
		Outcome: forescale.OutcomeNone, Reasons: []forescale.Reason{{Code: forescale.CodeSteady, Numbers: map[string]float64{"demand": 2.6, "utilization": 65, "limit": 70}}}}
	f.record(forescale.ServicePlan{Service: service, MadeAt: now, Lead: 280 * time.Second, Acting: true, Until: now.Add(24 * time.Hour), Decision: d,
		Changes: []forescale.PlanChange{{At: now, Wanted: from, Required: from, Demand: 2.6, Code: forescale.CodeSteady},
			{At: now.Add(7 * time.Minute), Wanted: to, Required: to, Demand: 5.2, Code: forescale.CodeForecastRise}}})
}

func (f *fixture) record(p forescale.ServicePlan) {
	f.Helper()
	if err := f.store.RecordPlan(f.Context(), forescale.Plan{At: p.MadeAt, Services: []forescale.ServicePlan{p}}, nil); err != nil {
		f.Fatal(err)
	}
}

// forecast issues a day of 5-minute steps; the median is that of median, the
// levels .05 and .95 are 1 below and above.
func (f *fixture) forecast(service string, issued time.Time, median func(t time.Time, level float64) float64) {
	f.Helper()
	fc := forescale.Forecast{Service: service, Metric: forescale.MetricUtilization, Issued: issued, Model: "weekly", Start: issued.Truncate(5 * time.Minute), Step: 5 * time.Minute,
		Levels: []float64{0.05, 0.5, 0.95}, Score: forescale.Score{Pinball: 0.1, Naive: 0.2, Coverage: 0.9, Tested: 100}}
	for i := range 288 {
		m := median(fc.Start.Add(time.Duration(i)*fc.Step), 0.5)
		fc.Values = append(fc.Values, []float64{m - 1, m, m + 1})
	}
	if err := f.store.SaveForecasts(f.Context(), []forescale.Forecast{fc}); err != nil {
		f.Fatal(err)
	}
}

// accuracy puts scores of two models over two days, an alarm, and what the newest
// forecast was mixed from.
func (f *fixture) accuracy(service string) {
	f.Helper()
	m := forescale.MetricUtilization
	today := f.clock.Now().UTC().Truncate(24 * time.Hour)
	tally := func(day int, model string, lead time.Duration, steps, inside int64) forescale.Tally {
		n := float64(steps)
		return forescale.Tally{Service: service, Metric: m, Day: today.Add(-time.Duration(day) * 24 * time.Hour), Model: model, Lead: lead,
			Steps: steps, Inside: inside, Loss: n / 8, Error: n / 4, Truth: 2 * n, Compared: steps / 2, TheirMiss: n / 8, LastWeek: n / 4}
	}
	x := forescale.Scoring{Track: forescale.Track{Service: service, Metric: m, Until: today.Add(7 * time.Hour), Drift: forescale.Drift{Coverage: 6,
		Alarm: forescale.AlarmCoverage, Last: forescale.AlarmCoverage, Since: today.Add(5 * time.Hour), Times: 1, Wider: 1.8}},
		Tallies: []forescale.Tally{tally(0, "weekly profile", 30*time.Minute, 80, 76), tally(1, "daily profile", 30*time.Minute, 20, 14), tally(8, "damped level", 30*time.Minute, 100, 0),
			tally(0, "weekly profile", 24*time.Hour, 40, 30)}}
	if _, err := f.store.SaveScores(f.Context(), []forescale.Scoring{x}); err != nil {
		f.Fatal(err)
	}
	fc := forescale.Forecast{Service: service, Metric: m, Issued: f.clock.Now().Add(-10 * time.Minute), Choice: []forescale.Choice{
		{From: 1, To: 6, Tested: 500, Shares: []forescale.Share{{Model: "seasonal lags", Weight: 0.75, Error: 0.3}, {Model: "last week", Error: 0.5}}}}}
	if err := f.store.SaveChoices(f.Context(), []forescale.Forecast{fc}); err != nil {
		f.Fatal(err)
	}
}
