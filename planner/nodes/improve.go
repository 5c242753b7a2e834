package nodes

import (
	"cmp"
	"slices"
)

const (
	// shake is how much luck there is in which rooms are taken down, and rest how
	// much a room is spared for each time that it was.
	shake, rest = 0.15, 0.1
	// others is how many of the rooms that stay are tried for what was taken out.
	others = 24
	// firstSeed begins the row of numbers that disturbs the packing.
	firstSeed = 0x9e3779b97f4a7c15
)

// improve takes rooms of this plan down again, a few at a time, those first that
// are worth least for their cost, and fills what was in them into others and
// into new ones. What is cheaper stays.
func (w *world) improve(b *batch, rooms []int32, o *buying, start int) []int32 {
	used := map[int]bool{}
	for _, id := range rooms {
		used[w.rooms[id].typ] = true
	}
	x := *o
	x.among = slices.DeleteFunc(slices.Clone(o.among), func(t int) bool { return !used[t] })
	x.soft = false
	seed := uint64(firstSeed)
	x.shake = &seed
	at := make(map[int32]int32, len(b.items))
	for i := range b.items {
		at[b.items[i].svc] = int32(i)
	}
	taken := make([]int, len(w.rooms)+rounds*8)
	for round := 0; round < rounds && len(rooms) > 1 && w.probes-start < 2*work; round++ {
		byWorth := w.leastWorth(rooms, &x, taken)
		k := min(2+round%5, len(byWorth))
		rooms = w.rebuild(b, at, rooms, byWorth, k, round%2 == 0, &x, taken)
	}
	return rooms
}

// leastWorth is the rooms, those with the least for their cost first.
func (w *world) leastWorth(rooms []int32, o *buying, taken []int) []int32 {
	rate := make(map[int32]float64, len(rooms))
	for _, id := range rooms {
		rate[id] = w.rate(&w.rooms[id], o.p) + shake*draw(o.shake) + rest*float64(taken[min(int(id), len(taken)-1)])
	}
	out := slices.Clone(rooms)
	slices.SortFunc(out, func(a, b int32) int { return cmp.Or(cmp.Compare(rate[a], rate[b]), cmp.Compare(a, b)) })
	return out
}

// rate is how much of its cost a room is worth, by what is in it.
func (w *world) rate(r *room, p *prices) (x float64) {
	for k := range r.cap {
		if r.cap[k] > 0 {
			x += p.weight[r.typ][k] * float64(r.cap[k]-r.free[k]) / float64(r.cap[k])
		}
	}
	return x
}

// rebuild takes the first k of the rooms down and packs again; it takes it back
// unless that is cheaper.
func (w *world) rebuild(b *batch, at map[int32]int32, rooms, byWorth []int32, k int, refill bool, o *buying, taken []int) []int32 {
	m := w.mark()
	before := 0.0
	part := &batch{}
	out := map[int32]int32{}
	for _, id := range byWorth[:k] {
		taken[min(int(id), len(taken)-1)]++
		before += w.rooms[id].price
		for len(w.rooms[id].held) > 0 {
			h := w.rooms[id].held[0]
			out[h.svc] += h.n
			w.put(id, h.svc, -int(h.n))
		}
		w.close(id)
	}
	for s, n := range out {
		it := b.items[at[s]]
		it.n, it.used = n, 0
		part.items = append(part.items, it)
		part.left += int(n)
	}
	slices.SortFunc(part.items, func(a, c item) int { return cmp.Compare(a.svc, c.svc) })
	w.arrange(part)
	if refill {
		w.fillRooms(part, byWorth[k:min(len(byWorth), k+others)], false, true)
	}
	y := *o
	y.worth = w.value(part, o.p, o.among)
	fresh := w.buy(part, &y)
	after := 0.0
	for _, id := range fresh {
		after += w.rooms[id].price
	}
	if part.left > 0 || after >= before*(1-1e-9) {
		w.undo(m)
		for _, id := range byWorth[:k] {
			w.reopen(id)
		}
		return rooms
	}
	rooms = slices.DeleteFunc(rooms, func(id int32) bool { return w.rooms[id].gone })
	return append(rooms, fresh...)
}

// close takes a room of this plan, or one that is stopped by it, out of the world.
func (w *world) close(id int32) {
	r := &w.rooms[id]
	r.gone, r.open = true, false
	w.closed++
	if r.typ >= 0 {
		w.typs[r.typ].left++
	}
}

func (w *world) reopen(id int32) {
	r := &w.rooms[id]
	r.gone, r.open = false, true
	w.closed--
	if r.typ >= 0 {
		w.typs[r.typ].left--
	}
}

// shrink puts what is in a room into the cheapest type that holds it.
func (w *world) shrink(rooms []int32, among []int) []int32 {
	byPrice := slices.Clone(among)
	slices.SortStableFunc(byPrice, func(a, b int) int { return cmp.Compare(w.typs[a].price, w.typs[b].price) })
	for i, id := range rooms {
		for _, t := range byPrice {
			if w.typs[t].price >= w.rooms[id].price {
				break
			}
			if w.typs[t].left > 0 && w.holds(t, &w.rooms[id]) {
				rooms[i] = w.swap(id, t)
				break
			}
		}
	}
	return rooms
}

// holds reports whether one node of the type could hold what is in the room.
func (w *world) holds(t int, r *room) bool {
	free := w.typs[t].cap
	for _, h := range r.held {
		s := &w.svcs[h.svc]
		if !w.ok[s.rule][w.typs[t].kind] || free.times(s.on1(t), int(h.n)) < int(h.n) {
			return false
		}
		free.sub(s.on1(t), int(h.n))
	}
	return true
}

// swap moves what is in a room of this plan into a new one of the type.
func (w *world) swap(id int32, t int) int32 {
	to := w.openRoom(t)
	for len(w.rooms[id].held) > 0 {
		h := w.rooms[id].held[0]
		w.put(id, h.svc, -int(h.n))
		w.put(to, h.svc, int(h.n))
	}
	w.close(id)
	return to
}
