package actuator

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
)

// leaders gives leaders of a store of the test's own, and removes their fences
// when it ends.
func (b *bench) leaders() func(number int64) *Docker {
	scope := strings.ReplaceAll(b.service.Name, "-", "")
	b.Cleanup(func() {
		d, ctx := b.docker.Under(1<<40, scope), context.Background()
		lower, err := d.newestFence(ctx)
		for _, name := range lower {
			err = errors.Join(err, d.removeFence(ctx, name))
		}
		if err != nil {
			b.Error(err)
		}
	})
	return func(number int64) *Docker { return b.docker.Under(number, scope) }
}

func (b *bench) fence(d *Docker) *Docker {
	b.Helper()
	b.must(d.Fence(b.Context()))
	return d
}

func (b *bench) fenceThere(d *Docker) bool {
	b.Helper()
	_, found, err := d.inspect(b.Context(), d.fence.name())
	b.must(err)
	return found
}

// The old leader is paused between recording and create; the new one starts that
// very instance, stops and removes it, so that its name is free again; then the
// old one goes on.
func TestAnOldLeaderThatWakesUpCreatesNothing(t *testing.T) {
	b := setup(t, DockerOptions{})
	leader := b.leaders()
	old, now := b.fence(leader(1)), b.fence(leader(2))
	b.must(now.Start(b.Context(), b.service, b.instance))
	b.must(now.Stop(b.Context(), b.service, b.instance))
	wantCode(t, old.Start(b.Context(), b.service, b.instance), "fence_missing")
	wantCode(t, old.Fence(b.Context()), "fence_lower")
	wantCode(t, old.Start(b.Context(), b.service, b.instance), "fence_missing")
	if got := b.effects(); got["create"] != 1 || !b.gone() {
		t.Errorf("the engine recorded %v", got)
	}
	if b.fenceThere(old) || !b.fenceThere(now) {
		t.Error("the old leader's fence stands, or the new one's does not")
	}
}

// The same between create and start, and before a stop: of one whose name passed
// to another container, too.
func TestAnOldLeaderThatWakesUpStartsAndStopsNothing(t *testing.T) {
	b := setup(t, DockerOptions{})
	leader := b.leaders()
	old := b.fence(leader(1))
	if _, err := old.create(b.Context(), b.service, b.instance); err != nil {
		t.Fatal(err)
	}
	now := b.fence(leader(2))
	wantCode(t, old.Start(b.Context(), b.service, b.instance), "fence_missing")
	if b.inspect(b.instance.ID).State.Running {
		t.Error("it runs")
	}
	b.must(now.Start(b.Context(), b.service, b.instance))
	wantCode(t, old.Stop(b.Context(), b.service, b.instance), "fence_missing")
	if !b.inspect(b.instance.ID).State.Running {
		t.Error("the old leader stopped it")
	}
}

func TestALowerFenceIsToldTheHigherOne(t *testing.T) {
	b := setup(t, DockerOptions{})
	leader := b.leaders()
	b.fence(leader(7))
	err := leader(3).Fence(b.Context())
	wantCode(t, err, "fence_lower")
	var lower *forescale.LowerFence
	if !errors.As(err, &lower) || lower.Newest != 7 || !errors.Is(err, forescale.ErrFenced) {
		t.Errorf("got %v", err)
	}
	if !b.fenceThere(leader(7)) || b.fenceThere(leader(3)) {
		t.Error("the fences were changed")
	}
	b.fence(leader(7)) // again is harmless
	other := b.docker.Under(1, leader(7).fence.scope+"other")
	b.fence(other) // of another store
	b.must(other.removeFence(b.Context(), other.fence.name()))
}

// Somebody prunes stopped containers: nothing can be started until the fence is
// made anew.
func TestAPrunedFenceIsMadeAnew(t *testing.T) {
	b := setup(t, DockerOptions{})
	d := b.fence(b.leaders()(4))
	b.must(d.removeFence(b.Context(), d.fence.name()))
	wantCode(t, d.Start(b.Context(), b.service, b.instance), "fence_missing")
	b.fence(d)
	b.must(d.Start(b.Context(), b.service, b.instance))
}

// What was made under a fence that is gone lives on: it can be stopped, started
// and removed, and serves as an example.
func TestAnInstanceOutlivesItsFence(t *testing.T) {
	b := setup(t, DockerOptions{})
	leader := b.leaders()
	b.must(b.fence(leader(1)).Start(b.Context(), b.service, b.instance))
	now := b.fence(leader(2))
	j := b.inspect(b.instance.ID)
	b.must(b.cli.ContainerRestart(b.Context(), j.ID, container.StopOptions{}))
	dockertest.Until(t, 20e9, "it runs again", func() bool { return b.inspect(b.instance.ID).State.Running })

	copied, second := b.service, b.instance
	copied.Template = forescale.Template{}
	second.ID += "-b"
	b.must(now.Start(b.Context(), copied, second))
	if got := b.inspect(second.ID).HostConfig.VolumesFrom; len(got) != 1 || got[0] != now.fence.name() {
		t.Errorf("the copy is bound to %v", got)
	}
	b.must(now.Stop(b.Context(), copied, second))
	b.must(now.Stop(b.Context(), b.service, b.instance))
	if !b.gone() {
		t.Error("it is still there")
	}
}
