package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forescale/forescale"
)

// A body of samples is read row by row with a reader of our own, for two reasons:
// encoding/json gives up on a whole array at the first NaN, where only that row is
// bad, and it does not say which key it did not know.

// rowFault is what is wrong with one row.
type rowFault struct {
	key     string // of the row, "" for the row as a whole
	code    string
	message string
	help    string
}

// Error implements error.
func (f *rowFault) Error() string { return f.message }

func (f *rowFault) detail(row int) Detail {
	where := "body[" + strconv.Itoa(row) + "]"
	if f.key != "" {
		where += "." + f.key
	}
	return Detail{Row: &row, Location: where, Code: f.code, Message: f.message, Help: f.help}
}

// rowCodes are the codes that a row can be refused with.
var rowCodes = []string{"row_syntax", "row_too_long", "unknown_key", "duplicate_key", "sample_wrong_type", "sample_out_of_range", "sample_bad_time",
	"sample_from_future", "sample_too_old", "sample_without_subject", "sample_without_value", "sample_wrong_subject", "service_unknown", "key_not_for_service"}

// maxRow bounds one row. Ours are some hundred bytes.
const maxRow = 16 << 10

// rowReader cuts a body into rows without keeping more than one of them. A row
// is what stands between two commas of the outer array, or one line of NDJSON;
// whether it is an object is for row.parse to say.
type rowReader struct {
	br     *bufio.Reader
	ndjson bool
	state  rowState
	n      int // rows so far; of NDJSON lines, so that row n is line n+1
	buf    []byte
}

type rowState int

const (
	rowsBegin rowState = iota
	rowsArray          // inside the array, before a row
	rowsEnd            // after the array, or in and after the only value
	rowsDone           // nothing is read any more
)

func newRowReader(r io.Reader, ndjson bool) *rowReader {
	return &rowReader{br: bufio.NewReaderSize(r, 64<<10), ndjson: ndjson}
}

// next is the next row and its number, valid until the next call. The error is
// io.EOF after the last, a *rowFault for one that can be skipped, or whatever the
// body failed with.
func (r *rowReader) next() (raw []byte, n int, err error) {
	if r.ndjson {
		return r.line()
	}
	return r.element()
}

func (r *rowReader) line() ([]byte, int, error) {
	for {
		r.buf = r.buf[:0]
		long := false
		var err error
		for {
			var part []byte
			part, err = r.br.ReadSlice('\n')
			if long = long || len(r.buf)+len(part) > maxRow; !long {
				r.buf = append(r.buf, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		line := trim(r.buf)
		if len(line) == 0 && !long {
			if err != nil {
				return nil, 0, io.EOF
			}
			r.n++
			continue
		}
		r.n++
		if long {
			return nil, r.n - 1, tooLong()
		}
		return line, r.n - 1, nil
	}
}

func tooLong() *rowFault {
	return &rowFault{code: "row_too_long", message: fmt.Sprintf("the row is longer than %d bytes", maxRow), help: "write one object a row"}
}

func (r *rowReader) element() ([]byte, int, error) {
	for {
		b, err := r.skipSpace()
		switch {
		case errors.Is(err, io.EOF) && r.state == rowsArray:
			r.state = rowsDone
			return nil, r.n, unended()
		case err != nil:
			return nil, 0, err
		case r.state == rowsBegin && b == '[':
			r.state = rowsArray
		case r.state == rowsBegin:
			r.state = rowsEnd
			return r.value(b)
		case r.state == rowsArray && b == ']' && r.n == 0:
			r.state = rowsEnd
		case r.state == rowsArray:
			return r.value(b)
		default:
			r.state = rowsDone
			return nil, r.n, &rowFault{code: "row_syntax", message: "there is more after the end", help: "send one array, or NDJSON with its own Content-Type"}
		}
	}
}

func unended() *rowFault {
	return &rowFault{code: "row_syntax", message: "the array does not end", help: `close it with "]"; the good rows before are stored`}
}

// skipSpace is the next byte that is not white space. After the end it reads no
// more: io.EOF.
func (r *rowReader) skipSpace() (byte, error) {
	if r.state == rowsDone {
		return 0, io.EOF
	}
	for {
		b, err := r.br.ReadByte()
		if err != nil || !isSpace(b) {
			return b, err
		}
	}
}

// value reads from b, its first byte, to the comma or bracket that ends it. Text
// in quotes and nested values are passed over, right or wrong.
func (r *rowReader) value(b byte) ([]byte, int, error) {
	r.buf = r.buf[:0]
	n := r.n
	r.n++
	depth, quoted, escaped, long := 0, false, false, false
	single := r.state == rowsEnd
	for {
		if !quoted && depth == 0 && !single && (b == ',' || b == ']') {
			if b == ']' {
				r.state = rowsEnd
			}
			break
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = b == '\\', b != '"'
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth = max(0, depth-1)
		}
		if long = long || len(r.buf) >= maxRow; !long {
			r.buf = append(r.buf, b)
		}
		var err error
		if b, err = r.br.ReadByte(); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, n, err
			}
			if !single {
				r.state = rowsDone
				return nil, n, unended()
			}
			break
		}
	}
	switch raw := trim(r.buf); {
	case long:
		return nil, n, tooLong()
	case len(raw) == 0:
		return nil, n, &rowFault{code: "row_syntax", message: "there is nothing between two commas", help: "leave the comma out"}
	default:
		return raw, n, nil
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// The metrics of a row, in the order in which they are stored.
var rowMetrics = [...]forescale.Metric{forescale.MetricUtilization, forescale.MetricLoad, forescale.MetricCPU, forescale.MetricMemory, forescale.MetricBandwidth, forescale.MetricDisk}

// rowKeys are all keys of a row: the names, the time, then the values in the
// order of rowMetrics.
var rowKeys = []string{"service", "instance", "node", "time", "utilization", "load", "cpu", "memory", "bandwidth", "disk"}

// Places in rowKeys.
const (
	timeKey    = 3 // before it stand the names
	firstValue = 4
)

// row is one parsed row. It is used again and again.
type row struct {
	service, instance, node string
	time                    time.Time
	value                   [len(rowMetrics)]float64
	has                     [len(rowMetrics)]bool

	faults []*rowFault
}

func (r *row) bad(key, code, message, help string) {
	r.faults = append(r.faults, &rowFault{key: key, code: code, message: message, help: help})
}

// parse reads one flat JSON object. It returns every fault that it finds; after
// one of syntax it stops.
func (r *row) parse(raw []byte) []*rowFault {
	*r = row{faults: r.faults[:0]}
	s := scanner{b: raw}
	if !s.take('{') {
		r.bad("", "row_syntax", fmt.Sprintf("a row is an object, this is %s", clip(string(raw))), `write {"service":"…","instance":"…","utilization":63.2}`)
		return r.faults
	}
	var seen uint16
	for first := true; ; first = false {
		if s.take('}') {
			if s.space(); s.i < len(s.b) {
				r.syntax(&s, "there is more after the object")
			}
			return r.faults
		}
		if !first && !s.take(',') {
			r.syntax(&s, "a comma or } is missing")
			return r.faults
		}
		key, ok := s.text()
		if !ok || !s.take(':') {
			r.syntax(&s, "a key in quotes and a colon are expected")
			return r.faults
		}
		k := keyIndex(key)
		if k >= 0 {
			if seen&(1<<k) != 0 {
				r.bad(key, "duplicate_key", fmt.Sprintf("%q is there twice", key), "give it once")
			}
			seen |= 1 << k
		}
		tok, ok := s.token()
		if !ok {
			r.syntax(&s, fmt.Sprintf("the value of %q is not JSON", clip(key)))
			return r.faults
		}
		r.set(key, k, tok)
	}
}

func (r *row) syntax(s *scanner, what string) {
	r.bad("", "row_syntax", fmt.Sprintf("%s at character %d", what, min(s.i, len(s.b))+1), "write each row as one JSON object")
}

func keyIndex(key string) int {
	for i, k := range rowKeys {
		if k == key {
			return i
		}
	}
	return -1
}

// set takes the value of one key. null is as if the key was not there.
func (r *row) set(key string, k int, tok token) {
	switch {
	case k < 0:
		r.bad(clip(key), "unknown_key", fmt.Sprintf("unknown key %q", clip(key)), didYouMean(key, rowKeys))
	case tok.kind == tokenNull:
	case k < timeKey:
		r.setName(key, k, tok)
	case k == timeKey:
		r.setTime(tok)
	default:
		r.setNumber(key, k-firstValue, tok)
	}
}

func (r *row) setName(key string, k int, tok token) {
	switch {
	case tok.kind != tokenText:
		r.bad(key, "sample_wrong_type", fmt.Sprintf("%s is %s, not text", key, clip(tok.text)), "write it in quotes")
	case tok.text == "":
		r.bad(key, "sample_without_subject", key+" is empty", "name it, or leave the key out")
	case !printable(tok.text):
		r.bad(key, "sample_wrong_type", key+" holds characters that cannot be shown", "use letters, digits and punctuation")
	default:
		*[...]*string{&r.service, &r.instance, &r.node}[k] = tok.text
	}
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }) < 0
}

func (r *row) setTime(tok token) {
	t, err := time.Parse(time.RFC3339Nano, tok.text)
	if tok.kind != tokenText || err != nil {
		r.bad("time", "sample_bad_time", fmt.Sprintf("%s is not a time with zone", clip(tok.text)), `write RFC 3339, such as "2026-11-23T08:40:00Z", or leave time out for now`)
		return
	}
	r.time = t.UTC()
}

func (r *row) setNumber(key string, m int, tok token) {
	switch tok.kind {
	case tokenNumber:
		v, err := strconv.ParseFloat(tok.text, 64)
		if err != nil || math.IsInf(v, 0) {
			r.bad(key, "sample_out_of_range", fmt.Sprintf("%s is %s, too large for a number", key, clip(tok.text)), "use a larger unit")
			return
		}
		r.value[m], r.has[m] = v, true
	case tokenNotNumber:
		r.bad(key, "sample_out_of_range", fmt.Sprintf("%s is %s, not a number", key, tok.text), "leave the key out when there is no measurement")
	case tokenText:
		r.bad(key, "sample_wrong_type", fmt.Sprintf("%s is the text %q, not a number", key, clip(tok.text)), "write the number without quotes; leave the key out when there is none")
	default:
		r.bad(key, "sample_wrong_type", fmt.Sprintf("%s is %s, not a number", key, clip(tok.text)), "write a number; leave the key out when there is none")
	}
}

// samples appends what the row says. It checks that the metrics fit the subject
// and each sample fits the rules of forescale.Sample.
func (r *row) samples(dst []forescale.Sample, now time.Time) ([]forescale.Sample, []*rowFault) {
	subject, ok := r.subject()
	if !ok {
		return dst, r.faults
	}
	at := r.time
	if at.IsZero() {
		at = now
	}
	given := false
	for m, metric := range rowMetrics {
		if !r.has[m] {
			continue
		}
		given = true
		if !fits(subject.Kind, metric) {
			r.bad(string(metric), "sample_wrong_subject", fmt.Sprintf("%s is not a metric of %s", metric, article[subject.Kind]), fitting[subject.Kind])
			continue
		}
		s := forescale.Sample{Subject: subject, Metric: metric, Time: at, Value: r.value[m]}
		if err := s.Validate(now); err != nil {
			r.invalid(string(metric), err)
			continue
		}
		dst = append(dst, s)
	}
	if !given && len(r.faults) == 0 {
		r.bad("", "sample_without_value", "the row has no value", "give utilization, load, cpu, memory, bandwidth or disk")
	}
	return dst, r.faults
}

func (r *row) subject() (forescale.Subject, bool) {
	switch {
	case r.node != "" && (r.service != "" || r.instance != ""):
		r.bad("node", "sample_wrong_subject", "the row names a node and a service", "write a row for each")
	case r.node != "":
		return forescale.Subject{Kind: forescale.KindNode, Name: r.node}, true
	case r.service == "" && r.instance != "":
		r.bad("service", "sample_without_subject", "the row names an instance without its service", `add "service"`)
	case r.service == "":
		r.bad("", "sample_without_subject", "the row names no service and no node", `add "service" and "instance", or "node"`)
	case r.instance == "":
		return forescale.Subject{Kind: forescale.KindService, Name: r.service, Service: r.service}, true
	default:
		return forescale.Subject{Kind: forescale.KindInstance, Name: r.instance, Service: r.service}, true
	}
	return forescale.Subject{}, false
}

// invalid takes the fault of a sample. Its place is a key of the row; what is
// wrong with the time is said once, not for each metric.
func (r *row) invalid(key string, err error) {
	var f *forescale.Fault
	if !errors.As(err, &f) {
		f = &forescale.Fault{Code: "sample_out_of_range", What: err.Error()}
	}
	switch f.Where {
	case "time":
		key = "time"
	case "subject":
		key = "instance"
	}
	for _, have := range r.faults {
		if have.key == key {
			return
		}
	}
	r.bad(key, f.Code, f.What, f.Help)
}

var article = map[forescale.SubjectKind]string{forescale.KindInstance: "an instance", forescale.KindNode: "a node", forescale.KindService: "a service as a whole"}

var fitting = map[forescale.SubjectKind]string{
	forescale.KindInstance: "an instance has utilization, load, cpu and memory",
	forescale.KindNode:     "a node has cpu, memory, bandwidth and disk",
	forescale.KindService:  `add "instance", or send load`,
}

func fits(k forescale.SubjectKind, m forescale.Metric) bool {
	switch m {
	case forescale.MetricUtilization:
		return k == forescale.KindInstance
	case forescale.MetricLoad:
		return k != forescale.KindNode
	case forescale.MetricBandwidth, forescale.MetricDisk:
		return k == forescale.KindNode
	default:
		return k != forescale.KindService
	}
}

func clip(s string) string {
	if len(s) <= 60 {
		return strings.ToValidUTF8(s, "�")
	}
	return strings.ToValidUTF8(s[:60], "�") + "…"
}

// scanner walks one row.
type scanner struct {
	b []byte
	i int
}

type tokenKind int

const (
	tokenText tokenKind = iota
	tokenNumber
	tokenNotNumber // NaN, Infinity: not JSON, but what many programs write
	tokenNull
	tokenOther // true, false, a nested value
)

type token struct {
	kind tokenKind
	text string
}

func (s *scanner) space() {
	for s.i < len(s.b) && isSpace(s.b[s.i]) {
		s.i++
	}
}

// take passes over white space and c, if c is next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// text reads a JSON string.
func (s *scanner) text() (string, bool) {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return "", false
	}
	begin, plain := s.i, true
	for i := begin + 1; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '\\':
			plain = false
			i++
		case c == '"':
			s.i = i + 1
			if plain {
				return string(s.b[begin+1 : i]), true
			}
			var text string
			err := json.Unmarshal(s.b[begin:s.i], &text)
			return text, err == nil
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// token reads one value.
func (s *scanner) token() (token, bool) {
	s.space()
	if s.i >= len(s.b) {
		return token{}, false
	}
	switch c := s.b[s.i]; c {
	case '"':
		text, ok := s.text()
		return token{tokenText, text}, ok
	case '{', '[':
		return s.nested()
	}
	begin := s.i
	for s.i < len(s.b) && !isSpace(s.b[s.i]) && s.b[s.i] != ',' && s.b[s.i] != '}' {
		s.i++
	}
	return word(string(s.b[begin:s.i]))
}

// nested passes over a value that no key takes.
func (s *scanner) nested() (token, bool) {
	d := json.NewDecoder(strings.NewReader(string(s.b[s.i:])))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return token{}, false
	}
	s.i += int(d.InputOffset())
	return token{tokenOther, string(raw)}, true
}

// word tells numbers from the words of JSON and from those of other languages.
func word(w string) (token, bool) {
	switch w {
	case "null":
		return token{tokenNull, w}, true
	case "true", "false":
		return token{tokenOther, w}, true
	case "":
		return token{}, false
	}
	if isNumber(w) {
		return token{tokenNumber, w}, true
	}
	switch strings.ToLower(strings.TrimLeft(w, "+-")) {
	case "nan", "inf", "infinity":
		return token{tokenNotNumber, w}, true
	}
	return token{}, false
}

// isNumber reports whether w is a number by the grammar of JSON (RFC 8259, section 6).
func isNumber(w string) bool {
	w = strings.TrimPrefix(w, "-")
	digits := func() bool {
		n := 0
		for n < len(w) && w[n] >= '0' && w[n] <= '9' {
			n++
		}
		w = w[n:]
		return n > 0
	}
	if rest, zero := strings.CutPrefix(w, "0"); zero {
		w = rest
	} else if !digits() {
		return false
	}
	if rest, ok := strings.CutPrefix(w, "."); ok {
		if w = rest; !digits() {
			return false
		}
	}
	if len(w) > 0 && (w[0] == 'e' || w[0] == 'E') {
		w = w[1:]
		if len(w) > 0 && (w[0] == '+' || w[0] == '-') {
			w = w[1:]
		}
		if !digits() {
			return false
		}
	}
	return w == ""
}
