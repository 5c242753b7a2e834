package timescale

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

const decisionColumns = `id, service, at, mode, supply, wanted, required, metric, reasons, actions, outcome, error, ended_at, repeats, last_at, fence`

func scanDecision(r row) (d forescale.Decision, err error) { return scanDecisionWith(r) }

// scanWeighed scans a decision and what it was weighed by, which comes last.
func scanWeighed(r row) (d forescale.Decision, err error) {
	var weighed *string
	if d, err = scanDecisionWith(r, &weighed); err != nil {
		return d, err
	}
	if d.Weighed, err = encoding.DecodeWeighing(weighed); err != nil {
		return d, store.Contradiction("decision", d.ID, err)
	}
	return d, nil
}

func scanDecisionWith(r row, more ...any) (d forescale.Decision, err error) {
	var reasons string
	var actions *string
	var ended *time.Time
	if err := r.Scan(append([]any{&d.ID, &d.Service, &d.At, &d.Mode, &d.From, &d.To, &d.Required, &d.Metric, &reasons, &actions,
		&d.Outcome, &d.Error, &ended, &d.Repeats, &d.LastAt, &d.Fence}, more...)...); err != nil {
		return d, err
	}
	d.At, d.EndedAt, d.LastAt = d.At.UTC(), fromOptional(ended), d.LastAt.UTC()
	if d.Reasons, err = encoding.DecodeReasons(reasons); err != nil {
		return d, store.Contradiction("decision", d.ID, err)
	}
	if actions == nil {
		return d, nil
	}
	if d.Actions, err = encoding.DecodeActions(*actions); err != nil {
		return d, store.Contradiction("decision", d.ID, err)
	}
	return d, nil
}

// recordDecisions folds each decision into its service's newest one if both say
// the same, or adds it as the newest. A plan without a decision changes nothing.
func (t *tx) recordDecisions(ctx context.Context, fence int64, plans []forescale.ServicePlan) error {
	newest, err := t.newestDecisions(ctx, plans)
	if err != nil {
		return err
	}
	var folded, added []forescale.Decision
	for _, p := range plans {
		d := p.Decision
		if d.ID == "" {
			continue
		}
		if d.LastAt.IsZero() {
			d.LastAt = d.At
		}
		if fence != unfenced {
			d.Fence = fence
		}
		if old, ok := newest[d.Service]; ok && old.Same(d) {
			d.ID = old.ID
			folded = append(folded, d)
		} else {
			added = append(added, d)
		}
	}
	if err := t.foldDecisions(ctx, folded); err != nil {
		return err
	}
	return t.addDecisions(ctx, added)
}

func (t *tx) newestDecisions(ctx context.Context, plans []forescale.ServicePlan) (map[string]forescale.Decision, error) {
	ds, err := readAll(ctx, t, scanDecision, "SELECT "+decisionColumns+" FROM decision WHERE newest AND service = ANY ($1::text[])",
		column(plans, func(p forescale.ServicePlan) string { return p.Decision.Service }))
	by := make(map[string]forescale.Decision, len(ds))
	for _, d := range ds {
		by[d.Service] = d
	}
	return by, err
}

func (t *tx) foldDecisions(ctx context.Context, ds []forescale.Decision) error {
	if len(ds) == 0 {
		return nil
	}
	return t.exec(ctx, `UPDATE decision AS d SET repeats = d.repeats + 1, last_at = greatest(d.last_at, c.last_at)
		FROM unnest($1::text[], $2::timestamptz[]) AS c (id, last_at) WHERE d.id = c.id`,
		column(ds, func(d forescale.Decision) string { return d.ID }),
		column(ds, func(d forescale.Decision) time.Time { return utc(d.LastAt) }))
}

func (t *tx) addDecisions(ctx context.Context, ds []forescale.Decision) error {
	if len(ds) == 0 {
		return nil
	}
	reasons, actions, weighed := make([]string, len(ds)), make([]*string, len(ds)), make([]*string, len(ds))
	for i, d := range ds {
		var err error
		if reasons[i], err = encoding.EncodeReasons(d.Reasons); err != nil {
			return fmt.Errorf("write the reasons of decision %s as JSON: %w", d.ID, err)
		}
		if weighed[i], err = encoding.EncodeWeighing(d.Weighed); err != nil {
			return fmt.Errorf("write what decision %s was weighed by as JSON: %w", d.ID, err)
		}
		as, err := encoding.EncodeActions(d.Actions)
		if err != nil {
			return fmt.Errorf("write the actions of decision %s as JSON: %w", d.ID, err)
		}
		if text, ok := as.(string); ok {
			actions[i] = &text
		}
	}
	if err := t.exec(ctx, "UPDATE decision SET newest = false WHERE newest AND service = ANY ($1::text[])",
		column(ds, func(d forescale.Decision) string { return d.Service })); err != nil {
		return err
	}
	n, err := t.changed(ctx, insertDecisions,
		column(ds, func(d forescale.Decision) string { return d.ID }),
		column(ds, func(d forescale.Decision) string { return d.Service }),
		column(ds, func(d forescale.Decision) time.Time { return utc(d.At) }),
		column(ds, func(d forescale.Decision) string { return string(d.Mode) }),
		column(ds, func(d forescale.Decision) int64 { return int64(d.From) }),
		column(ds, func(d forescale.Decision) int64 { return int64(d.To) }),
		column(ds, func(d forescale.Decision) int64 { return int64(d.Required) }),
		column(ds, func(d forescale.Decision) string { return string(d.Metric) }),
		reasons, actions,
		column(ds, func(d forescale.Decision) string { return string(d.Outcome) }),
		column(ds, func(d forescale.Decision) string { return free(d.Error) }),
		column(ds, func(d forescale.Decision) *time.Time { return optional(d.EndedAt) }),
		column(ds, func(d forescale.Decision) int64 { return int64(d.Repeats) }),
		column(ds, func(d forescale.Decision) time.Time { return utc(d.LastAt) }),
		column(ds, func(d forescale.Decision) int64 { return d.Fence }), weighed)
	if err == nil && n != int64(len(ds)) {
		return t.takenDecision(ctx, ds)
	}
	return err
}

const insertDecisions = `INSERT INTO decision (` + decisionColumns + `, weighed, newest)
	SELECT ` + decisionColumns + `, weighed, true FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[],
		$7::bigint[], $8::text[], $9::json[], $10::json[], $11::text[], $12::text[], $13::timestamptz[], $14::bigint[], $15::timestamptz[], $16::bigint[], $17::json[])
		WITH ORDINALITY AS given (` + decisionColumns + `, weighed, place) ORDER BY place
	ON CONFLICT (id) DO NOTHING`

// takenDecision names the first decision whose id was taken before.
func (t *tx) takenDecision(ctx context.Context, ds []forescale.Decision) error {
	ids := column(ds, func(d forescale.Decision) string { return d.ID })
	id := ids[0]
	taken, err := readAll(ctx, t, scanText, `SELECT id FROM decision WHERE id = ANY ($1::text[]) AND xmin <> pg_current_xact_id()::xid
		ORDER BY id LIMIT 1`, ids)
	if err == nil && len(taken) > 0 {
		id = taken[0]
	}
	return store.DecisionExists(id)
}

// LatestDecisions implements [store.Plans].
func (s *Store) LatestDecisions(ctx context.Context, services ...string) ([]forescale.Decision, error) {
	var w where
	w.add("newest")
	w.among("service", services)
	return list(ctx, s, "read the latest decisions", scanDecision,
		"SELECT "+decisionColumns+" FROM decision"+w.String()+" ORDER BY service", w.args...)
}

// defaultPage is how many decisions a query without a limit gives.
const defaultPage = 100

// Decisions implements [store.Plans].
func (s *Store) Decisions(ctx context.Context, q forescale.DecisionQuery) ([]forescale.Decision, error) {
	var w where
	if q.ID != "" {
		id, err := s.wholeID(ctx, q.ID)
		if err != nil || id == "" {
			return nil, err
		}
		w.equal("id", id)
	}
	if q.Before != "" {
		seq, err := first(ctx, s, "find a page of decisions", store.CursorUnknown("decision", q.Before), scanInt,
			"SELECT seq FROM decision WHERE id = $1", q.Before)
		if err != nil {
			return nil, err
		}
		w.add("seq < " + w.arg(seq))
	}
	w.equal("service", q.Service)
	w.from("at", q.From)
	w.to("at", q.To)
	if q.Acted {
		w.add("actions IS NOT NULL")
	}
	if q.Pending {
		w.add("outcome = 'pending'")
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	columns, scan := decisionColumns, scanDecision
	if q.Weighed {
		columns, scan = decisionColumns+", weighed", scanWeighed
	}
	query := "SELECT " + columns + " FROM decision" + w.String() + " ORDER BY seq DESC" + w.limit(limit)
	return list(ctx, s, "read decisions", scan, query, w.args...)
}

// wholeID is the one id that begins with prefix, "" if there is none. An id that
// is whole is meant even if others begin with it.
func (s *Store) wholeID(ctx context.Context, prefix string) (string, error) {
	ids, err := list(ctx, s, "find a decision", scanText,
		"SELECT id FROM decision WHERE id >= $1 AND starts_with(id, $1) ORDER BY id LIMIT 3", prefix)
	switch {
	case err != nil || len(ids) == 0:
		return "", err
	case len(ids) == 1 || ids[0] == prefix:
		return ids[0], nil
	}
	return "", store.DecisionAmbiguous(prefix, ids[0], ids[1])
}

// FinishDecision implements [store.Plans].
func (s *Store) FinishDecision(ctx context.Context, id string, at time.Time, o forescale.Outcome, errText string) error {
	return s.finishDecision(ctx, unfenced, id, at, o, errText)
}

func (s *Store) finishDecision(ctx context.Context, fence int64, id string, at time.Time, o forescale.Outcome, errText string) error {
	return s.writeUnder(ctx, fence, "finish decision "+id, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "UPDATE decision SET outcome = $1, ended_at = $2, error = $3 WHERE id = $4 AND outcome = 'pending'",
			string(o), utc(at), free(errText), id)
		if err != nil || n > 0 {
			return err
		}
		var there int
		err = t.QueryRow(ctx, "SELECT 1 FROM decision WHERE id = $1", id).Scan(&there)
		if nothingThere(err) {
			return store.NotFound("decision", id)
		}
		return err
	})
}
