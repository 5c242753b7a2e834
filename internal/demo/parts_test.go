package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
	"pgregory.net/rapid"
)

func TestAWorkerServesItsCapacityAndRefusesWhatIsBeyond(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		asked       float64 // requests a second
		utilization [2]float64
		refused     [2]float64 // share
	}{
		{"half of it is served whole", 20, [2]float64{45, 55}, [2]float64{0, 0}},
		{"all of it is served whole", 40, [2]float64{95, 100}, [2]float64{0, 0.01}},
		{"twice of it is refused by half", 80, [2]float64{95, 100}, [2]float64{0.45, 0.55}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(0, 0)
			w := NewWorker(40, func() time.Time { return now })
			const seconds = 60
			for range int(c.asked * seconds) {
				w.admit()
				now = now.Add(time.Duration(float64(time.Second) / c.asked))
			}
			r := w.Read() // of the last moments
			refused := float64(r.Refused) / float64(r.Refused+r.Served)
			if r.Utilization < c.utilization[0] || r.Utilization > c.utilization[1] || refused < c.refused[0] || refused > c.refused[1] {
				t.Errorf("%+v, %.3f refused", r, refused)
			}
			if r.Load < c.asked*0.9 || r.Load > c.asked*1.1 {
				t.Errorf("load %.1f, asked were %.1f", r.Load, c.asked)
			}
		})
	}
}

func TestAWorkerNeverClaimsMoreThanItCanDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		capacity := rapid.Float64Range(1, 500).Draw(t, "capacity")
		w := NewWorker(capacity, func() time.Time { return now })
		total := rapid.IntRange(1, 200).Draw(t, "requests")
		for range total {
			if takes, ok := w.admit(); ok && takes > w.patience+time.Second {
				t.Fatalf("a request takes %v", takes)
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
		}
		r := w.Read()
		if r.Utilization < 0 || r.Utilization > 100 || r.Served+r.Refused > total || r.Seconds > window.Seconds() {
			t.Fatalf("%+v of %d requests", r, total)
		}
	})
}

func TestTheWorkersPages(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(NewWorker(1000, time.Now))
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/utilization": 200, "/nothing": 404} {
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// registry is a stand-in for the server: it lists workers and takes samples.
func registry(t *testing.T, workers ...string) (*httptest.Server, chan pushed) {
	t.Helper()
	rows := make(chan pushed, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/instances" && r.URL.RawQuery == "service=shop&state=ready":
			var items []backend
			for i, a := range workers {
				items = append(items, backend{ID: fmt.Sprintf("shop-%d", i), Address: strings.TrimPrefix(a, "http://")})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next": ""})
		case r.Method == http.MethodPost && r.URL.Path == "/v1/samples" && r.Header.Get("Content-Type") == "application/x-ndjson":
			for dec := json.NewDecoder(r.Body); dec.More(); {
				var p pushed
				if err := dec.Decode(&p); err != nil {
					t.Error(err)
					return
				}
				rows <- p
			}
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s, rows
}

func TestTheLoadReachesTheInstancesAndTheirSamplesTheServer(t *testing.T) {
	t.Parallel()
	a, b := httptest.NewServer(NewWorker(200, time.Now)), httptest.NewServer(NewWorker(200, time.Now))
	defer a.Close()
	defer b.Close()
	server, rows := registry(t, a.URL, b.URL)
	clock := forescale.NewFastClock(monday(time.UTC), 360)
	balance := newBalancer()
	traffic := newTraffic(clock, sim.TraceFunc(func(time.Time) float64 { return 200 }), balance)
	push := newTransmitter(clock, balance, server.URL, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	done := make(chan struct{}, 3)
	for _, run := range []func(){func() { balance.watch(ctx, server.URL) }, func() { traffic.run(ctx) }, func() { push.run(ctx) }} {
		go func() { run(); done <- struct{}{} }()
	}
	seen := map[string]bool{}
	for !seen["shop-0"] || !seen["shop-1"] {
		select {
		case p := <-rows:
			// Half of the load each, once a reading covers a while of it.
			if p.Load > 50 && p.Load < 200 && p.Utilization > 25 && p.Service == "shop" && !p.Time.Before(monday(time.UTC)) {
				seen[p.Instance] = true
			}
		case <-ctx.Done():
			t.Fatalf("only %v were heard of; %s", seen, traffic.remark())
		}
	}
	cancel()
	for range 3 {
		<-done
	}
	if traffic.sent.Load() == 0 || traffic.failed.Load() > 0 {
		t.Error(traffic.remark())
	}
}

func TestTheRecordHasARowForEachMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := forescale.NewFastClock(monday(time.UTC), 60) // a minute a second
		r := newRecord(clock, shop(time.UTC), sim.TraceFunc(func(time.Time) float64 { return 60 }), func() int { return 2 })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.run(ctx); close(done) }()
		r.tell([]forescale.Decision{{Service: service, To: 3, Actions: []forescale.Action{{Kind: forescale.ActionStart}}}})
		time.Sleep(10*time.Second + time.Millisecond) // of the bubble: no waiting
		cancel()
		<-done
		rows := r.all()
		if len(rows) != 10 {
			t.Fatalf("%d rows of 10 minutes", len(rows))
		}
		for i, row := range rows {
			if want := monday(time.UTC).Add(time.Duration(i) * time.Minute); !row.Time.Equal(want) || row.Demand != 1.5 || row.Required != 3 || row.Ready != 2 || row.Wanted != 3 {
				t.Errorf("row %d: %+v", i, row)
			}
		}
		if rows[0].Starts != 1 || rows[1].Starts != 0 {
			t.Errorf("starts: %+v", rows[:2])
		}
	})
}

func TestOwners(t *testing.T) {
	t.Parallel()
	if !alive(owner()) {
		t.Error("this process is not alive")
	}
	for _, gone := range []string{"", "1", "x-1", fmt.Sprintf("%d-1", os.Getpid()), "999999999-5"} {
		if alive(gone) {
			t.Errorf("%q is alive", gone)
		}
	}
	if got := ownerOf("/tmp/forescale-demo-12-34-567"); got != "12-34" {
		t.Errorf("owner is %q", got)
	}
}

func TestFoldersOfKilledDemonstrationsAreRemovedAndOthersAreNot(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	killed, running := filepath.Join(tmp, "forescale-demo-999999999-5-1"), filepath.Join(tmp, prefix+owner()+"-1")
	for _, d := range []string{killed, running} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := workDir()
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[string]bool{killed: false, running: true, dir: true} {
		if _, err := os.Stat(d); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", d, err == nil, want)
		}
	}
}

func TestAProgramWithADynamicLoaderIsRefused(t *testing.T) {
	t.Parallel()
	// The test's own program stands in for one that was built either way.
	f, err := program()
	out, ldd := exec.Command("ldd", os.Args[0]).CombinedOutput()
	static := ldd != nil && strings.Contains(string(out), "not a dynamic executable")
	if err == nil {
		f.Close()
	}
	if static != (err == nil) {
		t.Errorf("static: %v, error: %v", static, err)
	}
}

func TestTheFirstMinutesDoNotCount(t *testing.T) {
	t.Parallel()
	rows := []sim.Row{{Required: 2, Ready: 0}, {Required: 2, Ready: 1}, {Required: 2, Ready: 2}, {Required: 3, Ready: 2}}
	if got := settled(rows); len(got) != 2 || got[0].Ready != 2 {
		t.Errorf("%+v", got)
	}
	if got := settled(rows[:2]); got != nil {
		t.Errorf("%+v, want none", got)
	}
}
