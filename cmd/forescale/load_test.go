package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/load"
	"github.com/forescale/forescale/internal/postgrestest"
)

// A small load on two servers and a PostgreSQL of its own: everything that is
// acknowledged is stored, each service gets its forecast, and rounds are made. How
// long it takes is what the command measures, not this test.
func TestLoadOfTwoServers(t *testing.T) {
	postgrestest.Programs(t)
	t.Setenv(childServer, "server")
	s := newShell(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r := s.runContext(ctx, "load", "--services", "20", "--servers", "2", "--for", "3s", "--history", "3h", "--patience", "3m", "--rows", "3", "-o", "json")
	if r.code != exitOK {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	var rs []load.Result
	if err := json.Unmarshal([]byte(r.out), &rs); err != nil || len(rs) != 1 {
		t.Fatalf("%v of %s", err, r.out)
	}
	got := rs[0]
	if got.Services != 20 || got.Servers != 2 || len(got.Memory) != 2 || got.Points != 20*36 {
		t.Errorf("%d services, %d servers, %d with memory, %d points", got.Services, got.Servers, len(got.Memory), got.Points)
	}
	if got.Failed != 0 || got.FirstFailure != "" {
		t.Errorf("%d failures: %s", got.Failed, got.FirstFailure)
	}
	if got.Acknowledged == 0 || got.Stored < got.Acknowledged {
		t.Errorf("%d samples acknowledged, %d stored", got.Acknowledged, got.Stored)
	}
	if got.Forecasts != 20 {
		t.Errorf("%d services have a forecast", got.Forecasts)
	}
	if got.DatabaseBytes == 0 || got.Kinds[0].N == 0 {
		t.Errorf("%d bytes in the database, %d lists of services", got.DatabaseBytes, got.Kinds[0].N)
	}
}

// A few agents on a real server: every sample that they measured is in the store.
func TestLoadOfAgents(t *testing.T) {
	t.Setenv(childServer, "server")
	s := newShell(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := s.runContext(ctx, "load", "agents", "--nodes", "5", "--for", "11s", "-o", "json")
	if r.code != exitOK {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	var got load.AgentsResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v of %s", err, r.out)
	}
	if got.Agents != 5 || got.Failed != 0 || got.Beats < 5 || got.Samples != len(forescale.NodeMetrics)*got.Beats || got.Stored != got.Samples {
		t.Errorf("%+v", got)
	}
	if got.Memory == 0 || got.ServerCPU <= 0 {
		t.Errorf("the server took %d bytes and %g cores", got.Memory, got.ServerCPU)
	}
}

// Each sample that makes a service short is answered by one start on a node, and nothing
// else is started.
func TestLoadOfStarts(t *testing.T) {
	t.Setenv(childServer, "server")
	s := newShell(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r := s.runContext(ctx, "load", "agents", "--nodes", "2", "--for", "1s", "--starts", "3", "-o", "json")
	if r.code != exitOK {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	var got load.AgentsResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v of %s", err, r.out)
	}
	if got.StartsDue != 3 || got.Starts != 3 || got.Failed != 0 {
		t.Errorf("%+v", got)
	}
	if got.StartP50 <= 0 || got.StartP99 < got.StartP50 || got.StartMost < got.StartP99 {
		t.Errorf("the starts took %g, %g, %g s", got.StartP50, got.StartP99, got.StartMost)
	}
}
