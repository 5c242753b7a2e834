package timescale

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// TestADumpOfALiveStoreIsAStore dumps a database while it is written to, restores
// it into an empty one, and goes on there.
func TestADumpOfALiveStoreIsAStore(t *testing.T) {
	c := startCluster(t, "fsync=off")
	execAt(t, c.dsn("postgres"), "CREATE DATABASE a", "CREATE DATABASE b", "CREATE DATABASE still")
	a := openAt(t, c.dsn("a"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	record := func(s *Store, n int) error {
		at := benchStart.Add(time.Duration(n) * time.Minute)
		d := forescale.Decision{ID: fmt.Sprint("d", n), Service: "a", At: at, LastAt: at, Mode: forescale.ModeActive, To: n, Outcome: forescale.OutcomeNone,
			Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}
		return s.RecordPlan(context.Background(), forescale.Plan{At: at, Services: []forescale.ServicePlan{{Service: "a", MadeAt: at, Decision: d}}}, nil)
	}
	batches, before := 0, make(chan int)
	var wg sync.WaitGroup
	wg.Go(func() { // until the dump is made
		defer close(before)
		for n := 0; ctx.Err() == nil; n++ {
			if err := a.Append(context.Background(), ingestBatch(n)); err != nil {
				t.Error(err)
				return
			}
			if err := record(a, n); err != nil {
				t.Error(err)
				return
			}
			batches = n + 1
			if n == 2 {
				before <- batches
			}
		}
	})
	acknowledged := <-before
	dump := func(from, to string) {
		t.Helper()
		file := c.Dir + "/dump-" + from
		for _, args := range [][]string{{"pg_dump", "-Fc", "-f", file, c.dsn(from)}, {"pg_restore", "--exit-on-error", "-d", c.dsn(to), file}} {
			if out, err := c.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", args[0], err, out)
			}
		}
	}
	dump("a", "b")
	cancel()
	wg.Wait()
	b := openAt(t, c.dsn("b"))
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := b.Samples(t.Context(), forescale.SampleQuery{})
	per := len(ingestBatch(0))
	if err != nil || len(got) < acknowledged*per || len(got)%per != 0 || len(got) > batches*per {
		t.Fatalf("%d samples of batches of %d; %d batches were acknowledged before, %d at all; %v", len(got), per, acknowledged, batches, err)
	}
	ds, err := b.Decisions(t.Context(), forescale.DecisionQuery{Limit: 1e6})
	if err != nil || len(ds) < acknowledged || len(ds) > len(got)/per {
		t.Fatalf("%d decisions beside %d batches, %v", len(ds), len(got)/per, err)
	}
	// The restored store goes on: ids and orders do not begin anew.
	if err := b.Append(t.Context(), ingestBatch(9999)); err != nil {
		t.Error(err)
	}
	if err := record(b, 9999); err != nil {
		t.Error(err)
	}
	newest, err := b.LatestDecisions(t.Context())
	if err != nil || len(newest) != 1 || newest[0].ID != "d9999" {
		t.Errorf("the newest decision is %v, %v", newest, err)
	}
	// At rest it is the same, row by row.
	dump("b", "still")
	s := openAt(t, c.dsn("still"))
	if err := same(t.Context(), b, s); err != nil {
		t.Error(err)
	}
}

// same compares every row of two stores.
func same(ctx context.Context, a, b store.Copier) error {
	x, err := a.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer x.Close()
	_, err = store.Compare(ctx, x, b)
	return err
}
