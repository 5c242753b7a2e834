package sqlite

import (
	"context"

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
	return s.writeUnder(ctx, fence, "save node "+n.Name, func(t *tx) error {
		return t.exec(`INSERT OR REPLACE INTO node (name, type, address, state, protected, cores, memory, updated_at, managed, labels, origin)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			n.Name, n.Type, n.Address, string(n.State), n.Protected, n.Cores, n.Memory, ms(n.UpdatedAt), n.Managed, labels, string(n.Origin))
	})
}

// DeleteNode implements [store.Services].
func (s *Store) DeleteNode(ctx context.Context, name string) error {
	return s.write(ctx, "delete node "+name, func(t *tx) error {
		n, err := t.changed("DELETE FROM node WHERE name = ?", name)
		return orNotFound(n, err, "node", name)
	})
}

// Nodes implements [store.Services].
func (s *Store) Nodes(ctx context.Context) ([]forescale.Node, error) {
	return list(ctx, s, "list nodes", func(r row) (n forescale.Node, err error) {
		var updated int64
		var labels string
		if err = r.Scan(&n.Name, &n.Type, &n.Address, &n.State, &n.Protected, &n.Cores, &n.Memory, &updated, &n.Managed, &labels, &n.Origin); err != nil {
			return n, err
		}
		n.UpdatedAt = fromMS(updated)
		if n.Labels, err = encoding.DecodeLabels(labels); err != nil {
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
	return s.write(ctx, "save node type "+n.Name, func(t *tx) error {
		return t.exec(`INSERT OR REPLACE INTO node_type
			(name, cores, speed, memory, disk, disk_kind, bandwidth, price_per_hour, billing_step, boot_time, max_count, updated_at, labels)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			n.Name, n.Cores, n.Speed, n.Memory, n.Disk, n.DiskKind, n.Bandwidth, n.PricePerHour,
			int64(n.BillingStep), int64(n.BootTime), n.MaxCount, ms(n.UpdatedAt), labels)
	})
}

// DeleteNodeType implements [store.Services].
func (s *Store) DeleteNodeType(ctx context.Context, name string) error {
	return s.write(ctx, "delete node type "+name, func(t *tx) error {
		n, err := t.changed("DELETE FROM node_type WHERE name = ?", name)
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
	var updated int64
	var labels string
	if err = r.Scan(&n.Name, &n.Cores, &n.Speed, &n.Memory, &n.Disk, &n.DiskKind, &n.Bandwidth, &n.PricePerHour,
		&n.BillingStep, &n.BootTime, &n.MaxCount, &updated, &labels); err != nil {
		return n, err
	}
	n.UpdatedAt = fromMS(updated)
	if n.Labels, err = encoding.DecodeLabels(labels); err != nil {
		return n, store.Contradiction("node type", n.Name, err)
	}
	return n, nil
}
