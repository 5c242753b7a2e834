package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestAgentsAreListedAndRemoved(t *testing.T) {
	f := setup(t)
	if m := string(f.do("GET", "/metrics", "").is(200).body); strings.Contains(m, "forescale_agents{") {
		t.Error("agents in the metrics though none has joined")
	}
	for i, node := range []string{"n-1", "n-2"} {
		token := forescale.JoinToken{ID: "join_" + node, Node: node, Hash: []byte(node), CreatedAt: monday, ExpiresAt: monday.Add(time.Minute)}
		if err := f.store.CreateJoinToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		a := forescale.Agent{Node: node, Type: "small", Cores: 4, Memory: 8 << 30, Serial: node, JoinedAt: monday, ExpiresAt: monday.Add(time.Duration(i+1) * time.Hour)}
		if err := f.store.Join(t.Context(), token.Hash, a, monday); err != nil {
			t.Fatal(err)
		}
	}
	heard := forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindNode, Name: "n-2"}, Metric: forescale.MetricCPU, Time: monday.Add(-20 * time.Second), Value: 10}
	if err := f.store.Append(t.Context(), []forescale.Sample{heard}); err != nil {
		t.Fatal(err)
	}
	var l List[AgentView]
	f.do("GET", "/v1/agents", "").is(200).read(&l)
	if len(l.Items) != 2 || !l.Items[0].Silent || l.Items[0].LastSample != nil || l.Items[1].Silent || l.Items[1].Type != "small" || !l.Items[1].LastSample.Equal(heard.Time) {
		t.Errorf("%+v", l.Items)
	}
	m := string(f.do("GET", "/metrics", "").is(200).body)
	for _, line := range []string{`forescale_agents{heard="yes"} 1`, `forescale_agents{heard="no"} 1`, "forescale_agent_certificates_end_seconds 3600"} {
		if !strings.Contains(m, line+"\n") {
			t.Errorf("no %s in the metrics", line)
		}
	}
	f.do("DELETE", "/v1/agents/n-1", "").is(204)
	f.do("DELETE", "/v1/agents/n-1", "").problem(404, "agent_unknown")
}

func TestAJoinTokenIsToldOnce(t *testing.T) {
	kept := forescale.JoinToken{ID: "join_1", Node: "n-1", Hash: []byte("hash"), CreatedAt: monday, ExpiresAt: monday.Add(forescale.JoinTokenLife)}
	var f *fixture
	f = setup(t, func(c *Config) {
		c.JoinToken = func(ctx context.Context, node string) (forescale.JoinToken, string, error) {
			return kept, "fsj_secret", f.store.CreateJoinToken(ctx, kept)
		}
	})
	var made struct {
		JoinTokenView
		Token string
	}
	f.do("POST", "/v1/join-tokens", `{"node":"n-1"}`).is(201).read(&made)
	if made.Token != "fsj_secret" || made.ID != "join_1" || made.UsedAt != nil {
		t.Errorf("%+v", made)
	}
	var l List[JoinTokenView]
	a := f.do("GET", "/v1/join-tokens", "").is(200)
	if a.read(&l); len(l.Items) != 1 || l.Items[0].Node != "n-1" || strings.Contains(string(a.body), "secret") {
		t.Errorf("%s", string(a.body))
	}
	f.do("POST", "/v1/join-tokens", `{"node":"no name"}`).problem(422, "node_invalid")
	setup(t).do("POST", "/v1/join-tokens", `{"node":"n-1"}`).problem(409, "agents_not_taken")
}
