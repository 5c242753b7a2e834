package timescale

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A leader that was stopped in the middle of a write holds the lease's row; its
// transaction is ended once its term is over, and not before.
func TestALeaderStoppedInTheMiddleOfAWriteDoesNotHoldUpATakeOver(t *testing.T) {
	dsn := sharedCluster(t).fresh(t)
	s := openAt(t, dsn)
	ctx := t.Context()
	old, won, err := s.TakeLead(ctx, "old", time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	stopped, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var fence int64
	if err := stopped.QueryRow(ctx, "SELECT fence FROM lease FOR KEY SHARE").Scan(&fence); err != nil {
		t.Fatal(err)
	}
	if _, won, err := s.TakeLead(ctx, "new", time.Hour); won || err != nil {
		t.Fatalf("while the term holds: won %v, %v", won, err)
	}
	if err := stopped.QueryRow(ctx, "SELECT fence FROM lease").Scan(&fence); err != nil {
		t.Fatalf("the leader's transaction was ended while it led: %v", err)
	}
	if _, err := s.KeepLead(ctx, old.Fence, 0); err != nil {
		t.Fatalf("renewing waits for no write: %v", err)
	}
	term, won, err := s.TakeLead(ctx, "new", time.Hour)
	if err != nil || !won || term.Fence != old.Fence+1 {
		t.Fatalf("after the term: won %v, %+v, %v", won, term, err)
	}
	if err := stopped.Commit(ctx); err == nil {
		t.Error("the old leader's transaction went through")
	}
}

// The clock of the database is set back by an hour while nobody renews.
func TestATermRenewedInTheFutureIsTakenOver(t *testing.T) {
	s := openAt(t, fastCluster(t).fresh(t))
	ctx := t.Context()
	old, _, err := s.TakeLead(ctx, "old", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(ctx, "UPDATE lease SET renewed = renewed + INTERVAL '1 hour', until = until + INTERVAL '1 hour'"); err != nil {
		t.Fatal(err)
	}
	if term, won, err := s.TakeLead(ctx, "new", time.Minute); err != nil || !won || term.Fence != old.Fence+1 {
		t.Errorf("won %v, %+v, %v", won, term, err)
	}
}
