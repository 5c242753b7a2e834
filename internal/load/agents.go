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
	server := newDriver(Config{Servers: []Server{c.Server}})
	defer server.client.CloseIdleConnections()
	d := agentDriver{AgentsConfig: c, server: server, starts: newStarts(server, c.Starts), log: &complaints{}}
	if r.Joined, err = d.join(ctx); err != nil {
		return r, err
	}
	inner, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for _, a := range d.agents {
		wg.Go(func() { a.Work(inner) })
	}
	if err := d.starts.register(ctx); err != nil {
		return r, err
	}
	before, err := server.scrape(ctx)
	if err != nil {
		return r, err
	}
	d.samples.Store(0) // those of the joins were not sent
	began := time.Now()
	for i, a := range d.agents {
		wg.Go(func() { d.beat(ctx, inner, a, agent.Beat*time.Duration(i)/time.Duration(len(d.agents))) })
	}
	end := time.After(c.For)
	if err := d.starts.drive(ctx); err != nil {
		return r, err
	}
	select {
	case <-ctx.Done():
		return r, ctx.Err()
	case <-end:
	}
	stop()
	wg.Wait()
	r.Seconds = time.Since(began).Seconds()
	after, err := server.scrape(ctx)
	if err == nil {
		r.ServerCPU = (after.cpu - before.cpu) / r.Seconds
		r.Memory, err = c.Server.Memory()
	}
	d.tell(&r)
	return r, err
}

// agentDriver is one run.
type agentDriver struct {
	AgentsConfig
	server  *driver
	starts  *starts
	log     *complaints
	agents  []*agent.Agent
	samples atomic.Int64

	mu    sync.Mutex
	beats []time.Duration
}

// join lets one agent after the other join, and returns how many seconds that took.
func (d *agentDriver) join(ctx context.Context) (seconds float64, err error) {
	began := time.Now()
	for i, token := range d.Tokens {
		a, err := agent.New(ctx, agent.Config{Server: d.URL, Join: token, Dir: filepath.Join(d.Dir, fmt.Sprint(i)),
			Source: d.node(), Clock: forescale.NewSystemClock(), Log: slog.New(d.log)})
		if err != nil {
			return 0, fmt.Errorf("agent %d of %d does not join: %w", i+1, len(d.Tokens), err)
		}
		a.Attach(newEngine(d.starts))
		d.agents = append(d.agents, a)
	}
	seconds = time.Since(began).Seconds()
	select { // what is signed in the second in which the server began is refused
	case <-ctx.Done():
		return seconds, ctx.Err()
	case <-time.After(2 * time.Second):
		return seconds, nil
	}
}

// tell sets what the agents and the engines noted. Nothing runs any more.
func (d *agentDriver) tell(r *AgentsResult) {
	r.Agents, r.Samples = len(d.agents), int(d.samples.Load())
	r.Beats, r.BeatP50, r.BeatP99 = len(d.beats), quantile(d.beats, 0.5), quantile(d.beats, 0.99)
	took := d.starts.took
	r.StartsDue, r.Starts = d.Starts, len(took)
	r.StartP50, r.StartP99, r.StartMost = quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1)
	warned, first := d.log.told()
	r.Failed, r.FirstFailure = warned+d.server.failed, cmp.Or(first, d.server.first)
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
