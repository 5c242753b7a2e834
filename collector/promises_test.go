package collector

import (
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/forescale/forescale/internal/dockertest"
)

// The reader remembers the last reading of each container that there is, and of
// none that is gone.
func TestWhatIsGoneFromTheEngineIsForgotten(t *testing.T) {
	b := onEngine(t, DockerOptions{UsageWait: -1})
	ids := map[string]bool{}
	for k := range 4 {
		name := b.run(fmt.Sprint(k), nil, nil)
		j, err := b.cli.ContainerInspect(b.Context(), name)
		b.must(err)
		ids[j.ID] = true
	}
	remembered := func() (n int) {
		b.docker.mu.Lock()
		defer b.docker.mu.Unlock()
		for id := range b.docker.seen {
			if ids[id] {
				n++
			}
		}
		return n
	}
	dockertest.Until(t, 20*time.Second, "all are remembered", func() bool {
		b.docker.Observe(b.Context())
		return remembered() == 4
	})
	for id := range ids {
		b.must(b.cli.ContainerRemove(b.Context(), id, container.RemoveOptions{Force: true}))
	}
	dockertest.Until(t, 20*time.Second, "what is gone is forgotten", func() bool {
		b.docker.Observe(b.Context())
		return remembered() == 0
	})
}
