package api

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/forescale/forescale"
)

const samplesPath = "/v1/samples"

func (a *API) sampleRoutes() {
	reg := a.huma.OpenAPI().Components.Schemas
	row := reg.Schema(reflect.TypeFor[SampleRow](), true, "SampleRow")
	route(a, forescale.RolePush, huma.Operation{OperationID: "push-samples", Method: http.MethodPost, Path: samplesPath,
		Summary: "Push measurements", Tags: []string{"samples"},
		Description: "A JSON array, one object, or NDJSON; also with Content-Encoding gzip. The answer comes when the rows are durable. " +
			"Good rows of a mixed body are stored, each bad one is named. Sending a row twice is harmless: same subject, metric and time is one value. " +
			"A row is about an instance (service and instance), a service as a whole (service alone, load only) or a node.",
	}, []int{400, 413, 415, 422, 429, 503}, a.pushSamples)
	// Described only now: were it part of the operation, huma would read the body itself.
	a.huma.OpenAPI().Paths[samplesPath].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":     {Schema: &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeArray, Items: row}, row}}},
		"application/x-ndjson": {Schema: row},
	}}
}

// SampleRow is one row of a push, as OpenAPI shows it. row.go reads it.
type SampleRow struct {
	Service     string    `json:"service,omitempty" example:"checkout"`
	Instance    string    `json:"instance,omitempty" example:"checkout-3"`
	Node        string    `json:"node,omitempty" doc:"Instead of service and instance"`
	Time        time.Time `json:"time,omitzero" doc:"Default: now. Up to 7 days old, up to 2 min ahead"`
	Utilization float64   `json:"utilization,omitempty" minimum:"0" maximum:"100" doc:"Of an instance, in % of its own definition"`
	Load        float64   `json:"load,omitempty" minimum:"0" doc:"Of an instance or a service, in its own unit"`
	CPU         float64   `json:"cpu,omitempty" minimum:"0" maximum:"100" doc:"Of an instance or a node, in %"`
	Memory      float64   `json:"memory,omitempty" minimum:"0" maximum:"100" doc:"Of an instance or a node, in %"`
	Bandwidth   float64   `json:"bandwidth,omitempty" minimum:"0" maximum:"100" doc:"Of a node, in %"`
	Disk        float64   `json:"disk,omitempty" minimum:"0" maximum:"100" doc:"Of a node, in %"`
}

// PushView is what became of a push.
type PushView struct {
	Stored  int      `json:"stored" doc:"Rows that are durable now"`
	Refused int      `json:"refused" doc:"Rows that were not kept"`
	Errors  []Detail `json:"errors" nullable:"false" doc:"Why, row by row; the first 100"`
}

const (
	// maxPushes bodies are read at once; more are asked to come again.
	maxPushes = 64
	// chunk is how many samples of one body are handed on at once. It bounds
	// what a body needs in memory, whatever its length.
	chunk = 5000
	// maxErrors bounds the list of an answer.
	maxErrors = 100
)

// pushInput takes the request before huma would read its body whole.
type pushInput struct {
	request *http.Request
	writer  http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (in *pushInput) Resolve(ctx huma.Context) []error {
	in.request, in.writer = humachi.Unwrap(ctx)
	return nil
}

type pushOutput struct{ Body PushView }

func (a *API) pushSamples(ctx context.Context, in *pushInput) (*pushOutput, error) {
	select {
	case a.pushes <- struct{}{}:
		defer func() { <-a.pushes }()
	default:
		return nil, forescale.ErrBusy
	}
	began := time.Now()
	body, ndjson, err := a.body(in)
	if err != nil {
		return nil, err
	}
	p := &push{api: a, ctx: ctx, key: keyOf(ctx), now: a.now(), out: PushView{Errors: []Detail{}}}
	if err := p.read(newRowReader(body, ndjson)); err != nil {
		return nil, err
	}
	a.metrics.ingest.Observe(time.Since(began).Seconds())
	if p.out.Stored == 0 && p.out.Refused > 0 {
		return nil, p.refusal()
	}
	return &pushOutput{Body: p.out}, nil
}

// body is the request's body, unpacked, cut at the limit.
func (a *API) body(in *pushInput) (r io.Reader, ndjson bool, err error) {
	req, limit := in.request, a.cfg.BodyLimit
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/json":
	case err == nil && (kind == "application/x-ndjson" || kind == "application/ndjson"):
		ndjson = true
	default:
		return nil, false, newProblem(http.StatusUnsupportedMediaType, "content_type_unknown", "samples come as application/json or application/x-ndjson",
			"set the header Content-Type; nothing was kept")
	}
	if req.ContentLength > limit {
		return nil, false, tooLarge(limit)
	}
	r = http.MaxBytesReader(in.writer, req.Body, limit)
	switch encoding := strings.ToLower(strings.TrimSpace(req.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return strings.NewReader(""), ndjson, nil
			}
			return nil, false, notGzip()
		}
		// The same limit holds for what comes out, so that a small body cannot grow without end.
		r = &limited{r: z, left: limit}
	default:
		return nil, false, newProblem(http.StatusUnsupportedMediaType, "content_encoding_unknown", fmt.Sprintf("the encoding %q is not known", encoding),
			"use gzip or none; nothing was kept")
	}
	return r, ndjson, nil
}

var errTooLarge = errors.New("body too large")

// limited reads up to left bytes and fails beyond, where io.LimitReader would
// pretend that the body ended.
type limited struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

func tooLarge(limit int64) *Problem {
	return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body is larger than %d bytes", limit),
		"send fewer rows at once; sending some twice is harmless")
}

// unreadable is the problem of a body that could not be read to its end.
func unreadable(err error, limit int64) *Problem {
	var long *http.MaxBytesError
	switch {
	case errors.Is(err, errTooLarge) || errors.As(err, &long):
		return tooLarge(limit)
	case errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || isFlate(err):
		return notGzip()
	default:
		return newProblem(http.StatusBadRequest, "body_cut_off", "the body did not arrive whole", "send it again; sending rows twice is harmless")
	}
}

func notGzip() *Problem {
	return newProblem(http.StatusBadRequest, "body_not_gzip", "the body is not whole gzip", "send it again; sending rows twice is harmless")
}

func isFlate(err error) bool { return strings.HasPrefix(err.Error(), "flate:") }

// push is one body on its way in.
type push struct {
	api *API
	ctx context.Context
	key forescale.Key
	now time.Time

	out     PushView
	rows    int // good ones that wait in samples
	samples []forescale.Sample
	foreign int // rows refused because the key is for another service
}

func (p *push) read(rows *rowReader) error {
	var r row
	for {
		raw, n, err := rows.next()
		if errors.Is(err, io.EOF) {
			return p.flush()
		}
		var bad *rowFault
		switch {
		case errors.As(err, &bad):
			p.refuse(n, bad)
			continue
		case err != nil:
			return unreadable(err, p.api.cfg.BodyLimit)
		}
		if err := p.row(&r, raw, n); err != nil {
			return err
		}
		if len(p.samples) >= chunk {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
}

// row checks one row and keeps its samples, or says why not. The error is one of
// the store, not of the row.
func (p *push) row(r *row, raw []byte, n int) error {
	if faults := r.parse(raw); len(faults) > 0 {
		p.refuse(n, faults...)
		return nil
	}
	service := r.service
	if service != "" {
		known, err := p.known(service)
		if err != nil {
			return err
		}
		if !known {
			p.refuse(n, &rowFault{key: "service", code: "service_unknown", message: fmt.Sprintf("there is no service %q", service),
				help: "register it with PUT /v1/services/" + service + ", in the config or by labels"})
			return nil
		}
	}
	if !p.key.May(forescale.RolePush, service) {
		p.foreign++
		p.refuse(n, &rowFault{key: "service", code: "key_not_for_service", message: fmt.Sprintf("this key pushes for %q alone", p.key.Service),
			help: "use that service's key, or one with the role operate"})
		return nil
	}
	at := len(p.samples)
	samples, faults := r.samples(p.samples, p.now)
	if len(faults) > 0 {
		p.samples = p.samples[:at]
		p.refuse(n, faults...)
		return nil
	}
	p.samples = samples
	p.rows++
	return nil
}

func (p *push) known(service string) (bool, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.api.cfg.Answer)
	defer cancel()
	known, err := p.api.names.known(ctx, p.api.store, service)
	if err != nil {
		return false, fmt.Errorf("read services: %w", err)
	}
	return known, nil
}

// refuse notes why row n was not kept.
func (p *push) refuse(n int, faults ...*rowFault) {
	p.out.Refused++
	p.api.metrics.refused.WithLabelValues(faults[0].code).Inc()
	for _, f := range faults {
		if len(p.out.Errors) < maxErrors {
			p.out.Errors = append(p.out.Errors, f.detail(n))
		}
	}
}

// flush hands on what waits, and returns when it is durable.
func (p *push) flush() error {
	if len(p.samples) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.api.cfg.Answer)
	defer cancel()
	if err := p.api.cfg.Ingest.Append(ctx, p.samples); err != nil {
		var f *forescale.Fault
		if errors.Is(err, forescale.ErrBusy) || errors.As(err, &f) || p.ctx.Err() != nil {
			return err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return slowStore()
		}
		p.api.log.Error("store samples", "error", err)
		return newProblem(http.StatusServiceUnavailable, "store_failed", "the samples could not be stored", "send them again later; none is acknowledged").with("Retry-After", comeBack)
	}
	p.api.metrics.received.Add(float64(len(p.samples)))
	p.out.Stored += p.rows
	p.rows, p.samples = 0, nil // the ingest may keep the old one
	return nil
}

// refusal is the answer when no row was good.
func (p *push) refusal() *Problem {
	status, code := http.StatusUnprocessableEntity, p.out.Errors[0].Code
	if p.foreign == p.out.Refused {
		status = http.StatusForbidden
	}
	detail := p.out.Errors[0].Message
	if p.out.Refused > 1 {
		detail = fmt.Sprintf("none of %d rows was stored; the first: %s", p.out.Refused, detail)
	}
	problem := newProblem(status, code, detail, p.out.Errors[0].Help)
	problem.Errors = p.out.Errors
	return problem
}

// names remembers for a moment which services there are, so that a push costs no
// query a row.
type names struct {
	turn chan struct{} // who fills it asks the store; the others wait no longer than their time

	mu      sync.Mutex
	set     map[string]struct{}
	at      time.Time
	changes int // made by this server: what was read before one is not kept
}

const (
	// namesCache is how long a name is believed; it bounds for how long a service
	// that was deleted elsewhere still takes samples.
	namesCache = 5 * time.Second
	// namesStale is how long a name is believed while somebody asks again: with
	// thousands of services that takes longer than a push.
	namesStale = 3 * namesCache
	// namesRetry is how soon a name that is not known is looked up again.
	namesRetry = time.Second
)

func (n *names) known(ctx context.Context, s services, name string) (bool, error) {
	there, age := n.look(name)
	if believed(there, age) {
		return there, nil
	}
	select {
	case n.turn <- struct{}{}:
	default:
		if there && age < namesStale {
			return true, nil
		}
		select {
		case n.turn <- struct{}{}:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	defer func() { <-n.turn }()
	if there, age := n.look(name); believed(there, age) { // who had the turn before asked for us, too
		return there, nil
	}
	n.mu.Lock()
	changes := n.changes
	n.mu.Unlock()
	ss, err := s.ListServices(ctx)
	if err != nil {
		return false, err
	}
	set := make(map[string]struct{}, len(ss))
	for _, s := range ss {
		set[s.Name] = struct{}{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.changes == changes {
		n.set, n.at = set, time.Now()
	}
	_, there = set[name]
	return there, nil
}

// look is whether name is in what was read last, and how long ago that was.
func (n *names) look(name string) (there bool, age time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.set == nil {
		return false, math.MaxInt64
	}
	_, there = n.set[name]
	return there, time.Since(n.at)
}

func believed(there bool, age time.Duration) bool {
	return there && age < namesCache || !there && age < namesRetry
}

// forget makes the next look-up ask the store: this server changed a service.
func (n *names) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set = nil
	n.changes++
}
