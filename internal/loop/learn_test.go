package loop_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestCooldownsAreMeasured(t *testing.T) {
	b := newBench(t, nil)
	b.load = 250
	b.run(20 * time.Minute)
	b.load = 30
	b.run(time.Hour)
	b.want(1)
	ws, err := b.store.Cooldowns(t.Context(), "web", 10)
	if err != nil || len(ws) == 0 {
		t.Fatalf("%d cool-downs, %v; several instances were stopped", len(ws), err)
	}
	for _, w := range ws {
		if w.Duration < 10*time.Second || w.Duration > 2*time.Minute || w.AtOnce < 1 || w.At.Before(monday) {
			t.Errorf("cool-down measured as %+v; 10 s are declared and a round takes 30 s", w)
		}
	}
}

// What the job learned reaches the next decision, and is learned anew only when
// something was started since.
func TestWhatWasLearnedOfStartsIsPlannedWith(t *testing.T) {
	b := newBench(t, nil)
	for i := range 100 {
		w := forescale.Warmup{Service: "web", Instance: fmt.Sprint("old-", i), Node: "n", Image: "x", At: monday.Add(time.Duration(i-200) * time.Hour), Duration: 600 * time.Second, AtOnce: 1}
		if err := b.store.SaveWarmup(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.loop.LearnTimes(t.Context(), b.clock.Now())
	if err != nil || r.Done != 1 || r.Failed != 0 {
		t.Fatalf("learned %+v, %v; want one service", r, err)
	}
	if r, err = b.loop.LearnTimes(t.Context(), b.clock.Now().Add(time.Minute)); err != nil || r.Done != 0 {
		t.Errorf("nothing was started since, but learned %+v, %v", r, err)
	}
	b.run(interval)
	plans, err := b.store.LatestPlans(t.Context())
	// (100·600 + 5·90) / 105 s, and a round.
	if want := 576*time.Second + interval; err != nil || len(plans) != 1 || plans[0].Lead != want {
		t.Errorf("plans %+v, %v; want a lead time of %v", plans, err, want)
	}
	b.run(10 * time.Minute) // one was started
	if r, err = b.loop.LearnTimes(t.Context(), b.clock.Now()); err != nil || r.Done != 1 {
		t.Errorf("after a start %+v, %v; want one service", r, err)
	}
	ls, err := b.store.Learned(t.Context(), "web", time.Time{})
	if err != nil || len(ls) != 1 || ls[0].Measured != 101 {
		t.Errorf("learned from %+v, %v; want 101 starts", ls, err)
	}
}
