// Package load drives real servers as thousands of services would, and measures
// what they and their users feel: how long pushes and questions take, how much
// memory and disk it costs, and whether forecasts and plans keep their pace.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale/internal/store"
)

// Config is one size to drive. All fields are required.
type Config struct {
	Services int
	Servers  []Server      // that run on one store, with nothing in it yet but what Fill wrote
	For      time.Duration // at least; until the first forecasts of all services are made, if that takes longer
	Patience time.Duration // how long they may take
	Every    time.Duration // between the samples of a service
	Senders  int           // pushes under way at most
	Rows     int           // of one push
}

// Server is a running forescale.
type Server struct {
	URL string
	// Memory is the most that the process has held so far, in bytes.
	Memory func() (int64, error)
}

// Result is what was measured at one size. Times are in seconds.
type Result struct {
	Services      int     `json:"services"`
	Servers       int     `json:"servers"`
	Fill          float64 `json:"fill_seconds"`            // registering the services and writing their history
	Points        int64   `json:"history_points"`          // of all services
	Seconds       float64 `json:"seconds"`                 // measured
	SamplesAsked  float64 `json:"samples_asked_per_s"`     // what the services send
	SamplesSent   float64 `json:"samples_sent_per_s"`      // by the driver: less if all its senders waited
	Samples       float64 `json:"samples_per_s"`           // acknowledged
	Acknowledged  int64   `json:"samples_acknowledged"`    // in all
	Stored        int64   `json:"samples_stored"`          // set by the caller: what the database holds
	LateP99       float64 `json:"late_p99"`                // how long after they were due pushes began
	LateMost      float64 `json:"late_most"`               // the same
	Refused       int     `json:"pushes_refused"`          // with 429 or 503, and sent again
	Failed        int     `json:"failed"`                  // pushes and questions answered otherwise than they should be
	FirstFailure  string  `json:"first_failure,omitempty"` // of those
	PushP50       float64 `json:"push_p50"`
	PushP99       float64 `json:"push_p99"`
	Questions     float64 `json:"questions_per_s"`
	QuestionP50   float64 `json:"question_p50"`
	QuestionP99   float64 `json:"question_p99"`
	Kinds         []Kind  `json:"questions"`
	Round         float64 `json:"planning_round"`   // mean
	Rounds        int     `json:"planning_rounds"`  //
	Refresh       float64 `json:"forecast_refresh"` // of all services; 0: not done in time
	Forecasts     int     `json:"forecasts"`        // services of that run
	Memory        []int64 `json:"memory_bytes"`     // the most of each server
	DatabaseBytes int64   `json:"database_bytes"`   // set by the caller
	ServerCPU     float64 `json:"server_cpu_cores"` // mean of all servers together
}

// Kind is one kind of question.
type Kind struct {
	Path string  `json:"path"`
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
}

// Run drives the servers and measures.
func Run(ctx context.Context, c Config) (Result, error) {
	d := newDriver(c)
	defer d.client.CloseIdleConnections()
	before, err := d.scrape(ctx)
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	d.began = began
	inner, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for range c.Senders {
		wg.Go(func() { d.send(inner) })
	}
	wg.Go(func() { d.ask(inner) })
	run, waitErr := d.awaitForecasts(ctx)
	if left := c.For - time.Since(began); waitErr == nil && left > 0 {
		select {
		case <-time.After(left):
		case <-ctx.Done():
			waitErr = ctx.Err()
		}
	}
	stop()
	wg.Wait()
	took := time.Since(began)
	after, err := d.scrape(ctx)
	if err := errors.Join(waitErr, err); err != nil {
		return Result{}, err
	}
	r := d.result(took)
	r.Refresh, r.Forecasts = run.seconds(), run.Done
	r.Rounds = int(after.rounds - before.rounds)
	if r.Rounds > 0 {
		r.Round = (after.roundTime - before.roundTime) / float64(r.Rounds)
	}
	r.ServerCPU = (after.cpu - before.cpu) / took.Seconds()
	for _, s := range c.Servers {
		m, err := s.Memory()
		if err != nil {
			return r, fmt.Errorf("read a server's memory: %w", err)
		}
		r.Memory = append(r.Memory, m)
	}
	return r, nil
}

// driver is one run.
type driver struct {
	Config
	client *http.Client
	began  time.Time
	next   atomic.Int64 // push to send

	mu      sync.Mutex
	pushes  []time.Duration
	asked   map[string][]time.Duration
	late    []time.Duration
	sent    int // rows
	rows    int // acknowledged
	refused int
	failed  int
	first   string
}

func newDriver(c Config) *driver {
	return &driver{Config: c, client: &http.Client{Timeout: 2 * time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: c.Senders + 4, DisableCompression: true}}}
}

func (d *driver) result(took time.Duration) Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := Result{Services: d.Services, Servers: len(d.Servers), Seconds: took.Seconds(),
		SamplesAsked: float64(d.Services) / d.Every.Seconds(), SamplesSent: float64(d.sent) / took.Seconds(),
		Samples: float64(d.rows) / took.Seconds(), Acknowledged: int64(d.rows), LateP99: quantile(d.late, 0.99), LateMost: quantile(d.late, 1),
		Refused: d.refused, Failed: d.failed, FirstFailure: d.first}
	r.PushP50, r.PushP99 = quantile(d.pushes, 0.5), quantile(d.pushes, 0.99)
	var all []time.Duration
	for _, path := range questions {
		ts := d.asked[path]
		all = append(all, ts...)
		r.Kinds = append(r.Kinds, Kind{Path: path, N: len(ts), P50: quantile(ts, 0.5), P99: quantile(ts, 0.99)})
	}
	r.QuestionP50, r.QuestionP99, r.Questions = quantile(all, 0.5), quantile(all, 0.99), float64(len(all))/took.Seconds()
	return r
}

// quantile is a sample quantile in seconds, 0 of nothing.
func quantile(ts []time.Duration, q float64) float64 {
	if len(ts) == 0 {
		return 0
	}
	ts = slices.Sorted(slices.Values(ts))
	return ts[min(int(q*float64(len(ts))), len(ts)-1)].Seconds()
}

func (d *driver) fail(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed++; d.first == "" {
		d.first = what
	}
}

// Store is what Fill writes to.
type Store interface {
	store.Samples
	store.Services
}
