package hub

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// link is the way to one agent: what waits for its next question, and what it was
// given and did not answer yet.
type link struct {
	waiting []*call
	given   map[string]*call // by id
	news    chan struct{}    // holds one when something waits
	blurred int              // looks in a row that did not show all
}

// call is one request on its way.
type call struct {
	id, path string
	about    signature.About
	body     []byte
	answer   chan wire.Answer // has room for the one
}

// link gives the way to an agent.
func (h *Hub) link(node string) *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.links[node]
	if l == nil {
		l = &link{given: map[string]*call{}, news: make(chan struct{}, 1)}
		h.links[node] = l
	}
	return l
}

// ask has the agent of a node do one thing, and waits for what came of it until ctx
// ends. What was not handed to the agent by then never is. The error is the agent's
// own fault, or agent_silent when it is not known whether it happened.
func (h *Hub) ask(ctx context.Context, node, path string, about signature.About, in any) (wire.Answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("write a request: %w", err)
	}
	about.Node, about.Cluster = node, h.cfg.Authority.Pin().Cluster()
	if !h.Live(node) {
		return wire.Answer{}, h.silence(node)
	}
	l := h.link(node)
	c := &call{id: rand.Text(), path: path, about: about, body: body, answer: make(chan wire.Answer, 1)}
	h.mu.Lock()
	l.waiting = append(l.waiting, c)
	h.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(l.given, c.id)
		l.waiting = slices.DeleteFunc(l.waiting, func(w *call) bool { return w == c })
	}()
	select {
	case a := <-c.answer:
		return a, h.fault(a)
	case <-ctx.Done():
		if ctx.Err() == context.Canceled {
			return wire.Answer{}, fmt.Errorf("ask the agent of %s: %w", node, ctx.Err())
		}
		return wire.Answer{}, h.silence(node)
	}
}

// lose ends the waiting for what was handed to a process that is gone. The caller holds
// the mutex.
func (h *Hub) lose(node string) {
	l := h.links[node]
	if l == nil {
		return
	}
	for id, c := range l.given {
		delete(l.given, id)
		c.answer <- wire.Answer{ID: id, Problem: &wire.Problem{Code: "agent_silent", Where: "nodes/" + node, What: "the agent of this node ended meanwhile, and another process is in its place",
			Help: "whether it happened is looked up before the next attempt"}}
	}
}

// silence says that an agent does not answer.
func (h *Hub) silence(node string) error {
	return &forescale.Fault{Code: "agent_silent", Where: "nodes/" + node, What: fmt.Sprintf("the agent of this node was not heard of for %v, or did not answer", h.silent(node).Round(time.Second)),
		Help: "whether it happened is looked up before the next attempt; see whether the node and its `forescale agent` run"}
}

// fault is the problem that an agent tells. Where there are several servers, a lower
// fence has the loop ask the store who leads.
func (h *Hub) fault(a wire.Answer) error {
	if a.Problem == nil {
		return nil
	}
	f := a.Problem.Fault()
	if a.Newest > 0 {
		f.Err = &forescale.LowerFence{Newest: a.Newest}
		if h.fence.Load() > 0 {
			f.Code = "fence_missing"
		}
		for old := h.newest.Load(); old < a.Newest && !h.newest.CompareAndSwap(old, a.Newest); old = h.newest.Load() {
		}
	}
	return f
}

// seated reads a request of the one process that beats for a node; session is where in
// the body it says which it is.
func (h *Hub) seated(r *http.Request, body []byte, to any, session *string) (authority.Identity, error) {
	a, id, err := h.known(r, body, false)
	if err == nil {
		err = read(body, to)
	}
	if err == nil {
		err = h.sits(a.Node, *session)
	}
	return id, err
}

// next hands an agent what waits for it. The requests are signed now, with the key of
// the certificate that it shows and by its own clock.
func (h *Hub) next(r *http.Request, body []byte) (any, error) {
	var in wire.Next
	id, err := h.seated(r, body, &in, &in.Session)
	if err != nil {
		return nil, err
	}
	asked := h.cfg.Clock.Elapsed()
	l := h.link(id.Node)
	hold, cancel := context.WithTimeout(r.Context(), wire.Hold)
	defer cancel()
	calls := h.handOver(l)
	for len(calls) == 0 {
		select {
		case <-l.news:
			calls = h.handOver(l)
			continue
		case <-hold.Done():
		case <-h.closed:
		}
		break
	}
	out := wire.Work{Requests: make([]wire.Request, len(calls))}
	signer := signature.Signer{KeyID: id.Serial, Key: h.cfg.Authority.SigningKey(id.Serial), Tag: signature.ToAgent}
	for k, c := range calls {
		if out.Requests[k], err = signed(signer, c, in.Time.Add(h.cfg.Clock.Elapsed()-asked)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// handOver takes what waits, up to as much as fits into one answer.
func (h *Hub) handOver(l *link) (calls []*call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	size := 0
	for len(l.waiting) > 0 && (size == 0 || size+len(l.waiting[0].body) < wire.MaxBody/4) {
		c := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.given[c.id] = c
		calls, size = append(calls, c), size+len(c.body)
	}
	if len(l.waiting) > 0 {
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
	return calls
}

// signed is a call as it goes out.
func signed(by signature.Signer, c *call, now time.Time) (wire.Request, error) {
	r, err := http.NewRequest(http.MethodPost, "https://"+c.about.Node+c.path, nil)
	if err != nil {
		return wire.Request{}, fmt.Errorf("make a request: %w", err)
	}
	if err := by.Sign(r, c.body, c.about, now); err != nil {
		return wire.Request{}, err
	}
	q := wire.Request{ID: c.id, Path: c.path, Body: c.body, Fields: map[string]string{}}
	for name := range r.Header {
		q.Fields[name] = r.Header.Get(name)
	}
	return q, nil
}

// take gives an answer to who asked, if anybody still waits for it.
func (h *Hub) take(r *http.Request, body []byte) (any, error) {
	var in wire.Answer
	id, err := h.seated(r, body, &in, &in.Session)
	if err != nil {
		return nil, err
	}
	l := h.link(id.Node)
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := l.given[in.ID]; c != nil {
		delete(l.given, in.ID)
		c.answer <- in
	}
	return struct{}{}, nil
}
