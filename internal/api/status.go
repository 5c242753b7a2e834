package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// StatusView is how a service is now.
type StatusView struct {
	State       string        `json:"state" enum:"fine,warn,bad" doc:"The worst of its parts"`
	StateReason string        `json:"state_reason" doc:"The part, in words; empty when fine"`
	Ready       int           `json:"ready" doc:"Ready and taking load"`
	Unready     int           `json:"unready" doc:"Were ready, and take no load now: their readiness probe or health check fails"`
	Starting    int           `json:"starting"`
	Draining    int           `json:"draining"`
	Wanted      int           `json:"wanted"`
	Rollout     *RolloutView  `json:"rollout" doc:"How far instances follow the template; null where there are no roll-outs"`
	Required    int           `json:"required" doc:"What the live demand asks for, before limits"`
	Busy        *float64      `json:"busy" doc:"Live demand in busy instances"`
	Utilization *float64      `json:"utilization" doc:"Busy over ready, in %"`
	Limit       float64       `json:"limit" doc:"Of the band for as many as are ready, in %"`
	LastSample  *time.Time    `json:"last_sample"`
	Paused      *PausedView   `json:"paused"`
	Lead        string        `json:"lead" doc:"From ordering an instance until it is ready, and one planning step"`
	Next        *NextView     `json:"next" doc:"The next change of the plan"`
	Decision    *DecisionView `json:"decision" doc:"The newest one"`
	Forecast    *SummaryView  `json:"forecast" doc:"The newest one, without its values"`
}

// PausedView is the pause that holds.
type PausedView struct {
	By    string    `json:"by"`
	Until time.Time `json:"until"`
	Note  string    `json:"note"`
}

// NextView is a change ahead.
type NextView struct {
	At      time.Time      `json:"at"`
	From    int            `json:"from"`
	To      int            `json:"to"`
	Code    forescale.Code `json:"code"`
	Message string         `json:"message"`
}

// SummaryView tells about a forecast.
type SummaryView struct {
	Metric   forescale.Metric `json:"metric"`
	Model    string           `json:"model"`
	Issued   time.Time        `json:"issued"`
	Until    time.Time        `json:"until"`
	Warnings []string         `json:"warnings" nullable:"false"`
	Score    ScoreView        `json:"score"`
}

// ScoreView is how the model did in its back-test.
type ScoreView struct {
	Pinball  float64 `json:"pinball" doc:"Mean pinball loss in busy instances; 0 when not tested"`
	Naive    float64 `json:"naive" doc:"The same for last week's value"`
	Coverage float64 `json:"coverage" doc:"Share of truths inside the outer quantiles"`
	Tested   int     `json:"tested" doc:"Steps compared"`
}

func viewSummary(f forescale.Forecast) SummaryView {
	return SummaryView{Metric: f.Metric, Model: f.Model, Issued: f.Issued.UTC(), Until: f.End().UTC(), Warnings: warnings(f), Score: viewScore(f.Score)}
}

func viewScore(s forescale.Score) ScoreView {
	return ScoreView{Pinball: s.Pinball, Naive: s.Naive, Coverage: s.Coverage, Tested: s.Tested}
}

func warnings(f forescale.Forecast) []string {
	if f.Warnings == nil {
		return []string{}
	}
	return f.Warnings
}

// freshDemand is how old a point may be to be called the live demand: some cells,
// since the newest are still being filled, or some rounds where those are farther apart.
const (
	freshDemand = 3 * forescale.DemandStep
	freshRounds = 3
)

// liveFrom is the begin of the first cell that may tell the live demand.
func (w *world) liveFrom() time.Time {
	return w.now.Add(-max(freshDemand, freshRounds*w.interval) - forescale.DemandStep)
}

// maxHorizon bounds how old a forecast may be and still reach beyond now.
const maxHorizon = 49 * time.Hour

// world is what the status of services is worked out from, read at one time.
type world struct {
	now       time.Time
	interval  time.Duration
	services  []forescale.Service
	instances map[string][]forescale.Instance // live ones
	demand    map[string][]forescale.DemandPoint
	last      map[string]time.Time
	forecasts map[string][]outlook
	decisions map[string]forescale.Decision
	plans     map[string]forescale.ServicePlan
	drifted   map[string]forescale.Drift // those whose forecasts have drifted
	pauses    []forescale.Pause
}

// outlook is what a status needs of a forecast: its values would weigh a hundred
// times as much.
type outlook struct {
	SummaryView
	median  float64 // for now
	reaches bool    // there is one
}

// world reads what the status of all services needs.
func (a *API) world(ctx context.Context) (*world, error) {
	ss, err := a.store.ListServices(ctx)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	return a.read(ctx, ss, nil)
}

// worldOf reads what the status of these services needs.
func (a *API) worldOf(ctx context.Context, ss []forescale.Service) (*world, error) {
	return a.read(ctx, ss, forescale.ServiceNames(ss))
}

// read reads what is about the named services, or all when names is nil: one query
// a kind, and one for the forecasts of every few hundred services.
func (a *API) read(ctx context.Context, ss []forescale.Service, names []string) (*world, error) {
	w := &world{now: a.now(), interval: a.cfg.Interval, services: ss,
		instances: map[string][]forescale.Instance{}, demand: map[string][]forescale.DemandPoint{},
		forecasts: map[string][]outlook{}, decisions: map[string]forescale.Decision{}, plans: map[string]forescale.ServicePlan{},
		drifted: map[string]forescale.Drift{}}
	if len(ss) == 0 {
		return w, nil
	}
	is, err := a.store.Instances(ctx, forescale.InstanceQuery{Services: names, Live: true})
	if err != nil {
		return nil, fmt.Errorf("read instances: %w", err)
	}
	for _, i := range is {
		w.instances[i.Service] = append(w.instances[i.Service], i)
	}
	if w.last, err = a.store.LastSamples(ctx, names...); err != nil {
		return nil, fmt.Errorf("read last samples: %w", err)
	}
	ps, err := a.store.LatestPlans(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("read plans: %w", err)
	}
	for _, p := range ps {
		w.plans[p.Service] = p
	}
	ts, err := a.store.Tracks(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("read how far forecasts are scored: %w", err)
	}
	for _, t := range ts {
		if t.Drift.Alarm != forescale.AlarmNone {
			w.drifted[t.Service] = t.Drift
		}
	}
	if w.pauses, err = a.store.Pauses(ctx, w.now); err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	ds, err := a.store.LatestDecisions(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	for _, d := range ds {
		w.decisions[d.Service] = d
	}
	points, err := a.store.RecentDemand(ctx, w.liveFrom(), names...)
	if err != nil {
		return nil, fmt.Errorf("read demand: %w", err)
	}
	for _, p := range points {
		w.demand[p.Service] = append(w.demand[p.Service], p)
	}
	return w, w.readForecasts(ctx, a.store)
}

// forecastsAtOnce bounds the services whose forecasts are in memory at one time.
const forecastsAtOnce = 500

func (w *world) readForecasts(ctx context.Context, st Store) error {
	for some := range slices.Chunk(forescale.ServiceNames(w.services), forecastsAtOnce) {
		fs, err := st.LatestForecasts(ctx, w.now.Add(-maxHorizon), some...)
		if err != nil {
			return fmt.Errorf("read forecasts: %w", err)
		}
		for _, f := range fs {
			o := outlook{SummaryView: viewSummary(f)}
			o.median, o.reaches = f.At(w.now, 0.5)
			w.forecasts[f.Service] = append(w.forecasts[f.Service], o)
		}
	}
	return nil
}

// metricsOf are the metrics that the demand of s may be read from, the primary
// one first.
func metricsOf(s forescale.Service) []forescale.Metric {
	switch {
	case len(s.Metrics) > 0:
		return s.Metrics
	case s.Capacity > 0:
		return []forescale.Metric{forescale.MetricLoad, forescale.MetricUtilization, forescale.MetricCPU}
	default:
		return []forescale.Metric{forescale.MetricUtilization, forescale.MetricCPU}
	}
}

// busy is the live demand of a service, and by which metric. Of the metrics that
// it names the largest counts; when it names none, the first that is there.
func (w *world) busy(s forescale.Service) (p forescale.DemandPoint, ok bool) {
	for _, m := range metricsOf(s) {
		var newest forescale.DemandPoint
		for _, q := range w.demand[s.Name] {
			if q.Metric == m && !q.Time.Before(newest.Time) && !q.Time.Before(w.liveFrom()) && !q.Time.After(w.now) {
				newest = q
			}
		}
		if newest.Time.IsZero() {
			continue
		}
		if !ok || newest.Value > p.Value {
			p, ok = newest, true
		}
		if len(s.Metrics) == 0 {
			break
		}
	}
	return p, ok
}

// forecast is the forecast of the primary metric, or the first that is there.
func (w *world) forecast(s forescale.Service) (outlook, bool) {
	for _, m := range metricsOf(s) {
		for _, f := range w.forecasts[s.Name] {
			if f.Metric == m {
				return f, true
			}
		}
	}
	return outlook{}, false
}

// status works out how a service is.
func (w *world) status(s forescale.Service) StatusView {
	v := StatusView{State: "fine", Lead: (s.Warmup + w.interval).String(), LastSample: some(w.last[s.Name])}
	for _, i := range w.instances[s.Name] {
		switch i.State {
		case forescale.InstanceReady:
			if i.Supply(w.now) {
				v.Ready++
			} else {
				v.Unready++
			}
		case forescale.InstanceStarting:
			v.Starting++
		case forescale.InstanceDraining:
			v.Draining++
		}
	}
	v.Rollout = w.rollout(s.Name)
	v.Limit = bandOf(s).Upper(v.Ready)
	v.Wanted = v.Ready + v.Starting
	loc := s.Location()
	if d, ok := w.decisions[s.Name]; ok {
		view := viewDecision(d, loc)
		v.Decision, v.Wanted, v.Required = &view, d.To, d.Required
	}
	if p, ok := w.busy(s); ok {
		v.Busy = number(p.Value)
		v.Required = bandOf(s).Required(p.Value)
		if v.Ready > 0 {
			v.Utilization = number(100 * p.Value / float64(v.Ready))
		}
	}
	for _, p := range w.pauses {
		if p.Covers(s.Name, w.now) && (v.Paused == nil || p.Until.After(v.Paused.Until)) {
			v.Paused = &PausedView{By: p.By, Until: p.Until.UTC(), Note: p.Note}
		}
	}
	if p, ok := w.plans[s.Name]; ok {
		v.Lead = p.Lead.String()
		v.Next = w.next(p, loc)
	}
	if f, ok := w.forecast(s); ok {
		v.Forecast = &f.SummaryView
	}
	v.State, v.StateReason = w.state(s, v)
	return v
}

// next is the first change of the plan that is still ahead.
func (w *world) next(p forescale.ServicePlan, loc *time.Location) *NextView {
	for i := 1; i < len(p.Changes); i++ {
		c, before := p.Changes[i], p.Changes[i-1]
		if c.At.After(w.now) && c.Wanted != before.Wanted {
			return &NextView{At: c.At.UTC(), From: before.Wanted, To: c.Wanted, Code: c.Code, Message: p.ChangeSentence(i, loc)}
		}
	}
	return nil
}

// state is the worst of a service's parts, and that part in words.
func (w *world) state(s forescale.Service, v StatusView) (state, reason string) {
	type part struct {
		rank   int
		reason string
	}
	var parts []part
	bad := func(format string, args ...any) { parts = append(parts, part{2, fmt.Sprintf(format, args...)}) }
	warn := func(format string, args ...any) { parts = append(parts, part{1, fmt.Sprintf(format, args...)}) }

	if s.Mode == forescale.ModeOff {
		return "fine", ""
	}
	silent := w.now.Sub(w.last[s.Name])
	switch {
	case v.LastSample == nil:
		warn("no sample received yet")
	case silent > max(s.Missing.Hold, time.Minute):
		warn("no sample for %s", human(silent))
	case v.Busy != nil && v.Ready > 0 && v.Required > v.Ready && v.Required > s.Max:
		bad("short: %d required, max is %d", v.Required, s.Max)
	case v.Busy != nil && v.Ready > 0 && v.Required > v.Ready:
		bad("short: %d required, %d ready", v.Required, v.Ready)
	}
	if d, ok := w.decisions[s.Name]; ok {
		if d.Outcome == forescale.OutcomeFailed {
			bad("the last action failed: %s", d.Error)
		}
		switch d.Code() {
		case forescale.CodeStartFailing:
			bad("starts fail again and again")
		case forescale.CodeHoldBlind:
			warn("the world could not be read in full; nothing is changed")
		case forescale.CodeMaxBound:
			warn("more are required than max allows")
		}
		for _, r := range d.Alerts() {
			switch r.Code {
			case forescale.CodeCrashLoop:
				bad("instances end again and again soon after they were ready")
			case forescale.CodeRolloutBack:
				warn("the changed template was taken back: %s", r.Words["why"])
			case forescale.CodeSecondWriter:
				warn("somebody else changes the same instances")
			case forescale.CodeWarmupLong:
				warn("starting takes longer than the forecast reaches")
			case forescale.CodeBudgetCapped, forescale.CodeBudgetReserved:
				if d.To < s.Min {
					bad("budget %s does not pay for min %d", r.Words["budget"], s.Min)
				} else {
					warn("budget %s does not pay for more", r.Words["budget"])
				}
			}
		}
	}
	if d, ok := w.drifted[s.Name]; ok {
		warn("%s", strings.TrimSuffix(d.Sentence(s.Location()), "."))
	}
	if len(parts) == 0 {
		return "fine", ""
	}
	worst := slices.MaxFunc(parts, func(a, b part) int { return cmp.Compare(a.rank, b.rank) })
	return [...]string{"fine", "warn", "bad"}[worst.rank], worst.reason
}

// human is a duration as people say it: "7 min", "3 h 20 min".
func human(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}
