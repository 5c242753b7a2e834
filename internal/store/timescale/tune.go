package timescale

import (
	"context"
	"fmt"
	"time"
)

// Chunks is how TimescaleDB keeps history. A chunk is what is compressed and
// dropped as a whole, and what has to fit into memory with its index while it is
// written to. New sizes hold for chunks to come.
type Chunks struct {
	Samples, Demand time.Duration // that a chunk holds
	CompressAfter   time.Duration // age from which a chunk is compressed, counted from its end
}

// DefaultChunks are those of a store that nobody tuned.
func DefaultChunks() Chunks {
	return Chunks{Samples: 24 * time.Hour, Demand: 30 * 24 * time.Hour, CompressAfter: 8 * 24 * time.Hour}
}

// Tune sets chunks and compression, and tells whether anything changed. Without
// TimescaleDB there is nothing to set. Several servers may do so at once.
func (s *Store) Tune(ctx context.Context, c Chunks) (changed bool, err error) {
	if s.extension == "" {
		return false, nil
	}
	if c.Samples <= 0 || c.Demand <= 0 || c.CompressAfter <= 0 {
		return false, fmt.Errorf("tune the store: a size of %+v is not above zero", c)
	}
	err = s.write(ctx, "set up TimescaleDB", func(ctx context.Context, t *tx) error {
		if err := t.lock(ctx, lockSchema); err != nil {
			return err
		}
		changed = false
		for table, size := range map[string]time.Duration{"sample": c.Samples, "demand": c.Demand} {
			for _, set := range []func(context.Context, string, time.Duration) (bool, error){
				t.setChunk,
				func(ctx context.Context, table string, _ time.Duration) (bool, error) {
					return t.setCompression(ctx, table, c.CompressAfter)
				},
			} {
				did, err := set(ctx, table, size)
				if err != nil {
					return err
				}
				changed = changed || did
			}
		}
		return nil
	})
	return changed && err == nil, err
}

func (t *tx) setChunk(ctx context.Context, table string, size time.Duration) (bool, error) {
	n, err := t.changed(ctx, "SELECT "+t.s.functions+`set_chunk_time_interval($1::text::regclass, $2::interval) FROM timescaledb_information.dimensions
		WHERE hypertable_schema = current_schema() AND hypertable_name = $1 AND time_interval <> $2::interval`, table, size)
	return n > 0, err
}

func (t *tx) setCompression(ctx context.Context, table string, after time.Duration) (bool, error) {
	n, err := t.changed(ctx, `SELECT FROM timescaledb_information.jobs WHERE hypertable_schema = current_schema() AND hypertable_name = $1
		AND proc_name = 'policy_compression' AND (config->>'compress_after')::interval = $2::interval`, table, after)
	if err != nil || n > 0 {
		return false, err
	}
	if err := t.exec(ctx, "SELECT "+t.s.functions+"remove_compression_policy($1::text::regclass, if_exists => true)", table); err != nil {
		return false, err
	}
	return true, t.exec(ctx, "SELECT "+t.s.functions+"add_compression_policy($1::text::regclass, $2::interval)", table, after)
}
