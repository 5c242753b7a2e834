package loop

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/memory"
)

// apart is a world without an engine of the server's own, with nodes that are read apart.
func apart(parts map[string]forescale.Part, is []forescale.Instance, sightings ...forescale.Sighting) *world {
	w := oneWorld(is, sightings...)
	w.complete, w.parts = false, parts
	w.gone = silentFor(beat, parts).gone(parts, false, forescale.AgentAway, beat)
	return w
}

// silentFor is what is known of nodes that were found silent so long ago.
func silentFor(d time.Duration, parts map[string]forescale.Part) *silences {
	s := &silences{}
	s.note(parts, beat-d)
	return s
}

var (
	read   = forescale.Part{Whole: true, Acts: true}
	silent = forescale.Part{Silent: forescale.AgentAway - time.Second}
	gone   = forescale.Part{Silent: forescale.AgentAway}
)

func TestLifeOnNodesThatAreReadApart(t *testing.T) {
	ready := forescale.Instance{ID: "a", Node: "n1", State: forescale.InstanceReady, ReadyAt: t0.Add(-time.Hour), LastSeen: t0, Decision: "dec_1"}
	lost := ready
	lost.State, lost.Failure = forescale.InstanceFailed, forescale.FailureLost+": nothing was heard of n1 for 3m0s"
	running := forescale.Sighting{ID: "a", Node: "n1", Running: true, Ready: true, Decision: "dec_1"}
	for _, c := range []struct {
		name    string
		stored  forescale.Instance
		parts   map[string]forescale.Part
		own     bool
		seen    []forescale.Sighting
		want    forescale.InstanceState
		failure string
		blind   bool
	}{
		{name: "an instance that its whole node does not show has vanished", stored: ready, parts: map[string]forescale.Part{"n1": read, "n2": silent},
			want: forescale.InstanceFailed, failure: forescale.FailureVanished},
		{name: "an instance on a silent node is left alone, and nothing is decided for its service", stored: ready,
			parts: map[string]forescale.Part{"n1": silent, "n2": read}, want: forescale.InstanceReady, blind: true},
		{name: "an instance on a node that is silent for long is lost, and others may be started", stored: ready,
			parts: map[string]forescale.Part{"n1": gone, "n2": read}, want: forescale.InstanceFailed, failure: forescale.FailureLost},
		{name: "a lost instance is taken back when its node is heard of again", stored: lost, parts: map[string]forescale.Part{"n1": read},
			seen: []forescale.Sighting{running}, want: forescale.InstanceReady},
		{name: "an instance on a node whose agent was removed is lost where the server has no engine", stored: ready,
			parts: map[string]forescale.Part{"n2": read}, want: forescale.InstanceFailed, failure: forescale.FailureLost},
		{name: "while no node answers nothing is decided, since nothing could be started", stored: forescale.Instance{ID: "b", State: forescale.InstanceStopped},
			parts: map[string]forescale.Part{"n1": silent}, want: "", blind: true},
		{name: "nor before the first agent has joined", stored: forescale.Instance{ID: "b", State: forescale.InstanceStopped},
			parts: map[string]forescale.Part{}, want: "", blind: true},
		{name: "an engine of the server's own that was not read leaves what is apart as it is read", stored: ready, own: true,
			parts: map[string]forescale.Part{"n1": read}, want: forescale.InstanceFailed, failure: forescale.FailureVanished, blind: true},
	} {
		w := apart(c.parts, []forescale.Instance{c.stored}, c.seen...)
		w.own = c.own
		advance(t0, w)
		if blind := w.blindTo("web"); (blind != "") != c.blind {
			t.Errorf("%s: blind %q", c.name, blind)
		}
		if c.want == "" {
			continue
		}
		if i := w.instances[0]; i.State != c.want || !strings.HasPrefix(i.Failure, c.failure) {
			t.Errorf("%s: %s, %q", c.name, i.State, i.Failure)
		}
	}
}

func TestEffectsWaitForTheNodeTheyAreOn(t *testing.T) {
	start := forescale.Instance{ID: "a", Node: "n1", State: forescale.InstanceStarting, OrderedAt: t0}
	stop := forescale.Instance{ID: "b", Node: "n2", State: forescale.InstanceDraining, DrainingAt: t0.Add(-time.Minute)}
	for _, c := range []struct {
		parts map[string]forescale.Part
		want  [2]bool
	}{
		{map[string]forescale.Part{"n1": read, "n2": read}, [2]bool{true, true}},
		{map[string]forescale.Part{"n1": silent, "n2": read}, [2]bool{false, true}},
		{map[string]forescale.Part{"n1": read, "n2": silent}, [2]bool{true, false}},
	} {
		w := apart(c.parts, []forescale.Instance{start, stop})
		for k, i := range w.instances {
			if _, due := dueEffect(t0, w, i); due != c.want[k] {
				t.Errorf("%v: effect on %s is due: %v", c.parts, i.Node, due)
			}
		}
	}
}

// Where the plan of nodes has no place: on the node with room, though more of the service
// run there; where none has room, on the one that is pressed the least; and only on disks
// of the kind that is asked for.
func TestStartsWithoutAPlaceGoWhereTheyPressTheLeast(t *testing.T) {
	st := memory.New()
	for name, cores := range map[string]float64{"large": 8, "small": 2} {
		if err := st.PutNodeType(t.Context(), forescale.NodeType{Name: name, Cores: cores, Speed: 1, Memory: int64(cores) << 30, DiskKind: map[string]string{"large": "ssd"}[name]}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []forescale.Node{{Name: "n1", Type: "small", State: forescale.NodeReady}, {Name: "n2", Type: "large", State: forescale.NodeReady}} {
		if err := st.PutNode(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		needs forescale.Resources
		want  string
	}{
		{"spread, then on the larger one alone, then by turns of their sizes", forescale.Resources{Memory: 2 << 30}, "n2 n1 n2 n2 n2 n2 n2 n2 n1"},
		{"what is scarcest decides", forescale.Resources{Cores: 2, Memory: 1}, "n2 n1 n2 n2 n2 n2"},
		{"on the right kind of disk", forescale.Resources{Memory: 1 << 30, DiskKind: "ssd"}, "n2 n2 n2"},
		{"on no disk of another kind", forescale.Resources{Memory: 1 << 30, DiskKind: "hdd"}, "- -"},
		{"by number where nothing is declared", forescale.Resources{}, "n1 n2 n1 n2"},
	} {
		w := apart(map[string]forescale.Part{"n1": read, "n2": read}, nil)
		s := w.services["web"]
		s.Resources = c.needs
		w.services["web"] = s
		at, err := (&Loop{store: st}).placing(t.Context(), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.Fields(c.want) {
			got = append(got, cmp.Or(at.nodeFor(s), "-"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// A node that tells of what lives on another is not believed.
func TestANodeTellsOfItselfAlone(t *testing.T) {
	w := apart(map[string]forescale.Part{"n1": silent, "n2": read}, []forescale.Instance{{ID: "a", Node: "n1", State: forescale.InstanceReady}})
	if w.believes(forescale.Sighting{ID: "a", Node: "n2"}) || !w.believes(forescale.Sighting{ID: "a", Node: "n1"}) || !w.believes(forescale.Sighting{ID: "b", Node: "n2"}) {
		t.Error("who is believed")
	}
}

func TestWhereInstancesAreStarted(t *testing.T) {
	st := memory.New()
	for _, n := range []forescale.Node{{Name: "n1", State: forescale.NodeReady, Labels: map[string]string{"zone": "a"}}, {Name: "n2", State: forescale.NodeReady, Type: "small"},
		{Name: "n3", State: forescale.NodeDraining}, {Name: "n4", State: forescale.NodeReady}, {Name: "n5", State: forescale.NodeReady}} {
		if err := st.PutNode(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.PutNodeType(t.Context(), forescale.NodeType{Name: "small", Labels: map[string]string{"disk": "fast"}}); err != nil {
		t.Fatal(err)
	}
	parts := map[string]forescale.Part{"n1": read, "n2": read, "n3": read, "n4": silent, "n5": {Whole: true}}
	here := []forescale.Instance{{ID: "x", Node: "n1", State: forescale.InstanceReady}}
	plan := &forescale.NodePlan{Starts: []forescale.NodeStart{{Service: "web", Node: "order-1", Count: 1}, {Service: "web", Node: "n2", Count: 1}}}
	for _, c := range []struct {
		name  string
		own   bool
		needs forescale.Resources
		plan  *forescale.NodePlan
		swarm string
		want  string
	}{
		{name: "without an engine of its own, where the fewest are", want: "n2 n1 n2"},
		{name: "with one, there", own: true, want: "- - -"},
		{name: "where the plan of nodes has them, and the rest there", own: true, plan: plan, want: "n2 - -"},
		{name: "on the node that the service names, also while it is silent", own: true, needs: forescale.Resources{Node: "n4"}, want: "n4 n4 n4"},
		{name: "on nodes with its labels", own: true, needs: forescale.Resources{Labels: map[string]string{"zone": "a"}}, want: "n1 n1 n1"},
		{name: "on nodes whose type has its labels", needs: forescale.Resources{Labels: map[string]string{"disk": "fast"}}, want: "n2 n2 n2"},
		{name: "nowhere, if no node has its labels and there is no engine", needs: forescale.Resources{Labels: map[string]string{"zone": "b"}}, want: "- - -"},
		{name: "where a swarm puts them", swarm: "shop_web", want: "- - -"},
	} {
		w := apart(parts, here)
		w.own = c.own
		s := w.services["web"]
		s.Resources, s.Template.Swarm = c.needs, c.swarm
		w.services["web"] = s
		var touched []forescale.Instance
		for range 3 {
			touched = append(touched, forescale.Instance{Service: "web", State: forescale.InstanceStarting, Origin: forescale.OriginStarted})
		}
		if err := (&Loop{store: st}).place(t.Context(), w, c.plan, touched); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range touched {
			if i.Node == "" {
				i.Node = "-"
			}
			got = append(got, i.Node)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}
