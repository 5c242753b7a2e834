package dockertest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/forescale/forescale"
)

// Record is what an engine tells that it did with the containers of a service.
type Record struct {
	mu sync.Mutex
	n  map[events.Action]map[string]int // by name of the container
}

// Watch begins a record. What the engine tells is taken as it comes, since it keeps only
// the newest. It ends with the test.
func Watch(t testing.TB, cli *client.Client, service string) *Record {
	ctx, cancel := context.WithCancel(context.Background())
	msgs, errs := cli.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", forescale.LabelService+"="+service))})
	r := &Record{n: map[events.Action]map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case m := <-msgs:
				r.add(m)
			case err := <-errs:
				if ctx.Err() == nil {
					t.Errorf("what the engine tells cannot be read: %v", err)
				}
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *Record) add(m events.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n[m.Action] == nil {
		r.n[m.Action] = map[string]int{}
	}
	r.n[m.Action][m.Actor.Attributes["name"]]++
}

// All is how often the engine did this, by the name of the container.
func (r *Record) All(did events.Action) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.n[did])
}

// Of is how often the engine did this with one container.
func (r *Record) Of(name string, did events.Action) int { return r.All(did)[name] }

// String is all of it.
func (r *Record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.n)
}
