package loop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// fight lets somebody else want as many instances as given, looking each minute.
func (b *bench) fight(wants int, d time.Duration) {
	b.t.Helper()
	for n := range int(d / time.Minute) {
		there := b.world.Names("web")
		slices.Sort(there)
		if err := b.world.Meddle("web", there[min(wants, len(there)):], max(0, wants-len(there)), fmt.Sprintf("other-%d-%d", b.clock.Now().Unix(), n)); err != nil {
			b.t.Fatal(err)
		}
		b.run(time.Minute)
	}
}

// yields reports whether the newest decision leaves the count to somebody else.
func (b *bench) yields() bool {
	ds, err := b.store.LatestDecisions(b.t.Context())
	if err != nil || len(ds) != 1 {
		b.t.Fatalf("%v, %v", ds, err)
	}
	return slices.ContainsFunc(ds[0].Reasons, func(r forescale.Reason) bool {
		return r.Code == forescale.CodeSecondWriter && r.Words["limit"] != "foreign"
	})
}

// Somebody else brings back what is stopped. After twice forescale says so and
// leaves it, across a restart too, and goes on when the other one is quiet.
func TestASecondWriterIsNotFought(t *testing.T) {
	b := newBench(t, nil)
	b.load = 30
	b.run(10 * time.Minute)
	b.fight(4, 40*time.Minute)
	if !b.yields() {
		t.Fatal("it does not say so; " + b.why())
	}
	_, before := b.world.Effects("web")
	b.restart()
	b.fight(4, 5*time.Minute)
	if _, after := b.world.Effects("web"); after != before || !b.yields() {
		t.Errorf("%d stops more after the restart; %s", after-before, b.why())
	}
	b.load = 330 // more than the other one's four serve
	b.run(4 * time.Minute)
	if n := len(b.world.Names("web")); n < 5 {
		t.Errorf("%d instances for live demand of 3.3; %s", n, b.why())
	}
	b.load = 30
	b.run(40 * time.Minute)
	if b.yields() {
		t.Error("it still holds although nobody did anything for half an hour; " + b.why())
	}
	b.want(1)
}

// Somebody else removes what is started.
func TestASecondWriterThatRemovesIsNotFought(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Min = 3 })
	b.run(10 * time.Minute)
	b.fight(1, 15*time.Minute)
	if !b.yields() {
		t.Fatal("it does not say so; " + b.why())
	}
	before, _ := b.world.Effects("web")
	b.fight(1, 5*time.Minute)
	if after, _ := b.world.Effects("web"); after != before {
		t.Errorf("%d starts more; %s", after-before, b.why())
	}
	b.run(15 * time.Minute)
	b.want(3)
}

// One that dies by itself, and one that is removed once, are replaced as usual.
func TestOneRemovalIsNoSecondWriter(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Min = 2 })
	b.run(10 * time.Minute)
	if err := b.world.Meddle("web", b.world.Names("web")[:1], 0, ""); err != nil {
		t.Fatal(err)
	}
	b.run(5 * time.Minute)
	if b.yields() {
		t.Error("one removal counts as a second writer")
	}
	b.want(2)
}
