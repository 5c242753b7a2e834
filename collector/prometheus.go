package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

const (
	// pageSteps is how many steps are asked for at once. A server refuses more than
	// 11,000, and a page that is too much for it, or for us, is halved down to leastSteps.
	pageSteps  = 5_000
	leastSteps = 20
	// pagePoints bounds what one page holds: 32 MiB.
	pagePoints = 2_000_000
	// pageBytes bounds what is read of one answer, and refusalBytes of one that refuses.
	pageBytes    = 512 << 20
	refusalBytes = 64 << 10
	// queryAttempts is how often one page is asked for when the server is busy.
	queryAttempts = 5
	// longestPause bounds what a server may ask to wait.
	longestPause = time.Minute
	// longestURL is how long a query may be to be sent by GET, which all that stands
	// before a server lets pass.
	longestURL = 2_000
)

// PrometheusOptions say what is asked of which server.
type PrometheusOptions struct {
	URL      *url.URL // of the server, with the path that it is reached under
	Query    string   // PromQL
	From, To time.Time
	Step     time.Duration

	Service  string // that all is of; then the query gives one series
	Label    string // else the label that names the service
	Instance string // and the one that names the instance, "" for values of services

	Client    *http.Client
	Authorize func(*http.Request) // adds what the server wants to see, or nil
	Warn      func(text string)   // is told what the server warns of, each once; or nil
	// Pause waits between attempts; nil: by the machine's clock.
	Pause func(ctx context.Context, d time.Duration) error
}

// Prometheus reads a range of a query, page by page.
type Prometheus struct {
	o      PrometheusOptions
	steps  int64 // of a page
	met    bool  // the server answered before
	warned map[string]bool
}

// NewPrometheus asks for nothing yet.
func NewPrometheus(o PrometheusOptions) *Prometheus {
	o.Client = cmp.Or(o.Client, http.DefaultClient)
	if o.Pause == nil {
		o.Pause = pause
	}
	return &Prometheus{o: o, steps: pageSteps, warned: map[string]bool{}}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Rows are the values at From, From+Step, … up to To, page by page, in a page series
// by series in the order of time. What is no number is a gap. An error ends them;
// it is a *forescale.Fault or that of the context. read is told up to when all was
// asked for.
func (p *Prometheus) Rows(ctx context.Context, read func(until time.Time)) iter.Seq2[HistoryRow, error] {
	return func(yield func(HistoryRow, error) bool) {
		for from := p.o.From; !from.After(p.o.To); {
			to := from.Add(time.Duration(p.steps-1) * p.o.Step)
			if to.After(p.o.To) {
				to = p.o.To
			}
			page, err := p.page(ctx, from, to)
			if f := (*tooMuch)(nil); errors.As(err, &f) && to.Sub(from)/p.o.Step >= leastSteps {
				p.steps = max(1, int64(to.Sub(from)/p.o.Step+1)/2)
				continue
			} else if errors.As(err, &f) {
				err = p.fault("prometheus_refused", "even a short range is too much: "+f.why, "let the query give fewer series, or ask for a wider --step")
			}
			if err != nil {
				yield(HistoryRow{}, err)
				return
			}
			for _, s := range page {
				for _, x := range s.points {
					row := HistoryRow{Time: time.UnixMilli(x.at).UTC(), Series: s.name, Value: x.value, Gap: x.gap}
					if !yield(row, nil) {
						return
					}
				}
			}
			read(to)
			from = to.Add(p.o.Step)
		}
	}
}

// promSeries is one series of a page under the name that it is imported by.
type promSeries struct {
	name   string
	labels map[string]string
	points []promPoint
}

type promPoint struct {
	at    int64 // milliseconds since 1970
	value float64
	gap   bool
}

// tooMuch is why a range cannot be had at once.
type tooMuch struct{ why string }

func (t *tooMuch) Error() string { return t.why }

// busy is why to ask again, and when at the earliest.
type busy struct {
	why   string
	after time.Duration
}

func (b *busy) Error() string { return b.why }

// page asks for one range until it is there, or all attempts are used.
func (p *Prometheus) page(ctx context.Context, from, to time.Time) ([]promSeries, error) {
	for attempt := 1; ; attempt++ {
		series, err := p.ask(ctx, from, to)
		var b *busy
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.As(err, &b):
			return series, err
		case attempt == queryAttempts:
			return nil, p.fault("prometheus_unreachable", fmt.Sprintf("the server does not answer after %d attempts: %s", attempt, b.why), "try again later; what came before is kept")
		}
		wait := time.Second << (attempt - 1)
		wait += rand.N(wait / 2) // so that several do not come back at once
		if err := p.o.Pause(ctx, min(longestPause, max(wait, b.after))); err != nil {
			return nil, err
		}
	}
}

// ask asks for one range once.
func (p *Prometheus) ask(ctx context.Context, from, to time.Time) ([]promSeries, error) {
	u := p.o.URL.JoinPath("/api/v1/query_range")
	form := url.Values{"query": {p.o.Query}, "start": {unixText(from)}, "end": {unixText(to)},
		"step": {strconv.FormatFloat(p.o.Step.Seconds(), 'f', -1, 64)}}.Encode()
	method, body := http.MethodPost, io.Reader(strings.NewReader(form))
	if len(form) <= longestURL {
		method, body, u.RawQuery = http.MethodGet, http.NoBody, form
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, p.fault("prometheus_refused", "the request cannot be made", "check the URL")
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "application/json")
	if p.o.Authorize != nil {
		p.o.Authorize(req)
	}
	resp, err := p.o.Client.Do(req)
	if err != nil {
		return nil, p.broken(err)
	}
	defer resp.Body.Close()
	p.met = true
	if resp.StatusCode != http.StatusOK {
		return nil, p.refused(resp)
	}
	m := matrixReader{dec: json.NewDecoder(io.LimitReader(resp.Body, pageBytes))}
	series, err := m.read(p.o)
	if err != nil {
		return nil, p.unread(err)
	}
	if m.status != "success" {
		return nil, p.fault("prometheus_refused", "the server says "+clipLong(cmp.Or(m.failure, m.status, "nothing")), "correct --query, or check the URL")
	}
	for _, w := range m.warnings {
		if p.o.Warn != nil && !p.warned[w] && len(p.warned) < 100 {
			p.warned[w] = true
			p.o.Warn(clipLong(w))
		}
	}
	return series, nil
}

func unixText(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// broken is a connection that failed. One that never stood is not tried again: the
// address is most likely wrong.
func (p *Prometheus) broken(err error) error {
	var u *url.Error
	if errors.As(err, &u) { // it would show the address
		err = u.Err
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return &tooMuch{"no answer in time"}
	case p.met:
		return &busy{why: err.Error()}
	}
	return &forescale.Fault{Code: "prometheus_unreachable", What: "no Prometheus answers: " + err.Error(), Where: p.o.URL.String(), Help: "check --prometheus, and that the server can be reached from here", Err: err}
}

// refused is an answer that is none.
func (p *Prometheus) refused(resp *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, refusalBytes)) // what came is shown
	var answer struct{ ErrorType, Error string }
	if json.Unmarshal(data, &answer) != nil {
		answer.Error = ""
	}
	said := clipLong(cmp.Or(answer.Error, strings.TrimSpace(string(data)), resp.Status))
	const help = "correct --query; it is PromQL that gives numbers at moments, as the server's page plots them"
	switch resp.StatusCode {
	case http.StatusBadRequest:
		return p.fault("prometheus_refused", "the server refuses the query: "+said, help)
	case http.StatusUnauthorized, http.StatusForbidden:
		return p.fault("prometheus_denied", "the server does not let us in: "+resp.Status, "name a token (--token-file, FORESCALE_PROMETHEUS_TOKEN), or a user (--user) and the file of the password (--password-file)")
	case http.StatusNotFound:
		return p.fault("prometheus_refused", "there is no Prometheus API at this address", "name the address of the server's page, with its path, without /graph")
	case http.StatusUnprocessableEntity:
		if strings.Contains(said, "too many samples") {
			return &tooMuch{said}
		}
		return p.fault("prometheus_refused", "the server cannot run the query: "+said, help)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if answer.ErrorType == "timeout" || resp.StatusCode == http.StatusGatewayTimeout {
			return &tooMuch{said}
		}
		return &busy{why: resp.Status + ": " + said, after: retryAfter(resp)}
	}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		if u, err := url.Parse(to); err == nil {
			u.User, u.RawQuery = nil, ""
			to = u.String()
		}
		return p.fault("prometheus_refused", "the server sends us to "+clipLong(to), "name that address, if it is to be trusted")
	}
	return p.fault("prometheus_refused", "the server answers "+resp.Status+": "+said, "check the URL")
}

// retryAfter is how long the server wants to be left alone, in seconds; 0: it does not say.
func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(longestPause, time.Duration(n)*time.Second)
}

// unread is an answer that could not be read to its end.
func (p *Prometheus) unread(err error) error {
	var f *forescale.Fault
	var large *tooMuch
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &f):
		f.Where = p.o.URL.String()
		return f
	case errors.As(err, &large):
		return err
	case errors.As(err, &syntax), errors.As(err, &kind):
		return p.fault("prometheus_refused", "what answers there is not Prometheus: "+err.Error(), "name the address of the server's page, with its path, without /graph")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &busy{why: "the answer was cut off"}
	}
	return p.broken(err)
}

func (p *Prometheus) fault(code, what, help string) *forescale.Fault {
	return &forescale.Fault{Code: code, What: what, Where: p.o.URL.String(), Help: help}
}

// clipLong keeps what a server says to a length that a terminal can show.
func clipLong(s string) string {
	if len(s) > 400 {
		s = s[:400] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

// labelsText are labels as PromQL writes them.
func labelsText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, labels[name]))
	}
	return clipLong("{" + strings.Join(parts, ", ") + "}")
}
