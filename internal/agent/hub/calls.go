package hub

import (
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/wire"
)

// join gives a node that brings a token its first certificate. The token is looked
// up by its hash, so how long that takes tells nothing of it.
func (h *Hub) join(r *http.Request, body []byte) (any, error) {
	var in wire.Join
	if err := read(body, &in); err != nil {
		return nil, err
	}
	now := h.cfg.Clock.Now()
	c, a, err := h.issue(in.Agent, in.Request, now)
	if err != nil {
		return nil, err
	}
	a.JoinedAt = now
	hash := sha256.Sum256(in.Secret)
	if err := h.cfg.Store.Join(r.Context(), hash[:], a, now); err != nil {
		there, unread := h.cfg.Store.Agent(r.Context(), a.Node)
		if unread != nil || there.Serial != a.Serial {
			return nil, err
		}
		// It joined with this very key and does not know it, as the answer was lost: it gets
		// the same certificate again.
		a = there
		if c, _, err = h.issue(a, in.Request, a.JoinedAt); err != nil {
			return nil, err
		}
	}
	h.forget(a.Node)
	h.noteNode(r.Context(), a)
	h.cfg.Log.Info("an agent joined", "node", a.Node, "from", r.RemoteAddr)
	return h.credential(c), nil
}

// renew gives an agent its next certificate, also if the last one has ended.
func (h *Hub) renew(r *http.Request, body []byte) (any, error) {
	old, id, err := h.known(r, body, true)
	if err != nil {
		return nil, err
	}
	var in wire.Renew
	if err := read(body, &in); err != nil {
		return nil, err
	}
	in.Agent.Node = id.Node
	c, a, err := h.issue(in.Agent, in.Request, h.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	a.JoinedAt, a.Order, a.Previous = old.JoinedAt, old.Order, id.Serial
	if err := h.cfg.Store.SaveAgent(r.Context(), a, id.Serial); err != nil {
		return nil, err
	}
	h.noteNode(r.Context(), a)
	return h.credential(c), nil
}

// issue signs a certificate, from a moment on, for what an agent tells of its node.
func (h *Hub) issue(told forescale.Agent, request []byte, from time.Time) (*x509.Certificate, forescale.Agent, error) {
	a := forescale.Agent{Node: told.Node, Type: told.Type, Address: told.Address, Labels: told.Labels, Cores: told.Cores, Memory: told.Memory, DiskKind: told.DiskKind}
	if err := a.Validate(); err != nil {
		return nil, a, err
	}
	c, err := h.cfg.Authority.Issue(request, a.Node, from)
	if err != nil {
		return nil, a, err
	}
	a.Serial, a.ExpiresAt = authority.SerialOf(c), c.NotAfter
	return c, a, nil
}

func (h *Hub) credential(c *x509.Certificate) wire.Credential {
	return wire.Credential{Certificate: c.Raw, SigningKey: h.cfg.Authority.SigningKey(authority.SerialOf(c))}
}

// forget lets a new agent of a node sit where an old one sat.
func (h *Hub) forget(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, node)
	delete(h.links, node)
	delete(h.noted, node)
}

// beat keeps what an agent measured of its own node; of any other it cannot tell.
func (h *Hub) beat(r *http.Request, body []byte) (any, error) {
	a, _, err := h.known(r, body, false)
	if err != nil {
		return nil, err
	}
	var in wire.Beat
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if len(in.Samples) > wire.MaxSamples || in.Session == "" || len(in.Session) > 64 {
		return nil, &forescale.Fault{Code: "body_malformed", What: "the beat has too many samples or no session", Help: "send at most 2000 samples at once; nothing was kept"}
	}
	if err := h.sits(a.Node, in.Session); err != nil {
		return nil, err
	}
	if h.due(a.Node) {
		h.noteNode(r.Context(), a)
	}
	now := h.cfg.Clock.Now()
	samples := make([]forescale.Sample, 0, len(in.Samples))
	for _, s := range in.Samples {
		one := forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindNode, Name: a.Node}, Metric: s.Metric, Time: s.Time, Value: s.Value}
		if one.Validate(now) == nil && slices.Contains(forescale.NodeMetrics, s.Metric) {
			samples = append(samples, one)
		}
	}
	if len(samples) > 0 {
		if err := h.cfg.Store.Append(r.Context(), samples); err != nil {
			return nil, err
		}
	}
	return wire.Beaten{Kept: len(samples), Refused: len(in.Samples) - len(samples)}, nil
}
