package loop

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner/nodes"
)

func TestImagesGoToWhereThePlanNeedsThemSoon(t *testing.T) {
	plan := func(now, soon, late int) forescale.ServicePlan {
		return forescale.ServicePlan{Changes: []forescale.PlanChange{{At: t0, Wanted: now}, {At: t0.Add(pullWindow / 2), Wanted: soon}, {At: t0.Add(2 * pullWindow), Wanted: late}}}
	}
	rolling := &forescale.Rollout{State: forescale.RolloutRolling}
	for _, c := range []struct {
		name    string
		plan    forescale.ServicePlan
		own     bool
		roll    *forescale.Rollout
		service forescale.Service
		want    []string
	}{
		{"nothing more is planned", plan(2, 2, 2), false, nil, forescale.Service{}, nil},
		{"one more goes where none is", plan(2, 3, 3), false, nil, forescale.Service{}, []string{"n2"}},
		{"many more go everywhere", plan(2, 40, 40), false, nil, forescale.Service{}, []string{"n1", "n2", "n3"}},
		{"what is late waits", plan(2, 2, 9), false, nil, forescale.Service{}, nil},
		{"where its labels are", plan(2, 9, 9), false, nil, forescale.Service{Resources: forescale.Resources{Labels: map[string]string{"disk": "fast"}}}, []string{"n3"}},
		{"an engine of the server's own", plan(2, 3, 3), true, nil, forescale.Service{}, []string{""}},
		{"instances are replaced where they are", plan(2, 2, 2), false, rolling, forescale.Service{}, []string{"n1"}},
	} {
		at := &placing{own: c.own, parts: map[string]forescale.Part{"n1": read, "n2": read, "n3": read}, nodes: []string{"n1", "n2", "n3"},
			labels: map[string]map[string]string{"n3": {"disk": "fast"}}, rooms: map[string]*nodes.Room{"n1": {}, "n2": {}, "n3": {}}, planned: map[string]map[string]int{},
			of: map[string]map[string]int{"web": {"n1": 2}}, all: map[string]int{"n1": 2}}
		c.service.Name = "web"
		if got := slices.Sorted(maps.Keys(at.soon(c.service, c.plan, t0, c.roll))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestImagesAreFetchedOnceAndTriedAgainEverLater(t *testing.T) {
	p, key := newPulls(), imageAt{"shop:2", "n1"}
	if there, may := p.begin(key, t0); there || !may {
		t.Error("the first fetch is not begun")
	}
	if _, may := p.begin(key, t0); may {
		t.Error("it is fetched twice at once")
	}
	at, tries := t0, 0
	for end := t0.Add(time.Hour); at.Before(end); at = at.Add(10 * time.Second) {
		if tries == 0 {
			p.end(key, at, time.Minute, errors.New("no registry"))
			tries = 1
		} else if _, may := p.begin(key, at); may {
			p.end(key, at, time.Minute, errors.New("no registry"))
			tries++
		}
	}
	if tries != 6 { // at 0, 1, 3, 7, 15 and 31 minutes
		t.Errorf("%d tries in an hour", tries)
	}
	if p.longest() != 0 {
		t.Error("a failure counts as a time that fetching takes")
	}
	at = at.Add(pullAgain)
	p.begin(key, at)
	p.end(key, at, 42*time.Second, nil)
	if there, may := p.begin(key, at.Add(pullAgain/2)); !there || may {
		t.Error("what was fetched is fetched again")
	}
	if _, may := p.begin(key, at.Add(pullAgain)); !may {
		t.Error("what was fetched long ago is not looked at again")
	}
	if p.longest() != 42*time.Second {
		t.Errorf("fetching takes %v", p.longest())
	}
	p.under = pullsAtOnce
	if _, may := p.begin(imageAt{"shop:2", "n2"}, at); may {
		t.Error("more are fetched at once than may")
	}
	p.forget(nil, at.Add(3*pullAgain))
	if p.longest() != 0 {
		t.Error("what no service uses is remembered")
	}
}
