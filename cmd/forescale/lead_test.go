package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/api"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// decided is a decision of a service in minute at, repeated until minute last.
func decided(service string, at, last int) forescale.Decision {
	begin := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	return forescale.Decision{ID: fmt.Sprintf("dec_%s_%d", service, at), Service: service, Mode: forescale.ModeActive, To: at,
		At: begin.Add(time.Duration(at) * time.Minute), LastAt: begin.Add(time.Duration(last) * time.Minute),
		Outcome: forescale.OutcomeNone, Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}
}

func idsOf(ds []forescale.Decision) (ids []string) {
	for _, d := range ds {
		ids = append(ids, d.ID)
	}
	return ids
}

func TestWhatIsRelayedIsNewAndToldOnce(t *testing.T) {
	var told relayed
	for _, c := range []struct {
		sentence string
		newest   []forescale.Decision
		news     bool
		want     []string
	}{
		{"the first look tells when the newest step was, not what was decided before", []forescale.Decision{decided("a", 1, 3), decided("b", 2, 3)}, true, nil},
		{"the same again is no news", []forescale.Decision{decided("a", 1, 3), decided("b", 2, 3)}, false, nil},
		{"a step that repeats all is a step without decisions", []forescale.Decision{decided("a", 1, 4), decided("b", 2, 4)}, true, nil},
		{"what is new is told", []forescale.Decision{decided("a", 5, 5), decided("b", 2, 5)}, true, []string{"dec_a_5"}},
		{"and only once", []forescale.Decision{decided("a", 5, 6), decided("b", 6, 6)}, true, []string{"dec_b_6"}},
	} {
		step, news := told.next(c.newest)
		if news != c.news || !slices.Equal(idsOf(step.Decisions), c.want) {
			t.Errorf("%s: news %v, %v", c.sentence, news, idsOf(step.Decisions))
		}
	}
	t.Run("the first decision of an empty store is news", func(t *testing.T) {
		var told relayed
		if _, news := told.next(nil); news {
			t.Error("nothing is no news")
		}
		if step, _ := told.next([]forescale.Decision{decided("a", 1, 1)}); len(step.Decisions) != 1 {
			t.Errorf("it tells %v", step)
		}
	})
}

// A server that follows tells its own page what the leader decides.
func TestAFollowerRelaysTheLeadersStepsToItsPage(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "shared.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	term, won, err := st.TakeLead(t.Context(), "leader", time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	decide := func(ds ...forescale.Decision) {
		t.Helper()
		var p forescale.Plan
		for _, d := range ds {
			p.At = d.LastAt
			p.Services = append(p.Services, forescale.ServicePlan{Service: d.Service, MadeAt: d.LastAt, Decision: d})
		}
		if err := st.Under(term.Fence).RecordPlan(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
	}
	decide(decided("a", 1, 1), decided("b", 1, 1))
	s, err := startServer(t.Context(), serverConfig{Store: st, Listen: "127.0.0.1:0", Shared: true, Name: "follower"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	steps := followStream(t, s.URL())
	heard := func(want ...string) {
		t.Helper()
		select {
		case step, ok := <-steps:
			var got []string
			for _, d := range step.Decisions {
				got = append(got, d.ID)
			}
			slices.Sort(got)
			if !ok || !slices.Equal(got, want) {
				t.Errorf("at %s the stream tells %v, want %v", step.At, got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("the stream does not tell %v", want)
		}
	}
	heard()
	decide(decided("a", 2, 2), decided("b", 2, 2))
	heard("dec_a_2", "dec_b_2")
	decide(decided("a", 2, 3), decided("b", 3, 3))
	heard("dec_b_3")

	// The leader resigns: this one takes over, and says so.
	if err := st.Resign(t.Context(), term.Fence); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() error {
		var about aboutView
		r, err := http.Get(s.URL() + "/v1/about")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if err := json.NewDecoder(r.Body).Decode(&about); err != nil || !about.Leader {
			return fmt.Errorf("%+v, %v", about, err)
		}
		if about.lead() != fmt.Sprintf("follower leads, fence %d.", term.Fence+1) {
			t.Errorf("it says %q", about.lead())
		}
		return nil
	})
}

// followStream is the steps that a server tells.
func followStream(t *testing.T, url string) <-chan api.StepView {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	steps := make(chan api.StepView, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(steps)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			var step api.StepView
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &step) == nil {
				steps <- step
			}
		}
	}()
	t.Cleanup(func() { resp.Body.Close(); <-done; client.CloseIdleConnections() })
	return steps
}
