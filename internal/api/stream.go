package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/forescale/forescale"
)

func (a *API) streamRoutes() {
	step := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[StepView](), true, "StepView")
	route(a, forescale.RoleRead, huma.Operation{OperationID: "stream", Method: http.MethodGet, Path: "/v1/stream",
		Summary: "What is decided, as it is decided", Tags: []string{"server"},
		Description: "Server-sent events: `event: step` with the decisions of one planning step as data, and a comment as heartbeat every 15 s. " +
			"A subscriber that does not keep up is cut off, and may come again; nothing is sent twice.",
		Responses: map[string]*huma.Response{"200": {Description: "The stream", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: step}}}},
	}, []int{503}, a.stream)
}

// Step is one planning step that the loop finished.
type Step struct {
	At        time.Time
	Decisions []forescale.Decision
	Failed    map[string]string // part of the world or the work → why it failed
	Took      time.Duration     // in real time
}

// StepView is Step as the stream sends it.
type StepView struct {
	At        time.Time         `json:"at"`
	Decisions []DecisionView    `json:"decisions" nullable:"false"`
	Failed    map[string]string `json:"failed" doc:"What could not be read or done, and why"`
}

// Publish tells subscribers and metrics about a finished step. It never waits
// for a subscriber.
func (a *API) Publish(ctx context.Context, s Step) {
	a.metrics.step(s)
	a.Relay(ctx, s)
}

// Watched reports whether anybody listens to the stream.
func (a *API) Watched() bool { return !a.hub.empty() }

// Relay tells subscribers about a step that another server finished.
func (a *API) Relay(ctx context.Context, s Step) {
	if !a.Watched() {
		return
	}
	v := StepView{At: s.At.UTC(), Decisions: make([]DecisionView, len(s.Decisions)), Failed: s.Failed}
	if v.Failed == nil {
		v.Failed = map[string]string{}
	}
	zones, err := a.zones(ctx, "")
	if err != nil {
		a.log.Warn("zones for the stream", "error", err) // UTC will do
	}
	for i, d := range s.Decisions {
		v.Decisions[i] = viewDecision(d, zones.of(d.Service))
	}
	data, err := json.Marshal(v)
	if err != nil {
		a.log.Error("write step for the stream", "error", err)
		return
	}
	a.hub.send(fmt.Appendf(nil, "event: step\ndata: %s\n\n", bytes.TrimSpace(data)))
}

// streamWrite bounds one write to a subscriber.
const streamWrite = 5 * time.Second

func (a *API) stream(context.Context, *struct{}) (*huma.StreamResponse, error) {
	sub := a.hub.join()
	if sub == nil {
		return nil, newProblem(http.StatusServiceUnavailable, "stream_full", "as many are listening already as the server serves, or it is stopping",
			"try again after the time in Retry-After").with("Retry-After", "5")
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer a.hub.leave(sub)
		_, w := humachi.Unwrap(ctx)
		rc := http.NewResponseController(w)
		// The server's deadline for reading a request must not end the stream.
		_ = rc.SetReadDeadline(time.Time{})
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no")
		w.WriteHeader(http.StatusOK)
		heartbeat := time.NewTicker(a.cfg.Heartbeat)
		defer heartbeat.Stop()
		message := []byte(": forescale\n\n")
		for {
			_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
			if _, err := w.Write(message); err != nil {
				return
			}
			if err := rc.Flush(); err != nil {
				return
			}
			select {
			case message = <-sub.messages:
			case <-heartbeat.C:
				message = []byte(": heartbeat\n\n")
			case <-sub.gone:
				return
			case <-ctx.Context().Done():
				return
			}
		}
	}}, nil
}

const (
	maxSubscribers = 256
	// maxWaiting messages may wait for a subscriber before it is cut off.
	maxWaiting = 32
)

// hub hands each message to all subscribers and waits for none.
type hub struct {
	mu     sync.Mutex
	subs   map[*subscriber]struct{}
	closed bool
}

type subscriber struct {
	messages chan []byte
	gone     chan struct{} // closed when it was cut off or the hub closed
}

func newHub() *hub { return &hub{subs: map[*subscriber]struct{}{}} }

// join adds a subscriber; nil when the hub is full or closed.
func (h *hub) join() *subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.subs) >= maxSubscribers {
		return nil
	}
	s := &subscriber{messages: make(chan []byte, maxWaiting), gone: make(chan struct{})}
	h.subs[s] = struct{}{}
	return s
}

// leave removes a subscriber. It may be gone already.
func (h *hub) leave(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
}

func (h *hub) drop(s *subscriber) {
	if _, ok := h.subs[s]; ok {
		delete(h.subs, s)
		close(s.gone)
	}
}

func (h *hub) empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs) == 0
}

func (h *hub) send(message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		select {
		case s.messages <- message:
		default:
			h.drop(s)
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subs {
		h.drop(s)
	}
}
