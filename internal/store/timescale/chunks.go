package timescale

import (
	"context"
	"fmt"
	"time"
)

// chunks is a hypertable, and how the rows of one of its chunks are counted
// before it is dropped.
type chunks struct {
	table string
	count string // of the rows of the chunk %s; it may keep books
}

var (
	sampleChunks = chunks{"sample", "SELECT count(*) FROM %s"}
	demandChunks = chunks{"demand", `WITH each AS (SELECT line, count(*) AS n FROM %s GROUP BY line),
		counted AS (UPDATE line SET points = points - each.n FROM each WHERE line.id = each.line)
		SELECT coalesce(sum(n), 0)::bigint FROM each`}
)

// chunk is one piece of a hypertable, [from, to).
type chunk struct {
	name       string
	from, to   time.Time
	compressed bool
}

// dropChunks drops the chunks that are old as a whole, a commit each, and counts
// their rows. after is the end of the newest compressed chunk that begins before
// the cut-off and stays: rows are not picked out of it, which would unpack it.
func (s *Store) dropChunks(ctx context.Context, c chunks, before time.Time) (rows int64, after time.Time, err error) {
	after = time.Unix(0, 0).AddDate(-2000, 0, 0).UTC()
	if s.extension == "" {
		return 0, after, nil
	}
	all, err := readAll(ctx, s.pool, func(r row) (k chunk, err error) {
		return k, r.Scan(&k.name, &k.from, &k.to, &k.compressed)
	}, `SELECT format('%I.%I', chunk_schema, chunk_name), range_start, range_end, is_compressed FROM timescaledb_information.chunks
		WHERE hypertable_schema = current_schema() AND hypertable_name = $1 AND range_start < $2 ORDER BY range_start`, c.table, before)
	if err != nil {
		return 0, after, err
	}
	for _, k := range all {
		if k.to.After(before) {
			if k.compressed {
				after = k.to
			}
			continue
		}
		n, err := s.dropChunk(ctx, c, k)
		if rows += n; err != nil {
			return rows, after, err
		}
	}
	return rows, after, nil
}

// dropChunk counts what is in a chunk and drops it. Nobody writes to it meanwhile.
func (s *Store) dropChunk(ctx context.Context, c chunks, k chunk) (n int64, err error) {
	err = s.transact(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.shareNames(ctx); err != nil {
			return err
		}
		if err := t.exec(ctx, "LOCK TABLE "+k.name+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		if err := t.QueryRow(ctx, fmt.Sprintf(c.count, k.name)).Scan(&n); err != nil {
			return err
		}
		return t.exec(ctx, "SELECT "+s.functions+"drop_chunks($1::text::regclass, older_than => $2::timestamptz, newer_than => $3::timestamptz)", c.table, k.to, k.from)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
