package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/store"
)

// logFlags say what counts of an access log.
type logFlags struct {
	hosts    []string
	paths    []string
	statuses []string
	percent  float64
	bad      float64

	services map[string]string // host → service, after check; nil: --service alone
	holds    collector.Statuses
}

var logFlagNames = []string{"host", "path", "status", "percent", "bad-lines"}

func addLogFlags(cmd *cobra.Command) *logFlags {
	l := &logFlags{}
	fs := cmd.Flags()
	fs.StringArrayVar(&l.hosts, "host", nil, "access log: virtual host that counts, for --service, or HOST=SERVICE; again for more")
	fs.StringArrayVar(&l.paths, "path", nil, "access log: count requests whose path begins so; again for more")
	fs.StringSliceVar(&l.statuses, "status", nil, "access log: count requests with such a status, as 2xx,3xx,404")
	fs.Float64Var(&l.percent, "percent", 100, "access log: what a request counts, in %: 30 when the service gets 30 % of them, 1000 when one in ten is logged")
	fs.Float64Var(&l.bad, "bad-lines", 1, "access log: lines that may be no such, in %; with more nothing is imported")
	return l
}

// check reads the flags once it is known that they are about access logs.
func (l *logFlags) check(f importFlags) (err error) {
	var bad string
	l.holds, bad = collector.ParseStatuses(l.statuses)
	switch {
	case bad != "":
		return usage(fmt.Sprintf("%q is not a status", bad), "write --status 2xx, 404 or several with commas")
	case f.as != "load":
		return usage("an access log tells load, not "+f.as, "leave --as out")
	case f.step < time.Second || f.step%time.Second != 0 || time.Hour%f.step != 0:
		return usage(fmt.Sprintf("requests cannot be counted over %s", shortDuration(f.step)), "use a --step that divides an hour, such as 1m or 5m")
	case !(l.percent > 0 && l.percent <= 1e6):
		return usage(fmt.Sprintf("a request cannot count %g %%", l.percent), "use a --percent above 0, up to 1000000")
	case !(l.bad >= 0 && l.bad < 100):
		return usage(fmt.Sprintf("--bad-lines %g", l.bad), "use 0 to less than 100 %")
	case f.service == "" && len(l.hosts) == 0:
		return usage("the service of the access log is not named", "name it with --service, or with --host HOST=SERVICE where lines begin with a virtual host")
	}
	for _, p := range l.paths {
		if !strings.HasPrefix(p, "/") {
			return usage(fmt.Sprintf("%q is not the begin of a path", p), "write --path /cart")
		}
	}
	for _, h := range l.hosts {
		host, service, named := strings.Cut(h, "=")
		if !named {
			service = f.service
		}
		switch {
		case named && f.service != "":
			return usage(fmt.Sprintf("--host %s and --service", h), "name the services with --host HOST=SERVICE, or one with --service and its hosts with --host HOST")
		case service == "":
			return usage(fmt.Sprintf("the service of --host %s is not named", h), "write --host HOST=SERVICE, or name one with --service")
		case !forescale.ValidName(service):
			return usage(fmt.Sprintf("%q is not a service name", service), "use up to 42 lower-case letters, digits and inner hyphens")
		}
		if l.services == nil {
			l.services = map[string]string{}
		}
		l.services[strings.ToLower(host)] = service
	}
	return nil
}

// names are the services that the log is of.
func (l *logFlags) names(f importFlags) []string {
	if l.services == nil {
		return []string{f.service}
	}
	return slices.Compact(slices.Sorted(maps.Values(l.services)))
}

// importLogs counts the requests of access logs, and imports them when all were read.
func (a *app) importLogs(ctx context.Context, s store.Store, f importFlags, l logFlags, files []*history) error {
	im := a.newImporter(s, f)
	for _, name := range l.names(f) { // before hours of counting
		if err := im.expect(ctx, name); err != nil {
			return err
		}
	}
	log := collector.NewAccessLog(collector.AccessLogOptions{Step: f.step, Service: f.service, Hosts: l.services, Paths: l.paths, Statuses: l.holds,
		Percent: l.percent, Now: im.now, BadShare: l.bad / 100, Faults: f.faults})
	// Series are services here, whatever flag named them.
	im.flags.service = ""
	name := files[0].name
	if len(files) > 1 {
		name = fmt.Sprintf("%s and %d more", name, len(files)-1)
	}
	var size, read int64
	for _, in := range files {
		if size += in.size; in.stream {
			size = -1
			break
		}
	}
	var current atomic.Pointer[history]
	var before atomic.Int64
	in := feed{name: name, print: newFingerprint(), again: func() string { return "run the same command again: rows that are there are not doubled" }}
	in.rows = afterwards(func() (iter.Seq2[collector.HistoryRow, error], error) {
		for _, file := range files {
			current.Store(file)
			if err := log.Read(ctx, file.name, file.count); err != nil {
				return nil, err
			}
			current.Store(nil)
			read += file.read()
			before.Store(read)
		}
		if err := log.Check(name); err != nil {
			return nil, err
		}
		return log.Rows(), nil
	})
	in.bar = a.progress(size, func() int64 {
		n := before.Load()
		if file := current.Load(); file != nil {
			n += file.read()
		}
		return n
	})
	if err := a.importFeed(ctx, im, in); err != nil {
		return err
	}
	defer a.hintNext()
	err := a.importSummary(im, name, 0)
	a.logSummary(log, len(files))
	return err
}

// afterwards are the rows that first makes, when they are asked for.
func afterwards(first func() (iter.Seq2[collector.HistoryRow, error], error)) iter.Seq2[collector.HistoryRow, error] {
	return func(yield func(collector.HistoryRow, error) bool) {
		rows, err := first()
		if err != nil {
			yield(collector.HistoryRow{}, err)
			return
		}
		rows(yield)
	}
}

// expect makes sure that load of a service can be imported, and registers none.
func (im *importer) expect(ctx context.Context, name string) error {
	_, err := im.store.Service(ctx, name)
	if errors.Is(err, forescale.ErrNotFound) && im.flags.create && im.flags.capacity == 0 {
		return &forescale.Fault{Code: "capacity_unknown", What: fmt.Sprintf("load of %q cannot be read as demand: its capacity is not known", name), Where: name,
			Help: "say with --capacity how many requests a second one instance serves at 100 %; nothing was imported"}
	}
	if errors.Is(err, forescale.ErrNotFound) && im.flags.create {
		return nil
	}
	_, _, err = im.subject(ctx, name, name)
	return err
}

// silencesShown bounds the gaps that are told.
const silencesShown = 5

// logSummary tells what of the log did not count.
func (a *app) logSummary(l *collector.AccessLog, files int) {
	fmt.Fprintf(a.stderr, "Counted %s lines of %s", thousands(l.Lines-l.Bad-l.Other), counted(files, "file"))
	if l.Other > 0 {
		fmt.Fprintf(a.stderr, "; %s more are of other hosts, paths or statuses", thousands(l.Other))
	}
	fmt.Fprintln(a.stderr, ". The first and the last interval are cut, and left out.")
	for i, s := range l.Silences() {
		if i == silencesShown {
			fmt.Fprintln(a.stderr, "There are more such times.")
			break
		}
		fmt.Fprintf(a.stderr, "There is no line from %s to %s: that is left as a gap. If no file is missing, send all as one: zcat -f FILES | forescale import -\n", stamp(s.From), stamp(s.To))
	}
	if l.Bad == 0 {
		return
	}
	fmt.Fprintf(a.stderr, "%s did not count, as no lines of an access log:\n", counted(int(l.Bad), "line"))
	for _, f := range l.Faults {
		fmt.Fprintf(a.stderr, "  %s: %s\n", f.Where, oneLine(f.What))
	}
	if n := l.Bad - int64(len(l.Faults)); n > 0 {
		fmt.Fprintf(a.stderr, "  and %s more\n", thousands(n))
	}
}
