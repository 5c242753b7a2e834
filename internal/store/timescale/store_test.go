package timescale

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/internal/store/storetest"
)

func TestStore(t *testing.T) {
	v := fastCluster(t)
	s := openAt(t, v.fresh(t)) // a server that somebody named may have the extension
	with := s.Extension() != ""
	s.Close()
	switch { // each sequence of the model needs a fresh store
	case with:
		storetest.Fewer(t, "5") // which takes a second there
	case os.Getenv(testPostgres) != "":
		storetest.Fewer(t, "10") // which syncs its disk
	default:
		storetest.Fewer(t, "30") // half a second
	}
	exercise(t, v, with)
}

// TestCopy moves stores between PostgreSQL and files, and within it.
func TestCopy(t *testing.T) {
	v := sharedCluster(t)
	here := func(t *testing.T) storetest.Open {
		dsn := v.fresh(t)
		return func() store.Store {
			s, err := Open(t.Context(), with(dsn, "pool_max_conns", "2"))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	storetest.Fewer(t, "2")
	t.Run("from a file", func(t *testing.T) { storetest.ExerciseCopy(t, freshFile, here) })
	t.Run("to a file", func(t *testing.T) { storetest.ExerciseCopy(t, here, freshFile) })
	t.Run("to another schema", func(t *testing.T) { storetest.ExerciseCopy(t, here, here) })
}

func freshFile(t *testing.T) storetest.Open {
	path := filepath.Join(t.TempDir(), "state.db")
	return func() store.Store {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func exercise(t *testing.T, v *server, wantExtension bool) {
	storetest.Exercise(t, freshSchema(v, wantExtension))
}

func freshSchema(v *server, wantExtension bool) func(t *testing.T) storetest.Open {
	return func(t *testing.T) storetest.Open {
		dsn := v.fresh(t)
		return func() store.Store {
			s, err := Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			if wantExtension != (s.Extension() != "") {
				t.Fatalf("TimescaleDB is %q: %v", s.Extension(), s.Warnings())
			}
			return s
		}
	}
}
