package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
)

// The whole way on a real swarm: a service whose labels ask for it is found, its
// tasks are pushed for, and its replicas follow up and down. Only the clock is
// faster, 60 times.
func TestASwarmServiceIsScaled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	nodes, image := dockertest.Swarm(t, 2)
	t.Setenv("DOCKER_HOST", nodes[0].Host)
	name := "swarm-" + dockertest.Run()
	replicas := uint64(1)
	made, err := nodes[0].ServiceCreate(t.Context(), swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: name, Labels: map[string]string{forescale.LabelEnable: "true", "forescale.mode": "active",
			"forescale.max": "3", "forescale.warmup": "5m", "forescale.cooldown": "10s"}},
		Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: image,
			Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/svc", "health"}, Interval: 2 * time.Second, Retries: 100}}},
	}, swarm.ServiceCreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nodes[0].ServiceRemove(context.Background(), made.ID) })

	s := newSite(t, name)
	wanted := func(n uint64) {
		t.Helper()
		eventually(t, 3*time.Minute, func() error {
			v, _, err := nodes[0].ServiceInspectWithRaw(t.Context(), made.ID, swarm.ServiceInspectOptions{})
			if err != nil {
				return err
			}
			ready := 0
			for _, i := range s.instances() {
				if i.State == forescale.InstanceReady {
					ready++
				}
			}
			if got := *v.Spec.Mode.Replicated.Replicas; got != n || ready != int(n) {
				return fmt.Errorf("%d replicas, %d ready, want %d: %+v", got, ready, n, s.instances())
			}
			return nil
		})
	}
	wanted(1)
	s.push(85)
	wanted(3)
	s.push(4)
	wanted(1)
	eventually(t, time.Minute, func() error { // the last stop is told a moment later
		for _, d := range s.decisions() {
			if d.Outcome != forescale.OutcomeDone {
				return fmt.Errorf("%s: %s %s", d.Message, d.Outcome, d.Error)
			}
		}
		return nil
	})
}
