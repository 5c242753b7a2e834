package nodes

import "github.com/forescale/forescale"

// Room is how full a node is by what the instances on it declare.
type Room struct {
	all, used vec
	disk      string
}

// RoomOf is an empty node of a type; of its own sizes where it has none.
func RoomOf(n forescale.Node, t forescale.NodeType) *Room {
	if t.Name == "" {
		return &Room{all: sizes(n)}
	}
	return &Room{all: capacity(t), disk: t.DiskKind}
}

// Fill puts an instance of a service on the node.
func (r *Room) Fill(s forescale.Service) {
	v, _ := ServiceOf(s)
	n := v.Need.amount(1)
	r.used.sub(&n, -1)
}

// Full is the share of what is scarcest that would be in use with one more instance: above
// 1, the node has not got it. A size that is not known is no limit.
func (r *Room) Full(s forescale.Service) (share float64) {
	v, _ := ServiceOf(s)
	for x, n := range v.Need.amount(1) {
		if r.all[x] > 0 && n > 0 {
			share = max(share, float64(r.used[x]+n)/float64(r.all[x]))
		}
	}
	return share
}

// Suits reports whether the node has the kind of disk that a service asks for.
func (r *Room) Suits(s forescale.Service) bool {
	return s.Resources.DiskKind == "" || s.Resources.DiskKind == r.disk
}
