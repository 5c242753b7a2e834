package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

// Problem is an error as it leaves the API: RFC 9457 problem details with the
// stable code and the help of a forescale.Fault added.
type Problem struct {
	Type   string   `json:"type" example:"urn:forescale:problem:changed_meanwhile" doc:"Names the kind of problem; ends with the code"`
	Title  string   `json:"title" example:"Precondition Failed" doc:"The words of the HTTP status"`
	Status int      `json:"status" example:"412" doc:"The HTTP status"`
	Detail string   `json:"detail" doc:"What is wrong, in one sentence"`
	Code   string   `json:"code" example:"changed_meanwhile" doc:"Stable code of the problem"`
	Help   string   `json:"help,omitempty" doc:"What to do, and what did not happen"`
	Errors []Detail `json:"errors,omitempty" doc:"Every fault found, not only the first"`

	header http.Header // more headers to send with it
}

// Detail is one fault with its smallest place.
type Detail struct {
	Row      *int   `json:"row,omitempty" doc:"Of a pushed row, counted from 0"`
	Location string `json:"location" example:"body.max_instances" doc:"Where: path, query, header or body"`
	Code     string `json:"code" doc:"Stable code"`
	Message  string `json:"message" doc:"What is wrong"`
	Help     string `json:"help,omitempty" doc:"What to do"`
	Value    any    `json:"value,omitempty" doc:"What was sent"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

func newProblem(status int, code, detail, help string) *Problem {
	return &Problem{Type: "urn:forescale:problem:" + code, Title: http.StatusText(status), Status: status,
		Code: code, Detail: detail, Help: help}
}

func (p *Problem) with(key, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(key, value)
	return p
}

// statuses maps the codes of faults to HTTP. A fault whose code is not here is
// about the request: 422; one that wraps forescale.ErrBusy is about the store: 503.
var statuses = map[string]int{
	"service_unknown":    http.StatusNotFound,
	"decision_unknown":   http.StatusNotFound,
	"forecast_unknown":   http.StatusNotFound,
	"plan_unknown":       http.StatusNotFound,
	"node_plan_unknown":  http.StatusNotFound,
	"pause_unknown":      http.StatusNotFound,
	"agent_unknown":      http.StatusNotFound,
	"agents_not_taken":   http.StatusConflict,
	"node_unknown":       http.StatusNotFound,
	"node_leaves":        http.StatusConflict,
	"node_protected":     http.StatusConflict,
	"event_unknown":      http.StatusNotFound,
	"event_of_config":    http.StatusConflict,
	"budget_unknown":     http.StatusNotFound,
	"budget_of_config":   http.StatusConflict,
	"budget_exists":      http.StatusPreconditionFailed,
	"decision_ambiguous": http.StatusConflict,
	"service_exists":     http.StatusPreconditionFailed,
	"changed_meanwhile":  http.StatusPreconditionFailed,
	"forecast_failed":    http.StatusConflict,
	"history_short":      http.StatusConflict,
	"evaluation_busy":    http.StatusTooManyRequests,
	"schema_newer":       http.StatusServiceUnavailable,
	"store_damaged":      http.StatusServiceUnavailable,
	"store_failed":       http.StatusServiceUnavailable,
	"store_unwritable":   http.StatusServiceUnavailable,
	"disk_full":          http.StatusServiceUnavailable,
	"store_read_only":    http.StatusServiceUnavailable,
	"store_refused":      http.StatusServiceUnavailable,
	"store_missing":      http.StatusServiceUnavailable,
	"store_closed":       http.StatusServiceUnavailable,
}

// passing are the codes of faults that pass by themselves or by what an operator
// does to the store, while the same request stays right: it may be sent again.
// Those that wrap forescale.ErrBusy pass, too.
var passing = map[string]bool{
	"store_failed": true, "store_unwritable": true, "disk_full": true, "store_read_only": true,
	"store_refused": true, "store_missing": true, "store_closed": true,
}

// comeBack is when a request is worth another try after the store failed it.
const comeBack = "5"

// slowStore is the answer when the store did not answer in the time there was.
func slowStore() *Problem {
	return newProblem(http.StatusServiceUnavailable, "store_slow", "the store does not answer in time",
		"send the request again after the time in Retry-After; samples may be sent twice").with("Retry-After", comeBack)
}

// problem turns any error into what is shown. What is neither a fault nor one of
// the root's errors is internal: logged here, and shown as nothing more.
func (a *API) problem(ctx context.Context, err error) *Problem {
	var p *Problem
	var fs forescale.Faults
	var f *forescale.Fault
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &fs) && len(fs) > 0:
		return fromFaults(fs)
	case errors.As(err, &f):
		return fromFaults(forescale.Faults{f})
	case errors.Is(err, forescale.ErrBusy):
		return newProblem(http.StatusTooManyRequests, "buffer_full", "the buffer for samples is full",
			"send the same rows again after the time in Retry-After; sending twice is harmless").with("Retry-After", "1")
	case errors.Is(err, forescale.ErrNotFound):
		return newProblem(http.StatusNotFound, "not_found", "there is no such thing", "")
	case errors.Is(err, forescale.ErrConflict):
		return newProblem(http.StatusPreconditionFailed, "changed_meanwhile", "it was changed after you read it",
			"read it again and repeat the change with its new ETag")
	case errors.Is(err, forescale.ErrSchemaNewer):
		return newProblem(http.StatusServiceUnavailable, "schema_newer", "the store was written by a newer version", "start that version")
	case errors.Is(err, forescale.ErrDamaged):
		return newProblem(http.StatusServiceUnavailable, "store_damaged", "the store is damaged", "see the server's log; nothing acts until it is restored")
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return slowStore()
	case ctx.Err() != nil:
		return newProblem(statusClientGone, "cancelled", "the request was cancelled", "")
	}
	a.log.Error("request failed", "error", err)
	return newProblem(http.StatusInternalServerError, "internal", "the server failed on this request", "the server's log tells more")
}

// statusClientGone is never seen by a client: it is for the log.
const statusClientGone = 499

func fromFaults(fs forescale.Faults) *Problem {
	status, known := statuses[fs[0].Code]
	passes := passing[fs[0].Code] || errors.Is(fs[0], forescale.ErrBusy)
	switch {
	case known:
	case passes:
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusUnprocessableEntity
	}
	p := newProblem(status, fs[0].Code, fs[0].What, fs[0].Help)
	if passes {
		p.with("Retry-After", comeBack)
	}
	if len(fs) > 1 {
		p.Detail = fmt.Sprintf("%s (and %d more)", p.Detail, len(fs)-1)
	}
	for _, f := range fs {
		if f.Where != "" || len(fs) > 1 {
			p.Errors = append(p.Errors, Detail{Location: f.Where, Code: f.Code, Message: f.What, Help: f.Help})
		}
	}
	return p
}

// write sends the problem outside of huma: from middleware and plain routes.
func (p *Problem) write(w http.ResponseWriter) {
	for k, vs := range p.header {
		w.Header()[k] = vs
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}

// humanize is a huma transformer: it turns huma's own errors, which come from
// checking a request against its schema, into problems.
func humanize(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code, help := "invalid_request", "see /openapi.json for what this request takes; nothing was changed"
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		code, help = "body_too_large", "send less at once; nothing was kept"
	case http.StatusUnsupportedMediaType:
		code, help = "content_type_unknown", "send application/json"
	case http.StatusNotAcceptable:
		code, help = "not_acceptable", "accept application/json"
	case http.StatusRequestTimeout:
		code, help = "body_too_slow", "the body did not arrive in time; nothing was kept"
	}
	p := newProblem(m.Status, code, m.Detail, help)
	for _, d := range m.Errors {
		p.Errors = append(p.Errors, detailOf(ctx.Operation(), d))
	}
	p.summarize()
	return p, nil
}

func detailOf(op *huma.Operation, d *huma.ErrorDetail) Detail {
	out := Detail{Location: d.Location, Code: "invalid_value", Message: d.Message, Value: d.Value}
	if d.Location == "body" {
		out.Value = nil // the whole body may hold what does not belong in an answer
	}
	last := d.Location[strings.LastIndex(d.Location, ".")+1:]
	switch {
	case strings.HasPrefix(d.Message, "unexpected property"):
		out.Code, out.Value = "unknown_key", nil
		out.Message = fmt.Sprintf("unknown key %q", last)
		out.Help = didYouMean(last, bodyKeys(op, d.Location))
	case strings.HasPrefix(d.Message, "unknown query parameter"):
		out.Code, out.Value = "unknown_parameter", nil
		out.Message = fmt.Sprintf("unknown query parameter %q", last)
		out.Help = didYouMean(last, queryKeys(op))
	}
	return out
}

// bodyKeys are the keys that the object at location may have, as far as the
// operation's schema tells.
func bodyKeys(op *huma.Operation, location string) []string {
	if op == nil || op.RequestBody == nil || op.Metadata["registry"] == nil {
		return nil
	}
	reg := op.Metadata["registry"].(huma.Registry)
	var s *huma.Schema
	for _, m := range op.RequestBody.Content {
		s = m.Schema
	}
	parts := strings.Split(location, ".")
	for i := 1; i < len(parts); i++ { // parts[0] is "body"
		if s != nil && s.Ref != "" {
			s = reg.SchemaFromRef(s.Ref)
		}
		if s == nil {
			return nil
		}
		if i == len(parts)-1 {
			keys := make([]string, 0, len(s.Properties))
			for k := range s.Properties {
				keys = append(keys, k)
			}
			return keys
		}
		s = s.Properties[parts[i]]
	}
	return nil
}

func queryKeys(op *huma.Operation) []string {
	var keys []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			keys = append(keys, p.Name)
		}
	}
	return keys
}

// serviceSchema is the schema that a merged patch must fit.
func (a *API) serviceSchema() *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Map()["ServiceBody"]
}

// schemaProblem is what huma would answer when a service does not fit its schema.
func (a *API) schemaProblem(errs []error) *Problem {
	op := &huma.Operation{
		Metadata:    map[string]any{"registry": a.huma.OpenAPI().Components.Schemas},
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{"": {Schema: a.serviceSchema()}}},
	}
	p := newProblem(http.StatusUnprocessableEntity, "invalid_request", "", "see /openapi.json for what this request takes; nothing was changed")
	for _, err := range errs {
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			p.Errors = append(p.Errors, detailOf(op, d))
		}
	}
	p.summarize()
	return p
}

// summarize puts the first of the errors in the detail, and how many more there are.
func (p *Problem) summarize() {
	if len(p.Errors) == 0 {
		return
	}
	p.Detail = p.Errors[0].Message
	if n := len(p.Errors) - 1; n > 0 {
		p.Detail = fmt.Sprintf("%s (and %d more)", p.Detail, n)
	}
}
