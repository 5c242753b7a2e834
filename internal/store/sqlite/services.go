package sqlite

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
	err = s.write(ctx, "save service "+svc.Name, func(t *tx) error {
		last, exists, err := t.serviceVersion(svc.Name)
		if err != nil {
			return err
		}
		if svc.Version, err = store.NextVersion("services/", svc.Name, last, exists, ifVersion); err != nil {
			return err
		}
		return t.exec(`INSERT INTO service (name, version, updated_at, body) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, body = excluded.body`,
			svc.Name, svc.Version, ms(svc.UpdatedAt), string(body))
	})
	if err != nil {
		return forescale.Service{}, err
	}
	return svc, nil
}

// serviceVersion is the last version that was given out for the name, and
// whether there is a service of that name now.
func (t *tx) serviceVersion(name string) (last int64, exists bool, err error) {
	err = t.one("SELECT version, body IS NOT NULL FROM service WHERE name = ?", name).Scan(&last, &exists)
	if nothingThere(err) {
		return 0, false, nil
	}
	return last, exists, err
}

// serviceScan reads services; those that are as they were are not decoded again.
func serviceScan(decoded *encoding.Services) func(row) (forescale.Service, error) {
	return func(r row) (svc forescale.Service, err error) {
		var name, body string
		var version, updated int64
		if err := r.Scan(&name, &version, &updated, &body); err != nil {
			return svc, err
		}
		if svc, err = decoded.Decode(name, body); err != nil {
			return svc, store.Contradiction("service", name, err)
		}
		svc.Name, svc.Version, svc.UpdatedAt = name, version, fromMS(updated)
		return svc, nil
	}
}

// Service implements [store.Services].
func (s *Store) Service(ctx context.Context, name string) (forescale.Service, error) {
	return first(ctx, s, "read service "+name, store.NotFound("service", name), serviceScan(&s.writer.decoded),
		"SELECT name, version, updated_at, body FROM service WHERE name = ? AND body IS NOT NULL", name)
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
		w.add("name > ?", q.After)
	}
	query := "SELECT name, version, updated_at, body FROM service" + w.String() + " ORDER BY name" + w.limit(q.Limit)
	return list(ctx, s, "list services", serviceScan(&s.writer.decoded), query, w.args...)
}

// DeleteService implements [store.Services].
func (s *Store) DeleteService(ctx context.Context, name string) error {
	defer s.writer.decoded.Forget(name)
	return s.write(ctx, "delete service "+name, func(t *tx) error {
		n, err := t.changed("UPDATE service SET body = NULL WHERE name = ? AND body IS NOT NULL", name)
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
