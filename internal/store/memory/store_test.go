package memory

import (
	"testing"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Exercise(t, func(*testing.T) storetest.Open {
		return func() store.Store { return New() }
	}, storetest.Forgets)
}
