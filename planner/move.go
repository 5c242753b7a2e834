package planner

import "github.com/forescale/forescale"

// moving is what of the instances is on nodes that are to be emptied.
type moving struct {
	ready, starting int // of those that are ready and starting
	done            int // of them: others have taken their place already
}

func (m moving) all() int { return m.ready + m.starting }

// leaves reports whether the node of an instance is to be emptied.
func (r *round) leaves(x *forescale.Instance) bool { return r.st.Leaving[x.ID] }

// aside takes those out of the supply that leave while as many as were wanted run
// beside them: they only wait until these are ready.
func (r *round) aside() {
	stay, wanted := r.supply-r.moving.all(), max(r.asked, r.s.Min)
	if r.asked == 0 {
		wanted = r.supply
	}
	r.moving.done = r.supply - min(r.supply, max(stay, min(wanted, r.s.Max)))
	r.supply -= r.moving.done
}

// move replaces what leaves: others start first, as far as max and the limits of starts
// let them, and what leaves is stopped when as many as are wanted are ready without it,
// within the blast radius.
func (r *round) move() {
	if r.other.holds {
		return
	}
	started, stopped := 0, map[string]bool{}
	for _, a := range r.d.Actions {
		if a.Kind == forescale.ActionStart {
			started++
		} else {
			stopped[a.Instance] = true
		}
	}
	stay := r.supply + r.moving.done - r.moving.all()
	starts := r.startMoves(started, r.to-stay-started)
	stops := r.stopMoves(stopped)
	r.say(forescale.CodeNodeDrained, numbers{"leaving": float64(r.moving.all()), "starts": float64(starts), "stops": float64(stops)}, nil, nil)
}

// startMoves starts up to n instances beside those that this step starts already.
func (r *round) startMoves(started, n int) int {
	n = min(n, r.moving.all(), r.startsOfStep().most-started, r.room(r.s.Max).most-started)
	if l, failing := r.failing(); failing {
		n = min(n, l.most-started)
	}
	deadline := r.now.Add(r.patience())
	for k := range max(0, n) {
		r.start(started+k+1, deadline, r.revision())
	}
	return max(0, n)
}

// stopMoves stops what leaves, as long as no fewer than are wanted are ready, and on
// their way, without it.
func (r *round) stopMoves(stopped map[string]bool) (n int) {
	most, keep := r.stopsOfWindow().most-len(stopped), max(r.to, r.target)
	ready, supply := r.ready-keep, r.supply+r.moving.done-keep-len(stopped) // that may go
	for i := range r.st.Instances {
		if x := &r.st.Instances[i]; stopped[x.ID] && x.State == forescale.InstanceReady {
			ready--
		}
	}
	for i := range r.st.Instances {
		x := &r.st.Instances[i]
		isReady := x.State == forescale.InstanceReady
		if !r.leaves(x) || !r.canStop(x) || stopped[x.ID] || n >= most || supply <= 0 || isReady && ready <= 0 {
			continue
		}
		r.stop(*x)
		n, supply = n+1, supply-1
		if isReady {
			ready--
		}
	}
	return n
}
