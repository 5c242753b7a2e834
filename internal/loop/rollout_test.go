package loop_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// images is the simulated world, which notes from which image each instance was made.
// The image "missing" is nowhere.
type images struct {
	*sim.World
	mu *sync.Mutex // effects are carried out side by side
	of map[string]string
}

func (w images) image(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[id]
}

func (w images) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	if s.Template.Image == "missing" {
		return &forescale.Fault{Code: "image_missing", What: "the image is nowhere", Where: s.Template.Image}
	}
	w.mu.Lock()
	w.of[i.ID] = s.Template.Image
	w.mu.Unlock()
	return w.World.Start(ctx, s, i)
}

// rolledBench serves four instances of image "a".
func rolledBench(t *testing.T) (*bench, images) {
	t.Helper()
	b := newBench(t, func(s *forescale.Service) { s.Template.Image = "a" })
	w := images{b.world, &sync.Mutex{}, map[string]string{}}
	b.loop = b.newLoop(b.store, w)
	b.load = 250
	b.run(15 * time.Minute)
	b.want(4)
	return b, w
}

// from makes the service's instances from an image.
func from(image string) func(*forescale.Service) {
	return func(s *forescale.Service) { s.Template.Image = image }
}

// made are the images of what runs, and how far the roll-out is.
func (b *bench) made(w images) (images []string, r *forescale.Rollout) {
	b.t.Helper()
	for _, id := range b.world.Names("web") {
		images = append(images, w.image(id))
	}
	slices.Sort(images)
	plans, err := b.store.LatestPlans(b.t.Context())
	if err != nil || len(plans) != 1 || plans[0].Rollout == nil {
		b.t.Fatalf("the newest plans are %+v (%v)", plans, err)
	}
	return images, plans[0].Rollout
}

func TestAChangedTemplateIsRolledOut(t *testing.T) {
	b, w := rolledBench(t)
	b.change(from("b"))
	for end := b.clock.Now().Add(40 * time.Minute); b.clock.Now().Before(end); {
		b.run(interval)
		if n := b.world.Ready("web"); n < 4 {
			t.Fatalf("%d are ready on the way; %s", n, b.why())
		}
		b.restart() // what was begun is known to the next process
		b.loop = b.newLoop(b.store, w)
	}
	b.want(4)
	if images, r := b.made(w); !slices.Equal(images, []string{"b", "b", "b", "b"}) || r.State != forescale.RolloutDone || r.Good.Image != "b" {
		t.Errorf("%v run, %+v; %s", images, r, b.why())
	}
}

func TestATemplateThatCannotBeStartedIsTakenBack(t *testing.T) {
	b, w := rolledBench(t)
	b.change(from("missing"))
	b.run(20 * time.Minute)
	b.want(4)
	images, r := b.made(w)
	if !slices.Equal(images, []string{"a", "a", "a", "a"}) || r.State != forescale.RolloutBack {
		t.Fatalf("%v run, %+v; %s", images, r, b.why())
	}
	ds, err := b.store.LatestDecisions(t.Context())
	if err != nil || !slices.ContainsFunc(ds[0].Alerts(), func(r forescale.Reason) bool { return r.Code == forescale.CodeRolloutBack }) {
		t.Errorf("alerts %v (%v)", ds[0].Alerts(), err)
	}
	b.load = 420 // more are started from the last good one
	b.restart()
	b.loop = b.newLoop(b.store, w)
	b.run(10 * time.Minute)
	if images, _ := b.made(w); len(images) < 6 || slices.Contains(images, "") || slices.Contains(images, "missing") {
		t.Errorf("%v run; %s", images, b.why())
	}
	b.change(from("c"))
	b.run(60 * time.Minute)
	if images, r := b.made(w); slices.Contains(images, "a") || r.State != forescale.RolloutDone {
		t.Errorf("%v run, %+v; %s", images, r, b.why())
	}
	b.sound()
}

func TestATemplateThatRunsHotterIsTakenBack(t *testing.T) {
	b, w := rolledBench(t)
	b.change(from("b"))
	hot := func() {
		now := b.clock.Now().Add(-5 * time.Second) // at other times than the world itself
		is, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: "web", Live: true})
		if err != nil {
			t.Fatal(err)
		}
		var samples []forescale.Sample
		for _, i := range is {
			value := 20.0 // beside what the world itself measures
			if w.image(i.ID) == "b" {
				value = 99
			}
			if i.State == forescale.InstanceReady {
				samples = append(samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: i.ID, Service: "web"},
					Metric: forescale.MetricUtilization, Time: now, Value: value})
			}
		}
		if err := b.store.Append(t.Context(), samples); err != nil {
			t.Fatal(err)
		}
	}
	for end := b.clock.Now().Add(20 * time.Minute); b.clock.Now().Before(end); {
		hot()
		b.run(interval)
	}
	images, r := b.made(w)
	if slices.Contains(images, "b") || r.State != forescale.RolloutBack {
		t.Errorf("%v run, %+v; %s", images, r, b.why())
	}
}
