package agent

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// engine notes what is done, under the fence that was listened to then.
type engine struct {
	enter func() (func(), error)
	done  *[]string
	mu    *sync.Mutex
	hold  chan struct{} // not nil: each effect takes until it is closed
	began chan struct{}
}

func (e engine) effect(what string) error {
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	if e.hold != nil {
		e.began <- struct{}{}
		<-e.hold
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	*e.done = append(*e.done, what)
	return nil
}

func (e engine) Pull(_ context.Context, s forescale.Service) error {
	return e.effect("pull " + s.Template.Image + " for " + s.Name)
}

func (e engine) Start(_ context.Context, s forescale.Service, i forescale.Instance) error {
	return e.effect("start " + s.Name + "/" + i.ID)
}

func (e engine) Stop(_ context.Context, s forescale.Service, i forescale.Instance) error {
	return e.effect("stop " + s.Name + "/" + i.ID)
}

// act gives an agent an engine and returns what was done there.
func (b *bench) act(a *Agent, e engine) func() string {
	e.done, e.mu = new([]string), new(sync.Mutex)
	a.Attach(Engine{Acting: func(enter func() (func(), error)) Target {
		at := e
		at.enter = enter
		return at
	}})
	return func() string {
		e.mu.Lock()
		defer e.mu.Unlock()
		return strings.Join(*e.done, ", ")
	}
}

// asking is how a request is made: what is left out is right.
type asking struct {
	tag, node, cluster, decision, key string
	fence                             int64
	off                               time.Duration
	body                              any
}

var startOne = wire.Start{Service: "web", Instance: "web-1", Decision: "dec_1", Template: forescale.Template{Image: "web"}}

// request is signed as the server signs.
func (b *bench) request(a *Agent, path string, q asking) wire.Request {
	b.Helper()
	if q.body == nil {
		q.body = startOne
	}
	body, err := json.Marshal(q.body)
	if err != nil {
		b.Fatal(err)
	}
	or := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	serial := authority.SerialOf(a.client.current().own.Leaf)
	r, err := http.NewRequest(http.MethodPost, "https://"+a.Node()+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	signer := signature.Signer{KeyID: serial, Key: b.authority.SigningKey(or(q.key, serial)), Tag: or(q.tag, signature.ToAgent)}
	about := signature.About{Node: or(q.node, a.Node()), Cluster: or(q.cluster, b.authority.Pin().Cluster()), Fence: q.fence, Decision: or(q.decision, "dec_1")}
	if err := signer.Sign(r, body, about, a.verifier.Now().Add(q.off)); err != nil {
		b.Fatal(err)
	}
	out := wire.Request{ID: "1", Path: path, Body: body, Fields: map[string]string{}}
	for name := range r.Header {
		out.Fields[name] = r.Header.Get(name)
	}
	return out
}

func refusedAs(a wire.Answer) string {
	if a.Problem == nil {
		return ""
	}
	return a.Problem.Code
}

func TestAnAgentDoesOnlyWhatItsServerAsksOfItsNodeOnce(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	done := b.act(a, engine{})
	b.pass(2 * time.Second)
	stop := wire.Stop{Service: "web", Instance: "web-1"}
	for _, c := range []struct {
		sentence, path string
		ask            asking
		code           string
	}{
		{"of another key", wire.PathStart, asking{key: "0"}, "signature_wrong"},
		{"that an agent would send", wire.PathStart, asking{tag: signature.ToServer}, "signature_wrong"},
		{"of another node", wire.PathStart, asking{node: "node-2"}, "signature_wrong"},
		{"of another cluster", wire.PathStart, asking{cluster: "0"}, "signature_wrong"},
		{"of another decision", wire.PathStart, asking{decision: "dec_2"}, "request_malformed"},
		{"of another time", wire.PathStart, asking{off: 2 * signature.Window}, "signature_stale"},
		{"for what no agent does", "/exec", asking{}, "request_unknown"},
		{"for a container that is privileged", wire.PathStart, asking{body: map[string]any{"service": "web", "instance": "web-1", "decision": "dec_1", "privileged": true}}, "request_malformed"},
		{"to stop what is of no service", wire.PathStop, asking{body: wire.Stop{Instance: "database"}}, "request_malformed"},
		{"to look where there is no engine to read", wire.PathLook, asking{body: wire.Look{}}, "engine_missing"},
		{"to fetch an image for no service", wire.PathPull, asking{body: wire.Pull{Template: startOne.Template}}, "request_malformed"},
		{"to start", wire.PathStart, asking{}, ""},
		{"to stop", wire.PathStop, asking{body: stop}, ""},
	} {
		q := b.request(a, c.path, c.ask)
		if got := refusedAs(a.perform(t.Context(), q)); got != c.code {
			t.Errorf("a request %s: %q, want %q", c.sentence, got, c.code)
		}
		if c.code == "" {
			if got := refusedAs(a.perform(t.Context(), q)); got != "signature_replayed" {
				t.Errorf("a request %s, again: %q", c.sentence, got)
			}
			q.Body = []byte(strings.Replace(string(q.Body), "web-1", "web-2", 1))
			if got := refusedAs(a.perform(t.Context(), q)); got != "signature_malformed" {
				t.Errorf("a request %s, changed: %q", c.sentence, got)
			}
		}
	}
	if p := a.perform(t.Context(), b.request(a, wire.PathPull, asking{body: wire.Pull{Service: "web", Template: startOne.Template}})).Problem; p != nil {
		t.Errorf("to fetch an image: %+v", p)
	}
	if got := done(); got != "start web/web-1, stop web/web-1, pull web for web" {
		t.Error(got)
	}
}

func TestWithoutAPolicyNothingIsStartedOrStopped(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	b.pass(2 * time.Second)
	for path, body := range map[string]any{wire.PathPull: wire.Pull{Service: "web", Template: startOne.Template}, wire.PathStart: startOne, wire.PathStop: wire.Stop{Service: "web", Instance: "web-1"}} {
		if got := refusedAs(a.perform(t.Context(), b.request(a, path, asking{body: body}))); got != "policy_refused" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestTheHighestFenceIsOnTheDiskBeforeAnythingIsDoneUnderIt(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	a, err := New(t.Context(), b.config(b.token("node-1").String(), dir))
	if err != nil {
		t.Fatal(err)
	}
	var onDisk []int64
	a.Attach(Engine{Acting: func(enter func() (func(), error)) Target {
		s, err := loadState(dir)
		if err != nil {
			t.Fatal(err)
		}
		onDisk = append(onDisk, s.Fence)
		return engine{enter: enter, done: new([]string), mu: new(sync.Mutex)}
	}})
	b.pass(2 * time.Second)
	for _, fence := range []int64{0, 4, 4, 7} {
		if p := a.perform(t.Context(), b.request(a, wire.PathStart, asking{fence: fence})).Problem; p != nil {
			t.Fatalf("fence %d: %+v", fence, p)
		}
	}
	if len(onDisk) != 4 || onDisk[1] != 4 || onDisk[3] != 7 {
		t.Errorf("on the disk at each start: %v", onDisk)
	}
	// A new certificate, and a restart, forget nothing.
	b.pass(authority.LeafLife / 2)
	a.Step(t.Context())
	if again, err := New(t.Context(), b.config("", dir)); err != nil {
		t.Fatal(err)
	} else {
		a = again
	}
	done := b.act(a, engine{})
	b.pass(2 * time.Second)
	for _, path := range []string{wire.PathStart, wire.PathStop, wire.PathLook} {
		answer := a.perform(t.Context(), b.request(a, path, asking{fence: 6}))
		if refusedAs(answer) != "fence_lower" || answer.Newest != 7 {
			t.Errorf("%s under 6: %+v", path, answer)
		}
	}
	if done() != "" {
		t.Error(done())
	}
	// A disk that keeps nothing raises nothing.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := refusedAs(a.perform(t.Context(), b.request(a, wire.PathStart, asking{fence: 9}))); got != "agent_failed" || done() != "" {
		t.Errorf("with a broken disk: %q, done: %q", got, done())
	}
}

// What a leader began is over before the next one is listened to; and what it asked for
// before, but is not begun, is not done any more.
func TestAHigherFenceWaitsForWhatWasBegunAndStopsTheRest(t *testing.T) {
	b := newBench(t)
	a := b.joined("node-1")
	e := engine{hold: make(chan struct{}), began: make(chan struct{}, 1)}
	done := b.act(a, e)
	b.pass(2 * time.Second)
	began := make(chan wire.Answer, 1)
	go func() { began <- a.perform(t.Context(), b.request(a, wire.PathStart, asking{fence: 1})) }()
	<-e.began
	if got := refusedAs(a.perform(t.Context(), b.request(a, wire.PathStart, asking{fence: 1}))); got != "instance_busy" {
		t.Errorf("the same instance again: %q", got)
	}
	raised := make(chan string, 1)
	go func() {
		raised <- refusedAs(a.perform(t.Context(), b.request(a, wire.PathLook, asking{fence: 2, body: wire.Look{}})))
	}()
	select {
	case got := <-raised:
		t.Errorf("the next leader was listened to while an effect of the last one was under way: %q", got)
	default:
	}
	close(e.hold)
	if got := <-began; got.Problem != nil {
		t.Errorf("what was begun: %+v", got.Problem)
	}
	if got := <-raised; got != "engine_missing" || done() != "start web/web-1" {
		t.Errorf("the next leader's look: %q, done: %q", got, done())
	}
	later := engine{began: make(chan struct{}, 1)}
	after := b.act(a, later)
	acting := a.engine.Acting
	a.engine.Acting = func(enter func() (func(), error)) Target {
		a.engine.Acting = nil
		if err := a.raise(5); err != nil { // another leader comes between the request and its effect
			t.Error(err)
		}
		return acting(enter)
	}
	if got := refusedAs(a.perform(t.Context(), b.request(a, wire.PathStart, asking{fence: 2}))); got != "fence_lower" || after() != "" {
		t.Errorf("an effect of before: %q, done: %q", got, after())
	}
}

func TestADamagedStateStopsTheAgent(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	if _, err := New(t.Context(), b.config(b.token("node-1").String(), dir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "{", `{"fence":"seven",`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), b.config("", dir)); code(err) != "agent_state_damaged" {
		t.Error(err)
	}
}
