package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

const twoServices = `planning:
  collect: 1s
  interval: 1s
services:
  checkout:
    min_instances: 2
    max_instances: 12
    time_zone: Europe/Berlin
  mailer:
    mode: "off"
`

// The whole way: a sample goes in over HTTP and comes back out of the commands.
func TestServeTakesSamplesAndCommandsReadThemBack(t *testing.T) {
	s := newShell(t)
	server := s.serve("--config", s.file("forescale.yaml", twoServices))

	at := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)
	rows := []map[string]any{}
	for i := range 6 {
		for _, instance := range []string{"checkout-1", "checkout-2"} {
			rows = append(rows, map[string]any{"service": "checkout", "instance": instance, "time": at.Add(time.Duration(i) * 10 * time.Second), "utilization": 30})
		}
	}
	server.push(rows)
	type view = []struct {
		Name, Mode string
		Status     struct {
			Busy       *float64
			Ready      int
			LastSample *time.Time `json:"last_sample"`
			Decision   *struct{ ID, Code string }
		}
	}
	eventually(t, 20*time.Second, func() error {
		v := parseJSON[view](t, s.must("services", "-o", "json"))
		for _, x := range v {
			if x.Name == "checkout" && x.Status.Busy != nil && *x.Status.Busy > 0.59 && *x.Status.Busy < 0.61 && x.Status.Ready == 2 && x.Status.Decision != nil {
				return nil
			}
		}
		return fmt.Errorf("services: %+v", v)
	})
	if out := s.must("services", "-o", "csv"); !strings.Contains(out, "service,mode,state,") || !strings.Contains(out, "\ncheckout,forecast-only,") || !strings.Contains(out, "mailer,off,") {
		t.Errorf("services as CSV:\n%s", out)
	}
	out := s.must("why", "checkout")
	for _, want := range []string{"checkout, forecast-only, min 2, max 12", "  required   1: 0.6 / 1 = 60 %, limit 60 %", "  outcome    ", "Europe/Berlin"} {
		if !strings.Contains(out, want) {
			t.Errorf("why lacks %q:\n%s", want, out)
		}
	}
	id := parseJSON[struct{ ID string }](t, s.must("why", "checkout", "-o", "json")).ID
	if out := s.must("why", id[:len(id)-2]); !strings.Contains(out, id) {
		t.Errorf("why by a prefix of the id:\n%s", out)
	}
	if out := s.must("why", "checkout", "-o", "csv"); !strings.Contains(out, id+",checkout,") {
		t.Errorf("why as CSV:\n%s", out)
	}
	s.fails(exitFailed, []string{"decision_unknown", "services/checkout"}, "why", "checkout", "--at", "2020-01-01 00:00")
	s.fails(exitUsage, []string{"is not a time"}, "why", "checkout", "--at", "half past")
	s.fails(exitInput, []string{"time_not_existing", "Europe/Berlin"}, "why", "checkout", "--at", "2026-03-29 02:30")
	s.must("plan")
	s.must("plan", "checkout", "-o", "json")
	s.fails(exitInput, []string{`there is no service "nope"`, "forescale services"}, "why", "nope")
	s.fails(exitInput, []string{"service_unknown"}, "plan", "nope")
	s.fails(exitFailed, []string{"forecast_unknown"}, "forecast", "show", "checkout")

	out = s.must("pause", "checkout", "2h", "--note", "deploy")
	if !strings.HasPrefix(out, "Paused checkout until ") {
		t.Errorf("pause: %s", out)
	}
	if out := s.must("services", "-o", "csv"); !strings.Contains(out, time.Now().UTC().Add(2*time.Hour).Format("2006-01-02T")) {
		t.Errorf("the pause is not shown:\n%s", out)
	}
	s.must("pause", "checkout", "--end")
	s.fails(exitFailed, []string{"pause_unknown", "checkout is not paused"}, "pause", "checkout", "--end")
	s.must("pause", "--all", "30m")
	s.must("pause", "--all", "--end")
	s.fails(exitInput, []string{"service_unknown"}, "pause", "nope", "1h")

	r := server.stop()
	if r.code != exitOK || !strings.Contains(r.err, "stopped") {
		t.Errorf("serve ends with %d: %s", r.code, r.err)
	}
	s.fails(exitUnreachable, []string{"server_unreachable", "connection refused", "forescale serve"}, "services")
}

func TestServicesCheckEndsWithOneWhenSomethingIsWrong(t *testing.T) {
	s := newShell(t)
	s.serve("--config", s.file("forescale.yaml", "planning: {collect: 1s, interval: 1s}\nservices:\n  checkout:\n"))
	eventually(t, 10*time.Second, func() error {
		if r := s.run("services", "--check"); r.code != exitFailed {
			return fmt.Errorf("ends with %d: a service without any sample needs attention\n%s", r.code, r.out)
		}
		return nil
	})
}

func TestServeRefusesWhatCannotWork(t *testing.T) {
	s := newShell(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	next := nextPort(port)
	config := s.file("port.yaml", "# first\n\nlisten: "+port+"\n")
	file := s.file("a-file", "")
	notOurs := s.file("text.db", strings.Repeat("this is a text, not a database\n", 100))
	for _, c := range []struct {
		name  string
		code  int
		words []string
		args  []string
	}{
		{"a port in use, named by a flag", exitInUse, []string{"error[port_taken]: cannot listen on " + port + ", another process uses it", "--> --listen", "start with `--listen " + next + "`"}, []string{"--listen", port}},
		{"a port in use, named by the config", exitInUse, []string{"port_taken", "--> listen, " + config + ":3"}, []string{"--config", config}},
		{"an address that is none", exitFailed, []string{"listen_failed"}, []string{"--listen", "127.0.0.1:notaport"}},
		{"another address without TLS and keys", exitRefused, []string{"listen_unsafe", "TLS and an API key are missing", "forescale keys create", "openssl req", "--tls-cert cert.pem --tls-key key.pem"}, []string{"--listen", "0.0.0.0:0"}},
		{"all addresses", exitRefused, []string{"listen_unsafe"}, []string{"--listen", ":0"}},
		{"a store below a file", exitStore, []string{"error[store_unwritable]", "--store"}, []string{"--store", filepath.Join(file, "x.db")}},
		{"a store that is a folder", exitStore, []string{"store_unwritable"}, []string{"--store", s.dir}},
		{"a store that is another file", exitStore, []string{"store_damaged", notOurs}, []string{"--store", notOurs}},
		{"a store of another kind", exitUsage, []string{`"mysql" is not a kind of store`}, []string{"--store", "mysql://x/y"}},
		{"an unknown key of the config", exitInput, []string{"error[config_unknown_key]: unknown key \"max_instance\" in service \"checkout\"", ":3:5", `help: did you mean "max_instances"?`}, []string{"--config", s.file("bad.yaml", "services:\n  checkout:\n    max_instance: 3\n")}},
		{"a config that is not there", exitInput, []string{"config_unreadable", "no such file"}, []string{"--config", filepath.Join(s.dir, "none.yaml")}},
		{"a certificate without a key", exitUsage, []string{"both a certificate and its key"}, []string{"--tls-cert", "x.pem"}},
		{"a certificate that is none", exitFailed, []string{"tls_unusable"}, []string{"--tls-cert", file, "--tls-key", file}},
		{"a use of the engine that is none", exitUsage, []string{"auto, off or required"}, []string{"--docker", "perhaps"}},
		{"an argument", exitUsage, []string{"usage"}, []string{"now"}},
		{"a flag that is none", exitUsage, []string{"unknown flag"}, []string{"--port", "80"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			args := append([]string{"serve"}, c.args...)
			if !strings.Contains(strings.Join(args, " "), "--docker") {
				args = append(args, "--docker", "off")
			}
			s.fails(c.code, c.words, args...)
		})
	}
}

func TestServeNeedsTheEngineItWasToldToNeed(t *testing.T) {
	s := newShell(t)
	s.env["DOCKER_HOST"] = "unix://" + filepath.Join(s.dir, "no.sock")
	s.fails(exitFailed, []string{"engine_unreachable", "no.sock", "--docker auto"}, "serve", "--docker", "required", "--listen", "127.0.0.1:0")
}

func TestServeRefusesAStoreThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may write anywhere: a folder on a read-only file system stands in")
		s := newShell(t)
		s.fails(exitStore, []string{"store_unwritable", "--> /proc/forescale/x.db"}, "serve", "--docker", "off", "--listen", "127.0.0.1:0", "--store", "/proc/forescale/x.db")
		return
	}
	s := newShell(t)
	locked := filepath.Join(s.dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	s.fails(exitStore, []string{"store_unwritable", locked}, "serve", "--docker", "off", "--listen", "127.0.0.1:0", "--store", filepath.Join(locked, "x.db"))
}

func TestServeRefusesAStoreOfANewerVersion(t *testing.T) {
	s := newShell(t)
	path := filepath.Join(s.dir, "newer.db")
	s.must("keys", "create", "--store", path, "--name", "x", "--role", "read")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("PRAGMA user_version = 9999"); err != nil {
		t.Fatal(err)
	}
	s.fails(exitStore, []string{"schema_newer"}, "serve", "--docker", "off", "--listen", "127.0.0.1:0", "--store", path)
}

func TestASecondServerOnTheSameStoreIsRefused(t *testing.T) {
	s := newShell(t)
	path := filepath.Join(s.dir, "one.db")
	first := s.serve("--store", path)
	link := filepath.Join(s.dir, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, "sqlite://" + path, link} {
		s.fails(exitInUse, []string{"error[store_in_use]", fmt.Sprintf("process id %d", os.Getpid()), "--> " + path, "--store"}, "serve", "--docker", "off", "--listen", "127.0.0.1:0", "--store", p)
	}
	s.must("keys", "list", "--store", path) // the other commands go on working
	if r := first.stop(); r.code != exitOK {
		t.Fatalf("the first server ends with %d: %s", r.code, r.err)
	}
	s.serve("--store", path).stop()
}

func TestReloadTakesAGoodConfigAndRefusesABadOne(t *testing.T) {
	s := newShell(t)
	path := s.file("forescale.yaml", twoServices)
	server := s.serve("--config", path)
	reload := func(content, logged string) {
		t.Helper()
		before := strings.Count(server.log.String(), logged)
		s.file("forescale.yaml", content)
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, 10*time.Second, func() error {
			if strings.Count(server.log.String(), logged) == before {
				return fmt.Errorf("not logged: %s\n%s", logged, server.log.String())
			}
			return nil
		})
	}
	most := func() string {
		for _, x := range parseJSON[[]map[string]any](t, s.must("services", "-o", "json")) {
			if x["name"] == "checkout" {
				return fmt.Sprint(x["max_instances"], " ", x["mode"])
			}
		}
		return "gone"
	}
	reload(strings.Replace(twoServices, "max_instances: 12", "max_instance: 20", 1), "reload refused, the old config runs on")
	if got := most(); got != "12 forecast-only" {
		t.Errorf("after a bad config: %s", got)
	}
	if log := server.log.String(); !strings.Contains(log, "config_unknown_key") || !strings.Contains(log, path+":7:5") {
		t.Errorf("the log does not say what is wrong:\n%s", log)
	}
	reload(strings.Replace(twoServices, "max_instances: 12", "max_instances: 20", 1), "reload: config taken over")
	if got := most(); got != "20 forecast-only" {
		t.Errorf("after a good config: %s", got)
	}
	reload("retention: 30d\n", "takes effect at the next start") // the last thing that it says
	if got := most(); got != "20 forecast-only" {
		t.Errorf("after the service left the config: %s", got)
	}
	if log := server.log.String(); !strings.Contains(log, "service left the config") || !strings.Contains(log, "key=retention") {
		t.Errorf("the log does not say what needs a restart:\n%s", log)
	}
}

func TestKeysOpenAServerWithTLS(t *testing.T) {
	s := newShell(t)
	cert, key := writeCertificate(t, s.dir)
	store := filepath.Join(s.dir, "keys.db")
	read := strings.TrimSpace(s.must("keys", "create", "--store", store, "--name", "reader", "--role", "read"))
	operate := strings.TrimSpace(s.must("keys", "create", "--store", store, "--name", "op", "--role", "operate"))
	server := s.serve("--store", store, "--tls-cert", cert, "--tls-key", key,
		"--config", s.file("forescale.yaml", "require_keys: true\nservices:\n  checkout:\n"))
	if !strings.HasPrefix(server.url, "https://127.0.0.1:") {
		t.Fatalf("it answers at %s", server.url)
	}
	s.fails(exitUnreachable, []string{"--ca-file"}, "services")
	s.env["FORESCALE_CA_FILE"] = cert
	s.fails(exitRefused, []string{"not_authenticated", "FORESCALE_KEY", "keys create"}, "services")
	s.env["FORESCALE_KEY"] = read
	s.must("services")
	s.fails(exitRefused, []string{"forbidden", "operate"}, "pause", "checkout", "1h")
	keyFile := s.file("op.key", operate+"\n")
	s.must("pause", "checkout", "1h", "--key-file", keyFile)

	var id string
	for _, k := range parseJSON[[]forescale.Key](t, s.must("keys", "list", "--store", store, "-o", "json")) {
		if k.Name == "reader" {
			id = k.ID
		}
	}
	s.must("keys", "revoke", id, "--store", store)
	eventually(t, 10*time.Second, func() error {
		if r := s.run("services"); r.code != exitRefused {
			return fmt.Errorf("a revoked key still works: %d", r.code)
		}
		return nil
	})
	if r := server.stop(); strings.Contains(r.err+r.out, read) || strings.Contains(r.err+r.out, operate) {
		t.Error("a secret is in the log")
	}
}

func TestExposure(t *testing.T) {
	key := forescale.Key{ID: "k", Role: forescale.RoleAdmin}
	revoked := key
	revoked.RevokedAt = time.Now()
	secure := &tls.Config{}
	for _, c := range []struct {
		name    string
		cfg     serverConfig
		keys    []forescale.Key
		missing string // "": allowed
	}{
		{"loopback needs nothing", serverConfig{Listen: "127.0.0.1:8480"}, nil, ""},
		{"any 127 address is loopback", serverConfig{Listen: "127.8.8.8:1"}, nil, ""},
		{"so is ::1", serverConfig{Listen: "[::1]:1"}, nil, ""},
		{"and localhost", serverConfig{Listen: "localhost:1"}, nil, ""},
		{"a name may be anything", serverConfig{Listen: "localhost.example:1"}, nil, "TLS and an API key are missing"},
		{"all addresses", serverConfig{Listen: ":1"}, nil, "TLS and an API key are missing"},
		{"TLS without a key", serverConfig{Listen: "10.0.0.1:1", TLS: secure, RequireKeys: true}, nil, "an API key is missing"},
		{"a revoked key is none", serverConfig{Listen: "10.0.0.1:1", TLS: secure, RequireKeys: true}, []forescale.Key{revoked}, "an API key is missing"},
		{"a key without TLS", serverConfig{Listen: "10.0.0.1:1", RequireKeys: true}, []forescale.Key{key}, "TLS is missing"},
		{"keys that nobody asks for", serverConfig{Listen: "10.0.0.1:1", TLS: secure}, []forescale.Key{key}, "an API key is missing"},
		{"TLS and a key", serverConfig{Listen: "10.0.0.1:1", TLS: secure, RequireKeys: true}, []forescale.Key{key}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkExposure(c.cfg, c.keys)
			switch {
			case c.missing == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.missing != "" && (err == nil || faultCode(err) != "listen_unsafe" || !strings.Contains(err.Error(), c.missing)):
				t.Errorf("got %v, want a refusal that says %q", err, c.missing)
			}
		})
	}
}

// A part that ends by itself ends the server, which says which.
func TestAFailingPartEndsTheServer(t *testing.T) {
	s := &server{failed: make(chan error, 1)}
	s.run("loop", func(context.Context) error { return errors.New("the disk is gone") })
	err := <-s.Failed()
	if err == nil || !strings.Contains(err.Error(), "loop ended by itself: the disk is gone") {
		t.Errorf("got %v", err)
	}
}

func TestHealthAnswersWithoutAKey(t *testing.T) {
	s := newShell(t)
	server := s.serve("--config", s.file("f.yaml", "require_keys: true\n"))
	defer http.DefaultClient.CloseIdleConnections()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v1/services": 401} {
		resp, err := http.Get(server.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// writeCertificate makes a certificate for 127.0.0.1.
func writeCertificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "forescale test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
