package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/hub"
	"github.com/forescale/forescale/internal/agent/wire"
	"github.com/forescale/forescale/internal/store/memory"
)

var monday = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// handClock is moved by hand.
type handClock struct {
	mu     sync.Mutex
	wall   time.Time
	steady time.Duration
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *handClock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.steady
}

func (c *handClock) After(time.Duration) <-chan time.Time { return nil }

func (c *handClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
	c.steady += d
}

// jump moves the wall clock alone.
func (c *handClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// node is a Source whose CPU use is the number of its readings, up to 99.
type node struct{ readings int }

func (n *node) Observe(context.Context) forescale.Observation {
	n.readings++
	return forescale.Observation{Nodes: []forescale.Node{{Cores: 4, Memory: 1 << 30}},
		Samples: []forescale.Sample{{Metric: forescale.MetricCPU, Value: float64(n.readings % 100)}}}
}

// bench is a server with its store and clock, and the clock of the nodes.
type bench struct {
	*testing.T
	authority *authority.Authority
	store     *memory.Store
	server    *handClock
	node      *handClock
	address   string
	hub       *hub.Hub
	stop      func()
}

func newBench(t *testing.T) *bench {
	a, err := authority.New(monday)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, authority: a, store: memory.New(), server: &handClock{wall: monday}, node: &handClock{wall: monday}}
	b.serve("127.0.0.1:0")
	t.Cleanup(func() { b.stop() })
	return b
}

// serve starts a server on the bench's store, at an address.
func (b *bench) serve(address string) {
	b.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	h := hub.New(hub.Config{Authority: b.authority, Store: b.store, Clock: b.server})
	b.address, b.hub = ln.Addr().String(), h
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, ln) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.Errorf("serve: %v", err)
		}
	})
	b.pass(2 * time.Second) // what is signed in the second of the start is refused
}

func (b *bench) pass(d time.Duration) {
	b.server.pass(d)
	b.node.pass(d)
}

func (b *bench) token(node string) wire.Token {
	b.Helper()
	t := wire.NewToken(node, b.authority.Pin())
	now := b.server.Now()
	if err := b.store.CreateJoinToken(b.Context(), forescale.JoinToken{ID: t.String()[4:30], Node: node, Hash: t.Hash(), CreatedAt: now, ExpiresAt: now.Add(forescale.JoinTokenLife)}); err != nil {
		b.Fatal(err)
	}
	return t
}

func (b *bench) config(token, dir string) Config {
	return Config{Server: "https://" + b.address, Join: token, Dir: dir, Source: &node{}, Clock: b.node}
}

func (b *bench) joined(node string) *Agent {
	b.Helper()
	a, err := New(b.Context(), b.config(b.token(node).String(), b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// samples are times and values that the store has of a node's CPU.
func (b *bench) samples(node string) string {
	b.Helper()
	list, err := b.store.Samples(b.Context(), forescale.SampleQuery{Kind: forescale.KindNode, Name: node})
	if err != nil {
		b.Fatal(err)
	}
	var out strings.Builder
	for _, s := range list {
		fmt.Fprintf(&out, "%s=%g ", s.Time.Sub(monday), s.Value)
	}
	return strings.TrimSpace(out.String())
}

func code(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func TestAnAgentJoinsAndReports(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	a.Step(t.Context())
	b.pass(Beat)
	a.Step(t.Context())
	if got := b.samples("node-1"); got != "2s=2 12s=3" { // the first reading was for the facts
		t.Error(got)
	}
	kept, err := b.store.Agent(t.Context(), "node-1")
	if err != nil || kept.Cores != 4 || kept.Memory != 1<<30 || !kept.JoinedAt.Equal(b.server.Now().Add(-Beat)) {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestAnAgentGoesOnAfterARestartWithoutAToken(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	if _, err := New(t.Context(), b.config(b.token("node-1").String(), dir)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := New(t.Context(), b.config("", dir))
	if err != nil || again.Node() != "node-1" {
		t.Fatal(err)
	}
	again.Step(t.Context())
	if b.samples("node-1") == "" {
		t.Error("nothing was reported")
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"node":"node-1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), b.config("", dir)); code(err) != "agent_state_damaged" {
		t.Errorf("damaged: %v", err)
	}
}

// The agent ends, or the answer is lost, after the server let it join and before the agent
// knows: with its key, which lies on the disk, it is let in again, and nobody else is.
func TestAJoinWhoseAnswerWasLostIsGoneOnWith(t *testing.T) {
	b := newBench(t)
	token, dir := b.token("node-1"), t.TempDir()
	key, err := firstKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	request, err := authority.NewRequest("node-1", key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient("https://"+b.address, token.Pin, nil, b.node)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var lost wire.Credential
	if err := c.call(t.Context(), wire.PathJoin, wire.Join{Secret: token.Secret, Agent: forescale.Agent{Node: "node-1", Cores: 4, Memory: 1 << 30}, Request: request}, &lost); err != nil {
		t.Fatal(err)
	}
	b.pass(3 * time.Hour) // the token has ended meanwhile
	if _, err := New(t.Context(), b.config(token.String(), t.TempDir())); code(err) != "join_token_used" {
		t.Errorf("another key with the token: %v", err)
	}
	a, err := New(t.Context(), b.config(token.String(), dir))
	if err != nil {
		t.Fatal(err)
	}
	a.Step(t.Context())
	if got := b.samples("node-1"); got == "" {
		t.Error("nothing was reported")
	}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); !os.IsNotExist(err) {
		t.Errorf("the key to join with is still there: %v", err)
	}
	if err := b.store.RemoveAgent(t.Context(), "node-1"); err != nil {
		t.Fatal(err)
	}
	if err := c.call(t.Context(), wire.PathJoin, wire.Join{Secret: token.Secret, Agent: forescale.Agent{Node: "node-1", Cores: 4, Memory: 1 << 30}, Request: request}, &lost); code(err) != "join_token_used" {
		t.Errorf("one that was removed: %v", err)
	}
}

func TestTokensThatAreNotGoodAreRefused(t *testing.T) {
	b := newBench(t)
	other, err := authority.New(monday)
	if err != nil {
		t.Fatal(err)
	}
	used := b.token("node-1")
	if _, err := New(t.Context(), b.config(used.String(), t.TempDir())); err != nil {
		t.Fatal(err)
	}
	second := b.token("node-1")
	late := b.token("node-3")
	renamed := b.token("node-4")
	renamed.Node = "node-5"
	b.pass(forescale.JoinTokenLife)
	fresh := b.token("node-2")
	fresh.Pin = other.Pin()
	for _, c := range []struct{ sentence, token, code string }{
		{"a used token", used.String(), "join_token_used"},
		{"a token of a node that has an agent, too late", second.String(), "join_token_expired"},
		{"an expired token", late.String(), "join_token_expired"},
		{"a token that names another node", renamed.String(), "join_token_node"},
		{"a token that nobody made", wire.NewToken("node-6", b.authority.Pin()).String(), "join_token_unknown"},
		{"a token of another authority", fresh.String(), "server_unknown"},
		{"a text that is no token", "x", "join_token_malformed"},
		{"no token", "", "join_token_missing"},
	} {
		dir := t.TempDir()
		if _, err := New(t.Context(), b.config(c.token, dir)); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.sentence, err, c.code)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", c.sentence, left)
		}
	}
	if _, err := New(t.Context(), b.config(b.token("node-1").String(), t.TempDir())); code(err) != "agent_exists" {
		t.Errorf("a second agent of a node: %v", err)
	}
	for _, server := range []string{"http://127.0.0.1:1", "127.0.0.1:1", "https://", "https://a/b", "https://u:p@a"} {
		cfg := b.config(b.token("node-9").String(), t.TempDir())
		cfg.Server = server
		if _, err := New(t.Context(), cfg); code(err) != "agent_server" {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestWhatWasMeasuredWhileTheServerWasAwayComesWithItsTrueTimes(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	b.stop()
	for range 3 {
		a.Step(t.Context())
		b.pass(Beat)
	}
	b.node.jump(-48 * time.Hour) // times are the server's, whatever the node's clock does
	b.serve(b.address)
	a.Step(t.Context())
	if got := b.samples("node-1"); got != "2s=2 12s=3 22s=4 34s=5" {
		t.Error(got)
	}
}

// Of several servers each may lead, so each is asked for work; what was measured goes to
// the first that answers, and certificates come from there, too.
func TestAnAgentHasSeveralServers(t *testing.T) {
	b := newBench(t)
	one, stopOne := b.address, b.stop
	b.serve("127.0.0.1:0")
	stopTwo := b.stop
	t.Cleanup(stopTwo)
	cfg := b.config(b.token("node-1").String(), t.TempDir())
	cfg.Server, cfg.Others = "https://"+one, []string{"https://" + b.address}
	a, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.Step(t.Context())
	stopOne()
	b.pass(Beat)
	a.Step(t.Context())
	b.node.jump(-48 * time.Hour)
	b.pass(authority.LeafLife / 2)
	first := authority.SerialOf(a.client.current().own.Leaf)
	a.Step(t.Context())
	if n := strings.Count(b.samples("node-1"), "="); n != 3 || !strings.HasSuffix(b.samples("node-1"), fmt.Sprintf("%s=4", b.server.Now().Sub(monday))) {
		t.Errorf("what came: %s", b.samples("node-1"))
	}
	for _, c := range a.servers() {
		if s := c.current(); s != a.client.current() || authority.SerialOf(s.own.Leaf) == first {
			t.Error("a way to a server has another certificate")
		}
	}
	if err := a.raise(3); err != nil {
		t.Fatal(err)
	}
	for _, c := range a.servers() {
		if c.current().Fence != 3 {
			t.Errorf("a way to a server has the fence %d", c.current().Fence)
		}
	}
	stopTwo()
	if err := a.report(t.Context()); code(err) != "server_unreachable" {
		t.Errorf("without servers: %v", err)
	}
	cfg.Others = []string{"nowhere"}
	if _, err := New(t.Context(), cfg); code(err) != "agent_server" {
		t.Errorf("an address that is none: %v", err)
	}
}

func TestAnHourIsKeptAndNoMore(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	b.stop()
	for range 2 * int(kept/Beat) {
		a.Step(t.Context())
		b.pass(Beat)
	}
	if n := len(a.buffer.waiting); n > int(kept/Beat)+1 {
		t.Errorf("%d readings wait", n)
	}
	b.serve(b.address)
	a.Step(t.Context())
	if n := strings.Count(b.samples("node-1"), "="); n < int(kept/Beat) || len(a.buffer.waiting) != 0 {
		t.Errorf("%d came, %d wait", n, len(a.buffer.waiting))
	}
}

func TestANodeWhoseClockIsWrongIsDelayedAtMost(t *testing.T) {
	for _, off := range []time.Duration{-400 * 24 * time.Hour, -2 * time.Minute, 2 * time.Minute, 400 * 24 * time.Hour} {
		b := newBench(t)
		b.node.jump(off)
		a := b.joined("node-1")
		a.Step(t.Context())
		if got := b.samples("node-1"); got != "2s=2" {
			t.Errorf("off by %v: %q", off, got)
		}
	}
}

func TestCertificatesAreRenewedAtHalfTheirLife(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	first := authority.SerialOf(a.client.current().own.Leaf)
	b.pass(authority.LeafLife/2 - time.Hour)
	a.Step(t.Context())
	if authority.SerialOf(a.client.current().own.Leaf) != first {
		t.Error("renewed too early")
	}
	b.pass(time.Hour)
	a.Step(t.Context())
	second := authority.SerialOf(a.client.current().own.Leaf)
	kept, err := b.store.Agent(t.Context(), "node-1")
	if err != nil || second == first || kept.Serial != second || kept.Previous != first {
		t.Errorf("%s, %s: %+v, %v", first, second, kept, err)
	}
	// An outage of longer than a certificate lives locks nobody out.
	b.pass(5 * authority.LeafLife)
	n := strings.Count(b.samples("node-1"), "=")
	a.Step(t.Context())
	if got := strings.Count(b.samples("node-1"), "="); got != n+1 {
		t.Errorf("%d samples, had %d", got, n)
	}
	b.pass(hub.RenewLate + 2*authority.LeafLife)
	if err := a.renew(t.Context()); code(err) != "certificate_expired" {
		t.Errorf("after more than 30 days: %v", err)
	}
}

// A question for work is open while the certificate is renewed: its connection shows the old
// one, and what is signed with the new one must not go over it.
func TestARenewedCertificateIsShownByAllThatFollows(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	a.Step(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { a.work(ctx, a.client) })
	defer a.client.close()
	defer work.Wait()
	defer cancel()
	look := func(when string) {
		t.Helper()
		if why := b.hub.Observe(ctx).Failed["nodes/node-1"]; why != "" {
			t.Fatalf("%s: %s", when, why)
		}
	}
	look("before")
	b.pass(authority.LeafLife/2 + time.Minute)
	a.Step(ctx)
	b.hub.Observe(ctx) // answers the open question, which may have been on its way when the time went by
	for n := range 4 {
		look(fmt.Sprintf("look %d after it was renewed", n+1))
		b.pass(time.Second)
		a.Step(ctx)
		if a.behind {
			t.Fatalf("beat %d after it was renewed was refused", n+1)
		}
	}
}

func TestTwoProcessesWithOneStateAreToldApart(t *testing.T) {
	b := newBench(t)
	dir, copied := t.TempDir(), t.TempDir()
	one, err := New(t.Context(), b.config(b.token("node-1").String(), dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(copied, "x"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	two, err := New(t.Context(), b.config("", filepath.Join(copied, "x")))
	if err != nil {
		t.Fatal(err)
	}
	one.Step(t.Context())
	if err := two.report(t.Context()); code(err) != "agent_twice" {
		t.Errorf("the second one: %v", err)
	}
	// The second one takes the next certificate: then the first shows an old one.
	b.pass(authority.LeafLife / 2)
	two.Step(t.Context())
	two.buffer.add(two.cfg.Source.Observe(t.Context()), b.node.Elapsed())
	b.pass(authority.LeafLife / 2)
	two.Step(t.Context())
	if err := one.renew(t.Context()); code(err) != "certificate_superseded" {
		t.Errorf("the first one: %v", err)
	}
}

func TestAnAgentThatWasRemovedIsRefused(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	if err := b.store.RemoveAgent(t.Context(), "node-1"); err != nil {
		t.Fatal(err)
	}
	if err := a.report(t.Context()); code(err) != "agent_unknown" {
		t.Error(err)
	}
	if !errors.Is(b.store.RemoveAgent(t.Context(), "node-1"), forescale.ErrNotFound) {
		t.Error("it came back")
	}
}

func TestANodeThatLiesIsBounded(t *testing.T) {
	b := newBench(t)
	for sentence, facts := range map[string]forescale.Agent{
		"more cores than there are": {Cores: 1e9, Memory: 1},
		"labels with line breaks":   {Cores: 1, Memory: 1, Labels: map[string]string{"zone": "a\nforescale_fence 9"}},
		"an address of a megabyte":  {Cores: 1, Memory: 1, Address: strings.Repeat("a", 500_000)},
	} {
		cfg := b.config(b.token("node-"+strings.Fields(sentence)[0]).String(), t.TempDir())
		cfg.Facts = facts
		if _, err := New(t.Context(), cfg); code(err) != "agent_invalid" {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	a := b.joined("node-1")
	var kept wire.Beaten
	err := a.client.call(t.Context(), wire.PathBeat, wire.Beat{Session: a.session, Samples: []wire.Sample{
		{Metric: forescale.MetricCPU, Time: b.server.Now(), Value: 1000}, {Metric: forescale.MetricLoad, Time: b.server.Now(), Value: 1},
		{Metric: forescale.MetricCPU, Time: b.server.Now().Add(time.Hour), Value: 1}, {Metric: forescale.MetricCPU, Time: b.server.Now(), Value: 7}}}, &kept)
	if err != nil || kept.Kept != 1 || kept.Refused != 3 {
		t.Errorf("%+v, %v", kept, err)
	}
	if err := a.client.call(t.Context(), wire.PathBeat, wire.Beat{Session: a.session, Samples: make([]wire.Sample, wire.MaxSamples+1)}, &kept); code(err) != "body_malformed" {
		t.Errorf("too many: %v", err)
	}
	if err := a.client.call(t.Context(), wire.PathBeat, map[string]string{"session": strings.Repeat("x", wire.MaxBody)}, &kept); code(err) != "body_unreadable" && code(err) != "server_unreachable" {
		t.Errorf("too long: %v", err)
	}
}
