package loop_test

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/planner"
)

// engineBench is a loop over the real engine, on a clock that runs faster.
type engineBench struct {
	*testing.T
	store *sqlite.Store
	loop  *loop.Loop
	clock forescale.FastClock
	svc   forescale.Service
}

// onEngine runs an active service of the test image, two to four instances, as change
// makes it.
func onEngine(t *testing.T, name string, change func(*forescale.Service)) *engineBench {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	cli, image := dockertest.Engine(t), dockertest.Image(t)
	labels := dockertest.Mark(t, cli)
	b := &engineBench{T: t, clock: forescale.NewFastClock(time.Now(), 15)}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
	b.must(err)
	t.Cleanup(func() { _ = db.Close() })
	b.store = db
	svc := forescale.Service{
		Name: name + "-" + labels[dockertest.CaseLabel], Mode: forescale.ModeActive, Min: 2, Max: 4, Warmup: 30 * time.Second, Cooldown: time.Second,
		Metrics: []forescale.Metric{forescale.MetricUtilization},
		Template: forescale.Template{Image: image, Port: 8080, Labels: maps.Clone(labels),
			Readiness: forescale.Probe{HTTP: "/ready", Period: time.Second, Failures: 2}},
	}.WithDefaults()
	change(&svc)
	b.must(svc.Validate())
	b.svc, err = db.PutService(t.Context(), svc, 0)
	b.must(err)
	source, err := collector.NewDocker(collector.DockerOptions{Services: db.ListServices, Clock: b.clock})
	b.must(err)
	t.Cleanup(func() { _ = source.Close() })
	target, err := actuator.NewDocker(actuator.DockerOptions{Grace: time.Second})
	b.must(err)
	t.Cleanup(func() { _ = target.Close() })
	b.loop = loop.New(loop.Config{Store: db, Sources: []loop.Source{idle{source, b.clock}}, Target: target, Clock: b.clock,
		Options: loop.Options{Interval: 10 * time.Second, Planner: planner.Options{Window: time.Minute, ReactiveWindow: time.Minute}}})
	t.Cleanup(b.loop.Wait)
	return b
}

func (b *engineBench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// until steps the loop until the newest decision and the instances of the last hour are
// as wanted.
func (b *engineBench) until(what string, ok func(forescale.Decision, []forescale.Instance) bool) {
	b.Helper()
	dockertest.Until(b, 120*time.Second, what, func() bool {
		_, err := b.loop.Step(b.Context(), b.clock.Now())
		b.must(err)
		ds, err := b.store.LatestDecisions(b.Context())
		b.must(err)
		is, err := b.store.Instances(b.Context(), forescale.InstanceQuery{Service: b.svc.Name})
		b.must(err)
		return len(ds) == 1 && ok(ds[0], is)
	})
}

// serving are the instances that take load.
func serving(is []forescale.Instance) []forescale.Instance {
	return slices.DeleteFunc(slices.Clone(is), func(i forescale.Instance) bool { return i.State != forescale.InstanceReady || !i.UnreadySince.IsZero() })
}

// find is the instance of that id.
func find(is []forescale.Instance, id string) forescale.Instance {
	k := slices.IndexFunc(is, func(i forescale.Instance) bool { return i.ID == id })
	return is[k]
}

// tell has an instance answer a code to one of its probes from now on.
func (b *engineBench) tell(i forescale.Instance, of, code string) {
	b.Helper()
	resp, err := http.Get("http://" + i.Address + "/answer?of=" + of + "&code=" + code)
	b.must(err)
	b.must(resp.Body.Close())
}

func says(d forescale.Decision, c forescale.Code) bool {
	return slices.ContainsFunc(d.Reasons, func(r forescale.Reason) bool { return r.Code == c })
}
