package collector

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

const (
	// accessChunk is how many intervals are counted in one piece of memory, and
	// accessChunks bounds the pieces: 64 MiB, whatever the log's size.
	accessChunk  = 1024
	accessChunks = 16 << 10
	// accessSilence is how long a log may be silent and it is still known that
	// nobody asked. A file that says nothing for longer was not written to, or a
	// clock was wrong.
	accessSilence = 7 * 24 * time.Hour
	// accessSeam is how long it may be silent from one file to the next: longer, a
	// file is missing, unless files are silent for as long inside.
	accessSeam = time.Hour
	// accessHosts bounds the hosts that are remembered for a fault.
	accessHosts = 1000
)

// AccessLogOptions say how an access log is counted.
type AccessLogOptions struct {
	Step     time.Duration     // requests are counted over; whole seconds that divide an hour; 0: a minute
	Service  string            // of all lines, where Hosts is nil
	Hosts    map[string]string // virtual host, in lower case → service; lines of others do not count
	Paths    []string          // only requests whose target begins with one of these; none: all
	Statuses Statuses          // only requests with these
	Percent  float64           // what a request counts, in % of one; 0: 100
	Now      time.Time         // lines of later are faults
	BadShare float64           // share of the lines that may be none of an access log; 0: 0.01
	Faults   int               // of single lines to keep
}

// AccessLog counts the requests of access logs. It reads any number of files, also
// such of one time, in any order of files and lines; it holds counts only, so its
// memory does not grow with the log's size. Nothing is given out before all is read
// and Check is content.
type AccessLog struct {
	Lines    int64 // that were read, blank ones left out
	Bad      int64 // that are none of an access log
	Other    int64 // of other hosts, paths or statuses
	Faults   forescale.Faults
	Unclosed int // files whose end is missing: their last line is cut off, and does not count

	o         AccessLogOptions
	step      int64 // seconds
	latest    int64 // seconds since 1970 that a line may tell
	services  map[string]*accessCounts
	lastHost  []byte // and its counts: lines of a host often follow one another
	lastOf    *accessCounts
	chunks    int
	stretches []stretch // of the files so far
	longest   int64     // silence inside a file, in seconds
	hosts     map[string]struct{}
}

// accessCounts are the requests of one service.
type accessCounts struct {
	first  int64 // interval with the first request
	chunks map[int64][]uint32
	at     int64 // the chunk that was counted in last
	last   []uint32
}

// stretch is a time, in seconds since 1970, from a line to a line, in which the log
// was written.
type stretch struct{ first, last int64 }

// NewAccessLog counts nothing yet. It panics if the step is not whole seconds that
// divide an hour.
func NewAccessLog(o AccessLogOptions) *AccessLog {
	o.Step, o.Percent, o.BadShare = cmp.Or(o.Step, time.Minute), cmp.Or(o.Percent, 100), cmp.Or(o.BadShare, .01)
	if o.Step < time.Second || o.Step%time.Second != 0 || time.Hour%o.Step != 0 {
		panic("collector: step of an access log must be whole seconds that divide an hour")
	}
	l := &AccessLog{o: o, step: int64(o.Step / time.Second), latest: math.MaxInt64, services: map[string]*accessCounts{}, hosts: map[string]struct{}{}}
	if !o.Now.IsZero() {
		l.latest = o.Now.Add(forescale.MaxAhead).Unix()
	}
	return l
}

// Read counts one file, packed with gzip or not. An error means that it could not
// be read to its end, or takes more room than there is: then all is to be dropped.
func (l *AccessLog) Read(ctx context.Context, name string, r io.Reader) error {
	raw := bufio.NewReaderSize(r, maxLine)
	magic, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return l.unreadable(name, 0, err)
	}
	br := raw
	switch tool := packer(magic); {
	case bytes.HasPrefix(magic, gzipMagic):
		plain, err := gzip.NewReader(raw)
		if err != nil {
			return l.unreadable(name, 0, err)
		}
		br = bufio.NewReaderSize(plain, maxLine)
	case tool != "":
		return &forescale.Fault{Code: unreadableCode, What: "the file is packed with " + tool + ", which is not read here", Where: name,
			Help: fmt.Sprintf("unpack it: %s -dc FILE | forescale import -; nothing was imported", tool)}
	}
	f := accessFile{log: l, name: name}
	for {
		text, err := br.ReadSlice('\n')
		ended := err == nil
		for errors.Is(err, bufio.ErrBufferFull) { // what counts stands at its begin
			if f.long == nil {
				f.long = bytes.Clone(text)
			}
			_, err = br.ReadSlice('\n')
			ended = err == nil
		}
		if f.long != nil {
			text, f.long = f.long, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return l.unreadable(name, f.line, err)
		}
		if len(text) > 0 {
			f.line++
			if fault := f.take(bytes.TrimSpace(text), ended); fault != nil {
				return fault
			}
		}
		if err != nil {
			f.end()
			return nil
		}
		if f.line%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// packer is the tool that unpacks what begins so, if it is one of those that
// rotated logs are packed with and that are not read here.
func packer(magic []byte) string {
	switch {
	case bytes.HasPrefix(magic, []byte("BZh")):
		return "bzip2"
	case bytes.HasPrefix(magic, []byte("\xfd7zX")):
		return "xz"
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		return "zstd"
	}
	return ""
}

// accessFile is the reading of one file.
type accessFile struct {
	log       *AccessLog
	name      string
	line      int64
	long      []byte
	stretches []stretch
	current   int   // stretch of the line before
	newest    int64 // time of a line so far
}

// take counts one line. The fault ends all.
func (f *accessFile) take(text []byte, ended bool) error {
	l := f.log
	if len(text) == 0 {
		return nil
	}
	line, missing := readAccessLine(text)
	if missing != "" && !ended {
		l.Unclosed++ // it is being written
		return nil
	}
	l.Lines++
	if missing == "" && line.at > l.latest {
		missing = "a time that is past; it is ahead of this machine's clock"
	}
	if missing != "" {
		l.Bad++
		if len(l.Faults) < l.o.Faults {
			l.Faults = append(l.Faults, &forescale.Fault{Code: "access_log_invalid", What: fmt.Sprintf("%q lacks %s", clipText(string(text)), missing),
				Where: fmt.Sprintf("%s:%d", f.name, f.line), Help: "the line does not count"})
		}
		return nil
	}
	f.cover(line.at)
	counts := l.countsOf(line)
	if counts == nil || !l.o.Statuses.Holds(line.status) || !l.wanted(line.target) {
		l.Other++
		return nil
	}
	return l.count(counts, line.at/l.step, f)
}

// cover notes that the log was written at a time.
func (f *accessFile) cover(at int64) {
	const most = int64(accessSilence / time.Second)
	near := func(s stretch) bool { return at >= s.first-most && at <= s.last+most }
	if len(f.stretches) == 0 || !near(f.stretches[f.current]) {
		f.current = slices.IndexFunc(f.stretches, near)
		if f.current < 0 {
			f.current = len(f.stretches)
			f.stretches = append(f.stretches, stretch{at, at})
		}
	}
	s := &f.stretches[f.current]
	if d := at - f.newest; f.newest > 0 && d > f.log.longest && at > s.last && d <= most {
		f.log.longest = d
	}
	f.newest = max(f.newest, at)
	s.first, s.last = min(s.first, at), max(s.last, at)
}

func (f *accessFile) end() { f.log.stretches = append(f.log.stretches, f.stretches...) }

// countsOf are the counts that a line belongs to; nil: to none.
func (l *AccessLog) countsOf(line accessLine) *accessCounts {
	if l.o.Hosts == nil {
		if l.lastOf == nil {
			l.lastOf = l.of(l.o.Service)
		}
		return l.lastOf
	}
	if line.host == nil {
		return nil
	}
	if l.lastHost != nil && bytes.Equal(line.host, l.lastHost) {
		return l.lastOf
	}
	host := strings.ToLower(string(line.host))
	if len(l.hosts) < accessHosts {
		l.hosts[host] = struct{}{}
	}
	l.lastHost, l.lastOf = append(l.lastHost[:0], line.host...), nil
	if service, ok := l.o.Hosts[host]; ok {
		l.lastOf = l.of(service)
	}
	return l.lastOf
}

func (l *AccessLog) of(service string) *accessCounts {
	c := l.services[service]
	if c == nil {
		c = &accessCounts{first: math.MaxInt64, chunks: map[int64][]uint32{}}
		l.services[service] = c
	}
	return c
}

func (l *AccessLog) wanted(target []byte) bool {
	if len(l.o.Paths) == 0 {
		return true
	}
	for _, p := range l.o.Paths {
		if len(target) >= len(p) && string(target[:len(p)]) == p {
			return true
		}
	}
	return false
}

func (l *AccessLog) count(c *accessCounts, interval int64, f *accessFile) error {
	k := interval / accessChunk
	if c.last == nil || c.at != k {
		chunk := c.chunks[k]
		if chunk == nil {
			if l.chunks++; l.chunks > accessChunks {
				return &forescale.Fault{Code: "access_log_large", What: fmt.Sprintf("the log spans more than %d million intervals of %s", accessChunks*accessChunk/1_000_000, l.o.Step), Where: fmt.Sprintf("%s:%d", f.name, f.line),
					Help: "count over a longer --step, or import fewer files or hosts at once; nothing was imported"}
			}
			chunk = make([]uint32, accessChunk)
			c.chunks[k] = chunk
		}
		c.at, c.last = k, chunk
	}
	if n := &c.last[interval%accessChunk]; *n < math.MaxUint32 {
		*n++
	}
	c.first = min(c.first, interval)
	return nil
}

// Span is from the first line to the last.
func (l *AccessLog) Span() (first, last time.Time) {
	for i, s := range l.stretches {
		if at := time.Unix(s.first, 0).UTC(); i == 0 || at.Before(first) {
			first = at
		}
		if at := time.Unix(s.last, 0).UTC(); at.After(last) {
			last = at
		}
	}
	return first, last
}

// joined are the stretches of all files together, in order. Those that follow one
// another are one, as when logs are rotated.
func (l *AccessLog) joined() []stretch {
	seam := max(int64(accessSeam/time.Second), l.longest)
	var all []stretch
	for _, s := range slices.SortedFunc(slices.Values(l.stretches), func(a, b stretch) int { return cmp.Compare(a.first, b.first) }) {
		if n := len(all); n > 0 && s.first <= all[n-1].last+seam {
			all[n-1].last = max(all[n-1].last, s.last)
		} else {
			all = append(all, s)
		}
	}
	return all
}

// AccessSilence is a time in which nothing is known of the log: it is a gap, and
// not a time without requests.
type AccessSilence struct{ From, To time.Time }

// Silences are the times between files, or inside one, that are too long to say
// that nobody asked.
func (l *AccessLog) Silences() []AccessSilence {
	var all []AccessSilence
	joined := l.joined()
	for i := 1; i < len(joined); i++ {
		all = append(all, AccessSilence{time.Unix(joined[i-1].last, 0).UTC(), time.Unix(joined[i].first, 0).UTC()})
	}
	return all
}

// Check tells why the log cannot be taken; nil: Rows are good.
func (l *AccessLog) Check(name string) error {
	fault := func(what, help string) error {
		return &forescale.Fault{Code: "access_log_invalid", What: what, Where: name, Help: help + "; nothing was imported"}
	}
	switch {
	case l.Lines == 0:
		return fault("the log holds no line", "name another file")
	case float64(l.Bad) > l.o.BadShare*float64(l.Lines):
		all := forescale.Faults{{Code: "access_log_invalid", What: fmt.Sprintf("%d of %d lines are none of an access log, more than %g %%", l.Bad, l.Lines, 100*l.o.BadShare), Where: name,
			Help: `lines look like: 192.0.2.7 - - [02/Mar/2026:08:00:00 +0100] "GET / HTTP/1.1" 200 512; allow more with --bad-lines; nothing was imported`}}
		return append(all, l.Faults...)
	case l.Other == l.Lines-l.Bad && l.o.Hosts != nil && len(l.hosts) == 0:
		return fault("no line begins with a virtual host", "leave --host out, or write the log with %v before each line")
	case l.Other == l.Lines-l.Bad && l.o.Hosts != nil:
		return fault("no line is of these hosts, paths and statuses; hosts are "+someOf(l.hosts), "correct --host, --path or --status")
	case l.Other == l.Lines-l.Bad:
		return fault("no line is of these paths and statuses", "correct --path or --status")
	}
	for range l.Rows() {
		return nil
	}
	first, last := l.Span()
	return fault(fmt.Sprintf("from %s to %s there is no whole interval of %s: the first and the last are cut", first.Format(time.RFC3339), last.Format(time.RFC3339), l.o.Step), "import a longer log, or count over a shorter --step")
}

// someOf names the first few.
func someOf(names map[string]struct{}) string {
	all := slices.Sorted(maps.Keys(names))
	if len(all) > 5 {
		return strings.Join(all[:5], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}

// Rows are the requests a second of every service in each interval, service by
// service in the order of time. An interval without requests is a zero, as the log
// says so. The first interval of the log and the last are left out, as they are cut,
// and so are those beside a silence. A service of a virtual host begins with its
// first request: before it, the host may not have been there.
func (l *AccessLog) Rows() iter.Seq2[HistoryRow, error] {
	return func(yield func(HistoryRow, error) bool) {
		joined := l.joined()
		for _, name := range slices.Sorted(maps.Keys(l.services)) {
			c := l.services[name]
			for _, s := range joined {
				from, to := s.first/l.step+1, s.last/l.step
				if l.o.Hosts != nil {
					from = max(from, c.first)
				}
				for i := from; i < to; i++ {
					n := 0.0
					if chunk := c.chunks[i/accessChunk]; chunk != nil {
						n = float64(chunk[i%accessChunk])
					}
					if !yield(HistoryRow{Time: time.Unix(i*l.step, 0).UTC(), Series: name, Value: n * l.o.Percent / 100 / float64(l.step)}, nil) {
						return
					}
				}
			}
		}
	}
}

func (l *AccessLog) unreadable(name string, line int64, err error) error {
	h := HistoryReader{opts: HistoryOptions{Name: name}, line: line}
	f := h.unreadable(err)
	f.Help = "get the file again; nothing was imported"
	return f
}
