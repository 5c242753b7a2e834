package loop_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/planner"
)

// TestStartsThatFailLeaveNothingBehind orders what cannot work from a real
// engine, then repairs the template: in the end the engine holds the containers
// that the store knows as live, and not one of the failed ones.
func TestStartsThatFailLeaveNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	cli, image := dockertest.Engine(t), dockertest.Image(t)
	lame := image + "-lame" // its containers can be made, but not be started
	if err := dockertest.BuildImage(t.Context(), cli, lame, t.TempDir(), "FROM scratch\nCOPY svc /svc\nENTRYPOINT [\"/nothing\"]\n"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		trouble func(*forescale.Template)
	}{
		{"of a container that is made but cannot be started", func(t *forescale.Template) { t.Image = lame }},
		{"of a container whose network is not there", func(t *forescale.Template) { t.Network = "no-such-network" }},
		{"of a process that ends at once", func(t *forescale.Template) { t.Env = map[string]string{"FAIL": "3"} }},
		{"of a process that is never healthy", func(t *forescale.Template) { t.Env = map[string]string{"START_DELAY": "1h"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			labels := dockertest.Mark(t, cli)
			clock := forescale.NewFastClock(time.Now(), 40)
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			svc := forescale.Service{
				Name: "fails-" + labels[dockertest.CaseLabel], Mode: forescale.ModeActive, Min: 2, Max: 3, Warmup: 5 * time.Second, Cooldown: time.Second,
				Metrics:  []forescale.Metric{forescale.MetricUtilization},
				Template: forescale.Template{Image: image, Port: 8080, Labels: maps.Clone(labels)},
			}.WithDefaults()
			sound := svc.Clone()
			c.trouble(&svc.Template)
			if svc, err = db.PutService(t.Context(), svc, 0); err != nil {
				t.Fatal(err)
			}
			source, err := collector.NewDocker(collector.DockerOptions{Services: db.ListServices, Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = source.Close() }()
			target, err := actuator.NewDocker(actuator.DockerOptions{Grace: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = target.Close() }()
			l := loop.New(loop.Config{Store: db, Sources: []loop.Source{idle{source, clock}}, Target: target, Clock: clock,
				Options: loop.Options{Interval: 10 * time.Second, Planner: planner.Options{Window: time.Minute, ReactiveWindow: time.Minute}}})
			defer l.Wait()
			until := func(what string, ok func([]forescale.Instance) bool) (is []forescale.Instance) {
				t.Helper()
				dockertest.Until(t, 90*time.Second, what, func() bool {
					if _, err := l.Step(t.Context(), clock.Now()); err != nil {
						t.Fatal(err)
					}
					if is, err = db.Instances(t.Context(), forescale.InstanceQuery{Service: svc.Name}); err != nil {
						t.Fatal(err)
					}
					return ok(is)
				})
				return is
			}
			count := func(is []forescale.Instance, s forescale.InstanceState) (n int) {
				for _, i := range is {
					if i.State == s {
						n++
					}
				}
				return n
			}
			for _, i := range until("two starts have failed", func(is []forescale.Instance) bool { return count(is, forescale.InstanceFailed) >= 2 }) {
				if i.State == forescale.InstanceFailed && i.Failure == "" {
					t.Errorf("%s failed, and nothing says why", i.ID)
				}
			}
			svc.Template = sound.Template
			if _, err := db.PutService(t.Context(), svc, svc.Version); err != nil {
				t.Fatal(err)
			}
			var live []string
			for _, i := range until("two are ready and all else has ended", func(is []forescale.Instance) bool {
				n := count(is, forescale.InstanceReady)
				return n >= 2 && n+count(is, forescale.InstanceFailed)+count(is, forescale.InstanceStopped) == len(is)
			}) {
				if i.State.Live() {
					live = append(live, i.ID)
				}
			}
			list, err := cli.ContainerList(t.Context(), container.ListOptions{All: true,
				Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+svc.Name))})
			if err != nil {
				t.Fatal(err)
			}
			var there []string
			for _, e := range list {
				there = append(there, strings.TrimPrefix(e.Names[0], "/"))
				if e.State != container.StateRunning {
					t.Errorf("%s is %s", e.Names[0], e.State)
				}
			}
			slices.Sort(live)
			slices.Sort(there)
			if !slices.Equal(live, there) {
				t.Errorf("the engine holds %v, the store knows %v as live", there, live)
			}
		})
	}
}
