package nodes

import "math"

// pick is instances of an item that a fill chose.
type pick struct {
	item int32
	n    int32
}

// filler fills one room after the other.
type filler struct {
	w     *world
	b     *batch
	cands []cand
	picks []pick
}

// cand is the candidate of a lane.
type cand struct {
	lane *lane
	tier int
	pos  int32
}

// target is the room to fill, there or only thought of.
type target struct {
	kind, typ int
	cap, free vec
	room      *room      // nil: a new one
	weight    [4]float64 // of each resource in the choice of what is next, 0 to 1
	worth     []float64  // by lane: how much of the price of its room an instance is worth here, 0 to 1; nil: all alike
	lean      leaning
	soft      bool
	shake     *uint64 // nil: no disturbance
}

const (
	// misses is how many items of a lane are held against a room one by one before
	// the search leaps: it keeps the work of a fill from growing with the number
	// of services.
	misses = 6
	// fullWorth is the worth from which a lane is at home on a type: the others
	// only fill what these leave.
	fullWorth = 0.97
)

// leaning is how a fill weighs the worth of an instance against the share that it
// takes of its tightest resource. Neither way is better on all loads.
type leaning int

const (
	balanced leaning = iota // by worth for that share: all resources are used up alike
	largest                 // a little less of it: large ones come earlier
)

// of is the share, as far as it counts: whole, or to the power of 3/4.
func (l leaning) of(tight float64) float64 {
	if l == balanced {
		return tight
	}
	root := math.Sqrt(tight)
	return root * math.Sqrt(root)
}

// fill chooses what to put into the target: again and again, of the largest
// instances of each lane that still fit, the one that is worth most for the share
// that it takes of what is left of its tightest resource. It gives the value of
// what it chose, and leaves the choice in f.picks, nothing placed.
func (f *filler) fill(t *target) (value float64) {
	w, b := f.w, f.b
	f.picks = f.picks[:0]
	f.cands = f.cands[:0]
	for k := range b.lanes {
		l := &b.lanes[k]
		if !w.ok[l.rule][t.kind] {
			continue
		}
		c := cand{lane: l, tier: 1}
		switch {
		case t.worth == nil && w.rules[l.rule].any:
			c.tier = 1
		case t.worth == nil:
			c.tier = 0 // what may not go everywhere chooses first
		case t.worth[k] >= fullWorth:
			c.tier = 0
		}
		f.cands = append(f.cands, c)
	}
	var scale, left [resources]float64
	for r := range scale {
		if t.cap[r] > 0 {
			scale[r] = 1 / float64(t.cap[r])
		}
	}
	free := t.free
	for {
		for r := range left {
			left[r] = float64(free[r]) * scale[r]
		}
		best, bestTier, bestScore := -1, 2, 0.0
		for i := range f.cands {
			c := &f.cands[i]
			if c.tier > bestTier || !f.settle(c, t, &free) {
				continue
			}
			n := w.svcs[b.items[c.lane.items[c.pos]].svc].on1(t.typ)
			score, tight := 0.0, 1e-9
			for r := range left {
				if x := float64(n[r]) * scale[r]; x > 0 {
					score += t.weight[r] * x
					tight = math.Max(tight, x/left[r])
				}
			}
			score *= b.items[c.lane.items[c.pos]].dear / t.lean.of(tight)
			if t.shake != nil {
				score *= 0.7 + 0.3*draw(t.shake)
			}
			if c.tier < bestTier || score > bestScore || best < 0 {
				best, bestTier, bestScore = i, c.tier, score
			}
		}
		if best < 0 {
			break
		}
		c := &f.cands[best]
		id := c.lane.items[c.pos]
		it := &b.items[id]
		n := w.svcs[it.svc].on1(t.typ)
		k := min(free.times(n, int(it.n-it.used)), f.room(t, it))
		if *n != (vec{}) {
			k = max(1, k/8)
		}
		it.used += int32(k)
		free.sub(n, k)
		value += float64(k) * it.value * it.dear
		if last := len(f.picks) - 1; last >= 0 && f.picks[last].item == id {
			f.picks[last].n += int32(k)
		} else {
			f.picks = append(f.picks, pick{id, int32(k)})
		}
	}
	for _, p := range f.picks {
		b.items[p.item].used = 0
	}
	return value
}

// settle moves the candidate to the largest item of its lane that fits, if there
// is one. What did not fit before does not fit later: rooms only get fuller.
func (f *filler) settle(c *cand, t *target, free *vec) bool {
	if c.pos < 0 {
		return false
	}
	l, leap, missed := c.lane, int32(1), 0
	for {
		c.pos = f.b.from(l, c.pos)
		if int(c.pos) >= len(l.items) {
			c.pos = -1
			return false
		}
		it := &f.b.items[l.items[c.pos]]
		if it.used < it.n {
			f.w.probes++
			if free.fits(f.w.svcs[it.svc].on1(t.typ)) && f.room(t, it) > 0 {
				return true
			}
			if missed++; missed > misses {
				leap *= 2
			}
		}
		// The last ones are the smallest: they are not leapt over.
		if next := c.pos + leap; int(next) < len(l.items) {
			c.pos = next
		} else if int(c.pos) < len(l.items)-1 {
			c.pos = int32(len(l.items) - 1)
		} else {
			c.pos = -1
			return false
		}
	}
}

// room is how many more instances of the item's service the target may hold
// beside what the fill under way has chosen.
func (f *filler) room(t *target, it *item) int {
	k := f.w.svcs[it.svc].limit(t.soft) - int(it.used)
	if t.room != nil {
		k -= t.room.has(it.svc)
	}
	return k
}

// place puts what the last fill chose into a room.
func (f *filler) place(room int32) {
	for _, p := range f.picks {
		it := &f.b.items[p.item]
		it.n -= p.n
		f.b.left -= int(p.n)
		f.w.put(room, it.svc, int(p.n))
	}
}

// even weighs all resources alike.
var even = [resources]float64{1, 1, 1, 1}

// fillRooms puts of the batch what fits into the rooms, in their order. Unless
// busy is true, what is on its way out of a room counts as gone.
func (w *world) fillRooms(b *batch, order []int32, soft, busy bool) {
	f := filler{w: w, b: b}
	for _, i := range order {
		if b.left == 0 {
			return
		}
		r := &w.rooms[i]
		t := target{kind: r.kind, typ: r.typ, cap: r.cap, free: r.free, room: r, weight: even, lean: balanced, soft: soft}
		if busy {
			for x := range t.free {
				t.free[x] -= r.busy[x]
			}
		}
		f.fill(&t)
		f.place(i)
	}
}

// draw gives the next number from 0 to 1 of a row that is always the same
// (xorshift64*): the packing is disturbed, not random.
func draw(s *uint64) float64 {
	*s ^= *s >> 12
	*s ^= *s << 25
	*s ^= *s >> 27
	return float64(*s*0x2545f4914f6cdd1d>>11) / (1 << 53)
}
