package timescale

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale/internal/store"
)

// shapes are a day of one series, a sample every 10 s, as values of i and s. The load is
// a day's wave with noise of a few percent on it; what differs is how it is written.
var shapes = []struct {
	name, value string
	regular     bool // below 2 bytes a sample
}{
	{"steady", "42.5", true},
	{"moving once in 10 min, in whole percents", "round(50 + 30 * sin(i / 60 * 60 * 2 * pi() / 8640))", true},
	{"noisy, in whole percents", "round(50 + 30 * sin(i * 2 * pi() / 8640) + 4 * noise)", true},
	{"noisy, in quarters of a percent", "round(4 * (50 + 30 * sin(i * 2 * pi() / 8640) + 4 * noise)) / 4", true},
	{"noisy, in sixteenths of a percent", "round(16 * (50 + 30 * sin(i * 2 * pi() / 8640) + 4 * noise)) / 16", true},
	{"noisy, with one decimal", "round((50 + 30 * sin(i * 2 * pi() / 8640) + 4 * noise)::numeric, 1)", false},
	{"noisy, every digit", "50 + 30 * sin(i * 2 * pi() / 8640) + 4 * noise", false},
}

const samplesOfADay = 24 * 60 * 6

// compressedSize writes a day of so many series of a shape, compresses it, and tells
// the bytes of a sample: of the two columns that hold it, and of all of the chunk
// with its indexes, before and after.
func compressedSize(tb testing.TB, s *Store, day, series int, value string) (columns, before, after float64) {
	tb.Helper()
	ctx := tb.Context()
	at := benchStart.AddDate(0, 0, day)
	if _, err := s.pool.Exec(ctx, `INSERT INTO sample SELECT s, $1::timestamptz + i * INTERVAL '10 s', `+value+`
		FROM generate_series(1, $2::int) AS s, generate_series(0, $3::int - 1) AS i,
			LATERAL (SELECT (hashint8(s * 1000000 + i) & 65535) / 65535.0 - 0.5 AS noise) AS n`, at, series, samplesOfADay); err != nil {
		tb.Fatal(err)
	}
	var chunk, packed string
	if err := s.pool.QueryRow(ctx, "SELECT c::text FROM show_chunks('sample', newer_than => $1::timestamptz, older_than => $2::timestamptz) AS c", at, at.AddDate(0, 0, 1)).Scan(&chunk); err != nil {
		tb.Fatal(err)
	}
	if _, err := s.pool.Exec(ctx, "SELECT compress_chunk('"+chunk+"')", pgx.QueryExecModeExec); err != nil {
		tb.Fatal(err)
	}
	var was, is int64
	if err := s.pool.QueryRow(ctx, `SELECT before_compression_total_bytes, after_compression_total_bytes FROM chunk_compression_stats('sample')
		WHERE format('%I.%I', chunk_schema, chunk_name) = $1`, chunk).Scan(&was, &is); err != nil {
		tb.Fatal(err)
	}
	if err := s.pool.QueryRow(ctx, `SELECT format('%I.%I', p.schema_name, p.table_name) FROM _timescaledb_catalog.chunk AS c
		JOIN _timescaledb_catalog.chunk AS p ON p.id = c.compressed_chunk_id WHERE format('%I.%I', c.schema_name, c.table_name) = $1`, chunk).Scan(&packed); err != nil {
		tb.Fatal(err)
	}
	var held int64
	if err := s.pool.QueryRow(ctx, "SELECT sum(pg_column_size(at) + pg_column_size(value)) FROM "+packed).Scan(&held); err != nil {
		tb.Fatal(err)
	}
	n := float64(series * samplesOfADay)
	return float64(held) / n, float64(was) / n, float64(is) / n
}

// What is regular takes less than 2 bytes a sample; a sample without compression
// takes some 80.
func TestRegularSamplesAreCompressedToLessThanTwoBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	v := withExtension(t)
	dsn := v.fresh(t)
	s := openAt(t, dsn)
	day, all := 0, 0.0
	for _, shape := range shapes {
		if !shape.regular {
			continue
		}
		columns, before, after := compressedSize(t, s, day, 8, shape.value)
		if columns > 2 || before < 50 {
			t.Errorf("%s: %.2f bytes a sample, without compression %.0f", shape.name, columns, before)
		}
		day++
		all += after
	}
	s.Close()
	in, err := Inspect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	v.exec(t, "SET default_transaction_read_only = off") // WebAssembly has one session, which keeps what it was told to look only
	want := fmt.Sprintf("sample: %.2f bytes a row in %d compressed chunks, 84 before", all/float64(day), day)
	if i := slices.IndexFunc(in.Findings, func(f store.Finding) bool { return f.About == "compression" }); i < 0 || in.Findings[i].Says != want {
		t.Errorf("the check says %+v; want %s", in.Findings, want)
	}
}

// BenchmarkCompressedSize tells what a sample takes by the shape of its series, of
// 100 series and a day each, on TimescaleDB as WebAssembly.
//
//	go test -run - -bench CompressedSize -benchtime 1x ./internal/store/timescale
func BenchmarkCompressedSize(b *testing.B) {
	s := openAt(b, withExtension(b).fresh(b))
	for day, shape := range shapes {
		b.Run(fmt.Sprint(shape.name), func(b *testing.B) {
			if b.N > 1 {
				b.Skip("once is enough: -benchtime 1x")
			}
			columns, before, after := compressedSize(b, s, day, 100, shape.value)
			b.ReportMetric(columns, "B/sample")
			b.ReportMetric(after, "disk-B/sample")
			b.ReportMetric(before, "uncompressed-B/sample")
		})
	}
}
