// Package dockertest gives tests a real Docker Engine, an image to run there,
// and a clean engine afterwards.
//
// A package that uses it calls [Main] from its TestMain. Everything that the
// tests make carries the label [Label] with this run's id, and is removed by it.
package dockertest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// Label marks everything that a test made; its value is the run's id. CaseLabel
// tells the single tests of a run apart.
const (
	Label     = "forescale-test"
	CaseLabel = "forescale-test-case"
)

// NeedEngine names the variable that turns a missing engine from a skipped
// test into a failed one.
const NeedEngine = "FORESCALE_NEED_ENGINE"

var run = fmt.Sprintf("t%d-%x", os.Getpid(), time.Now().UnixNano()&0xffffff)

// Run is this run's id. It can be part of a service's name.
func Run() string { return run }

var cases atomic.Int64

// Mark gives the labels for what a test makes in the engine, and removes the
// containers and networks that carry them when it ends.
func Mark(t testing.TB, cli *client.Client) map[string]string {
	id := fmt.Sprintf("%s-%d", run, cases.Add(1))
	t.Cleanup(func() {
		if err := cleanContainers(context.Background(), cli, CaseLabel+"="+id); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return map[string]string{Label: run, CaseLabel: id}
}

// Main runs the tests of a package and then removes what they left in the
// engine. It returns the code to exit with.
func Main(m *testing.M) int {
	code := m.Run()
	built.Lock()
	defer built.Unlock()
	if built.cli == nil {
		return code
	}
	defer func() { _ = built.cli.Close() }()
	if err := clean(built.cli); err != nil {
		fmt.Fprintln(os.Stderr, "dockertest: clean up:", err)
		return max(code, 1)
	}
	return code
}

// built is what this process has made once for all of its tests.
var built struct {
	sync.Mutex
	cli   *client.Client
	image string
}

// Engine is a client of an engine that answers. Without one the test is
// skipped, or fails if the variable FORESCALE_NEED_ENGINE is 1.
func Engine(t testing.TB) *client.Client {
	t.Helper()
	cli, err := Connect(t.Context())
	if err != nil {
		msg := fmt.Sprintf("no Docker Engine answers (%v); get one with: .ci/engine start", err)
		if os.Getenv(NeedEngine) == "1" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	t.Cleanup(func() { _ = cli.Close() })
	built.Lock()
	defer built.Unlock()
	if built.cli == nil {
		if built.cli, err = Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		sweep(t, built.cli)
	}
	return cli
}

// sweep removes what runs left behind that were killed before they could clean
// up: those whose process is gone.
func sweep(t testing.TB, cli *client.Client) {
	list, err := cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: labelled(Label)})
	if err != nil {
		t.Fatalf("list what earlier runs left: %v", err)
	}
	for _, c := range list {
		id, _, _ := strings.Cut(strings.TrimPrefix(c.Labels[Label], "t"), "-")
		pid, err := strconv.Atoi(id)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := cli.ContainerRemove(t.Context(), c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil && !gone(err) {
			t.Logf("remove what an earlier run left: %v", err)
		}
	}
}

// Connect is a client of the engine that the environment names, once it answers.
func Connect(ctx context.Context) (*client.Client, error) {
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ping, err := cli.Ping(ctx)
	if err != nil {
		_ = cli.Close()
		return nil, err
	}
	cli.NegotiateAPIVersionPing(ping)
	return cli, nil
}

// Image is the name of an image, built from scratch with the static binary of
// testservice, that runs /svc with a health check every 300 ms and exposes
// port 8080.
func Image(t testing.TB) string {
	t.Helper()
	cli := Engine(t)
	built.Lock()
	defer built.Unlock()
	if built.image != "" {
		return built.image
	}
	name := "forescale-test:" + run
	if err := BuildImage(t.Context(), cli, name, t.TempDir(), dockerfile); err != nil {
		t.Fatalf("build the test image: %v", err)
	}
	built.image = name
	return name
}

const dockerfile = `FROM scratch
COPY svc /svc
EXPOSE 8080
HEALTHCHECK --interval=300ms --timeout=2s --retries=600 CMD ["/svc", "health"]
ENTRYPOINT ["/svc"]
`

// BuildImage builds an image of testservice from a Dockerfile that copies "svc".
func BuildImage(ctx context.Context, cli *client.Client, name, dir, dockerfile string) error {
	bin := filepath.Join(dir, "svc")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin,
		"github.com/forescale/forescale/internal/dockertest/testservice")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build testservice: %w\n%s", err, out)
	}
	svc, err := os.ReadFile(bin)
	if err != nil {
		return fmt.Errorf("read testservice: %w", err)
	}
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		mode int64
		body []byte
	}{{"Dockerfile", 0o644, []byte(dockerfile)}, {"svc", 0o755, svc}} {
		if err := tw.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body))}); err != nil {
			return fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := tw.Write(f.body); err != nil {
			return fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("pack the build: %w", err)
	}
	resp, err := cli.ImageBuild(ctx, &buf, build.ImageBuildOptions{
		Tags: []string{name}, Labels: map[string]string{Label: run}, Remove: true, ForceRemove: true, NoCache: true,
	})
	if err != nil {
		return fmt.Errorf("ask for the build: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return buildResult(resp.Body)
}

// buildResult reads the engine's messages and returns the error among them.
func buildResult(r io.Reader) error {
	for dec := json.NewDecoder(r); ; {
		var msg struct {
			Error string `json:"error"`
		}
		if err := dec.Decode(&msg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the build's messages: %w", err)
		}
		if msg.Error != "" {
			return errors.New(msg.Error)
		}
	}
}

func labelled(label string) filters.Args { return filters.NewArgs(filters.Arg("label", label)) }

func cleanContainers(ctx context.Context, cli *client.Client, label string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	list, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(label)})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var errs []error
	for _, c := range list {
		err := cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !gone(err) {
			errs = append(errs, err)
		}
	}
	nets, err := cli.NetworkList(ctx, network.ListOptions{Filters: labelled(label)})
	errs = append(errs, err)
	for _, n := range nets {
		if err := cli.NetworkRemove(ctx, n.ID); err != nil && !gone(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func clean(cli *client.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cleanContainers(ctx, cli, Label+"="+run); err != nil {
		return err
	}
	images, err := cli.ImageList(ctx, image.ListOptions{Filters: labelled(Label + "=" + run)})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	for _, i := range images {
		if _, err := cli.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true}); err != nil && !gone(err) {
			return fmt.Errorf("remove image: %w", err)
		}
	}
	return nil
}
