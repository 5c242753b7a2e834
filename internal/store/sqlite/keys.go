package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// CreateKey implements [store.Keys].
func (s *Store) CreateKey(ctx context.Context, k forescale.Key) error {
	return s.write(ctx, "create a key", func(t *tx) error {
		n, err := t.changed(`INSERT INTO key (id, name, role, service, hash, created_at, revoked_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			k.ID, k.Name, string(k.Role), k.Service, k.Hash, ms(k.CreatedAt), optional(k.RevokedAt))
		if err == nil && n == 0 {
			return store.KeyExists(k.ID)
		}
		return err
	})
}

const selectKeys = "SELECT id, name, role, service, hash, created_at, revoked_at FROM key"

func scanKey(r row) (k forescale.Key, err error) {
	var created int64
	var revoked sql.NullInt64
	err = r.Scan(&k.ID, &k.Name, &k.Role, &k.Service, &k.Hash, &created, &revoked)
	k.CreatedAt, k.RevokedAt = fromMS(created), fromOptional(revoked)
	return k, err
}

// ListKeys implements [store.Keys].
func (s *Store) ListKeys(ctx context.Context) ([]forescale.Key, error) {
	return list(ctx, s, "list keys", scanKey, selectKeys+" ORDER BY created_at, id")
}

// KeyByHash implements [store.Keys]. It also gives revoked keys: they grant
// nothing, and the caller can say why.
func (s *Store) KeyByHash(ctx context.Context, hash []byte) (forescale.Key, error) {
	return first(ctx, s, "find a key", forescale.ErrNotFound, scanKey, selectKeys+" WHERE hash = ?", hash)
}

// RevokeKey implements [store.Keys]. A key that is revoked stays revoked since
// the first time.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, "revoke key "+id, func(t *tx) error {
		n, err := t.changed("UPDATE key SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", ms(at), id)
		return orNotFound(n, err, "key", id)
	})
}
