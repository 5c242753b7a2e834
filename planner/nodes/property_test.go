package nodes

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// anyState draws what a fleet can come to, odd things included.
func anyState(t *rapid.T) State {
	var st State
	for i := range rapid.IntRange(0, 4).Draw(t, "types") {
		x := size(fmt.Sprintf("t%d", i), float64(rapid.SampledFrom([]int{1, 2, 4, 8, 16}).Draw(t, "cores")), float64(rapid.SampledFrom([]int{1, 4, 16, 64}).Draw(t, "memory")), rapid.Float64Range(0, 1).Draw(t, "price"))
		x.Speed = rapid.SampledFrom([]float64{1, 1, 0.7, 1.3}).Draw(t, "speed")
		x.MaxCount = rapid.IntRange(0, 12).Draw(t, "max")
		x.BillingStep = rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "billing")
		if rapid.IntRange(0, 3).Draw(t, "labelled") == 0 {
			x.Labels = map[string]string{"zone": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")}
		}
		if rapid.IntRange(0, 3).Draw(t, "disk") == 0 {
			x.DiskKind = "hdd"
		}
		st.Types = append(st.Types, x)
	}
	services := rapid.IntRange(0, 8).Draw(t, "services")
	for i := range rapid.IntRange(0, 8).Draw(t, "nodes") {
		n := Node{Node: forescale.Node{Name: fmt.Sprintf("n%d", i), State: rapid.SampledFrom([]forescale.NodeState{forescale.NodeReady, forescale.NodeReady, forescale.NodeReady, forescale.NodeBooting, forescale.NodeDraining, forescale.NodeStopped}).Draw(t, "state")}}
		n.Type = fmt.Sprintf("t%d", rapid.IntRange(0, 4).Draw(t, "type"))
		n.Cores, n.Memory = 4, 8*gib
		n.Protected = rapid.IntRange(0, 5).Draw(t, "protected") == 0
		n.Static = rapid.IntRange(0, 5).Draw(t, "static") == 0
		n.OrderedAt = now.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "age")) * time.Minute)
		if rapid.IntRange(0, 3).Draw(t, "node label") == 0 {
			n.Labels = map[string]string{"zone": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node zone")}
		}
		for k := range rapid.IntRange(0, 5).Draw(t, "runs") {
			n.Runs = append(n.Runs, Running{ID: fmt.Sprintf("i-%d-%d", i, k), Service: fmt.Sprintf("s%d", rapid.IntRange(0, services).Draw(t, "of")),
				State: rapid.SampledFrom([]forescale.InstanceState{forescale.InstanceReady, forescale.InstanceReady, forescale.InstanceReady, forescale.InstanceStarting, forescale.InstanceDraining}).Draw(t, "instance")})
		}
		st.Nodes = append(st.Nodes, n)
	}
	for i := range services {
		s := needs(fmt.Sprintf("s%d", i), rapid.Float64Range(0, 5).Draw(t, "needs cores"), rapid.Float64Range(0, 10).Draw(t, "needs memory"), rapid.IntRange(0, 8).Draw(t, "wants"))
		s.Priority = rapid.IntRange(0, 1).Draw(t, "priority")
		s.Spread = rapid.SampledFrom([]int{0, 0, 0, 2, 3}).Draw(t, "spread")
		for k := range rapid.IntRange(0, 3).Draw(t, "changes") {
			s.Wanted = append(s.Wanted, Want{now.Add(time.Duration(k*40+rapid.IntRange(1, 39).Draw(t, "when")) * time.Minute), rapid.IntRange(0, 12).Draw(t, "then wants")})
		}
		switch rapid.IntRange(0, 7).Draw(t, "asks") {
		case 0:
			s.Node = fmt.Sprintf("n%d", rapid.IntRange(0, 9).Draw(t, "named"))
		case 1:
			s.Labels = map[string]string{"zone": "a"}
		case 2:
			s.DiskKind = "hdd"
		case 3:
			s.Learned = map[string]Need{"t0": {Cores: 0.5, Memory: gib}}
		}
		st.Services = append(st.Services, s)
	}
	return st
}

// tally is a plan held against the world, worked out apart from the planner.
type tally struct {
	st       *State
	types    map[string]Type
	services map[string]Service
	nodes    map[string]Node
}

func tallyOf(st *State) tally {
	y := tally{st, map[string]Type{}, map[string]Service{}, map[string]Node{}}
	for _, x := range st.Types {
		y.types[x.Name] = x
	}
	for _, x := range st.Services {
		y.services[x.Name] = x
	}
	for _, x := range st.Nodes {
		if x.State != forescale.NodeStopped {
			y.nodes[x.Name] = x
		}
	}
	return y
}

// uses is what an instance takes of a node of a type, in cores and bytes.
func (y tally) uses(service, typ string) (float64, float64) {
	s := y.services[service]
	t, known := y.types[typ]
	if n, ok := s.Learned[typ]; ok && known { // of a type that is gone nothing counts
		return n.Cores * t.Speed, float64(n.Memory)
	}
	return s.Need.Cores, float64(s.Need.Memory)
}

func (y tally) holds(n Node) (float64, float64) {
	if t, ok := y.types[n.Type]; ok {
		return t.Cores * t.Speed, float64(t.Memory)
	}
	return n.Cores, float64(n.Memory)
}

// suits reports whether a service may run on a node, by name, label and disk.
func (y tally) suits(service string, n Node) bool {
	s, t := y.services[service], y.types[n.Type]
	for k, v := range s.Labels {
		got, own := n.Labels[k] // goes before that of the type
		if !own {
			got = t.Labels[k]
		}
		if got != v {
			return false
		}
	}
	return (s.Node == "" || s.Node == n.Name) && (s.DiskKind == "" || s.DiskKind == t.DiskKind)
}

func wanted(s Service, at time.Time) int {
	n := 0
	for i, w := range s.Wanted {
		if i == 0 || !w.At.After(at) {
			n = w.Count
		}
	}
	return n
}

func TestAnyFleet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := anyState(t)
		before := fmt.Sprintf("%+v", st)
		r := Decide(now, Options{}, st)
		_ = Check(st)
		if fmt.Sprintf("%+v", st) != before {
			t.Fatal("the state was changed")
		}
		y := tallyOf(&st)
		inPlace(t, y, r)
		untouched(t, y, r)
		readyFirst(t, y, r)

		// The order of the lists means nothing.
		mixed := State{Types: append([]Type(nil), st.Types...), Nodes: append([]Node(nil), st.Nodes...), Services: append([]Service(nil), st.Services...)}
		g := rand.New(rand.NewPCG(1, 2))
		g.Shuffle(len(mixed.Types), reflect.Swapper(mixed.Types))
		g.Shuffle(len(mixed.Nodes), reflect.Swapper(mixed.Nodes))
		g.Shuffle(len(mixed.Services), reflect.Swapper(mixed.Services))
		if again := Decide(now, Options{}, mixed); !reflect.DeepEqual(again, r) {
			t.Fatalf("another order of the lists gives\n%s\nnot\n%s", told(again), told(r))
		}
	})
}

// inPlace: nothing is placed where it does not fit or may not be, no more nodes
// are ordered than may be, and every instance is placed or told of.
func inPlace(t *rapid.T, y tally, r Result) {
	nodes := map[string]Node{}
	count := map[string]int{}
	for name, n := range y.nodes {
		nodes[name] = n
		count[n.Type]++
	}
	atOnce := map[string]int{}
	for _, o := range r.Orders {
		nodes[o.Name] = Node{Node: forescale.Node{Name: o.Name, Type: o.Type, State: forescale.NodeBooting}}
		if o.OrderAt.Before(now.Add(time.Hour)) { // nothing that was there is counted as gone so soon
			atOnce[o.Type]++
		}
		var c, m float64
		for _, h := range o.Holds {
			uc, um := y.uses(h.Service, o.Type)
			c, m = c+uc*float64(h.Count), m+um*float64(h.Count)
			if !y.suits(h.Service, nodes[o.Name]) {
				t.Fatalf("%s may not be on %s", h.Service, o.Name)
			}
		}
		if hc, hm := y.holds(nodes[o.Name]); c > hc+1e-6 || m > hm+64 {
			t.Fatalf("%s holds %g cores and %g bytes, has %g and %g", o.Name, c, m, hc, hm)
		}
	}
	for typ, n := range atOnce {
		if count[typ]+n > max(y.types[typ].MaxCount, count[typ]) {
			t.Fatalf("%d nodes of %s are there and %d ordered, at most %d may be", count[typ], typ, n, y.types[typ].MaxCount)
		}
	}
	// What runs, as far as it is not over already, and what is started.
	type sum struct{ cores, memory float64 }
	sums, started := map[string]sum{}, map[string]int{}
	going := map[string]bool{}
	waits := map[string]bool{}
	for _, x := range r.Starts {
		waits[x.Node] = waits[x.Node] || x.Waits
	}
	for _, x := range r.Retire {
		going[x.Instance] = true
	}
	for name, n := range y.nodes {
		s := sums[name]
		for _, x := range n.Runs {
			if _, ok := y.services[x.Service]; !ok || waits[name] && (going[x.ID] || x.State == forescale.InstanceDraining) {
				continue
			}
			c, m := y.uses(x.Service, n.Type)
			s.cores, s.memory = s.cores+c, s.memory+m
		}
		sums[name] = s
	}
	for _, x := range r.Starts {
		n, ok := nodes[x.Node]
		if !ok || n.State == forescale.NodeDraining || n.State == forescale.NodeStopped || !y.suits(x.Service, n) {
			t.Fatalf("%s is started on %s (%s)", x.Service, x.Node, n.State)
		}
		started[x.Service] += x.Count
		c, m := y.uses(x.Service, n.Type)
		s := sums[x.Node]
		sums[x.Node] = sum{s.cores + c*float64(x.Count), s.memory + m*float64(x.Count)}
	}
	for _, x := range r.Starts {
		hc, hm := y.holds(nodes[x.Node])
		if s := sums[x.Node]; s.cores > hc+1e-5 || s.memory > hm+64 {
			t.Fatalf("%s would hold %g cores and %g bytes, has %g and %g", x.Node, s.cores, s.memory, hc, hm)
		}
	}
	runs := map[string]int{}
	for _, n := range y.nodes {
		for _, x := range n.Runs {
			if x.State != forescale.InstanceDraining {
				runs[x.Service]++
			}
		}
	}
	unmet := map[string]int{}
	for _, u := range r.Unmet {
		if u.Reason.Code == "" || u.Count <= 0 {
			t.Fatalf("no reason for %+v", u)
		}
		if !u.At.After(now) {
			unmet[u.Service] += u.Count
		}
	}
	for _, s := range y.services {
		if n := wanted(s, now); runs[s.Name]+started[s.Name]+unmet[s.Name] < n {
			t.Fatalf("%s wants %d: %d run, %d are started, %d are told of", s.Name, n, runs[s.Name], started[s.Name], unmet[s.Name])
		}
	}
}

// untouched: what is protected, static or somebody's named node stays.
func untouched(t *rapid.T, y tally, r Result) {
	named := map[string]bool{}
	for _, s := range y.services {
		named[s.Node] = true
	}
	out := 0
	for _, n := range y.nodes {
		if n.State == forescale.NodeDraining {
			out++
		}
	}
	if limit := max(1, len(y.nodes)/10); len(r.Drains) > 0 && len(r.Drains)+out > limit {
		t.Fatalf("%d drained beside %d that are, the limit is %d", len(r.Drains), out, limit)
	}
	for _, d := range r.Drains {
		n := y.nodes[d.Node]
		if n.Protected || n.Static || named[n.Name] || n.State != forescale.NodeReady {
			t.Fatalf("%+v is drained", n)
		}
		moved := map[string]int{}
		for _, m := range d.Moves {
			moved[m.Service] += m.Count
			if to := y.nodes[m.To]; to.State != forescale.NodeReady || to.Name == n.Name {
				t.Fatalf("%s moves to %s, which is %s", m.Service, m.To, to.State)
			}
		}
		// An instance that stays elsewhere, if only on a node that is booting, does for
		// one here: nothing is retired before it is ready (readyFirst).
		stay := map[string]int{}
		for _, x := range n.Runs {
			if x.State != forescale.InstanceDraining {
				stay[x.Service]++
			}
		}
		for _, o := range y.nodes {
			for _, x := range o.Runs {
				if s, ok := y.services[x.Service]; ok && stay[x.Service] > 0 && o.Name != n.Name && (o.State == forescale.NodeReady || o.State == forescale.NodeBooting) && y.suits(s.Name, o) {
					stay[x.Service+" elsewhere"]++
				}
			}
		}
		for s, k := range stay {
			if v, ok := y.services[s]; ok && moved[s]+stay[s+" elsewhere"] < min(k, wanted(v, now)) && !newlyPlaced(r, s) {
				t.Fatalf("%d of %s run on %s, %d move, %d are elsewhere", k, s, n.Name, moved[s], stay[s+" elsewhere"])
			}
		}
	}
	for _, s := range r.Stops {
		if n := y.nodes[s.Node]; n.Protected || n.Static || n.State != forescale.NodeDraining || len(n.Runs) > 0 {
			t.Fatalf("%+v is stopped", n)
		}
	}
}

// newlyPlaced reports whether something of the service starts anew or has no place.
func newlyPlaced(r Result, service string) bool {
	for _, x := range r.Starts {
		if x.Service == service {
			return true
		}
	}
	for _, x := range r.Unmet {
		if x.Service == service {
			return true
		}
	}
	return false
}

// readyFirst: after all that is retired, as many as are wanted are ready, or as
// many as were.
func readyFirst(t *rapid.T, y tally, r Result) {
	going := map[string]bool{}
	for _, x := range r.Retire {
		going[x.Instance] = true
	}
	for _, s := range y.services {
		were, stay := 0, 0
		for _, n := range y.nodes {
			for _, x := range n.Runs {
				if x.Service == s.Name && x.State == forescale.InstanceReady {
					were++
					if !going[x.ID] {
						stay++
					}
				}
			}
		}
		if stay < min(were, wanted(s, now)) {
			t.Fatalf("%d of %d ready instances of %s stay, %d are wanted", stay, were, s.Name, wanted(s, now))
		}
	}
}

// carryOut does what the plan says, and all goes well.
func carryOut(st State, r Result, at time.Time) State {
	out := State{Types: st.Types, Services: st.Services}
	going, draining := map[string]bool{}, map[string]bool{}
	for _, x := range r.Retire {
		going[x.Instance] = true
	}
	for _, d := range r.Drains {
		draining[d.Node] = true
	}
	for _, s := range r.Stops {
		going[s.Node] = true
	}
	names := map[string]string{}
	for i, o := range r.Orders {
		if o.Due(r.At, Options{}) {
			name := fmt.Sprintf("new-%d-%d", at.Unix(), i)
			names[o.Name] = name
			st.Nodes = append(st.Nodes[:len(st.Nodes):len(st.Nodes)], Node{Node: forescale.Node{Name: name, Type: o.Type}, OrderedAt: at})
		}
	}
	id := 0
	for _, n := range st.Nodes {
		if going[n.Name] || n.State == forescale.NodeStopped {
			continue
		}
		switch {
		case draining[n.Name]:
			n.State = forescale.NodeDraining
		case n.State != forescale.NodeDraining:
			n.State = forescale.NodeReady
		}
		var runs []Running
		for _, x := range n.Runs {
			if !going[x.ID] && x.State != forescale.InstanceDraining {
				x.State = forescale.InstanceReady
				runs = append(runs, x)
			}
		}
		for _, x := range r.Starts {
			to := x.Node
			if names[to] != "" {
				to = names[to]
			}
			if to == n.Name && !x.Waits {
				for range x.Count {
					id++
					runs = append(runs, Running{ID: fmt.Sprintf("i-%d-%04d", at.Unix(), id), Service: x.Service, State: forescale.InstanceReady})
				}
			}
		}
		n.Runs = runs
		out.Nodes = append(out.Nodes, n)
	}
	return out
}

// With nothing changed, carrying plans out comes to rest, and then they move nothing.
func TestPlansComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := anyState(t)
		for i := range st.Services {
			st.Services[i].Wanted = st.Services[i].Wanted[:1]
		}
		at := now
		for round := 0; ; round++ {
			r := Decide(at, Options{}, st)
			if len(r.Orders)+len(r.Starts)+len(r.Retire)+len(r.Drains)+len(r.Stops) == 0 {
				return
			}
			if round == 60 {
				t.Fatalf("still after %d rounds: %s", round, told(r))
			}
			st = carryOut(st, r, at)
			at = at.Add(5 * time.Minute)
		}
	})
}
