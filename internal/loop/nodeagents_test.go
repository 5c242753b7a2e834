package loop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// apart is a site whose server has no engine: instances run on nodes with agents alone,
// each of which is read apart.
type apart struct{ *site }

func (a apart) Observe(ctx context.Context) forescale.Observation {
	o := a.site.Observe(ctx)
	o.Complete, o.Parts = false, map[string]forescale.Part{}
	for _, name := range a.there() {
		if _, err := a.store.Agent(ctx, name); err == nil {
			o.Parts[name] = forescale.Part{Whole: true, Acts: true}
			o.Nodes = append(o.Nodes, forescale.Node{Name: name, Type: "large", State: forescale.NodeReady})
		}
	}
	return o
}

// Start runs the instance on the node that it was given.
func (a apart) Start(_ context.Context, _ forescale.Service, i forescale.Instance) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case i.Node == "" || i.Node == "rack":
		return errors.New("nobody acts there")
	case a.on(i.Node) >= 4:
		return errNoRoom
	}
	a.runs[i.ID] = &ran{node: i.Node, since: a.clock.Now()}
	return nil
}

// Where only agents can run instances, the first node is ordered for what min needs, though
// nothing can be decided before one has joined; a machine on which nobody acts has no place.
func TestTheFirstNodeIsOrderedForMin(t *testing.T) {
	s := newSite(t, large())
	s.loop = s.newLoopOf(s.store, apart{s}, apart{s})
	s.run(10 * time.Minute)
	s.want("one node holds what min needs", fmt.Sprint(s.states()) == "[large ready]" && len(s.runs) == 2 && s.on(s.there()[0]) == 2)
	s.wants(6, 8)
	s.run(15 * time.Minute)
	s.want("another takes what has no place", fmt.Sprint(s.states()) == "[large ready large ready]" && len(s.runs) == 6)
	s.wants(2, 2)
	s.run(20 * time.Minute)
	s.wants(2, 4) // at its max a service would not move
	s.run(3 * time.Hour)
	s.want("what is not needed goes", len(s.there()) == 1 && len(s.runs) == 2)
}
