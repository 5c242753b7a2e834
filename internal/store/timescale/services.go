package timescale

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// PutService implements [store.Services].
func (s *Store) PutService(ctx context.Context, svc forescale.Service, ifVersion int64) (forescale.Service, error) {
	svc = svc.Clone()
	svc.UpdatedAt = utc(svc.UpdatedAt)
	body, err := json.Marshal(svc)
	if err != nil {
		return forescale.Service{}, fmt.Errorf("write service %s as JSON: %w", svc.Name, err)
	}
	err = s.write(ctx, "save service "+svc.Name, func(ctx context.Context, t *tx) error {
		last, exists, err := t.holdService(ctx, svc)
		if err != nil {
			return err
		}
		if svc.Version, err = store.NextVersion("services/", svc.Name, last, exists, ifVersion); err != nil {
			return err
		}
		return t.exec(ctx, "UPDATE service SET version = $2, updated_at = $3, body = $4 WHERE name = $1",
			svc.Name, svc.Version, svc.UpdatedAt, string(body))
	})
	if err != nil {
		return forescale.Service{}, err
	}
	return svc, nil
}

// holdService gives the last version that was given out for the name, and
// whether there is a service of that name now. Nobody else changes it until the
// commit: a name that is new gets a row to hold.
func (t *tx) holdService(ctx context.Context, svc forescale.Service) (last int64, exists bool, err error) {
	if err := t.exec(ctx, "INSERT INTO service (name, version, updated_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING", svc.Name, svc.UpdatedAt); err != nil {
		return 0, false, err
	}
	err = t.QueryRow(ctx, "SELECT version, body IS NOT NULL FROM service WHERE name = $1 FOR UPDATE", svc.Name).Scan(&last, &exists)
	return last, exists, err
}

// serviceScan reads services; those that are as they were are not decoded again.
func serviceScan(decoded *encoding.Services) func(row) (forescale.Service, error) {
	return func(r row) (svc forescale.Service, err error) {
		var stored forescale.Service
		var body string
		if err := r.Scan(&stored.Name, &stored.Version, &stored.UpdatedAt, &body); err != nil {
			return svc, err
		}
		if svc, err = decoded.Decode(stored.Name, body); err != nil {
			return svc, store.Contradiction("service", stored.Name, err)
		}
		svc.Name, svc.Version, svc.UpdatedAt = stored.Name, stored.Version, stored.UpdatedAt.UTC()
		return svc, nil
	}
}

// Service implements [store.Services].
func (s *Store) Service(ctx context.Context, name string) (forescale.Service, error) {
	return first(ctx, s, "read service "+name, store.NotFound("service", name), serviceScan(&s.decoded),
		"SELECT name, version, updated_at, body FROM service WHERE name = $1 AND body IS NOT NULL", name)
}

// ListServices implements [store.Services].
func (s *Store) ListServices(ctx context.Context) ([]forescale.Service, error) {
	return s.FindServices(ctx, forescale.ServiceQuery{})
}

// FindServices implements [store.Services].
func (s *Store) FindServices(ctx context.Context, q forescale.ServiceQuery) ([]forescale.Service, error) {
	var w where
	w.add("body IS NOT NULL")
	w.among("name", q.Names)
	if q.After != "" {
		w.add("name > " + w.arg(q.After))
	}
	query := "SELECT name, version, updated_at, body FROM service" + w.String() + " ORDER BY name" + w.limit(q.Limit)
	return list(ctx, s, "list services", serviceScan(&s.decoded), query, w.args...)
}

// DeleteService implements [store.Services].
func (s *Store) DeleteService(ctx context.Context, name string) error {
	defer s.decoded.Forget(name)
	return s.write(ctx, "delete service "+name, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "UPDATE service SET body = NULL WHERE name = $1 AND body IS NOT NULL", name)
		return orNotFound(n, err, "service", name)
	})
}

// orNotFound turns a change that touched no row into an error.
func orNotFound(n int64, err error, what, name string) error {
	if err == nil && n == 0 {
		return store.NotFound(what, name)
	}
	return err
}
