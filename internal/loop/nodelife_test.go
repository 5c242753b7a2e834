package loop_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/memory"
)

// site is a world of nodes that real commands make and take away: each is a file in a
// directory. What runs on them is kept here, as an engine would.
type site struct {
	testing.TB
	dir   string
	clock *sim.Clock
	store store.Store
	nodes *actuator.Nodes
	loop  *loop.Loop
	boots func(nodeType string) bool // whether the agent of such a node ever joins
	seen  map[string]time.Time       // node → when its file was seen first
	mu    sync.Mutex                 // guards runs while effects are under way
	runs  map[string]*ran
	least int // ready at any time since it was set; -1: not watched
	each  func()
	busy  float64         // busy instances; 0: nothing is measured
	mute  map[string]bool // nodes of which nothing is heard, nor of what runs there
}

// load has the service ask for so many busy instances.
func (s *site) load(busy float64) { s.busy = busy }

// ran is an instance.
type ran struct {
	node  string
	since time.Time
}

// joinsAfter is how long a node boots, readyAfter how long an instance starts.
const joinsAfter, readyAfter = 90 * time.Second, time.Minute

// script is the provider's commands; it notes each run.
const script = `#!/bin/sh
set -eu
verb=$1 dir=$2 name=${3:-}
echo "$verb $name" >> "$dir/log"
case $verb in
start) test -n "$FORESCALE_JOIN_TOKEN" && test -s "$4" && : > "$dir/node-$name" ;;
stop) rm -f "$dir/node-$name" ;;
list) cd "$dir" && for f in node-*; do test -e "$f" && echo "${f#node-}"; done; : ;;
esac
`

func newSite(t testing.TB, types ...forescale.NodeType) *site {
	t.Helper()
	s := &site{TB: t, dir: t.TempDir(), clock: sim.NewClock(monday), store: memory.New(), nodes: &actuator.Nodes{},
		boots: func(string) bool { return true }, seen: map[string]time.Time{}, runs: map[string]*ran{}, least: -1, each: func() {}}
	t.Cleanup(func() { _ = s.store.Close() })
	s.nodes.Token = func(_ context.Context, node string) (string, error) { return "fsj_" + node, nil }
	s.ok(os.WriteFile(filepath.Join(s.dir, "provider"), []byte(script), 0o700))
	commands := map[string]actuator.NodeCommands{}
	program := filepath.Join(s.dir, "provider")
	for _, x := range types {
		s.ok(s.store.PutNodeType(t.Context(), x))
		own := filepath.Join(s.dir, x.Name)
		s.ok(os.Mkdir(own, 0o700))
		c := actuator.NodeCommands{Start: []string{program, "start", own, "{node}", "{token_file}"}, Stop: []string{program, "stop", own, "{node}"}, List: []string{program, "list", own}}
		s.ok(c.Validate())
		commands[x.Name] = c
	}
	s.nodes.Set(commands)
	s.ok(s.store.PutNode(t.Context(), forescale.Node{Name: "rack", State: forescale.NodeReady, Cores: 2, Memory: 8 << 30, Origin: forescale.OriginConfig}))
	s.wants(2, 2)
	s.restart()
	return s
}

// large is a node type of four cores.
func large() forescale.NodeType {
	return forescale.NodeType{Name: "large", Cores: 4, Speed: 1, Memory: 16 << 30, PricePerHour: 1, BillingStep: time.Minute, BootTime: joinsAfter, MaxCount: 5}
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// restart makes a loop that remembers nothing.
func (s *site) restart() { s.loop = s.newLoop(s.store) }

func (s *site) newLoop(st loop.Store) *loop.Loop { return s.newLoopOf(st, s, s) }

func (s *site) newLoopOf(st loop.Store, source loop.Source, target loop.Target) *loop.Loop {
	return loop.New(loop.Config{Store: st, Sources: []loop.Source{source}, Target: target, Nodes: s.nodes, Clock: s.clock,
		Options: loop.Options{Interval: interval, ActPatience: time.Minute}})
}

// unlisted takes the list command away: properties ask many times.
func (s *site) unlisted(t forescale.NodeType) {
	program, own := filepath.Join(s.dir, "provider"), filepath.Join(s.dir, t.Name)
	s.nodes.Set(map[string]actuator.NodeCommands{t.Name: {Start: []string{program, "start", own, "{node}", "{token_file}"}, Stop: []string{program, "stop", own, "{node}"}}})
}

// wants has the service run so many instances, of a core each.
func (s *site) wants(low, most int) {
	s.Helper()
	svc := forescale.Service{Name: "web", Mode: forescale.ModeActive, Min: low, Max: most, Warmup: readyAfter, Cooldown: time.Second,
		Resources: forescale.Resources{Cores: 1, Memory: 1 << 30}}.WithDefaults()
	_, err := s.store.PutService(context.Background(), svc, -1)
	s.ok(err)
}

func (s *site) wish(w forescale.NodeWish) { s.ok(s.store.PutNodeWish(context.Background(), w)) }

// there are the nodes that there are, by type.
func (s *site) there() (names []string) {
	files, err := filepath.Glob(filepath.Join(s.dir, "*", "node-*"))
	s.ok(err)
	for _, f := range files {
		names = append(names, strings.TrimPrefix(filepath.Base(f), "node-"))
	}
	slices.Sort(names)
	return names
}

// did counts the runs of a command of a type.
func (s *site) did(verb, nodeType string) int {
	data, _ := os.ReadFile(filepath.Join(s.dir, nodeType, "log"))
	return strings.Count(string(data), verb+" ")
}

func (s *site) lives() []forescale.NodeLife {
	ls, err := s.store.NodeLives(context.Background(), time.Time{})
	s.ok(err)
	return ls
}

func (s *site) states() (out []string) {
	for _, l := range s.lives() {
		out = append(out, l.Type+" "+string(l.State))
	}
	return out
}

// step is one round; commands are over when it returns, and agents have joined.
func (s *site) step() {
	s.Helper()
	_, err := s.loop.Step(context.Background(), s.clock.Now())
	s.ok(err)
	s.settle()
}

func (s *site) settle() {
	s.loop.Wait()
	s.join()
	s.each()
	s.clock.Advance(interval)
	s.loop.SeeClock()
}

func (s *site) run(d time.Duration) {
	s.Helper()
	for end := s.clock.Now().Add(d); s.clock.Now().Before(end); {
		s.step()
	}
}

// join lets the agents of nodes that have booted join.
func (s *site) join() {
	now := s.clock.Now()
	there := s.there()
	for name := range maps.Clone(s.seen) {
		if !slices.Contains(there, name) {
			delete(s.seen, name)
			maps.DeleteFunc(s.runs, func(_ string, r *ran) bool { return r.node == name }) // with what ran there
		}
	}
	for _, name := range there {
		since, known := s.seen[name]
		if !known {
			s.seen[name] = now
			continue
		}
		_, err := s.store.Agent(context.Background(), name)
		nodeType, _, _ := strings.Cut(name, "-")
		if errors.Is(err, forescale.ErrNotFound) && now.Sub(since) >= joinsAfter && s.boots(nodeType) {
			token := forescale.JoinToken{ID: "t-" + name, Node: name, Hash: []byte(name), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			s.ok(s.store.CreateJoinToken(context.Background(), token))
			s.ok(s.store.Join(context.Background(), token.Hash, forescale.Agent{Node: name, Type: nodeType, Cores: 4, Memory: 16 << 30, JoinedAt: now, ExpiresAt: now.Add(24 * time.Hour)}, now))
		}
	}
}

// Observe implements loop.Source.
func (s *site) Observe(ctx context.Context) forescale.Observation {
	now := s.clock.Now()
	o := forescale.Observation{Time: now, Complete: true, Failed: map[string]string{}}
	ready := 0
	for id, r := range s.runs {
		if s.mute[r.node] {
			continue
		}
		isReady := now.Sub(r.since) >= readyAfter
		if isReady {
			ready++
		}
		o.Instances = append(o.Instances, forescale.Sighting{ID: id, Service: "web", Node: r.node, Running: true, Ready: isReady, StartedAt: r.since})
	}
	if s.least >= 0 {
		s.least = min(s.least, ready)
	}
	if s.busy > 0 && ready > 0 {
		for id, r := range s.runs {
			if now.Sub(r.since) >= readyAfter {
				o.Samples = append(o.Samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Service: "web", Name: id},
					Metric: forescale.MetricUtilization, Time: now, Value: min(100, 100*s.busy/float64(ready))})
			}
		}
	}
	for _, name := range s.there() {
		if _, err := s.store.Agent(ctx, name); err == nil && !s.mute[name] {
			o.Samples = append(o.Samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindNode, Name: name}, Metric: forescale.MetricCPU, Time: now, Value: 10})
		}
	}
	return o
}

var errNoRoom = errors.New("no node has room")

// Start implements loop.Target: it places as a scheduler does that knows which nodes
// are closed.
func (s *site) Start(ctx context.Context, _ forescale.Service, i forescale.Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[i.ID] != nil {
		return nil
	}
	closed := map[string]bool{}
	wishes, err := s.store.NodeWishes(ctx)
	if err != nil {
		return err
	}
	for _, w := range wishes {
		closed[w.Node] = w.Cordoned || w.Draining
	}
	room := map[string]int{"rack": 2}
	for _, l := range s.lives() {
		if l.State == forescale.NodeReady {
			room[l.Node] = 4
		}
	}
	for _, r := range s.runs {
		room[r.node]--
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(room))) { // rack first
		if room[name] > 0 && !closed[name] {
			s.runs[i.ID] = &ran{node: name, since: s.clock.Now()}
			return nil
		}
	}
	return errNoRoom
}

// Stop implements loop.Target.
func (s *site) Stop(_ context.Context, _ forescale.Service, i forescale.Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, i.ID)
	return nil
}

func (s *site) on(node string) (n int) {
	for _, r := range s.runs {
		if r.node == node {
			n++
		}
	}
	return n
}

func (s *site) want(what string, ok bool) {
	s.Helper()
	if !ok {
		p, _ := s.store.NodePlan(context.Background())
		ds, _ := s.store.LatestDecisions(context.Background())
		s.Fatalf("%s: lives %+v\nruns %v\nplan %+v\ndecisions %+v", what, s.lives(), s.runs, p, ds)
	}
}

func TestNodesAreOrderedJoinAndAreGivenBack(t *testing.T) {
	s := newSite(t, large())
	s.run(5 * time.Minute)
	s.want("two run on what is there", len(s.there()) == 0 && len(s.runs) == 2)
	s.wants(5, 6)
	s.step()
	s.want("a node is ordered before anything is done", fmt.Sprint(s.states()) == "[large ordered]")
	s.step()
	s.want("its start command ran", fmt.Sprint(s.states()) == "[large booting]" && len(s.there()) == 1)
	s.run(10 * time.Minute)
	s.want("it counts and holds what has no place", fmt.Sprint(s.states()) == "[large ready]" && len(s.runs) >= 5 && s.on("rack") == 2)
	if s.did("start", "large") != 1 {
		t.Errorf("%d start commands for a node", s.did("start", "large"))
	}
	l := s.lives()[0]
	if boot := l.ReadyAt.Sub(l.OrderedAt); boot < joinsAfter || boot > joinsAfter+2*time.Minute || l.Last.Exit != 0 || l.Last.Kind != "start" {
		t.Errorf("the life tells %v to boot, and of the command %+v", boot, l.Last)
	}
	s.wants(2, 2)
	s.run(2 * time.Hour)
	s.want("it is given back", fmt.Sprint(s.states()) == "[large stopped]" && len(s.there()) == 0 && len(s.runs) == 2)
	if _, err := s.store.Agent(t.Context(), l.Node); !errors.Is(err, forescale.ErrNotFound) {
		t.Errorf("its agent may still report: %v", err)
	}
}

func TestADrainedNodeIsStoppedOnlyWhenOthersAreReadyElsewhere(t *testing.T) {
	s := newSite(t, large())
	s.wants(5, 8)
	s.run(15 * time.Minute)
	s.want("it runs", len(s.there()) == 1 && len(s.runs) >= 5)
	first := s.there()[0]
	s.least = len(s.runs)
	s.wish(forescale.NodeWish{Node: first, Draining: true, At: s.clock.Now()})
	s.run(40 * time.Minute)
	s.want("another took its place", len(s.there()) == 1 && s.there()[0] != first && len(s.runs) >= 5)
	if s.least < 5 {
		t.Errorf("%d were ready at a time, min is 5", s.least)
	}
}

// A node of which nothing is heard any more is replaced and stopped; when nothing is heard
// of any, it is not the nodes.
func TestASilentNodeIsGivenUpUnlessMostAre(t *testing.T) {
	s := newSite(t, large())
	s.wants(10, 10)
	s.run(15 * time.Minute)
	first := s.there()
	s.want("two were ordered", len(first) == 2 && len(s.runs) == 10)
	s.mute = map[string]bool{first[0]: true, first[1]: true}
	s.run(time.Hour)
	s.want("of neither is anything heard, and both stay", slices.Contains(s.there(), first[0]) && slices.Contains(s.there(), first[1]) && s.did("stop", "large") == 0)
	s.mute = map[string]bool{first[0]: true}
	s.restart()
	s.run(10 * time.Minute)
	s.want("one that is silent for a while may come back", slices.Contains(s.there(), first[0]))
	s.wish(forescale.NodeWish{Node: first[0], Protected: true, At: s.clock.Now()})
	s.run(time.Hour)
	s.want("a protected one is never stopped", slices.Contains(s.there(), first[0]))
	s.wish(forescale.NodeWish{Node: first[0], At: s.clock.Now()})
	s.run(2 * time.Minute)
	lost := s.lives()[0]
	s.want("it is stopped, and told", !slices.Contains(s.there(), first[0]) && lost.Node == first[0] && lost.State == forescale.NodeFailed && strings.HasPrefix(lost.Failure, "lost: nothing was heard"))
	s.run(15 * time.Minute)
	s.want("all run elsewhere", len(s.runs) == 10 && s.on(first[0]) == 0)
}

func TestANodeThatNeverJoinsIsStoppedAndTriedElsewhere(t *testing.T) {
	cheap := large()
	cheap.Name, cheap.PricePerHour = "cheap", 0.1
	s := newSite(t, large(), cheap)
	s.boots = func(nodeType string) bool { return nodeType != "cheap" }
	s.wants(5, 6)
	s.run(9 * time.Minute)
	s.want("it is waited for", len(s.there()) == 1 && strings.HasPrefix(s.there()[0], "cheap-"))
	s.run(15 * time.Minute)
	s.want("another type took its place", slices.Contains(s.states(), "cheap failed") && slices.Contains(s.states(), "large ready") && len(s.there()) == 1)
	if why := s.lives()[0].Failure; !strings.HasPrefix(why, "no agent joined within 10m") {
		t.Errorf("why is %q", why)
	}
}

// The process ends between the record of an order and its command, between command and
// note, and after each other round: one node is made of one order.
func TestACrashAtAnyRoundMakesNoNodeTwiceAndLosesNone(t *testing.T) {
	s := newSite(t, large())
	s.wants(5, 6)
	rounds := 0
	s.each = func() { // after one round, after two, after three, and so on in turn
		if rounds++; rounds%6 == 1 || rounds%6 == 3 || rounds%6 == 0 {
			s.restart()
		}
	}
	s.run(12 * time.Minute)
	s.want("one node runs", fmt.Sprint(s.states()) == "[large ready]" && len(s.there()) == 1)
	s.wants(2, 2)
	s.run(2 * time.Hour)
	s.want("and is given back", fmt.Sprint(s.states()) == "[large stopped]" && len(s.there()) == 0)
}

// dying is a store whose process ends right after a round was recorded.
type dying struct{ store.Store }

var errDied = errors.New("the process ended")

func (d dying) RecordPlan(ctx context.Context, p forescale.Plan, is []forescale.Instance) error {
	return errors.Join(d.Store.RecordPlan(ctx, p, is), errDied)
}

func TestACrashBetweenRecordAndCommandIsHealed(t *testing.T) {
	s := newSite(t, large())
	s.wants(5, 6)
	if _, err := s.newLoop(dying{s.store}).Step(t.Context(), s.clock.Now()); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	s.want("it is recorded, and nothing was done", fmt.Sprint(s.states()) == "[large ordered]" && len(s.there()) == 0)
	s.clock.Advance(interval)
	s.restart()
	s.step()
	s.want("the next process goes on with it", len(s.lives()) == 1 && len(s.there()) == 1 && s.there()[0] == s.lives()[0].Node)
}

func TestOrphansAreToldAndLeftAlone(t *testing.T) {
	s := newSite(t, large())
	s.ok(os.WriteFile(filepath.Join(s.dir, "large", "node-stray"), nil, 0o600))
	s.boots = func(string) bool { return false }
	s.run(time.Hour)
	p, err := s.store.NodePlan(t.Context())
	s.ok(err)
	s.want("it is told", slices.ContainsFunc(p.Notes, func(n forescale.NodeNote) bool {
		return n.Subject == "nodes/stray" && n.Reason.Code == forescale.CodeNodeOrphan
	}))
	s.want("and left alone", slices.Equal(s.there(), []string{"stray"}) && s.did("stop", "large") == 0)
}

func TestPausesAndModesKeepNodesAsTheyAre(t *testing.T) {
	s := newSite(t, large())
	s.wants(5, 6)
	s.ok(s.store.PutPause(t.Context(), forescale.Pause{Since: s.clock.Now(), Until: s.clock.Now().Add(time.Hour)}))
	s.run(30 * time.Minute)
	s.want("nothing is ordered in a pause of all", len(s.lives()) == 0 && s.did("list", "large") == 0)
	s.ok(s.store.EndPause(t.Context(), ""))
	s.ok(s.store.PutPause(t.Context(), forescale.Pause{Service: "web", Since: s.clock.Now(), Until: s.clock.Now().Add(time.Hour)}))
	s.run(30 * time.Minute)
	s.want("nor for a service that is paused", len(s.lives()) == 0)
}

func TestACordonedNodeGetsNothingNewAndKeepsWhatRuns(t *testing.T) {
	s := newSite(t, large())
	s.wants(4, 10)
	s.run(12 * time.Minute)
	first := s.there()[0]
	had := s.on(first)
	s.want("it runs", had > 0)
	s.wish(forescale.NodeWish{Node: first, Cordoned: true, At: s.clock.Now()})
	s.wants(6, 10)
	s.run(20 * time.Minute)
	s.want("others went elsewhere", s.on(first) == had && len(s.there()) == 2)
	s.wish(forescale.NodeWish{Node: first})
	s.wants(10, 10)
	s.run(10 * time.Minute)
	s.want("and it is used again", s.on(first) > had)
}

// A type is declared to boot in 90 s, and takes ten minutes: orders go out earlier then.
func TestOrdersGoOutAsEarlyAsNodesWereMeasuredToBoot(t *testing.T) {
	s := newSite(t, large())
	var lives []forescale.NodeLife
	for k := range 60 {
		at := monday.Add(-time.Duration(k+1) * time.Hour)
		lives = append(lives, forescale.NodeLife{Node: fmt.Sprint("large-old-", k), Type: "large", State: forescale.NodeStopped, OrderedAt: at, ReadyAt: at.Add(10 * time.Minute), EndedAt: at.Add(30 * time.Minute)})
	}
	s.ok(s.store.SaveNodeLives(t.Context(), lives))
	r, err := s.loop.LearnBoots(t.Context(), s.clock.Now())
	if err != nil || r.Done != 1 || r.Failed != 0 {
		t.Fatalf("learned %+v, %v", r, err)
	}
	if r, err := s.loop.LearnBoots(t.Context(), s.clock.Now()); err != nil || r.Done != 0 {
		t.Errorf("nothing new, and learned again: %+v, %v", r, err)
	}
	s.wants(5, 6)
	s.step()
	p, err := s.store.NodePlan(t.Context())
	s.ok(err)
	if lead := p.Orders[0].ReadyBy.Sub(p.Orders[0].OrderAt); lead < 8*time.Minute || lead > 11*time.Minute {
		t.Errorf("a node is expected to boot for %v", lead)
	}
}
