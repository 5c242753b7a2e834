package loop_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
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

// removerEnv names the service whose containers a second process keeps at one.
const removerEnv = "FORESCALE_TEST_REMOVER"

// TestRemover is the second process of TestASecondWriterOnTheEngineIsNotFought: it
// removes all containers of a service but one, until it is ended.
func TestRemover(t *testing.T) {
	service := os.Getenv(removerEnv)
	if service == "" {
		t.Skip("it is run by TestASecondWriterOnTheEngineIsNotFought")
	}
	cli := dockertest.Engine(t)
	for pace := time.NewTicker(200 * time.Millisecond); ; <-pace.C {
		list, err := cli.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+service))})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(list, func(a, b container.Summary) int { return strings.Compare(a.Names[0], b.Names[0]) })
		for _, c := range list[min(1, len(list)):] {
			_ = cli.ContainerRemove(t.Context(), c.ID, container.RemoveOptions{Force: true}) // forescale may be faster
		}
	}
}

// A second process removes what is started, on a real engine: forescale says so and
// stops fighting, and goes on when the other one has ended and all was quiet.
func TestASecondWriterOnTheEngineIsNotFought(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	cli, image := dockertest.Engine(t), dockertest.Image(t)
	labels := dockertest.Mark(t, cli)
	clock := forescale.NewFastClock(time.Now(), 15)
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	svc := forescale.Service{
		Name: "fought-" + labels[dockertest.CaseLabel], Mode: forescale.ModeActive, Min: 3, Max: 4, Warmup: 30 * time.Second, Cooldown: time.Second,
		Metrics:  []forescale.Metric{forescale.MetricUtilization},
		Template: forescale.Template{Image: image, Port: 8080, Labels: maps.Clone(labels)},
	}.WithDefaults()
	if _, err = db.PutService(t.Context(), svc, 0); err != nil {
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
	until := func(what string, ok func(forescale.Decision, int) bool) {
		t.Helper()
		dockertest.Until(t, 120*time.Second, what, func() bool {
			if _, err := l.Step(t.Context(), clock.Now()); err != nil {
				t.Fatal(err)
			}
			ds, err := db.LatestDecisions(t.Context())
			if err != nil || len(ds) != 1 {
				t.Fatalf("%d decisions, %v", len(ds), err)
			}
			is, err := db.Instances(t.Context(), forescale.InstanceQuery{Service: svc.Name, Live: true})
			if err != nil {
				t.Fatal(err)
			}
			return ok(ds[0], len(is))
		})
	}
	until("three run", func(_ forescale.Decision, live int) bool { return live == 3 })

	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRemover$")
	other.Env = append(os.Environ(), fmt.Sprintf("%s=%s", removerEnv, svc.Name))
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	until("it says that somebody else changes instances, and leaves it at one", func(d forescale.Decision, live int) bool {
		return d.Code() == forescale.CodeSecondWriter && live == 1
	})
	_ = other.Process.Kill()
	_ = other.Wait()
	until("three run again once all is quiet", func(d forescale.Decision, live int) bool {
		return live == 3 && d.Code() != forescale.CodeSecondWriter
	})
}
