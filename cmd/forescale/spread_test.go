package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale/internal/postgrestest"
)

// Two servers share one database: each job's due time is one run, whoever did it.
// One that has a single connection runs no jobs beside them, but could when it leads.
func TestJobsAreSpreadOverServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	c := postgrestest.Start(t)
	config := newShell(t).file("f.yaml", "services:\n  a: {}\n  b: {}\n")
	var servers []*process
	for nth := range 3 {
		p := newProcess(t, nth, "forescale", nil)
		dsn, says := c.DSN(p.net.Host), "jobs are spread over all servers"
		if nth == 2 {
			dsn, says = dsn+"&pool_max_conns=1", "jobs are not spread over servers"
		}
		p.args = []string{"serve", "--config", config, "--listen", childPort, "--docker", "off", "--store", dsn}
		servers = append(servers, p)
		p.start()
		p.ready()
		if !strings.Contains(p.log.String(), says) {
			t.Errorf("server %d does not say that %s", nth, says)
		}
	}
	var runs struct{ Items []runJSON }
	eventually(t, 2*time.Minute, func() error {
		if err := servers[1].ask(http.MethodGet, "/v1/runs", "", &runs); err != nil {
			return err
		}
		done := map[string]bool{}
		for _, r := range runs.Items {
			done[r.Kind] = done[r.Kind] || r.State == "done"
		}
		if !done["forecast"] || !done["rollup"] {
			return fmt.Errorf("not all was run: %+v", runs.Items)
		}
		return nil
	})
	seen, spread := map[string]bool{}, 0
	for _, r := range runs.Items {
		due, ok := strings.CutSuffix(r.ID, "-spread")
		if seen[due] {
			t.Errorf("run twice: %+v", runs.Items)
		}
		if seen[due] = true; ok {
			spread++
		}
	}
	if spread < 2 {
		t.Errorf("%d of the runs are spread: %+v", spread, runs.Items)
	}
}
