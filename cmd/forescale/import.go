package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/store"
)

// importFlags say what the rows of an import mean.
type importFlags struct {
	service  string
	as       string
	zone     string
	create   bool
	capacity float64
	again    bool
	faults   int
	format   string
	step     time.Duration // of what is counted or asked for
}

func newImport(a *app) *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Import history, so that the first day is already forecast",
		Long: `Import history from files, .gz too, from standard input (-), or from a Prometheus:

CSV with the header timestamp,series,value. A series is a service of that name, unless
  --service names one.
Access logs in the Common or Combined Log Format, as Apache and nginx write them, with
  the virtual host before each line or without. They become requests per second. All
  files of a rotated log make one log, in any order. --service names the service, or
  --host HOST=SERVICE the one of each virtual host; --path and --status pick requests.
Prometheus: --prometheus URL asks the server for a range of --query. The label "service"
  of a series, or the one that --label names, is the service.

--as says what the values are:
  load         in the service's own unit, such as requests a second; its capacity
               must be known (in the config, or --capacity with --create)
  demand       in busy instances
  utilization  in %, of one instance: the series is SERVICE/INSTANCE, or INSTANCE
               with --service; of Prometheus, --instance-label names the label

The command works on the store itself, also while forescale serve runs on it. It is
safe to repeat: a row that is there already is not doubled, and after an interruption
a CSV file goes on where it was.`,
		Example: `  forescale import history.csv.gz
  forescale import --service checkout --as demand - < history.csv
  forescale import --service web /var/log/nginx/access.log*
  ssh web1 zcat -f /var/log/nginx/access.log* | forescale import --service web --status 2xx,3xx -
  forescale import --host shop.example=shop --host blog.example=blog other_vhosts_access.log
  forescale import --prometheus http://127.0.0.1:9090 --from 28d --step 5m \
    --query 'sum by (service) (rate(http_requests_total[5m]))'`,
		Args: cobra.ArbitraryArgs, // checked below: with --prometheus there is none
	}
	at := addStoreFlags(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.service, "service", "", "the service that the values are of")
	fs.StringVar(&f.as, "as", "load", "what the values are: load, demand or utilization")
	fs.StringVar(&f.zone, "timezone", "", "IANA zone of times that name none, and of services that are created")
	fs.BoolVar(&f.create, "create", false, "register services that are not known, as forecast-only")
	fs.Float64Var(&f.capacity, "capacity", 0, "with --create: load that one instance serves at 100 %")
	fs.BoolVar(&f.again, "again", false, "start from the first row, even if the file was imported before")
	fs.IntVar(&f.faults, "max-faults", 10, "refused rows or lines to show")
	fs.StringVar(&f.format, "format", "auto", "what the files are: csv, access-log, or auto to look at their begin")
	step := durationFlag(cmd, "step", time.Minute, "of requests that are counted, or of values asked of Prometheus")
	l, p := addLogFlags(cmd), addPrometheusFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.step = time.Duration(*step)
		if err := f.check(); err != nil {
			return err
		}
		if p.url != "" {
			return a.importPrometheus(cmd, at, *f, p, args)
		}
		return a.importFiles(cmd, at, *f, l, args)
	}
	return cmd
}

// importFiles looks at what the files are, and imports them.
func (a *app) importFiles(cmd *cobra.Command, at *storeFlags, f importFlags, l *logFlags, paths []string) error {
	switch {
	case len(paths) == 0:
		return usage("FILE is missing", fmt.Sprintf("write: %s, or name a server with --prometheus; see `%s --help`", cmd.UseLine(), cmd.CommandPath()))
	case len(paths) > 1 && slices.Contains(paths, "-"):
		return usage("standard input and files", "import one after the other")
	}
	if err := onlyWith(cmd, "--prometheus", prometheusFlagNames); err != nil {
		return err
	}
	zone, err := f.location()
	if err != nil {
		return err
	}
	var files []*history
	defer func() {
		for _, in := range files {
			in.close()
		}
	}()
	logs := 0
	for _, path := range paths {
		in, err := a.openHistory(path, zone)
		if err != nil {
			return err
		}
		files = append(files, in)
		log := f.format == formatAccessLog
		if f.format == formatAuto {
			if log, err = in.isAccessLog(); err != nil {
				return err
			}
		}
		if log {
			logs++
		}
	}
	switch {
	case logs == 0:
		if err := onlyWith(cmd, "access logs", append(logFlagNames, "step")); err != nil {
			return err
		}
	case logs < len(files):
		return usage("some of the files are access logs, and some are not", "import them one after the other, or say what all are with --format access-log")
	default:
		if err := l.check(f); err != nil {
			return err
		}
	}
	return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
		if logs > 0 {
			return a.importLogs(ctx, s, f, *l, files)
		}
		for _, in := range files {
			if err := a.importFile(ctx, s, f, in); err != nil {
				return err
			}
		}
		return nil
	})
}

// onlyWith refuses flags that say something about another kind of input.
func onlyWith(cmd *cobra.Command, what string, names []string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return usage(fmt.Sprintf("--%s goes with %s", name, what), "leave it out; nothing was imported")
		}
	}
	return nil
}

// What files can be.
const (
	formatAuto      = "auto"
	formatHistory   = "csv"
	formatAccessLog = "access-log"
)

func (f importFlags) check() error {
	switch {
	case f.as != "load" && f.as != "demand" && f.as != "utilization":
		return usage(fmt.Sprintf("%q is not what values can be", f.as), "use --as load, demand or utilization")
	case f.service != "" && !forescale.ValidName(f.service):
		return usage(fmt.Sprintf("%q is not a service name", f.service), "use up to 42 lower-case letters, digits and inner hyphens")
	case f.format != formatAuto && f.format != formatHistory && f.format != formatAccessLog:
		return usage(fmt.Sprintf("%q is no format", f.format), "use --format csv, access-log or auto")
	case f.capacity < 0 || f.capacity > 0 && !f.create:
		return usage("--capacity goes with --create", "the capacity of a known service is in its config")
	}
	_, err := f.location()
	return err
}

// location is the zone of times that name none; nil when none was given.
func (f importFlags) location() (*time.Location, error) {
	if f.zone == "" {
		return nil, nil
	}
	return zoneOf(f.zone)
}

// importBatch is how many rows one commit holds.
const importBatch = 5000

// importer is one run of import.
type importer struct {
	flags importFlags
	store store.Store
	now   time.Time

	services map[string]forescale.Service // looked up so far
	only     string                       // with --service: the one series of a load or demand file
	batch    []forescale.Sample
	rows     int64 // read of the input, those of earlier runs included
	stored   int64 // in this run
	gaps     int64 // rows without a value
	refused  forescale.Faults
	refusals int64
	series   map[string]*seriesSummary
	order    []string
}

// newImporter has imported nothing yet.
func (a *app) newImporter(s store.Store, f importFlags) *importer {
	return &importer{flags: f, store: s, now: a.clock.Now(), services: map[string]forescale.Service{}, series: map[string]*seriesSummary{}}
}

// feed is where the rows of an import come from.
type feed struct {
	name  string // as in faults
	rows  iter.Seq2[collector.HistoryRow, error]
	print string        // its fingerprint
	done  int64         // rows of it that are in from earlier runs
	again func() string // what to do after an interruption
	bar   *progress
}

func (a *app) importHistory(ctx context.Context, s store.Store, f importFlags, path string) error {
	zone, err := f.location()
	if err != nil {
		return err
	}
	in, err := a.openHistory(path, zone)
	if err != nil {
		return err
	}
	defer in.close()
	return a.importFile(ctx, s, f, in)
}

// importFile imports a CSV file.
func (a *app) importFile(ctx context.Context, s store.Store, f importFlags, file *history) error {
	print, err := file.fingerprint(f)
	if err != nil {
		return err
	}
	in := feed{name: file.name, rows: file.rows(), print: print, again: func() string {
		if file.stream {
			return "send the same input again: rows that are there are not doubled"
		}
		return "run the same command again: it goes on from there"
	}}
	if !f.again {
		if in.done, err = s.ImportProgress(ctx, print); err != nil {
			return fmt.Errorf("read the progress of earlier imports: %w", err)
		}
	}
	in.bar = a.progress(file.size, file.read)
	im := a.newImporter(s, f)
	if err := a.importFeed(ctx, im, in); err != nil {
		return err
	}
	defer a.hintNext()
	return a.importSummary(im, in.name, in.done)
}

func (a *app) hintNext() {
	a.hint("A server that runs on this store makes new forecasts within a minute. Next: forescale services")
}

// importFeed imports all rows of a feed, and records the run.
func (a *app) importFeed(ctx context.Context, im *importer, in feed) error {
	run := forescale.Run{ID: fmt.Sprintf("import-%d-%s", im.now.UnixMilli(), in.print[:8]), Kind: "import", StartedAt: im.now, State: forescale.RunRunning}
	if err := im.store.SaveRun(ctx, run); err != nil {
		in.bar.finish()
		return fmt.Errorf("record the run: %w", err)
	}
	err := im.run(ctx, in)
	in.bar.finish()
	run.Done, run.Failed, run.EndedAt, run.State = int(im.stored), int(im.refusals), a.clock.Now(), forescale.RunDone
	if err != nil {
		run.State = forescale.RunFailed
		run.Error = oneLine(err.Error())
	}
	err = errors.Join(err, im.store.SaveRun(context.WithoutCancel(ctx), run))
	if ctx.Err() != nil {
		return im.interrupted(ctx, in)
	}
	return err
}

// run reads rows and keeps them batch by batch; those that are in are skipped.
func (im *importer) run(ctx context.Context, in feed) error {
	for row, err := range in.rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && row.Line == 0 {
			return errors.Join(err, im.flush(ctx, in.print))
		}
		im.rows++
		if im.rows > in.done {
			if err == nil {
				err = im.take(ctx, in.name, row)
			}
			var f *forescale.Fault
			switch {
			case errors.As(err, &f) && f.Code != "service_unknown" && f.Code != "capacity_unknown" && f.Code != "series_many":
				im.refuse(f)
			case err != nil:
				im.rows-- // this row is to be read again
				return errors.Join(err, im.flush(ctx, in.print))
			}
		}
		if len(im.batch) >= importBatch {
			if err := im.flush(ctx, in.print); err != nil {
				return err
			}
		}
	}
	return im.flush(ctx, in.print)
}

// take turns a row into a sample of the batch.
func (im *importer) take(ctx context.Context, name string, r collector.HistoryRow) error {
	where := fmt.Sprintf("%s:%d", name, r.Line)
	if r.Line == 0 { // it was counted, or comes from a server
		where = fmt.Sprintf("%s, %s at %s", name, oneLine(r.Series), stamp(r.Time))
	}
	if r.Gap {
		im.gaps++
		return nil
	}
	subject, metric, err := im.subject(ctx, r.Series, where)
	if err != nil {
		return err
	}
	s := forescale.Sample{Subject: subject, Metric: metric, Time: r.Time.UTC(), Value: r.Value}
	err = s.ValidateValue()
	if err == nil && s.Time.After(im.now.Add(forescale.MaxAhead)) {
		err = &forescale.Fault{Code: "sample_from_future", What: fmt.Sprintf("time %s is ahead of this machine's clock", stamp(s.Time)), Help: "history is of the past; check the year and the zone"}
	}
	var f *forescale.Fault
	if errors.As(err, &f) {
		g := *f
		g.Where = where
		return &g
	}
	im.batch = append(im.batch, s)
	im.summary(r.Series).add(s.Time)
	return nil
}

// subject is what a series is about, and what its values mean.
func (im *importer) subject(ctx context.Context, series, where string) (forescale.Subject, forescale.Metric, error) {
	service, instance := series, ""
	if im.flags.as == "utilization" {
		instance = series
		if im.flags.service == "" {
			service, _, _ = strings.Cut(series, "/")
			_, instance, _ = strings.Cut(series, "/")
			instance = firstOf(instance, service)
		}
	}
	if im.flags.service != "" {
		service = im.flags.service
		if im.only == "" {
			im.only = series
		}
		if instance == "" && series != im.only {
			return forescale.Subject{}, "", &forescale.Fault{Code: "series_many", Where: where,
				What: fmt.Sprintf("the file holds several series (%q, %q), but one service was named", im.only, series),
				Help: "leave --service out when the series are services; the rows before are kept"}
		}
	}
	s, err := im.lookUp(ctx, service, where)
	switch {
	case err != nil:
		return forescale.Subject{}, "", err
	case im.flags.as == "utilization":
		return forescale.Subject{Kind: forescale.KindInstance, Name: instance, Service: service}, forescale.MetricUtilization, nil
	case im.flags.as == "demand":
		return forescale.Subject{Kind: forescale.KindService, Name: service, Service: service}, forescale.MetricDemand, nil
	case s.Capacity == 0:
		return forescale.Subject{}, "", &forescale.Fault{Code: "capacity_unknown", What: fmt.Sprintf("load of %q cannot be read as demand: its capacity is not known", service), Where: where,
			Help: "set capacity for it in the config, or say what the values are with --as demand"}
	}
	return forescale.Subject{Kind: forescale.KindService, Name: service, Service: service}, forescale.MetricLoad, nil
}

// lookUp finds the service, or registers it if that was asked for.
func (im *importer) lookUp(ctx context.Context, name, where string) (forescale.Service, error) {
	if s, ok := im.services[name]; ok {
		return s, nil
	}
	s, err := im.store.Service(ctx, name)
	if errors.Is(err, forescale.ErrNotFound) {
		if s, err = im.register(ctx, name, where); err != nil {
			return s, err
		}
	}
	if err != nil {
		return s, fmt.Errorf("look up service %s: %w", name, err)
	}
	im.services[name] = s
	return s, nil
}

func (im *importer) register(ctx context.Context, name, where string) (forescale.Service, error) {
	if !im.flags.create || !forescale.ValidName(name) {
		help := "add it to the config, or register it with --create"
		if s := im.nearestService(ctx, name); s != "" {
			help = fmt.Sprintf("did you mean %q? Else %s", s, help)
		}
		if im.rows > 1 {
			help += "; the rows before it are in, run the command again then"
		}
		if !forescale.ValidName(name) {
			help = "name the service with --service: a service's name has up to 42 lower-case letters, digits and inner hyphens"
		}
		return forescale.Service{}, &forescale.Fault{Code: "service_unknown", What: fmt.Sprintf("there is no service %q", name), Where: where, Help: help}
	}
	s := forescale.Service{Name: name, TimeZone: im.flags.zone, Capacity: im.flags.capacity}.WithDefaults()
	if err := s.Validate(); err != nil {
		return s, err
	}
	return im.store.PutService(ctx, s, 0)
}

// nearestService is the registered service with the most similar name, "" if none is.
func (im *importer) nearestService(ctx context.Context, name string) string {
	known, err := im.store.ListServices(ctx)
	if err != nil {
		return ""
	}
	names := make([]string, len(known))
	for i, s := range known {
		names[i] = s.Name
	}
	return nearest(name, names)
}

// flush keeps the batch and the progress in one commit.
func (im *importer) flush(ctx context.Context, print string) error {
	if im.rows == 0 {
		return nil // nothing was read
	}
	if err := im.store.AppendImport(ctx, print, im.rows, im.batch); err != nil {
		return fmt.Errorf("keep rows: %w", err)
	}
	im.stored += int64(len(im.batch))
	im.batch = im.batch[:0]
	return nil
}

func (im *importer) refuse(f *forescale.Fault) {
	im.refusals++
	if len(im.refused) < im.flags.faults {
		im.refused = append(im.refused, f)
	}
}

// interrupted tells how far the import came.
func (im *importer) interrupted(ctx context.Context, in feed) error {
	done, err := im.store.ImportProgress(context.WithoutCancel(ctx), in.print)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	f := &forescale.Fault{Code: "interrupted", What: fmt.Sprintf("stopped after %s rows; they are kept", thousands(done)), Where: in.name, Help: in.again(), Err: ctx.Err()}
	if done == 0 {
		f.What = "stopped before any row was kept"
	}
	return f
}
