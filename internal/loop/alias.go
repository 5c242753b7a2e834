package loop

import (
	"strings"

	"github.com/forescale/forescale"
)

// aliases are the other names by which instances push samples, and whose they are:
// a task of a swarm knows its service and slot only. What an incomplete read of the
// world does not show is as it was.
type aliases map[string]string

func (a *aliases) see(obs forescale.Observation) {
	if obs.Complete || *a == nil {
		*a = aliases{}
	}
	for _, s := range obs.Instances {
		if s.Alias != "" {
			(*a)[s.Alias], (*a)[s.ID] = s.ID, s.ID
		}
	}
}

// named gives the samples of a service their instances' own names. Of a swarm's tasks
// all instances are known, so what nobody goes by tells of one that is gone; taking it
// in would count it a second time.
func (a aliases) named(s forescale.Service, samples []forescale.Sample) []forescale.Sample {
	if s.Template.Swarm == "" {
		return samples
	}
	var named []forescale.Sample
	for _, x := range samples {
		if x.Subject.Kind == forescale.KindInstance {
			id, ok := a.of(x.Subject.Name)
			if !ok {
				continue
			}
			x.Subject.Name = id
		}
		named = append(named, x)
	}
	return named
}

// of is the instance of a name: shop_web.3, or shop_web.3.k2w9… as the swarm
// calls the task, or its own.
func (a aliases) of(name string) (id string, ok bool) {
	if id, ok = a[name]; ok {
		return id, true
	}
	if parts := strings.SplitN(name, ".", 3); len(parts) == 3 {
		if id, ok = a[parts[0]+"."+parts[1]]; ok {
			return id, true
		}
	}
	return "", false
}
