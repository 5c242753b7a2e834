package traces

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestTheCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tr := range All() {
		if seen[tr.Name] {
			t.Errorf("%s is there twice", tr.Name)
		}
		seen[tr.Name] = true
		if got, ok := Of(tr.Name); !ok || got.Name != tr.Name {
			t.Errorf("%s is not found by its name", tr.Name)
		}
		if c, err := hex.DecodeString(tr.Commit); err != nil || len(c) != 20 {
			t.Errorf("%s: commit %q", tr.Name, tr.Commit)
		}
		if tr.About == "" || tr.Origin == "" || tr.Licence == "" || tr.Step <= 0 || !tr.From.Before(tr.To) || tr.Series < 1 || tr.Rows < 100 || len(tr.Files) == 0 || tr.Parser.String() == "" {
			t.Errorf("%s lacks a fact: %+v", tr.Name, tr)
		}
		for _, f := range tr.Files {
			if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 || f.Size < 1000 || strings.Contains(f.Path, "..") {
				t.Errorf("%s: file %+v", tr.Name, f)
			}
		}
	}
	if _, ok := Of("nothing"); ok {
		t.Error("a trace of no name is found")
	}
}

// packed is a tar.bz2 of a file with the text "9 0 1 2 0 0 0 4": bzip2 is read in Go, and
// written nowhere in it.
const packed = "425a683931415926535931bc198900008afb90ca80084040017da00400640c9ec00400000820007419123201a68d0346d4124840d0320003ee9460f420c284848c60f625cc6ba902184c12764c4db69b89401013386c80bac492c26b1d6373dece149f7bf9451578b5252ab833559b489240fc5dc914e14240c6f06624"

func TestParsers(t *testing.T) {
	t.Parallel()
	day := time.Date(2020, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		parser Parser
		files  []string
		want   string // rows with / between, or "error: …"
	}{
		{"a header, a zone, and a name of its own", stamped{comma: ',', header: true, layout: time.DateTime, zone: atUTCMinus4, series: "web"},
			[]string{"when,n\n2020-03-02 22:00:00,4\n2020-03-02 22:01:00,5.5\n"}, "2020-03-03T02:00:00Z web 4 / 2020-03-03T02:01:00Z web 5.5"},
		{"no header, another comma, sorted by time", stamped{comma: ';', layout: time.DateTime, zone: inUTC, series: "w"},
			[]string{"2020-03-02 01:00:00;2\n2020-03-02 00:00:00;1\n"}, "2020-03-02T00:00:00Z w 1 / 2020-03-02T01:00:00Z w 2"},
		{"a file is a series; quotes, carriage returns and further columns", stamped{comma: ',', header: true, layout: time.RFC3339, zone: inUTC},
			[]string{"\"T\",\"V\",\"L\"\r\n\"2020-03-02T00:00:00Z\",\"7\",\"0\"\r\n", "T,V,L\n2020-03-01T00:00:00Z,8,1\n"}, "2020-03-02T00:00:00Z 0 7 / 2020-03-01T00:00:00Z 1 8"},
		{"of two values at one time the first counts", stamped{comma: ',', layout: time.DateTime, zone: inUTC, series: "w"},
			[]string{"2020-03-02 00:00:00,1\n2020-03-02 00:00:00,9\n"}, "2020-03-02T00:00:00Z w 1"},
		{"what is absent is zero where that is known", stamped{comma: ',', layout: time.DateTime, zone: inUTC, series: "w", fill: time.Minute},
			[]string{"2020-03-02 00:00:00,1\n2020-03-02 00:03:00,4\n"}, "2020-03-02T00:00:00Z w 1 / 2020-03-02T00:01:00Z w 0 / 2020-03-02T00:02:00Z w 0 / 2020-03-02T00:03:00Z w 4"},
		{"a local time that exists twice, as the later one", stamped{comma: ',', layout: time.DateTime, zone: inNewYork, series: "w", later: true},
			[]string{"2014-11-02 00:30:00,1\n2014-11-02 01:00:00,2\n2014-11-02 02:00:00,3\n"}, "2014-11-02T04:30:00Z w 1 / 2014-11-02T06:00:00Z w 2 / 2014-11-02T07:00:00Z w 3"},
		{"a time that is none", stamped{comma: ',', layout: time.DateTime, zone: inUTC}, []string{"2020-03-02 00:00:00,1\nyesterday,2\n"}, "error: 0.csv: line 2"},
		{"a value that is none", stamped{comma: ',', layout: time.DateTime, zone: inUTC}, []string{"2020-03-02 00:00:00,many\n"}, "error: 0.csv: line 1"},
		{"a value that is no load", stamped{comma: ',', layout: time.DateTime, zone: inUTC, series: "w"}, []string{"2020-03-02 00:00:00,NaN\n"}, "error: w at 2020-03-02"},
		{"a value below zero", indexed{begin: day, step: time.Minute, series: "w"}, []string{"0.5,-1;\n"}, "error: w at 2020-03-02"},
		{"zeros for thousands of years", stamped{comma: ',', layout: time.DateTime, zone: inUTC, series: "w", fill: time.Minute}, []string{"2020-03-02 00:00:00,1\n9999-03-02 00:00:00,1\n"}, "error: 0.csv: line 2"},
		{"requests for thousands of years", requests{layout: time.DateTime, step: time.Second, series: []string{"n"}}, []string{"T\n2020-03-02 00:00:00\n9999-03-02 00:00:00\n"}, "error: no line from"},
		{"a line without a value", stamped{comma: ',', layout: time.DateTime, zone: inUTC}, []string{"2020-03-02 00:00:00\n"}, "error: 0.csv: line 1"},

		{"steps and a half", indexed{begin: day, step: 15 * time.Minute, series: "m"}, []string{"0.5,30.0;\r\n1.5,41.5;\r\n"}, "2020-03-02T00:00:00Z m 30 / 2020-03-02T00:15:00Z m 41.5"},
		{"a line that is no pair", indexed{begin: day, step: time.Minute}, []string{"0.5,1;\n7;\n"}, "error: 0.csv: line 2"},

		{"requests are counted by the second, with zeros between", requests{layout: time.DateTime, step: time.Second, series: []string{"n", "tokens"}},
			[]string{"T,K\r\n2020-03-02 00:00:01.2500000,10\r\n2020-03-02 00:00:01.9,5\r\n2020-03-02 00:00:03.0,7\r\n"},
			"2020-03-02T00:00:01Z n 2 / 2020-03-02T00:00:02Z n 0 / 2020-03-02T00:00:03Z n 1 / 2020-03-02T00:00:01Z tokens 15 / 2020-03-02T00:00:02Z tokens 0 / 2020-03-02T00:00:03Z tokens 7"},
		{"a request without its numbers", requests{layout: time.DateTime, step: time.Second, series: []string{"n", "tokens"}}, []string{"T\n2020-03-02 00:00:01\n"}, "error: 0.csv: request 1"},
		{"no requests at all", requests{layout: time.DateTime, step: time.Second, series: []string{"n"}}, []string{""}, ""},

		{"a file a day", days{begin: day, step: 12 * time.Hour}, []string{"cpu,mem\n1,2\n3,4\n", "cpu,mem\n5,6\n7,8\n"},
			"2020-03-02T00:00:00Z cpu 1 / 2020-03-02T12:00:00Z cpu 3 / 2020-03-03T00:00:00Z cpu 5 / 2020-03-03T12:00:00Z cpu 7 / " +
				"2020-03-02T00:00:00Z mem 2 / 2020-03-02T12:00:00Z mem 4 / 2020-03-03T00:00:00Z mem 6 / 2020-03-03T12:00:00Z mem 8"},
		{"a day that lacks a step does not tell which", days{begin: day, step: 12 * time.Hour}, []string{"cpu\n1\n"}, "error: 0.csv: a day of 1 steps"},

		{"counts a second; a minute without any is a gap", seconds{begin: day, step: 2 * time.Second, series: "s"}, []string{unhex(t, packed)},
			"2020-03-02T00:00:00Z s 9 / 2020-03-02T00:00:02Z s 3 / 2020-03-02T00:00:06Z s 4"},
		{"a last step that is not whole is left out", seconds{begin: day, step: 3 * time.Second, series: "s"}, []string{unhex(t, packed)},
			"2020-03-02T00:00:00Z s 10 / 2020-03-02T00:00:03Z s 2"},
		{"an archive that is none", seconds{begin: day, step: time.Second}, []string{"plain text"}, "error: 0.csv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := Trace{Parser: c.parser}
			var data [][]byte
			for i, f := range c.files {
				tr.Files = append(tr.Files, File{Path: fmt.Sprintf("%d.csv", i)})
				data = append(data, []byte(f))
			}
			rows, err := tr.Convert(data)
			var got []string
			for _, r := range rows {
				got = append(got, fmt.Sprint(r.Time.Format(time.RFC3339), " ", r.Series, " ", r.Value))
			}
			text := strings.Join(got, " / ")
			if err != nil {
				text = "error: " + err.Error()
			}
			if text != c.want && !(err != nil && strings.HasPrefix(c.want, "error: ") && strings.HasPrefix(text, c.want)) {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, bzip2.NewReader(bytes.NewReader(b))); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWritingIsAHistoryFile(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	rows := []Row{{time.Date(2020, 3, 2, 1, 0, 0, 0, time.FixedZone("x", 3600)), "a,b", 0.1}, {time.Date(2020, 3, 2, 1, 0, 0, 0, time.UTC), "c", 1e9}}
	if err := Write(&out, rows); err != nil {
		t.Fatal(err)
	}
	if want := "timestamp,series,value\n2020-03-02T00:00:00Z,\"a,b\",0.1\n2020-03-02T01:00:00Z,c,1e+09\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// Needs the files of the repositories in the folder that FORESCALE_TRACES names, as
// OWNER/NAME/COMMIT/PATH, and conversions by other means where other tests read them.
func TestEveryTraceIsAsItWasConvertedByOtherMeans(t *testing.T) {
	t.Parallel()
	mirror := os.Getenv("FORESCALE_TRACES")
	if mirror == "" {
		t.Skip("the repositories' files are not here; FORESCALE_TRACES names no folder")
	}
	folder := os.Getenv("FORESCALE_DATASETS")
	if folder == "" {
		folder = "../../../shared/datasets"
	}
	server := httptest.NewServer(http.FileServer(http.Dir(mirror)))
	t.Cleanup(server.Close)
	// What was converted covers a part of two traces.
	other := map[string]string{"worldcup98_http_1min": "worldcup98_pre_1min", "wikipedia_en_hourly": "wikipedia_en_hourly_2010_2013"}
	for _, tr := range All() {
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			rows, err := Origin{Base: server.URL}.Get(t.Context(), tr)
			if err != nil {
				t.Fatal(err)
			}
			series := map[string]bool{}
			first, last := rows[0].Time, rows[0].Time
			values := map[string]float64{}
			for _, r := range rows {
				series[r.Series] = true
				if r.Time.Before(first) {
					first = r.Time
				}
				if r.Time.After(last) {
					last = r.Time
				}
				values[r.Series+r.Time.UTC().Format(time.RFC3339)] = r.Value
			}
			if len(rows) != tr.Rows || len(series) != tr.Series || !first.Equal(tr.From) || !last.Equal(tr.To) {
				t.Errorf("%s has %d rows, %d series, %s to %s; the catalogue tells %d, %d, %s, %s", tr.Name, len(rows), len(series), first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339), tr.Rows, tr.Series, tr.From, tr.To)
			}
			name, part := other[tr.Name]
			if !part {
				name = tr.Name
			}
			compared := 0
			for _, w := range converted(t, filepath.Join(folder, name+".csv.gz")) {
				want, err := strconv.ParseFloat(w[2], 64)
				if err != nil {
					t.Fatal(err)
				}
				// The conversions keep six digits, those of three decimals those.
				if got, ok := values[w[1]+w[0]]; !ok || math.Abs(got-want) > 1e-5*math.Abs(want)+0.00051 {
					t.Fatalf("%s of %s is %g (there: %v), converted by other means %g", w[0], w[1], got, ok, want)
				}
				compared++
			}
			if !part && compared != len(rows) {
				t.Errorf("%d rows, converted by other means %d", len(rows), compared)
			}
			t.Logf("%d rows are the same", compared)
		})
	}
}

func converted(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Skip("nothing to compare with:", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}
