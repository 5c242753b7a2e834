package signature

import (
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// How many nonces are remembered: of one key, and of how many keys.
const (
	maxNonces = 4096
	maxKeys   = 20_000
)

// remembered is how long a nonce is kept: as long as its signature could be valid.
const remembered = 2*Window + time.Second

// nonces are those that were taken, by key. None is forgotten while a request with
// it could pass: rather than that, further ones are refused.
type nonces struct {
	mu    sync.Mutex
	ofKey map[string]*taken
}

// taken are the nonces of one key, and the order in which they came.
type taken struct {
	at    map[string]time.Duration
	queue []string
}

func newNonces() *nonces { return &nonces{ofKey: map[string]*taken{}} }

// take remembers a nonce at a reading of the steady clock.
func (n *nonces) take(key, nonce string, now time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.ofKey[key]
	if t == nil {
		if len(n.ofKey) >= maxKeys {
			n.sweep(now)
		}
		if len(n.ofKey) >= maxKeys {
			return busy()
		}
		t = &taken{at: map[string]time.Duration{}}
		n.ofKey[key] = t
	}
	t.forget(now)
	if _, again := t.at[nonce]; again {
		return &forescale.Fault{Code: "signature_replayed", What: "the request was sent before",
			Help: "sign it anew to send it again; nothing was done a second time"}
	}
	if len(t.queue) >= maxNonces {
		return busy()
	}
	t.at[nonce] = now
	t.queue = append(t.queue, nonce)
	return nil
}

// forget drops what is too old to pass.
func (t *taken) forget(now time.Duration) {
	old := 0
	for old < len(t.queue) && now-t.at[t.queue[old]] > remembered {
		delete(t.at, t.queue[old])
		old++
	}
	if old > 0 {
		t.queue = append([]string(nil), t.queue[old:]...)
	}
}

// sweep drops keys that were not used for long.
func (n *nonces) sweep(now time.Duration) {
	for key, t := range n.ofKey {
		if t.forget(now); len(t.queue) == 0 {
			delete(n.ofKey, key)
		}
	}
}

func busy() error {
	return &forescale.Fault{Code: "signature_busy", What: "more requests come than can be told apart from ones that are sent again",
		Help: "wait a minute; nothing was done"}
}
