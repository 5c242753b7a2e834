package loop

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
)

var t0 = time.Date(2026, 11, 23, 7, 40, 0, 0, time.UTC)

// oneWorld is a complete read of a world in which "web" is active.
func oneWorld(is []forescale.Instance, sightings ...forescale.Sighting) *world {
	w := &world{
		services: map[string]forescale.Service{"web": {Name: "web", Mode: forescale.ModeActive, Warmup: time.Minute, Cooldown: 10 * time.Second}},
		names:    []string{"web"},
		index:    map[string]int{},
		fleet:    map[string][]int{},
		sighted:  map[string]*forescale.Sighting{},
		complete: true,
	}
	for _, i := range is {
		i.Service = "web"
		if i.Origin == "" {
			i.Origin = forescale.OriginStarted
		}
		w.add(i)
	}
	for _, s := range sightings {
		s.Service = "web"
		w.sighted[s.ID] = &s
	}
	return w
}

func TestLifeOfAnInstance(t *testing.T) {
	ordered := t0.Add(-time.Minute)
	starting := forescale.Instance{ID: "a", State: forescale.InstanceStarting, OrderedAt: ordered, StartedAt: ordered.Add(time.Second), Deadline: t0.Add(time.Minute)}
	ready := forescale.Instance{ID: "a", State: forescale.InstanceReady, ReadyAt: ordered, LastSeen: t0.Add(-10 * time.Second)}
	draining := forescale.Instance{ID: "a", State: forescale.InstanceDraining, ReadyAt: ordered, DrainingAt: t0.Add(-5 * time.Second)}
	with := func(i forescale.Instance, change func(*forescale.Instance)) forescale.Instance { change(&i); return i }

	for _, c := range []struct {
		name     string
		stored   []forescale.Instance
		seen     []forescale.Sighting
		partial  bool
		want     forescale.InstanceState // of instance "a"; "" is: there is none
		failure  bool
		measured bool
		unready  bool // it takes no load
	}{
		{name: "a starting instance that is seen ready is ready, and its warm-up is measured",
			stored: []forescale.Instance{starting}, seen: []forescale.Sighting{{ID: "a", Running: true, Ready: true}},
			want: forescale.InstanceReady, measured: true},
		{name: "a starting instance that runs but is not ready goes on starting",
			stored: []forescale.Instance{starting}, seen: []forescale.Sighting{{ID: "a", Running: true}},
			want: forescale.InstanceStarting},
		{name: "a starting instance that exited is to be removed",
			stored: []forescale.Instance{starting}, seen: []forescale.Sighting{{ID: "a", Exit: "exit code 1"}},
			want: forescale.InstanceDraining, failure: true},
		{name: "a starting instance that is not ready by its deadline is to be removed",
			stored: []forescale.Instance{with(starting, func(i *forescale.Instance) { i.Deadline = t0 })},
			seen:   []forescale.Sighting{{ID: "a", Running: true}},
			want:   forescale.InstanceDraining, failure: true},
		{name: "an ordered instance that is not there yet is not missed",
			stored: []forescale.Instance{with(starting, func(i *forescale.Instance) { i.StartedAt = time.Time{} })},
			want:   forescale.InstanceStarting},
		{name: "an ordered instance that could not be made by its deadline has failed",
			stored: []forescale.Instance{with(starting, func(i *forescale.Instance) { i.StartedAt, i.Deadline = time.Time{}, t0 })},
			want:   forescale.InstanceFailed, failure: true},
		{name: "a started instance that a full read does not show has vanished",
			stored: []forescale.Instance{starting}, want: forescale.InstanceFailed, failure: true},
		{name: "a started instance that a partial read does not show is left alone",
			stored: []forescale.Instance{starting}, partial: true, want: forescale.InstanceStarting},
		{name: "a ready instance that a partial read does not show is left alone",
			stored: []forescale.Instance{ready}, partial: true, want: forescale.InstanceReady},
		{name: "a ready instance that a full read does not show has vanished",
			stored: []forescale.Instance{ready}, want: forescale.InstanceFailed, failure: true},
		{name: "a ready instance of ours that exited is to be removed",
			stored: []forescale.Instance{ready}, seen: []forescale.Sighting{{ID: "a", Exit: "exit code 137"}},
			want: forescale.InstanceDraining, failure: true},
		{name: "an adopted instance that exited has failed and its remains are left to their owner",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) { i.Origin = forescale.OriginAdopted })},
			seen:   []forescale.Sighting{{ID: "a", Exit: "exit code 137"}},
			want:   forescale.InstanceFailed, failure: true},
		{name: "a ready instance that is unwell for a moment stays ready",
			stored: []forescale.Instance{ready}, seen: []forescale.Sighting{{ID: "a", Running: true}},
			want: forescale.InstanceReady, unready: true},
		{name: "the only ready instance stays, however unwell",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) { i.LastSeen = t0.Add(-time.Hour) })},
			seen:   []forescale.Sighting{{ID: "a", Running: true}},
			want:   forescale.InstanceReady, unready: true},
		{name: "one that is unwell for long is replaced when another is ready",
			stored: []forescale.Instance{
				with(ready, func(i *forescale.Instance) { i.LastSeen = t0.Add(-time.Hour) }),
				with(ready, func(i *forescale.Instance) { i.ID = "b" })},
			seen: []forescale.Sighting{{ID: "a", Running: true}, {ID: "b", Running: true, Ready: true}},
			want: forescale.InstanceDraining, failure: true},
		{name: "one whose readiness is not known yet is left alone",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) { i.LastSeen = t0.Add(-time.Hour) }), with(ready, func(i *forescale.Instance) { i.ID = "b" })},
			seen:   []forescale.Sighting{{ID: "a", Running: true, Unasked: true}, {ID: "b", Running: true, Ready: true}},
			want:   forescale.InstanceReady},
		{name: "one that takes no load for long stays while its liveness is probed",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) { i.LastSeen = t0.Add(-time.Hour) }), with(ready, func(i *forescale.Instance) { i.ID = "b" })},
			seen:   []forescale.Sighting{{ID: "a", Running: true, Alive: true}, {ID: "b", Running: true, Ready: true, Alive: true}},
			want:   forescale.InstanceReady, unready: true},
		{name: "one that takes load again is supply again",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) { i.UnreadySince = t0.Add(-time.Minute) })},
			seen:   []forescale.Sighting{{ID: "a", Running: true, Ready: true}},
			want:   forescale.InstanceReady},
		{name: "one whose liveness probe failed is replaced, also when it is the only one",
			stored: []forescale.Instance{ready}, seen: []forescale.Sighting{{ID: "a", Running: true, Ready: true, Unhealthy: "its liveness probe failed"}},
			want: forescale.InstanceDraining, failure: true},
		{name: "of those whose liveness probes fail at once, no more are replaced than a window allows",
			stored: []forescale.Instance{ready, with(ready, func(i *forescale.Instance) {
				i.ID, i.State, i.DrainingAt, i.Failure = "b", forescale.InstanceDraining, t0.Add(-time.Second), "its liveness probe failed"
			})},
			seen: []forescale.Sighting{{ID: "a", Running: true, Ready: true, Unhealthy: "its liveness probe failed"}, {ID: "b", Running: true}},
			want: forescale.InstanceReady, unready: true},
		{name: "one whose start-up probe failed is to be removed",
			stored: []forescale.Instance{starting}, seen: []forescale.Sighting{{ID: "a", Running: true, Unhealthy: "its start-up probe failed"}},
			want: forescale.InstanceDraining, failure: true},
		{name: "one that is unwell for long is left to the engine that replaces it itself",
			stored: []forescale.Instance{
				with(ready, func(i *forescale.Instance) { i.LastSeen = t0.Add(-time.Hour) }),
				with(ready, func(i *forescale.Instance) { i.ID = "b" })},
			seen: []forescale.Sighting{{ID: "a", Running: true, Kept: true}, {ID: "b", Running: true, Ready: true, Kept: true}},
			want: forescale.InstanceReady},
		{name: "what an engine that replaces it shows again after its end, somebody else asked for",
			stored: []forescale.Instance{with(starting, func(i *forescale.Instance) { i.State, i.StoppedAt = forescale.InstanceFailed, t0.Add(-time.Second) })},
			seen:   []forescale.Sighting{{ID: "a", Running: true, Ready: true, Kept: true}},
			want:   forescale.InstanceReady},
		{name: "a draining instance that is gone is stopped",
			stored: []forescale.Instance{draining}, want: forescale.InstanceStopped},
		{name: "a draining instance of which a partial read shows nothing goes on draining",
			stored: []forescale.Instance{draining}, partial: true, want: forescale.InstanceDraining},
		{name: "an instance that had failed and whose container is still there is to be removed",
			stored: []forescale.Instance{with(starting, func(i *forescale.Instance) { i.State, i.StoppedAt = forescale.InstanceFailed, t0.Add(-time.Second) })},
			seen:   []forescale.Sighting{{ID: "a", Running: true}},
			want:   forescale.InstanceDraining, failure: true},
		{name: "a running container with the service's label is adopted",
			seen: []forescale.Sighting{{ID: "a", Running: true, Ready: true}}, want: forescale.InstanceReady},
		{name: "a running container that is not ready is adopted as starting",
			seen: []forescale.Sighting{{ID: "a", Running: true}}, want: forescale.InstanceStarting},
		{name: "a stopped container that nobody knows is left alone",
			seen: []forescale.Sighting{{ID: "a", Exit: "exit code 0"}}, want: ""},
		{name: "an instance known by its samples only is not looked for in the engine",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) { i.Origin = forescale.OriginPushed })},
			want:   forescale.InstanceReady},
		{name: "an instance known by its samples only is gone after an hour of silence",
			stored: []forescale.Instance{with(ready, func(i *forescale.Instance) {
				i.Origin, i.LastSeen = forescale.OriginPushed, t0.Add(-time.Hour-time.Second)
			})},
			want: forescale.InstanceStopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := oneWorld(c.stored, c.seen...)
			w.complete = !c.partial
			warmups := advance(t0, w)
			k, ok := w.index["a"]
			if !ok {
				if c.want != "" {
					t.Fatalf("there is no instance, want %s", c.want)
				}
				return
			}
			got := w.instances[k]
			if got.State != c.want {
				t.Errorf("state %s, want %s (%+v)", got.State, c.want, got)
			}
			if got.UnreadySince.IsZero() == c.unready {
				t.Errorf("takes no load since %v, want that: %t", got.UnreadySince, c.unready)
			}
			if (got.Failure != "") != c.failure {
				t.Errorf("failure %q, wanted one: %v", got.Failure, c.failure)
			}
			if (len(warmups) == 1) != c.measured {
				t.Errorf("%d warm-ups measured, wanted one: %v", len(warmups), c.measured)
			}
			if c.measured && warmups[0].Duration != t0.Sub(starting.StartedAt) {
				t.Errorf("warm-up %v, want %v", warmups[0].Duration, t0.Sub(starting.StartedAt))
			}
		})
	}
}

func TestLifeStandsStillWhenNothingChanges(t *testing.T) {
	ready := forescale.Instance{ID: "a", State: forescale.InstanceReady, ReadyAt: t0.Add(-time.Hour), LastSeen: t0.Add(-5 * time.Second)}
	w := oneWorld([]forescale.Instance{ready}, forescale.Sighting{ID: "a", Running: true, Ready: true})
	before := w.instances[0]
	advance(t0, w)
	if w.instances[0] != before {
		t.Errorf("%+v became %+v", before, w.instances[0])
	}
}

func TestDueEffects(t *testing.T) {
	ordered := forescale.Instance{ID: "a", State: forescale.InstanceStarting, OrderedAt: t0}
	draining := forescale.Instance{ID: "a", State: forescale.InstanceDraining, DrainingAt: t0.Add(-11 * time.Second)}
	running := forescale.Sighting{ID: "a", Running: true, Ready: true}
	mode := func(m forescale.Mode) func(*world) {
		return func(w *world) { s := w.services["web"]; s.Mode = m; w.services["web"] = s }
	}
	for _, c := range []struct {
		name     string
		instance forescale.Instance
		seen     []forescale.Sighting
		but      func(*world)
		want     forescale.ActionKind // "": none
	}{
		{name: "an ordered instance is started", instance: ordered, want: forescale.ActionStart},
		{name: "one that a crash left created but not running is started", instance: ordered, seen: []forescale.Sighting{{ID: "a"}}, want: forescale.ActionStart},
		{name: "one that runs already is not started again", instance: ordered, seen: []forescale.Sighting{running}},
		{name: "a draining one is stopped after its cool-down", instance: draining, seen: []forescale.Sighting{running}, want: forescale.ActionStop},
		{name: "a draining one is not stopped before its cool-down",
			instance: forescale.Instance{ID: "a", State: forescale.InstanceDraining, DrainingAt: t0.Add(-9 * time.Second)}, seen: []forescale.Sighting{running}},
		{name: "one that ended by itself needs no cool-down",
			instance: forescale.Instance{ID: "a", State: forescale.InstanceDraining, DrainingAt: t0}, seen: []forescale.Sighting{{ID: "a", Exit: "x"}}, want: forescale.ActionStop},
		{name: "a ready one is left alone", instance: forescale.Instance{ID: "a", State: forescale.InstanceReady}, seen: []forescale.Sighting{running}},
		{name: "nothing is stopped on a partial read", instance: draining, but: func(w *world) { w.complete = false }},
		{name: "nothing is started on a partial read", instance: ordered, but: func(w *world) { w.complete = false }},
		{name: "mode off means no stop", instance: draining, seen: []forescale.Sighting{running}, but: mode(forescale.ModeOff)},
		{name: "mode off means no start", instance: ordered, but: mode(forescale.ModeOff)},
		{name: "mode forecast-only means no start", instance: ordered, but: mode(forescale.ModeForecastOnly)},
		{name: "a pause of the service means no start", instance: ordered,
			but: func(w *world) { w.paused = []forescale.Pause{{Service: "web", Since: t0, Until: t0.Add(time.Hour)}} }},
		{name: "a pause of everything means no stop", instance: draining, seen: []forescale.Sighting{running},
			but: func(w *world) { w.paused = []forescale.Pause{{Since: t0, Until: t0.Add(time.Hour)}} }},
		{name: "a pause that has expired holds nothing", instance: ordered, want: forescale.ActionStart,
			but: func(w *world) { w.paused = []forescale.Pause{{Since: t0.Add(-time.Hour), Until: t0}} }},
		{name: "a jump of the clock means no stop", instance: draining, seen: []forescale.Sighting{running}, but: func(w *world) { w.unsettled = true }},
		{name: "a service that is not registered any more is left alone", instance: draining, seen: []forescale.Sighting{running}, but: func(w *world) { clear(w.services) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := oneWorld([]forescale.Instance{c.instance}, c.seen...)
			if c.but != nil {
				c.but(w)
			}
			kind, due := dueEffect(t0, w, w.instances[0])
			if !due {
				kind = ""
			}
			if kind != c.want {
				t.Errorf("effect %q is due, want %q", kind, c.want)
			}
		})
	}
}

func TestOutcomeOfADecision(t *testing.T) {
	start := forescale.Decision{At: t0, Actions: []forescale.Action{{Kind: forescale.ActionStart, Instance: "a"}}}
	stop := forescale.Decision{At: t0, Actions: []forescale.Action{{Kind: forescale.ActionStop, Instance: "a"}}}
	for _, c := range []struct {
		name string
		d    forescale.Decision
		i    forescale.Instance
		want forescale.Outcome
	}{
		{"a start is pending while the instance starts", start, forescale.Instance{ID: "a", State: forescale.InstanceStarting}, forescale.OutcomePending},
		{"a start is done when the instance is ready", start, forescale.Instance{ID: "a", State: forescale.InstanceReady}, forescale.OutcomeDone},
		{"a start has failed when the instance did", start, forescale.Instance{ID: "a", State: forescale.InstanceDraining, Failure: "exit code 1"}, forescale.OutcomeFailed},
		{"a stop is pending while the instance drains", stop, forescale.Instance{ID: "a", State: forescale.InstanceDraining}, forescale.OutcomePending},
		{"a stop is done when the instance is stopped", stop, forescale.Instance{ID: "a", State: forescale.InstanceStopped}, forescale.OutcomeDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, why := outcomeOf(c.d, t0, oneWorld([]forescale.Instance{c.i})); got != c.want {
				t.Errorf("outcome %s (%s), want %s", got, why, c.want)
			}
		})
	}
	t.Run("an instance of which there is no trace for an hour is a failure", func(t *testing.T) {
		if got, _ := outcomeOf(start, t0.Add(61*time.Minute), oneWorld(nil)); got != forescale.OutcomeFailed {
			t.Errorf("outcome %s", got)
		}
	})
}

func TestClockWatch(t *testing.T) {
	for _, c := range []struct {
		name         string
		wall, steady time.Duration // since the last reading
		jump         time.Duration
	}{
		{"a clock that keeps pace has not jumped", time.Minute, time.Minute, 0},
		{"a clock that drifts a little has not jumped", 61 * time.Second, time.Minute, 0},
		{"a clock set an hour ahead has jumped", time.Hour + time.Minute, time.Minute, time.Hour},
		{"a clock set back has jumped", -time.Hour, time.Minute, -time.Hour - time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w clockWatch
			w.see(t0, time.Hour)
			w.see(t0.Add(c.wall), time.Hour+c.steady)
			jump, unsettled := w.take()
			if jump != c.jump || unsettled != (c.jump != 0) {
				t.Errorf("jump %v, unsettled %v; want a jump of %v", jump, unsettled, c.jump)
			}
			if again, _ := w.take(); again != 0 {
				t.Errorf("the jump was handed out twice")
			}
			w.see(t0.Add(c.wall+settleTime), time.Hour+c.steady+settleTime)
			if _, unsettled := w.take(); unsettled {
				t.Error("effects wait although the clock kept still")
			}
		})
	}
}

func TestAJumpOfTheClockMakesNothingOverdue(t *testing.T) {
	starting := forescale.Instance{ID: "a", State: forescale.InstanceStarting, OrderedAt: t0, StartedAt: t0, Deadline: t0.Add(time.Minute)}
	w := oneWorld([]forescale.Instance{starting}, forescale.Sighting{ID: "a", Running: true})
	shiftAges(w.instances, 3*time.Hour)
	advance(t0.Add(3*time.Hour), w)
	if got := w.instances[0].State; got != forescale.InstanceStarting {
		t.Errorf("state %s after a jump of the clock", got)
	}
}
