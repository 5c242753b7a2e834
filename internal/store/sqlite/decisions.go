package sqlite

import (
	"context"
	"database/sql"
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
	var at, last int64
	var reasons string
	var actions sql.NullString
	var ended sql.NullInt64
	if err := r.Scan(append([]any{&d.ID, &d.Service, &at, &d.Mode, &d.From, &d.To, &d.Required, &d.Metric, &reasons, &actions,
		&d.Outcome, &d.Error, &ended, &d.Repeats, &last, &d.Fence}, more...)...); err != nil {
		return d, err
	}
	d.At, d.EndedAt, d.LastAt = fromMS(at), fromOptional(ended), fromMS(last)
	if d.Reasons, err = encoding.DecodeReasons(reasons); err != nil {
		return d, store.Contradiction("decision", d.ID, err)
	}
	if d.Actions, err = encoding.DecodeActions(actions.String); err != nil {
		return d, store.Contradiction("decision", d.ID, err)
	}
	return d, nil
}

// recordDecisions folds each decision into its service's newest one if both say
// the same, or adds it as the newest. A plan without a decision changes nothing. Each
// service comes once.
func (t *tx) recordDecisions(fence int64, plans []forescale.ServicePlan) error {
	newest, err := t.newestDecisions(plans)
	if err != nil {
		return err
	}
	var replaced []string
	folded := map[int64][]string{} // by when they were made again
	var added []forescale.Decision
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
		old, known := newest[d.Service]
		if known && old.Same(d) {
			folded[ms(d.LastAt)] = append(folded[ms(d.LastAt)], d.Service)
			continue
		}
		if known {
			replaced = append(replaced, d.Service)
		}
		added = append(added, d)
	}
	for at, services := range folded {
		if err := t.exec("UPDATE decision SET repeats = repeats + 1, last_at = max(last_at, ?) WHERE newest = 1 AND service IN (SELECT value FROM json_each(?))",
			at, namesOf(services)); err != nil {
			return err
		}
	}
	if len(replaced) > 0 {
		if err := t.exec("UPDATE decision SET newest = 0 WHERE newest = 1 AND service IN (SELECT value FROM json_each(?))", namesOf(replaced)); err != nil {
			return err
		}
	}
	for _, d := range added {
		if err := t.addDecision(d); err != nil {
			return err
		}
	}
	return nil
}

// newestDecisions are those of the services that are planned, with as much of them
// as [forescale.Decision.Same] asks for.
func (t *tx) newestDecisions(plans []forescale.ServicePlan) (map[string]forescale.Decision, error) {
	names := make([]string, 0, len(plans))
	for _, p := range plans {
		if p.Decision.ID != "" {
			names = append(names, p.Decision.Service)
		}
	}
	by := make(map[string]forescale.Decision, len(names))
	return by, t.each(func(r row) error {
		var service, mode, outcome string
		var code sql.NullString
		var supply, wanted, acts int
		if err := r.Scan(&service, &mode, &supply, &wanted, &code, &acts, &outcome); err != nil {
			return err
		}
		d := forescale.Decision{Service: service, Mode: forescale.Mode(mode), From: supply, To: wanted, Outcome: forescale.Outcome(outcome)}
		if code.Valid {
			d.Reasons = []forescale.Reason{{Code: forescale.Code(code.String)}}
		}
		d.Actions = make([]forescale.Action, acts)
		by[service] = d
		return nil
	}, `SELECT service, mode, supply, wanted, json_extract(reasons, '$[0].code'), actions IS NOT NULL, outcome
		FROM decision WHERE newest = 1 AND service IN (SELECT value FROM json_each(?))`, namesOf(names))
}

func (t *tx) addDecision(d forescale.Decision) error {
	reasons, err := encoding.EncodeReasons(d.Reasons)
	if err != nil {
		return fmt.Errorf("write the reasons of decision %s as JSON: %w", d.ID, err)
	}
	actions, err := encoding.EncodeActions(d.Actions)
	if err != nil {
		return fmt.Errorf("write the actions of decision %s as JSON: %w", d.ID, err)
	}
	weighed, err := encoding.EncodeWeighing(d.Weighed)
	if err != nil {
		return fmt.Errorf("write what decision %s was weighed by as JSON: %w", d.ID, err)
	}
	n, err := t.changed("INSERT INTO decision ("+decisionColumns+`, weighed, newest)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (id) DO NOTHING`,
		d.ID, d.Service, ms(d.At), string(d.Mode), d.From, d.To, d.Required, string(d.Metric), reasons, actions,
		string(d.Outcome), d.Error, optional(d.EndedAt), d.Repeats, ms(d.LastAt), d.Fence, weighed)
	if err == nil && n == 0 {
		return store.DecisionExists(d.ID)
	}
	return err
}

// LatestDecisions implements [store.Plans].
func (s *Store) LatestDecisions(ctx context.Context, services ...string) ([]forescale.Decision, error) {
	var w where
	w.add("newest = 1")
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
		w.add("id = ?", id)
	}
	if q.Before != "" {
		seq, err := first(ctx, s, "find a page of decisions", store.CursorUnknown("decision", q.Before), scanInt,
			"SELECT seq FROM decision WHERE id = ?", q.Before)
		if err != nil {
			return nil, err
		}
		w.add("seq < ?", seq)
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
	return list(ctx, s, "read decisions", scan,
		"SELECT "+columns+" FROM decision"+w.String()+" ORDER BY seq DESC"+w.limit(limit), w.args...)
}

// wholeID is the one id that begins with prefix, "" if there is none. An id that
// is whole is meant even if others begin with it.
func (s *Store) wholeID(ctx context.Context, prefix string) (string, error) {
	ids, err := list(ctx, s, "find a decision", func(r row) (id string, err error) { return id, r.Scan(&id) },
		"SELECT id FROM decision WHERE id >= ? AND substr(id, 1, length(?)) = ? ORDER BY id LIMIT 3", prefix, prefix, prefix)
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
	return s.writeUnder(ctx, fence, "finish decision "+id, func(t *tx) error {
		n, err := t.changed("UPDATE decision SET outcome = ?, ended_at = ?, error = ? WHERE id = ? AND outcome = 'pending'",
			string(o), ms(at), errText, id)
		if err != nil || n > 0 {
			return err
		}
		var there int
		err = t.one("SELECT 1 FROM decision WHERE id = ?", id).Scan(&there)
		if nothingThere(err) {
			return store.NotFound("decision", id)
		}
		return err
	})
}
