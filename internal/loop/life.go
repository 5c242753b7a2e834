package loop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// How long an instance may look unwell before it is replaced, and how long one
// that is known by its samples only may be silent before it counts as gone.
const (
	unwellAfter = time.Minute
	silentAfter = time.Hour
	// replaceWindow is the time over which those that are replaced are counted.
	replaceWindow = time.Minute
)

// recentInstances are all live ones and those that ended within the hour, as
// planning and the ending of decisions ask for both.
func recentInstances(now time.Time) forescale.InstanceQuery {
	return forescale.InstanceQuery{Since: now.Add(-time.Hour)}
}

// live brings the stored instances up to date with what came of effects before
// the world was read and with what was seen, and keeps how long starts took.
func (l *Loop) live(ctx context.Context, now time.Time, w *world) error {
	for _, r := range l.acts.came {
		l.meetResult(now, w, r)
	}
	l.acts.came = nil
	if w.jump != 0 {
		shiftAges(w.instances, w.jump)
	}
	measured := advance(now, w)
	l.rollouts.name(w)
	for _, m := range measured {
		var err error
		if m.NodeCPU, err = l.nodeLoad(ctx, m.Node, m.At); err != nil {
			return err
		}
		if err := l.store.SaveWarmup(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// saveFleet keeps the instances that this round changed.
func (l *Loop) saveFleet(ctx context.Context, w *world) error {
	var at []int
	for k := range w.instances {
		if k >= len(w.stored) || w.stored[k] != w.instances[k] {
			at = append(at, k)
		}
	}
	if len(at) == 0 {
		return nil
	}
	changed := make([]forescale.Instance, len(at))
	was := make([]forescale.Instance, len(at))
	for n, k := range at {
		changed[n] = w.instances[k]
		if k < len(w.stored) {
			was[n] = w.stored[k]
		}
	}
	if err := l.store.SaveInstances(ctx, changed); err != nil {
		return err
	}
	for n, i := range changed {
		m, measured := cooldownOf(w, was[n], i)
		if !measured {
			continue
		}
		var err error
		if m.NodeCPU, err = l.nodeLoad(ctx, m.Node, m.At); err != nil {
			return err
		}
		if err := l.store.SaveCooldown(ctx, m); err != nil {
			return err
		}
	}
	for _, k := range at {
		w.kept(k)
	}
	return nil
}

// shiftAges moves the times of what is under way by a jump of the wall clock, so
// that nothing looks overdue or unfinished because of it.
func shiftAges(is []forescale.Instance, jump time.Duration) {
	for k := range is {
		i := &is[k]
		if !i.State.Live() {
			continue
		}
		for _, t := range []*time.Time{&i.OrderedAt, &i.StartedAt, &i.UnreadySince, &i.DrainingAt, &i.Deadline, &i.LastSeen} {
			if !t.IsZero() {
				*t = t.Add(jump)
			}
		}
		if jump < 0 && !i.ReadyAt.IsZero() {
			i.ReadyAt = i.ReadyAt.Add(jump) // else it would not be ready for as long as the clock was set back
		}
	}
}

// advance is the life of instances as a pure function: stored ones and sightings
// in, the same slice brought up to date and measured warm-ups out.
//
//	starting → ready        seen ready
//	starting → draining     exited, or not ready by its deadline (Failure says so)
//	starting → failed       never came to be by its deadline
//	starting → draining     its start-up probe failed
//	ready    → draining     exited, unwell or not alive (Failure says so), or by a decision
//	draining → stopped      gone from a world that was read in full
//	any      → failed       gone although nobody stopped it, or its node is silent for long
//	unknown  → starting, ready    adopted
func advance(now time.Time, w *world) []forescale.Warmup {
	var warmups []forescale.Warmup
	for k := range w.instances {
		i := &w.instances[k]
		if i.Origin == forescale.OriginPushed {
			if i.State == forescale.InstanceReady && now.Sub(i.LastSeen) > silentAfter {
				end(i, forescale.InstanceStopped, now, "")
			}
			continue
		}
		s, seen := w.sighted[i.ID]
		switch {
		case seen:
			if m, ok := meet(now, w, i, *s); ok {
				warmups = append(warmups, m)
			}
		case w.whole(*i) && i.State.Live():
			miss(now, i)
		case i.State.Live() && w.lost(*i) != "":
			end(i, forescale.InstanceFailed, now, w.lost(*i))
		}
	}
	var unknown []string
	for id := range w.sighted {
		if _, known := w.index[id]; !known {
			unknown = append(unknown, id)
		}
	}
	slices.Sort(unknown)
	for _, id := range unknown {
		if i, ok := adopt(now, w, *w.sighted[id]); ok {
			w.add(i)
		}
	}
	return warmups
}

// meet brings one instance up to date that the world shows.
func meet(now time.Time, w *world, i *forescale.Instance, s forescale.Sighting) (m forescale.Warmup, measured bool) {
	i.Node = s.Node
	if s.Revision != "" {
		i.Revision = s.Revision // the world is the witness
	}
	if s.Running && s.Address != "" {
		i.Address = s.Address
	}
	switch i.State {
	case forescale.InstanceStarting:
		return meetStarting(now, w, i, s)
	case forescale.InstanceReady:
		meetReady(now, w, i, s)
	case forescale.InstanceStopped, forescale.InstanceFailed:
		back := i.Origin != forescale.OriginStarted || s.Kept || strings.HasPrefix(i.Failure, forescale.FailureLost)
		if s.Running && back { // it was started again from outside, or its node is back
			if back, ok := adopt(now, w, s); ok {
				*i = back
			}
		} else if i.Origin == forescale.OriginStarted { // ours, ended, still there: to be removed
			i.State, i.DrainingAt = forescale.InstanceDraining, now
			if i.Failure == "" {
				i.Failure = "found again after it had ended"
			}
			i.StoppedAt = time.Time{}
		}
	}
	return forescale.Warmup{}, false
}

func meetStarting(now time.Time, w *world, i *forescale.Instance, s forescale.Sighting) (m forescale.Warmup, measured bool) {
	switch {
	case s.Running && s.Ready:
		if i.StartedAt.IsZero() {
			i.StartedAt = i.OrderedAt
		}
		i.State, i.ReadyAt, i.LastSeen = forescale.InstanceReady, now, now
		if s.ReadyAt.After(i.StartedAt) && s.ReadyAt.Before(now) { // the engine's own, finer reading
			i.ReadyAt = s.ReadyAt
		}
		if i.Origin != forescale.OriginStarted {
			return m, false
		}
		return forescale.Warmup{
			Service: i.Service, Instance: i.ID, Node: i.Node, Image: s.Image,
			At: i.StartedAt, Duration: i.ReadyAt.Sub(i.StartedAt), AtOnce: startsAtOnce(w, *i),
		}, true
	case s.Exit != "":
		leave(i, now, "ended while starting: "+s.Exit)
	case s.Unhealthy != "":
		leave(i, now, s.Unhealthy)
	case !i.Deadline.IsZero() && !now.Before(i.Deadline):
		leave(i, now, fmt.Sprintf("not ready %s after the order", spoken(now.Sub(i.OrderedAt))))
	case s.Running:
		i.LastSeen = now
		if i.StartedAt.IsZero() {
			i.StartedAt = i.OrderedAt
		}
	}
	return m, false
}

func meetReady(now time.Time, w *world, i *forescale.Instance, s forescale.Sighting) {
	switch {
	case !s.Running && i.Origin == forescale.OriginStarted:
		leave(i, now, "ended: "+s.Exit)
	case !s.Running:
		end(i, forescale.InstanceFailed, now, "ended: "+s.Exit)
	case s.Unhealthy != "" && mayReplace(now, w, i.Service):
		leave(i, now, s.Unhealthy)
	case s.Ready && s.Unhealthy == "":
		i.UnreadySince = time.Time{}
		if now.Sub(i.LastSeen) >= unwellAfter/2 { // not each time: a row that says nothing new is not written
			i.LastSeen = now
		}
	case s.Unasked || s.Kept: // not known yet, or the engine replaces it itself
	case now.Sub(i.LastSeen) > unwellAfter && otherReady(w, *i) && !s.Alive && mayReplace(now, w, i.Service):
		leave(i, now, fmt.Sprintf("its health check failed for %s", spoken(now.Sub(i.LastSeen))))
	case i.UnreadySince.IsZero():
		i.UnreadySince = now
	}
}

// mayReplace reports whether one more instance of a service that runs may be ended
// because it is unwell: as many within replaceWindow as the planner would stop. What
// looks like all of them failing may be something that they all need.
func mayReplace(now time.Time, w *world, service string) bool {
	live, left := 0, 0
	for i := range w.each(service) {
		switch {
		case i.Failure != "" && i.DrainingAt.After(now.Add(-replaceWindow)):
			left++
		case i.State == forescale.InstanceReady:
			live++
		}
	}
	return left < max(1, live/10)
}

// miss brings one instance up to date that a full read of the world did not show.
func miss(now time.Time, i *forescale.Instance) {
	switch {
	case i.State == forescale.InstanceDraining && i.Failure != "":
		end(i, forescale.InstanceFailed, now, i.Failure)
	case i.State == forescale.InstanceDraining:
		end(i, forescale.InstanceStopped, now, "")
	case i.State == forescale.InstanceStarting && i.StartedAt.IsZero():
		if !i.Deadline.IsZero() && !now.Before(i.Deadline) {
			end(i, forescale.InstanceFailed, now, "could not be started in time")
		}
	case i.State == forescale.InstanceStarting && !i.StartedAt.Before(now):
		// The read of the world may be older than the start.
	default:
		end(i, forescale.InstanceFailed, now, forescale.FailureVanished)
	}
}

// adopt takes in an instance that runs and carries a service's label.
func adopt(now time.Time, w *world, s forescale.Sighting) (forescale.Instance, bool) {
	svc, ok := w.services[s.Service]
	if !ok || !s.Running {
		return forescale.Instance{}, false
	}
	i := forescale.Instance{
		ID: s.ID, Service: s.Service, Node: s.Node, Address: s.Address, Origin: forescale.OriginAdopted,
		Decision: s.Decision, Revision: s.Revision, State: forescale.InstanceStarting, OrderedAt: now, StartedAt: now,
		Deadline: now.Add(3 * max(svc.Warmup, 20*time.Second)), LastSeen: now,
	}
	if s.Decision != "" {
		i.Origin = forescale.OriginStarted
	}
	if s.Ready {
		i.State, i.ReadyAt = forescale.InstanceReady, now
	}
	return i, true
}

// leave sends an instance out of service: it is to be stopped and removed.
func leave(i *forescale.Instance, now time.Time, why string) {
	i.State, i.DrainingAt, i.Failure = forescale.InstanceDraining, now, why
}

func end(i *forescale.Instance, s forescale.InstanceState, now time.Time, why string) {
	i.State, i.StoppedAt, i.Failure = s, now, why
}

func startsAtOnce(w *world, of forescale.Instance) int {
	n := 1
	for i := range w.each(of.Service) {
		if i.ID != of.ID && !i.StartedAt.IsZero() &&
			i.StartedAt.Before(of.ReadyAt) && (i.State == forescale.InstanceStarting || i.ReadyAt.After(of.StartedAt)) {
			n++
		}
	}
	return n
}

func otherReady(w *world, but forescale.Instance) bool {
	for i := range w.each(but.Service) {
		if s := w.sighted[i.ID]; i.ID != but.ID && i.State == forescale.InstanceReady && s != nil && s.Ready {
			return true
		}
	}
	return false
}

// spoken rounds a duration to what a person reads.
func spoken(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second / 10).String()
	}
	return d.Round(time.Second).String()
}
