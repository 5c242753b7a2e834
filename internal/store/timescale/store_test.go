package timescale

import (
	"testing"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/storetest"
)

func TestStore(t *testing.T) { exercise(t, fastCluster(t)) }

func exercise(t *testing.T, v *server, opts ...Option) {
	storetest.Exercise(t, func(t *testing.T) storetest.Open {
		dsn := v.fresh(t)
		return func() store.Store {
			s, err := Open(t.Context(), dsn, opts...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
