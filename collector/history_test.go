package collector

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine has no time zones: ", err)
	}
	return loc
}

// readAll reads every row and every fault.
func readAll(t testing.TB, text string, o HistoryOptions) (rows []HistoryRow, faults []*forescale.Fault) {
	t.Helper()
	h, err := NewHistoryReader(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range h.Rows() {
		var f *forescale.Fault
		switch {
		case errors.As(err, &f):
			faults = append(faults, f)
		case err != nil:
			t.Fatalf("not a fault: %v", err)
		default:
			rows = append(rows, row)
		}
	}
	return rows, faults
}

func TestHistoryRows(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, line string
		want       HistoryRow
	}{
		{"a row", "2026-03-02T08:00:00Z,checkout,12.5", HistoryRow{Time: at, Series: "checkout", Value: 12.5}},
		{"an offset", "2026-03-02T09:00:00+01:00,checkout,1e3", HistoryRow{Time: at, Series: "checkout", Value: 1000}},
		{"a space instead of T", "2026-03-02 08:00:00Z,checkout,0", HistoryRow{Time: at, Series: "checkout"}},
		{"fractions of a second", "2026-03-02T08:00:00.250Z,checkout,1", HistoryRow{Time: at.Add(250 * time.Millisecond), Series: "checkout", Value: 1}},
		{"Windows line ends", "2026-03-02T08:00:00Z,checkout,1\r", HistoryRow{Time: at, Series: "checkout", Value: 1}},
		{"quotes around a comma", `2026-03-02T08:00:00Z,"a, ""b""",1`, HistoryRow{Time: at, Series: `a, "b"`, Value: 1}},
		{"no value is a gap", "2026-03-02T08:00:00Z,checkout,", HistoryRow{Time: at, Series: "checkout", Gap: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, faults := readAll(t, historyHeader+"\n"+c.line+"\n", HistoryOptions{})
			c.want.Line = 2
			if len(faults) > 0 || len(rows) != 1 || rows[0] != c.want {
				t.Errorf("got %+v and %v, want %+v", rows, faults, c.want)
			}
		})
	}
}

func TestHistoryFaultsNameTheLineAndWhatToDo(t *testing.T) {
	zone := berlin(t)
	for _, c := range []struct {
		name, line, code, what, help string
		zone                         *time.Location
	}{
		{name: "a time that clocks skip", line: "2026-03-29T02:30:00,checkout,1", zone: zone, code: "time_not_existing",
			what: "2026-03-29T02:30:00 does not exist in Europe/Berlin (clock change)", help: `write times in UTC ("…Z") or with an offset ("+01:00")`},
		{name: "no zone anywhere", line: "2026-03-29T02:30:00,checkout,1", code: "history_invalid", what: "2026-03-29T02:30:00 names no zone"},
		{name: "not a time", line: "yesterday,checkout,1", code: "history_invalid", what: `"yesterday" is not a time`},
		{name: "a year beyond use", line: "1969-01-01T00:00:00Z,checkout,1", code: "history_invalid", what: "not within 1970 to 2200"},
		{name: "too few columns", line: "2026-03-02T08:00:00Z,1", code: "history_invalid", what: "2 columns, not 3"},
		{name: "too many columns", line: "2026-03-02T08:00:00Z,checkout,1,2", code: "history_invalid", what: "4 columns, not 3"},
		{name: "an open quote", line: `2026-03-02T08:00:00Z,"checkout,1`, code: "history_invalid", what: "a quote is not closed"},
		{name: "no series", line: "2026-03-02T08:00:00Z,,1", code: "history_invalid", what: "cannot name a series"},
		{name: "NaN", line: "2026-03-02T08:00:00Z,checkout,NaN", code: "history_invalid", what: "the value is NaN, not a number"},
		{name: "infinity", line: "2026-03-02T08:00:00Z,checkout,-Inf", code: "history_invalid", what: "the value is -Inf, not a number"},
		{name: "below zero", line: "2026-03-02T08:00:00Z,checkout,-3", code: "history_invalid", what: "the value is -3, below 0"},
		{name: "a decimal comma", line: `2026-03-02T08:00:00Z,checkout,"12,5"`, code: "history_invalid", what: `"12,5" is not a number`, help: "write numbers with a point, such as 63.2"},
		{name: "hexadecimal", line: "2026-03-02T08:00:00Z,checkout,0x10", code: "history_invalid", what: `"0x10" is not a number`},
		{name: "too large", line: "2026-03-02T08:00:00Z,checkout,1e99", code: "history_invalid", what: "beyond 1e15"},
		{name: "a line without end", line: strings.Repeat("x", maxLine+1), code: "history_invalid", what: "the line is longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := "2026-03-02T08:00:00Z,checkout,1\n"
			rows, faults := readAll(t, historyHeader+"\n"+good+c.line+"\n"+good, HistoryOptions{Name: "history.csv", Zone: c.zone})
			if len(rows) != 2 || rows[1].Line != 4 {
				t.Errorf("the rows around it are %+v", rows)
			}
			if len(faults) != 1 {
				t.Fatalf("faults %v", faults)
			}
			f := faults[0]
			if f.Code != c.code || f.Where != "history.csv:3" || !strings.Contains(f.What, c.what) || !strings.Contains(f.Help, c.help) || f.Help == "" {
				t.Errorf("got\n%s\nwant %s: …%s… help …%s…", f.Terminal(), c.code, c.what, c.help)
			}
		})
	}
}

func TestHistoryHeader(t *testing.T) {
	for _, c := range []struct{ name, text, what, help string }{
		{"nothing", "", "the input is empty", "begin with the header"},
		{"no header", "2026-03-02T08:00:00Z,checkout,1\n", "the header is", "begin with the header"},
		{"semicolons", "timestamp;series;value\n", "the header is", "separate the columns with commas"},
		{"capitals", "Timestamp,Series,Value\n", "the header is", "write the header as"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewHistoryReader(strings.NewReader(c.text), HistoryOptions{Name: "h.csv"})
			var f *forescale.Fault
			if !errors.As(err, &f) || f.Code != "history_invalid" || !strings.Contains(f.What, c.what) || !strings.Contains(f.Help, c.help) {
				t.Errorf("got %v", err)
			}
		})
	}
	if rows, _ := readAll(t, "\xef\xbb\xbf"+historyHeader+"\r\n\r\n2026-03-02T08:00:00Z,a,1", HistoryOptions{}); len(rows) != 1 || rows[0].Line != 3 {
		t.Errorf("a byte order mark, blank lines and no last line end gave %+v", rows)
	}
}

// On 2026-10-25 clocks of Berlin go from 03:00 +02:00 back to 02:00 +01:00.
func TestHistoryTellsDoubledTimesApartByTheirOrder(t *testing.T) {
	text := historyHeader + `
2026-10-25T01:30:00,a,0
2026-10-25T02:00:00,a,1
2026-10-25T02:00:00,b,1
2026-10-25T02:30:00,a,2
2026-10-25T02:00:00,a,3
2026-10-25T02:30:00,a,4
2026-10-25T03:00:00,a,5
`
	rows, faults := readAll(t, text, HistoryOptions{Zone: berlin(t)})
	want := []string{"23:30 false", "00:00 true", "00:00 true", "00:30 true", "01:00 true", "01:30 true", "02:00 false"}
	for i, r := range rows {
		if got := fmt.Sprintf("%s %t", r.Time.Format("15:04"), r.Doubled); got != want[i] {
			t.Errorf("row %d is %s, want %s", i, got, want[i])
		}
	}
	if len(faults) > 0 || len(rows) != len(want) {
		t.Errorf("%d rows, faults %v", len(rows), faults)
	}
}

// Each local minute of two days with clock changes, in zones that change by an
// hour, by half an hour and across midnight, leads back to itself.
func TestMomentsAreThoseAtWhichClocksShowTheTime(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata", "America/St_Johns"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip("this machine has no time zones: ", err)
		}
		// The other direction: every instant of a year must be among the moments of its own wall clock.
		for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(10 * time.Minute) {
			local := at.In(zone)
			wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
			found := false
			for _, m := range moments(wall, zone) {
				found = found || m.Equal(at)
				if got := m.In(zone); got.Hour() != wall.Hour() || got.Minute() != wall.Minute() || got.Day() != wall.Day() {
					t.Fatalf("%s: %s is not shown at %s", name, wall, m)
				}
			}
			if !found {
				t.Fatalf("%s: %s is not among the moments of its local time", name, at)
			}
		}
	}
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHistoryReadsGzipAndNoticesWhenItIsCutOff(t *testing.T) {
	var text strings.Builder
	text.WriteString(historyHeader + "\n")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		fmt.Fprintf(&text, "%s,checkout,%d\n", begin.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), i*7919%1000)
	}
	packed := gzipped(t, text.String())
	h, err := NewHistoryReader(bytes.NewReader(packed), HistoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range h.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 100_000 {
		t.Errorf("read %d of 100000 rows", n)
	}
	h, err = NewHistoryReader(bytes.NewReader(packed[:len(packed)*9/10]), HistoryOptions{Name: "h.csv.gz"})
	if err != nil {
		t.Fatal(err)
	}
	var last error
	good := 0
	for row, err := range h.Rows() {
		last = err
		if err == nil {
			good++
		} else if row.Line != 0 {
			t.Error("a cut-off file was taken for one bad row")
		}
	}
	var f *forescale.Fault
	if !errors.As(last, &f) || f.Code != unreadableCode || good < 50_000 {
		t.Errorf("after %d rows: %v", good, last)
	}
	if _, err := h.Next(); !errors.As(err, &f) {
		t.Errorf("reading on gave %v", err)
	}
}

func TestFingerprintTellsInputsApart(t *testing.T) {
	print := func(text string, o HistoryOptions) string {
		h, err := NewHistoryReader(strings.NewReader(text), o)
		if err != nil {
			t.Fatal(err)
		}
		return h.Fingerprint()
	}
	text := historyHeader + "\n2026-03-02T08:00:00Z,a,1\n"
	base := print(text, HistoryOptions{Name: "one", Size: 10})
	if print(text, HistoryOptions{Name: "two", Size: 10}) != base {
		t.Error("the same input under another name is another")
	}
	for name, other := range map[string]string{
		"another size": print(text, HistoryOptions{Size: 11}),
		"another zone": print(text, HistoryOptions{Size: 10, Zone: time.UTC}),
		"another text": print(text+"x", HistoryOptions{Size: 10}),
	} {
		if other == base {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}

// The memory of a reader does not grow with the file: 60 MB of text, one of its
// lines 20 MB long.
func TestHistoryMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 60 MB")
	}
	line := "2026-03-02T08:00:00Z,checkout,1\n"
	text := io.MultiReader(strings.NewReader(historyHeader+"\n"), repeat(line, 20<<20), repeat("x", 20<<20), strings.NewReader("\n"), repeat(line, 20<<20))
	h, err := NewHistoryReader(text, HistoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rows, faults := 0, 0
	for _, err := range h.Rows() {
		if rows++; err != nil {
			faults++
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 4<<20 {
		t.Errorf("%d bytes are held after reading", held)
	}
	if faults != 1 || rows < 2*(20<<20)/len(line) {
		t.Errorf("%d rows, %d faults", rows, faults)
	}
}

// repeat reads s over and over, n bytes in whole copies.
func repeat(s string, n int) io.Reader {
	copies := n / len(s)
	rs := make([]io.Reader, 0, copies/10_000+1)
	block := strings.Repeat(s, 10_000)
	for ; copies >= 10_000; copies -= 10_000 {
		rs = append(rs, strings.NewReader(block))
	}
	return io.MultiReader(append(rs, strings.NewReader(strings.Repeat(s, copies)))...)
}

func TestHistoryReadsThePublicTraces(t *testing.T) {
	dir := os.Getenv("FORESCALE_DATASETS")
	if dir == "" {
		dir = "../../shared/datasets"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*_1min.csv.gz"))
	if len(files) == 0 {
		t.Skip("no traces in FORESCALE_DATASETS or ../shared/datasets")
	}
	for _, file := range files[:min(3, len(files))] {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		h, err := NewHistoryReader(f, HistoryOptions{Name: filepath.Base(file)})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range h.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		t.Logf("%s: %d rows", filepath.Base(file), n)
		if n == 0 {
			t.Errorf("%s has no rows", file)
		}
		_ = f.Close()
	}
}

// Whatever comes in: no panic, an end, every error a fault with a place and help,
// and every good row is one that encoding/csv reads too.
func FuzzHistory(f *testing.F) {
	for _, s := range []string{
		historyHeader + "\n2026-03-02T08:00:00Z,a,1\n", historyHeader + "\n2026-10-25 02:30,\"a,b\",1e3\r\n\r\n", historyHeader + "\n\"", historyHeader + "\n,,\n2026-03-29T02:30:00,a,NaN",
		"\x1f\x8b", "\xef\xbb\xbf" + historyHeader, historyHeader + "\n0000-01-01T00:00:00Z,a,-0",
	} {
		f.Add([]byte(s))
	}
	f.Add(gzipped(f, historyHeader+"\n2026-03-02T08:00:00Z,a,1\n"))
	zone := berlin(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := NewHistoryReader(bytes.NewReader(data), HistoryOptions{Name: "f.csv", Zone: zone})
		if err != nil {
			mustBeFault(t, err)
			return
		}
		for row, err := range h.Rows() {
			if err != nil {
				mustBeFault(t, err)
				continue
			}
			s := forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindService, Name: row.Series, Service: row.Series}, Metric: forescale.MetricLoad, Time: row.Time, Value: row.Value}
			if err := s.ValidateValue(); err != nil {
				t.Fatalf("line %d is no good sample: %v", row.Line, err)
			}
		}
	})
}

func mustBeFault(t *testing.T, err error) {
	t.Helper()
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code == "" || f.What == "" || f.Help == "" || !strings.HasPrefix(f.Where, "f.csv") {
		t.Fatalf("not a whole fault: %#v", err)
	}
}

// Lines without stray quotes are cut as encoding/csv cuts them.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a,b,c", `"a","b""c",d`, `,,`, `a"b,c`, `"a`, `"a"b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") || line == "" {
			return
		}
		r := csv.NewReader(strings.NewReader(line))
		r.FieldsPerRecord = -1
		want, err := r.Read()
		if err != nil {
			return // we are more patient with a quote inside a field
		}
		var got [3]string
		n, ok := split(line, &got)
		if !ok || n != len(want) {
			t.Fatalf("%q: %d fields, %t; want %q", line, n, ok, want)
		}
		for i := range min(n, 3) {
			if got[i] != want[i] {
				t.Fatalf("%q: field %d is %q, want %q", line, i, got[i], want[i])
			}
		}
	})
}

func BenchmarkHistory(b *testing.B) {
	var text strings.Builder
	text.WriteString(historyHeader + "\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "%s,checkout,%d\n", time.Unix(int64(i)*60, 0).UTC().Format(time.RFC3339), i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		h, err := NewHistoryReader(strings.NewReader(text.String()), HistoryOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range h.Rows() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
