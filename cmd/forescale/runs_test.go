package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

type runJSON struct {
	ID, Kind, State, Server string
	Done                    int
}

func TestRunsOfAServer(t *testing.T) {
	s := newShell(t)
	r := s.serve("--config", s.file("f.yaml", "jobs:\n  retention: {schedule: 30 4 * * *, time_zone: Asia/Tokyo}\n"))
	s.must("import", s.file("history.csv", "timestamp,series,value\n2026-01-05T00:00:00Z,web,3\n2026-01-05T00:01:00Z,web,4\n"), "--create", "--as", "demand")
	rolledUp := func(args ...string) []runJSON {
		return parseJSON[[]runJSON](t, s.must(append([]string{"runs", "--kind", "rollup", "-o", "json"}, args...)...))
	}
	eventually(t, 60*time.Second, func() error {
		if runs := rolledUp(); len(runs) == 0 || runs[0].State != "done" {
			return fmt.Errorf("no roll-up is done: %+v", runs)
		}
		return nil
	})
	for _, run := range rolledUp() {
		if run.Kind != "rollup" || run.ID == "" || run.Server == "" {
			t.Errorf("asked for roll-ups, got %+v", run)
		}
	}
	if out := s.must("runs", "--kind", "import"); !strings.Contains(out, "\timport\tdone\t") || strings.Count(out, "\n") != 1 {
		t.Errorf("runs into a pipe: %q", out)
	}
	if out := s.must("runs", "--kind", "nothing"); out != "" {
		t.Errorf("runs of no kind: %q", out)
	}
	out := onTerminal(t, r.url, "runs", "--timezone", "UTC")
	for _, w := range []string{" UTC\n", "JOB ", "\nretention  ", " 30 4 * * * Asia/Tokyo\n", "\nforecast ", "every 15 min\n", "\nKIND ", "\nimport "} {
		if !strings.Contains(out, w) {
			t.Errorf("%q is missing in\n%s", w, out)
		}
	}
	if out := onTerminal(t, r.url, "runs", "--kind", "nothing"); !strings.Contains(out, "There is no run of nothing yet.") || strings.Contains(out, "retention") {
		t.Errorf("runs of no kind on a terminal: %s", out)
	}
	r.stop()
	s.fails(exitUnreachable, []string{"server_unreachable"}, "runs")
	for _, limit := range []string{"0", "100001", "many"} {
		s.fails(exitUsage, []string{"limit"}, "runs", "--limit", limit)
	}
}

func TestRunsAreReadPageByPage(t *testing.T) {
	const all = 1200
	pages := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages++
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		first, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		if limit < 1 || limit > runsPage || r.URL.Query().Get("kind") != "forecast" {
			t.Errorf("unexpected %s", r.URL)
		}
		var page struct {
			Items []runJSON `json:"items"`
			Next  string    `json:"next"`
		}
		for i := first; i < min(first+limit, all); i++ {
			page.Items = append(page.Items, runJSON{ID: strconv.Itoa(i)})
		}
		if first+limit < all {
			page.Next = strconv.Itoa(first + limit)
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
	t.Cleanup(srv.Close)
	s := newShell(t)
	s.env["FORESCALE_SERVER"] = srv.URL
	for _, c := range []struct{ limit, want, pages int }{{20, 20, 1}, {700, 700, 2}, {5000, all, 3}} {
		pages = 0
		got := parseJSON[[]runJSON](t, s.must("runs", "--kind", "forecast", "-o", "json", "--limit", strconv.Itoa(c.limit)))
		if len(got) != c.want || got[len(got)-1].ID != strconv.Itoa(c.want-1) || pages != c.pages {
			t.Errorf("--limit %d: %d runs in %d requests, want %d in %d", c.limit, len(got), pages, c.want, c.pages)
		}
	}
}
