package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

func (a *API) agentRoutes() {
	tags := []string{"fleet"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-agents", Method: http.MethodGet, Path: "/v1/agents",
		Summary: "Agents of nodes that have joined", Tags: tags}, nil, a.listAgents)
	route(a, forescale.RoleAdmin, huma.Operation{OperationID: "remove-agent", Method: http.MethodDelete, Path: "/v1/agents/{node}",
		Summary: "Remove the agent of a node", Tags: tags, Description: "It is refused from then on, and the node may join anew. What runs on the node runs on."}, []int{404}, a.removeAgent)
	route(a, forescale.RoleAdmin, huma.Operation{OperationID: "list-join-tokens", Method: http.MethodGet, Path: "/v1/join-tokens",
		Summary: "Tokens by which agents may join, without their secrets", Tags: tags}, nil, a.listJoinTokens)
	route(a, forescale.RoleAdmin, huma.Operation{OperationID: "create-join-token", Method: http.MethodPost, Path: "/v1/join-tokens", DefaultStatus: http.StatusCreated,
		Summary: "Let the agent of one node join once", Tags: tags, MaxBodyBytes: smallBody, Description: "The token is told this once, and good for 15 minutes."},
		[]int{400, 409, 413, 415}, a.createJoinToken)
}

// AgentView is the agent of a node.
type AgentView struct {
	Node       string            `json:"node"`
	Type       string            `json:"type"`
	Address    string            `json:"address"`
	Labels     map[string]string `json:"labels,omitempty"`
	Cores      float64           `json:"cores"`
	Memory     int64             `json:"memory_bytes"`
	DiskKind   string            `json:"disk_kind,omitempty"`
	Order      string            `json:"order,omitempty" doc:"Of the node, that it joined for"`
	JoinedAt   time.Time         `json:"joined_at"`
	ExpiresAt  time.Time         `json:"certificate_expires_at" doc:"It is renewed at half of its day"`
	LastSample *time.Time        `json:"last_sample" doc:"Of the node, the newest; null: none yet"`
	Silent     bool              `json:"silent" doc:"Nothing was heard of it for 30 s"`
}

func (a *API) listAgents(ctx context.Context, _ *struct{}) (*listOutput[AgentView], error) {
	agents, err := a.store.Agents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read agents: %w", err)
	}
	last, err := a.store.LastSamples(ctx)
	if err != nil {
		return nil, fmt.Errorf("read last samples: %w", err)
	}
	views := make([]AgentView, len(agents))
	for i, g := range agents {
		heard := last["node/"+g.Node]
		views[i] = AgentView{Node: g.Node, Type: g.Type, Address: g.Address, Labels: g.Labels, Cores: g.Cores, Memory: g.Memory, DiskKind: g.DiskKind, Order: g.Order,
			JoinedAt: g.JoinedAt.UTC(), ExpiresAt: g.ExpiresAt.UTC(), LastSample: some(heard), Silent: a.now().Sub(heard) > forescale.AgentAway}
	}
	return pageOf(views, ""), nil
}

type agentInput struct {
	Node string `path:"node" maxLength:"100" doc:"Name of the node"`
}

func (a *API) removeAgent(ctx context.Context, in *agentInput) (*struct{}, error) {
	err := a.store.RemoveAgent(ctx, in.Node)
	if errors.Is(err, forescale.ErrNotFound) {
		return nil, &forescale.Fault{Code: "agent_unknown", What: fmt.Sprintf("node %.60q has no agent", in.Node), Where: "path.node", Help: "GET /v1/agents lists them", Err: forescale.ErrNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("remove the agent: %w", err)
	}
	return nil, nil
}

// JoinTokenView is a token without its secret.
type JoinTokenView struct {
	ID        string     `json:"id"`
	Node      string     `json:"node" doc:"That may join by it"`
	Order     string     `json:"order,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at"`
}

func viewJoinToken(t forescale.JoinToken) JoinTokenView {
	return JoinTokenView{ID: t.ID, Node: t.Node, Order: t.Order, CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(), UsedAt: some(t.UsedAt)}
}

func (a *API) listJoinTokens(ctx context.Context, _ *struct{}) (*listOutput[JoinTokenView], error) {
	tokens, err := a.store.JoinTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("read join tokens: %w", err)
	}
	return pageOf(all(tokens, viewJoinToken), ""), nil
}

type createJoinTokenInput struct {
	Body struct {
		Node string `json:"node" doc:"Name of the node that may join"`
	}
}

type createJoinTokenOutput struct {
	Body struct {
		JoinTokenView
		Token string `json:"token" doc:"For FORESCALE_JOIN_TOKEN of the agent; it is not told again"`
	}
}

func (a *API) createJoinToken(ctx context.Context, in *createJoinTokenInput) (*createJoinTokenOutput, error) {
	if !forescale.ValidName(in.Body.Node) {
		return nil, forescale.Faults{{Code: "node_invalid", Where: "body.node", What: fmt.Sprintf("%.60q is not a node name", in.Body.Node), Help: "use up to 42 lower-case letters, digits and inner hyphens"}}
	}
	if a.cfg.JoinToken == nil {
		return nil, &forescale.Fault{Code: "agents_not_taken", Where: "join-tokens", What: "this server takes no agents", Help: "start it with --agents ADDRESS, such as --agents :8481", Err: forescale.ErrConflict}
	}
	kept, secret, err := a.cfg.JoinToken(ctx, in.Body.Node)
	if err != nil {
		return nil, fmt.Errorf("make a join token: %w", err)
	}
	out := &createJoinTokenOutput{}
	out.Body.JoinTokenView, out.Body.Token = viewJoinToken(kept), secret
	return out, nil
}

// agentCollector tells how agents are.
type agentCollector struct {
	a               *API
	agents, expires *prometheus.Desc
}

func newAgentCollector(a *API) *agentCollector {
	return &agentCollector{a: a,
		agents:  prometheus.NewDesc("forescale_agents", "Agents of nodes that have joined, by whether they were heard of within 30 s. Absent where none has joined.", []string{"heard"}, nil),
		expires: prometheus.NewDesc("forescale_agent_certificates_end_seconds", "Until the first certificate of an agent ends; below 0 one has. Absent where none has joined.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *agentCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.agents; ch <- c.expires }

// Collect implements prometheus.Collector.
func (c *agentCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	out, err := c.a.listAgents(ctx, nil)
	if err != nil {
		c.a.log.Warn("read agents for metrics", "error", err)
		return
	}
	agents := out.Body.Items
	if len(agents) == 0 {
		return
	}
	silent := 0
	for _, g := range agents {
		if g.Silent {
			silent++
		}
	}
	first := slices.MinFunc(agents, func(a, b AgentView) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	ch <- gauge(c.agents, float64(len(agents)-silent), "yes")
	ch <- gauge(c.agents, float64(silent), "no")
	ch <- gauge(c.expires, first.ExpiresAt.Sub(c.a.now()).Seconds())
}
