package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// The most that one request may take.
const (
	actMost  = 5 * time.Minute
	pullMost = 10 * time.Minute
	lookMost = 10 * time.Second
)

// perform does what a request asks for, if it is signed for this node, is new, and
// comes under no lower fence than any before it.
func (a *Agent) perform(ctx context.Context, q wire.Request) wire.Answer {
	about, err := a.verify(q)
	if err == nil {
		err = a.raise(about.Fence)
	}
	if err != nil {
		return a.refusal(q, err)
	}
	switch q.Path {
	case wire.PathLook:
		var in wire.Look
		if err = a.read(q.Body, &in); err == nil && a.engine.Containers == nil {
			err = refused("engine_missing", a.Node(), "there is no Docker Engine on this node", "start one, or set DOCKER_HOST for the agent")
		}
		if err == nil {
			return wire.Answer{Seen: a.look(ctx, in)}
		}
	case wire.PathPull:
		var in wire.Pull
		if err = a.read(q.Body, &in); err == nil {
			i := forescale.Instance{ID: "image " + in.Template.Image, Service: in.Service}
			err = a.act(ctx, about, i, min(in.Within, pullMost), func(ctx context.Context, t Target) error {
				return t.Pull(ctx, forescale.Service{Name: in.Service, Template: in.Template})
			})
		}
	case wire.PathStart:
		var in wire.Start
		if err = a.read(q.Body, &in); err == nil && in.Decision != about.Decision {
			err = refused("request_malformed", in.Instance, "the request is signed for another decision", "use a server of the same version as the agent; nothing was done")
		}
		if err == nil {
			i := forescale.Instance{ID: in.Instance, Service: in.Service, Decision: in.Decision, Node: a.Node(), Revision: in.Revision}
			err = a.act(ctx, about, i, min(in.Within, actMost), func(ctx context.Context, t Target) error {
				return t.Start(ctx, forescale.Service{Name: in.Service, Template: in.Template}, i)
			})
		}
	case wire.PathStop:
		var in wire.Stop
		if err = a.read(q.Body, &in); err == nil {
			i := forescale.Instance{ID: in.Instance, Service: in.Service, Decision: in.Decision, Node: a.Node()}
			err = a.act(ctx, about, i, min(in.Within, actMost), func(ctx context.Context, t Target) error {
				return t.Stop(ctx, forescale.Service{Name: in.Service}, i)
			})
		}
	default:
		err = refused("request_unknown", q.Path, "the agent does not do this", "an agent looks, pulls, starts and stops; use one of the same version as the server")
	}
	if err != nil {
		return a.refusal(q, err)
	}
	return wire.Answer{}
}

// verify checks that a request is the server's, for this node, and comes once.
func (a *Agent) verify(q wire.Request) (signature.About, error) {
	r := &http.Request{Method: http.MethodPost, Host: a.Node(), URL: &url.URL{Path: q.Path}, Header: http.Header{}}
	for name, value := range q.Fields {
		r.Header.Set(name, value)
	}
	about, err := a.verifier.Verify(r, q.Body, a.client.signingKey)
	if err == nil && (about.Node != a.Node() || about.Cluster != a.client.pin.Cluster()) {
		err = refused("signature_wrong", q.Path, "the request is signed for another node or cluster", "nothing was done")
	}
	return about, err
}

// raise makes a fence the lowest that is listened to. It is on the disk before anything
// is done under it, and what was begun under a lower one has ended.
func (a *Agent) raise(fence int64) error {
	if err := a.lower(fence); err != nil || fence == a.client.current().Fence {
		return err
	}
	a.effects.Lock()
	defer a.effects.Unlock()
	a.saving.Lock()
	defer a.saving.Unlock()
	if err := a.lower(fence); err != nil { // somebody was faster
		return err
	}
	next := *a.client.current()
	next.Fence = fence
	if err := next.save(a.cfg.Dir); err != nil {
		return err
	}
	for _, c := range a.servers() {
		c.note(&next)
	}
	a.cfg.Log.Info("another leader is listened to", "fence", fence)
	return nil
}

// lower refuses a fence below the highest.
func (a *Agent) lower(fence int64) error {
	highest := a.client.current().Fence
	if fence >= highest {
		return nil
	}
	low := &forescale.LowerFence{Newest: highest}
	return &forescale.Fault{Code: "fence_lower", Where: a.Node(), Err: low,
		What: fmt.Sprintf("a leader with the fence %d was listened to on this node, so %d is not", highest, fence),
		Help: low.Help() + "; nothing was done"}
}

// act does one effect on an instance.
func (a *Agent) act(ctx context.Context, about signature.About, i forescale.Instance, within time.Duration, do func(context.Context, Target) error) error {
	switch {
	case a.engine.Acting == nil:
		return refused("policy_refused", a.Node(), "this node has no policy, so nothing is started or stopped here", "give the agent one with --policy; nothing was done")
	case !forescale.ValidName(i.Service) || i.ID == "":
		return refused("request_malformed", i.ID, "the request names no service or no instance", "use a server of the same version as the agent; nothing was done")
	case !a.under.begin(i.ID):
		return refused("instance_busy", i.ID, "something is done with this instance already", "it is tried again")
	}
	defer a.under.end(i.ID)
	ctx, cancel := context.WithTimeout(ctx, max(within, time.Second))
	defer cancel()
	return do(ctx, a.engine.Acting(func() (func(), error) {
		a.effects.RLock()
		if err := a.lower(about.Fence); err != nil {
			a.effects.RUnlock()
			return nil, err
		}
		return a.effects.RUnlock, nil
	}))
}

// look reads what runs here, in the server's time.
func (a *Agent) look(ctx context.Context, in wire.Look) *wire.Seen {
	ctx, cancel := context.WithTimeout(ctx, min(max(in.Within, time.Second), lookMost))
	defer cancel()
	o := a.engine.Containers.Observe(ctx)
	ahead := a.serverTime().Sub(a.cfg.Clock.Now())
	at := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(ahead).Truncate(time.Millisecond)
	}
	seen := &wire.Seen{Whole: o.Complete, Acts: a.engine.Acting != nil, Instances: o.Instances, Failed: o.Failed}
	for k := range seen.Instances {
		s := &seen.Instances[k]
		s.StartedAt, s.ReadyAt = at(s.StartedAt), at(s.ReadyAt)
	}
	for _, s := range o.Samples {
		seen.Samples = append(seen.Samples, wire.InstanceSample{Instance: s.Subject.Name, Sample: wire.Sample{Metric: s.Metric, Time: at(s.Time), Value: s.Value}})
	}
	return seen
}

// read parses the body of a request; what it does not know is a fault.
func (a *Agent) read(body []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return refused("request_malformed", a.Node(), "the request cannot be read: "+err.Error(), "use a server of the same version as the agent; nothing was done")
	}
	return nil
}

func refused(code, where, what, help string) error {
	return &forescale.Fault{Code: code, Where: where, What: what, Help: help}
}

// refusal is an error as an answer, and a line of the node's own log.
func (a *Agent) refusal(q wire.Request, err error) wire.Answer {
	a.cfg.Log.Warn("a request of the server was not carried out", "request", q.Path, "decision", q.Fields[signature.FieldDecision], "error", err)
	var answer wire.Answer
	var lower *forescale.LowerFence
	if errors.As(err, &lower) {
		answer.Newest = lower.Newest
	}
	var all forescale.Faults
	var f *forescale.Fault
	switch {
	case errors.As(err, &all) && len(all) > 0:
		p := wire.Problem{Code: all[0].Code, Help: all[0].Help}
		var what, where []string
		for _, f := range all {
			what, where = append(what, f.What), append(where, f.Where)
		}
		p.What, p.Where = strings.Join(what, "; "), strings.Join(where, ", ")
		answer.Problem = &p
	case errors.As(err, &f):
		p := wire.ProblemOf(f)
		answer.Problem = &p
	default:
		answer.Problem = &wire.Problem{Code: "agent_failed", What: "the agent could not do it: " + err.Error(), Where: a.Node(), Help: "it is tried again; see the agent's log"}
	}
	return answer
}
