package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// appender is the store as the ingest needs it: all samples or none, durable when
// it returns.
type appender interface {
	Append(ctx context.Context, samples []forescale.Sample) error
}

// IngestOptions bound an Ingest. Zero fields take the defaults.
type IngestOptions struct {
	// MaxRows samples may wait, those being written included. Default 200,000:
	// some 25 MB. A single request that is larger is taken when nothing waits.
	MaxRows int
	// MaxRequests may wait. Default 10,000.
	MaxRequests int
	// MaxCommit is how many samples one commit joins, unless a single request has
	// more. Default 20,000.
	MaxCommit int
	// CommitTime bounds one commit, so that a store that hangs gives errors rather
	// than silence. Default 30 s, in real time.
	CommitTime time.Duration
	// Kept is told of samples once they are durable, before their senders are. It must
	// not block, nor keep the slice. May be nil.
	Kept func([]forescale.Sample)
}

func (o IngestOptions) withDefaults() IngestOptions {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.MaxRows, 200_000)
	def(&o.MaxRequests, 10_000)
	def(&o.MaxCommit, 20_000)
	if o.CommitTime <= 0 {
		o.CommitTime = 30 * time.Second
	}
	return o
}

// Ingest joins what many senders push at the same time into few durable commits.
// A commit costs one flush of the disk however many rows it has, so while one is
// under way the next requests gather and share the next (group commit). A request
// that comes alone is written at once.
//
// What waits is bounded; beyond the bound Append refuses at once.
type Ingest struct {
	store appender
	opts  IngestOptions
	wake  chan struct{} // holds one token when something waits
	done  chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	waiting []*request // in order of arrival
	rows    int        // samples waiting or being written
	closed  bool
}

// request is one Append.
type request struct {
	samples []forescale.Sample
	result  chan error // buffered: the writer never waits for a sender
}

// ErrClosed is what Append returns after Close: nothing of the call was kept.
var ErrClosed = errors.New("ingest closed")

// NewIngest starts the writer. Close ends it.
func NewIngest(store appender, opts IngestOptions) *Ingest {
	i := &Ingest{store: store, opts: opts.withDefaults(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go i.write()
	return i
}

// Append returns nil once all samples are durable. It returns forescale.ErrBusy
// when too much waits and ErrClosed after Close; then nothing was kept. It returns
// the store's error when the commit failed, which all who shared it get, and ctx's
// error when that ended first: then the samples may or may not be kept. Sending
// the same samples again is harmless. The slice is not used after the return.
func (i *Ingest) Append(ctx context.Context, samples []forescale.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{samples: samples, result: make(chan error, 1)}
	if err := i.admit(r); err != nil {
		return err
	}
	select {
	case err := <-r.result:
		return err
	case <-ctx.Done():
		i.withdraw(r)
		return ctx.Err()
	}
}

func (i *Ingest) admit(r *request) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.closed:
		return ErrClosed
	case i.rows > 0 && i.rows+len(r.samples) > i.opts.MaxRows, len(i.waiting) >= i.opts.MaxRequests:
		return forescale.ErrBusy
	}
	i.waiting = append(i.waiting, r)
	i.rows += len(r.samples)
	i.signal()
	return nil
}

// signal wakes the writer; one token is enough, however many wait.
func (i *Ingest) signal() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// withdraw takes back a request that is not being written yet.
func (i *Ingest) withdraw(r *request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for k, w := range i.waiting {
		if w == r {
			i.waiting = append(i.waiting[:k], i.waiting[k+1:]...)
			i.rows -= len(r.samples)
			return
		}
	}
}

// write commits what waits until the ingest is closed and nothing waits.
func (i *Ingest) write() {
	defer close(i.done)
	var buf []forescale.Sample
	for range i.wake {
		for {
			var joined []*request
			joined, buf = i.take(buf[:0])
			if len(joined) == 0 {
				break
			}
			i.commit(joined, buf)
			if cap(buf) > 4*i.opts.MaxCommit { // one huge request must not be remembered for ever
				buf = nil
			}
		}
	}
}

// take removes the requests of one commit from what waits and copies their
// samples, so that a sender that gives up may use its slice again.
func (i *Ingest) take(buf []forescale.Sample) ([]*request, []forescale.Sample) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for n < len(i.waiting) && (n == 0 || len(buf)+len(i.waiting[n].samples) <= i.opts.MaxCommit) {
		buf = append(buf, i.waiting[n].samples...)
		n++
	}
	joined := append([]*request(nil), i.waiting[:n]...)
	i.waiting = append(i.waiting[:0], i.waiting[n:]...)
	clear(i.waiting[len(i.waiting):cap(i.waiting)])
	return joined, buf
}

// commit writes samples and tells everyone who shares them. The senders' contexts
// do not reach the store: one that gives up must not fail the others.
func (i *Ingest) commit(joined []*request, samples []forescale.Sample) {
	ctx, cancel := context.WithTimeout(context.Background(), i.opts.CommitTime)
	defer cancel()
	err := i.store.Append(ctx, samples)
	if err != nil {
		err = fmt.Errorf("commit samples: %w", err)
	} else if i.opts.Kept != nil {
		i.opts.Kept(samples)
	}
	i.mu.Lock()
	i.rows -= len(samples)
	i.mu.Unlock()
	for _, r := range joined {
		r.result <- err
	}
}

// Waiting is how many samples and requests wait or are being written.
func (i *Ingest) Waiting() (samples, requests int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rows, len(i.waiting)
}

// Close refuses new samples and returns when all that were taken are durable or
// have failed. It may be called more than once.
func (i *Ingest) Close() {
	i.mu.Lock()
	if !i.closed {
		i.closed = true
		close(i.wake) // what waits is still written: range drains the token first
	}
	i.mu.Unlock()
	<-i.done
}
