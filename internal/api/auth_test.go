package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
)

// operations are all of the document: "METHOD path" → what it says.
type operation struct {
	OperationID string                     `json:"operationId"`
	Summary     string                     `json:"summary"`
	Description string                     `json:"description"`
	Parameters  []map[string]any           `json:"parameters"`
	RequestBody map[string]any             `json:"requestBody"`
	Responses   map[string]json.RawMessage `json:"responses"`
	Security    []map[string][]string      `json:"security"`
}

func (f *fixture) operations() map[string]operation {
	f.Helper()
	var doc struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal(f.api.spec, &doc); err != nil {
		f.Fatal(err)
	}
	ops := map[string]operation{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			ops[strings.ToUpper(method)+" "+path] = op
		}
	}
	return ops
}

func keys(c *Config) { c.RequireKeys = true }

// samplePath fills the parameters of a path.
func samplePath(path string) string {
	return strings.NewReplacer("{name}", "checkout", "{service}", "checkout", "{id}", "dec_x").Replace(path)
}

func TestEveryRouteAsksForAKeyAndItsRole(t *testing.T) {
	f := setup(t, keys)
	f.service("checkout")
	push, read, operate, admin := f.newKey(forescale.RolePush, "checkout"), f.newKey(forescale.RoleRead, ""), f.newKey(forescale.RoleOperate, ""), f.newKey(forescale.RoleAdmin, "")
	routes := map[string]forescale.Role{"GET /metrics": forescale.RoleRead, "GET /openapi.json": forescale.RoleRead}
	for name, op := range f.operations() {
		for _, r := range []forescale.Role{forescale.RolePush, forescale.RoleRead, forescale.RoleOperate, forescale.RoleAdmin} {
			if strings.Contains(op.Description, "role `"+string(r)+"`") {
				routes[name] = r
			}
		}
		if routes[name] == "" {
			t.Fatalf("%s does not say which role it needs", name)
		}
	}
	may := map[forescale.Role]map[string]string{
		forescale.RolePush:    {"push": push, "operate": operate, "admin": admin},
		forescale.RoleRead:    {"read": read, "operate": operate, "admin": admin},
		forescale.RoleOperate: {"operate": operate, "admin": admin},
		forescale.RoleAdmin:   {"admin": admin},
	}
	for name, role := range routes {
		method, path, _ := strings.Cut(name, " ")
		send := func(key string) answer {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // a stream must end at once; what is asked here is only who may
			r := httptest.NewRequest(method, "http://localhost"+samplePath(path), strings.NewReader("")).WithContext(ctx)
			if key != "" {
				r.Header.Set("Authorization", "Bearer "+key)
			}
			w := httptest.NewRecorder()
			f.api.keys = newKeyring(f.store) // no failures of others
			if key != "" && key != "fsk_wrong" {
				_, _ = f.api.keys.find(t.Context(), key, "")
			}
			f.api.ServeHTTP(w, r)
			return answer{T: t, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
		}
		for _, key := range []string{"", "fsk_wrong"} {
			if key == "" { // a wrong one reads the store, for which the context is over
				a := send(key)
				p := a.problem(401, "not_authenticated")
				if !strings.Contains(p.Detail, "role "+string(role)) || a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: %s", name, a.body)
				}
			}
		}
		for who, key := range map[string]string{"push": push, "read": read, "operate": operate, "admin": admin} {
			a := send(key)
			_, granted := may[role][who]
			if refused := a.status == 401 || a.status == 403; refused == granted {
				t.Errorf("%s with a %s key: %d %s", name, who, a.status, a.body)
			}
			if !granted {
				a.problem(403, "forbidden")
			}
		}
	}
	f.do("GET", "/healthz", "").is(200)
	f.do("GET", "/readyz", "").is(200)
	f.do("GET", "/", "").is(200)
}

func TestEveryWayOfHavingNoKeyLooksTheSame(t *testing.T) {
	f := setup(t, keys)
	good := f.newKey(forescale.RoleRead, "")
	gone := f.newKey(forescale.RoleAdmin, "")
	if err := f.store.RevokeKey(t.Context(), "key_admin", monday); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, h := range []string{"", "Bearer", "Bearer ", "Basic " + good, good, "Bearer fsk_wrong", "Bearer " + gone, "Bearer " + strings.ToUpper(good), "Bearer " + strings.TrimPrefix(good, "fsk_")} {
		a := f.do("GET", "/v1/services", "", "Authorization", h).is(401)
		if first == nil {
			first = a.body
		}
		if string(a.body) != string(first) {
			t.Errorf("%q gives %s", h, a.body)
		}
	}
	f.do("GET", "/v1/services", "", "Authorization", "Bearer "+good).is(200)
	if strings.Contains(f.log.String(), "fsk_") {
		t.Error("a secret is in the log")
	}
}

func TestAPushKeyPushesForItsServiceAlone(t *testing.T) {
	f := setup(t, keys)
	f.service("checkout")
	f.service("mailer")
	f.key = f.newKey(forescale.RolePush, "checkout")
	mine, other, node := `{"service":"checkout","load":1}`, `{"service":"mailer","load":1}`, `{"node":"n","cpu":1}`
	f.do("POST", "/v1/samples", mine).is(200)
	f.do("POST", "/v1/samples", other).problem(403, "key_not_for_service")
	f.do("POST", "/v1/samples", node).problem(403, "key_not_for_service")
	var v PushView
	f.do("POST", "/v1/samples", "["+mine+","+other+"]").is(200).read(&v)
	if v.Stored != 1 || v.Refused != 1 || v.Errors[0].Code != "key_not_for_service" {
		t.Errorf("answer %+v", v)
	}
	if got := f.stored(); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
	f.key = f.newKey(forescale.RoleOperate, "")
	f.do("POST", "/v1/samples", "["+mine+","+other+","+node+"]").is(200)
}

func TestARevokedKeyStopsWorkingWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &memoryKeys{key: forescale.Key{ID: "k", Role: forescale.RoleRead}}
		ring := newKeyring(k)
		find := func() error {
			_, err := ring.find(t.Context(), "fsk_x", "1.2.3.4")
			return err
		}
		for range 1000 {
			if err := find(); err != nil {
				t.Fatal(err)
			}
		}
		if n := k.asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times for 1000 requests", n)
		}
		k.key.RevokedAt = time.Now()
		time.Sleep(keyCache + time.Millisecond)
		if err := find(); err == nil {
			t.Errorf("the key still works after %s", keyCache)
		}
	})
}

// memoryKeys has one key for every secret, or none.
type memoryKeys struct {
	key   forescale.Key
	none  bool
	asked atomic.Int64
}

func (k *memoryKeys) KeyByHash(context.Context, []byte) (forescale.Key, error) {
	k.asked.Add(1)
	if k.none {
		return forescale.Key{}, forescale.ErrNotFound
	}
	return k.key, nil
}

func TestGuessingKeysIsSlowedAndTouchesNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &memoryKeys{key: forescale.Key{ID: "k", Role: forescale.RoleRead}}
		ring := newKeyring(k)
		if _, err := ring.find(t.Context(), "fsk_used", "1.2.3.4"); err != nil {
			t.Fatal(err)
		}
		k.none = true
		k.asked.Store(0)
		for i := range 10_000 {
			_, _ = ring.find(t.Context(), fmt.Sprintf("fsk_guess%d", i), "1.2.3.4")
			time.Sleep(time.Millisecond) // ten seconds in all
		}
		if n := k.asked.Load(); n > failBurst+10*failRate+1 {
			t.Errorf("10,000 guesses cost %d look-ups", n)
		}
		k.none = false
		if _, err := ring.find(t.Context(), "fsk_other", "5.6.7.8"); err != nil {
			t.Errorf("another address is slowed too: %v", err)
		}
	})
}

func TestTooManyFailuresSayWhenToComeAgain(t *testing.T) {
	f := setup(t, keys)
	var a answer
	for i := range failBurst + 5 {
		a = f.do("GET", "/v1/services", "", "Authorization", fmt.Sprint("Bearer fsk_", i))
	}
	a.problem(429, "too_many_failures")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestPagesOfOthersCannotUseAServerWithoutKeys(t *testing.T) {
	f := setup(t, func(c *Config) { c.Hosts = []string{"scaler.lan"} })
	f.service("checkout")
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"by loopback address", "GET", "/v1/services", []string{"Host", "127.0.0.1:8480"}, 200},
		{"by loopback address of IPv6", "GET", "/v1/services", []string{"Host", "[::1]:8480"}, 200},
		{"by localhost", "GET", "/v1/services", []string{"Host", "localhost:8480"}, 200},
		{"by a configured name", "GET", "/v1/services", []string{"Host", "scaler.lan"}, 200},
		{"by a name that resolves here", "GET", "/v1/services", []string{"Host", "evil.example:8480"}, 403},
		{"by a name that looks like ours", "GET", "/v1/services", []string{"Host", "localhost.evil.example"}, 403},
		{"the page by such a name", "GET", "/", []string{"Host", "evil.example"}, 403},
		{"a change from another page", "POST", "/v1/pauses", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"a change from another port", "POST", "/v1/pauses", []string{"Origin", "http://127.0.0.1:9999"}, 403},
		{"a change from the dashboard", "POST", "/v1/pauses", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:8480"}, 201},
		{"a change from a command line", "POST", "/v1/pauses", nil, 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := ""
			if c.method == http.MethodPost {
				body = `{"service":"checkout","for":"1h"}`
			}
			a := f.do(c.method, c.path, body, c.headers...).is(c.status)
			if a.status == 403 {
				var p Problem
				if a.read(&p); p.Code != "host_refused" && p.Code != "cross_origin" {
					t.Errorf("code %s", p.Code)
				}
			}
		})
	}
}
