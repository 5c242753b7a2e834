package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/store"
)

// prometheusFlags say what is asked of which Prometheus, and as whom.
type prometheusFlags struct {
	url, query, from, to, label, instance string
	tokenFile, user, passwordFile, caFile string
}

var prometheusFlagNames = []string{"query", "from", "to", "label", "instance-label", "token-file", "user", "password-file", "ca-file"}

func addPrometheusFlags(cmd *cobra.Command) *prometheusFlags {
	p := &prometheusFlags{}
	fs := cmd.Flags()
	fs.StringVar(&p.url, "prometheus", "", "URL of a Prometheus to ask, instead of reading files")
	fs.StringVar(&p.query, "query", "", "Prometheus: what to ask for, in PromQL")
	fs.StringVar(&p.from, "from", "28d", "Prometheus: first time, such as 2026-03-02 or 28d for so long ago")
	fs.StringVar(&p.to, "to", "now", "Prometheus: last time")
	fs.StringVar(&p.label, "label", "service", "Prometheus: label that names the service, without --service")
	fs.StringVar(&p.instance, "instance-label", "instance", "Prometheus: label that names the instance, with --as utilization")
	fs.StringVar(&p.tokenFile, "token-file", "", "Prometheus: file with a bearer token (otherwise FORESCALE_PROMETHEUS_TOKEN)")
	fs.StringVar(&p.user, "user", "", "Prometheus: user's name, for a password (otherwise FORESCALE_PROMETHEUS_USER)")
	fs.StringVar(&p.passwordFile, "password-file", "", "Prometheus: file with the user's password (otherwise FORESCALE_PROMETHEUS_PASSWORD)")
	fs.StringVar(&p.caFile, "ca-file", "", "Prometheus: file with the certificate to trust")
	return p
}

// prometheusPatience is how long one answer may take; servers give up after 2 min.
const prometheusPatience = 130 * time.Second

// importPrometheus imports a range of a query.
func (a *app) importPrometheus(cmd *cobra.Command, at *storeFlags, f importFlags, p *prometheusFlags, args []string) error {
	if len(args) > 0 {
		return usage("--prometheus and files", "import one after the other")
	}
	if err := onlyWith(cmd, "access logs", append(logFlagNames, "format")); err != nil {
		return err
	}
	if f.service != "" && cmd.Flags().Changed("label") {
		return usage("--label and --service", "name the label that tells the service, or the one service of all")
	}
	if f.as != "utilization" && cmd.Flags().Changed("instance-label") {
		return usage("--instance-label goes with --as utilization", "leave it out; nothing was imported")
	}
	o, err := a.prometheusOptions(f, p)
	if err != nil {
		return err
	}
	return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
		return a.importRange(ctx, s, f, o)
	})
}

func (a *app) importRange(ctx context.Context, s store.Store, f importFlags, o collector.PrometheusOptions) error {
	im := a.newImporter(s, f)
	im.flags.service = "" // the series have names already
	var until atomic.Int64
	until.Store(o.From.Unix())
	o.Warn = func(text string) {
		clear := ""
		if a.errTerminal { // the bar stands there
			clear = "\r\x1b[K"
		}
		fmt.Fprintf(a.stderr, "%swarning: Prometheus says: %s\n", clear, oneLine(text))
	}
	in := feed{name: o.URL.String(), print: newFingerprint(), again: func() string {
		return fmt.Sprintf("run it again with --from %s: it goes on there", stamp(time.Unix(until.Load(), 0)))
	}}
	in.rows = collector.NewPrometheus(o).Rows(ctx, func(t time.Time) { until.Store(t.Unix()) })
	in.bar = a.steps(max(1, o.To.Unix()-o.From.Unix()), func() int64 { return until.Load() - o.From.Unix() })
	err := a.importFeed(ctx, im, in)
	if f := (*forescale.Fault)(nil); errors.As(err, &f) && f.Code == "prometheus_unreachable" && until.Load() > o.From.Unix() {
		f.Help += "; --from " + stamp(time.Unix(until.Load(), 0)) + " goes on there"
	}
	if err != nil {
		return err
	}
	if im.rows == 0 {
		return &forescale.Fault{Code: "history_invalid", What: fmt.Sprintf("the query gives nothing from %s to %s", stamp(o.From), stamp(o.To)), Where: in.name,
			Help: "try it on the server's page, and check --from and how long the server keeps its data; nothing was imported"}
	}
	defer a.hintNext()
	return a.importSummary(im, in.name, 0)
}

// prometheusOptions reads the flags.
func (a *app) prometheusOptions(f importFlags, p *prometheusFlags) (o collector.PrometheusOptions, err error) {
	raw := p.url
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return o, usage("--prometheus is not the URL of a server", "write it as http://127.0.0.1:9090")
	case u.User != nil:
		return o, usage("the URL of --prometheus holds a user", "others can see it there; use --user and --password-file, or --token-file; nothing was sent")
	case u.RawQuery != "" || u.Fragment != "":
		return o, usage("the URL of --prometheus goes on after the path", "name the address of the server's page, and what to ask for with --query")
	case strings.TrimSpace(p.query) == "":
		return o, usage("--query is missing", `say what to ask for, as --query 'sum by (service) (rate(http_requests_total[5m]))'`)
	case f.step < time.Second || f.step%time.Second != 0:
		return o, usage(fmt.Sprintf("--step %s is not whole seconds", shortDuration(f.step)), "use 1m or 5m")
	case p.label == "" && f.service == "":
		return o, usage("--label names no label", "name the one that tells the service, or the service of all with --service")
	}
	o = collector.PrometheusOptions{URL: u, Query: p.query, Step: f.step, Service: f.service, Label: p.label}
	if f.as == "utilization" {
		o.Instance = p.instance
	}
	if o.From, o.To, err = a.span(f, p); err != nil {
		return o, err
	}
	o.Authorize, err = a.prometheusAccess(p, u)
	if err != nil {
		return o, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // an import asks for a few pages and ends
	if p.caFile != "" {
		pem, err := readLimited(p.caFile, 1<<20)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return o, usage("there is no usable certificate in "+p.caFile, "name a PEM file with --ca-file")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	o.Client = &http.Client{Transport: transport, Timeout: prometheusPatience,
		// A redirect would carry the token to whoever it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return o, nil
}

// span is what to ask for, at whole steps, so that the same range asked for again
// replaces its values and adds none between.
func (a *app) span(f importFlags, p *prometheusFlags) (from, to time.Time, err error) {
	zone, err := f.location()
	if err != nil {
		return from, to, err
	}
	m := moment{now: a.clock.Now(), loc: cmp.Or(zone, time.UTC)}
	if from, err = m.parseDate(p.from); err != nil {
		return from, to, err
	}
	to = m.now
	if p.to != "now" {
		if to, err = m.parseDate(p.to); err != nil {
			return from, to, err
		}
	}
	from, to = from.UTC().Truncate(f.step), to.UTC().Truncate(f.step)
	switch {
	case from.Year() < 1970 || to.Year() > 2200:
		return from, to, usage("--from and --to are not within 1970 to 2200", "check the years")
	case to.Before(from):
		return from, to, usage(fmt.Sprintf("--to %s is before --from %s", stamp(to), stamp(from)), "exchange them")
	}
	return from, to, nil
}

// parseDate is parseMoment that also reads a day: its begin.
func (m moment) parseDate(s string) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, s, m.loc); err == nil {
		return t, nil
	}
	return m.parseMoment(s)
}

// prometheusAccess is what every request says about who asks. Secrets come from
// files or the environment: an argument would show them to everybody.
func (a *app) prometheusAccess(p *prometheusFlags, u *url.URL) (func(*http.Request), error) {
	token, err := a.secret(p.tokenFile, "FORESCALE_PROMETHEUS_TOKEN", "--token-file")
	if err != nil {
		return nil, err
	}
	user := firstOf(p.user, a.getenv("FORESCALE_PROMETHEUS_USER"))
	var password string
	if user != "" || p.passwordFile != "" {
		if password, err = a.secret(p.passwordFile, "FORESCALE_PROMETHEUS_PASSWORD", "--password-file"); err != nil {
			return nil, err
		}
	}
	switch {
	case token != "" && user != "":
		return nil, usage("both a token and a user are named", "use one of them; a token may stand in FORESCALE_PROMETHEUS_TOKEN")
	case user == "" && p.passwordFile != "":
		return nil, usage("the password is of no user", "name the user with --user")
	case user != "" && password == "":
		return nil, usage(fmt.Sprintf("the password of %q is missing", user), "put it into a file for --password-file, or into FORESCALE_PROMETHEUS_PASSWORD")
	case (token != "" || user != "") && u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return nil, &forescale.Fault{Code: "key_in_clear", What: "the token or password would travel unencrypted", Where: u.String(), Help: "use https:// for a server on another machine; nothing was sent"}
	}
	return func(r *http.Request) {
		r.Header.Set("User-Agent", "forescale/"+version)
		switch {
		case token != "":
			r.Header.Set("Authorization", "Bearer "+token)
		case user != "":
			r.SetBasicAuth(user, password)
		}
	}, nil
}

// secret reads one from a file, or else from the environment; "" is none.
func (a *app) secret(path, env, flag string) (string, error) {
	value := a.getenv(env)
	if path != "" {
		data, err := readLimited(path, maxPassword)
		if err != nil {
			return "", usage(fmt.Sprintf("cannot read the file of %s: %s", flag, reason(err)), "name a readable file; nothing was sent")
		}
		if value = strings.TrimSpace(string(data)); value == "" {
			return "", usage(fmt.Sprintf("the file of %s is empty", flag), "put the secret into it; nothing was sent")
		}
	}
	value = strings.TrimSpace(value)
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", usage(fmt.Sprintf("the secret of %s or %s holds control characters", flag, env), "write it on one line")
	}
	return value, nil
}
