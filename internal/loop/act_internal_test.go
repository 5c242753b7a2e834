package loop

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/memory"
)

func TestEffectsThatHangHoldUpNoOtherEngine(t *testing.T) {
	for _, c := range []struct {
		name  string
		bad   int  // nodes on which effects hang
		own   bool // they are the server's own, without agents
		state forescale.InstanceState
		want  int // effects under way on all of them
	}{
		{name: "starts on a node with an agent", bad: 1, state: forescale.InstanceStarting, want: actsAtEngine},
		{name: "stops on a node with an agent", bad: 1, state: forescale.InstanceDraining, want: actsAtEngine},
		{name: "starts on thirty nodes with agents", bad: 30, state: forescale.InstanceStarting, want: 30 * actsAtEngine},
		{name: "starts on the server's own engine", bad: 1, own: true, state: forescale.InstanceStarting, want: actsAtEngine},
		{name: "starts on nodes of the server's own swarm", bad: 3, own: true, state: forescale.InstanceStarting, want: actsAtEngine},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newActing(t, c.own)
				for k := range c.bad {
					a.due(c.state, fmt.Sprint("bad", k), 2*actsAtEngine, !c.own)
				}
				a.due(forescale.InstanceStarting, "good", 3, true)
				a.round(a.loop.opt.ActPatience)
				a.asked("bad", c.want)
				a.asked("good", 3)
				a.due(forescale.InstanceStarting, "good", 2, true)
				a.round(0) // what hangs is of the round before
				a.asked("bad", c.want)
				a.asked("good", 5)
			})
		})
	}
}

func TestTheEffectsUnderWayAreBoundedOverAllEngines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newActing(t, false)
		for k := range 2 * actsAtOnce / actsAtEngine {
			a.due(forescale.InstanceStarting, fmt.Sprint("bad", k), actsAtEngine, true)
		}
		a.round(a.loop.opt.ActPatience)
		a.asked("bad", actsAtOnce)
		a.round(0)
		a.asked("bad", actsAtOnce)
	})
}

// acting is a loop with a target whose effects on nodes that are called bad last until
// their deadline.
type acting struct {
	*testing.T
	loop  *Loop
	world *world
	mu    sync.Mutex
	on    map[string]int // effects asked for, by node
}

func newActing(t *testing.T, own bool) *acting {
	s := memory.New()
	a := &acting{T: t, world: apart(map[string]forescale.Part{}, nil), on: map[string]int{}}
	a.world.complete, a.world.own = own, own
	a.loop = New(Config{Store: s, Target: a, Clock: forescale.NewSystemClock()})
	t.Cleanup(func() {
		a.loop.Wait()
		_ = s.Close()
	})
	return a
}

// Start implements Target.
func (a *acting) Start(ctx context.Context, _ forescale.Service, i forescale.Instance) error {
	a.mu.Lock()
	a.on[i.Node]++
	a.mu.Unlock()
	if strings.HasPrefix(i.Node, "bad") {
		<-ctx.Done()
	}
	return ctx.Err()
}

// Stop implements Target.
func (a *acting) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return a.Start(ctx, s, i)
}

// due adds instances on a node that are to be started or stopped.
func (a *acting) due(state forescale.InstanceState, node string, n int, agent bool) {
	if agent {
		a.world.parts[node] = read
	}
	for range n {
		a.world.add(forescale.Instance{ID: fmt.Sprint("i", len(a.world.instances)), Service: "web", Node: node, State: state, Origin: forescale.OriginStarted, OrderedAt: time.Now()})
	}
}

// round acts once, which is to take so long.
func (a *acting) round(want time.Duration) {
	a.Helper()
	began := time.Now()
	if err := a.loop.act(a.Context(), began, a.world); err != nil {
		a.Fatal(err)
	}
	if took := time.Since(began); took != want {
		a.Errorf("the round took %v, want %v", took, want)
	}
}

// asked checks how many effects were asked for on the nodes that are called so.
func (a *acting) asked(called string, want int) {
	a.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	got := 0
	for node, n := range a.on {
		if strings.HasPrefix(node, called) {
			got += n
		}
	}
	if got != want {
		a.Errorf("%d effects were asked for on %s, want %d", got, called, want)
	}
}
