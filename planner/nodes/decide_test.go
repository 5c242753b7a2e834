package nodes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const gib = int64(1) << 30

// size is a node type of cores, GiB and price, of which up to 100 may be there.
func size(name string, cores, memory, price float64) Type {
	return Type{NodeType: forescale.NodeType{
		Name: name, Cores: cores, Speed: 1, Memory: int64(memory * float64(gib)), Disk: 100 * gib, DiskKind: "ssd", Bandwidth: 1000,
		PricePerHour: price, BootTime: 4 * time.Minute, MaxCount: 100,
	}}
}

// needs is a service that wants n instances of cores and GiB.
func needs(name string, cores, memory float64, n int) Service {
	return Service{Name: name, Need: Need{Cores: cores, Memory: int64(memory * float64(gib))}, Wanted: []Want{{Count: n}}}
}

// there is an old node of a type that runs what is given as service names.
func there(name, typ string, runs ...string) Node {
	n := Node{Node: forescale.Node{Name: name, Type: typ, State: forescale.NodeReady}, OrderedAt: now.Add(-1000 * time.Hour)}
	for i, s := range runs {
		n.Runs = append(n.Runs, Running{ID: fmt.Sprintf("%s-%s-%d", s, name, i), Service: s, State: forescale.InstanceReady})
	}
	return n
}

// with changes a thing and gives it.
func with[T any](x T, f func(*T)) T {
	f(&x)
	return x
}

// told is the plan in short: what is ordered, started, drained, stopped, retired,
// kept and unmet.
func told(r Result) string {
	s := ""
	for _, o := range r.Orders {
		s += fmt.Sprintf("order %s at +%v; ", o.Type, o.OrderAt.Sub(r.At))
		if o.Replaces != "" {
			s += "replaces " + o.Replaces + "; "
		}
	}
	for _, x := range r.Starts {
		s += fmt.Sprintf("start %d %s on %s", x.Count, x.Service, x.Node)
		if x.Moved > 0 {
			s += fmt.Sprintf(" (%d moved)", x.Moved)
		}
		if x.Waits {
			s += " (waits)"
		}
		s += "; "
	}
	for _, x := range r.Retire {
		s += fmt.Sprintf("retire %s (%s); ", x.Instance, x.Reason.Code)
	}
	for _, x := range r.Drains {
		s += fmt.Sprintf("drain %s; ", x.Node)
	}
	for _, x := range r.Stops {
		s += fmt.Sprintf("stop %s; ", x.Node)
	}
	for _, x := range r.Kept {
		s += fmt.Sprintf("keep %s (%s); ", x.Node, x.Reason.Code)
	}
	for _, x := range r.Unmet {
		s += fmt.Sprintf("unmet %d %s (%s); ", x.Count, x.Service, x.Reason.Code)
	}
	for _, x := range r.Notes {
		s += fmt.Sprintf("note %s (%s); ", x.Subject, x.Reason.Code)
	}
	return s
}

func TestDecide(t *testing.T) {
	small, large := size("small", 4, 16, 0.2), size("large", 16, 64, 0.8)
	both := []Type{small, large}
	for _, c := range []struct {
		name string
		st   State
		want string
	}{
		{"what runs stays", State{Types: both, Nodes: []Node{there("n1", "small", "a", "b")}, Services: []Service{needs("a", 1, 1, 1), needs("b", 1, 1, 1)}}, ""},
		{"what is missing goes where there is room", State{Types: both, Nodes: []Node{there("n1", "small", "a")}, Services: []Service{needs("a", 1, 1, 3)}}, "start 2 a on n1; "},
		{"a node is ordered when there is none", State{Types: both, Services: []Service{needs("a", 1, 1, 3)}}, "order small at +0s; start 3 a on small+1; "},
		{"a rise is ordered for ahead of it", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a", "a", "a")}, Services: []Service{
			with(needs("a", 1, 1, 4), func(s *Service) { s.Wanted = append(s.Wanted, Want{now.Add(2 * time.Hour), 6}) }),
		}}, "order small at +1h56m0s; "},
		{"a node that is not needed is emptied first", State{Types: both, Nodes: []Node{there("n1", "small", "a"), there("n2", "large")}, Services: []Service{needs("a", 1, 1, 1)}}, "drain n2; "},
		{"and stopped when it is empty", State{Types: both, Nodes: []Node{there("n1", "small", "a"), with(there("n2", "large"), func(n *Node) { n.State = forescale.NodeDraining })}, Services: []Service{needs("a", 1, 1, 1)}}, "stop n2; "},
		{"a protected node stays", State{Types: both, Nodes: []Node{with(there("n1", "large"), func(n *Node) { n.Protected = true })}}, "keep n1 (node_protected); "},
		{"a static node stays", State{Types: both, Nodes: []Node{with(there("n1", "large"), func(n *Node) { n.Static = true })}}, "keep n1 (node_static); "},
		{"a node that a service names stays", State{Types: both, Nodes: []Node{there("n1", "large")}, Services: []Service{with(needs("a", 1, 1, 0), func(s *Service) { s.Node = "n1" })}}, "keep n1 (node_named); "},
		{"the last node with a label stays", State{Types: both, Nodes: []Node{with(there("n1", "large"), func(n *Node) { n.Labels = map[string]string{"gpu": "yes"} })}, Services: []Service{with(needs("a", 1, 1, 0), func(s *Service) { s.Labels = map[string]string{"gpu": "yes"} })}}, "keep n1 (node_last); "},
		{"a node that runs something unknown stays", State{Types: both, Nodes: []Node{there("n1", "small", "what")}}, "keep n1 (node_foreign); "},
		{"a node that is paid for stays until shortly before the end", State{Types: []Type{with(small, func(t *Type) { t.BillingStep = time.Hour })}, Nodes: []Node{with(there("n1", "small"), func(n *Node) { n.OrderedAt = now.Add(-90 * time.Minute) })}}, "keep n1 (node_paid); "},
		{"and goes then", State{Types: []Type{with(small, func(t *Type) { t.BillingStep = time.Hour })}, Nodes: []Node{with(there("n1", "small"), func(n *Node) { n.OrderedAt = now.Add(-115 * time.Minute) })}}, "drain n1; "},
		{"a young node stays", State{Types: both, Nodes: []Node{with(there("n1", "small"), func(n *Node) { n.OrderedAt = now.Add(-time.Minute) })}}, "keep n1 (node_settling); "},
		{"a node that is needed again within the payback time stays", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a", "a", "a"), there("n2", "small")}, Services: []Service{
			with(needs("a", 1, 1, 4), func(s *Service) { s.Wanted = append(s.Wanted, Want{now.Add(50 * time.Minute), 8}) }),
		}}, ""},
		{"instances move when their node is worth more than the moves", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a"), there("n2", "small", "a")}, Services: []Service{needs("a", 1, 1, 3)}}, "start 1 a on n1 (1 moved); drain n2; "},
		{"and not when it is not", State{Types: []Type{with(small, func(t *Type) { t.PricePerHour = 0.005 })}, Nodes: []Node{there("n1", "small", "a", "a"), there("n2", "small", "a")}, Services: []Service{needs("a", 1, 1, 3)}}, ""},
		{"capacity comes first: nothing is retired before as many are ready elsewhere", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a"), with(there("n2", "small", "a"), func(n *Node) { n.State = forescale.NodeDraining })}, Services: []Service{needs("a", 1, 1, 3)}}, "start 1 a on n1 (1 moved); "},
		{"but then it is", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a", "a"), with(there("n2", "small", "a"), func(n *Node) { n.State = forescale.NodeDraining })}, Services: []Service{needs("a", 1, 1, 3)}}, "retire a-n2-0 (node_idle); "},
		{"a cheaper node takes over when it is ready, not before", State{Types: both, Nodes: []Node{there("n1", "large", "a")}, Services: []Service{needs("a", 1, 1, 1)}}, "order small at +0s; replaces n1; "},
		{"and is not ordered twice", State{Types: both, Nodes: []Node{there("n1", "large", "a"), with(there("n2", "small"), func(n *Node) { n.State, n.OrderedAt, n.ReadyBy = forescale.NodeBooting, now, now.Add(time.Minute) })}, Services: []Service{needs("a", 1, 1, 1)}}, ""},
		{"the old one goes then", State{Types: both, Nodes: []Node{there("n1", "large", "a"), with(there("n2", "small"), func(n *Node) { n.OrderedAt = now.Add(-5 * time.Minute) })}, Services: []Service{needs("a", 1, 1, 1)}}, "start 1 a on n2 (1 moved); drain n1; "},
		{"what is too many goes from the node that is easiest to empty", State{Types: []Type{with(small, func(t *Type) { t.PricePerHour = 0.005 })}, Nodes: []Node{there("n1", "small", "a", "a"), there("n2", "small", "a")}, Services: []Service{needs("a", 1, 1, 2)}}, "retire a-n2-0 (surplus); drain n2; "},
		{"room that is about to be free is not ordered anew", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a", "a", "b")}, Services: []Service{needs("a", 1, 1, 2), needs("b", 1, 1, 2)}}, "start 1 b on n1 (waits); retire a-n1-0 (surplus); "},
		{"a node on its way counts once", State{Types: both, Nodes: []Node{with(there("n1", "small"), func(n *Node) { n.State, n.OrderedAt = forescale.NodeBooting, now })}, Services: []Service{needs("a", 1, 1, 3)}}, "start 3 a on n1; "},
		{"until its deadline", State{Types: both, Nodes: []Node{with(there("n1", "small"), func(n *Node) { n.State, n.Deadline = forescale.NodeBooting, now })}, Services: []Service{needs("a", 1, 1, 3)}}, "order small at +0s; start 3 a on small+1; note nodes/n1 (node_overdue); "},
		{"spread is a wish that orders nothing", State{Types: both, Services: []Service{needs("a", 1, 1, 2)}}, "order small at +0s; start 2 a on small+1; "},
		{"unless it is asked for", State{Types: both, Services: []Service{with(needs("a", 1, 1, 2), func(s *Service) { s.Spread = 2 })}}, "order small at +0s; order small at +0s; start 1 a on small+1; start 1 a on small+2; "},
		{"spread that cannot be had is told", State{Types: []Type{with(small, func(t *Type) { t.MaxCount = 1 })}, Services: []Service{with(needs("a", 1, 1, 2), func(s *Service) { s.Spread = 2 })}}, "order small at +0s; start 2 a on small+1; note services/a (spread_short); "},
		{"an instance that is too big", State{Types: both, Services: []Service{needs("a", 17, 1, 1)}}, "unmet 1 a (instance_too_big); "},
		{"a named node that is not there", State{Types: both, Services: []Service{with(needs("a", 1, 1, 1), func(s *Service) { s.Node = "n9" })}}, "unmet 1 a (node_unknown); "},
		{"a named node that is full", State{Types: both, Nodes: []Node{there("n1", "small", "b")}, Services: []Service{with(needs("a", 3, 1, 2), func(s *Service) { s.Node = "n1" }), needs("b", 1, 1, 1)}}, "start 1 a on n1; unmet 1 a (node_full); "},
		{"a label that nothing has", State{Types: both, Services: []Service{with(needs("a", 1, 1, 1), func(s *Service) { s.Labels = map[string]string{"gpu": "yes"} })}}, "unmet 1 a (node_no_match); "},
		{"no types and no nodes", State{Services: []Service{needs("a", 1, 1, 1)}}, "unmet 1 a (node_types_none); "},
		{"as many nodes as may be, the higher priority first", State{Types: []Type{with(small, func(t *Type) { t.MaxCount = 1 })}, Services: []Service{needs("a", 2, 2, 2), with(needs("b", 3, 2, 1), func(s *Service) { s.Priority = 1 })}}, "order small at +0s; start 1 b on small+1; unmet 2 a (max_bound); "},
		{"a price that is no price", State{Types: []Type{with(small, func(t *Type) { t.PricePerHour = -1 })}, Services: []Service{needs("a", 1, 1, 1)}}, "unmet 1 a (node_types_none); note node_types/small (invalid); "},
		{"a node on which more runs than fits", State{Types: both, Nodes: []Node{there("n1", "small", "a", "a")}, Services: []Service{needs("a", 3, 1, 2)}}, "order small at +0s; start 1 a on small+1 (1 moved); note nodes/n1 (node_overfull); "},
		{"slow cores hold less", State{Types: []Type{with(small, func(t *Type) { t.Speed = 0.5 })}, Services: []Service{needs("a", 1, 1, 3)}}, "order small at +0s; order small at +0s; start 2 a on small+1; start 1 a on small+2; "},
		{"what was learned on a type counts there", State{Types: both, Services: []Service{with(needs("a", 4, 1, 4), func(s *Service) { s.Learned = map[string]Need{"small": {Cores: 1, Memory: gib}} })}}, "order small at +0s; start 4 a on small+1; "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := told(Decide(now, Options{}, c.st)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnOrderSaysWhyThisTypeAndWhyNotOneFewer(t *testing.T) {
	t.Parallel()
	r := Decide(now, Options{}, State{Types: []Type{size("small", 4, 16, 0.2), size("large", 16, 64, 0.8)}, Services: []Service{needs("a", 1, 1, 3)}})
	o := r.Orders[0]
	if n := o.Reason.Numbers; n["instances"] != 3 || n["without"] != 3 || n["cores_used"] != 0.75 || n["late_s"] != 240 || o.Reason.Words["fullest"] != "cores" {
		t.Errorf("the reason is %+v", o.Reason)
	}
	if o.Beside == nil || o.Beside.Words["type"] != "large" || o.Beside.Numbers["price_per_hour"] != 0.8 {
		t.Errorf("the next best type is %+v", o.Beside)
	}
	if !o.Due(now, Options{}) || r.Cost != (Cost{Planned: 0.2, Peak: 0.2}) {
		t.Errorf("cost %+v", r.Cost)
	}
}

func TestCheckFindsImpossibleWishes(t *testing.T) {
	t.Parallel()
	small := size("small", 4, 16, 0.2)
	for _, c := range []struct {
		name string
		st   State
		want []string // places of the faults
	}{
		{"nothing is wrong", State{Types: []Type{small}, Services: []Service{with(needs("a", 1, 1, 3), func(s *Service) { s.Min = 400 })}}, nil},
		{"no types", State{Services: []Service{needs("a", 1, 1, 1)}}, []string{"node_types"}},
		{"a negative price", State{Types: []Type{with(small, func(t *Type) { t.PricePerHour = -1 })}}, []string{"node_types/small.price_per_hour"}},
		{"no cores, a negative count and a negative time", State{Types: []Type{with(small, func(t *Type) { t.Cores, t.MaxCount, t.BootTime = 0, -1, -1 })}}, []string{"node_types/small.cores", "node_types/small.max_count", "node_types/small"}},
		{"two of one name", State{Types: []Type{small, small}}, []string{"node_types/small"}},
		{"a node of no type", State{Types: []Type{small}, Nodes: []Node{there("n1", "huge")}}, []string{"nodes/n1.type"}},
		{"a node that does not exist", State{Types: []Type{small}, Services: []Service{with(needs("a", 1, 1, 1), func(s *Service) { s.Node = "n1" })}}, []string{"services/a.node"}},
		{"an instance bigger than any type", State{Types: []Type{small}, Services: []Service{needs("a", 1, 17, 1)}}, []string{"services/a.need"}},
		{"a disk that nothing has", State{Types: []Type{small}, Services: []Service{with(needs("a", 1, 1, 1), func(s *Service) { s.DiskKind = "tape" })}}, []string{"services/a"}},
		{"min above what max nodes hold", State{Types: []Type{with(small, func(t *Type) { t.MaxCount = 2 })}, Services: []Service{with(needs("a", 2.5, 1, 1), func(s *Service) { s.Min = 3 })}}, []string{"services/a.min_instances"}},
		{"min of all above what max nodes hold", State{Types: []Type{with(small, func(t *Type) { t.MaxCount = 1 })}, Services: []Service{with(needs("a", 2, 1, 1), func(s *Service) { s.Min = 2 }), with(needs("b", 1, 1, 1), func(s *Service) { s.Min = 1 })}}, []string{"services"}},
		{"a negative need", State{Types: []Type{small}, Services: []Service{needs("a", -1, 1, 1)}}, []string{"services/a.need.cores"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			if err := Check(c.st); err != nil {
				for _, f := range err.(forescale.Faults) {
					if f.Code == "" || f.What == "" || f.Help == "" {
						t.Errorf("the fault is not told: %+v", f)
					}
					got = append(got, f.Where)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("faults at %q, want %q", got, c.want)
			}
		})
	}
}
