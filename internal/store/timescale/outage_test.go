package timescale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/api"
)

// The tests of this file push samples over HTTP into a server's parts (API,
// ingest, store) while something befalls the database. What was acknowledged is
// written down and asked of the database itself in the end.

// front is what senders push to.
type front struct {
	url    string
	store  *Store
	ingest *collector.Ingest
}

const (
	senders = 4
	answer  = 2 * time.Second // how long a request may wait for the store
)

func startFront(t *testing.T, dsn string, bounds collector.IngestOptions, opts ...Option) *front {
	t.Helper()
	st := openAt(t, dsn, opts...)
	if _, err := st.PutService(t.Context(), forescale.Service{Name: "web", Max: 5}.WithDefaults(), -1); err != nil {
		t.Fatal(err)
	}
	if bounds.CommitTime == 0 {
		bounds.CommitTime = answer
	}
	in := collector.NewIngest(st, bounds)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := api.New(api.Config{Store: st, Ingest: in, Answer: answer})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		in.Close()
	})
	return &front{url: "http://" + ln.Addr().String(), store: st, ingest: in}
}

// ask is the status, headers and body of one request, or an error if there was
// no answer within a minute: no request hangs for ever.
func (f *front) ask(method, path, body string) (*http.Response, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// commitWithin bounds how long a store waits for the answer to a commit.
func commitWithin(d time.Duration) Option { return func(o *options) { o.commit = d } }

// journal is what a sender was told: the value of each time that is acknowledged.
type journal struct {
	instance string
	at       time.Time
	acked    map[time.Time]float64
	acks     atomic.Int64
	refused  atomic.Int64
}

// pushing is senders at work. Each repeats a push until it is acknowledged, then
// goes on to the next second; each third sample is corrected afterwards.
type pushing struct {
	*testing.T
	f    *front
	all  []*journal
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func (f *front) push(t *testing.T) *pushing {
	ctx, stop := context.WithCancel(context.Background())
	p := &pushing{T: t, f: f, stop: stop}
	from := time.Now().UTC().Truncate(time.Second).Add(-24 * time.Hour)
	for i := range senders {
		j := &journal{instance: fmt.Sprintf("web-%d", i), at: from, acked: map[time.Time]float64{}}
		p.all = append(p.all, j)
		p.wg.Go(func() { p.send(ctx, j) })
	}
	t.Cleanup(func() { stop(); p.wg.Wait() })
	return p
}

func (p *pushing) send(ctx context.Context, j *journal) {
	for n := 0; ctx.Err() == nil; n++ {
		at, value := j.at.Add(time.Duration(n)*time.Second), float64(n%97)
		if p.until(ctx, j, at, value) && n%3 == 0 {
			p.until(ctx, j, at, value+0.5)
		}
	}
}

// until repeats a push until it is acknowledged.
func (p *pushing) until(ctx context.Context, j *journal, at time.Time, value float64) bool {
	body := fmt.Sprintf(`[{"service":"web","instance":%q,"time":%q,"utilization":%g}]`, j.instance, at.Format(time.RFC3339), value)
	for ctx.Err() == nil {
		resp, text, err := p.f.ask("POST", "/v1/samples", body)
		switch {
		case err != nil:
			p.Errorf("no answer: %v", err)
			return false
		case resp.StatusCode == 200:
			j.acked[at] = value
			j.acks.Add(1)
			return true
		case resp.StatusCode != 429 && resp.StatusCode != 503, resp.Header.Get("Retry-After") == "":
			p.Errorf("answered %d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), text)
			return false
		}
		j.refused.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// await waits until each sender has counted n more.
func (p *pushing) await(what string, n int64, count func(*journal) *atomic.Int64) {
	p.Helper()
	from := make([]int64, len(p.all))
	for i, j := range p.all {
		from[i] = count(j).Load()
	}
	eventually(p.T, what, func() bool {
		for i, j := range p.all {
			if count(j).Load() < from[i]+n {
				return false
			}
		}
		return true
	})
}

func acks(j *journal) *atomic.Int64    { return &j.acks }
func refusal(j *journal) *atomic.Int64 { return &j.refused }

// eventually waits for a condition, two minutes at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.After(2 * time.Minute)
	for !holds() {
		select {
		case <-end:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// check ends the senders and asks the database for what they were told.
func (p *pushing) check() {
	p.Helper()
	p.stop()
	p.wg.Wait()
	got, err := p.f.store.Samples(context.Background(), forescale.SampleQuery{})
	if err != nil {
		p.Fatal(err)
	}
	type key struct {
		instance string
		at       time.Time
	}
	values := map[key][]float64{}
	for _, s := range got {
		k := key{s.Subject.Name, s.Time}
		values[k] = append(values[k], s.Value)
	}
	n := 0
	for _, j := range p.all {
		for at, value := range j.acked {
			n++
			if vs := values[key{j.instance, at}]; len(vs) != 1 || vs[0] != value && !(at.Equal(p.last(j)) && vs[0] == value+0.5) {
				p.Errorf("%s at %s: acknowledged %v, found %v", j.instance, at, value, vs)
			}
		}
	}
	p.Logf("%d acknowledged samples found, %d answers were refusals", n, p.all[0].refused.Load())
}

// last is the newest acknowledged time of a sender: a correction of it may have
// been under way when it was stopped.
func (p *pushing) last(j *journal) (at time.Time) {
	for t := range j.acked {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// children are the server's processes, the first one included.
func (c cluster) processes(t *testing.T) []int {
	t.Helper()
	pid := c.Cmd.Process.Pid
	all := []int{pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			all = append(all, child)
		}
	}
	return all
}

// end ends the server by a signal and waits for all of its processes.
func (c cluster) end(t *testing.T, sig syscall.Signal) {
	t.Helper()
	all := c.processes(t)
	if err := c.Cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	<-c.Ended
	for _, pid := range all[1:] {
		eventually(t, fmt.Sprintf("process %d of the server ends", pid), func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

func TestADatabaseThatEndsAmongPushesLosesNothing(t *testing.T) {
	c := startCluster(t)
	f := startFront(t, c.dsn("postgres"), collector.IngestOptions{})
	p := f.push(t)
	for _, how := range []struct {
		name string
		sig  syscall.Signal
	}{{"stopped fast", syscall.SIGINT}, {"stopped at once", syscall.SIGQUIT}, {"killed", syscall.SIGKILL}} {
		p.await("pushes are acknowledged", 20, acks)
		c.end(t, how.sig)
		p.await(how.name+": pushes are refused", 2, refusal)
		if resp, text, err := f.ask("GET", "/readyz", ""); err != nil || resp.StatusCode != 503 || !strings.Contains(text, "store_unreachable") {
			t.Errorf("%s: ready said %s, %v", how.name, text, err)
		}
		c.Start(t)
		p.await(how.name+": pushes are acknowledged again", 20, acks)
		if resp, _, err := f.ask("GET", "/readyz", ""); err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: not ready afterwards, %v", how.name, err)
		}
	}
	p.check()
}

func TestADatabaseThatIsPausedAmongPushesLosesNothing(t *testing.T) {
	c := startCluster(t)
	f := startFront(t, c.dsn("postgres"), collector.IngestOptions{}, commitWithin(answer))
	p := f.push(t)
	p.await("pushes are acknowledged", 20, acks)
	paused := c.processes(t)
	signal := func(sig syscall.Signal) {
		for _, pid := range paused {
			syscall.Kill(pid, sig)
		}
	}
	t.Cleanup(func() { signal(syscall.SIGCONT) })
	signal(syscall.SIGSTOP)
	p.await("pushes are refused", 2, refusal)
	if resp, text, err := f.ask("GET", "/healthz", ""); err != nil || resp.StatusCode != 200 {
		t.Errorf("health said %s, %v", text, err)
	}
	for path, code := range map[string]string{"/readyz": "store_", "/v1/services": "store_", "/v1/services/web/capacity": "store_"} {
		resp, text, err := f.ask("GET", path, "")
		var problem struct{ Code, Detail string }
		if err != nil || resp.StatusCode != 503 || json.Unmarshal([]byte(text), &problem) != nil || !strings.HasPrefix(problem.Code, code) || problem.Detail == "" {
			t.Errorf("%s said %s, %v", path, text, err)
		}
	}
	signal(syscall.SIGCONT)
	p.await("pushes are acknowledged again", 20, acks)
	if resp, text, err := f.ask("GET", "/readyz", ""); err != nil || resp.StatusCode != 200 {
		t.Errorf("not ready afterwards: %s, %v", text, err)
	}
	p.check()
}

func TestACommitThatIsCutOffLosesNothing(t *testing.T) {
	c := startCluster(t)
	w := startWire(t, fmt.Sprintf("127.0.0.1:%d", c.Port))
	f := startFront(t, w.through(c.dsn("postgres")), collector.IngestOptions{}, commitWithin(200*time.Millisecond))
	p := f.push(t)
	for _, kind := range []trouble{cut, swallow} {
		p.await("pushes are acknowledged", 10, acks)
		turn := 0
		w.makes(func() trouble {
			if turn++; turn%2 == 0 {
				return kind
			}
			return none
		})
		eventually(t, fmt.Sprintf("trouble %d was made", kind), func() bool { return w.count(kind) >= 6 })
		w.makes(func() trouble { return none })
	}
	for range 3 { // the server hears of a commit after the sender was told that it failed
		p.await("pushes are acknowledged", 10, acks)
		w.makes(func() trouble { return hold })
		p.await("pushes are refused", 1, refusal)
		w.makes(func() trouble { return none })
		w.open()
	}
	p.await("pushes are acknowledged again", 10, acks)
	p.check()
}

func TestADatabaseThatIsSlowIsBounded(t *testing.T) {
	c := startCluster(t, "fsync=off")
	w := startWire(t, fmt.Sprintf("127.0.0.1:%d", c.Port))
	bounds := collector.IngestOptions{MaxRows: 20, MaxRequests: 10, MaxCommit: 5}
	f := startFront(t, w.through(c.dsn("postgres")), bounds)
	p := f.push(t)
	p.await("pushes are acknowledged", 5, acks)
	w.makes(func() trouble { return hold })
	eventually(t, "a commit is held", func() bool { return w.count(hold) > 0 })
	var busy, slow, most atomic.Int64
	var wg sync.WaitGroup
	at := time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)
	for i := range 100 {
		wg.Go(func() {
			body := fmt.Sprintf(`[{"service":"web","instance":"flood-%d","time":%q,"utilization":1},{"service":"web","instance":"flood-%d","time":%q,"cpu":1}]`, i, at, i, at)
			resp, text, err := f.ask("POST", "/v1/samples", body)
			rows, requests := f.ingest.Waiting()
			most.Store(max(most.Load(), int64(rows)))
			switch {
			case err != nil || resp.Header.Get("Retry-After") == "":
				t.Errorf("%v: %s", err, text)
			case rows > bounds.MaxRows || requests > bounds.MaxRequests:
				t.Errorf("%d rows of %d requests wait", rows, requests)
			case resp.StatusCode == 429:
				busy.Add(1)
			case resp.StatusCode == 503:
				slow.Add(1)
			default:
				t.Errorf("answered %d: %s", resp.StatusCode, text)
			}
		})
	}
	wg.Wait()
	if busy.Load() == 0 || slow.Load() == 0 || most.Load() == 0 {
		t.Errorf("%d were told that the buffer is full, %d that the store is slow, %d rows waited", busy.Load(), slow.Load(), most.Load())
	}
	w.makes(func() trouble { return none })
	w.open()
	p.await("pushes are acknowledged again", 20, acks)
	p.check()
}

func TestADatabaseWhoseDiskIsFullLosesNothing(t *testing.T) {
	c := newCluster(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", c.Data()).CombinedOutput(); err != nil {
		t.Skipf("needs to mount a small file system: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", c.Data()).Run() })
	c.Init(t, "-X", filepath.Join(c.Dir, "wal"))
	c.Start(t, "fsync=off")
	t.Cleanup(func() { c.Stop(t) })
	f := startFront(t, c.dsn("postgres"), collector.IngestOptions{})
	p := f.push(t)
	p.await("pushes are acknowledged", 10, acks)
	ballast := filepath.Join(c.Data(), "ballast")
	if err := exec.Command("dd", "if=/dev/zero", "of="+ballast, "bs=4k").Run(); err == nil {
		t.Fatal("the disk did not fill up")
	}
	// Small pushes find room in pages that are there; a large one needs new ones.
	var rows []string
	from := time.Now().UTC().Truncate(time.Second).Add(-48 * time.Hour)
	for i := range 20_000 {
		rows = append(rows, fmt.Sprintf(`{"service":"web","instance":"bulk","time":%q,"utilization":1}`, from.Add(time.Duration(i)*time.Second).Format(time.RFC3339)))
	}
	bulk := "[" + strings.Join(rows, ",") + "]"
	resp, text, err := f.ask("POST", "/v1/samples", bulk)
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, `"disk_full"`) {
		t.Fatalf("a full disk: %v, %s", err, text)
	}
	if resp, text, err := f.ask("GET", "/v1/services", ""); err != nil || resp.StatusCode != 200 || !strings.Contains(text, `"web"`) {
		t.Errorf("a full disk keeps from reading: %v, %s", err, text)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if resp, text, err := f.ask("POST", "/v1/samples", bulk); err != nil || resp.StatusCode != 200 {
		t.Errorf("with space again: %v, %s", err, text)
	}
	p.await("pushes are acknowledged again", 10, acks)
	p.check()
	got, err := f.store.Samples(t.Context(), forescale.SampleQuery{Name: "bulk"})
	if err != nil || len(got) != len(rows) {
		t.Errorf("%d of %d rows of the bulk, %v", len(got), len(rows), err)
	}
}

// A transaction that a vanished client left open holds rows; who waits for them
// gives up in time, and leaves nothing behind in the server.
func TestWhoWaitsForALockGivesUp(t *testing.T) {
	v := sharedCluster(t)
	dsn := v.fresh(t)
	s := openAt(t, dsn, func(o *options) { o.begin = strings.Replace(begin, "20s", "100ms", 1) })
	batch := ingestBatch(0)
	if err := s.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, dsn)
	holder, err := other.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback(context.Background())
	if _, err := holder.Exec(t.Context(), "UPDATE sample SET value = value"); err != nil {
		t.Fatal(err)
	}
	err = s.Append(t.Context(), batch)
	wantFault(t, err, "store_slow")
	if !errors.Is(err, forescale.ErrBusy) {
		t.Errorf("the caller is not told to try again: %v", err)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), batch); err != nil {
		t.Error(err)
	}
}
