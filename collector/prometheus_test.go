package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// fakePrometheus answers range queries with the seconds since 1970 as values of
// two services, until it is told otherwise.
type fakePrometheus struct {
	t     *testing.T
	mu    sync.Mutex                                                   // a request that was given up may still be answered
	odd   func(w http.ResponseWriter, r *http.Request, steps int) bool // answers instead, or nil
	asked []*http.Request
	o     PrometheusOptions
	waits []time.Duration
}

func newFakePrometheus(t *testing.T) *fakePrometheus {
	f := &fakePrometheus{t: t}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/below")
	if err != nil {
		t.Fatal(err)
	}
	f.o = PrometheusOptions{URL: u, Query: "load", Label: "service", Step: time.Minute, Client: s.Client(),
		From: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		Pause: func(ctx context.Context, d time.Duration) error { f.waits = append(f.waits, d); return ctx.Err() }}
	return f
}

// matrix is an answer with the given elements of the result.
func matrix(elements ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(elements, ",") + `]},"warnings":["slow"],"infos":["odd"]}`
}

func (f *fakePrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	f.asked = append(f.asked, r)
	f.mu.Unlock()
	number := func(name string) float64 {
		v, err := strconv.ParseFloat(r.Form.Get(name), 64)
		if err != nil {
			f.t.Error(err)
		}
		return v
	}
	start, end, step := number("start"), number("end"), number("step")
	steps := int((end-start)/step) + 1
	if f.odd != nil && f.odd(w, r, steps) {
		return
	}
	if r.URL.Path != "/below/api/v1/query_range" || steps > 11_000 || r.Form.Get("query") != f.o.Query {
		f.t.Errorf("asked for %s, %d steps of %q", r.URL.Path, steps, r.Form.Get("query"))
	}
	var values []string
	for i := range steps {
		at := start + float64(i)*step
		values = append(values, fmt.Sprintf(`[%g, "%.3f"]`, at, at))
	}
	all := strings.Join(values, ",")
	fmt.Fprint(w, matrix(`{"metric":{"service":"a"},"values":[`+all+`]}`, `{"metric":{"service":"b"},"values":[`+all+`]}`))
}

// rows reads all, or until an error, and up to when all was asked for.
func (f *fakePrometheus) rows() (rows []HistoryRow, until time.Time, err error) {
	for row, err := range NewPrometheus(f.o).Rows(f.t.Context(), func(t time.Time) { until = t }) {
		if err != nil {
			return rows, until, err
		}
		rows = append(rows, row)
	}
	return rows, until, nil
}

// wantEvery checks that each step of each service is there once, in order.
func (f *fakePrometheus) wantEvery(rows []HistoryRow) {
	f.t.Helper()
	next := map[string]time.Time{"a": f.o.From, "b": f.o.From}
	for _, r := range rows {
		if !r.Time.Equal(next[r.Series]) || r.Value != float64(r.Time.Unix()) || r.Gap {
			f.t.Fatalf("row %+v, want %v", r, next[r.Series])
		}
		next[r.Series] = r.Time.Add(f.o.Step)
	}
	for name, t := range next {
		if want := f.o.To.Add(f.o.Step); !t.Equal(want) {
			f.t.Errorf("%s ends before %v, want %v", name, t, want)
		}
	}
}

func TestALongRangeIsAskedForInPages(t *testing.T) {
	f := newFakePrometheus(t)
	f.o.To = f.o.From.Add(12_345 * time.Minute)
	var said []string
	f.o.Warn = func(text string) { said = append(said, text) }
	f.o.Authorize = func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }
	rows, until, err := f.rows()
	if err != nil || !until.Equal(f.o.To) {
		t.Fatalf("until %v: %v", until, err)
	}
	f.wantEvery(rows)
	if len(f.asked) != 3 || f.asked[0].Method != http.MethodGet || f.asked[0].Header.Get("Authorization") != "Bearer x" {
		t.Errorf("%d requests, %s, %v", len(f.asked), f.asked[0].Method, f.asked[0].Header)
	}
	if got := strings.Join(said, ", "); got != "slow, odd" {
		t.Errorf("it was told %q, want each warning once", got)
	}
}

func TestALongQueryIsPosted(t *testing.T) {
	f := newFakePrometheus(t)
	f.o.Query = "load + " + strings.Repeat("0 + ", 1000) + "0"
	rows, _, err := f.rows()
	if err != nil || f.asked[0].Method != http.MethodPost || f.asked[0].URL.RawQuery != "" {
		t.Fatalf("%s, %v", f.asked[0].Method, err)
	}
	f.wantEvery(rows)
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway} {
		f := newFakePrometheus(t)
		f.odd = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			switch len(f.asked) {
			case 1:
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(status)
			case 2:
				w.WriteHeader(status)
			case 3: // cut off
				fmt.Fprint(w, matrix(`{"metric":{"service":"a"},"values":[[1`)[:80])
			default:
				return false
			}
			return true
		}
		rows, _, err := f.rows()
		if err != nil {
			t.Fatal(err)
		}
		f.wantEvery(rows)
		if len(f.waits) != 3 || f.waits[0] != 7*time.Second || f.waits[1] < 2*time.Second || f.waits[1] > 3*time.Second || f.waits[2] < 4*time.Second {
			t.Errorf("%d: it waited %v", status, f.waits)
		}
	}

	f := newFakePrometheus(t)
	f.odd = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Retry-After", "100000")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "starting up")
		return true
	}
	_, _, err := f.rows()
	wantFault(t, err, "prometheus_unreachable", "after 5 attempts", "starting up")
	if len(f.asked) != 5 || len(f.waits) != 4 || f.waits[0] != time.Minute {
		t.Errorf("asked %d times, waits %v", len(f.asked), f.waits)
	}
}

func TestAPageThatIsTooMuchIsHalved(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"too many samples": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`)
		},
		"a time-out of the server": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`)
		},
		"a time-out of what stands before it": func(w http.ResponseWriter) { w.WriteHeader(http.StatusGatewayTimeout) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakePrometheus(t)
			f.o.To = f.o.From.Add(999 * time.Minute)
			f.odd = func(w http.ResponseWriter, _ *http.Request, steps int) bool {
				if steps <= 300 {
					return false
				}
				refuse(w)
				return true
			}
			rows, _, err := f.rows()
			if err != nil || len(f.waits) != 0 {
				t.Fatalf("%v, waits %v", err, f.waits)
			}
			f.wantEvery(rows)
			if len(f.asked) != 6 { // 1000, 500, and 4 of 250
				t.Errorf("%d requests", len(f.asked))
			}

			f.asked, f.odd = nil, func(w http.ResponseWriter, _ *http.Request, _ int) bool { refuse(w); return true }
			_, _, err = f.rows()
			wantFault(t, err, "prometheus_refused", "even a short range")
			if len(f.asked) > 10 {
				t.Errorf("%d requests", len(f.asked))
			}
		})
	}
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	f := newFakePrometheus(t)
	f.o.Client.Timeout = 20 * time.Millisecond
	f.o.To = f.o.From.Add(30 * time.Minute)
	f.odd = func(_ http.ResponseWriter, r *http.Request, _ int) bool { <-r.Context().Done(); return true }
	_, _, err := f.rows()
	wantFault(t, err, "prometheus_refused", "even a short range", "no answer in time")
}

func TestAnAddressWithoutAServerIsToldAtOnce(t *testing.T) {
	f := newFakePrometheus(t)
	f.o.URL.Host = "127.0.0.1:1"
	_, _, err := f.rows()
	wantFault(t, err, "prometheus_unreachable", "no Prometheus answers", "--prometheus")
	if len(f.waits) != 0 {
		t.Errorf("it waited %v", f.waits)
	}

	// One that answered before may come back.
	f = newFakePrometheus(t)
	f.o.Client.Transport.(*http.Transport).DisableKeepAlives = true // else net/http itself asks again
	f.o.To = f.o.From.Add((pageSteps + 10) * time.Minute)
	f.odd = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		if len(f.asked) == 2 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	rows, _, err := f.rows()
	if err != nil || len(f.waits) != 1 {
		t.Fatalf("%v, waits %v", err, f.waits)
	}
	f.wantEvery(rows)
}

func TestAnswersThatAreNoHistory(t *testing.T) {
	answer := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); fmt.Fprint(w, body) }
	}
	var many []string
	for i := range maxPromSeries + 1 {
		many = append(many, fmt.Sprintf(`{"metric":{"service":"s%d"},"values":[]}`, i))
	}
	a := `{"metric":{"service":"a","pod":"x"},"values":[[1,"2"]]}`
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
		words  []string
		o      func(o *PrometheusOptions)
	}{
		{"a query that is wrong", answer(400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"}`), []string{"prometheus_refused", "unclosed left parenthesis", "--query"}, nil},
		{"a query that cannot be run", answer(422, `{"status":"error","errorType":"execution","error":"found duplicate series for the match group"}`), []string{"prometheus_refused", "duplicate series"}, nil},
		{"an error in an answer that is good", answer(200, `{"status":"error","error":"broken"}`), []string{"prometheus_refused", "broken"}, nil},
		{"nobody known", answer(401, "who?"), []string{"prometheus_denied", "401", "FORESCALE_PROMETHEUS_TOKEN"}, nil},
		{"nobody who may", answer(403, "no"), []string{"prometheus_denied", "403"}, nil},
		{"no API", answer(404, "404 page not found"), []string{"no Prometheus API", "/graph"}, nil},
		{"a broken server", answer(500, "panic\x1b[31m"), []string{"500", "panic"}, nil},
		{"another address", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://me:secret@other.example/login?next=x")
			w.WriteHeader(302)
		}, []string{"sends us to https://other.example/login"}, nil},
		{"a page for people", answer(200, "<html>Welcome</html>"), []string{"not Prometheus", "invalid character"}, nil},
		{"JSON of something else", answer(200, `["a"]`), []string{"not Prometheus"}, nil},
		{"JSON of something else inside", answer(200, `{"status":"success","data":{"result":{"a":1}}}`), []string{"not Prometheus"}, nil},
		{"values that are none", answer(200, matrix(`{"metric":{"service":"a"},"values":[[1,"much"]]}`)), []string{"not Prometheus"}, nil},
		{"a vector", answer(200, `{"status":"success","data":{"resultType":"vector","result":[]}}`), []string{"a vector instead of a matrix"}, nil},
		{"a scalar, which has no labels", answer(200, matrix(`{"metric":{},"values":[[1,"2"]]}`)), []string{`no label "service": {}`, "--service"}, nil},
		{"other labels", answer(200, matrix(`{"metric":{"job":"j","pod":"p\n"},"values":[[1,"2"]]}`)), []string{`no label "service": {job="j", pod="p\n"}`, "it has job, pod"}, nil},
		{"two series of a service", answer(200, matrix(a, `{"metric":{"service":"a","pod":"y"},"values":[]}`)), []string{`several series are of "a"`, `pod="x"`, `pod="y"`, "sum by (service)"}, nil},
		{"two series for the one service", answer(200, matrix(a, `{"metric":{"service":"b"},"values":[]}`)), []string{`several series are of "web"`, "sum(…)"}, func(o *PrometheusOptions) { o.Service = "web" }},
		{"no instance", answer(200, matrix(a)), []string{`no label "node"`, "--instance-label", "it has pod, service"}, func(o *PrometheusOptions) { o.Instance = "node" }},
		{"histograms", answer(200, matrix(`{"metric":{"service":"a"},"histograms":[[1,{"count":"1"}]]}`)), []string{"histograms"}, nil},
		{"too many series", answer(200, matrix(many...)), []string{"more than 10000 series", "sum by"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakePrometheus(t)
			f.o.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if c.o != nil {
				c.o(&f.o)
			}
			f.odd = func(w http.ResponseWriter, _ *http.Request, _ int) bool { c.answer(w); return true }
			rows, _, err := f.rows()
			code := c.words[0]
			if !strings.HasPrefix(code, "prometheus_") {
				code = "prometheus_refused"
			} else {
				c.words = c.words[1:]
			}
			wantFault(t, err, code, c.words...)
			if len(rows) != 0 || strings.Contains(err.Error(), "secret") {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}

func wantFault(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code != code || f.Help == "" || f.Where == "" {
		t.Fatalf("got %#v", err)
	}
	for _, w := range words {
		if !strings.Contains(f.Error(), w) {
			t.Errorf("%q is missing in %s", w, f.Error())
		}
	}
}

func TestWhatIsNoNumberIsAGap(t *testing.T) {
	f := newFakePrometheus(t)
	f.odd = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		fmt.Fprint(w, matrix(`{"metric":{"pod":"x","service":"a"},"values":[[1767225600,"1.5"],[1767225660.25,"NaN"],[1767225720,"+Inf"],[1767225780,"-Inf"],[1767225900,"1e3"]]}`))
		return true
	}
	f.o.Instance = "pod"
	rows, _, err := f.rows()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s %s %g %v", r.Time.Format("15:04:05.99"), r.Series, r.Value, r.Gap))
	}
	if want := "00:00:00 a/x 1.5 false, 00:01:00.25 a/x 0 true, 00:02:00 a/x 0 true, 00:03:00 a/x 0 true, 00:05:00 a/x 1000 false"; strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}

func TestAnImportOfPrometheusEndsWhenTold(t *testing.T) {
	f := newFakePrometheus(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.odd = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	for _, err := range NewPrometheus(f.o).Rows(ctx, func(time.Time) {}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// Whatever answers, what is read of it are numbers of named series, or an error.
func FuzzMatrix(f *testing.F) {
	f.Add(matrix(`{"metric":{"service":"a"},"values":[[1,"2"],[2,"NaN"]]}`))
	f.Add(`{"status":"error","errorType":"x","error":"y","data":null}`)
	f.Add(matrix(`{"values":[[1e300,"2"]]}`, `{"metric":null}`))
	f.Add(`{"data":{"result":[{"values":[["`)
	f.Fuzz(func(t *testing.T, text string) {
		m := matrixReader{dec: json.NewDecoder(strings.NewReader(text))}
		series, err := m.read(PrometheusOptions{Label: "service"})
		if err != nil {
			return
		}
		for _, s := range series {
			if s.name == "" {
				t.Fatal("a series without a name")
			}
			for _, p := range s.points {
				if p.value != p.value || p.value-p.value != 0 || p.gap && p.value != 0 {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}
