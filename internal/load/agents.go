package load

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent"
)

// AgentsConfig is how many agents drive a server. All fields but Starts are required.
type AgentsConfig struct {
	URL    string        // of the server, where it takes agents
	Tokens []string      // one for each agent
	Dir    string        // of the agents' states
	For    time.Duration // at least
	Starts int           // to measure
	Server Server
}

// AgentsResult is what was measured. Times are in seconds.
type AgentsResult struct {
	Agents       int     `json:"agents"`
	Joined       float64 `json:"join_seconds"` // all of them, one after the other
	Seconds      float64 `json:"seconds"`      // measured
	Beats        int     `json:"beats"`        // that agents went through
	Failed       int     `json:"failed"`       // beats that the server did not take, or not whole, and what else went wrong
	FirstFailure string  `json:"first_failure,omitempty"`
	BeatP50      float64 `json:"beat_p50"` // measuring, signing, sending and being answered
	BeatP99      float64 `json:"beat_p99"`
	Samples      int     `json:"samples"`        // measured by the agents
	Stored       int     `json:"samples_stored"` // set by the caller: what the store holds
	StartsDue    int     `json:"starts_due"`     // services that a sample made short
	Starts       int     `json:"starts"`         // of those, asked of engines
	StartP50     float64 `json:"start_p50"`      // from just before the push of the sample until an engine is asked
	StartP99     float64 `json:"start_p99"`
	StartMost    float64 `json:"start_most"`
	ServerCPU    float64 `json:"server_cpu_cores"`
	Memory       int64   `json:"memory_bytes"`
}

// RunAgents lets agents join, spreads their beats over the time between two, lets
// services become short beside, and measures what they and the server feel.
func RunAgents(ctx context.Context, c AgentsConfig) (r AgentsResult, err error) {
	d := agentDriver{log: &complaints{}}
	agents := make([]*agent.Agent, len(c.Tokens))
	began := time.Now()
	for i, token := range c.Tokens {
		agents[i], err = agent.New(ctx, agent.Config{Server: c.URL, Join: token, Dir: filepath.Join(c.Dir, fmt.Sprint(i)),
			Source: d.node(), Clock: forescale.NewSystemClock(), Log: slog.New(d.log)})
		if err != nil {
			return r, fmt.Errorf("agent %d of %d does not join: %w", i+1, len(c.Tokens), err)
		}
	}
	r.Agents, r.Joined = len(agents), time.Since(began).Seconds()
	select { // what is signed in the second in which the server began is refused
	case <-ctx.Done():
		return r, ctx.Err()
	case <-time.After(2 * time.Second):
	}
	server := newDriver(Config{Servers: []Server{c.Server}})
	defer server.client.CloseIdleConnections()
	starts := newStarts(server, c.Starts)
	inner, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for _, a := range agents {
		e := &engine{starts: starts, running: map[string]forescale.Sighting{}}
		a.Attach(agent.Engine{Containers: e, Acting: func(enter func() (func(), error)) agent.Target { return entered{e, enter} }})
		wg.Go(func() { a.Work(inner) })
	}
	if err := starts.register(ctx); err != nil {
		return r, err
	}
	before, err := server.scrape(ctx)
	if err != nil {
		return r, err
	}
	d.samples.Store(0) // those of the joins were not sent
	began = time.Now()
	end := time.After(c.For)
	for i, a := range agents {
		wg.Go(func() { d.beat(ctx, inner, a, agent.Beat*time.Duration(i)/time.Duration(len(agents))) })
	}
	if err := starts.drive(ctx); err != nil {
		return r, err
	}
	select {
	case <-ctx.Done():
		return r, ctx.Err()
	case <-end:
	}
	stop()
	wg.Wait()
	took := time.Since(began)
	after, err := server.scrape(ctx)
	if err != nil {
		return r, err
	}
	if r.Memory, err = c.Server.Memory(); err != nil {
		return r, err
	}
	r.Seconds, r.ServerCPU = took.Seconds(), (after.cpu-before.cpu)/took.Seconds()
	r.Beats, r.BeatP50, r.BeatP99 = len(d.beats), quantile(d.beats, 0.5), quantile(d.beats, 0.99)
	r.Samples = int(d.samples.Load())
	r.StartsDue, r.Starts = c.Starts, len(starts.took)
	r.StartP50, r.StartP99, r.StartMost = quantile(starts.took, 0.5), quantile(starts.took, 0.99), quantile(starts.took, 1)
	r.Failed, r.FirstFailure = d.log.told()
	r.Failed, r.FirstFailure = r.Failed+server.failed, cmp.Or(r.FirstFailure, server.first)
	return r, nil
}

// agentDriver is one run.
type agentDriver struct {
	log     *complaints
	samples atomic.Int64

	mu    sync.Mutex
	beats []time.Duration
}

// beat goes through one beat of an agent after the other until inner ends; one that
// has begun is ended.
func (d *agentDriver) beat(ctx, inner context.Context, a *agent.Agent, wait time.Duration) {
	next := time.Now().Add(wait)
	for {
		select {
		case <-inner.Done():
			return
		case <-time.After(time.Until(next)):
		}
		next = next.Add(agent.Beat)
		began := time.Now()
		a.Step(ctx)
		d.mu.Lock()
		d.beats = append(d.beats, time.Since(began))
		d.mu.Unlock()
	}
}

// node is a source of what a node tells at each beat.
func (d *agentDriver) node() agent.Source {
	return sourceFunc(func() forescale.Observation {
		o := forescale.Observation{Nodes: []forescale.Node{{Cores: 8, Memory: 16 << 30}}}
		for _, m := range forescale.NodeMetrics {
			o.Samples = append(o.Samples, forescale.Sample{Metric: m, Value: float64(d.samples.Add(1) % 100)})
		}
		return o
	})
}

type sourceFunc func() forescale.Observation

func (f sourceFunc) Observe(context.Context) forescale.Observation { return f() }

// complaints counts what agents warn of.
type complaints struct {
	mu    sync.Mutex
	n     int
	first string
}

func (c *complaints) told() (n int, first string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n, c.first
}

func (c *complaints) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler           { return c }
func (c *complaints) WithGroup(string) slog.Handler                { return c }

func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n++; c.first == "" {
		c.first = r.Message
		r.Attrs(func(a slog.Attr) bool {
			c.first += fmt.Sprintf("; %s: %v", a.Key, a.Value)
			return true
		})
	}
	return nil
}
