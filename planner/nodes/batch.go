package nodes

import (
	"cmp"
	"math"
	"slices"
)

// batch is instances that are to be placed together.
type batch struct {
	items []item
	lanes []lane
	left  int
}

// item is instances of one service that are not placed yet.
type item struct {
	svc   int32
	n     int32
	used  int32 // of n: by the fill under way
	size  float64
	value float64 // what one is worth by the shadow prices
	dear  float64 // times that, as packing it has cost so far
}

// lane is items that ask for the same and lean the same way, for instance to
// memory rather than cores, largest first. From each lane a fill takes the
// largest that still fits; which lane is next depends on the room that is left.
type lane struct {
	rule  int
	lean  int
	items []int32
	next  []int32 // next[i]: the first position from i on that may have some left
	total [resources]float64
}

// leans is how many ways to lean there are for cores against memory, in halves of
// an octave; disk and bandwidth follow.
const leans = 17

// lean is what of a node an instance takes most of. ref is the largest amount.
func lean(n, ref *vec) int {
	var x [resources]float64
	for r := range x {
		if n[r] > 0 {
			x[r] = float64(n[r]) / math.Max(1, float64(ref[r]))
		}
	}
	top := slices.Max(x[:])
	switch {
	case x[disk] == top && top > 0:
		return leans
	case x[bandwidth] == top && top > 0:
		return leans + 1
	case x[cores] == 0:
		return leans - 1
	case x[memory] == 0:
		return 0
	}
	d := int(math.Round(2*math.Log2(x[memory]/x[cores]))) + leans/2
	return min(max(d, 0), leans-1)
}

// gather makes a batch of what the services lack: of each s for which lack(s) is
// above 0.
func (w *world) gather(lack func(*svc) int) *batch {
	b := &batch{}
	for i := range w.svcs {
		s := &w.svcs[i]
		if n := lack(s); n > 0 {
			b.items = append(b.items, item{svc: int32(i), n: int32(n), dear: 1})
			b.left += n
		}
	}
	w.arrange(b)
	return b
}

// arrange sorts the items into lanes.
func (w *world) arrange(b *batch) {
	byKey := map[int]int{}
	for i := range b.items {
		it := &b.items[i]
		s := &w.svcs[it.svc]
		n := w.typical(s)
		for r, x := range n {
			if x > 0 {
				it.size = math.Max(it.size, float64(x)/math.Max(1, float64(w.ref[r])))
			}
		}
		key := s.rule*(leans+2) + lean(n, &w.ref)
		k, ok := byKey[key]
		if !ok {
			k = len(b.lanes)
			byKey[key] = k
			b.lanes = append(b.lanes, lane{rule: s.rule, lean: key % (leans + 2)})
		}
		l := &b.lanes[k]
		l.items = append(l.items, int32(i))
		for r, x := range n {
			l.total[r] += float64(x) * float64(it.n)
		}
	}
	slices.SortFunc(b.lanes, func(a, c lane) int {
		return cmp.Or(cmp.Compare(a.rule, c.rule), cmp.Compare(a.lean, c.lean))
	})
	for k := range b.lanes {
		l := &b.lanes[k]
		slices.SortFunc(l.items, func(x, y int32) int {
			return cmp.Or(cmp.Compare(b.items[y].size, b.items[x].size), cmp.Compare(x, y))
		})
		l.next = make([]int32, len(l.items)+1)
		for i := range l.next {
			l.next[i] = int32(i)
		}
	}
}

// typical is what an instance needs where it is not known on which type: what is
// declared, or the most that was learned.
func (w *world) typical(s *svc) *vec {
	if s.learned == nil || s.need != (vec{}) {
		return &s.need
	}
	n := &s.need
	for t := range s.learned {
		if x := &s.learned[t]; x[cores] != never && x[cores] >= n[cores] {
			n = x
		}
	}
	return n
}

// from is the first position of the lane from i on whose item has some left.
func (b *batch) from(l *lane, i int32) int32 {
	for l.next[i] != i {
		l.next[i] = l.next[l.next[i]]
		i = l.next[i]
	}
	for int(i) < len(l.items) && b.items[l.items[i]].n == 0 {
		l.next[i] = i + 1
		i++
		for l.next[i] != i {
			i = l.next[i]
		}
	}
	return i
}
