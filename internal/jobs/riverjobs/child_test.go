package riverjobs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/store/timescale"
)

// childStore makes this test binary a server on the store that it names. It takes
// one batch, works on it until its input ends, and ends.
const childStore = "FORESCALE_TEST_RIVER_CHILD"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childStore); dsn != "" {
		if err := child(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func child(dsn string) error {
	s, err := timescale.Open(context.Background(), dsn, timescale.WithoutExtension())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	j := jobs.Job{Name: "work", Schedule: jobs.Every(24 * time.Hour), Batch: 3, Attempts: 9, Do: func(_ context.Context, t jobs.Task) (jobs.Result, error) {
		fmt.Println("working")
		_, _ = io.Copy(io.Discard, os.Stdin)
		time.AfterFunc(time.Second, func() { close(done) }) // after the end of the batch was told
		return jobs.Result{Done: len(t.Services), Failed: 1}, nil
	}}
	r, err := New(ctx, impatient(s, jobs.Config{Clock: forescale.NewSystemClock(), Server: "child", Jobs: []jobs.Job{j}}))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	<-done
	cancel()
	if err := <-ended; err != nil {
		return err
	}
	return s.Close()
}

// process is a child that works on a batch.
type process struct {
	*exec.Cmd
	release func() // lets it end its batch
	ended   chan struct{}
}

// startChild starts a server in a process of its own and waits until it works.
func startChild(t *testing.T, dsn string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self), ended: make(chan struct{})}
	p.Env, p.Stderr = append(os.Environ(), childStore+"="+dsn), os.Stderr
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.release = func() { _ = in.Close() }
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() { _ = p.Wait(); close(p.ended) }()
	t.Cleanup(func() { _ = p.Process.Kill(); <-p.ended })
	if line != "working\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	return p
}
