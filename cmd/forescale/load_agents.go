package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/load"
)

// maxStarts bounds the services that are asked about at once.
const maxStarts = 10_000

func newLoadAgents(a *app) *cobra.Command {
	var n, starts int
	var length time.Duration
	var out *format
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "Drive a real server as the agents of a thousand nodes would, and measure",
		Long: `Start a real server on a file of its own, let agents join over TLS, have each report
every 10 s, and measure. The agents are those of forescale; what they measure is made up.`,
		Example: "  forescale load agents --nodes 1000 --for 2m",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 || length < time.Second {
				return usage("there is nothing to drive", "use at least one node and a second")
			}
			if starts < 0 || starts > maxStarts {
				return usage(fmt.Sprintf("%d starts cannot be measured", starts), fmt.Sprintf("use 0 to %d", maxStarts))
			}
			return a.loadAgents(cmd.Context(), n, load.AgentsConfig{For: length, Starts: starts}, *out)
		},
	}
	cmd.Flags().IntVar(&n, "nodes", 1000, "how many nodes, with an agent each")
	cmd.Flags().DurationVar(&length, "for", 2*time.Minute, "measure at least this long")
	cmd.Flags().IntVar(&starts, "starts", 0, "how many starts to measure; 0: none")
	out = formatFlag(cmd)
	return cmd
}

func (a *app) loadAgents(ctx context.Context, n int, c load.AgentsConfig, out format) error {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "forescale.db")
	if c.Tokens, err = makeTokens(ctx, path, n); err != nil {
		return err
	}
	s, err := startServe(ctx, dir, path, "--agents", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.URL, c.Dir, c.Server = s.agents, filepath.Join(dir, "agents"), load.Server{URL: s.url, Memory: s.memory}
	r, err := load.RunAgents(ctx, c)
	s.stop()
	if err != nil {
		return err
	}
	if r.Stored, err = countNodeSamples(ctx, path); err != nil {
		return err
	}
	return a.writeLoadAgents(r, out)
}

// makeTokens keeps a token for each of n nodes in a new store, with a new authority beside it.
func makeTokens(ctx context.Context, path string, n int) (tokens []string, err error) {
	now := time.Now()
	ca, err := authority.OpenOrCreate(agentsFile(path), now)
	if err != nil {
		return nil, err
	}
	st, err := openStore(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	for i := range n {
		_, t, err := makeJoinToken(ctx, st, ca, forescale.JoinToken{Node: fmt.Sprintf("node-%d", i+1), CreatedAt: now, ExpiresAt: now.Add(forescale.JoinTokenLife)})
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

func countNodeSamples(ctx context.Context, path string) (n int, err error) {
	st, err := openStore(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	list, err := st.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindNode})
	for _, s := range list {
		if strings.HasPrefix(s.Subject.Name, "node-") { // the server reads this machine, too
			n++
		}
	}
	return n, err
}

func (a *app) writeLoadAgents(r load.AgentsResult, out format) error {
	if out == formatJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := newTable("measured", fmt.Sprintf("%d agents", r.Agents))
	t.alignRight(1)
	row := func(name, format string, value float64) { t.add(name, fmt.Sprintf(format, value)) }
	row("joins of all, s", "%.1f", r.Joined)
	row("measured for, s", "%.0f", r.Seconds)
	row("beats", "%.0f", float64(r.Beats))
	row("failures", "%.0f", float64(r.Failed))
	row("beat p50, ms", "%.0f", 1000*r.BeatP50)
	row("beat p99, ms", "%.0f", 1000*r.BeatP99)
	row("samples measured", "%.0f", float64(r.Samples))
	row("samples in the store", "%.0f", float64(r.Stored))
	if r.StartsDue > 0 {
		row("services made short", "%.0f", float64(r.StartsDue))
		row("starts asked of engines", "%.0f", float64(r.Starts))
		row("sample to start p50, ms", "%.0f", 1000*r.StartP50)
		row("sample to start p99, ms", "%.0f", 1000*r.StartP99)
		row("sample to start, longest, ms", "%.0f", 1000*r.StartMost)
	}
	row("cores used by the server", "%.2f", r.ServerCPU)
	row("memory of the server, MiB", "%.0f", float64(r.Memory)/(1<<20))
	if r.FirstFailure != "" {
		fmt.Fprintf(a.stderr, "first failure: %s\n", r.FirstFailure)
	}
	if out == formatCSV {
		return a.writeCSV(t.headers, t.rows)
	}
	return a.write(t)
}
