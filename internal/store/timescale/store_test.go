package timescale

import (
	"testing"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/storetest"
)

func TestStore(t *testing.T) {
	v := fastCluster(t)
	s := openAt(t, v.fresh(t)) // a server that somebody named may have the extension
	with := s.Extension() != ""
	s.Close()
	exercise(t, v, with)
}

func exercise(t *testing.T, v *server, wantExtension bool) {
	storetest.Exercise(t, func(t *testing.T) storetest.Open {
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
	})
}
