package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// accessAt is a line of the Common format; more follows it.
func accessAt(t time.Time, more string) string {
	return "192.0.2.7 - anna [" + t.Format("02/Jan/2006:15:04:05 -0700") + `] "GET /a?q=\"b\" HTTP/1.1" 200 512` + more + "\n"
}

const agent = ` "-" "curl/8.0 \"x\" [y]"`

func TestLinesOfAccessLogs(t *testing.T) {
	const stamp = "[02/Mar/2026:08:00:00 +0000]"
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, line   string
		at           time.Time
		host, target string
		status       int
	}{
		{"common", `192.0.2.7 - - ` + stamp + ` "GET / HTTP/1.0" 200 2326`, at, "", "/", 200},
		{"combined", `192.0.2.7 - anna ` + stamp + ` "POST /cart?a=b HTTP/2.0" 201 - "https://shop.example/" "Mozilla/5.0 (X11; [x])"`, at, "", "/cart?a=b", 201},
		{"fields of one's own at the end", `192.0.2.7 - - ` + stamp + ` "GET / HTTP/1.1" 200 5 "-" "x" 0.004 "10.0.0.1:80" rt=0.1`, at, "", "/", 200},
		{"an address of the new family", `2001:db8::7 - - ` + stamp + ` "GET / HTTP/1.1" 200 5`, at, "", "/", 200},
		{"a virtual host with its port", `shop.example:443 192.0.2.7 - - ` + stamp + ` "GET / HTTP/1.1" 200 5 "-" "x"`, at, "shop.example", "/", 200},
		{"a virtual host and clients by name", `shop.example client - - ` + stamp + ` "GET / HTTP/1.1" 200 5`, at, "shop.example", "/", 200},
		{"a virtual host that is an address in brackets", `[2001:db8::1]:443 2001:db8::7 - - ` + stamp + ` "GET / HTTP/1.1" 200 5`, at, "2001:db8::1", "/", 200},
		{"a user with blanks is no virtual host", `192.0.2.7 - anna maria b. ` + stamp + ` "GET / HTTP/1.1" 200 5`, at, "", "/", 200},
		{"an offset before UTC", `192.0.2.7 - - [02/Mar/2026:02:30:00 -0530] "GET / HTTP/1.1" 200 5`, at, "", "/", 200},
		{"an offset after UTC, over midnight", `192.0.2.7 - - [01/Mar/2026:00:30:00 +1300] "GET / HTTP/1.1" 200 5`, time.Date(2026, 2, 28, 11, 30, 0, 0, time.UTC), "", "/", 200},
		{"a leap day", `192.0.2.7 - - [29/Feb/2028:08:00:00 +0000] "GET / HTTP/1.1" 200 5`, time.Date(2028, 2, 29, 8, 0, 0, 0, time.UTC), "", "/", 200},
		{"quotes escaped by Apache", `192.0.2.7 - - ` + stamp + ` "GET /a\"b\\ HTTP/1.1" 404 5`, at, "", `/a\"b\\`, 404},
		{"quotes and bytes escaped by nginx", `192.0.2.7 - - ` + stamp + ` "\x16\x03\x01\x22" 400 150 "-" "-"`, at, "", "", 400},
		{"quotes that nobody escaped", `192.0.2.7 - - ` + stamp + ` "GET /a" 12 "b HTTP/1.1" 200 5`, at, "", `/a" 12 "b`, 200},
		{"no request, as after a time-out", `192.0.2.7 - - ` + stamp + ` "-" 408 -`, at, "", "", 408},
		{"no status", `192.0.2.7 - - ` + stamp + ` "GET / HTTP/1.1" - -`, at, "", "/", 0},
		{"nginx's 000 and 499", `192.0.2.7 - - ` + stamp + ` "" 000 0`, at, "", "", 0},
		{"a proxy's whole address", `192.0.2.7 - - ` + stamp + ` "GET http://shop.example/a/b HTTP/1.1" 200 5`, at, "", "/a/b", 200},
		{"a whole address without a path", `192.0.2.7 - - ` + stamp + ` "GET http://shop.example HTTP/1.1" 200 5`, at, "", "/", 200},
		{"blanks in the target", `192.0.2.7 - - ` + stamp + ` "GET /a b HTTP/1.1" 200 5`, at, "", "/a b", 200},
		{"an old request without a version", `192.0.2.7 - - ` + stamp + ` "GET /old" 200 5`, at, "", "/old", 200},
		{"the status is the end", `192.0.2.7 - - ` + stamp + ` "GET / HTTP/1.1" 304`, at, "", "/", 304},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, missing := readAccessLine([]byte(c.line))
			if missing != "" {
				t.Fatalf("it lacks %s", missing)
			}
			if got.at != c.at.Unix() || string(got.host) != c.host || string(got.target) != c.target || got.status != c.status {
				t.Errorf("got %s %q %q %d", time.Unix(got.at, 0).UTC(), got.host, got.target, got.status)
			}
		})
	}
}

func TestLinesThatAreNoneOfAnAccessLog(t *testing.T) {
	for line, want := range map[string]string{
		``:  wantStamp,
		`a`: wantStamp,
		`{"time":"2026-03-02T08:00:00Z","status":200}`:                              wantStamp,
		`2026/03/02 08:00:00 [error] 7#7: *1 open() failed`:                         wantStamp,
		`192.0.2.7 - - [02/Mrz/2026:08:00:00 +0100] "GET / HTTP/1.1" 200 5`:         wantStamp,
		`192.0.2.7 - - [31/Feb/2026:08:00:00 +0100] "GET / HTTP/1.1" 200 5`:         wantStamp,
		`192.0.2.7 - - [00/Feb/2026:08:00:00 +0100] "GET / HTTP/1.1" 200 5`:         wantStamp,
		`192.0.2.7 - - [02/Feb/2026:24:00:00 +0100] "GET / HTTP/1.1" 200 5`:         wantStamp,
		`192.0.2.7 - - [02/Feb/1969:08:00:00 +0100] "GET / HTTP/1.1" 200 5`:         wantStamp,
		`192.0.2.7 - - [01/Jan/1970:00:00:00 +0100] "GET / HTTP/1.1" 200 5`:         wantStamp,
		`192.0.2.7 - - [02/Mar/2026:08:00:00] "GET / HTTP/1.1" 200 5`:               wantStamp,
		`192.0.2.7 [02/Mar/2026:08:00:00 +0100] "GET / HTTP/1.1" 200 5`:             wantClient,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100]`:                                wantRequest,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] GET / 200 5`:                    wantRequest,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] "GET / HTTP/1.1 200 5`:          wantRequest,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] "GET /\" 200 5`:                 wantRequest,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] "GET / HTTP/1.1" 20`:            wantStatus,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] "GET / HTTP/1.1" 2x0 5`:         wantStatus,
		`192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] "GET / HTTP/1.1" 0.004 200 512`: wantStatus,
	} {
		if _, missing := readAccessLine([]byte(line)); missing != want {
			t.Errorf("%s\nlacks %q, want %q", line, missing, want)
		}
	}
}

// counted reads logs and gives the rows as text, or the error.
func counted(t *testing.T, o AccessLogOptions, logs ...io.Reader) (*AccessLog, string) {
	t.Helper()
	l := NewAccessLog(o)
	for i, r := range logs {
		if err := l.Read(t.Context(), fmt.Sprintf("f.csv.%d", i), r); err != nil {
			mustBeFault(t, err)
			return l, err.Error()
		}
	}
	if err := l.Check("f.csv"); err != nil {
		mustBeFault(t, err)
		return l, err.Error()
	}
	var out []string
	for row, err := range l.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s %.3g", row.Time.Format("15:04"), row.Series, row.Value))
	}
	return l, strings.Join(out, ", ")
}

func TestAnAccessLogBecomesRequestsASecond(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 30, 0, time.UTC)
	berlin := time.FixedZone("", 3600)
	minute := func(m, s int) time.Time { return at.Add(time.Duration(m)*time.Minute + time.Duration(s)*time.Second) }
	log := func(ts ...time.Time) (s string) {
		for _, x := range ts {
			s += accessAt(x, agent)
		}
		return s
	}
	shop, blog := func(t time.Time) string { return "Shop.example:443 " + accessAt(t, "") }, func(t time.Time) string { return "blog.example:80 " + accessAt(t, "") }
	web := AccessLogOptions{Service: "web"}
	for _, c := range []struct {
		name string
		log  string
		o    AccessLogOptions
		want string
	}{
		{"the first and the last interval are cut, and left out", log(at, minute(1, 0), minute(1, 3), minute(2, 0)), web, "08:01 web 0.0333"},
		{"the log's own zone holds", log(at, minute(1, 0).In(berlin), minute(2, 0)), web, "08:01 web 0.0167"},
		{"lines in any order count where they belong", log(minute(4, 0), minute(3, 0), at, minute(2, 0), minute(1, 1), minute(1, 0)), web, "08:01 web 0.0333, 08:02 web 0.0167, 08:03 web 0.0167"},
		{"an interval without requests is a zero", log(at, minute(1, 0), minute(3, 0), minute(4, 0)), web, "08:01 web 0.0167, 08:02 web 0, 08:03 web 0.0167"},
		{"another step", log(at, minute(5, 0), minute(6, 0), minute(11, 0)), AccessLogOptions{Service: "web", Step: 5 * time.Minute}, "08:05 web 0.00667"},
		{"a part of the requests", log(at, minute(1, 0), minute(2, 0)), AccessLogOptions{Service: "web", Percent: 600}, "08:01 web 0.1"},
		{"other requests tell that nobody asked", log(at) + strings.ReplaceAll(log(minute(1, 0), minute(2, 0)), "/a", "/b") + log(minute(3, 0)), AccessLogOptions{Service: "web", Paths: []string{"/x", "/a"}}, "08:01 web 0, 08:02 web 0"},
		{"one status", log(at, minute(1, 0)) + strings.ReplaceAll(log(minute(1, 0), minute(2, 0)), "200", "503"), AccessLogOptions{Service: "web", Statuses: statuses(t, "2xx", "404")}, "08:01 web 0.0167"},
		{"a line that is being written", log(at, minute(1, 0), minute(2, 0)) + `192.0.2.7 - - [02/Mar/20`, web, "08:01 web 0.0167"},
		{"a virtual host begins with its first request", shop(at) + shop(minute(1, 0)) + blog(minute(2, 0)) + shop(minute(3, 0)) + shop(minute(4, 0)) + "other.example " + accessAt(minute(5, 0), ""),
			AccessLogOptions{Hosts: map[string]string{"shop.example": "shop", "blog.example": "blog"}}, "08:02 blog 0.0167, 08:03 blog 0, 08:04 blog 0, 08:01 shop 0.0167, 08:02 shop 0, 08:03 shop 0.0167, 08:04 shop 0.0167"},
		{"hosts that make one service", shop(at) + shop(minute(1, 0)) + blog(minute(1, 0)) + shop(minute(2, 0)), AccessLogOptions{Hosts: map[string]string{"shop.example": "all", "blog.example": "all"}}, "08:01 all 0.0333"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := counted(t, c.o, strings.NewReader(c.log)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			// Packed, and in two packed parts one after the other, it is the same.
			head, tail := c.log[:len(c.log)/2], c.log[len(c.log)/2:]
			if _, got := counted(t, c.o, io.MultiReader(bytes.NewReader(gzipped(t, head)), bytes.NewReader(gzipped(t, tail)))); got != c.want {
				t.Errorf("packed: %s\nwant %s", got, c.want)
			}
		})
	}
}

func statuses(t *testing.T, texts ...string) Statuses {
	t.Helper()
	s, bad := ParseStatuses(texts)
	if bad != "" {
		t.Fatal(bad)
	}
	return s
}

func TestStatuses(t *testing.T) {
	if _, bad := ParseStatuses([]string{"2xx", "0xx"}); bad != "0xx" {
		t.Errorf("bad is %q", bad)
	}
	if _, bad := ParseStatuses([]string{"99"}); bad != "99" {
		t.Errorf("bad is %q", bad)
	}
	s := statuses(t, " 5XX", "404")
	for status, want := range map[int]bool{503: true, 404: true, 403: false, 200: false, 0: false} {
		if s.Holds(status) != want {
			t.Errorf("%d: %v", status, !want)
		}
	}
	if !(Statuses{}).Holds(0) {
		t.Error("none named, but not all hold")
	}
}

func TestRotatedFilesAreOneLog(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	busy := func(from, to time.Duration) io.Reader { // a request every 10 s
		var b strings.Builder
		for d := from; d < to; d += 10 * time.Second {
			b.WriteString(accessAt(day.Add(d), ""))
		}
		return strings.NewReader(b.String())
	}
	const h = time.Hour
	for _, c := range []struct {
		name     string
		files    []io.Reader
		rows     int
		value    float64
		silences int
	}{
		{"one after the other, in the wrong order", []io.Reader{busy(4*h, 6*h), busy(0, 2*h), busy(2*h, 4*h)}, 6*60 - 2, .1, 0},
		{"of one time, as two servers write them", []io.Reader{busy(0, 2*h), busy(0, 2*h)}, 2*60 - 2, .2, 0},
		{"with a file missing between them", []io.Reader{busy(0, 2*h), busy(6*h, 8*h)}, 4*60 - 4, .1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, got := counted(t, AccessLogOptions{Service: "web"}, c.files...)
			rows := strings.Split(got, ", ")
			if want := fmt.Sprintf(" web %.3g", c.value); len(rows) != c.rows || strings.Count(got, want+",")+1 != c.rows || !strings.HasSuffix(got, want) {
				t.Errorf("%d rows, want %d of %g: %s", len(rows), c.rows, c.value, got)
			}
			if n := len(l.Silences()); n != c.silences {
				t.Errorf("%d silences, want %d", n, c.silences)
			}
		})
	}

	// The same silence inside a file says that nobody asked, and then that files
	// with such a silence between them may follow one another.
	if _, got := counted(t, AccessLogOptions{Service: "web"}, io.MultiReader(busy(0, h), busy(5*h, 6*h))); strings.Count(got, " web 0,") != 4*60 {
		t.Errorf("inside a file: %d zeros", strings.Count(got, " web 0,"))
	}
	l, got := counted(t, AccessLogOptions{Service: "web"}, io.MultiReader(busy(0, h), busy(5*h, 6*h)), busy(9*h, 10*h))
	if n := strings.Count(got, " web 0,"); n != (4+3)*60 || len(l.Silences()) != 0 {
		t.Errorf("after one inside: %d zeros, %v", n, l.Silences())
	}
	// But nobody knows of a year.
	l, got = counted(t, AccessLogOptions{Service: "web"}, io.MultiReader(busy(0, h), busy(365*24*h, 365*24*h+h)))
	if n := strings.Count(got, ",") + 1; n != 2*60-4 || len(l.Silences()) != 1 {
		t.Errorf("over a year: %d rows, %v", n, l.Silences())
	}
}

func TestAccessLogsThatAreRefused(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 30, 0, time.UTC)
	var good strings.Builder
	for i := range 300 {
		good.WriteString(accessAt(at.Add(time.Duration(i)*time.Minute), ""))
	}
	hosts := map[string]string{"shop.example": "shop"}
	for _, c := range []struct {
		name  string
		log   string
		o     AccessLogOptions
		words []string
	}{
		{"nothing", "", AccessLogOptions{}, []string{"holds no line"}},
		{"blank lines", "\n\n", AccessLogOptions{}, []string{"holds no line"}},
		{"too many bad lines", good.String() + strings.Repeat("GET /\n", 4), AccessLogOptions{Faults: 2}, []string{"4 of 304 lines", "more than 1 %", "f.csv.0:301", "f.csv.0:302", wantStamp}},
		{"times ahead of the clock", good.String(), AccessLogOptions{Now: at.Add(time.Hour), Faults: 1}, []string{"237 of 300 lines", "f.csv.0:64", "ahead of this machine's clock"}},
		{"one line", accessAt(at, ""), AccessLogOptions{}, []string{"no whole interval of 1m", "2026-03-02T08:00:30Z"}},
		{"no path of these", good.String(), AccessLogOptions{Paths: []string{"/b"}}, []string{"these paths and statuses"}},
		{"no host", good.String(), AccessLogOptions{Hosts: hosts}, []string{"no line begins with a virtual host"}},
		{"other hosts", "www.example " + accessAt(at, ""), AccessLogOptions{Hosts: hosts}, []string{"hosts are www.example"}},
		{"packed otherwise", "\x28\xb5\x2f\xfd0000", AccessLogOptions{}, []string{"zstd -dc"}},
		{"packed and cut off", string(gzipped(t, good.String())[:100]), AccessLogOptions{}, []string{"damaged or cut off", "nothing was imported"}},
		{"more intervals than there is room", scattered(1000), AccessLogOptions{Step: time.Second}, []string{"million intervals", "--step"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := counted(t, c.o, strings.NewReader(c.log))
			for _, w := range c.words {
				if !strings.Contains(got, w) {
					t.Errorf("%q is missing in %s", w, got)
				}
			}
		})
	}

	l, got := counted(t, AccessLogOptions{Service: "web", Faults: 1}, strings.NewReader(good.String()+strings.Repeat("GET /\n", 3)))
	if l.Bad != 3 || len(l.Faults) != 1 || strings.Count(got, ",")+1 != 298 {
		t.Errorf("a few bad lines: %d, %v, %d rows", l.Bad, l.Faults, strings.Count(got, ",")+1)
	}
	if _, got := counted(t, AccessLogOptions{Service: "web", BadShare: .5}, strings.NewReader(good.String()+strings.Repeat("GET /\n", 250))); strings.Count(got, ",")+1 != 298 {
		t.Errorf("bad lines that are allowed: %s", got)
	}
}

// scattered are lines so far apart that each needs memory of its own, of 20 years
// for each of some hosts.
func scattered(days int) string {
	var b strings.Builder
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 17 * days {
		b.WriteString(accessAt(at.Add(time.Duration(i)*1024*time.Second), ""))
	}
	return b.String()
}

// endlessLog gives lines of one day again and again.
type endlessLog struct {
	day  []byte
	left int
	at   int
}

func (e *endlessLog) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, e.day[e.at:])
	e.at, e.left = (e.at+n)%len(e.day), e.left-n
	return n, nil
}

func TestALongAccessLogNeedsLittleMemory(t *testing.T) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var day strings.Builder
	for i := range 24 * 60 {
		day.WriteString(accessAt(at.Add(time.Duration(i)*time.Minute), strings.Repeat("x", 1000)))
	}
	day.WriteString(strings.Repeat("y", 3*maxLine) + "\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l := NewAccessLog(AccessLogOptions{Service: "web"})
	if err := l.Read(t.Context(), "f.csv", &endlessLog{day: []byte(day.String()), left: 100 << 20}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// All that was ever allocated, for 100 MiB of log.
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	if l.Lines < 80_000 || l.Bad == 0 || l.Check("f.csv") != nil {
		t.Errorf("%d lines, %d bad, %v", l.Lines, l.Bad, l.Check("f.csv"))
	}
}

func TestALongLineCountsByItsBegin(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 30, 0, time.UTC)
	long := ` "` + strings.Repeat("x", 3*maxLine) + `"`
	log := accessAt(at, "") + accessAt(at.Add(time.Minute), long) + accessAt(at.Add(2*time.Minute), long)
	if l, got := counted(t, AccessLogOptions{Service: "web"}, strings.NewReader(log)); got != "08:01 web 0.0167" || l.Lines != 3 {
		t.Errorf("%d lines: %s", l.Lines, got)
	}
}

func TestReadingAnAccessLogEndsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	line := accessAt(time.Date(2026, 3, 2, 8, 0, 30, 0, time.UTC), "")
	err := NewAccessLog(AccessLogOptions{}).Read(ctx, "f.csv", &endlessLog{day: []byte(line), left: 1 << 30})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestIsAccessLog(t *testing.T) {
	line := accessAt(time.Date(2026, 3, 2, 8, 0, 30, 0, time.UTC), "")
	var long strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&long, "%d", i*i*i)
		long.WriteString(line)
	}
	for name, c := range map[string]struct {
		head string
		want bool
	}{
		"a log":                     {line, true},
		"a log after a bad line":    {"x\n" + line, true},
		"a packed one":              {string(gzipped(t, line)), true},
		"the begin of a packed one": {string(gzipped(t, long.String())[:4096]), true},
		"a history":                 {historyHeader + "\n" + line, false},
		"a packed history":          {string(gzipped(t, historyHeader+"\n")), false},
		"nothing":                   {"", false},
		"words":                     {strings.Repeat("words\n", 100) + line, false},
		"a bad pack":                {"\x1f\x8b\x00", false},
	} {
		if got := IsAccessLog([]byte(c.head)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Whatever a log holds, each row stands for one interval of its span, in order,
// and no request is counted that was not read.
func FuzzAccessLog(f *testing.F) {
	at := time.Date(2026, 3, 2, 8, 0, 30, 0, time.UTC)
	f.Add([]byte(accessAt(at, "") + accessAt(at.Add(time.Minute), agent) + accessAt(at.Add(time.Hour), "")))
	f.Add([]byte("a.b:1 " + accessAt(at, "") + "[] \"\"\n"))
	f.Add(gzipped(f, accessAt(at, "")))
	f.Add([]byte("x - - [01/Jan/0000:00:00:00 +0000] \"\\"))
	f.Add([]byte("x - - [31/Dec/2200:23:59:60 -1559] \"\" 000\nx - - [01/Jan/1970:00:00:00 -0000] \"\" -\n"))
	f.Add([]byte(accessAt(at, "")[:60] + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, o := range []AccessLogOptions{{Service: "a", BadShare: .9, Faults: 3}, {Hosts: map[string]string{"a.b": "a", "::1": "b"}, BadShare: .9, Step: time.Hour}} {
			l := NewAccessLog(o)
			if err := l.Read(t.Context(), "f.csv", bytes.NewReader(data)); err != nil {
				mustBeFault(t, err)
				continue
			}
			for _, fault := range l.Faults {
				mustBeFault(t, fault)
			}
			if l.Bad+l.Other > l.Lines {
				t.Fatalf("%d bad and %d other of %d lines", l.Bad, l.Other, l.Lines)
			}
			if err := l.Check("f.csv"); err != nil {
				mustBeFault(t, err)
				continue
			}
			first, last := l.Span()
			step := NewAccessLog(o).o.Step
			before, total := map[string]time.Time{}, 0.0
			for row, err := range l.Rows() {
				if err != nil || row.Value < 0 || !row.Time.Equal(row.Time.Truncate(step)) || !row.Time.After(before[row.Series]) || row.Time.Before(first) || row.Time.Add(step).After(last) {
					t.Fatalf("row %+v, %v; after %v, of %v to %v", row, err, before[row.Series], first, last)
				}
				before[row.Series] = row.Time
				total += row.Value * step.Seconds()
			}
			if total > float64(l.Lines-l.Bad-l.Other)+.001 {
				t.Fatalf("%g requests of %d lines", total, l.Lines)
			}
		}
	})
}

// A time is read as time.Parse reads it.
func FuzzStamp(f *testing.F) {
	f.Add("[02/Mar/2026:08:00:00 +0100]")
	f.Add("[29/Feb/2027:23:59:59 -1559]")
	f.Add("[31/Dec/1999:23:59:60 +0000]")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) != stampLength {
			return
		}
		at, ok := readStamp([]byte(s))
		want, err := time.Parse("[02/Jan/2006:15:04:05 -0700]", s)
		if ok && err == nil && at != want.Unix() {
			t.Errorf("%s is %d, want %d", s, at, want.Unix())
		}
		// time.Parse takes months in any case, and offsets of a day or with 60 minutes.
		known := slices.Contains(monthNames[:], s[4:7]) && s[23:25] <= "15" && s[25:] < "6"
		if year := want.Year(); err == nil && !ok && known && want.Unix() >= 0 && year >= 1970 && year <= 2200 {
			t.Errorf("%s is refused, want %d", s, want.Unix())
		}
		if ok && err != nil && !strings.Contains(s, ":60 ") {
			t.Errorf("%s is %d; time.Parse says %v", s, at, err)
		}
	})
}

func BenchmarkAccessLog(b *testing.B) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var day strings.Builder
	for i := range 24 * 60 {
		day.WriteString(accessAt(at.Add(time.Duration(i)*time.Minute), ` "https://shop.example/cart" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`))
	}
	b.SetBytes(16 << 20)
	b.ReportAllocs()
	for b.Loop() {
		l := NewAccessLog(AccessLogOptions{Service: "web", Paths: []string{"/a"}})
		if err := l.Read(b.Context(), "b.log", &endlessLog{day: []byte(day.String()), left: 16 << 20}); err != nil {
			b.Fatal(err)
		}
	}
}
