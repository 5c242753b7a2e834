package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestASecretInTheEnvironmentOfATemplateIsRefused(t *testing.T) {
	f := setup(t)
	const secret = "hunter2-hunter2"
	body := fmt.Sprintf(`{"template": {"image": "shop:1", "env": {"LANG": "de", "DB_PASSWORD": %q}}}`, secret)
	p := f.do("PUT", "/v1/services/shop", body)
	_ = p.problem(http.StatusUnprocessableEntity, "service_invalid")
	if bytes.Contains(p.body, []byte(secret)) || !bytes.Contains(p.body, []byte("env_from")) {
		t.Errorf("answered %s", p.body)
	}
	if _, err := f.store.Service(t.Context(), "shop"); !errors.Is(err, forescale.ErrNotFound) {
		t.Errorf("it was stored: %v", err)
	}
	f.service("shop")
	f.do("PATCH", "/v1/services/shop", body).problem(http.StatusUnprocessableEntity, "service_invalid")
	if s, err := f.store.Service(t.Context(), "shop"); err != nil || len(s.Template.Env) > 0 {
		t.Errorf("stored %v, %v", s.Template.Env, err)
	}
	f.do("PUT", "/v1/services/shop", `{"template": {"image": "shop:1", "env": {"LANG": "de"}, "env_from": ["DB_PASSWORD"]}}`).is(http.StatusOK)
}

// Samples are held against the same clock that decisions are made by, also
// after that clock has jumped.
func TestSamplesAreHeldAgainstTheServersClock(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	row := func(at time.Time) string {
		return fmt.Sprintf(`[{"service":"checkout","instance":"a","utilization":50,"time":%q}]`, at.Format(time.RFC3339))
	}
	refused := func(body string) bool {
		t.Helper()
		return bytes.Contains(f.do("POST", "/v1/samples", body).body, []byte(`"sample_from_future"`))
	}
	now := f.clock.Now()
	if refused(row(now)) || !refused(row(now.Add(time.Hour))) {
		t.Error("now is refused, or the future is not")
	}
	f.clock.setTo(now.Add(time.Hour))
	if refused(row(now.Add(time.Hour))) {
		t.Error("the clock was set ahead by an hour, and what is now then is refused")
	}
	f.clock.setTo(now.Add(-time.Hour))
	if !refused(row(now)) {
		t.Error("the clock was set back by an hour, and what is an hour ahead then is taken")
	}
}

func (c *handClock) setTo(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// anyKey is a store in which every secret is a key.
type anyKey struct{}

func (anyKey) KeyByHash(context.Context, []byte) (forescale.Key, error) {
	return forescale.Key{ID: "key_1", Role: forescale.RoleRead}, nil
}

func TestKeysAndFailuresAreRememberedWithinBounds(t *testing.T) {
	f := setup(t, keys)
	ring := f.api.keys
	for k := range maxRemembered + 10 {
		from := fmt.Sprintf("10.%d.%d.%d", k>>16, k>>8&0xff, k&0xff)
		if _, err := ring.find(t.Context(), "fsk_nobody", from); !errors.Is(err, forescale.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n := len(ring.failed); n > maxRemembered {
		t.Errorf("the failures of %d addresses are remembered", n)
	}
	ring.store = anyKey{}
	for k := range maxRemembered + 10 {
		if _, err := ring.find(t.Context(), fmt.Sprintf("fsk_%d", k), "10.0.0.1"); err != nil && !errors.Is(err, errTooManyFailures) {
			t.Fatal(err)
		}
	}
	if n := len(ring.found); n > maxRemembered {
		t.Errorf("%d keys are remembered", n)
	}
}
