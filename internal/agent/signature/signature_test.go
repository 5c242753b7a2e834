package signature

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

var monday = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// handClock is moved by hand; wall and steady part apart.
type handClock struct {
	wall   time.Time
	steady time.Duration
}

func (c *handClock) Now() time.Time                       { return c.wall }
func (c *handClock) Elapsed() time.Duration               { return c.steady }
func (c *handClock) After(time.Duration) <-chan time.Time { return nil }

func (c *handClock) pass(d time.Duration) {
	c.wall = c.wall.Add(d)
	c.steady += d
}

func code(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	about  = About{Node: "node-1", Cluster: "c1", Fence: 7, Decision: "web-1"}
)

func keyOf(id string) ([]byte, bool) { return secret, id == "a1" }

// setup is a verifier, its clock five seconds after it was made, and a signed request.
func setup(t testing.TB, body string) (*Verifier, *handClock, *http.Request) {
	t.Helper()
	clock := &handClock{wall: monday}
	v := NewVerifier(ToServer, clock)
	clock.pass(5 * time.Second)
	return v, clock, signed(t, body, ToServer, clock.wall)
}

func signed(t testing.TB, body, tag string, now time.Time) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://Server.Example:443/v1/agent/beat?a=b&c=%20d", strings.NewReader(body))
	if err := (Signer{KeyID: "a1", Key: secret, Tag: tag}).Sign(r, []byte(body), about, now); err != nil {
		t.Fatal(err)
	}
	return r
}

// The example of RFC 9421, appendix B.2.5: "Signing a Request Using hmac-sha256",
// with the request of B.2 and the key test-shared-secret of B.1.5.
func TestTheExampleOfTheRFCIsSignedByteForByte(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/foo?param=Value&Pet=dog", strings.NewReader(`{"hello": "world"}`))
	r.Host = "example.com"
	r.Header.Set("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
	r.Header.Set("Content-Type", "application/json")
	b, err := base(r, []string{"date", "@authority", "content-type"}, `("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`)
	if err != nil {
		t.Fatal(err)
	}
	want := "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n" +
		"\"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
	if b != want {
		t.Errorf("base\n%s\nwant\n%s", b, want)
	}
	if got := base64.StdEncoding.EncodeToString(mac(key, b)); got != "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=" {
		t.Errorf("signature %s", got)
	}
}

// Values of RFC 9421, sections 2.2.3, 2.2.6 and 2.2.7, and of RFC 9530, appendix D.
func TestComponentsAreThoseOfTheRFCs(t *testing.T) {
	for _, c := range []struct{ url, name, want string }{
		{"https://www.example.com/path?param=value", "@authority", "www.example.com"},
		{"https://WWW.example.com:443/", "@authority", "www.example.com"},
		{"https://www.example.com:8443/", "@authority", "www.example.com:8443"},
		{"https://www.example.com/path?param=value", "@path", "/path"},
		{"https://www.example.com", "@path", "/"},
		{"https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman", "@query", "?param=value&foo=bar&baz=bat%2Dman"},
		{"https://www.example.com/path?queryString", "@query", "?queryString"},
		{"https://www.example.com/path", "@query", "?"},
	} {
		r, err := http.NewRequest(http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := component(r, c.name); err != nil || got != c.want {
			t.Errorf("%s of %s: %q, %v, want %q", c.name, c.url, got, err, c.want)
		}
	}
	if got := digest([]byte(`{"hello": "world"}` + "\n")); got != "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:" {
		t.Errorf("digest %s", got)
	}
}

func TestASignedRequestPassesOnce(t *testing.T) {
	v, clock, r := setup(t, `{"a":1}`)
	got, err := v.Verify(r, []byte(`{"a":1}`), keyOf)
	if err != nil || got != about {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, later := range []time.Duration{0, time.Second, Window - time.Second, time.Second, time.Second, Window, Window, time.Hour} {
		clock.pass(later)
		if _, err := v.Verify(r, []byte(`{"a":1}`), keyOf); code(err) != "signature_replayed" && code(err) != "signature_stale" {
			t.Fatalf("sent again: %v", err)
		}
	}
}

func TestAnyChangeIsFound(t *testing.T) {
	changes := map[string]func(r *http.Request, body *string){
		"method":       func(r *http.Request, _ *string) { r.Method = http.MethodPut },
		"host":         func(r *http.Request, _ *string) { r.Host = "other.example" },
		"path":         func(r *http.Request, _ *string) { r.URL.Path = "/v1/agent/join" },
		"query":        func(r *http.Request, _ *string) { r.URL.RawQuery = "a=c" },
		"body":         func(_ *http.Request, body *string) { *body = "x" },
		"node":         func(r *http.Request, _ *string) { r.Header.Set(FieldNode, "node-2") },
		"cluster":      func(r *http.Request, _ *string) { r.Header.Set(FieldCluster, "c2") },
		"fence":        func(r *http.Request, _ *string) { r.Header.Set(FieldFence, "8") },
		"no fence":     func(r *http.Request, _ *string) { r.Header.Del(FieldFence) },
		"two nodes":    func(r *http.Request, _ *string) { r.Header.Add(FieldNode, "node-2") },
		"decision":     func(r *http.Request, _ *string) { r.Header.Set(FieldDecision, "web-2") },
		"time":         func(r *http.Request, _ *string) { swap(r, ";created=", ";created=1") },
		"nonce":        func(r *http.Request, _ *string) { swap(r, `;nonce="`, `;nonce="x`) },
		"key":          func(r *http.Request, _ *string) { swap(r, `keyid="a1"`, `keyid="a2"`) },
		"algorithm":    func(r *http.Request, _ *string) { swap(r, "hmac-sha256", "none") },
		"direction":    func(r *http.Request, _ *string) { swap(r, ToServer, ToAgent) },
		"fewer parts":  func(r *http.Request, _ *string) { swap(r, `"@method" `, "") },
		"other order":  func(r *http.Request, _ *string) { swap(r, `"@method" "@authority"`, `"@authority" "@method"`) },
		"more spaces":  func(r *http.Request, _ *string) { swap(r, `"@method" `, `"@method"  `) },
		"no signature": func(r *http.Request, _ *string) { r.Header.Del("Signature") },
		"two":          func(r *http.Request, _ *string) { r.Header.Add("Signature", r.Header.Get("Signature")) },
		"cut":          func(r *http.Request, _ *string) { r.Header.Set("Signature", "forescale=::") },
		"digest":       func(r *http.Request, _ *string) { r.Header.Set("Content-Digest", digest(nil)) },
		"digest alg":   func(r *http.Request, _ *string) { r.Header.Set("Content-Digest", "md5=:x:") },
	}
	for name, change := range changes {
		v, _, r := setup(t, "body")
		body := "body"
		change(r, &body)
		if _, err := v.Verify(r, []byte(body), keyOf); code(err) != "signature_wrong" && code(err) != "signature_malformed" {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

func swap(r *http.Request, old, new string) {
	r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), old, new, 1))
}

func TestARequestThatIsSentBackIsRefused(t *testing.T) {
	v, clock, _ := setup(t, "")
	if _, err := v.Verify(signed(t, "", ToAgent, clock.wall), nil, keyOf); code(err) != "signature_wrong" {
		t.Errorf("%v", err)
	}
}

func TestClocksThatDifferAreToldTheTimeAndPassByIt(t *testing.T) {
	for _, off := range []time.Duration{-1000 * time.Hour, -2 * time.Minute, 2 * time.Minute, 1000 * time.Hour} {
		v, clock, _ := setup(t, "")
		if _, err := v.Verify(signed(t, "", ToServer, clock.wall.Add(off)), nil, keyOf); code(err) != "signature_stale" {
			t.Errorf("off by %v: %v", off, err)
		}
		if _, err := v.Verify(signed(t, "", ToServer, v.Now()), nil, keyOf); err != nil {
			t.Errorf("by the verifier's time: %v", err)
		}
	}
}

func TestAWallClockThatJumpsNeitherLetsPassNorLocksOut(t *testing.T) {
	v, clock, r := setup(t, "")
	if _, err := v.Verify(r, nil, keyOf); err != nil {
		t.Fatal(err)
	}
	clock.pass(time.Hour)
	clock.wall = clock.wall.Add(-time.Hour) // set back to when r was signed
	if _, err := v.Verify(r, nil, keyOf); code(err) != "signature_stale" {
		t.Errorf("sent again after the clock was set back: %v", err)
	}
	if _, err := v.Verify(signed(t, "", ToServer, v.Now()), nil, keyOf); err != nil {
		t.Errorf("by the verifier's time: %v", err)
	}
}

func TestWhatWasSignedBeforeTheStartIsRefused(t *testing.T) {
	v, clock, r := setup(t, "")
	if _, err := v.Verify(r, nil, keyOf); err != nil {
		t.Fatal(err)
	}
	restarted := NewVerifier(ToServer, clock)
	if _, err := restarted.Verify(r, nil, keyOf); code(err) != "signature_stale" {
		t.Errorf("after a restart: %v", err)
	}
	clock.pass(time.Second)
	if _, err := restarted.Verify(signed(t, "", ToServer, restarted.Now()), nil, keyOf); err != nil {
		t.Errorf("a second after the start: %v", err)
	}
}

func TestNoncesAreBoundedAndNoneIsForgottenTooEarly(t *testing.T) {
	n := newNonces()
	for i := range maxNonces {
		if err := n.take("a", string(rune('a'+i)), 0); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := n.take("a", "more", remembered); code(err) != "signature_busy" {
		t.Errorf("full: %v", err)
	}
	if err := n.take("b", "more", remembered); err != nil {
		t.Errorf("another key suffers: %v", err)
	}
	if err := n.take("a", string(rune('a')), remembered); code(err) != "signature_replayed" {
		t.Errorf("forgotten too early: %v", err)
	}
	if err := n.take("a", "more", remembered+1); err != nil {
		t.Errorf("nothing is ever forgotten: %v", err)
	}
	for i := range maxKeys - 2 {
		n.ofKey[string(rune(i))+"x"] = &taken{at: map[string]time.Duration{}}
	}
	if err := n.take("new", "x", remembered+1); err != nil || len(n.ofKey) != 3 {
		t.Errorf("keys that are not used stay: %d, %v", len(n.ofKey), err)
	}
}

func TestFieldsWithLineBreaksAreNotSigned(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	err := Signer{KeyID: "a1", Key: secret, Tag: ToServer}.Sign(r, nil, About{Node: "a\n\"forescale-fence\": 9", Cluster: "c"}, monday)
	if err == nil {
		t.Error("a line was smuggled in")
	}
}

func TestWhateverIsSignedComesBackAsItWas(t *testing.T) {
	v, clock, _ := setup(t, "")
	word := rapid.StringMatching(`[a-z0-9][a-z0-9.-]{0,40}`)
	rapid.Check(t, func(rt *rapid.T) {
		clock.pass(time.Second)
		want := About{Node: word.Draw(rt, "node"), Cluster: word.Draw(rt, "cluster"), Fence: rapid.Int64Min(0).Draw(rt, "fence"), Decision: rapid.OneOf(rapid.Just(""), word).Draw(rt, "decision")}
		body := rapid.SliceOf(rapid.Byte()).Draw(rt, "body")
		r := httptest.NewRequest(rapid.SampledFrom([]string{"GET", "POST"}).Draw(rt, "method"), "/"+word.Draw(rt, "path"), nil)
		r.URL.RawQuery = word.Draw(rt, "query")
		if err := (Signer{KeyID: "a1", Key: secret, Tag: ToServer}).Sign(r, body, want, v.Now()); err != nil {
			rt.Fatal(err)
		}
		if got, err := v.Verify(r, body, keyOf); err != nil || got != want {
			rt.Fatalf("%+v, %v, want %+v", got, err, want)
		}
	})
}

func FuzzSignatureInput(f *testing.F) {
	_, _, r := setup(f, "x")
	f.Add(r.Header.Get("Signature-Input"))
	f.Add(`forescale=("@method");created=-1;nonce="";keyid="";alg="hmac-sha256";tag=""`)
	f.Add(`forescale=();`)
	f.Fuzz(func(t *testing.T, v string) {
		in, err := parseInput(v)
		if err == nil && label+"="+in.String() != v {
			t.Errorf("%q was read as %q", v, in)
		}
	})
}

func FuzzVerify(f *testing.F) {
	v, _, r := setup(f, "x")
	f.Add(r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Content-Digest"), "7")
	f.Fuzz(func(t *testing.T, in, sig, digest, fence string) {
		q := httptest.NewRequest(http.MethodPost, "https://server.example/other", nil)
		q.Header = http.Header{"Signature-Input": {in}, "Signature": {sig}, "Content-Digest": {digest}, FieldFence: {fence}, FieldNode: {"n"}, FieldCluster: {"c"}, FieldDecision: {"-"}}
		if _, err := v.Verify(q, []byte("x"), keyOf); err == nil {
			t.Errorf("a request that nobody signed passes")
		}
	})
}
