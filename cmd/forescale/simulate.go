package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/memory"
)

// simulateRequest is what `simulate` was asked for.
type simulateRequest struct {
	traces               []string
	series               string
	policies             []sim.Policy
	config               string
	service              forescale.Service // of the flags
	step                 time.Duration
	interval             time.Duration
	from, to, trainUntil string
	zone                 *time.Location
	seed                 uint64
	world                worldRequest
	budget, price        string
	share                float64 // of what predictive costs without a budget; 0: none
	timeline             string
	report               format
}

func newSimulate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate --trace FILE --capacity LOAD",
		Short: "Replay a trace: what would forescale, and others, have done",
		Long: `Replay the load of a history file in a simulated world and measure how well each policy
would have followed it. predictive is forescale itself: the same loop, planner and
store as in serve. The others are what people use today; oracle knows the future and is
the physical limit.

Policies learn from what lies before --train-until, act from then on, and are measured
from --from to --to. A simulation is exact for a seed, and what comes later in the trace
never changes what was done before (but for oracle).

The world obeys unless it is told otherwise: starts can take as long as was measured, pull
images and fail, instances and nodes die, metrics are missing or noisy. All policies
that act meet the same world; oracle and the static ones know nothing of it.

With several traces or policies --timeline names a folder, which gets one file each.`,
		Example: "  forescale simulate --trace load.csv.gz --capacity 40 --warmup 3m --policy predictive,hpa,oracle\n" +
			"  forescale simulate --trace load.csv --config forescale.yaml --series checkout --timeline out.csv --report json",
		Args: wants(),
	}
	r := simulateRequest{report: formatTable, service: forescale.Service{Name: "service"}}
	var policies, zone, report string
	fs := cmd.Flags()
	fs.StringSliceVar(&r.traces, "trace", nil, "history file, or - for standard input; can be given several times")
	fs.StringVar(&r.series, "series", "", "series of the file; can be left out when there is only one")
	fs.StringVar(&policies, "policy", string(sim.Predictive), "policies with commas, or all: "+policyNames(", "))
	fs.StringVar(&r.config, "config", "", "take the service from this config file: the one named like the series")
	fs.Float64Var(&r.service.Capacity, "capacity", 0, "load that one instance serves at 100 %, in the trace's unit")
	warmup := durationFlag(cmd, "warmup", 3*time.Minute, "from the start of an instance until it is ready")
	fs.IntVar(&r.service.Min, "min", 1, "never fewer instances")
	fs.IntVar(&r.service.Max, "max", 1000, "never more instances")
	fs.Float64Var(&r.service.Objective, "objective", 0.99, "share of time in which the demand must fit the band")
	step := durationFlag(cmd, "step", time.Minute, "width of a row; the trace is averaged to it")
	interval := durationFlag(cmd, "interval", time.Minute, "between two planning steps of predictive")
	fs.StringVar(&r.trainUntil, "train-until", "", "end of what may be learned from (default: two weeks of the trace, at most half of it)")
	fs.StringVar(&r.from, "from", "", "measure from this time on (default: --train-until)")
	fs.StringVar(&r.to, "to", "", "and up to this one (default: the trace's end)")
	fs.StringVar(&zone, "timezone", "UTC", "IANA zone whose days and weeks the patterns follow, and of times that name none")
	fs.Uint64Var(&r.seed, "seed", 1, "of all that is random")
	fs.StringVar(&r.budget, "budget", "", "money per month that predictive has to keep to, such as 500, or a share of what it costs without, such as 80%")
	fs.StringVar(&r.price, "price-per-hour", "", "of one instance (default: 1 with --budget, and that of the service with --config)")
	r.world.flags(cmd)
	fs.StringVar(&r.timeline, "timeline", "", "CSV file to write with a row for each step, or a folder")
	fs.StringVar(&report, "report", "table", "table or json, on standard output")
	_ = cmd.RegisterFlagCompletionFunc("policy", cobra.FixedCompletions(append(strings.Split(policyNames(","), ","), "all"), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("report", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("config", "capacity")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r.service.Warmup, r.step, r.interval = time.Duration(*warmup), time.Duration(*step), time.Duration(*interval)
		var err error
		if r.policies, err = parsePolicies(policies); err != nil {
			return err
		}
		if report != "table" && report != "json" {
			return usage(fmt.Sprintf("%q is not a report", report), "use --report table or json")
		}
		r.report = format(report)
		if r.zone, err = zoneOf(zone); err != nil {
			return err
		}
		r.service.TimeZone = zone
		if err := r.readMoney(); err != nil {
			return err
		}
		return a.simulate(cmd.Context(), r)
	}
	return cmd
}

func policyNames(between string) string {
	var names []string
	for _, p := range sim.Policies() {
		names = append(names, string(p))
	}
	return strings.Join(names, between)
}

// parsePolicies reads names with commas, or all.
func parsePolicies(s string) ([]sim.Policy, error) {
	if s == "all" {
		return sim.Policies(), nil
	}
	var out []sim.Policy
	for name := range strings.SplitSeq(s, ",") {
		p := sim.Policy(strings.TrimSpace(name))
		if !slices.Contains(sim.Policies(), p) {
			return nil, usage(fmt.Sprintf("%q is not a policy", name), "use all, or some of "+policyNames(", "))
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// worldTick is how finely the simulated world is worked out.
const worldTick = 10 * time.Second

func (r *simulateRequest) check() error {
	if err := r.world.check(); err != nil {
		return err
	}
	switch {
	case len(r.traces) == 0:
		return usage("there is no trace", "name a history file with --trace, or - for standard input")
	case r.config == "" && !(r.service.Capacity > 0):
		return usage("it is not known how much one instance serves", "give --capacity LOAD, in the trace's unit, or --config with a service of that name")
	case r.step%worldTick != 0 || r.step > 24*time.Hour:
		return usage(fmt.Sprintf("a step of %s is not possible", shortDuration(r.step)), "use a multiple of 10s, up to 1d")
	case r.interval%worldTick != 0:
		return usage(fmt.Sprintf("an interval of %s is not possible", shortDuration(r.interval)), "use a multiple of 10s")
	}
	return nil
}

// simulated is one policy on one trace, and what came of it.
type simulated struct {
	trace  string // file
	series string
	policy sim.Policy
	study  sim.Study
	budget float64   // share of what it costs without a budget; 0: study.Budget holds
	free   []sim.Row // with budget: what it did without
	rows   []sim.Row
	share  atomic.Int64 // done, in thousandths
}

// sharesOfOne is the whole of a simulated's share.
const sharesOfOne = 1000

func (a *app) simulate(ctx context.Context, r simulateRequest) error {
	if err := r.check(); err != nil {
		return err
	}
	var runs []*simulated
	for _, trace := range r.traces {
		study, series, err := a.study(ctx, r, trace)
		if err != nil {
			return err
		}
		for _, p := range r.policies {
			run := &simulated{trace: trace, series: series, policy: p, study: study}
			if p == sim.Predictive {
				run.budget = r.share
			}
			runs = append(runs, run)
		}
	}
	files, err := r.files(runs)
	if err != nil {
		return err
	}
	bar := a.steps(int64(len(runs)*sharesOfOne), func() (done int64) {
		for _, s := range runs {
			done += s.share.Load()
		}
		return done
	})
	err = simulateAll(ctx, runs)
	bar.finish()
	if err != nil {
		return err
	}
	for i, s := range runs {
		if files[i] != "" {
			if err := a.writeTimeline(files[i], s); err != nil {
				return err
			}
		}
	}
	return a.writeReport(r.report, runs)
}

// simulateGC trades memory, of which a simulation needs little, for time.
const simulateGC = 400

// simulateAll runs them on all cores. Each has a world and a store of its own.
func simulateAll(ctx context.Context, runs []*simulated) error {
	defer debug.SetGCPercent(debug.SetGCPercent(simulateGC))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range runs {
		group.Go(func() error {
			if err := s.run(ctx); err != nil {
				return fmt.Errorf("simulate %s on %s: %w", s.policy, s.trace, err)
			}
			s.share.Store(sharesOfOne)
			return nil
		})
	}
	return group.Wait()
}

func (s *simulated) run(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.budget == 0 {
		s.rows, err = s.once(ctx, s.study, 0, 1)
		return err
	}
	study := s.study
	study.Budget, study.From = 0, study.Train
	if s.free, err = s.once(ctx, study, 0, 0.5); err != nil {
		return err
	}
	s.study.Budget = s.study.ShareOf(sim.Cost(s.free, s.study.Service.PricePerHour, s.study.Load.Step), s.budget)
	s.free = s.free[min(s.study.Load.Index(s.study.From)-s.study.Load.Index(s.study.Train), len(s.free)):]
	if err := s.study.CheckBudget(); err != nil {
		return err
	}
	s.rows, err = s.once(ctx, s.study, 0.5, 1)
	return err
}

// once runs a study in a store of its own; it is the part [from, to) of all.
func (s *simulated) once(ctx context.Context, study sim.Study, from, to float64) (rows []sim.Row, err error) {
	store := memory.New()
	defer func() { err = errors.Join(err, store.Close()) }()
	return study.Run(ctx, s.policy, store, func(share float64) { s.share.Store(int64((from + share*(to-from)) * sharesOfOne)) })
}

// study reads a trace and says what policies are to be measured on.
func (a *app) study(ctx context.Context, r simulateRequest, trace string) (sim.Study, string, error) {
	load, series, err := a.readTrace(ctx, r, trace)
	if err != nil {
		return sim.Study{}, "", err
	}
	s := sim.Study{Service: r.service, Load: load, Seed: r.seed, Conditions: r.world.Conditions,
		Options: loop.Options{Interval: r.interval, Step: max(r.step, 5*time.Minute)}}
	if s.Warmup, err = r.world.warmup(); err != nil {
		return sim.Study{}, "", err
	}
	if r.config != "" {
		if s.Service, err = serviceOfConfig(r.config, series); err != nil {
			return sim.Study{}, "", err
		}
	} else if forescale.ValidName(series) {
		s.Service.Name = series
	}
	if err := r.setMoney(&s); err != nil {
		return sim.Study{}, "", err
	}
	s.Service = s.Service.WithDefaults()
	if err := s.Service.Validate(); err != nil {
		return sim.Study{}, "", err
	}
	if err := r.times(&s, trace); err != nil {
		return sim.Study{}, "", err
	}
	return s, series, s.CheckBudget()
}

// serviceOfConfig is the service of that name in a config file.
func serviceOfConfig(path, name string) (forescale.Service, error) {
	c, err := loadConfig(path)
	if err != nil {
		return forescale.Service{}, err
	}
	for _, e := range c.Services {
		if e.Service.Name != name {
			continue
		}
		if !(e.Service.Capacity > 0) {
			return forescale.Service{}, &forescale.Fault{Code: "capacity_unknown", Where: path, What: fmt.Sprintf("service %q has no capacity", name),
				Help: "add capacity: the load that one instance serves at 100 %"}
		}
		return e.Service, nil
	}
	return forescale.Service{}, &forescale.Fault{Code: "service_unknown", Where: path, What: fmt.Sprintf("there is no service %q", name),
		Help: "name the series of a service with --series"}
}

// learnAtMost is how much of a trace is learned from when nothing else is said.
const learnAtMost = 14 * 24 * time.Hour

// times sets from when to when.
func (r simulateRequest) times(s *sim.Study, trace string) error {
	start, end := s.Load.Start, s.Load.End()
	s.Train = start.Add(min(learnAtMost, end.Sub(start)/2)).Truncate(s.Load.Step)
	m := moment{now: end, loc: r.zone}
	for _, f := range []struct {
		flag, value string
		at          *time.Time
		or          *time.Time
	}{{"train-until", r.trainUntil, &s.Train, &s.Train}, {"from", r.from, &s.From, &s.Train}, {"to", r.to, &s.To, &end}} {
		if f.value == "" {
			*f.at = *f.or
			continue
		}
		t, err := m.parseMoment(f.value)
		if err != nil {
			return err
		}
		if t.Before(start) || t.After(end) {
			return &forescale.Fault{Code: "usage", Where: "--" + f.flag, What: fmt.Sprintf("%s is not within the trace %s", stamp(t), trace),
				Help: fmt.Sprintf("it begins at %s and ends at %s", stamp(start), stamp(end))}
		}
		*f.at = t.UTC().Truncate(s.Load.Step)
	}
	switch {
	case s.From.Before(s.Train):
		return usage("--from lies before --train-until", "what was learned from cannot be measured; move one of them")
	case !s.From.Before(s.To):
		return usage("nothing lies between --from and --to", "leave some of the trace to be measured")
	}
	return nil
}

// maxTraceRows bounds a trace: four years of minutes.
const maxTraceRows = 2_200_000

// readTrace reads one series of a history file onto the grid of the step.
func (a *app) readTrace(ctx context.Context, r simulateRequest, path string) (forescale.Series, string, error) {
	in, err := a.openHistory(path, r.zone)
	if err != nil {
		return forescale.Series{}, "", err
	}
	defer in.close()
	series := r.series
	var times []time.Time
	var values []float64
	for row, err := range in.rows() {
		switch {
		case err != nil:
			return forescale.Series{}, "", err
		case len(times)%10_000 == 0 && ctx.Err() != nil:
			return forescale.Series{}, "", ctx.Err()
		case row.Gap, series != "" && r.series != "" && row.Series != r.series:
			continue
		case series == "":
			series = row.Series
		case row.Series != series:
			return forescale.Series{}, "", &forescale.Fault{Code: "series_many", Where: in.name, What: fmt.Sprintf("the file holds several series: %s, %s", oneLine(series), oneLine(row.Series)),
				Help: "name one with --series"}
		}
		times, values = append(times, row.Time), append(values, row.Value)
	}
	if len(times) == 0 {
		what := "there is no row to replay"
		if r.series != "" {
			what = fmt.Sprintf("there is no row of the series %q", oneLine(r.series))
		}
		return forescale.Series{}, "", &forescale.Fault{Code: "history_invalid", Where: in.name, What: what, Help: "nothing was simulated"}
	}
	load, ok := sim.Record(times, values, r.step, maxTraceRows)
	if !ok {
		return forescale.Series{}, "", &forescale.Fault{Code: "history_invalid", Where: in.name, What: fmt.Sprintf("the trace is longer than %s steps of %s", thousands(maxTraceRows), shortDuration(r.step)),
			Help: "use a wider --step, or a part of the file"}
	}
	return load, series, nil
}
