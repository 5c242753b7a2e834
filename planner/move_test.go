package planner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// A node of two of four instances is to be emptied: round by round others start, and
// only when they are ready do the two go.
func TestInstancesLeaveANodeOnlyWhenOthersAreReady(t *testing.T) {
	s := calm()
	s.Last = last(4)
	s.Leaving = map[string]bool{s.Instances[0].ID: true, s.Instances[1].ID: true}
	at := now
	least := 4
	for k := range 40 {
		r := Decide(at, DefaultOptions(), s)
		d := r.Plan.Decision
		for _, i := range r.Instances {
			if at := slices.IndexFunc(s.Instances, func(x forescale.Instance) bool { return x.ID == i.ID }); at >= 0 {
				s.Instances[at] = i
			} else {
				s.Instances = append(s.Instances, i)
			}
		}
		ready := 0
		for n := range s.Instances {
			x := &s.Instances[n]
			switch {
			case x.State == forescale.InstanceStarting && at.Sub(x.OrderedAt) > 2*time.Minute:
				x.State, x.ReadyAt = forescale.InstanceReady, at
			case x.State == forescale.InstanceDraining && at.Sub(x.DrainingAt) > time.Minute:
				x.State, x.StoppedAt = forescale.InstanceStopped, at
			}
			if x.State == forescale.InstanceReady {
				ready++
			}
		}
		least = min(least, ready)
		if len(d.Actions) > 0 {
			s.Recent = slices.Insert(s.Recent, 0, d)
		}
		s.Instances = slices.DeleteFunc(s.Instances, func(x forescale.Instance) bool { return x.State == forescale.InstanceStopped })
		s.Last, at = &d, at.Add(30*time.Second)
		keepFresh(&s, at)
		if k == 0 && (len(d.Actions) != 2 || d.Actions[0].Kind != forescale.ActionStart || !slices.Contains(codes(d), forescale.CodeNodeDrained)) {
			t.Fatalf("the first step is %v, %v", d.Actions, codes(d))
		}
	}
	if len(s.Instances) != 4 || least < 4 {
		t.Errorf("%d run in the end, %d were ready at least; want 4", len(s.Instances), least)
	}
	for _, x := range s.Instances {
		if s.Leaving[x.ID] {
			t.Errorf("%s is still there", x.ID)
		}
	}
}

// keepFresh keeps the samples fresh at a later time: the demand stays as it was.
func keepFresh(s *State, at time.Time) {
	shift := at.Sub(s.Demand[len(s.Demand)-1].Time).Truncate(time.Minute)
	s.Demand = slices.Clone(s.Demand)
	for i := range s.Demand {
		s.Demand[i].Time = s.Demand[i].Time.Add(shift - time.Minute)
	}
	s.LastSample = at
}

// Whatever is there and whatever leaves: no more run than max, and no more are stopped
// than leave as many ready as are wanted.
func TestMovesKeepMinAndMax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := calm()
		s.Service.Max = rapid.IntRange(s.Service.Min, 12).Draw(t, "max")
		s.Instances = ready(rapid.IntRange(0, 12).Draw(t, "ready"))
		s.Leaving = map[string]bool{}
		for k := range s.Instances {
			x := &s.Instances[k]
			if rapid.Bool().Draw(t, fmt.Sprint("leaves ", k)) {
				s.Leaving[x.ID] = true
			}
			if rapid.Bool().Draw(t, fmt.Sprint("starts ", k)) {
				x.State, x.ReadyAt, x.OrderedAt, x.Deadline = forescale.InstanceStarting, time.Time{}, now, now.Add(5*time.Minute)
			}
		}
		s.Last = last(rapid.IntRange(1, 12).Draw(t, "last"))
		d := Decide(now, DefaultOptions(), s).Plan.Decision
		starts, stops := 0, map[string]bool{}
		for _, a := range d.Actions {
			if a.Kind == forescale.ActionStart {
				starts++
			} else if stops[a.Instance] {
				t.Fatalf("%s is stopped twice", a.Instance)
			} else {
				stops[a.Instance] = true
			}
		}
		left := 0
		for _, x := range s.Instances {
			if x.State == forescale.InstanceReady && !stops[x.ID] {
				left++
			}
		}
		had := left
		for _, x := range s.Instances {
			if x.State == forescale.InstanceReady && stops[x.ID] {
				had++
			}
		}
		if had > left && left < min(s.Service.Min, had) {
			t.Fatalf("%d of %d ready are left, min is %d", left, had, s.Service.Min)
		}
		if starts > 0 && len(s.Instances)+starts > max(s.Service.Max, len(s.Instances)) {
			t.Fatalf("%d run and %d start, max is %d", len(s.Instances), starts, s.Service.Max)
		}
	})
}
