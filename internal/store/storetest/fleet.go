package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

func (f *fixture) saveInstances(is ...forescale.Instance) {
	f.Helper()
	f.ok(f.SaveInstances(f.ctx, is))
}

func (f *fixture) instances(q forescale.InstanceQuery) []forescale.Instance {
	f.Helper()
	return must[[]forescale.Instance](f)(f.Instances(f.ctx, q))
}

func ids(is []forescale.Instance) (s []string) {
	for _, i := range is {
		s = append(s, i.ID)
	}
	return s
}

var instanceCases = []testCase{
	{"an instance comes back whole, and is written whole by its id", func(f *fixture) {
		i := forescale.Instance{ID: "a-1", Service: "a", Node: "n-01", State: forescale.InstanceFailed, Origin: forescale.OriginStarted,
			Address: "127.0.0.1:80", Decision: "dec_1", StopBy: "dec_2", OrderedAt: at(0), StartedAt: at(1), ReadyAt: at(2),
			DrainingAt: at(3), StoppedAt: at(4), Deadline: at(5), LastSeen: at(6), UnreadySince: at(7), Revision: "0a1b", Failure: "exit code 1"}
		f.saveInstances(i)
		f.equal(f.instances(forescale.InstanceQuery{}), []forescale.Instance{i})
		bare := forescale.Instance{ID: "a-1", Service: "a", State: forescale.InstanceStarting, OrderedAt: at(0)}
		f.saveInstances(bare)
		f.equal(f.instances(forescale.InstanceQuery{}), []forescale.Instance{bare})
	}},
	{"instances come by service, then the time of the order, then id", func(f *fixture) {
		one := func(service, id string, ordered float64) forescale.Instance {
			return forescale.Instance{ID: id, Service: service, State: forescale.InstanceReady, OrderedAt: at(ordered)}
		}
		f.saveInstances(one("b", "1", 0), one("a", "3", 5), one("a", "2", 5), one("a", "9", 1))
		f.equal(ids(f.instances(forescale.InstanceQuery{})), []string{"9", "2", "3", "1"})
		f.equal(ids(f.instances(forescale.InstanceQuery{Service: "b"})), []string{"1"})
	}},
	{"a query can ask for live ones, and for those live at or after a time", func(f *fixture) {
		var is []forescale.Instance
		for n, state := range []forescale.InstanceState{forescale.InstanceStarting, forescale.InstanceReady, forescale.InstanceDraining,
			forescale.InstanceStopped, forescale.InstanceFailed, forescale.InstanceStopped} {
			i := forescale.Instance{ID: fmt.Sprintf("%d-%s", n, state), Service: "a", State: state, OrderedAt: at(0)}
			if !state.Live() {
				i.StoppedAt = at(float64(10 * n)) // 30, 40, 50
			}
			is = append(is, i)
		}
		f.saveInstances(is...)
		f.equal(ids(f.instances(forescale.InstanceQuery{Live: true})), ids(is[:3]))
		f.equal(ids(f.instances(forescale.InstanceQuery{Since: at(40)})), append(ids(is[:3]), is[4].ID, is[5].ID))
		f.equal(ids(f.instances(forescale.InstanceQuery{Since: at(999)})), ids(is[:3]))
		f.equal(ids(f.instances(forescale.InstanceQuery{Since: at(40), Live: true, Service: "a"})), ids(is[:3]))
		f.equal(ids(f.instances(forescale.InstanceQuery{Service: "b"})), []string{})
	}},
	{"no instances are no error", func(f *fixture) { f.saveInstances() }},
	{"thousands of instances are one commit", func(f *fixture) {
		var is []forescale.Instance
		for n := range 3001 {
			is = append(is, forescale.Instance{ID: fmt.Sprintf("a-%05d", n), Service: "a", State: forescale.InstanceReady, OrderedAt: at(0)})
		}
		f.saveInstances(is...)
		f.equal(f.instances(forescale.InstanceQuery{}), is)
	}},
}

func warmup(service, instance string, t float64) forescale.Warmup {
	return forescale.Warmup{Service: service, Instance: instance, Node: "n-01", Image: "x:1", At: at(t), Duration: 90*time.Second + 1, AtOnce: 2, NodeCPU: 12.5}
}

var warmupCases = []testCase{
	{"the newest warm-ups of a service come newest first", func(f *fixture) {
		ws := []forescale.Warmup{warmup("a", "a-3", 30), warmup("a", "a-2", 20), warmup("a", "a-1", 10)}
		for _, w := range []forescale.Warmup{ws[2], ws[0], warmup("b", "b-1", 99), ws[1]} {
			f.ok(f.SaveWarmup(f.ctx, w))
		}
		read := must[[]forescale.Warmup](f)
		f.equal(read(f.Warmups(f.ctx, "a", 99)), ws)
		f.equal(read(f.Warmups(f.ctx, "a", 2)), ws[:2])
		f.equal(read(f.Warmups(f.ctx, "c", 2)), []forescale.Warmup{})
	}},
	{"without a service the newest of each come, services by name", func(f *fixture) {
		for _, w := range []forescale.Warmup{warmup("b", "b-1", 10), warmup("a", "a-1", 10), warmup("b", "b-3", 30), warmup("b", "b-2", 20)} {
			f.ok(f.SaveWarmup(f.ctx, w))
		}
		f.equal(must[[]forescale.Warmup](f)(f.Warmups(f.ctx, "", 2)),
			[]forescale.Warmup{warmup("a", "a-1", 10), warmup("b", "b-3", 30), warmup("b", "b-2", 20)})
	}},
	{"a second warm-up of the same instance is ignored", func(f *fixture) {
		f.ok(f.SaveWarmup(f.ctx, warmup("a", "a-1", 10)))
		f.ok(f.SaveWarmup(f.ctx, warmup("a", "a-1", 20)))
		f.equal(must[[]forescale.Warmup](f)(f.Warmups(f.ctx, "a", 9)), []forescale.Warmup{warmup("a", "a-1", 10)})
	}},
	{"cool-downs are kept apart from warm-ups, alike", func(f *fixture) {
		cools := []forescale.Warmup{warmup("a", "a-1", 30), warmup("b", "b-2", 20), warmup("b", "b-1", 10)}
		for _, w := range cools {
			f.ok(f.SaveCooldown(f.ctx, w))
		}
		f.ok(f.SaveCooldown(f.ctx, warmup("a", "a-1", 99)))
		f.ok(f.SaveWarmup(f.ctx, warmup("a", "a-1", 5)))
		read := must[[]forescale.Warmup](f)
		f.equal(read(f.Cooldowns(f.ctx, "", 9)), cools)
		f.equal(read(f.Cooldowns(f.ctx, "b", 1)), cools[1:2])
		f.equal(read(f.Warmups(f.ctx, "", 9)), []forescale.Warmup{warmup("a", "a-1", 5)})
	}},
	{"what was learned last of a service and kind is kept", func(f *fixture) {
		a, b, cool := learned("a", forescale.LapseWarmup, 10), learned("b", forescale.LapseWarmup, 20), learned("b", forescale.LapseCooldown, 30)
		f.ok(f.SaveLearned(f.ctx, []forescale.LearnedTimes{cool, b, learned("a", forescale.LapseWarmup, 0)}))
		f.ok(f.SaveLearned(f.ctx, []forescale.LearnedTimes{a}))
		read := must[[]forescale.LearnedTimes](f)
		f.equal(read(f.Learned(f.ctx, "", time.Time{})), []forescale.LearnedTimes{a, cool, b})
		f.equal(read(f.Learned(f.ctx, "b", at(20))), []forescale.LearnedTimes{cool, b})
		f.equal(read(f.Learned(f.ctx, "", at(21))), []forescale.LearnedTimes{cool})
		f.reopen()
		f.equal(read(f.Learned(f.ctx, "", at(10))), []forescale.LearnedTimes{a, cool, b})
	}},
	{"capacities are kept by service and begin, and what is looked at again is found", func(f *fixture) {
		a, later, b := capacity("a", 0, 10), capacity("a", 60, 90), capacity("b", 5, 20)
		f.ok(f.SaveCapacities(f.ctx, []forescale.Capacity{b, later, capacity("a", 0, 5)}))
		f.ok(f.SaveCapacities(f.ctx, []forescale.Capacity{a}))
		read := must[[]forescale.Capacity](f)
		f.equal(read(f.Capacities(f.ctx, "", time.Time{})), []forescale.Capacity{a, later, b})
		f.equal(read(f.Capacities(f.ctx, "a", at(10))), []forescale.Capacity{a, later})
		f.equal(read(f.Capacities(f.ctx, "", at(20))), []forescale.Capacity{later, b})
		f.reopen()
		f.equal(len(read(f.Capacities(f.ctx, "", at(91)))), 0)
		f.equal(read(f.Capacities(f.ctx, "a", time.Time{})), []forescale.Capacity{a, later})
	}},
	{"a capacity that nothing can be divided by is damage", func(f *fixture) {
		c := capacity("a", 0, 0)
		c.Value = 0
		f.ok(f.SaveCapacities(f.ctx, []forescale.Capacity{c}))
		if _, err := f.Capacities(f.ctx, "", time.Time{}); !errors.Is(err, forescale.ErrDamaged) {
			f.Errorf("a capacity of nothing gives %v, want ErrDamaged", err)
		}
	}},
	{"what was learned and cannot be walked is damage", func(f *fixture) {
		l := learned("a", forescale.LapseWarmup, 0)
		l.Nodes = l.Nodes[:2] // the branch leads beyond the end
		f.ok(f.SaveLearned(f.ctx, []forescale.LearnedTimes{l}))
		if _, err := f.Learned(f.ctx, "", time.Time{}); !errors.Is(err, forescale.ErrDamaged) {
			f.Errorf("a tree without its leaf gives %v, want ErrDamaged", err)
		}
	}},
}

func learned(service string, kind forescale.LapseKind, t float64) forescale.LearnedTimes {
	return forescale.LearnedTimes{Service: service, Kind: kind, At: at(t), Measured: 99, Shortest: time.Second, Longest: time.Minute, Gain: 0.25,
		Features: []string{forescale.FeatureAtOnce}, Levels: []float64{0.5, 0.9}, Nodes: []forescale.LearnedSplit{
			{Feature: 0, Below: 2.5, Left: 1, Right: 2, Count: 99},
			{Feature: -1, Count: 40, Values: []time.Duration{time.Second, 2 * time.Second}},
			{Feature: -1, Count: 59, Values: []time.Duration{2 * time.Second, time.Minute}},
		}}
}

func capacity(service string, from, looked float64) forescale.Capacity {
	return forescale.Capacity{Service: service, From: at(from), At: at(looked), Value: 123.25, Declared: 100,
		Learned: forescale.CapacityEstimate{Value: 150, Low: 140, High: 160.5, Spread: 0.05, Idle: 4, Reach: 77, Minutes: 900, Since: at(-9), Doubt: forescale.CapacityFarOff}}
}
