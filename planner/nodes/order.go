package nodes

import (
	"cmp"
	"math"
	"slices"
)

const (
	// tryAgain is how far behind the best type a type may have been last time to be
	// tried for the next node at once; the others are tried every tryAll nodes.
	tryAgain = 0.05
	tryAll   = 12
	// packings is how many packings are compared, and rounds how often the best is
	// taken down in part, as long as less than work was done. So the work does not
	// grow faster than the batch. Orders that are not due for long are packed twice:
	// they are planned again many times.
	packings, rounds = 8, 60
	farPackings      = 2
	work             = 600_000
)

// buying is one try at nodes for a batch.
type buying struct {
	p     *prices
	worth [][]float64
	among []int // types
	lean  leaning
	soft  bool
	shake *uint64
}

// order opens new rooms for what is left of the batch and fills them: it packs
// several times, each time valuing what was dear to pack before higher, keeps the
// cheapest, and improves that in part.
func (w *world) order(b *batch, soft bool) []int32 {
	among := w.orderable()
	if b.left == 0 || len(among) == 0 {
		return nil
	}
	p := w.price(b)
	o := buying{p: &p, worth: w.value(b, &p, among), among: among, soft: soft}
	start := w.probes
	var best packing
	tries := packings
	if w.far {
		tries = farPackings
	}
	for try := 0; try < tries && (try == 0 || w.probes-start < work); try++ {
		o.lean = balanced
		if try%2 == 1 {
			o.lean = largest
		}
		m, state := w.mark(), b.save()
		rooms := w.buy(b, &o)
		x := w.packed(b, rooms)
		if try == 0 || x.left < best.left || x.left == best.left && x.cost < best.cost*(1-1e-9) {
			best = x
		}
		w.dearer(b, rooms)
		w.undo(m)
		b.restore(state)
		if len(rooms) <= 1 && try > 0 { // there is not much to be found
			break
		}
	}
	rooms := w.again(b, best)
	for i := range b.items {
		b.items[i].dear = 1
	}
	if !w.far {
		rooms = w.improve(b, rooms, &o, start)
	}
	return w.shrink(rooms, among)
}

// orderable is the types of which more may be ordered.
func (w *world) orderable() (ts []int) {
	for t := range w.typs {
		if w.typs[t].orderable && w.typs[t].left > 0 {
			ts = append(ts, t)
		}
	}
	return ts
}

// trial is what a type was good for when last tried.
type trial struct {
	typ   int
	ratio float64 // value of what a node of it would hold, for its cost
	at    int     // number of the node it was tried for
}

// buy opens rooms for the batch until all is placed or nothing fits: each of the
// type that, filled, is worth most for what it costs.
func (w *world) buy(b *batch, o *buying) []int32 {
	tries := make([]trial, len(o.among))
	for i, t := range o.among {
		tries[i] = trial{typ: t, ratio: math.Inf(1)}
	}
	var rooms []int32
	var picks []pick
	f := filler{w: w, b: b}
	for n := 0; b.left > 0 && len(w.rooms)-w.closed < w.o.MaxNodes; n++ {
		slices.SortStableFunc(tries, func(a, c trial) int { return cmp.Or(cmp.Compare(c.ratio, a.ratio), cmp.Compare(a.typ, c.typ)) })
		best := -1
		for i := range tries {
			x := &tries[i]
			t := &w.typs[x.typ]
			if t.left <= 0 {
				x.ratio = 0
				continue
			}
			if best >= 0 && x.ratio < tries[best].ratio-tryAgain && n-x.at < tryAll {
				continue
			}
			value := f.fill(&target{kind: t.kind, typ: x.typ, cap: t.cap, free: t.cap, weight: w.weights(o.p, x.typ), worth: o.worth[x.typ], lean: o.lean, soft: o.soft, shake: o.shake})
			x.at, x.ratio = n, 0
			if len(f.picks) == 0 {
				continue
			}
			x.ratio = math.Max(value/o.p.cost[x.typ], 1e-12)
			if best < 0 || x.ratio > tries[best].ratio*(1+1e-9) {
				best = i
				picks = append(picks[:0], f.picks...)
			}
		}
		if best < 0 {
			break
		}
		f.picks, picks = picks, f.picks // each keeps a buffer of its own
		id := w.openRoom(tries[best].typ)
		f.place(id)
		rooms = append(rooms, id)
	}
	return rooms
}

// value fills in what an instance of each item is worth, and gives by type how
// much of its price a lane's instances are worth there.
func (w *world) value(b *batch, p *prices, among []int) [][]float64 {
	worth := make([][]float64, len(w.typs))
	all := make([]float64, len(w.typs)*len(b.lanes))
	for t := range worth {
		worth[t] = all[t*len(b.lanes) : (t+1)*len(b.lanes)]
	}
	sums := make([]float64, len(w.typs))
	for k := range b.lanes {
		l := &b.lanes[k]
		whole := 0.0
		clear(sums)
		for _, id := range l.items {
			it := &b.items[id]
			s := &w.svcs[it.svc]
			it.value = math.Inf(1)
			for _, t := range among {
				x := &w.typs[t]
				if !w.ok[l.rule][x.kind] {
					continue
				}
				n := s.on1(t)
				c := p.of(t, n)
				sums[t] += c * float64(it.n)
				if x.cap.fits(n) {
					it.value = math.Min(it.value, c)
				}
			}
			if math.IsInf(it.value, 1) {
				it.value = 0
			}
			whole += it.value * float64(it.n)
		}
		for _, t := range among {
			worth[t][k] = 1
			if sums[t] > 0 {
				worth[t][k] = whole / sums[t]
			}
		}
	}
	return worth
}

// weights is how much each resource of the type counts when it is filled: what is
// scarce counts, and the rest a little, so that it is not wasted.
func (w *world) weights(p *prices, t int) (x [resources]float64) {
	for r := range x {
		x[r] = 0.05 + p.weight[t][r]
	}
	return x
}

// openRoom opens a new node of the type.
func (w *world) openRoom(t int) int32 {
	x := &w.typs[t]
	x.left--
	w.rooms = append(w.rooms, room{
		kind: x.kind, typ: t, price: x.price, cap: x.cap, free: x.cap, open: true,
	})
	return int32(len(w.rooms) - 1)
}

// packing is what one try came to.
type packing struct {
	left int
	cost float64
	typs []int
	held [][]holding
}

func (w *world) packed(b *batch, rooms []int32) packing {
	x := packing{left: b.left}
	for _, id := range rooms {
		r := &w.rooms[id]
		x.cost += r.price
		x.typs = append(x.typs, r.typ)
		x.held = append(x.held, slices.Clone(r.held))
	}
	return x
}

// again carries a packing out once more.
func (w *world) again(b *batch, x packing) []int32 {
	at := make(map[int32]int, len(b.items))
	for i := range b.items {
		at[b.items[i].svc] = i
	}
	rooms := make([]int32, 0, len(x.typs))
	for i, t := range x.typs {
		id := w.openRoom(t)
		rooms = append(rooms, id)
		for _, h := range x.held[i] {
			w.put(id, h.svc, int(h.n))
			b.items[at[h.svc]].n -= h.n
			b.left -= int(h.n)
		}
	}
	return rooms
}

// dearer values what lies in rooms that are worth less than they cost higher: it
// is hard to pack, and comes first the next time.
func (w *world) dearer(b *batch, rooms []int32) {
	type paid struct{ value, share, n float64 }
	ps := make([]paid, len(w.svcs))
	for _, it := range b.items {
		ps[it.svc].value = it.value
	}
	for _, id := range rooms {
		r := &w.rooms[id]
		v := 0.0
		for _, h := range r.held {
			v += ps[h.svc].value * float64(h.n)
		}
		if v <= 0 {
			continue
		}
		for _, h := range r.held {
			p := &ps[h.svc]
			p.share += r.price / v * float64(h.n)
			p.n += float64(h.n)
		}
	}
	for i := range b.items {
		if p := ps[b.items[i].svc]; p.n > 0 {
			b.items[i].dear = math.Sqrt(b.items[i].dear * math.Min(2, p.share/p.n))
		}
	}
}

// save is what of each item is left.
func (b *batch) save() []int32 {
	ns := make([]int32, len(b.items))
	for i := range b.items {
		ns[i] = b.items[i].n
	}
	return ns
}

func (b *batch) restore(ns []int32) {
	b.left = 0
	for i := range b.items {
		b.items[i].n = ns[i]
		b.left += int(ns[i])
	}
	for k := range b.lanes {
		for i := range b.lanes[k].next {
			b.lanes[k].next[i] = int32(i)
		}
	}
}
