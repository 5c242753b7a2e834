package timescale

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// PutNode implements [store.Services].
func (s *Store) PutNode(ctx context.Context, n forescale.Node) error {
	return s.putNode(ctx, unfenced, n)
}

func (s *Store) putNode(ctx context.Context, fence int64, n forescale.Node) error {
	labels, err := encoding.EncodeLabels(n.Labels)
	if err != nil {
		return err
	}
	return s.writeUnder(ctx, fence, "save node "+n.Name, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO node (name, type, address, state, protected, cores, memory, updated_at, managed, labels, origin)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (name) DO UPDATE SET type = excluded.type, address = excluded.address, state = excluded.state,
			protected = excluded.protected, cores = excluded.cores, memory = excluded.memory, updated_at = excluded.updated_at,
			managed = excluded.managed, labels = excluded.labels, origin = excluded.origin`,
			n.Name, n.Type, n.Address, string(n.State), n.Protected, n.Cores, n.Memory, utc(n.UpdatedAt), n.Managed, labels, string(n.Origin))
	})
}

// DeleteNode implements [store.Services].
func (s *Store) DeleteNode(ctx context.Context, name string) error {
	return s.write(ctx, "delete node "+name, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "DELETE FROM node WHERE name = $1", name)
		return orNotFound(n, err, "node", name)
	})
}

// Nodes implements [store.Services].
func (s *Store) Nodes(ctx context.Context) ([]forescale.Node, error) {
	return list(ctx, s, "list nodes", func(r row) (n forescale.Node, err error) {
		var labels []byte
		if err = r.Scan(&n.Name, &n.Type, &n.Address, &n.State, &n.Protected, &n.Cores, &n.Memory, &n.UpdatedAt, &n.Managed, &labels, &n.Origin); err != nil {
			return n, err
		}
		n.UpdatedAt = n.UpdatedAt.UTC()
		if n.Labels, err = encoding.DecodeLabels(string(labels)); err != nil {
			return n, store.Contradiction("node", n.Name, err)
		}
		return n, nil
	}, "SELECT name, type, address, state, protected, cores, memory, updated_at, managed, labels, origin FROM node ORDER BY name")
}

// PutNodeType implements [store.Services].
func (s *Store) PutNodeType(ctx context.Context, n forescale.NodeType) error {
	labels, err := encoding.EncodeLabels(n.Labels)
	if err != nil {
		return err
	}
	return s.write(ctx, "save node type "+n.Name, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO node_type
			(name, cores, speed, memory, disk, disk_kind, bandwidth, price_per_hour, billing_step, boot_time, max_count, updated_at, labels)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (name) DO UPDATE SET cores = excluded.cores, speed = excluded.speed, memory = excluded.memory,
			disk = excluded.disk, disk_kind = excluded.disk_kind, bandwidth = excluded.bandwidth,
			price_per_hour = excluded.price_per_hour, billing_step = excluded.billing_step, boot_time = excluded.boot_time,
			max_count = excluded.max_count, updated_at = excluded.updated_at, labels = excluded.labels`,
			n.Name, n.Cores, n.Speed, n.Memory, n.Disk, n.DiskKind, n.Bandwidth, n.PricePerHour,
			int64(n.BillingStep), int64(n.BootTime), n.MaxCount, utc(n.UpdatedAt), labels)
	})
}

// DeleteNodeType implements [store.Services].
func (s *Store) DeleteNodeType(ctx context.Context, name string) error {
	return s.write(ctx, "delete node type "+name, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "DELETE FROM node_type WHERE name = $1", name)
		return orNotFound(n, err, "node type", name)
	})
}

// NodeTypes implements [store.Services].
func (s *Store) NodeTypes(ctx context.Context) ([]forescale.NodeType, error) {
	return list(ctx, s, "list node types", scanNodeType, selectNodeTypes)
}

const selectNodeTypes = `SELECT name, cores, speed, memory, disk, disk_kind, bandwidth, price_per_hour, billing_step, boot_time, max_count, updated_at, labels
	FROM node_type ORDER BY name`

func scanNodeType(r row) (n forescale.NodeType, err error) {
	var step, boot int64
	var labels []byte
	if err = r.Scan(&n.Name, &n.Cores, &n.Speed, &n.Memory, &n.Disk, &n.DiskKind, &n.Bandwidth, &n.PricePerHour,
		&step, &boot, &n.MaxCount, &n.UpdatedAt, &labels); err != nil {
		return n, err
	}
	n.BillingStep, n.BootTime, n.UpdatedAt = time.Duration(step), time.Duration(boot), n.UpdatedAt.UTC()
	if n.Labels, err = encoding.DecodeLabels(string(labels)); err != nil {
		return n, store.Contradiction("node type", n.Name, err)
	}
	return n, nil
}
