package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// stored are the samples of the store as "subject metric value".
func (f *fixture) stored() []string {
	f.Helper()
	ss, err := f.store.Samples(f.Context(), forescale.SampleQuery{})
	if err != nil {
		f.Fatal(err)
	}
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = fmt.Sprintf("%s %s %s=%g", s.Subject.Kind, s.Subject.Name, s.Metric, s.Value)
	}
	return out
}

func TestPushedRowsAreStored(t *testing.T) {
	for _, c := range []struct {
		name, body, kind string
		want             string
		rows             int
	}{
		{"an array", `[{"service":"checkout","instance":"checkout-3","utilization":63.2,"load":120.5}]`, "application/json",
			"instance checkout-3 load=120.5, instance checkout-3 utilization=63.2", 1},
		{"one object", ` {"service":"checkout","load":950} `, "application/json; charset=utf-8", "service checkout load=950", 1},
		{"NDJSON", "{\"node\":\"n-01\",\"cpu\":12,\"memory\":40}\n\n{\"node\":\"n-01\",\"bandwidth\":1,\"disk\":70}\r\n", "application/x-ndjson",
			"node n-01 bandwidth=1, node n-01 cpu=12, node n-01 disk=70, node n-01 memory=40", 2},
		{"null is absent", `{"service":"checkout","instance":"checkout-3","time":null,"utilization":0,"load":null}`, "application/json", "instance checkout-3 utilization=0", 1},
		{"escapes", `{"service":"check\u006fut","instance":"a\"b","utilization":1e1}`, "application/json", `instance a"b utilization=10`, 1},
		{"nothing", "", "application/json", "", 0},
		{"an empty array", " [ ] ", "application/json", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := setup(t)
			f.service("checkout")
			var v PushView
			f.do("POST", "/v1/samples", c.body, "Content-Type", c.kind).is(200).read(&v)
			if v.Stored != c.rows || v.Refused != 0 || v.Errors == nil {
				t.Errorf("answer %+v", v)
			}
			if got := strings.Join(f.stored(), ", "); got != c.want {
				t.Errorf("stored %s, want %s", got, c.want)
			}
		})
	}
}

func TestPushingTwiceIsPushingOnce(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	row := `{"service":"checkout","instance":"a","time":"2026-11-23T08:40:00+01:00","utilization":%d}`
	for _, v := range []int{10, 10, 20} {
		f.do("POST", "/v1/samples", fmt.Sprintf(row, v)).is(200)
	}
	if got := f.stored(); len(got) != 1 || got[0] != "instance a utilization=20" {
		t.Errorf("stored %v", got)
	}
}

// Each bad row is refused with its code and place, and the good ones around it
// are stored.
func TestBadRowsAreNamedAndGoodOnesStored(t *testing.T) {
	for _, c := range []struct{ name, row, code, location, message string }{
		{"200 %", `{"service":"checkout","instance":"b","utilization":200}`, "sample_out_of_range", "body[1].utilization", "utilization 200, allowed are 0 to 100 %"},
		{"below 0", `{"service":"checkout","instance":"b","load":-1}`, "sample_out_of_range", "body[1].load", "load is -1, below 0"},
		{"NaN", `{"service":"checkout","instance":"b","utilization":NaN}`, "sample_out_of_range", "body[1].utilization", "utilization is NaN, not a number"},
		{"Infinity", `{"service":"checkout","instance":"b","utilization":-Infinity}`, "sample_out_of_range", "body[1].utilization", "utilization is -Infinity, not a number"},
		{"a number beyond numbers", `{"service":"checkout","instance":"b","load":1e999}`, "sample_out_of_range", "body[1].load", "too large"},
		{"NaN in quotes", `{"service":"checkout","instance":"b","utilization":"NaN"}`, "sample_wrong_type", "body[1].utilization", `the text "NaN"`},
		{"a truth for a number", `{"service":"checkout","instance":"b","utilization":true}`, "sample_wrong_type", "body[1].utilization", "true, not a number"},
		{"a nested value", `{"service":"checkout","instance":"b","utilization":{"v":[1,"}"]}}`, "sample_wrong_type", "body[1].utilization", "not a number"},
		{"from the future", `{"service":"checkout","instance":"b","utilization":1,"load":1,"time":"2026-11-23T09:00:00Z"}`, "sample_from_future", "body[1].time", "ahead of the server's clock"},
		{"too old", `{"service":"checkout","instance":"b","utilization":1,"time":"2026-11-01T09:00:00Z"}`, "sample_too_old", "body[1].time", "more than 7 days ago"},
		{"a bad time", `{"service":"checkout","instance":"b","utilization":1,"time":"noon"}`, "sample_bad_time", "body[1].time", "noon is not a time with zone"},
		{"a time without zone", `{"service":"checkout","instance":"b","utilization":1,"time":"2026-11-23T07:40:00"}`, "sample_bad_time", "body[1].time", "not a time with zone"},
		{"a time as number", `{"service":"checkout","instance":"b","utilization":1,"time":1795419612}`, "sample_bad_time", "body[1].time", "not a time with zone"},
		{"an unknown service", `{"service":"chekout","instance":"b","utilization":1}`, "service_unknown", "body[1].service", `there is no service "chekout"`},
		{"an unknown key", `{"service":"checkout","instance":"b","utilisation":1}`, "unknown_key", "body[1].utilisation", `unknown key "utilisation"`},
		{"a key in capitals", `{"service":"checkout","instance":"b","CPU":1}`, "unknown_key", "body[1].CPU", `unknown key "CPU"`},
		{"a key twice", `{"service":"checkout","instance":"b","cpu":1,"cpu":2}`, "duplicate_key", "body[1].cpu", "twice"},
		{"no subject", `{"utilization":1}`, "sample_without_subject", "body[1]", "names no service and no node"},
		{"an instance of nothing", `{"instance":"b","utilization":1}`, "sample_without_subject", "body[1].service", "without its service"},
		{"a node and a service", `{"service":"checkout","node":"n","cpu":1}`, "sample_wrong_subject", "body[1].node", "a node and a service"},
		{"utilization of a service", `{"service":"checkout","utilization":1}`, "sample_wrong_subject", "body[1].utilization", "not a metric of a service as a whole"},
		{"utilization of a node", `{"node":"n","utilization":1}`, "sample_wrong_subject", "body[1].utilization", "not a metric of a node"},
		{"no value", `{"service":"checkout","instance":"b"}`, "sample_without_value", "body[1]", "the row has no value"},
		{"a name too long", `{"service":"checkout","instance":"` + strings.Repeat("b", 201) + `","cpu":1}`, "sample_out_of_range", "body[1].instance", "longer than 200"},
		{"a name that cannot be shown", `{"service":"checkout","instance":"b\u0000","cpu":1}`, "sample_wrong_type", "body[1].instance", "cannot be shown"},
		{"not an object", `17`, "row_syntax", "body[1]", "a row is an object"},
		{"half a row", `{"service":"checkout",}`, "row_syntax", "body[1]", "a key in quotes"},
		{"two rows without a comma", `{"service":"checkout","load":1} {"service":"checkout","load":1}`, "row_syntax", "body[1]", "more after the object"},
		{"a huge row", `{"service":"` + strings.Repeat("x", maxRow) + `"}`, "row_too_long", "body[1]", "longer than"},
	} {
		for _, form := range []struct{ kind, begin, sep, end string }{{"application/json", "[", ",\n", "]"}, {"application/x-ndjson", "", "\n", "\n"}} {
			t.Run(c.name+" as "+form.kind, func(t *testing.T) {
				f := setup(t)
				f.service("checkout")
				good := func(i int) string {
					return fmt.Sprintf(`{"service":"checkout","instance":"good-%d","utilization":1}`, i)
				}
				body := form.begin + good(0) + form.sep + c.row + form.sep + good(2) + form.end
				var v PushView
				f.do("POST", "/v1/samples", body, "Content-Type", form.kind).is(200).read(&v)
				if v.Stored != 2 || v.Refused != 1 || len(f.stored()) != 2 {
					t.Fatalf("answer %+v, stored %v", v, f.stored())
				}
				if len(v.Errors) != 1 {
					t.Fatalf("errors %+v", v.Errors)
				}
				e := v.Errors[0]
				if e.Code != c.code || e.Location != c.location || !strings.Contains(e.Message, c.message) || e.Help == "" || e.Row == nil || *e.Row != 1 {
					t.Errorf("got %s, want %s at %s: …%s…", marshal(t, e), c.code, c.location, c.message)
				}
				p := f.do("POST", "/v1/samples", form.begin+c.row+form.end, "Content-Type", form.kind).problem(422, c.code)
				if len(p.Errors) != 1 {
					t.Errorf("alone: %+v", p.Errors)
				}
			})
		}
	}
}

func TestEveryRowCodeIsKnownToTheMetrics(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.do("POST", "/v1/samples", `[{"service":"checkout","instance":"b","utilization":200},{"x":1}]`).is(422)
	body := string(f.do("GET", "/metrics", "").is(200).body)
	for _, c := range rowCodes {
		if !strings.Contains(body, `forescale_samples_refused_total{code="`+c+`"}`) {
			t.Errorf("no counter for %s", c)
		}
	}
}

func TestArraysThatDoNotEndKeepTheirGoodRows(t *testing.T) {
	good := `{"service":"checkout","load":1}`
	for _, c := range []struct {
		name, body string
		stored     int
	}{
		{"cut in a row", `[` + good + `,{"serv`, 1},
		{"cut after a comma", `[` + good + `,`, 1},
		{"cut after a row", `[` + good, 0},
		{"a comma too many", `[` + good + `,]`, 1},
		{"more after the end", `[` + good + `] x`, 1},
		{"an open quote swallows the rest", `[` + good + `,{"service":"checkout,` + good + `]`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := setup(t)
			f.service("checkout")
			a := f.do("POST", "/v1/samples", c.body)
			var v PushView
			if c.stored == 0 {
				a.problem(422, "row_syntax")
				return
			}
			a.is(200).read(&v)
			if v.Stored != c.stored || v.Refused != 1 || v.Errors[0].Code != "row_syntax" {
				t.Errorf("answer %s", a.body)
			}
		})
	}
}

func pack(t testing.TB, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBodiesHaveALimitAlsoWhenPacked(t *testing.T) {
	f := setup(t, func(c *Config) { c.BodyLimit = 10_000 })
	f.service("checkout")
	row := `{"service":"checkout","instance":"a","utilization":1}`
	fits := strings.Repeat(row+"\n", 100)
	large := strings.Repeat(row+"\n", 1000)
	ndjson := []string{"Content-Type", "application/x-ndjson"}
	zipped := append(ndjson, "Content-Encoding", "gzip")
	f.do("POST", "/v1/samples", fits, ndjson...).is(200)
	f.do("POST", "/v1/samples", pack(t, []byte(fits)), zipped...).is(200)
	f.do("POST", "/v1/samples", large, ndjson...).problem(413, "body_too_large")
	if p := pack(t, []byte(large)); len(p) > 10_000 {
		t.Fatal("the packed body is too large for this test")
	} else {
		f.do("POST", "/v1/samples", p, zipped...).problem(413, "body_too_large")
	}
	// 100 MB of spaces in 100 kB: refused after 10 kB of them.
	bomb := pack(t, bytes.Repeat([]byte(" "), 9_000_000))
	f.do("POST", "/v1/samples", bomb, zipped...).problem(413, "body_too_large")
	f.do("POST", "/v1/samples", "not gzip", zipped...).problem(400, "body_not_gzip")
	whole := pack(t, []byte(fits))
	f.do("POST", "/v1/samples", whole[:len(whole)-6], zipped...).is(400)
	f.do("POST", "/v1/samples", fits, append(ndjson, "Content-Encoding", "br")...).problem(415, "content_encoding_unknown")
	f.do("POST", "/v1/samples", fits, "Content-Type", "text/csv").problem(415, "content_type_unknown")
	// A length that is not announced is cut as well.
	r := httptest.NewRequest("POST", "http://localhost/v1/samples", io.MultiReader(strings.NewReader(large)))
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.ContentLength = -1
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("without a length: %d %s", w.Code, w.Body)
	}
}

func TestAFullBufferPushesBack(t *testing.T) {
	f := setup(t, func(c *Config) { c.Ingest = failingIngest{fmt.Errorf("append: %w", forescale.ErrBusy)} })
	f.service("checkout")
	a := f.do("POST", "/v1/samples", `{"service":"checkout","load":1}`)
	if a.problem(429, "buffer_full"); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestAStoreThatFailsAcknowledgesNothing(t *testing.T) {
	f := setup(t, func(c *Config) { c.Ingest = failingIngest{errors.New("fsync: input/output error")} })
	f.service("checkout")
	a := f.do("POST", "/v1/samples", `{"service":"checkout","load":1}`)
	a.problem(503, "store_failed")
	if bytes.Contains(a.body, []byte("fsync")) || !strings.Contains(f.log.String(), "fsync") {
		t.Errorf("answer %s, log %s", a.body, f.log)
	}
}

// gate lets an ingest wait until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func (g gate) Append(ctx context.Context, _ []forescale.Sample) error {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestTheAnswerWaitsForTheIngestAndBodiesAreBounded(t *testing.T) {
	g := gate{entered: make(chan struct{}, maxPushes), open: make(chan struct{})}
	f := setup(t, func(c *Config) { c.Ingest = g })
	f.service("checkout")
	var wg sync.WaitGroup
	answered := make(chan int, maxPushes)
	for range maxPushes {
		wg.Go(func() { answered <- f.do("POST", "/v1/samples", `{"service":"checkout","load":1}`).status })
		<-g.entered
	}
	select {
	case s := <-answered:
		t.Errorf("answered %d before the samples were durable", s)
	default:
	}
	f.do("POST", "/v1/samples", `{"service":"checkout","load":1}`).problem(429, "buffer_full")
	close(g.open)
	wg.Wait()
	for range maxPushes {
		if s := <-answered; s != 200 {
			t.Errorf("status %d", s)
		}
	}
}

func TestALongBodyIsHandedOnInPieces(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	var b strings.Builder
	n := 3*chunk + 17
	for i := range n {
		fmt.Fprintf(&b, `{"service":"checkout","instance":"i-%d","utilization":%d}`+"\n", i, i%101)
	}
	var v PushView
	f.do("POST", "/v1/samples", b.String(), "Content-Type", "application/x-ndjson").is(200).read(&v)
	if v.Stored != n-n/101 && v.Stored != n {
		t.Errorf("stored %d of %d", v.Stored, n)
	}
	if got := len(f.stored()); got != n {
		t.Errorf("%d samples are in the store, want %d", got, n)
	}
}

func TestTheListOfErrorsIsBoundedTheCountIsNot(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	body := strings.Repeat(`{"service":"nobody","load":1}`+"\n", 500) + `{"service":"checkout","load":1}`
	var v PushView
	f.do("POST", "/v1/samples", body, "Content-Type", "application/x-ndjson").is(200).read(&v)
	if v.Refused != 500 || len(v.Errors) != maxErrors || v.Stored != 1 {
		t.Errorf("refused %d, listed %d, stored %d", v.Refused, len(v.Errors), v.Stored)
	}
}

func TestAServiceThatIsNewCanBePushedToAtOnce(t *testing.T) {
	f := setup(t)
	row := `{"service":"checkout","load":1}`
	f.do("POST", "/v1/samples", row).problem(422, "service_unknown")
	f.do("PUT", "/v1/services/checkout", `{}`).is(201)
	f.do("POST", "/v1/samples", row).is(200)
	f.do("DELETE", "/v1/services/checkout", "").is(204)
	f.do("POST", "/v1/samples", row).problem(422, "service_unknown")
}

// A row that parse takes is JSON, and says what encoding/json says; whatever it
// refuses has a code that the metrics know and a help.
func FuzzRow(f *testing.F) {
	for _, s := range []string{`{"service":"checkout","instance":"a","utilization":63.2}`, `{"a":[1,{"b":"\""}],"load":-0.0e+1}`, `{}`, `{"cpu":NaN}`, `{"time":"2026-11-23T07:40:00Z","disk":1}`, `{"service":"\ud800"}`, `{"cpu":01}`, "{\"cpu\":1}\x00"} {
		f.Add([]byte(s))
	}
	known := map[string]bool{}
	for _, c := range rowCodes {
		known[c] = true
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r row
		faults := r.parse(raw)
		for _, x := range faults {
			if !known[x.code] || x.message == "" {
				t.Fatalf("%q: fault %+v", raw, x)
			}
		}
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(raw))
		err := d.Decode(&m)
		whole := err == nil && m != nil && len(bytes.TrimSpace(raw[d.InputOffset():])) == 0
		if len(faults) == 0 && !whole {
			t.Fatalf("%q is taken, encoding/json says %v", raw, err)
		}
		if len(faults) > 0 || !whole {
			return
		}
		for i, metric := range rowMetrics {
			v, ok := m[string(metric)].(float64)
			if ok != r.has[i] || ok && v != r.value[i] && !(math.IsNaN(v)) {
				t.Fatalf("%q: %s is %v %t, encoding/json says %v", raw, metric, r.value[i], r.has[i], m[string(metric)])
			}
		}
		if s, _ := m["service"].(string); s != r.service {
			t.Fatalf("%q: service %q, encoding/json says %q", raw, r.service, s)
		}
	})
}

// Whatever the body: rows come to an end, are numbered in order, and of a JSON
// array there are as many as encoding/json finds.
func FuzzRows(f *testing.F) {
	f.Add([]byte(`[{"a":1},{"b":"],["}]`), false)
	f.Add([]byte("{\"a\":1}\n\n{\"b\":2}"), true)
	f.Add([]byte(`[1,,2`), false)
	f.Add([]byte(`{"a":1} {"b":2}`), false)
	f.Fuzz(func(t *testing.T, body []byte, ndjson bool) {
		rows := newRowReader(bytes.NewReader(body), ndjson)
		good, last := 0, -1
		for calls := 0; ; calls++ {
			if calls > len(body)+2 {
				t.Fatalf("%q does not end", body)
			}
			raw, n, err := rows.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if n < last {
				t.Fatalf("row %d after row %d", n, last)
			}
			last = n
			var bad *rowFault
			if err != nil && !errors.As(err, &bad) {
				t.Fatal(err)
			}
			if err == nil {
				good++
				if len(raw) == 0 || len(raw) > maxRow {
					t.Fatalf("a row of %d bytes", len(raw))
				}
			}
		}
		var all []json.RawMessage
		if !ndjson && len(body) < maxRow && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) && json.Unmarshal(body, &all) == nil && good != len(all) {
			t.Fatalf("%q: %d rows, encoding/json finds %d", body, good, len(all))
		}
	})
}

func BenchmarkPush(b *testing.B) {
	var body strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&body, `{"service":"checkout","instance":"checkout-%d","time":"2026-11-23T07:39:%02dZ","utilization":63.2,"load":120.5}`+"\n", i%50, i%60)
	}
	text := body.String()
	a := New(Config{Store: oneService{}, Ingest: failingIngest{nil}, Clock: &handClock{now: time.Date(2026, 11, 23, 7, 40, 12, 0, time.UTC)}})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "http://localhost/v1/samples", strings.NewReader(text))
		r.Header.Set("Content-Type", "application/x-ndjson")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
}

// oneService is a store that knows checkout and nothing else.
type oneService struct{ Store }

func (oneService) ListServices(context.Context) ([]forescale.Service, error) {
	return []forescale.Service{{Name: "checkout"}}, nil
}
