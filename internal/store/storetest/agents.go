package storetest

import (
	"crypto/sha256"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// joinToken is a token for a node, made at(seconds).
func joinToken(node string, seconds float64) forescale.JoinToken {
	hash := sha256.Sum256([]byte(node + strconv.FormatFloat(seconds, 'g', -1, 64)))
	return forescale.JoinToken{ID: "join_" + node + strconv.FormatFloat(seconds, 'g', -1, 64), Node: node, Order: "order-1", Hash: hash[:],
		CreatedAt: at(seconds), ExpiresAt: at(seconds).Add(forescale.JoinTokenLife)}
}

// agent is the agent of a node with a certificate of this number.
func agent(node string, serial int) forescale.Agent {
	return forescale.Agent{Node: node, Type: "small", Address: "10.0.0.1", Labels: map[string]string{"zone": "a"}, Cores: 4, Memory: 1 << 30, DiskKind: "ssd",
		Serial: strconv.Itoa(serial), JoinedAt: at(5), ExpiresAt: at(5).Add(24 * time.Hour)}
}

// joined is that agent after it joined by a token.
func joined(node string, serial int) forescale.Agent {
	a := agent(node, serial)
	a.Order = "order-1"
	return a
}

func (f *fixture) agents() []forescale.Agent {
	f.Helper()
	return must[[]forescale.Agent](f)(f.Agents(f.ctx))
}

var agentCases = []testCase{
	{"a token lets its node join once, and is remembered as used", func(f *fixture) {
		k := joinToken("n-1", 0)
		f.ok(f.CreateJoinToken(f.ctx, k))
		f.equal(must[[]forescale.JoinToken](f)(f.JoinTokens(f.ctx)), []forescale.JoinToken{k})
		f.reopen()
		f.ok(f.Join(f.ctx, k.Hash, agent("n-1", 1), at(5)))
		f.reopen()
		k.UsedAt = at(5)
		f.equal(must[[]forescale.JoinToken](f)(f.JoinTokens(f.ctx)), []forescale.JoinToken{k})
		f.equal(f.agents(), []forescale.Agent{joined("n-1", 1)})
		f.equal(must[forescale.Agent](f)(f.Agent(f.ctx, "n-1")), joined("n-1", 1))
		wantCode(f, f.Join(f.ctx, k.Hash, agent("n-1", 2), at(6)), "join_token_used")
		f.ok(f.RemoveAgent(f.ctx, "n-1"))
		wantCode(f, f.Join(f.ctx, k.Hash, agent("n-1", 2), at(6)), "join_token_used")
		f.equal(len(f.agents()), 0)
	}},
	{"a token that is wrong, expired or of another node lets nobody join", func(f *fixture) {
		k := joinToken("n-1", 0)
		f.ok(f.CreateJoinToken(f.ctx, k))
		other := joinToken("n-1", 1)
		err := f.Join(f.ctx, other.Hash, agent("n-1", 1), at(5))
		wantCode(f, err, "join_token_unknown")
		f.is(err, forescale.ErrNotFound)
		wantCode(f, f.Join(f.ctx, nil, agent("n-1", 1), at(5)), "join_token_unknown")
		wantCode(f, f.Join(f.ctx, k.Hash, agent("n-2", 1), at(5)), "join_token_node")
		err = f.Join(f.ctx, k.Hash, agent("n-1", 1), at(0).Add(forescale.JoinTokenLife))
		wantCode(f, err, "join_token_expired")
		f.is(err, forescale.ErrConflict)
		f.equal(must[[]forescale.JoinToken](f)(f.JoinTokens(f.ctx)), []forescale.JoinToken{k})
		f.equal(len(f.agents()), 0)
		f.ok(f.Join(f.ctx, k.Hash, agent("n-1", 1), at(0).Add(forescale.JoinTokenLife-time.Millisecond)))
	}},
	{"a node has one agent, until it is removed or its certificate ends", func(f *fixture) {
		for i := range 4 {
			f.ok(f.CreateJoinToken(f.ctx, joinToken("n-1", float64(i))))
		}
		f.ok(f.Join(f.ctx, joinToken("n-1", 0).Hash, agent("n-1", 1), at(5)))
		wantCode(f, f.Join(f.ctx, joinToken("n-1", 1).Hash, agent("n-1", 2), at(6)), "agent_exists")
		f.equal(f.agents(), []forescale.Agent{joined("n-1", 1)})
		f.ok(f.RemoveAgent(f.ctx, "n-1"))
		f.ok(f.Join(f.ctx, joinToken("n-1", 1).Hash, agent("n-1", 2), at(6))) // the refusal did not use it up
		f.is(f.RemoveAgent(f.ctx, "n-2"), forescale.ErrNotFound)
		late := joinToken("n-1", 90000)
		f.ok(f.CreateJoinToken(f.ctx, late))
		f.ok(f.Join(f.ctx, late.Hash, agent("n-1", 3), at(90001)))
		f.equal(f.agents(), []forescale.Agent{joined("n-1", 3)})
	}},
	{"of many who bring one token at once, one joins", func(f *fixture) {
		k := joinToken("n-1", 0)
		f.ok(f.CreateJoinToken(f.ctx, k))
		var wg sync.WaitGroup
		var won atomic.Int32
		for i := range 8 {
			wg.Go(func() {
				if err := f.Join(f.ctx, k.Hash, agent("n-1", i), at(5)); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		f.equal(int(won.Load()), 1)
	}},
	{"of many who bring tokens of one node at once, one joins", func(f *fixture) {
		for i := range 8 {
			f.ok(f.CreateJoinToken(f.ctx, joinToken("n-1", float64(i))))
		}
		var wg sync.WaitGroup
		var won atomic.Int32
		for i := range 8 {
			wg.Go(func() {
				if err := f.Join(f.ctx, joinToken("n-1", float64(i)).Hash, agent("n-1", i), at(9)); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		f.equal(int(won.Load()), 1)
	}},
	{"an agent changes what is known of it with its certificate or the one before", func(f *fixture) {
		k := joinToken("n-1", 0)
		f.ok(f.CreateJoinToken(f.ctx, k))
		f.ok(f.Join(f.ctx, k.Hash, agent("n-1", 1), at(5)))
		next := joined("n-1", 2)
		next.Previous, next.Labels, next.ExpiresAt = "1", nil, at(1e5)
		f.ok(f.SaveAgent(f.ctx, next, "1"))
		f.equal(f.agents(), []forescale.Agent{next})
		next.Serial = "3"
		f.ok(f.SaveAgent(f.ctx, next, "1")) // the answer to the first was lost
		err := f.SaveAgent(f.ctx, next, "2")
		wantCode(f, err, "agent_superseded")
		f.is(err, forescale.ErrConflict)
		f.equal(f.agents(), []forescale.Agent{next})
		f.is(f.SaveAgent(f.ctx, agent("n-2", 1), "1"), forescale.ErrNotFound)
		_, err = f.Agent(f.ctx, "n-2")
		f.is(err, forescale.ErrNotFound)
	}},
	{"a token's id and secret are its own, and old tokens are forgotten", func(f *fixture) {
		k := joinToken("n-1", 0)
		f.ok(f.CreateJoinToken(f.ctx, k))
		same := joinToken("n-2", 0)
		same.Hash = k.Hash
		wantCode(f, f.CreateJoinToken(f.ctx, same), "join_token_exists")
		same = joinToken("n-2", 0)
		same.ID = k.ID
		wantCode(f, f.CreateJoinToken(f.ctx, same), "join_token_exists")
		kept := (forescale.JoinTokenLife + store.TokensKept).Seconds()
		f.ok(f.CreateJoinToken(f.ctx, joinToken("n-3", kept)))
		f.equal(len(must[[]forescale.JoinToken](f)(f.JoinTokens(f.ctx))), 2)
		f.ok(f.CreateJoinToken(f.ctx, joinToken("n-4", kept+1)))
		f.equal(len(must[[]forescale.JoinToken](f)(f.JoinTokens(f.ctx))), 2)
	}},
}
