package loop_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// oneLease is a lease that lasts until it is given back or taken away.
type oneLease struct {
	mu   sync.Mutex
	term forescale.Term
}

func (o *oneLease) TakeLead(_ context.Context, holder string, _ time.Duration) (forescale.Term, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.term.Holder != "" {
		return o.term, false, nil
	}
	o.term = forescale.Term{Fence: o.term.Fence + 1, Holder: holder}
	return o.term, true, nil
}

func (o *oneLease) KeepLead(_ context.Context, fence int64, _ time.Duration) (forescale.Term, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.term.Fence != fence || o.term.Holder == "" {
		return forescale.Term{}, forescale.ErrFenced
	}
	return o.term, nil
}

func (o *oneLease) Resign(ctx context.Context, fence int64) error {
	if _, err := o.KeepLead(ctx, fence, 0); err != nil {
		return err
	}
	o.set("")
	return nil
}

func (o *oneLease) Lead(context.Context) (forescale.Term, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.term, nil
}

func (o *oneLease) set(holder string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.term.Holder = holder
}

// What a leader does besides begins with its term, and is over before another
// server's begins. It ends, too, when the term was taken away.
func TestWhatALeaderDoesBesidesIsOverBeforeAnotherLeads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		leases := &oneLease{}
		var busy atomic.Int64 // how many servers do it
		server := func(name string) (stop func()) {
			l := loop.NewLead(loop.LeadConfig{Leases: leases, Name: name,
				Life: func(forescale.Term) *loop.Loop {
					return loop.New(loop.Config{Store: s, Clock: forescale.NewSystemClock()})
				},
				Beside: func(ctx context.Context) error {
					if n := busy.Add(1); n != 1 {
						t.Errorf("%d servers do it", n)
					}
					<-ctx.Done()
					time.Sleep(20 * time.Second) // longer than a lease lasts
					busy.Add(-1)
					return nil
				}})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = l.Run(ctx) }()
			return func() { cancel(); <-done }
		}
		does := func(want string, when string) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			term, _ := leases.Lead(t.Context())
			if n := busy.Load(); term.Holder != want || n != 1 {
				t.Fatalf("%s: %d servers do it, and %q leads; want %s", when, n, term.Holder, want)
			}
		}
		stopOne := server("one")
		does("one", "at first")
		stopTwo := server("two")
		does("one", "while another waits")
		stopOne()
		does("two", "after the first ended")
		leases.set("")
		does("two", "after its term was taken away, and another began")
		leases.set("")
		if _, won, err := leases.TakeLead(t.Context(), "three", 0); err != nil || !won {
			t.Fatal(won, err)
		}
		time.Sleep(time.Minute)
		if n := busy.Load(); n != 0 {
			t.Errorf("%d servers do it while somebody else leads", n)
		}
		stopTwo()
	})
}
