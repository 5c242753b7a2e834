package nodes

import (
	"math"

	"github.com/forescale/forescale"
)

// vec is an amount of each resource in whole numbers: millionths of a core of
// the reference type, bytes of memory, bytes of disk, kbit/s.
type vec [resources]int64

// The resources.
const (
	cores = iota
	memory
	disk
	bandwidth
	resources
)

const (
	// most bounds an amount, so that sums of many stay far from overflowing.
	most = int64(1) << 52
	// never is an amount that no node has.
	never = most + 1
	// roundTol is what a product of two decimal numbers may be off by and still
	// count as the whole number that it stands for.
	roundTol = 1e-3
)

// fits reports whether n fits into v.
func (v *vec) fits(n *vec) bool {
	return n[0] <= v[0] && n[1] <= v[1] && n[2] <= v[2] && n[3] <= v[3]
}

// times is how often n fits into v, at most limit.
func (v *vec) times(n *vec, limit int) int {
	k := int64(limit)
	for r, x := range n {
		switch {
		case x > v[r]:
			return 0
		case x > 0:
			k = min(k, v[r]/x)
		}
	}
	return int(max(0, k))
}

func (v *vec) sub(n *vec, k int) {
	for r := range v {
		v[r] -= n[r] * int64(k)
	}
}

// up rounds what is needed, down what there is, so that both err on the safe side.
func up(x, unit float64) int64 {
	switch x *= unit; {
	case !(x >= 0) || x > float64(most):
		return never
	default:
		return int64(math.Ceil(x - roundTol))
	}
}

func down(x, unit float64) int64 {
	if x *= unit; !(x > 0) {
		return 0
	}
	return int64(math.Min(float64(most), math.Floor(x+roundTol)))
}

func upBytes(x int64) int64 {
	if x < 0 || x > most {
		return never
	}
	return x
}

// amount is n with its cores taken speed times.
func (n Need) amount(speed float64) vec {
	return vec{up(n.Cores*speed, 1e6), upBytes(n.Memory), upBytes(n.Disk), up(n.Bandwidth, 1e3)}
}

// sizes are what a node has that is of no type.
func sizes(n forescale.Node) vec {
	return capacity(forescale.NodeType{Cores: n.Cores, Speed: 1, Memory: n.Memory})
}

// capacity is what a node of the type has.
func capacity(t forescale.NodeType) vec {
	return vec{down(t.Cores*t.Speed, 1e6), min(max(0, t.Memory), most), min(max(0, t.Disk), most), down(t.Bandwidth, 1e3)}
}
