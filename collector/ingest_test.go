package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

// fakeStore keeps what is appended. It can be told to take its time and to fail.
type fakeStore struct {
	mu      sync.Mutex
	rows    map[forescale.Sample]int
	commits []int // samples of each commit that succeeded
	take    time.Duration
	fail    func(commit int) error
	calls   int
}

func newFakeStore() *fakeStore { return &fakeStore{rows: map[forescale.Sample]int{}} }

// Append implements appender.
func (s *fakeStore) Append(ctx context.Context, samples []forescale.Sample) error {
	s.mu.Lock()
	call, take := s.calls, s.take
	s.calls++
	s.mu.Unlock()
	if take > 0 {
		select {
		case <-time.After(take):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(call); err != nil {
			return err
		}
	}
	for _, x := range samples {
		s.rows[x]++
	}
	s.commits = append(s.commits, len(samples))
	return nil
}

func (s *fakeStore) has(samples []forescale.Sample) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, x := range samples {
		n += s.rows[x]
	}
	return n
}

// rowsOf makes n samples that no other call makes.
func rowsOf(name string, n int) []forescale.Sample {
	ss := make([]forescale.Sample, n)
	for i := range ss {
		ss[i] = forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: name, Service: "checkout"},
			Metric: forescale.MetricUtilization, Time: time.Unix(int64(i), 0), Value: float64(i)}
	}
	return ss
}

func TestIngestReturnsWhenTheSamplesAreStored(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // other tests of the package keep connections
	st := newFakeStore()
	i := NewIngest(st, IngestOptions{})
	defer i.Close()
	rows := rowsOf("a", 3)
	if err := i.Append(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if got := st.has(rows); got != 3 {
		t.Fatalf("stored %d of 3 when Append returned", got)
	}
	if err := i.Append(t.Context(), nil); err != nil || st.calls != 1 {
		t.Errorf("an empty call gave %v and %d commits", err, st.calls)
	}
}

func TestIngestJoinsWhatComesDuringACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFakeStore()
		st.take = time.Second
		i := NewIngest(st, IngestOptions{})
		var wg sync.WaitGroup
		for k := range 50 {
			wg.Go(func() {
				if err := i.Append(t.Context(), rowsOf(fmt.Sprint(k), 10)); err != nil {
					t.Error(err)
				}
			})
			if k == 0 {
				synctest.Wait() // the first is being written when the others come
			}
		}
		wg.Wait()
		i.Close()
		if len(st.commits) != 2 || st.commits[0] != 10 || st.commits[1] != 490 {
			t.Errorf("commits of %v samples, want 10 and then the other 490 at once", st.commits)
		}
	})
}

func TestIngestCommitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFakeStore()
		st.take = time.Second
		i := NewIngest(st, IngestOptions{MaxCommit: 100})
		var wg sync.WaitGroup
		for k := range 11 {
			wg.Go(func() { _ = i.Append(t.Context(), rowsOf(fmt.Sprint(k), 30)) })
			synctest.Wait()
		}
		wg.Wait()
		i.Close()
		for _, n := range st.commits {
			if n > 100 {
				t.Errorf("a commit had %d samples, at most 100 were allowed", n)
			}
		}
		if len(st.rows) != 330 {
			t.Errorf("%d of 330 samples were stored", len(st.rows))
		}
	})
}

func TestIngestRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		name string
		opts IngestOptions
		take int // rows of the next request
		want error
	}{
		{"a full buffer is busy", IngestOptions{MaxRows: 100}, 30, forescale.ErrBusy},
		{"what still fits is taken", IngestOptions{MaxRows: 100}, 20, nil},
		{"too many requests are busy", IngestOptions{MaxRequests: 1}, 1, forescale.ErrBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFakeStore()
				st.take = time.Second
				i := NewIngest(st, c.opts)
				var wg sync.WaitGroup
				for k := range 2 { // one is written, one waits: 80 rows
					wg.Go(func() {
						if err := i.Append(t.Context(), rowsOf(fmt.Sprint(k), 40)); err != nil {
							t.Error(err)
						}
					})
					synctest.Wait()
				}
				last := rowsOf("last", c.take)
				if err := i.Append(t.Context(), last); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				wg.Wait()
				i.Close()
				if want := map[bool]int{true: c.take, false: 0}[c.want == nil]; st.has(last) != want {
					t.Errorf("%d samples of the last request are stored, want %d", st.has(last), want)
				}
			})
		})
	}
}

func TestIngestTakesARequestLargerThanItsBufferWhenNothingWaits(t *testing.T) {
	st := newFakeStore()
	i := NewIngest(st, IngestOptions{MaxRows: 10, MaxCommit: 5})
	defer i.Close()
	if err := i.Append(t.Context(), rowsOf("big", 1000)); err != nil {
		t.Fatalf("it could never be sent: %v", err)
	}
}

func TestAFailedCommitFailsAllWhoSharedItAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFakeStore()
		st.take = time.Second
		disk := errors.New("no space left on device")
		st.fail = func(commit int) error {
			if commit == 1 {
				return disk
			}
			return nil
		}
		i := NewIngest(st, IngestOptions{})
		errs := make([]error, 6)
		var wg sync.WaitGroup
		send := func(k int) {
			wg.Go(func() { errs[k] = i.Append(t.Context(), rowsOf(fmt.Sprint(k), 1)) })
			synctest.Wait()
		}
		send(0) // alone in commit 0
		for k := 1; k < 5; k++ {
			send(k) // share commit 1
		}
		time.Sleep(1500 * time.Millisecond)
		send(5) // alone in commit 2
		wg.Wait()
		i.Close()
		for k, err := range errs {
			if shared := k >= 1 && k <= 4; shared != errors.Is(err, disk) {
				t.Errorf("request %d got %v", k, err)
			}
		}
	})
}

func TestASenderThatGivesUpLosesNobodyElse(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
	}{
		{"while it waits", 500 * time.Millisecond},
		{"while it is written", 1500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFakeStore()
				st.take = time.Second
				i := NewIngest(st, IngestOptions{})
				ctx, cancel := context.WithTimeout(t.Context(), c.after)
				defer cancel()
				var wg sync.WaitGroup
				send := func(ctx context.Context, name string, want error) {
					wg.Go(func() {
						rows := rowsOf(name, 5)
						if err := i.Append(ctx, rows); !errors.Is(err, want) {
							t.Errorf("%s got %v, want %v", name, err, want)
						}
						clear(rows) // the slice is the sender's again
					})
					synctest.Wait()
				}
				send(t.Context(), "first", nil)
				send(ctx, "gives up", context.DeadlineExceeded)
				send(t.Context(), "stays", nil)
				wg.Wait()
				i.Close()
				for _, name := range []string{"first", "stays"} {
					if st.has(rowsOf(name, 5)) != 5 {
						t.Errorf("rows of %q were lost", name)
					}
				}
				if rows, requests := i.Waiting(); rows != 0 || requests != 0 {
					t.Errorf("%d samples of %d requests are still counted", rows, requests)
				}
			})
		})
	}
}

func TestAStoreThatHangsGivesAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFakeStore()
		st.take = time.Hour
		i := NewIngest(st, IngestOptions{CommitTime: 10 * time.Second})
		if err := i.Append(t.Context(), rowsOf("a", 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		i.Close()
	})
}

func TestCloseWaitsForWhatWasTakenAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFakeStore()
		st.take = time.Second
		i := NewIngest(st, IngestOptions{MaxCommit: 1})
		var wg sync.WaitGroup
		for k := range 3 {
			wg.Go(func() {
				if err := i.Append(t.Context(), rowsOf(fmt.Sprint(k), 1)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		i.Close()
		if len(st.rows) != 3 {
			t.Errorf("Close returned with %d of 3 samples stored", len(st.rows))
		}
		if err := i.Append(t.Context(), rowsOf("late", 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		i.Close()
		wg.Wait()
	})
}

// Whatever senders, give-ups, failures and bounds come together: what was
// acknowledged is stored, what was refused is not, and no more waits than may.
func TestIngestKeepsItsWord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		failing := rapid.SliceOfN(rapid.Bool(), 40, 40).Draw(rt, "failing commits")
		opts := IngestOptions{MaxRows: rapid.IntRange(5, 60).Draw(rt, "max rows"), MaxCommit: rapid.IntRange(1, 40).Draw(rt, "max commit"),
			MaxRequests: rapid.IntRange(1, 8).Draw(rt, "max requests")}
		type sender struct{ rows, wait, patience int }
		senders := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) sender {
			return sender{rapid.IntRange(1, 20).Draw(rt, "rows"), rapid.IntRange(0, 3).Draw(rt, "wait"), rapid.IntRange(1, 6).Draw(rt, "patience")}
		}), 1, 25).Draw(rt, "senders")

		synctest.Test(t, func(t *testing.T) {
			st := newFakeStore()
			st.take = 2 * time.Second
			st.fail = func(commit int) error {
				if failing[commit%len(failing)] {
					return errors.New("disk")
				}
				return nil
			}
			i := NewIngest(st, opts)
			var wg sync.WaitGroup
			for k, s := range senders {
				time.Sleep(time.Duration(s.wait) * time.Second)
				wg.Go(func() {
					rows := rowsOf(fmt.Sprint(k), s.rows)
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.patience)*time.Second)
					defer cancel()
					err := i.Append(ctx, rows)
					got := st.has(rows)
					switch {
					case err == nil && got != len(rows):
						t.Errorf("acknowledged, but %d of %d stored", got, len(rows))
					case errors.Is(err, forescale.ErrBusy) && got != 0:
						t.Errorf("refused, but %d stored", got)
					case got != 0 && got != len(rows):
						t.Errorf("%d of %d stored: a request is whole or not at all", got, len(rows))
					}
				})
				synctest.Wait()
				if rows, requests := i.Waiting(); rows > max(opts.MaxRows, 20) || requests > opts.MaxRequests {
					t.Errorf("%d samples of %d requests wait", rows, requests)
				}
			}
			wg.Wait()
			i.Close()
		})
	})
}

// BenchmarkIngest shows what joining commits is worth: 32 senders of 30 rows each
// on a store whose commit takes 2 ms, as an fsync does.
func BenchmarkIngest(b *testing.B) {
	for _, senders := range []int{1, 32} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			i := NewIngest(slowStore{2 * time.Millisecond}, IngestOptions{})
			defer i.Close()
			rows := rowsOf("a", 30)
			b.ReportAllocs()
			b.SetParallelism(senders)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := i.Append(context.Background(), rows); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

type slowStore struct{ d time.Duration }

// Append implements appender.
func (s slowStore) Append(context.Context, []forescale.Sample) error {
	time.Sleep(s.d)
	return nil
}
