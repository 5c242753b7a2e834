package sqlite

import (
	"context"

	"github.com/forescale/forescale"
)

// PutNode implements [store.Services].
func (s *Store) PutNode(ctx context.Context, n forescale.Node) error {
	return s.putNode(ctx, unfenced, n)
}

func (s *Store) putNode(ctx context.Context, fence int64, n forescale.Node) error {
	return s.writeUnder(ctx, fence, "save node "+n.Name, func(t *tx) error {
		return t.exec(`INSERT OR REPLACE INTO node (name, type, address, state, protected, cores, memory, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			n.Name, n.Type, n.Address, string(n.State), n.Protected, n.Cores, n.Memory, ms(n.UpdatedAt))
	})
}

// Nodes implements [store.Services].
func (s *Store) Nodes(ctx context.Context) ([]forescale.Node, error) {
	return list(ctx, s, "list nodes", func(r row) (n forescale.Node, err error) {
		var updated int64
		err = r.Scan(&n.Name, &n.Type, &n.Address, &n.State, &n.Protected, &n.Cores, &n.Memory, &updated)
		n.UpdatedAt = fromMS(updated)
		return n, err
	}, "SELECT name, type, address, state, protected, cores, memory, updated_at FROM node ORDER BY name")
}

// PutNodeType implements [store.Services].
func (s *Store) PutNodeType(ctx context.Context, n forescale.NodeType) error {
	return s.write(ctx, "save node type "+n.Name, func(t *tx) error {
		return t.exec(`INSERT OR REPLACE INTO node_type
			(name, cores, speed, memory, disk, disk_kind, bandwidth, price_per_hour, billing_step, boot_time, max_count, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			n.Name, n.Cores, n.Speed, n.Memory, n.Disk, n.DiskKind, n.Bandwidth, n.PricePerHour,
			int64(n.BillingStep), int64(n.BootTime), n.MaxCount, ms(n.UpdatedAt))
	})
}

// NodeTypes implements [store.Services].
func (s *Store) NodeTypes(ctx context.Context) ([]forescale.NodeType, error) {
	return list(ctx, s, "list node types", func(r row) (n forescale.NodeType, err error) {
		var updated int64
		err = r.Scan(&n.Name, &n.Cores, &n.Speed, &n.Memory, &n.Disk, &n.DiskKind, &n.Bandwidth, &n.PricePerHour,
			&n.BillingStep, &n.BootTime, &n.MaxCount, &updated)
		n.UpdatedAt = fromMS(updated)
		return n, err
	}, `SELECT name, cores, speed, memory, disk, disk_kind, bandwidth, price_per_hour, billing_step, boot_time, max_count, updated_at
		FROM node_type ORDER BY name`)
}
