package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// lookTime bounds one look at a node. All nodes are waited for, so one that did not show
// all the last time has lookAgain, and lookTime only once in lookTurns: should it be slow
// rather than stuck, it is seen then.
const (
	lookTime  = 5 * time.Second
	lookAgain = time.Second
	lookTurns = 8
)

// Observe asks each agent what runs on its node, all at once. A node whose agent does
// not tell all of it is in the observation's Parts as not whole, and in Failed.
func (h *Hub) Observe(ctx context.Context) forescale.Observation {
	o := forescale.Observation{Time: h.cfg.Clock.Now(), Failed: map[string]string{}}
	agents, err := h.cfg.Store.Agents(ctx)
	if err != nil {
		o.Failed["agents"] = fmt.Sprintf("it could not be read which nodes have an agent: %v", err)
		o.Partial = true
		return o
	}
	o.Parts = make(map[string]forescale.Part, len(agents))
	seen := make([]*wire.Seen, len(agents))
	errs := make([]error, len(agents))
	var wg sync.WaitGroup
	for k, a := range agents {
		wg.Go(func() { seen[k], errs[k] = h.look(ctx, a.Node) })
	}
	wg.Wait()
	for k, a := range agents {
		var f *forescale.Fault
		if errors.As(errs[k], &f) && f.Code == "engine_missing" {
			continue // it only measures: nothing runs there
		}
		if errs[k] != nil {
			o.Failed["nodes/"+a.Node] = errs[k].Error()
			o.Parts[a.Node] = forescale.Part{Silent: h.silent(a.Node)}
			continue
		}
		o.Parts[a.Node] = forescale.Part{Whole: seen[k].Whole, Acts: seen[k].Acts}
		join(&o, a.Node, seen[k])
	}
	return o
}

func (h *Hub) look(ctx context.Context, node string) (*wire.Seen, error) {
	within := h.patience(node)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer, err := h.ask(ctx, node, wire.PathLook, signature.About{Fence: h.fence.Load()}, wire.Look{Within: within})
	h.looked(node, err == nil && answer.Seen != nil && answer.Seen.Whole)
	if err == nil && answer.Seen == nil {
		err = &forescale.Fault{Code: "agent_answer", Where: "nodes/" + node, What: "the agent's answer holds nothing that was seen", Help: "use an agent of the same version as the server"}
	}
	return answer.Seen, err
}

// patience is how long the next look at a node may take.
func (h *Hub) patience(node string) time.Duration {
	l := h.link(node)
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.blurred%lookTurns == 0 {
		return lookTime
	}
	return lookAgain
}

// looked notes whether a look at a node showed all.
func (h *Hub) looked(node string, whole bool) {
	l := h.link(node)
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.blurred++; whole {
		l.blurred = 0
	}
}

// join adds what an agent saw. Of another node it cannot tell, nor of instances that it
// does not list.
func join(o *forescale.Observation, node string, seen *wire.Seen) {
	service := map[string]string{}
	for _, s := range seen.Instances {
		if s.ID == "" || len(s.ID) > maxName || !forescale.ValidName(s.Service) {
			continue
		}
		s.Node = node
		service[s.ID] = s.Service
		o.Instances = append(o.Instances, s)
	}
	for _, s := range seen.Samples {
		if of, listed := service[s.Instance]; listed && ofInstances[s.Metric] {
			o.Samples = append(o.Samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: s.Instance, Service: of}, Metric: s.Metric, Time: s.Time, Value: s.Value})
		}
	}
	for part, why := range seen.Failed {
		if len(o.Failed) < maxFailed && len(part) <= maxName && len(why) <= 4*maxName {
			o.Failed["nodes/"+node+"/"+part] = why
		}
	}
}

// What an agent may tell at most: a node could lie.
const (
	maxName   = 256 // bytes of a container's name
	maxFailed = 1000
)

// ofInstances are the metrics that an engine has of instances.
var ofInstances = map[forescale.Metric]bool{forescale.MetricCPU: true, forescale.MetricMemory: true}

// Target starts and stops instances on the nodes that have an agent.
type Target struct {
	h     *Hub
	fence int64
}

// Under is the target for the leader of a fence, 0 where there is one server. From then
// on the hub looks under it, too: agents listen to no lower one after that.
func (h *Hub) Under(fence int64) *Target {
	h.fence.Store(fence)
	return &Target{h: h, fence: fence}
}

// Has reports whether a node has an agent, also one that is silent.
func (t *Target) Has(ctx context.Context, node string) (bool, error) {
	_, err := t.h.cfg.Store.Agent(ctx, node)
	if errors.Is(err, forescale.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Fence tells whether an agent knows a higher fence. It makes nothing: the first request
// that reaches an agent raises what it listens to.
func (t *Target) Fence(context.Context) error {
	if newest := t.h.newest.Load(); t.fence > 0 && newest > t.fence {
		low := &forescale.LowerFence{Newest: newest}
		return &forescale.Fault{Code: "fence_lower", Where: "agents", Err: low,
			What: fmt.Sprintf("a leader with the fence %d was listened to on a node, so %d is not", newest, t.fence),
			Help: low.Help() + "; nothing was changed"}
	}
	return nil
}

// Pull has the agent of a node fetch the image of the service's template, if it is missing.
func (t *Target) Pull(ctx context.Context, s forescale.Service, node string) error {
	made, err := made(s, t.h.cfg.LookupEnv)
	if err != nil {
		return err
	}
	_, err = t.h.ask(ctx, node, wire.PathPull, t.about(""), wire.Pull{Service: s.Name, Template: made, Within: within(ctx)})
	return err
}

// Start has the agent of the instance's node start it, from the service's template.
func (t *Target) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	made, err := made(s, t.h.cfg.LookupEnv)
	if err != nil {
		return err
	}
	_, err = t.h.ask(ctx, i.Node, wire.PathStart, t.about(i.Decision),
		wire.Start{Service: s.Name, Instance: i.ID, Decision: i.Decision, Template: made, Revision: cmp.Or(i.Revision, s.Template.Revision()), Within: within(ctx)})
	return err
}

// Stop has the agent of the instance's node stop and remove it; one that is gone is no error.
func (t *Target) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	_, err := t.h.ask(ctx, i.Node, wire.PathStop, t.about(i.StopBy),
		wire.Stop{Service: cmp.Or(s.Name, i.Service), Instance: i.ID, Decision: i.Decision, Within: within(ctx)})
	return err
}

func (t *Target) about(decision string) signature.About {
	return signature.About{Fence: t.fence, Decision: decision}
}

// within is how long an effect may take.
func within(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return time.Until(end)
	}
	return time.Minute
}

// made is the template as an agent gets it: with the variables of this server's own
// environment, and limits.
func made(s forescale.Service, lookup func(string) (string, bool)) (forescale.Template, error) {
	t := s.Clone().Template
	if t.Image == "" {
		return t, &forescale.Fault{Code: "template_missing", Where: "services/" + s.Name, What: "there is no image in the service's template, and on a node with an agent no container is copied",
			Help: "set template.image"}
	}
	if t.Env == nil {
		t.Env = map[string]string{}
	}
	for _, name := range t.EnvFrom {
		v, ok := lookup(name)
		if !ok {
			return t, &forescale.Fault{Code: "start_invalid", Where: "template.env_from", What: fmt.Sprintf("the variable %s is not set in the server's environment", name),
				Help: "set it where the server runs and restart the server, or leave it out of env_from"}
		}
		t.Env[name] = v
	}
	t.EnvFrom = nil
	t.CPUs, t.Memory, t.Processes = cmp.Or(t.CPUs, s.Resources.Cores), cmp.Or(t.Memory, s.Resources.Memory), cmp.Or(t.Processes, forescale.DefaultProcesses)
	return t, nil
}
