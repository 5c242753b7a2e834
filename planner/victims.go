package planner

import (
	"cmp"
	"slices"

	"github.com/forescale/forescale"
)

// victims are the n instances to stop: those whose node is to be emptied first, then those
// of older templates, then those that are still starting, then those that forescale started,
// newest first. Where too few would be ready, those that are starting go before all. One
// that is known by its samples only is never among them: no engine that we can ask runs it.
func (r *round) victims(n int) []forescale.Instance {
	var vs []forescale.Instance
	for i := range r.st.Instances {
		if r.canStop(&r.st.Instances[i]) {
			vs = append(vs, r.st.Instances[i])
		}
	}
	startingFirst := r.ready-n < r.to // else too few might be ready
	slices.SortFunc(vs, func(a, b forescale.Instance) int {
		first := 0
		if startingFirst {
			first = cmp.Compare(stateRank(a), stateRank(b))
		}
		return cmp.Or(
			first,
			cmp.Compare(r.leaveRank(a), r.leaveRank(b)),
			cmp.Compare(r.revisionRank(a), r.revisionRank(b)),
			cmp.Compare(stateRank(a), stateRank(b)),
			cmp.Compare(originRank(a), originRank(b)),
			b.ReadyAt.Compare(a.ReadyAt),
			b.OrderedAt.Compare(a.OrderedAt),
			cmp.Compare(b.ID, a.ID),
		)
	})
	return vs[:min(n, len(vs))]
}

func (r *round) canStop(x *forescale.Instance) bool {
	return x.Supply(r.now) && x.Origin != forescale.OriginPushed
}

func (r *round) stoppable() int {
	n := 0
	for i := range r.st.Instances {
		if r.canStop(&r.st.Instances[i]) {
			n++
		}
	}
	return n
}

func (r *round) leaveRank(x forescale.Instance) int {
	if r.leaves(&x) {
		return 0
	}
	return 1
}

func (r *round) revisionRank(x forescale.Instance) int {
	if r.roll.on() && (x.Revision == "" || x.Revision == r.roll.want) {
		return 1
	}
	return 0
}

func stateRank(x forescale.Instance) int {
	if x.State == forescale.InstanceStarting {
		return 0
	}
	return 1
}

func originRank(x forescale.Instance) int {
	if x.Origin == forescale.OriginAdopted {
		return 1
	}
	return 0
}
