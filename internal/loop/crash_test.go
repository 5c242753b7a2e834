package loop_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/planner"
)

// The child process is this test binary, run with these variables.
const (
	childDir   = "FORESCALE_CRASH_DIR"   // holds the store; makes the process a child
	childPoint = "FORESCALE_CRASH_POINT" // dies at this point; 0: never
	childBegan = "FORESCALE_CRASH_BEGAN" // machine time at which the fast clock began
	childImage = "FORESCALE_CRASH_IMAGE"
	childName  = "FORESCALE_CRASH_SERVICE"
	childRun   = "FORESCALE_CRASH_RUN"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(crashChild(dir))
	}
	os.Exit(dockertest.Main(m))
}

// TestCrashAtAnyPoint kills the process before and after every commit that
// matters and every call that changes the engine, while it starts two instances
// and then stops one. After a restart the world ends right each time: one
// container, none made twice, none left behind, by the engine's own record.
func TestCrashAtAnyPoint(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	cli, image := dockertest.Engine(t), dockertest.Image(t)
	var past atomic.Bool // a child met fewer points than it was told to die at
	for batch := 1; !past.Load() && batch < 200; batch += 4 {
		t.Run(fmt.Sprintf("points %d to %d", batch, batch+3), func(t *testing.T) {
			for point := batch; point < batch+4; point++ {
				t.Run(fmt.Sprintf("point %d", point), func(t *testing.T) {
					t.Parallel()
					if !crashAt(t, cli, image, point) {
						past.Store(true)
					}
				})
			}
		})
	}
	if !past.Load() {
		t.Error("no end of points to die at")
	}
}

// crashAt has one child die at the point, another heal the world, and reports
// whether there was such a point.
func crashAt(t *testing.T, cli *client.Client, image string, point int) bool {
	service := fmt.Sprintf("crash-%s-%d", dockertest.Run(), point)
	began := time.Now()
	env := append(os.Environ(), childDir+"="+t.TempDir(), childImage+"="+image, childName+"="+service,
		childRun+"="+dockertest.Run(), childBegan+"="+strconv.FormatInt(began.UnixNano(), 10))
	child := func(point int) (killed bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(slices.Clone(env), childPoint+"="+strconv.Itoa(point))
		out, err := cmd.CombinedOutput()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && ctx.Err() == nil {
			return true
		}
		if err != nil {
			t.Fatalf("child: %v\n%s", err, out)
		}
		return false
	}
	seen := dockertest.Watch(t, cli, service)
	met := child(point)
	if met && child(0) {
		t.Fatal("the child that heals was killed")
	}
	dockertest.Until(t, 20*time.Second, "the engine tells of a removal, the last event that is to come", func() bool { return len(seen.All(events.ActionDestroy)) > 0 })
	checkEngine(t, cli, service, seen.All(events.ActionCreate))
	return met
}

// checkEngine holds the engine's own record against what must be true at the end.
func checkEngine(t *testing.T, cli *client.Client, service string, created map[string]int) {
	t.Helper()
	ours := filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+service))
	left, err := cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].State != "running" {
		t.Errorf("%d containers are left, want one that runs: %+v", len(left), left)
	}
	if len(created) != 2 {
		t.Errorf("%d containers were made for 2 instances: %v", len(created), created)
	}
	for name, n := range created {
		if n != 1 {
			t.Errorf("%s was made %d times", name, n)
		}
	}
	for _, c := range left { // the next points have the engine to themselves
		if err := cli.ContainerRemove(t.Context(), c.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
}

// crashChild runs a loop on the real engine until two instances were ready and
// one was stopped again, and dies on the way at the point it was given.
func crashChild(dir string) int {
	if err := runChild(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runChild(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	point, _ := strconv.Atoi(os.Getenv(childPoint))
	began, _ := strconv.ParseInt(os.Getenv(childBegan), 10, 64)
	const speed = 20
	start := time.Unix(0, began)
	clock := forescale.NewFastClock(start.Add(speed*time.Since(start)), speed)

	db, err := sqlite.Open(ctx, filepath.Join(dir, "forescale.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	deadly := &deadly{at: int64(point)}
	engine, err := deadly.proxy(dir)
	if err != nil {
		return err
	}
	source, err := collector.NewDocker(collector.DockerOptions{Services: db.ListServices, Clock: clock})
	if err != nil {
		return err
	}
	target, err := actuator.NewDocker(actuator.DockerOptions{Host: engine, Grace: time.Second})
	if err != nil {
		return err
	}
	svc := forescale.Service{
		Name: os.Getenv(childName), Mode: forescale.ModeActive, Min: 2, Max: 2, Warmup: 4 * time.Minute, Cooldown: time.Second, // so late a deadline is met by a busy machine, too
		Metrics: []forescale.Metric{forescale.MetricUtilization},
		Template: forescale.Template{Image: os.Getenv(childImage), Port: 8080,
			Labels: map[string]string{dockertest.Label: os.Getenv(childRun)}},
	}.WithDefaults()
	if _, err := db.PutService(ctx, svc, 0); err == nil {
		deadly.hit()
	}
	l := loop.New(loop.Config{
		Store: deadlyStore{db, deadly}, Sources: []loop.Source{idle{source, clock}}, Target: target, Clock: clock,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Options: loop.Options{Interval: 10 * time.Second, ActPatience: time.Minute,
			Planner: planner.Options{Window: time.Minute, ReactiveWindow: time.Minute}},
	})
	return untilOneIsLeft(ctx, db, l, clock, svc)
}

// untilOneIsLeft steps until two are ready, then allows for one only, and steps
// until one is left.
func untilOneIsLeft(ctx context.Context, db *sqlite.Store, l *loop.Loop, clock forescale.Clock, svc forescale.Service) error {
	for {
		if _, err := l.Step(ctx, clock.Now()); err != nil {
			return err
		}
		is, err := db.Instances(ctx, forescale.InstanceQuery{Service: svc.Name})
		if err != nil {
			return err
		}
		count := map[forescale.InstanceState]int{}
		for _, i := range is {
			count[i.State]++
		}
		ready, ended := count[forescale.InstanceReady], count[forescale.InstanceStopped]+count[forescale.InstanceFailed]
		switch now, err := db.Service(ctx, svc.Name); {
		case err != nil:
			return err
		case now.Max == 2 && ready == 2:
			now.Min, now.Max = 1, 1
			if _, err := db.PutService(ctx, now, now.Version); err != nil {
				return err
			}
		case now.Max == 1 && ready == 1 && ended == 1 && len(is) == 2:
			return nil
		}
		select {
		case <-clock.After(10 * time.Second):
		case <-ctx.Done():
			ds, _ := db.Decisions(context.Background(), forescale.DecisionQuery{})
			return fmt.Errorf("%w; instances: %+v; decisions: %+v", ctx.Err(), is, ds)
		}
	}
}

// idle adds the samples of an idle service to what a source sees.
type idle struct {
	loop.Source
	clock forescale.Clock
}

func (s idle) Observe(ctx context.Context) forescale.Observation {
	o := s.Source.Observe(ctx)
	o.Samples = nil
	for _, i := range o.Instances {
		if i.Ready {
			o.Samples = append(o.Samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: i.ID, Service: i.Service},
				Metric: forescale.MetricUtilization, Time: s.clock.Now(), Value: 5})
		}
	}
	return o
}

// deadly counts the points passed and kills the process at the chosen one.
type deadly struct{ passed, at int64 }

func (d *deadly) hit() {
	if atomic.AddInt64(&d.passed, 1) == d.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// proxy stands before the engine and makes a point before and after every call
// that changes something.
func (d *deadly) proxy(dir string) (host string, err error) {
	cli, err := client.NewClientWithOpts(client.FromEnv)
	if err != nil {
		return "", err
	}
	engine, err := url.Parse(cli.DaemonHost())
	if err != nil || engine.Scheme != "unix" {
		return "", fmt.Errorf("the test needs an engine at a unix socket, not %s", cli.DaemonHost())
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", engine.Path)
		}},
	}
	path := filepath.Join(dir, fmt.Sprintf("engine-%d.sock", os.Getpid()))
	listener, err := net.Listen("unix", path)
	if err != nil {
		return "", err
	}
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		changes := r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/containers/") || r.Method == http.MethodDelete
		if changes {
			d.hit()
		}
		forward.ServeHTTP(w, r)
		if changes {
			d.hit()
		}
	})
	go func() { _ = http.Serve(listener, serve) }() // ends with the process
	return "unix://" + path, nil
}

// deadlyStore makes a point before and after every commit that has to do with
// instances and decisions.
type deadlyStore struct {
	*sqlite.Store
	d *deadly
}

func (s deadlyStore) RecordPlan(ctx context.Context, p forescale.Plan, is []forescale.Instance) error {
	if len(is) == 0 {
		return s.Store.RecordPlan(ctx, p, is)
	}
	return s.around(func() error { return s.Store.RecordPlan(ctx, p, is) })
}

func (s deadlyStore) SaveInstances(ctx context.Context, is []forescale.Instance) error {
	return s.around(func() error { return s.Store.SaveInstances(ctx, is) })
}

func (s deadlyStore) SaveWarmup(ctx context.Context, m forescale.Warmup) error {
	return s.around(func() error { return s.Store.SaveWarmup(ctx, m) })
}

func (s deadlyStore) FinishDecision(ctx context.Context, id string, at time.Time, o forescale.Outcome, why string) error {
	return s.around(func() error { return s.Store.FinishDecision(ctx, id, at, o, why) })
}

func (s deadlyStore) around(commit func() error) error {
	s.d.hit()
	err := commit()
	s.d.hit()
	return err
}
