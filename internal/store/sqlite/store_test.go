package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/storetest"
)

func TestStore(t *testing.T) { storetest.Exercise(t, freshFile) }

func TestCopyToAnotherFile(t *testing.T) {
	storetest.Fewer(t, "5")
	storetest.ExerciseCopy(t, freshFile, freshFile)
}

func freshFile(t *testing.T) storetest.Open {
	path := filepath.Join(memoryDir(t), "folder", "state.db")
	return func() store.Store {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}
