package nodes

import "github.com/forescale/forescale"

// ServiceOf is a registered service as it is planned, without what it wants. An
// amount that it does not declare is the limit of its template; without that it is 0,
// and Known is false for cores and memory both.
func ServiceOf(s forescale.Service) (v Service, known bool) {
	r := s.Resources
	v = Service{Name: s.Name, Priority: s.Priority, Min: s.Min,
		Need:     Need{Cores: r.Cores, Memory: r.Memory, Disk: r.Disk, Bandwidth: r.Bandwidth},
		DiskKind: r.DiskKind, Labels: r.Labels, Node: r.Node, Spread: r.Spread}
	if v.Need.Cores == 0 {
		v.Need.Cores = s.Template.CPUs
	}
	if v.Need.Memory == 0 {
		v.Need.Memory = s.Template.Memory
	}
	return v, v.Need.Cores > 0 || v.Need.Memory > 0
}

// NodeOf is a registered node as it is planned, with nothing on it.
func NodeOf(n forescale.Node) Node { return Node{Node: n, Static: !n.Managed} }
