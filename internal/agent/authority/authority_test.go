package authority

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

var monday = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

func newAuthority(t testing.TB) *Authority {
	t.Helper()
	a, err := New(monday)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// issued is a certificate of an agent, with its key.
func issued(t testing.TB, a *Authority, node string, now time.Time) *tls.Certificate {
	t.Helper()
	key, request, err := newRequest(node)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Issue(request, node, now)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

// handshake connects a caller with a server and gives what the server saw and
// either side's error.
func handshake(t *testing.T, server, caller *tls.Config) (seen tls.ConnectionState, serverErr, callerErr error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer far.Close()
		s := tls.Server(far, server)
		if serverErr = s.Handshake(); serverErr == nil {
			seen = s.ConnectionState()
			_, _ = io.WriteString(s, "x")
		}
	})
	c := tls.Client(near, caller)
	if callerErr = c.Handshake(); callerErr == nil {
		_, callerErr = c.Read(make([]byte, 1)) // a server refuses after the caller's handshake is over
	}
	near.Close()
	wg.Wait()
	return seen, serverErr, callerErr
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func show(c *tls.Certificate) func() *tls.Certificate {
	return func() *tls.Certificate { return c }
}

func code(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func newRequest(node string) (*ecdsa.PrivateKey, []byte, error) {
	key, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	request, err := NewRequest(node, key)
	return key, request, err
}

// Who asks again with the same key for the same node gets the same certificate.
func TestTheSerialNumberFollowsFromNodeAndKey(t *testing.T) {
	a := newAuthority(t)
	key, _, err := newRequest("node-1")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := newRequest("node-1")
	if err != nil {
		t.Fatal(err)
	}
	serial := func(node string, key *ecdsa.PrivateKey) string {
		request, err := NewRequest(node, key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.Issue(request, node, monday)
		if err != nil {
			t.Fatal(err)
		}
		return SerialOf(c)
	}
	first, again := serial("node-1", key), serial("node-1", key)
	if first != again || first == serial("node-2", key) || first == serial("node-1", other) {
		t.Error("a serial number is not that of the node and the key")
	}
}

func TestBothSidesKnowEachOther(t *testing.T) {
	a := newAuthority(t)
	own := issued(t, a, "node-1", monday)
	seen, serverErr, callerErr := handshake(t, a.ServerConfig(at(monday)), Caller{Pin: a.Pin(), Certificate: show(own), Now: at(monday)}.Config())
	if serverErr != nil || callerErr != nil {
		t.Fatal(serverErr, callerErr)
	}
	if seen.Version != tls.VersionTLS13 {
		t.Errorf("version %x, want TLS 1.3", seen.Version)
	}
	id, err := a.Identify(&seen, monday)
	if err != nil || id.Node != "node-1" || id.Serial != SerialOf(own.Leaf) || id.Expired(monday) {
		t.Errorf("%+v, %v", id, err)
	}
	if !id.Expired(monday.Add(LeafLife + time.Second)) {
		t.Error("it does not expire after a day")
	}
}

func TestAServerThatIsNotThePinnedOneIsRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	// The agent's own certificate, of the right authority, served by a thief.
	thief := issued(t, a, "node-1", monday)
	thief.Certificate = append(thief.Certificate, a.root.Raw)
	for name, server := range map[string]*tls.Config{
		"of another authority":           other.ServerConfig(at(monday)),
		"with the certificate of a node": {Certificates: []tls.Certificate{*thief}},
		"of an authority that shows the root of ours too": {GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := other.serverLeaf(monday)
			if err == nil {
				c.Certificate[1] = a.root.Raw
			}
			return c, err
		}},
	} {
		_, _, err := handshake(t, server, Caller{Pin: a.Pin(), Now: at(monday)}.Config())
		if code(err) != "server_unknown" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOlderTLSIsRefused(t *testing.T) {
	a := newAuthority(t)
	old := Caller{Pin: a.Pin(), Now: at(monday)}.Config()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, err, _ := handshake(t, a.ServerConfig(at(monday)), old); err == nil {
		t.Error("the server speaks TLS 1.2")
	}
	server := a.ServerConfig(at(monday))
	server.MinVersion, server.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, _, err := handshake(t, server, Caller{Pin: a.Pin(), Now: at(monday)}.Config()); err == nil {
		t.Error("the agent speaks TLS 1.2")
	}
}

func TestClocksThatDifferLockNobodyOut(t *testing.T) {
	a := newAuthority(t)
	for _, off := range []time.Duration{-400 * 24 * time.Hour, -48 * time.Hour, -time.Hour, time.Hour, 48 * time.Hour, 400 * 24 * time.Hour} {
		own := issued(t, a, "node-1", monday)
		seen, serverErr, callerErr := handshake(t, a.ServerConfig(at(monday)),
			Caller{Pin: a.Pin(), Certificate: show(own), Now: at(monday.Add(off)), Known: at(monday.Add(-time.Minute))}.Config())
		if serverErr != nil || callerErr != nil {
			t.Errorf("a node whose clock is off by %v: %v, %v", off, serverErr, callerErr)
		}
		if _, err := a.Identify(&seen, monday.Add(off)); err != nil {
			t.Errorf("a server whose clock is off by %v: %v", off, err)
		}
	}
}

func TestACertificateFromBeforeTheNewestKnownTimeIsRefused(t *testing.T) {
	a := newAuthority(t)
	server := a.ServerConfig(at(monday))
	later := monday.Add(LeafLife + time.Hour)
	_, _, err := handshake(t, server, Caller{Pin: a.Pin(), Now: at(later), Known: at(later)}.Config())
	if code(err) != "server_unknown" {
		t.Errorf("a server's certificate that ended before what the agent knows passes: %v", err)
	}
}

func TestStrangersAreToldApart(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	server, err := a.serverLeaf(monday)
	if err != nil {
		t.Fatal(err)
	}
	state := func(c *tls.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.Leaf}}
	}
	for name, c := range map[string]struct {
		state *tls.ConnectionState
		code  string
	}{
		"nobody":                        {nil, "certificate_missing"},
		"one without a certificate":     {&tls.ConnectionState{}, "certificate_missing"},
		"an agent of another authority": {state(issued(t, other, "node-1", monday)), "certificate_unknown"},
		"a server posing as an agent":   {state(server), "certificate_unknown"},
		"the authority's own root":      {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{a.root}}, "certificate_unknown"},
		"another root of the same name": {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{other.root}}, "certificate_unknown"},
	} {
		if _, err := a.Identify(c.state, monday); code(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestRequestsThatAreNotOursAreRefused(t *testing.T) {
	a := newAuthority(t)
	_, good, err := newRequest("node-1")
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, edKey)
	if err != nil {
		t.Fatal(err)
	}
	changed := append([]byte(nil), good...)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		request []byte
		node    string
	}{
		"garbage":           {[]byte("x"), "node-1"},
		"nothing":           {nil, "node-1"},
		"another signature": {changed, "node-1"},
		"another algorithm": {ed, "node-1"},
		"a bad name":        {good, "node\n1"},
	} {
		if _, err := a.Issue(c.request, c.node, monday); code(err) != "certificate_request" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheNameIsTheAuthoritysToSay(t *testing.T) {
	a := newAuthority(t)
	_, request, err := newRequest("node-2")
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Issue(request, "node-1", monday)
	if err != nil || c.Subject.CommonName != "node-1" || c.IsCA || len(c.DNSNames) != 0 {
		t.Errorf("%v: %v", c.Subject, err)
	}
	if got := c.NotAfter.Sub(monday); got != LeafLife {
		t.Errorf("it lives %v", got)
	}
}

func TestTheServersCertificateIsRenewedAtHalfItsLife(t *testing.T) {
	a := newAuthority(t)
	now := monday
	server := a.ServerConfig(func() time.Time { return now })
	serial := func() string {
		c, err := server.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return SerialOf(c.Leaf)
	}
	first := serial()
	now = monday.Add(LeafLife/2 - 10*time.Minute)
	if serial() != first {
		t.Error("it was renewed before half its life")
	}
	now = monday.Add(LeafLife / 2)
	second := serial()
	if second == first {
		t.Error("it was not renewed at half its life")
	}
	now = monday.Add(-time.Hour) // a clock that was set back
	if serial() == second {
		t.Error("it serves a certificate that is not valid yet")
	}
}

func TestSigningKeysDiffer(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	if string(a.SigningKey("1")) == string(a.SigningKey("2")) || string(a.SigningKey("1")) == string(b.SigningKey("1")) || len(a.SigningKey("1")) != 32 {
		t.Error("signing keys of two certificates, or of two authorities, are the same")
	}
}

func TestTheFileIsPrivateAndGivesTheSameBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agents.pem")
	if _, err := Open(path); code(err) != "agent_authority_missing" {
		t.Errorf("missing: %v", err)
	}
	var wg sync.WaitGroup
	made := make([]*Authority, 8)
	for i := range made {
		wg.Go(func() {
			a, err := OpenOrCreate(path, monday)
			if err != nil {
				t.Error(err)
				return
			}
			made[i] = a
		})
	}
	wg.Wait()
	for _, a := range made[1:] {
		if a == nil || a.Pin() != made[0].Pin() || string(a.SigningKey("1")) != string(made[0].SigningKey("1")) || !a.key.Equal(made[0].key) {
			t.Fatal("those who made it at once have different authorities")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".agents-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); code(err) != "agent_authority_exposed" {
		t.Errorf("exposed: %v", err)
	}
}

func TestADamagedFileIsRefusedAndNotReplaced(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	whole, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := (&Authority{root: a.root, key: b.key, secret: a.secret}).encode()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "agents.pem")
		data := rapid.OneOf(
			rapid.Just(mixed),
			rapid.Just([]byte(strings.Repeat(string(whole), 2))),
			rapid.Map(rapid.IntRange(0, len(whole)-2), func(n int) []byte { return whole[:n] }),
			rapid.SliceOf(rapid.Byte()),
		).Draw(rt, "data")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			rt.Fatal(err)
		}
		if _, err := OpenOrCreate(path, monday); code(err) != "agent_authority_damaged" {
			rt.Fatalf("%v", err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != string(data) {
			rt.Fatal("it was replaced")
		}
	})
}
