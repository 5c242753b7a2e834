package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// filledStore is the path of a store that holds so many samples.
func filledStore(t *testing.T, samples int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "from.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	var batch []forescale.Sample
	for i := range samples {
		batch = append(batch, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindNode, Name: fmt.Sprint("n", i%50)}, Metric: forescale.MetricCPU,
			Time: start.Add(time.Duration(i) * time.Second), Value: float64(i % 100)})
	}
	_, put := s.PutService(t.Context(), forescale.Service{Name: "checkout"}.WithDefaults(), 0)
	if err := errors.Join(s.Append(t.Context(), batch), put, s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAStoreIsCopiedAndWhatIsUnsafeRefused(t *testing.T) {
	s := newShell(t)
	from := filledStore(t, 12_345)
	to := filepath.Join(s.dir, "to.db")
	if out := s.must("store", "copy", "--from", from, "--to", "sqlite://"+to); !strings.Contains(out, "sample\t12,345\t") || !strings.Contains(out, "service\t1\t") {
		t.Errorf("it says\n%s", out)
	}
	s.fails(exitRefused, []string{"copy_not_empty", to}, "store", "copy", "--from", from, "--to", to)
	s.fails(exitStore, []string{"store_missing"}, "store", "copy", "--from", filepath.Join(s.dir, "none.db"), "--to", filepath.Join(s.dir, "x.db"))
	s.fails(exitUsage, []string{"--from or --to is missing"}, "store", "copy", "--from", from)
	if _, err := os.Stat(to + ".config.json"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there was nothing to take along: %v", err)
	}
	server := s.serve("--store", from, "--config", s.file("f.yaml", "services: {checkout: {max_instances: 3}}\n"))
	second := filepath.Join(s.dir, "second.db")
	s.fails(exitInUse, []string{"store_in_use"}, "store", "copy", "--from", from, "--to", second)
	s.fails(exitInUse, []string{"store_in_use"}, "store", "copy", "--live", "--from", to, "--to", from)
	if out := s.must("store", "copy", "--live", "--from", from, "--to", second); !strings.Contains(out, "sample\t12,3") { // the server adds its own
		t.Errorf("a backup of a store that is in use says\n%s", out)
	}
	server.stop()
	if fileSum(t, from+".config.json") != fileSum(t, second+".config.json") {
		t.Error("what was taken over from the config did not come along")
	}
	s.serve("--store", second) // a backup is a store
	if out := s.must("services"); !strings.Contains(out, "checkout") {
		t.Error(out)
	}
}

func TestACopyThatIsKilledGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bin := demoProgram(t)
	s := newShell(t)
	from, to := filledStore(t, 100_000), filepath.Join(s.dir, "to.db")
	cmd := exec.Command(bin, "store", "copy", "--from", from, "--to", to)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	eventually(t, time.Minute, func() error {
		info, err := os.Stat(to + "-wal")
		if err == nil && info.Size() < 1<<20 { // the schema, and some batches of some dozens
			err = fmt.Errorf("%d bytes are written", info.Size())
		}
		return err
	})
	cmd.Process.Kill()
	if err := <-ended; err == nil {
		t.Fatal("it was done before it was killed: the store is too small for this test")
	}
	s.fails(exitStore, []string{"copy_unfinished", "forescale store copy"}, "serve", "--docker", "off", "--listen", "127.0.0.1:0", "--store", to)
	if out, err := exec.Command(bin, "store", "copy", "--from", from, "--to", to).Output(); err != nil || !strings.Contains(string(out), "sample\t100,000\t") {
		t.Errorf("it says %v\n%s", err, out)
	}
	s.serve("--store", to)
}
