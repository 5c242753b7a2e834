package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// The durability tests run this test binary again as a child that appends
// batches and prints the number of each one that was acknowledged. What happens
// to the child, its disk or its system calls is up to the test; afterwards each
// acknowledged row has to be in the store once, with its value.

const (
	childPath  = "FORESCALE_TEST_CHILD"       // path of the store: be a child
	childFrom  = "FORESCALE_TEST_CHILD_FROM"  // first batch
	childUntil = "FORESCALE_TEST_CHILD_UNTIL" // batch to end before, 0: never
	childLoose = "FORESCALE_TEST_CHILD_LOOSE" // "1": do not sync
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(ingestForEver(path))
	}
	os.Exit(m.Run())
}

// rowsPerBatch is how many rows a child appends at once.
const rowsPerBatch = 20

// childBatch is batch n of a child. Its values follow from its number.
func childBatch(n int) []forescale.Sample {
	batch := make([]forescale.Sample, rowsPerBatch)
	for i := range batch {
		row := n*rowsPerBatch + i
		batch[i] = forescale.Sample{
			Subject: forescale.Subject{Kind: forescale.KindInstance, Name: fmt.Sprint("a-", row%7), Service: "a"},
			Metric:  forescale.MetricUtilization,
			Time:    benchStart.Add(time.Duration(row) * time.Second),
			Value:   float64(row*7919%10000) / 100,
		}
	}
	return batch
}

// ingestForEver is the child. After an error it tries three times more, as a
// collector would; it must not succeed then. It exits with 3 if it is refused.
func ingestForEver(path string) int {
	runtime.LockOSThread() // strace counts system calls by thread
	ctx := context.Background()
	var opts []Option
	if os.Getenv(childLoose) == "1" {
		opts = append(opts, func(o *options) { o.durable = false })
	}
	s, err := Open(ctx, path, opts...)
	if err != nil {
		fmt.Println("refused", faultCode(err), err)
		return 3
	}
	from, _ := strconv.Atoi(os.Getenv(childFrom))
	until, _ := strconv.Atoi(os.Getenv(childUntil))
	for n := from; until == 0 || n < until; n++ {
		if err := s.Append(ctx, childBatch(n)); err != nil {
			fmt.Println("refused", faultCode(err), err)
			for i := range 3 {
				if s.Append(ctx, childBatch(n+1+i)) == nil {
					fmt.Println("acknowledged after a failure")
				}
			}
			fmt.Println("check", faultCode(s.Check(ctx)))
			return 3
		}
		fmt.Println(n) // unbuffered: one write, after the acknowledgement
	}
	if err := s.Close(); err != nil {
		fmt.Println("refused", faultCode(err), err)
		return 3
	}
	return 0
}

func faultCode(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	if err != nil {
		return "none"
	}
	return "nil"
}

// child is a running child.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *bufio.Reader
	acks int
	last int      // batch that was acknowledged last, -1: none
	said []string // lines that are not acknowledgements
}

// startChild starts a child behind wrapper, a command line that may be empty.
func startChild(t *testing.T, path string, from, until int, loose bool, wrapper ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(wrapper, self)
	c := &child{t: t, cmd: exec.Command(line[0], line[1:]...), last: -1}
	c.cmd.Env = append(os.Environ(), childPath+"="+path, childFrom+"="+strconv.Itoa(from), childUntil+"="+strconv.Itoa(until))
	if loose {
		c.cmd.Env = append(c.cmd.Env, childLoose+"=1")
	}
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kill() })
	return c
}

// read reads up to n more acknowledgements, all there are if n is negative. It
// reports whether the child lives.
func (c *child) read(n int) bool {
	for ; n != 0; n-- {
		line, err := c.out.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				c.t.Logf("read from the child: %v", err)
			}
			return false // a line that was cut off was not acknowledged
		}
		line = strings.TrimSpace(line)
		batch, err := strconv.Atoi(line)
		if err != nil {
			c.said = append(c.said, line)
			continue
		}
		c.acks++
		c.last = batch
	}
	return true
}

// kill ends the child at once, and reads what it had still said.
func (c *child) kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	c.cmd.Process.Kill()
	c.read(-1)
	c.cmd.Wait()
}

// lost is what is wrong with a store in which all batches up to the last one
// were acknowledged, "" if nothing is.
func lost(t *testing.T, path string, last int) string {
	t.Helper()
	what, _ := lostBetween(t, path, last, last)
	return what
}

// lostBetween is what is wrong with a store in which all batches up to sure were
// acknowledged, and perhaps those up to last. It also tells the last batch there.
func lostBetween(t *testing.T, path string, sure, last int) (what string, there int) {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		return fmt.Sprintf("the store does not open: %v: %v", err, errors.Unwrap(err)), 0
	}
	defer s.Close()
	samples, err := s.Samples(t.Context(), forescale.SampleQuery{})
	if err != nil {
		return fmt.Sprintf("the store cannot be read: %v", err), 0
	}
	found := map[forescale.Sample]int{}
	for _, sample := range samples {
		found[sample]++
	}
	// A batch that was under way may be there, as a whole.
	there = len(samples)/rowsPerBatch - 1
	if len(samples)%rowsPerBatch != 0 || there > last+1 {
		return fmt.Sprintf("%d rows, and the batch acknowledged last is %d: half of a batch, or more than one", len(samples), last), 0
	}
	for n := range max(sure, there) + 1 {
		for i, want := range childBatch(n) {
			if found[want] != 1 {
				return fmt.Sprintf("row %d of batch %d of %d was found %d times", i, n, sure, found[want]), 0
			}
		}
	}
	cells, err := s.DirtyCells(t.Context(), 1<<20)
	if err != nil {
		return fmt.Sprintf("the cells cannot be read: %v", err), 0
	}
	marked := map[time.Time]bool{}
	for _, c := range cells {
		marked[c.Time] = true
	}
	for _, sample := range samples {
		if !marked[sample.Time.Truncate(time.Minute)] {
			return fmt.Sprintf("the cell of the sample at %s is not marked", sample.Time), 0
		}
	}
	return "", there
}

func storeIn(dir string) string { return filepath.Join(dir, "state", "state.db") }
