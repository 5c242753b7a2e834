package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// answered reads the body, calls, and writes what came of it. Every answer tells
// the time to sign by.
func (h *Hub) answered(call func(r *http.Request, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var out any
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
		if err != nil {
			err = &forescale.Fault{Code: "body_unreadable", What: "the body cannot be read, or is larger than 1 MiB", Err: err, Help: "send less at once; nothing was done"}
		} else {
			out, err = call(r, body)
		}
		status := http.StatusOK
		if err != nil {
			status, out = h.problem(r, err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(signature.FieldTime, strconv.FormatInt(h.verifier.Now().UnixMilli(), 10))
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(out); err != nil {
			h.cfg.Log.Debug("an agent did not take its answer", "error", err)
		}
	}
}

// problem tells a fault to the agent, and what nobody can help from there to the log.
func (h *Hub) problem(r *http.Request, err error) (int, wire.Problem) {
	var fs forescale.Faults
	var f *forescale.Fault
	switch {
	case errors.As(err, &fs) && len(fs) > 0:
		f = fs[0]
	case !errors.As(err, &f):
		f = &forescale.Fault{Code: "internal", What: "the server could not do it", Help: "it is tried again; see the server's log"}
	}
	status := http.StatusInternalServerError
	switch {
	case strings.HasPrefix(f.Code, "signature_"), strings.HasPrefix(f.Code, "certificate_"), f.Code == "join_token_unknown", f.Code == "agent_unknown":
		status = http.StatusUnauthorized
	case errors.Is(err, forescale.ErrConflict):
		status = http.StatusConflict
	case f.Code == "agent_invalid", f.Code == "body_malformed", f.Code == "body_unreadable":
		status = http.StatusUnprocessableEntity
	}
	level := h.cfg.Log.Warn
	if f.Code == "signature_stale" {
		level = h.cfg.Log.Debug // clocks differ: the agent signs again
	}
	level("an agent was refused", "path", r.URL.Path, "from", r.RemoteAddr, "code", f.Code, "error", err)
	return status, wire.ProblemOf(f)
}

// read parses a body; what it does not know is a fault.
func read(body []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(to)
	if err == nil && dec.More() {
		err = errors.New("there is more after it")
	}
	if err != nil {
		return &forescale.Fault{Code: "body_malformed", What: "the body cannot be read: " + err.Error(), Err: err, Help: "use an agent of the same version as the server; nothing was done"}
	}
	return nil
}

// known is the agent that sent a request: its certificate is its newest or the one
// before, and the request is signed for this cluster with the key of it. late lets
// a certificate pass that has ended.
func (h *Hub) known(r *http.Request, body []byte, late bool) (forescale.Agent, authority.Identity, error) {
	now := h.cfg.Clock.Now()
	id, err := h.cfg.Authority.Identify(r.TLS, now)
	if err != nil {
		return forescale.Agent{}, id, err
	}
	if id.Expired(now) && !late || now.After(id.Expires.Add(RenewLate)) {
		return forescale.Agent{}, id, &forescale.Fault{Code: "certificate_expired", Where: "agents/" + id.Node, What: "the agent's certificate has ended",
			Help: "the agent renews it by itself within 30 days; later, let the node join again with a new token"}
	}
	a, err := h.cfg.Store.Agent(r.Context(), id.Node)
	if errors.Is(err, forescale.ErrNotFound) {
		err = &forescale.Fault{Code: "agent_unknown", Where: "agents/" + id.Node, What: "the node has no agent here: it was removed", Err: err,
			Help: "let the node join again with a new token; nothing was done"}
	}
	if err != nil {
		return a, id, err
	}
	if !a.Shows(id.Serial) {
		return a, id, &forescale.Fault{Code: "certificate_superseded", Where: "agents/" + id.Node, What: "the certificate is not the newest one of this agent",
			Help: "two agents may run with the same state: end one; or let the node join again with a new token. Nothing was done"}
	}
	about, err := h.verifier.Verify(r, body, func(key string) ([]byte, bool) { return h.cfg.Authority.SigningKey(key), key == id.Serial })
	if err != nil {
		return a, id, err
	}
	if about.Node != id.Node || about.Cluster != h.cfg.Authority.Pin().Cluster() {
		return a, id, &forescale.Fault{Code: "signature_wrong", What: "the request is signed for another node or cluster", Help: "nothing was done"}
	}
	return a, id, nil
}
