package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// decision is a decision in the order of recording.
type decision struct {
	forescale.Decision
	seq     int64
	highest int64 // At of this and all before it, in ms: none before is newer
}

// recordDecision folds d into the service's newest decision if both say the
// same, or adds it as the newest.
func (s *Store) recordDecision(d forescale.Decision) {
	if d.LastAt.IsZero() {
		d.LastAt = d.At
	}
	d.At, d.LastAt = utc(d.At), utc(d.LastAt)
	newest := s.newest[d.Service]
	if newest != nil && newest.Same(d) {
		newest.Repeats++
		if d.LastAt.After(newest.LastAt) {
			newest.LastAt = d.LastAt
		}
		return
	}
	if !d.EndedAt.IsZero() {
		d.EndedAt = utc(d.EndedAt)
	}
	d.Reasons, d.Actions, d.Weighed = cloneReasons(d.Reasons), slices.Clone(d.Actions), cloneWeighing(d.Weighed)
	kept := &decision{Decision: d, seq: 1, highest: d.At.UnixMilli()}
	if n := len(s.decisions); n > 0 {
		last := s.decisions[n-1]
		kept.seq, kept.highest = last.seq+1, max(kept.highest, last.highest)
	}
	s.decisions = append(s.decisions, kept)
	s.byID[d.ID], s.newest[d.Service] = kept, kept
	if d.Outcome == forescale.OutcomePending {
		s.pending[d.ID] = kept
	}
}

// cloneReasons copies reasons into the form in which other stores give them back.
func cloneReasons(rs []forescale.Reason) []forescale.Reason {
	rs = slices.Clone(rs)
	for i, r := range rs {
		rs[i].Numbers, rs[i].Words = maps.Clone(r.Numbers), maps.Clone(r.Words)
		if r.Times != nil {
			rs[i].Times = make(map[string]time.Time, len(r.Times))
			for k, t := range r.Times {
				rs[i].Times[k] = utc(t)
			}
		}
	}
	return rs
}

// cloneWeighing copies a weighing into the form in which other stores give it back.
func cloneWeighing(w *forescale.Weighing) *forescale.Weighing {
	if w == nil {
		return nil
	}
	c := *w
	c.Bounds = slices.Clone(w.Bounds)
	c.By, c.Since, c.Until = utc(c.By), utc(c.Since), utc(c.Until)
	for i := range c.Bounds {
		if b := &c.Bounds[i]; !b.At.IsZero() {
			b.At = utc(b.At)
		}
	}
	return &c
}

// without is the decision as it is given back unless what it was weighed by is asked for.
func (d *decision) without() forescale.Decision {
	plain := d.Decision
	plain.Weighed = nil
	return plain
}

// LatestDecisions implements [store.Plans].
func (s *Store) LatestDecisions(ctx context.Context, services ...string) (out []forescale.Decision, err error) {
	err = s.read(ctx, func() {
		for name, d := range s.newest {
			if among(services, name) {
				out = append(out, d.without())
			}
		}
	})
	slices.SortFunc(out, func(a, b forescale.Decision) int { return cmp.Compare(a.Service, b.Service) })
	return out, err
}

// defaultPage is how many decisions a query without a limit gives.
const defaultPage = 100

// Decisions implements [store.Plans].
func (s *Store) Decisions(ctx context.Context, q forescale.DecisionQuery) (out []forescale.Decision, err error) {
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	err = s.readOr(ctx, func() error {
		before := int64(1) << 62
		if q.Before != "" {
			d := s.byID[q.Before]
			if d == nil {
				return store.CursorUnknown("decision", q.Before)
			}
			before = d.seq
		}
		all := s.decisions
		switch {
		case q.ID != "":
			d, err := s.wholeID(q.ID)
			if err != nil || d == nil {
				return err
			}
			all = []*decision{d}
		case q.Pending:
			all = slices.SortedFunc(maps.Values(s.pending), func(a, b *decision) int { return cmp.Compare(a.seq, b.seq) })
		}
		for _, d := range slices.Backward(all) {
			if !q.From.IsZero() && d.highest < q.From.UnixMilli() || len(out) == q.Limit {
				break
			}
			if d.seq < before && d.fits(q) {
				if q.Weighed {
					out = append(out, d.Decision)
				} else {
					out = append(out, d.without())
				}
			}
		}
		return nil
	})
	return out, err
}

func (d *decision) fits(q forescale.DecisionQuery) bool {
	at := d.At.UnixMilli()
	return (q.Service == "" || q.Service == d.Service) &&
		(q.From.IsZero() || at >= q.From.UnixMilli()) && (q.To.IsZero() || at < q.To.UnixMilli()) &&
		(!q.Acted || len(d.Actions) > 0) && (!q.Pending || d.Outcome == forescale.OutcomePending)
}

// wholeID is the one decision whose id begins with prefix, nil if there is none. An
// id that is whole is meant even if others begin with it.
func (s *Store) wholeID(prefix string) (*decision, error) {
	if d := s.byID[prefix]; d != nil {
		return d, nil
	}
	var ids []string
	for id := range s.byID {
		if strings.HasPrefix(id, prefix) {
			ids = append(ids, id)
		}
	}
	switch slices.Sort(ids); len(ids) {
	case 0:
		return nil, nil
	case 1:
		return s.byID[ids[0]], nil
	}
	return nil, store.DecisionAmbiguous(prefix, ids[0], ids[1])
}

// FinishDecision implements [store.Plans].
func (s *Store) FinishDecision(ctx context.Context, id string, at time.Time, o forescale.Outcome, errText string) error {
	return s.finishDecision(ctx, unfenced, id, at, o, errText)
}

func (s *Store) finishDecision(ctx context.Context, fence int64, id string, at time.Time, o forescale.Outcome, errText string) error {
	return s.write(ctx, fence, func() error {
		d := s.byID[id]
		switch {
		case d == nil:
			return store.NotFound("decision", id)
		case d.Outcome != forescale.OutcomePending:
			return nil
		}
		d.Outcome, d.EndedAt, d.Error = o, utc(at), errText
		if o != forescale.OutcomePending {
			delete(s.pending, id)
		}
		return nil
	})
}
