package nodes

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// world is the state in whole numbers, with what is placed so far.
type world struct {
	now  time.Time
	o    Options
	typs []typ
	// kinds are what nodes differ in for a rule, rules what services ask of nodes;
	// ok[rule][kind] says whether they match.
	kinds []kind
	rules []rule
	ok    [][]bool
	svcs  []svc
	rooms []room
	ref   vec // the largest amount of each resource that a node has

	log    []entry // what was put and taken since it was last cut, to undo it
	closed int     // rooms that are gone
	probes int
	far    bool // what is ordered now is not due for long
	notes  []Note
}

// typ is a node type.
type typ struct {
	in        *Type
	cap       vec
	price     float64
	orderable bool
	left      int // how many more may be there
	kind      int
}

// kind is nodes that are alike for every rule.
type kind struct {
	typ    int // -1: none
	name   string
	disk   string
	labels map[string]string
	cap    vec
}

// rule is what services ask of nodes.
type rule struct {
	node, disk string
	labels     map[string]string
	any        bool // asks for nothing
}

// svc is a service.
type svc struct {
	in      *Service
	need    vec
	learned []vec // by type, nil if nothing was learned; never in cores: Need holds
	rule    int
	low     int // instances wanted now
	held    int // placed in open rooms
	on      []int32
	there   []present
	short   bool // Spread cannot be kept: there are too few nodes
}

// present is a running instance of a service.
type present struct {
	room  int32
	id    string
	ready bool
	leave forescale.Code // why it has to go; "" if it stays
}

// room is a node: present, on its way, or ordered by this plan.
type room struct {
	name  string
	kind  int
	typ   int
	price float64
	cap   vec
	free  vec
	busy  vec // of free: taken by what is on its way out
	held  []holding

	node    *Node // nil: ordered by this plan
	open    bool  // takes instances
	gone    bool  // released, or taken back
	shut    bool  // takes none, and keeps what runs there
	leaving bool  // draining
	idle    bool  // nothing at all runs on it
	foreign bool  // something unknown runs on it
	readyBy time.Time
	since   time.Time // from when on it is paid for; zero: it is there
	until   time.Time // until when, by this plan; zero: no end in sight
}

// holding is how many instances of a service are in a room.
type holding struct {
	svc     int32
	n, stay int32 // stay: of them, running there
}

// entry is one change to undo.
type entry struct {
	room, svc int32
	n         int32
}

// build reads the state.
func build(now time.Time, o Options, st *State) *world {
	w := &world{now: now, o: o}
	w.readTypes(st)
	w.readServices(st)
	w.readNodes(st)
	w.match()
	return w
}

func (w *world) readTypes(st *State) {
	order := sortedBy(len(st.Types), func(i int) string { return st.Types[i].Name })
	for _, i := range order {
		in := &st.Types[i]
		if n := len(w.typs); n > 0 && w.typs[n-1].in.Name == in.Name {
			w.note("node_types/"+in.Name, CodeInvalid, words{"why": "twice"})
			continue
		}
		t := typ{in: in, cap: capacity(in.NodeType), price: in.PricePerHour, left: max(0, in.MaxCount), orderable: in.MaxCount > 0}
		if !(t.price >= 0) || t.price > 1e12 {
			w.note("node_types/"+in.Name, CodeInvalid, words{"why": "price"})
			t.price, t.orderable = 0, false
		}
		t.kind = w.kind(kind{typ: len(w.typs), disk: in.DiskKind, labels: in.Labels, cap: t.cap})
		for r, x := range t.cap {
			w.ref[r] = max(w.ref[r], x)
		}
		w.typs = append(w.typs, t)
	}
}

func (w *world) readServices(st *State) {
	order := sortedBy(len(st.Services), func(i int) string { return st.Services[i].Name })
	seen := map[string]int{}
	w.svcs = make([]svc, 0, len(order))
	for _, i := range order {
		in := &st.Services[i]
		if n := len(w.svcs); n > 0 && w.svcs[n-1].in.Name == in.Name {
			w.note("services/"+in.Name, CodeInvalid, words{"why": "twice"})
			continue
		}
		key := in.Node + "\x00" + in.DiskKind + "\x00" + labelKey(in.Labels)
		id, ok := seen[key]
		if !ok {
			id = len(w.rules)
			seen[key] = id
			w.rules = append(w.rules, rule{node: in.Node, disk: in.DiskKind, labels: in.Labels, any: in.Node == "" && in.DiskKind == "" && len(in.Labels) == 0})
		}
		s := svc{in: in, need: in.Need.amount(1), rule: id}
		if len(in.Learned) > 0 {
			s.learned = make([]vec, len(w.typs))
			for t := range w.typs {
				s.learned[t][cores] = never
				if n, ok := in.Learned[w.typs[t].in.Name]; ok {
					s.learned[t] = n.amount(w.typs[t].in.Speed)
				}
			}
		}
		w.svcs = append(w.svcs, s)
	}
}

func (w *world) readNodes(st *State) {
	named := map[string]bool{}
	for _, r := range w.rules {
		if r.node != "" {
			named[r.node] = true
		}
	}
	types := map[string]int{}
	for i, t := range w.typs {
		types[t.in.Name] = i
	}
	services := map[string]int32{}
	for i := range w.svcs {
		services[w.svcs[i].in.Name] = int32(i)
	}
	kinds := map[string]int{}
	last := ""
	for _, i := range sortedBy(len(st.Nodes), func(i int) string { return st.Nodes[i].Name }) {
		n := &st.Nodes[i]
		if n.State == forescale.NodeStopped {
			continue
		}
		if len(w.rooms) > 0 && n.Name == last {
			w.note("nodes/"+n.Name, CodeInvalid, words{"why": "twice"})
			continue
		}
		last = n.Name
		r := room{name: n.Name, node: n, typ: -1, open: n.State == forescale.NodeReady && !n.Cordoned, shut: n.State == forescale.NodeReady && n.Cordoned, leaving: n.State == forescale.NodeDraining, idle: len(n.Runs) == 0}
		k := kind{typ: -1, labels: n.Labels, cap: sizes(n.Node)}
		if t, ok := types[n.Type]; ok {
			r.typ, r.price = t, w.typs[t].price
			w.typs[t].left--
			k = kind{typ: t, disk: w.typs[t].in.DiskKind, labels: LabelsOf(n.Node, w.typs[t].in.NodeType), cap: w.typs[t].cap}
		}
		if named[n.Name] {
			k.name = n.Name
		}
		key := strconv.Itoa(k.typ) + "\x00" + k.name + "\x00" + strconv.FormatInt(k.cap[cores], 10) + "\x00" + strconv.FormatInt(k.cap[memory], 10) + "\x00" + labelKey(k.labels)
		id, ok := kinds[key]
		if !ok {
			id = w.kind(k)
			kinds[key] = id
		}
		r.kind, r.cap, r.free = id, k.cap, k.cap
		for x, c := range k.cap {
			w.ref[x] = max(w.ref[x], c)
		}
		if n.State == forescale.NodeBooting {
			r.readyBy = n.ReadyBy
			r.open = n.Deadline.IsZero() || w.now.Before(n.Deadline)
			if !r.open {
				w.noteReason("nodes/"+n.Name, forescale.Reason{Code: CodeOverdue, Times: times{"deadline": n.Deadline}})
			}
		}
		w.readRuns(n, int32(len(w.rooms)), &r, services)
		w.rooms = append(w.rooms, r)
	}
}

// readRuns hands each instance to its service. What is draining takes its room
// until it is gone, and is nobody's supply.
func (w *world) readRuns(n *Node, id int32, r *room, services map[string]int32) {
	for _, x := range n.Runs {
		k, ok := services[x.Service]
		switch {
		case x.State == forescale.InstanceStopped || x.State == forescale.InstanceFailed:
		case !ok:
			r.foreign = true
		case x.State == forescale.InstanceDraining:
			r.busy = plus(r.busy, w.svcs[k].on1(r.typ))
		default:
			w.svcs[k].there = append(w.svcs[k].there, present{room: id, id: x.ID, ready: x.State == forescale.InstanceReady})
		}
	}
}

// match works out which kinds fulfil which rules.
func (w *world) match() {
	w.ok = make([][]bool, len(w.rules))
	for i, r := range w.rules {
		w.ok[i] = make([]bool, len(w.kinds))
		for k := range w.kinds {
			x := &w.kinds[k]
			w.ok[i][k] = (r.node == "" || r.node == x.name) && (r.disk == "" || r.disk == x.disk) && Carries(x.labels, r.labels)
		}
	}
	for i := range w.svcs {
		s := &w.svcs[i]
		slices.SortFunc(s.there, func(a, b present) int { return cmp.Compare(a.id, b.id) })
	}
}

func (w *world) kind(k kind) int {
	w.kinds = append(w.kinds, k)
	return len(w.kinds) - 1
}

// on1 is what one instance takes of a node of the type.
func (s *svc) on1(t int) *vec {
	if t >= 0 && s.learned != nil && s.learned[t][cores] != never {
		return &s.learned[t]
	}
	return &s.need
}

// may reports whether an instance may be in the room at all: by rule, not by size.
func (w *world) may(s *svc, r *room) bool { return w.ok[s.rule][r.kind] }

// limit is how many instances of the service one node may hold.
func (s *svc) limit(soft bool) int {
	n := max(s.low, s.held)
	if s.short {
		return n
	}
	k := s.in.Spread
	if soft {
		k = max(k, 2)
	}
	if k <= 1 || n <= 1 {
		return n
	}
	k = min(k, n)
	return (n + k - 1) / k
}

// find is where the service is in the room's list, or would be.
func (r *room) find(s int32) (int, bool) {
	return slices.BinarySearchFunc(r.held, s, func(h holding, s int32) int { return cmp.Compare(h.svc, s) })
}

func (r *room) has(s int32) int {
	if i, ok := r.find(s); ok {
		return int(r.held[i].n)
	}
	return 0
}

// put places n instances of the service in the room; a negative n takes them out.
func (w *world) put(room, service int32, n int) {
	w.log = append(w.log, entry{room, service, int32(n)})
	w.move(room, service, n)
}

func (w *world) move(room, service int32, n int) {
	r, s := &w.rooms[room], &w.svcs[service]
	r.free.sub(s.on1(r.typ), n)
	s.held += n
	i, ok := r.find(service)
	if !ok {
		r.held = slices.Insert(r.held, i, holding{svc: service})
		s.on = append(s.on, room)
	}
	if r.held[i].n += int32(n); r.held[i].n == 0 && r.held[i].stay == 0 {
		r.held = slices.Delete(r.held, i, i+1)
		k := slices.Index(s.on, room)
		s.on[k] = s.on[len(s.on)-1]
		s.on = s.on[:len(s.on)-1]
	}
}

// mark is a point to undo to.
type mark struct{ log, rooms int }

func (w *world) mark() mark { return mark{len(w.log), len(w.rooms)} }

// undo takes everything back that was put since m, rooms that were opened included.
func (w *world) undo(m mark) {
	for i := len(w.log) - 1; i >= m.log; i-- {
		e := w.log[i]
		w.move(e.room, e.svc, -int(e.n))
	}
	w.log = w.log[:m.log]
	for i := len(w.rooms) - 1; i >= m.rooms; i-- {
		if w.rooms[i].gone {
			w.closed--
		} else {
			w.typs[w.rooms[i].typ].left++
		}
	}
	w.rooms = w.rooms[:m.rooms]
}

func plus(a vec, b *vec) vec {
	for r := range a {
		a[r] = min(never, a[r]+b[r])
	}
	return a
}

type (
	words = map[string]string
	nums  = map[string]float64
	times = map[string]time.Time
)

func (w *world) note(subject string, c forescale.Code, x words) {
	w.noteReason(subject, forescale.Reason{Code: c, Words: x})
}

func (w *world) noteReason(subject string, r forescale.Reason) {
	w.notes = append(w.notes, Note{Subject: subject, Reason: r})
}

// sortedBy is the indices of n things in the order of their names. Things of one
// name keep their order; Check refuses them.
func sortedBy(n int, name func(int) string) []int {
	is := make([]int, n)
	for i := range is {
		is[i] = i
	}
	slices.SortStableFunc(is, func(a, b int) int { return strings.Compare(name(a), name(b)) })
	return is
}

// LabelsOf are the labels that a node of a type carries. They are shared: do not write to them.
func LabelsOf(n forescale.Node, t forescale.NodeType) map[string]string {
	switch {
	case len(n.Labels) == 0:
		return t.Labels
	case len(t.Labels) == 0:
		return n.Labels
	}
	labels := maps.Clone(t.Labels)
	maps.Copy(labels, n.Labels)
	return labels
}

// Carries reports whether a node with these labels has all that are asked for.
func Carries(has, asked map[string]string) bool {
	for name, value := range asked {
		if v, ok := has[name]; !ok || v != value {
			return false
		}
	}
	return true
}

// labelKey is labels as one string, whatever the order of the map.
func labelKey(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b.WriteString(strconv.Quote(k))
		b.WriteString(strconv.Quote(m[k]))
	}
	return b.String()
}
