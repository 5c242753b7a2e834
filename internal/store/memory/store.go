package memory

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
)

// Store is a store in memory. Make it with [New].
type Store struct {
	mu     sync.RWMutex // held for reading by every read, for writing by every write
	closed bool
	content
}

// content is all that is kept.
type content struct {
	born time.Time // what the store's clock goes by
	term forescale.Term

	series    map[seriesKey]*series
	inOrder   []*series // as their samples of one time are
	recent    []*series // that the newest batches went to, by their place there
	imports   map[string]int64
	dirty     map[forescale.Cell]int64 // to the mark of the newest sample
	handed    map[forescale.Cell]int64 // given out, to the mark it had then
	mark      int64
	lines     map[lineKey]*line
	ofService map[string][]*line // by metric
	final     int64              // hours before it stay as they are

	services  map[string]registered
	pauses    map[string]forescale.Pause
	events    map[string]forescale.Event
	nodes     map[string]forescale.Node
	nodeTypes map[string]forescale.NodeType
	lives     map[string]forescale.NodeLife
	wishes    map[string]forescale.NodeWish

	instances  map[string]*instance
	live       map[string]*instance
	ended      []*instance // by when they ended
	warmups    lapses
	cooldowns  lapses
	learned    map[learnedKey]forescale.LearnedTimes
	capacities map[string][]forescale.Capacity // by service, then begin
	uses       map[useKey]forescale.InstanceUse

	budgets map[string]budget
	charged money.Ledger

	elasticity map[serviceDay]forescale.Elasticity

	plans     map[string]forescale.ServicePlan
	nodePlan  *forescale.NodePlan
	decisions []*decision          // in the order of recording
	byID      map[string]*decision //
	newest    map[string]*decision // by service
	pending   map[string]*decision // by id
	runs      map[string]forescale.Run
	keys      map[string]forescale.Key
	tokens    map[string]forescale.JoinToken
	agents    map[string]forescale.Agent
}

var _ store.Store = (*Store)(nil)

// New makes an empty store.
func New() *Store {
	return &Store{content: content{
		born: time.Now(), term: forescale.Term{Scope: rand.Text()[:8]},
		series: map[seriesKey]*series{}, imports: map[string]int64{},
		dirty: map[forescale.Cell]int64{}, handed: map[forescale.Cell]int64{},
		lines: map[lineKey]*line{}, ofService: map[string][]*line{}, final: -1 << 62,
		services: map[string]registered{}, pauses: map[string]forescale.Pause{}, events: map[string]forescale.Event{},
		nodes: map[string]forescale.Node{}, nodeTypes: map[string]forescale.NodeType{}, lives: map[string]forescale.NodeLife{}, wishes: map[string]forescale.NodeWish{},
		instances: map[string]*instance{}, live: map[string]*instance{}, warmups: newLapses(), cooldowns: newLapses(),
		learned: map[learnedKey]forescale.LearnedTimes{}, capacities: map[string][]forescale.Capacity{}, elasticity: map[serviceDay]forescale.Elasticity{}, budgets: map[string]budget{},
		uses: map[useKey]forescale.InstanceUse{}, plans: map[string]forescale.ServicePlan{}, byID: map[string]*decision{}, newest: map[string]*decision{}, pending: map[string]*decision{},
		runs: map[string]forescale.Run{}, keys: map[string]forescale.Key{}, tokens: map[string]forescale.JoinToken{}, agents: map[string]forescale.Agent{},
	}}
}

// Close implements [store.Store]. Everything is gone afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.content = content{}
	return nil
}

// Check implements [store.Store].
func (s *Store) Check(ctx context.Context) error { return s.read(ctx, func() {}) }

// read asks, beside other reads.
func (s *Store) read(ctx context.Context, ask func()) error {
	return s.readOr(ctx, func() error {
		ask()
		return nil
	})
}

// readOr is read of what may be missing.
func (s *Store) readOr(ctx context.Context, ask func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.Closed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return ask()
}

// unfenced is the fence of writes that are not checked.
const unfenced = 0

// write changes something under a fence, or nothing: change looks first and
// returns an error before it has changed anything.
func (s *Store) write(ctx context.Context, fence int64, change func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.Closed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if fence != unfenced && (fence != s.term.Fence || s.term.Holder == "") {
		return store.Fenced(fence)
	}
	return change()
}

// put is write of what always works.
func (s *Store) put(ctx context.Context, fence int64, change func()) error {
	return s.write(ctx, fence, func() error {
		change()
		return nil
	})
}
