package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// SaveRun implements [store.Runs].
func (s *Store) SaveRun(ctx context.Context, r forescale.Run) error {
	r.StartedAt = utc(r.StartedAt)
	if !r.DueAt.IsZero() {
		r.DueAt = utc(r.DueAt)
	}
	if !r.EndedAt.IsZero() {
		r.EndedAt = utc(r.EndedAt)
	}
	return s.put(ctx, unfenced, func() { s.runs[r.ID] = r })
}

// ListRuns implements [store.Runs].
func (s *Store) ListRuns(ctx context.Context, q forescale.RunQuery) (out []forescale.Run, err error) {
	newestFirst := func(a, b forescale.Run) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID))
	}
	err = s.readOr(ctx, func() error {
		cursor, known := s.runs[q.Before]
		if q.Before != "" && !known {
			return store.CursorUnknown("run", q.Before)
		}
		for _, r := range s.runs {
			if (q.Kind == "" || q.Kind == r.Kind) && (q.Until.IsZero() || r.StartedAt.UnixMilli() <= q.Until.UnixMilli()) &&
				(q.Before == "" || newestFirst(cursor, r) < 0) {
				out = append(out, r.Settled())
			}
		}
		return nil
	})
	slices.SortFunc(out, newestFirst)
	return page(out, q.Limit), err
}
