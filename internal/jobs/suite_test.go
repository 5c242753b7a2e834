package jobs_test

import (
	"path/filepath"
	"testing"

	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/jobs/jobstest"
	"github.com/forescale/forescale/internal/store/sqlite"
)

func TestEmbedded(t *testing.T) {
	jobstest.Exercise(t, func(tb testing.TB) jobstest.Store {
		s, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "forescale.db"))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = s.Close() })
		return s
	}, func(_ testing.TB, _ jobstest.Store, c jobs.Config) jobstest.Runner { return jobs.NewEmbedded(c) })
}
