package main

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
)

// A damaged or newer store is named, and the server does not start on it: it
// neither listens nor looks at an engine.
func TestServeRefusesADamagedStore(t *testing.T) {
	s := newShell(t)
	made := filepath.Join(s.dir, "made.db")
	s.must("keys", "create", "--store", made, "--name", "x", "--role", "read")
	s.serve("--store", made, "--config", s.file("forescale.yaml", twoServices)).stop()
	whole, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	statement := func(query string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(query); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, code string
		damage     func(t *testing.T, path string)
	}{
		{"cut in half", "store_damaged", func(t *testing.T, path string) {
			if err := os.Truncate(path, int64(len(whole)/2/4096*4096)); err != nil {
				t.Fatal(err)
			}
		}},
		{"a page of noise", "store_damaged", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), 5*4096); err != nil {
				t.Fatal(err)
			}
		}},
		{"a table that is gone", "store_damaged", statement("DROP TABLE meta")},
		{"a service that is no JSON", "store_damaged", statement("UPDATE service SET body = '{' || body")},
		{"a schema from the future", "schema_newer", statement("PRAGMA user_version = 9999")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			path := filepath.Join(t.TempDir(), "forescale.db")
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			c.damage(t, path)
			r := s.fails(exitStore, []string{"error[" + c.code + "]", path}, "serve", "--docker", "off", "--listen", "127.0.0.1:0",
				"--store", path, "--config", filepath.Join(s.dir, "forescale.yaml"))
			if strings.Contains(r.out, "listens on") {
				t.Errorf("it listened: %s", r.out)
			}
		})
	}
}

// leaks are places where secrets must not be, and what was found there.
type leaks struct {
	*testing.T
	secrets map[string]string // what it is → the secret
}

func (l *leaks) search(where string, text []byte) {
	l.Helper()
	for _, what := range slices.Sorted(maps.Keys(l.secrets)) {
		if at := bytes.Index(text, []byte(l.secrets[what])); at >= 0 {
			l.Errorf("%s shows %s: …%s…", where, what, text[max(0, at-80):min(len(text), at+len(l.secrets[what])+20)])
		}
	}
}

func marker() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	return "marker" + hex.EncodeToString(b)
}

// TestNoSecretIsShown runs a server with all that it logs on a real engine, lets
// things go well and wrong, and then looks for the secrets that it met: in the
// log, in every answer of the API, in the metrics and in the bytes of the store.
func TestNoSecretIsShown(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	cli, image := dockertest.Engine(t), dockertest.Image(t)
	labels := dockertest.Mark(t, cli)
	tag := labels[dockertest.CaseLabel]
	l := &leaks{T: t, secrets: map[string]string{"a variable of env_from": marker(), "a variable of a labelled container": marker(),
		"an argument of a labelled container": marker(), "a key that there is not": "fsk_" + marker()}}
	t.Setenv("FORESCALE_TEST_SECRET", l.secrets["a variable of env_from"])

	// A container by hand that is copied. Its service is in the config: a label
	// that registers one would be met by every other server on this engine.
	byHand := "hand-" + tag
	all := maps.Clone(labels)
	all[forescale.LabelService] = byHand
	_, err := cli.ContainerCreate(t.Context(), &container.Config{Image: image, Labels: all,
		Env: []string{"PASSWORD=" + l.secrets["a variable of a labelled container"]}, Cmd: []string{"--token", l.secrets["an argument of a labelled container"]},
	}, nil, nil, nil, byHand+"-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := cli.ContainerStart(t.Context(), byHand+"-1", container.StartOptions{}); err != nil {
		t.Fatal(err)
	}

	s := newShell(t)
	path := filepath.Join(s.dir, "secrets.db")
	for _, role := range []string{"admin", "read"} {
		l.secrets["the key of "+role] = strings.TrimSpace(s.must("keys", "create", "--store", path, "--name", role, "--role", role))
	}
	template := fmt.Sprintf("    template:\n      image: %s\n      labels: {%s: %q, %s: %q}\n", image,
		dockertest.Label, labels[dockertest.Label], dockertest.CaseLabel, tag)
	config := "require_keys: true\nplanning: {collect: 1s, interval: 1s}\nservices:\n"
	for name, more := range map[string]string{
		"well":    "      env_from: [FORESCALE_TEST_SECRET]\n",
		"dies":    "      env_from: [FORESCALE_TEST_SECRET]\n      env: {FAIL: \"3\"}\n",
		"no-net":  "      env_from: [FORESCALE_TEST_SECRET]\n      network: no-such-network\n",
		"no-var":  "      env_from: [FORESCALE_TEST_SECRET, FORESCALE_TEST_NOT_THERE]\n",
		"bad-mem": "      env_from: [FORESCALE_TEST_SECRET]\n      memory: 1KiB\n",
	} {
		config += "  " + name + "-" + tag + ":\n    mode: active\n    warmup: 1s\n" + template + more
	}
	config += "  " + byHand + ":\n    mode: active\n    warmup: 1s\n    min_instances: 2\n    max_instances: 2\n"
	server := s.serve("--store", path, "--docker", "required", "--verbose", "--config", s.file("forescale.yaml", config))

	get := func(method, target, key, body string) (int, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.url+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		l.search(method+" "+target, answer)
		l.search("the head of "+method+" "+target, fmt.Append(nil, resp.Header))
		return resp.StatusCode, answer
	}
	defer http.DefaultClient.CloseIdleConnections()
	admin := l.secrets["the key of admin"]

	// What the engine holds shows that the secrets did arrive: there is something to find.
	eventually(t, 2*time.Minute, func() error {
		_, body := get("GET", "/v1/instances?limit=1000", admin, "")
		_, decisions := get("GET", "/v1/decisions?limit=100", admin, "")
		if ready := bytes.Count(body, []byte(`"ready"`)); ready < 3 {
			return fmt.Errorf("%d instances are ready: %s", ready, body)
		}
		for _, want := range []string{"FORESCALE_TEST_NOT_THERE", "no-such-network"} {
			if !bytes.Contains(decisions, []byte(want)) && !strings.Contains(server.log.String(), want) {
				return fmt.Errorf("nothing failed by %s yet", want)
			}
		}
		return nil
	})
	for name, secret := range map[string]string{"well-" + tag: l.secrets["a variable of env_from"], byHand: l.secrets["a variable of a labelled container"]} {
		list, err := cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
			filters.Arg("label", forescale.LabelService+"="+name), filters.Arg("label", forescale.LabelDecision))})
		if err != nil || len(list) == 0 {
			t.Fatalf("forescale started %d instances of %s, %v", len(list), name, err)
		}
		j, err := cli.ContainerInspect(t.Context(), list[0].ID)
		if err != nil || !slices.ContainsFunc(j.Config.Env, func(v string) bool { return strings.HasSuffix(v, "="+secret) }) {
			t.Errorf("%s does not have its secret: %v", list[0].Names[0], err)
		}
	}

	// Every answer, and all that is wrong with a request.
	for _, target := range []string{"/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/about", "/v1/services", "/v1/services/well-" + tag,
		"/v1/services/" + byHand, "/v1/services/well-" + tag + "/forecast", "/v1/services/well-" + tag + "/capacity", "/v1/services/well-" + tag + "/plan", "/v1/instances",
		"/v1/nodes", "/v1/node-types", "/v1/decisions", "/v1/plans", "/v1/warmups", "/v1/runs?kind=forecast", "/v1/pauses", "/", "/nothing"} {
		get("GET", target, admin, "")
		get("GET", target, l.secrets["a key that there is not"], "")
		get("GET", target, "", "")
	}
	get("PUT", "/v1/services/well-"+tag, l.secrets["the key of read"], `{"mode":"off"}`)
	get("POST", "/v1/samples", admin, `[{"service":"nope"}`)
	get("POST", "/v1/samples", l.secrets["the key of read"], `[]`)
	s.env["FORESCALE_KEY"] = l.secrets["a key that there is not"]
	if r := s.run("services"); r.code == exitOK {
		t.Error("a key that there is not opens the server")
	} else {
		l.search("a command that was refused", []byte(r.out+r.err))
	}
	s.env["FORESCALE_KEY"] = admin
	for _, args := range [][]string{{"services", "-o", "json"}, {"why", "well-" + tag}, {"plan"}, {"keys", "list", "--store", path, "-o", "json"}, {"services", "--server", "http://127.0.0.1:1"}} {
		r := s.run(args...)
		l.search("forescale "+strings.Join(args, " "), []byte(r.out+r.err))
	}
	stopped := server.stop()
	l.search("the log", []byte(stopped.err))
	l.search("the output", []byte(stopped.out))
	if len(stopped.err) < 1000 {
		t.Errorf("little was logged: the test tests little\n%s", stopped.err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "secrets.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the store: %v", err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		l.search(filepath.Base(f), content)
	}
}
