package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// countingDriver counts the statements that are run through it.
type countingDriver struct {
	driver.Driver
	run atomic.Int64
}

func (d *countingDriver) Open(dsn string) (driver.Conn, error) {
	c, err := d.Driver.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &countingConn{c, d}, nil
}

// countingConn has only what goes through Prepare, so that nothing passes by.
type countingConn struct {
	driver.Conn
	d *countingDriver
}

func (c *countingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return &countingStmt{st, c.d}, err
}

type countingStmt struct {
	driver.Stmt
	d *countingDriver
}

func (s *countingStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.d.run.Add(1)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func (s *countingStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.d.run.Add(1)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// fleetOf fills a store with n services: 15 minutes of demand, and two forecasts
// of a day, each.
func fleetOf(tb testing.TB, s *Store, n int) {
	tb.Helper()
	ctx := tb.Context()
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	plan := forescale.Plan{At: benchStart}
	for i := range n {
		name := fmt.Sprintf("service-%05d", i)
		for k := range 15 {
			at := benchStart.Add(time.Duration(k) * time.Minute)
			cells = append(cells, forescale.Cell{Service: name, Time: at})
			points = append(points, forescale.DemandPoint{Service: name, Metric: forescale.MetricLoad, Time: at, Value: float64(i + k), Reporting: 3, Ready: 3})
		}
		plan.Services = append(plan.Services, forescale.ServicePlan{Service: name, MadeAt: benchStart, Decision: benchDecision(name, benchStart)})
	}
	check(s.SaveDemand(ctx, cells, points))
	for round := range 2 {
		var fs []forescale.Forecast
		for i := range n {
			fs = append(fs, forescale.Forecast{Service: fmt.Sprintf("service-%05d", i), Metric: forescale.MetricLoad, Model: "profile",
				Issued: benchStart.Add(time.Duration(round) * 15 * time.Minute), Start: benchStart, Step: 5 * time.Minute,
				Levels: benchLevels, Values: dayAhead(i)})
		}
		check(s.SaveForecasts(ctx, fs))
	}
	check(s.RecordPlan(ctx, plan, nil))
}

func benchDecision(service string, at time.Time) forescale.Decision {
	return forescale.Decision{ID: fmt.Sprintf("dec_%s%d", service, at.UnixMilli()), Service: service, At: at, Mode: forescale.ModeActive, From: 3, To: 3,
		Reasons: []forescale.Reason{{Code: forescale.CodeSteady, Numbers: map[string]float64{"demand": 2.5, "upper": 70}}}, Outcome: forescale.OutcomeNone}
}

// What the loop asks in each step for all services must not become a query for
// each of them.
func TestQuestionsAboutAllServicesAreOneQuery(t *testing.T) {
	counting := &countingDriver{Driver: defaultDriver()}
	s := openIn(t, memoryDir(t), func(o *options) { o.driver = counting })
	const services = 20
	fleetOf(t, s, services)
	ctx := t.Context()
	for _, c := range []struct {
		name string
		want int
		ask  func() (int, error)
	}{
		{"RecentDemand", 15 * services, func() (int, error) { v, err := s.RecentDemand(ctx, benchStart); return len(v), err }},
		{"DemandSpans", services, func() (int, error) { v, err := s.DemandSpans(ctx); return len(v), err }},
		{"LatestForecasts", services, func() (int, error) { v, err := s.LatestForecasts(ctx, time.Time{}); return len(v), err }},
		{"LatestPlans", services, func() (int, error) { v, err := s.LatestPlans(ctx); return len(v), err }},
		{"LatestDecisions", services, func() (int, error) { v, err := s.LatestDecisions(ctx); return len(v), err }},
		{"Instances", 0, func() (int, error) {
			v, err := s.Instances(ctx, forescale.InstanceQuery{Live: true})
			return len(v), err
		}},
		{"Warmups", 0, func() (int, error) { v, err := s.Warmups(ctx, "", 50); return len(v), err }},
		{"LastSamples", 0, func() (int, error) { v, err := s.LastSamples(ctx); return len(v), err }},
	} {
		before := counting.run.Load()
		rows, err := c.ask()
		if err != nil || rows != c.want {
			t.Errorf("%s: %d rows, want %d; %v", c.name, rows, c.want, err)
		}
		if n := counting.run.Load() - before; n != 1 {
			t.Errorf("%s: %d queries", c.name, n)
		}
	}
}

// A round is written in a number of statements that does not grow with services, but
// for inserts of sixteen rows each; a decision that says what the last one said writes
// no row of its own.
func TestARoundIsWrittenInFewStatements(t *testing.T) {
	counting := &countingDriver{Driver: defaultDriver()}
	s := openIn(t, memoryDir(t), func(o *options) { o.driver = counting })
	ctx := t.Context()
	at := benchStart.Truncate(time.Minute)
	round := func(services int) (plans, demand int64) {
		t.Helper()
		p := forescale.Plan{At: at}
		var samples []forescale.Sample
		var points []forescale.DemandPoint
		for i := range services {
			name := fmt.Sprintf("service-%05d", i)
			p.Services = append(p.Services, forescale.ServicePlan{Service: name, MadeAt: at, Decision: benchDecision(name, at)})
			samples = append(samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindService, Name: name, Service: name},
				Metric: forescale.MetricLoad, Time: at, Value: 3})
			points = append(points, forescale.DemandPoint{Service: name, Metric: forescale.MetricLoad, Time: at, Value: 3, Reporting: 1, Ready: 1})
		}
		if err := s.Append(ctx, samples); err != nil {
			t.Fatal(err)
		}
		cells, err := s.DirtyCells(ctx, 1000)
		if err != nil || len(cells) != services {
			t.Fatalf("%d cells, %v", len(cells), err)
		}
		before := counting.run.Load()
		if err := s.SaveDemand(ctx, cells, points); err != nil {
			t.Fatal(err)
		}
		demand = counting.run.Load() - before
		before = counting.run.Load()
		if err := s.RecordPlan(ctx, p, nil); err != nil {
			t.Fatal(err)
		}
		plans = counting.run.Load() - before
		at = at.Add(time.Minute)
		return plans, demand
	}
	round(160) // lines and decisions are made
	fewPlans, fewDemand := round(16)
	manyPlans, manyDemand := round(160)
	t.Logf("of 16 services %d and %d statements, of 160 %d and %d", fewPlans, fewDemand, manyPlans, manyDemand)
	if manyPlans-fewPlans != 9 || manyDemand-fewDemand != 9 { // nine more inserts
		t.Errorf("144 services more take %d statements more for plans and %d for demand, want 9 and 9", manyPlans-fewPlans, manyDemand-fewDemand)
	}
	ds, err := s.Decisions(ctx, forescale.DecisionQuery{Limit: 1000})
	if err != nil || len(ds) != 160 {
		t.Fatalf("%d decisions, %v, want 160", len(ds), err)
	}
	for _, d := range ds {
		want := 1 // in the last round
		if d.Service < "service-00016" {
			want = 2
		}
		if d.Repeats != want || !d.LastAt.Equal(at.Add(-time.Minute)) {
			t.Fatalf("%+v repeats %d times, want %d", d, d.Repeats, want)
		}
	}
}

// The questions of each step must be answered from an index, not by reading a
// table that grows with history.
func TestQuestionsOfEachStepScanNoHistory(t *testing.T) {
	s := openIn(t, memoryDir(t))
	for _, c := range []struct {
		query string
		never []string // in its plan
	}{
		{selectDemand + " WHERE minute >= 1 ORDER BY service, metric, minute", []string{"SCAN demand", "TEMP B-TREE"}},
		{selectSamples + " WHERE at >= 1 AND at < 2 ORDER BY at, kind, name, service, metric", []string{"SCAN sample"}},
		{"SELECT " + decisionColumns + " FROM decision WHERE newest = 1 ORDER BY service", []string{"TEMP B-TREE"}},
		{"SELECT id FROM instance WHERE ended IS NULL ORDER BY service, ordered_at, id", []string{"TEMP B-TREE"}},
		{"SELECT id FROM decision WHERE service = 'a' AND outcome = 'pending' ORDER BY seq DESC", []string{"TEMP B-TREE"}},
	} {
		plan, err := readAll(t.Context(), s.reader, func(r row) (line string, err error) {
			var a, b, c any
			return line, r.Scan(&a, &b, &c, &line)
		}, "EXPLAIN QUERY PLAN "+c.query)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "; ")
		for _, bad := range c.never {
			if strings.Contains(text, bad) {
				t.Errorf("%s\n%s", c.query, text)
			}
		}
		if strings.HasPrefix(text, "SCAN decision") && !strings.Contains(text, "USING INDEX decision_newest") {
			t.Errorf("%s\n%s", c.query, text)
		}
	}
}

// BenchmarkStep measures what the loop asks and writes in one step for 1,000
// services.
func BenchmarkStep(b *testing.B) {
	const services = 1000
	s := openIn(b, b.TempDir())
	fleetOf(b, s, services)
	ctx := b.Context()
	var batch []forescale.Sample // 10 instances of each service report two metrics
	for i := range services * 10 {
		name := fmt.Sprintf("service-%05d", i/10)
		for _, m := range []forescale.Metric{forescale.MetricUtilization, forescale.MetricLoad} {
			batch = append(batch, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: fmt.Sprint(name, "-", i%10), Service: name},
				Metric: m, Time: benchStart, Value: 50})
		}
	}
	if err := s.Append(ctx, batch); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"RecentDemand", func() error { _, err := s.RecentDemand(ctx, benchStart); return err }},
		{"LatestForecasts", func() error { _, err := s.LatestForecasts(ctx, benchStart); return err }},
		{"LatestDecisions", func() error { _, err := s.LatestDecisions(ctx); return err }},
		{"LatestPlans", func() error { _, err := s.LatestPlans(ctx); return err }},
		{"LastSamples", func() error { _, err := s.LastSamples(ctx); return err }},
		{"RecordPlan", func() error {
			p := forescale.Plan{At: benchStart}
			for i := range services {
				name := fmt.Sprintf("service-%05d", i)
				p.Services = append(p.Services, forescale.ServicePlan{Service: name, MadeAt: benchStart, Decision: benchDecision(name, benchStart.Add(time.Minute)),
					Changes: []forescale.PlanChange{{At: benchStart, Wanted: 3, Required: 3, Demand: 2.5, Code: forescale.CodeSteady}}})
			}
			return s.RecordPlan(ctx, p, nil)
		}},
		{"Append20000", func() error { return s.Append(ctx, batch) }},
		{"DirtyAndSaveDemand", func() error {
			cells, err := s.DirtyCells(ctx, services)
			if err != nil {
				return err
			}
			var points []forescale.DemandPoint
			for i := range services {
				name := fmt.Sprintf("service-%05d", i)
				cells = append(cells, forescale.Cell{Service: name, Time: benchStart})
				points = append(points, forescale.DemandPoint{Service: name, Metric: forescale.MetricLoad, Time: benchStart, Value: 1})
			}
			return s.SaveDemand(ctx, cells, points)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
