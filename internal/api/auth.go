package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/forescale/forescale"
)

const (
	// keyPrefix marks a secret of ours, so that scanners can find one that leaked.
	keyPrefix = "fsk_"
	// keyCache is how long a key that was found is believed without asking again.
	// It bounds how long a revoked key still works.
	keyCache = 2 * time.Second
	// A remote address may fail failBurst times at once and then failRate times a
	// second. It bounds what guessing costs the store; keys in use are not touched.
	failBurst, failRate = 30, 2
	// maxRemembered bounds both maps below.
	maxRemembered = 10_000
)

// local is who asks while no keys are required.
var local = forescale.Key{ID: "local", Name: "local", Role: forescale.RoleAdmin}

type keyContext struct{}

// keyOf is the key of the request, or the local one.
func keyOf(ctx context.Context) forescale.Key {
	if k, ok := ctx.Value(keyContext{}).(forescale.Key); ok {
		return k
	}
	return local
}

// authenticated is the huma middleware that lets a request pass with a key that
// grants role. For RolePush any key that may push somewhere passes; which
// service it is for is looked at row by row.
func (a *API) authenticated(role forescale.Role) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if !a.cfg.RequireKeys {
			next(ctx)
			return
		}
		r, w := humachi.Unwrap(ctx)
		key, p := a.identify(r, role)
		if p != nil {
			p.write(w)
			return
		}
		next(huma.WithValue(ctx, keyContext{}, key))
	}
}

// allowed is authenticated for plain routes.
func (a *API) allowed(role forescale.Role, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.RequireKeys {
			if _, p := a.identify(r, role); p != nil {
				p.write(w)
				return
			}
		}
		h(w, r)
	}
}

// identify finds the key of a request and checks its role. Every way of not
// having a valid key gives the same answer.
func (a *API) identify(r *http.Request, role forescale.Role) (forescale.Key, *Problem) {
	var key forescale.Key
	secret, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	err := forescale.ErrNotFound
	if found { // a request without any key guesses nothing: it is not counted
		ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Answer)
		defer cancel()
		key, err = a.keys.find(ctx, strings.TrimSpace(secret), remote(r))
	}
	switch {
	case errors.Is(err, forescale.ErrNotFound):
		return key, newProblem(http.StatusUnauthorized, "not_authenticated", "this needs a valid key with the role "+string(role),
			`send it as "Authorization: Bearer fsk_…"; make one with "forescale keys create"`).with("WWW-Authenticate", `Bearer realm="forescale"`)
	case errors.Is(err, errTooManyFailures):
		return key, newProblem(http.StatusTooManyRequests, "too_many_failures", "too many requests with an invalid key",
			"wait as long as Retry-After says").with("Retry-After", "1")
	case err != nil:
		return key, a.problem(r.Context(), fmt.Errorf("look up key: %w", err))
	}
	service := ""
	if key.Role == forescale.RolePush {
		service = key.Service
	}
	if !key.May(role, service) {
		return key, newProblem(http.StatusForbidden, "forbidden",
			fmt.Sprintf("this needs the role %s, the key has %s", role, key.Role), "use a key with that role; nothing was changed")
	}
	return key, nil
}

func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

var errTooManyFailures = errors.New("too many failures")

// keyring finds keys by the hash of their secret and remembers for a moment what
// it found, so that a busy sender costs the store one look-up in keyCache.
type keyring struct {
	store interface {
		KeyByHash(ctx context.Context, hash []byte) (forescale.Key, error)
	}

	mu     sync.Mutex
	found  map[[sha256.Size]byte]foundKey
	failed map[string]*bucket
}

type foundKey struct {
	key forescale.Key
	at  time.Time
}

// bucket is what is left of a remote address's failures.
type bucket struct {
	left float64
	at   time.Time
}

func newKeyring(s interface {
	KeyByHash(ctx context.Context, hash []byte) (forescale.Key, error)
}) *keyring {
	return &keyring{store: s, found: map[[sha256.Size]byte]foundKey{}, failed: map[string]*bucket{}}
}

// find is the key of a secret, not revoked; ErrNotFound if there is none. The
// secret is 256 random bits and looked up by its hash, so how long that takes
// tells nothing about it.
func (k *keyring) find(ctx context.Context, secret, from string) (forescale.Key, error) {
	hash := sha256.Sum256([]byte(secret))
	now := time.Now()
	k.mu.Lock()
	f, ok := k.found[hash]
	blocked := k.blocked(from, now)
	k.mu.Unlock()
	if ok && now.Sub(f.at) < keyCache {
		return f.key, nil
	}
	if blocked {
		return forescale.Key{}, errTooManyFailures
	}
	key, err := k.store.KeyByHash(ctx, hash[:])
	if err == nil && (!key.RevokedAt.IsZero() || !strings.HasPrefix(secret, keyPrefix)) {
		err = forescale.ErrNotFound
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		delete(k.found, hash)
		if errors.Is(err, forescale.ErrNotFound) {
			k.fail(from, now)
		}
		return forescale.Key{}, err
	}
	if len(k.found) >= maxRemembered {
		clear(k.found)
	}
	k.found[hash] = foundKey{key: key, at: now}
	return key, nil
}

func (k *keyring) blocked(from string, now time.Time) bool {
	b := k.failed[from]
	if b == nil {
		return false
	}
	b.left = min(failBurst, b.left+failRate*now.Sub(b.at).Seconds())
	b.at = now
	return b.left < 1
}

func (k *keyring) fail(from string, now time.Time) {
	b := k.failed[from]
	if b == nil {
		if len(k.failed) >= maxRemembered {
			clear(k.failed)
		}
		b = &bucket{left: failBurst, at: now}
		k.failed[from] = b
	}
	b.left--
}
