package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/loop"
)

// The whole way, with nothing in place of anything: a container with labels on a
// real engine is adopted, samples are pushed, instances are started and stopped,
// and the page of the same server shows it in a real browser. Only the clock is
// faster, 60 times.
func TestALabelledContainerIsScaledAndShown(t *testing.T) {
	cli := dockertest.Engine(t)
	browser := newBrowser(t)
	name := "e2e-" + dockertest.Run()
	t.Cleanup(func() { noneLeft(t, cli, name) })
	labels := dockertest.Mark(t, cli)
	s := newSite(t, name)

	// Nothing there yet.
	page := browser.open(s.url())
	page.until("a page that says what to do", `document.body.innerText.includes("No service registered yet")`)

	for k, v := range map[string]string{forescale.LabelEnable: "true", forescale.LabelService: name, "forescale.min": "1", "forescale.max": "3",
		"forescale.warmup": "20s", "forescale.cooldown": "10s"} {
		labels[k] = v
	}
	first := s.container(cli, labels)
	page.until("the service in the list, by itself", fmt.Sprintf(`document.querySelector(".services tbody th a")?.innerText === %q`, name))
	page.run(`document.querySelector(".services tbody th a").click()`)
	page.until("its page", fmt.Sprintf(`document.querySelector("header.servicehead h1")?.innerText.includes(%q)`, name))
	page.until("the adopted instance", now("1 ready"))
	if got := s.instances()[0]; got.ID != first || got.Origin != forescale.OriginAdopted || !strings.HasSuffix(got.Address, ":8080") {
		t.Errorf("adopted %+v, want %s with an address", got, first)
	}
	page.run(`window.sameDocument = true`) // a reload would lose it

	// Watched only: it says what it would do.
	s.push(85)
	page.until("what it would do", `document.querySelector("#now, #lines").innerText.includes("Would go 1 → 2")`)
	if n := len(s.instances()); n != 1 {
		t.Fatalf("%d instances though it is not active", n)
	}
	s.patch(name, `{"mode": "active"}`)

	page.until("three ready instances", now("3 ready"))
	page.until("that it stands at max", `document.querySelector("#lines").innerText.includes("max")`)
	for _, d := range s.decisions() {
		page.until("the sentence of "+d.ID, fmt.Sprintf(`document.querySelector(".decisions").innerText.replace(/\s+/g, " ").includes(%q)`, d.Message))
	}
	for _, i := range s.instances() {
		if i.Address == "" || i.State != forescale.InstanceReady {
			t.Errorf("instance %+v, want a ready one with an address", i)
		}
	}
	sh := newShell(t)
	sh.env["FORESCALE_SERVER"] = s.url()
	if out := sh.must("services"); !strings.HasPrefix(out, name+"\tactive\t") || !strings.Contains(out, "\t3\t0\t0\t3\t") {
		t.Errorf("services: %q", out)
	}
	// Whether the load of a minute that has just begun asks for more than max is chance.
	if out := sh.must("why", name); !strings.Contains(out, "3 instances") {
		t.Errorf("why: %s", out)
	}

	s.push(4)
	page.until("one instance again", now("1 ready"))
	if page.value(`String(window.sameDocument)`) != "true" {
		t.Error("the page was loaded anew")
	}
	kinds := map[string]int{}
	eventually(t, 20*time.Second, func() error { // what drains is not ready any more, and is stopped a moment later
		clear(kinds)
		for _, d := range s.decisions() {
			for _, a := range d.Actions {
				kinds[a.Kind]++
			}
			if d.Outcome != forescale.OutcomeDone {
				return fmt.Errorf("decision %s: %s %s", d.Message, d.Outcome, d.Error)
			}
		}
		return nil
	})
	if kinds["start"] != 2 || kinds["stop"] != 2 {
		t.Errorf("actions %v, want two starts and two stops", kinds)
	}
	page.quiet()
}

// now is whether the line of the moment says so.
func now(words string) string {
	return fmt.Sprintf(`document.querySelector("#now")?.innerText.replace(/\s+/g, " ").includes(%q)`, words)
}

// noneLeft fails when a container of the service is still there.
func noneLeft(t *testing.T, cli *client.Client, name string) {
	list, err := cli.ContainerList(context.Background(), container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+name))})
	if err != nil || len(list) > 0 {
		t.Errorf("%d containers are left: %v", len(list), err)
	}
}

// site is a server wired as serve wires it, on the engine, in a store of
// its own.
type site struct {
	t       *testing.T
	name    string
	server  *server
	level   chan float64 // what the service's instances push from now on
	pushing sync.WaitGroup
}

// one lets a source tell of one service only: other tests use the engine too.
type one struct {
	loop.Source
	name string
}

// Observe implements loop.Source.
func (o one) Observe(ctx context.Context) forescale.Observation {
	obs := o.Source.Observe(ctx)
	obs.Services = keep(obs.Services, func(s forescale.Service) bool { return s.Name == o.name })
	obs.Instances = keep(obs.Instances, func(s forescale.Sighting) bool { return s.Service == o.name })
	obs.Samples = keep(obs.Samples, func(s forescale.Sample) bool {
		return s.Subject.Kind == forescale.KindNode || s.Subject.Service == o.name
	})
	return obs
}

func keep[T any](all []T, want func(T) bool) (kept []T) {
	for _, x := range all {
		if want(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

func newSite(t *testing.T, name string) *site {
	t.Helper()
	log := &lines{}
	const speed = 60
	a := &app{stdout: io.Discard, stderr: log, env: os.LookupEnv, clock: forescale.NewFastClock(time.Now(), speed)}
	path := filepath.Join(t.TempDir(), "e2e.db")
	st, err := openStore(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	set := settings{config: defaultConfig(t), store: path, docker: "required", listen: "127.0.0.1:0"}
	logger := slog.New(slog.NewTextHandler(log, nil))
	world, err := a.openWorld(t.Context(), set, st, logger)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range world.sources {
		world.sources[i] = one{s, name}
	}
	cfg := a.serverConfig(set, st, world, nil, logger)
	cfg.Speed = speed
	cfg.Options.Collect, cfg.Options.Interval = 20*time.Second, 20*time.Second
	srv, err := startServer(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, name: name, server: srv, level: make(chan float64)}
	ctx, cancel := context.WithCancel(context.Background())
	s.pushing.Go(func() { s.pushAll(ctx) })
	t.Cleanup(func() {
		cancel()
		s.pushing.Wait()
		http.DefaultClient.CloseIdleConnections()
		if err := errors.Join(srv.Close(context.Background()), world.close(), st.Close()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return s
}

func defaultConfig(t *testing.T) *Config {
	t.Helper()
	c, err := parseConfig("none", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *site) url() string { return s.server.URL() }

// container starts the first instance, as a person would, and gives its name.
func (s *site) container(cli *client.Client, labels map[string]string) string {
	s.t.Helper()
	made, err := cli.ContainerCreate(s.t.Context(), &container.Config{Image: dockertest.Image(s.t), Labels: labels}, nil, nil, nil, s.name)
	if err == nil {
		err = cli.ContainerStart(s.t.Context(), made.ID, container.StartOptions{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.name
}

// push lets every ready instance tell this utilization from now on.
func (s *site) push(level float64) {
	s.level <- level
}

func (s *site) pushAll(ctx context.Context) {
	level := -1.0
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case level = <-s.level:
		case <-tick.C:
		}
		if level < 0 {
			continue
		}
		var rows []map[string]any
		for _, i := range s.instances() {
			if i.State == forescale.InstanceReady {
				rows = append(rows, map[string]any{"service": s.name, "instance": i.ID, "utilization": level})
			}
		}
		body, _ := json.Marshal(rows)
		resp, err := http.Post(s.url()+"/v1/samples", "application/json", bytes.NewReader(body))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
}

func (s *site) patch(name, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPatch, s.url()+"/v1/services/"+name, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		s.t.Fatalf("patch: %s: %s", resp.Status, text)
	}
}

type e2eInstance struct {
	ID      string                  `json:"id"`
	State   forescale.InstanceState `json:"state"`
	Origin  forescale.Origin        `json:"origin"`
	Address string                  `json:"address"`
}

func (s *site) instances() []e2eInstance {
	return keep(items[e2eInstance](s, "/v1/instances?service="+s.name), func(i e2eInstance) bool {
		return i.State != forescale.InstanceStopped && i.State != forescale.InstanceFailed
	})
}

// decisions are those that acted, newest first.
func (s *site) decisions() []decisionView {
	return items[decisionView](s, "/v1/decisions?acted=true&service="+s.name)
}

func items[T any](s *site, path string) []T {
	resp, err := http.Get(s.url() + path)
	if err != nil {
		s.t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	var page struct {
		Items []T `json:"items"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		s.t.Errorf("%s: %s: %v", path, resp.Status, err)
	}
	return page.Items
}
