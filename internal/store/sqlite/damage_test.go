package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// edit changes a closed store's file behind its back.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// statement runs SQL on a closed store's file behind its back.
func statement(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedFileIsNamedAndNotTouched(t *testing.T) {
	for _, c := range []struct {
		sentence string
		code     string
		damage   func(t *testing.T, path string)
	}{
		{"a file that is no database", "store_damaged", func(t *testing.T, path string) {
			edit(t, path, func([]byte) []byte { return bytes.Repeat([]byte("not a database\n"), 500) })
		}},
		{"a file that ends too soon", "store_damaged", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { return b[:len(b)/2/4096*4096] })
		}},
		{"a file with a page of noise", "store_damaged", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte {
				for i := 5 * 4096; i < 6*4096; i++ {
					b[i] = byte(i * 31)
				}
				return b
			})
		}},
		{"a file whose first page is noise after the header", "store_damaged", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte {
				for i := 100; i < 4096; i++ {
					b[i] = 0xa5
				}
				return b
			})
		}},
		{"a file without the canary", "store_damaged", func(t *testing.T, path string) { statement(t, path, "DELETE FROM meta") }},
		{"a file without a table", "store_damaged", func(t *testing.T, path string) { statement(t, path, "DROP TABLE meta") }},
		{"a file that has lost its list of migrations", "store_damaged", func(t *testing.T, path string) { statement(t, path, "DELETE FROM migration") }},
		{"a file made by another script of the same number", "store_damaged", func(t *testing.T, path string) {
			statement(t, path, "UPDATE migration SET checksum = 'x'")
		}},
		{"a database of another program", "store_foreign", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			statement(t, path, "CREATE TABLE theirs (x)")
		}},
		{"a log whose file is gone", "store_damaged", func(t *testing.T, path string) {
			if err := os.Rename(path, path+"-wal"); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			path := filled(t)
			c.damage(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), path)
			if err == nil {
				s.Close()
			}
			var f *forescale.Fault
			if !errors.As(err, &f) || f.Code != c.code || !errors.Is(err, forescale.ErrDamaged) || f.Help == "" || f.Where == "" {
				t.Fatalf("got %v (%s)", err, faultCode(err))
			}
			after, _ := os.ReadFile(path)
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestARowThatContradictsItselfIsNamed(t *testing.T) {
	for _, c := range []struct{ sentence, query string }{
		{"a service that is no JSON", `INSERT INTO service VALUES ('a', 1, 0, '{')`},
		{"a forecast that is no blob", `INSERT INTO line VALUES (1, 'a', 'cpu', 0); INSERT INTO forecast (line, issued, model, start, step, tested, quantiles) VALUES (1, 1, '', 0, 1, 0, x'0102')`},
		{"a plan that is no list", `INSERT INTO plan VALUES ('a', 0, 0, 0, 0, '[[1,2]]', NULL)`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			path := filled(t)
			statement(t, path, c.query)
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, err1 := s.ListServices(t.Context())
			_, err2 := s.LatestForecasts(t.Context(), benchStart.AddDate(-99, 0, 0))
			_, err3 := s.LatestPlans(t.Context())
			if !errors.Is(errors.Join(err1, err2, err3), forescale.ErrDamaged) {
				t.Fatalf("got %v, %v, %v", err1, err2, err3)
			}
		})
	}
}

func TestAFileThatIsReplacedUnderTheStoreIsNoticed(t *testing.T) {
	dir := memoryDir(t)
	s := openIn(t, dir)
	other := filled(t)
	if err := os.Rename(other, filepath.Join(dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, forescale.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}

func TestAPathThatCannotHoldAStoreIsNamed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(file, "state.db"), filepath.Join(dir, strings.Repeat("x", 300))} {
		_, err := Open(t.Context(), path)
		if faultCode(err) != "store_unwritable" {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestFoldersAndFilesAreForTheirOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%20c?d#e", "ü", "state.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Append(t.Context(), childBatch(0)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(filepath.Dir(path)): 0o700 | os.ModeDir, filepath.Dir(path): 0o700 | os.ModeDir,
		path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestAnEmptyFileIsANewStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// Two stores on one file stand for two processes: an import beside a server.
func TestAnotherProcessMayWriteToTheSameFile(t *testing.T) {
	dir := memoryDir(t)
	a, b := openIn(t, dir), openIn(t, dir)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.Append(ctx, childBatch(0)))
	must(b.Append(ctx, childBatch(1)))
	_, err := b.Prune(ctx, store.Before(benchStart.AddDate(1, 0, 0))) // ids that a has cached are gone, and taken by other series
	must(err)
	other := forescale.Subject{Kind: forescale.KindNode, Name: "n"}
	must(b.Append(ctx, []forescale.Sample{{Subject: other, Metric: forescale.MetricCPU, Time: benchStart, Value: 1}}))
	must(a.Append(ctx, childBatch(2)))
	got, err := a.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindInstance})
	must(err)
	if len(got) != rowsPerBatch || got[0] != childBatch(2)[0] {
		t.Fatalf("%d samples: %v", len(got), got)
	}
	// And a cell that the other marks while this one works it out stays dirty.
	cells, err := a.DirtyCells(ctx, 9)
	must(err)
	must(b.Append(ctx, childBatch(2)))
	must(a.SaveDemand(ctx, cells, nil))
	if again, err := a.DirtyCells(ctx, 9); err != nil || len(again) != len(cells) {
		t.Fatalf("%v, %v", again, err)
	}
}
