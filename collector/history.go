package collector

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forescale/forescale"
)

// historyHeader is the first line of every history file.
const historyHeader = "timestamp,series,value"

// maxLine bounds one line; it and a megabyte for the fingerprint bound the memory
// of a reader, whatever the file's size.
const maxLine = 64 << 10

// fingerprintBytes of the unpacked text go into the fingerprint.
const fingerprintBytes = 1 << 20

// unreadableCode is the code of a fault after which nothing can be read.
const unreadableCode = "history_unreadable"

// HistoryOptions say how a history file is read.
type HistoryOptions struct {
	// Name is the file's name as faults show it.
	Name string
	// Zone is the zone of times that name none; nil: they are faults.
	Zone *time.Location
	// Size of the input in bytes, if known. It goes into the fingerprint.
	Size int64
}

// HistoryRow is one value of a history file.
type HistoryRow struct {
	Line   int64     // in the file; the header is line 1
	Time   time.Time // UTC
	Series string
	Value  float64
	Gap    bool // the row has no value: leave it out
	// Doubled: the local time exists twice, as clocks were set back. The earlier
	// moment is meant, unless the row before of the same series is not before it.
	Doubled bool
}

// HistoryReader reads CSV with the header timestamp,series,value, packed with gzip
// or not, row by row. Times are RFC 3339; those without a zone are local times of
// HistoryOptions.Zone.
type HistoryReader struct {
	opts    HistoryOptions
	br      *bufio.Reader
	print   string
	line    int64
	buf     []byte
	fields  [3]string
	failed  error
	doubled map[string]time.Time // series → last time, only while the clock is set back
}

// NewHistoryReader looks at the beginning of r and checks the header. The error is
// a *forescale.Fault.
func NewHistoryReader(r io.Reader, o HistoryOptions) (*HistoryReader, error) {
	if o.Name == "" {
		o.Name = "input"
	}
	h := &HistoryReader{opts: o}
	raw := bufio.NewReaderSize(r, 64<<10)
	magic, err := raw.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, h.unreadable(err)
	}
	var plain io.Reader = raw
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if plain, err = gzip.NewReader(raw); err != nil {
			return nil, h.unreadable(err)
		}
	}
	h.br = bufio.NewReaderSize(plain, fingerprintBytes)
	begin, err := h.br.Peek(fingerprintBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, h.unreadable(err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s\n", o.Size, zoneName(o.Zone))
	sum.Write(begin)
	h.print = hex.EncodeToString(sum.Sum(nil))
	if bytes.HasPrefix(begin, []byte("\xef\xbb\xbf")) { // a byte order mark, as spreadsheets write it
		_, _ = h.br.Discard(3)
	}
	return h, h.header()
}

func zoneName(z *time.Location) string {
	if z == nil {
		return "-"
	}
	return z.String()
}

// Fingerprint names the input: the same for the same beginning, size and zone. It
// tells whether an import that was cut off may go on where it stopped.
func (h *HistoryReader) Fingerprint() string { return h.print }

func (h *HistoryReader) header() error {
	line, err := h.next()
	if errors.Is(err, io.EOF) {
		return h.fault(0, "history_invalid", "the input is empty", `begin with the header "`+historyHeader+`"`)
	}
	if err != nil {
		return err
	}
	got := strings.TrimSpace(string(line))
	if got == historyHeader {
		return nil
	}
	help := `begin with the header "` + historyHeader + `"; nothing was imported`
	switch folded := strings.ToLower(strings.NewReplacer(" ", "", `"`, "", ";", ",", "\t", ",").Replace(got)); {
	case strings.ContainsAny(got, ";\t") && folded == historyHeader:
		help = "separate the columns with commas; nothing was imported"
	case folded == historyHeader:
		help = `write the header as "` + historyHeader + `"; nothing was imported`
	}
	return h.fault(1, "history_invalid", fmt.Sprintf("the header is %q", clipText(got)), help)
}

// Next is the next row; io.EOF after the last. An error with a row whose Line is
// not 0 is a *forescale.Fault of that row alone: reading may go on. After any other
// error it cannot.
func (h *HistoryReader) Next() (HistoryRow, error) {
	for {
		line, err := h.next()
		var long *forescale.Fault
		switch {
		case errors.As(err, &long) && long.Code != unreadableCode:
			return HistoryRow{Line: h.line}, err
		case err != nil:
			return HistoryRow{}, err
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		row, err := h.row(string(line))
		row.Line = h.line
		return row, err
	}
}

// Rows are all rows and the faults between them, as Next gives them.
func (h *HistoryReader) Rows() iter.Seq2[HistoryRow, error] {
	return func(yield func(HistoryRow, error) bool) {
		for {
			row, err := h.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(row, err) || err != nil && row.Line == 0 {
				return
			}
		}
	}
}

// next is the next line without its end. A line that is too long is a fault; the
// reader is then past it.
func (h *HistoryReader) next() ([]byte, error) {
	if h.failed != nil {
		return nil, h.failed
	}
	h.buf = h.buf[:0]
	long := false
	for {
		part, err := h.br.ReadSlice('\n')
		if long = long || len(h.buf)+len(part) > maxLine; !long {
			h.buf = append(h.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(h.buf) > 0 || long):
			h.failed = io.EOF // after this line
		case errors.Is(err, io.EOF):
			h.failed = io.EOF
			return nil, io.EOF
		case err != nil:
			h.failed = h.unreadable(err)
			return nil, h.failed
		}
		break
	}
	h.line++
	if long {
		return nil, h.fault(h.line, "history_invalid", fmt.Sprintf("the line is longer than %d bytes", maxLine), "write one value a line")
	}
	return bytes.TrimRight(h.buf, "\r\n"), nil
}

// row reads one line. The fault names what to do.
func (h *HistoryReader) row(line string) (HistoryRow, error) {
	bad := func(what, help string) (HistoryRow, error) {
		return HistoryRow{}, h.fault(h.line, "history_invalid", what, help)
	}
	n, ok := split(line, &h.fields)
	switch {
	case !ok:
		return bad("a quote is not closed", "close it on the same line, or leave quotes out")
	case n != 3:
		return bad(fmt.Sprintf("the line has %d columns, not 3", n), "write timestamp,series,value; put a series that holds a comma in quotes")
	}
	series := strings.TrimSpace(h.fields[1])
	if series == "" || len(series) > 200 || !utf8.ValidString(series) || strings.IndexFunc(series, func(c rune) bool { return c < ' ' || c == 0x7f }) >= 0 {
		return bad(fmt.Sprintf("%q cannot name a series", clipText(series)), "use 1 to 200 characters that can be shown")
	}
	row := HistoryRow{Series: series}
	if err := h.time(&row, strings.TrimSpace(h.fields[0])); err != nil {
		return HistoryRow{}, err
	}
	text := strings.TrimSpace(h.fields[2])
	if text == "" {
		row.Gap = true
		return row, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case math.IsNaN(v) || err == nil && math.IsInf(v, 0):
		return bad(fmt.Sprintf("the value is %s, not a number", text), "leave the line out, or the value empty, when there is no measurement")
	case errors.Is(err, strconv.ErrSyntax) || strings.ContainsAny(text, "xX_"):
		return bad(fmt.Sprintf("the value %q is not a number", clipText(text)), "write numbers with a point, such as 63.2")
	case err != nil || v > 1e15:
		return bad(fmt.Sprintf("the value %s is beyond 1e15", clipText(text)), "use a larger unit")
	case v < 0:
		return bad(fmt.Sprintf("the value is %s, below 0", text), "values are 0 or more")
	}
	row.Value = v
	return row, nil
}

// The layouts of times without a zone.
var localLayouts = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}

func (h *HistoryReader) time(row *HistoryRow, text string) error {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil && len(text) > 10 && text[10] == ' ' {
		t, err = time.Parse("2006-01-02 15:04:05Z07:00", text)
	}
	if err != nil {
		for _, layout := range localLayouts {
			if wall, wallErr := time.Parse(layout, text); wallErr == nil {
				return h.localTime(row, wall, text)
			}
		}
		return h.fault(h.line, "history_invalid", fmt.Sprintf("%q is not a time", clipText(text)), `write RFC 3339, such as "2026-03-29T02:30:00Z"`)
	}
	return h.setTime(row, t, text)
}

func (h *HistoryReader) setTime(row *HistoryRow, t time.Time, text string) error {
	if t.Year() < 1970 || t.Year() > 2200 {
		return h.fault(h.line, "history_invalid", fmt.Sprintf("%s is not within 1970 to 2200", text), "check the year")
	}
	row.Time = t.UTC()
	return nil
}

// localTime finds the moment at which clocks in the zone show wall. When they are
// set forward some times do not exist, when they are set back some exist twice.
func (h *HistoryReader) localTime(row *HistoryRow, wall time.Time, text string) error {
	zone := h.opts.Zone
	if zone == nil {
		return h.fault(h.line, "history_invalid", fmt.Sprintf("%s names no zone", text), `write times in UTC ("…Z") or with an offset ("+01:00"), or name the zone they are of`)
	}
	moments := moments(wall, zone)
	switch len(moments) {
	case 0:
		return h.fault(h.line, "time_not_existing", fmt.Sprintf("%s does not exist in %s (clock change)", strings.Replace(text, " ", "T", 1), zone),
			`write times in UTC ("…Z") or with an offset ("+01:00")`)
	case 1:
		h.doubled = nil
		return h.setTime(row, moments[0], text)
	}
	row.Doubled = true
	pick := moments[0]
	if last, ok := h.doubled[row.Series]; ok && !pick.After(last) {
		pick = moments[1]
	}
	if h.doubled == nil {
		h.doubled = map[string]time.Time{}
	}
	if len(h.doubled) < 10_000 || !h.doubled[row.Series].IsZero() {
		h.doubled[row.Series] = pick
	}
	return h.setTime(row, pick, text)
}

// moments are the instants at which clocks in zone show wall, given as if it were
// UTC; in order, none or one or two.
func moments(wall time.Time, zone *time.Location) []time.Time {
	var found []time.Time
	// An offset that holds a day before, at, or a day after is the one.
	for _, d := range []time.Duration{-24 * time.Hour, 0, 24 * time.Hour} {
		_, offset := wall.Add(d).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, real := t.In(zone).Zone(); real != offset {
			continue
		}
		if len(found) == 0 || !found[len(found)-1].Equal(t) {
			found = append(found, t)
		}
	}
	if len(found) == 2 && found[1].Before(found[0]) {
		found[0], found[1] = found[1], found[0]
	}
	return found
}

func (h *HistoryReader) fault(line int64, code, what, help string) *forescale.Fault {
	where := h.opts.Name
	if line > 0 {
		where += ":" + strconv.FormatInt(line, 10)
	}
	return &forescale.Fault{Code: code, What: what, Where: where, Help: help}
}

func (h *HistoryReader) unreadable(err error) *forescale.Fault {
	what, help := "the history cannot be read further: "+err.Error(), "the rows before are good; get the file again"
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || strings.HasPrefix(err.Error(), "flate:") {
		what = "the packed file is damaged or cut off"
	}
	f := h.fault(h.line, unreadableCode, what, help)
	f.Err = err
	return f
}

// split cuts a line at its commas into at most 3 fields and counts all. Quotes
// may surround a field; two in a row inside are one. A field never spans lines, so
// that one stray quote cannot swallow the rest of the file.
func split(line string, fields *[3]string) (n int, ok bool) {
	for {
		var field string
		rest, more := "", false
		if strings.HasPrefix(line, `"`) {
			end := closing(line)
			if end < 0 {
				return n, false
			}
			field = strings.ReplaceAll(line[1:end], `""`, `"`)
			line = line[end+1:]
			if line != "" {
				if line[0] != ',' {
					return n, false
				}
				rest, more = line[1:], true
			}
		} else {
			field, rest, more = strings.Cut(line, ",")
		}
		if n < 3 {
			fields[n] = field
		}
		n++
		if !more {
			return n, true
		}
		line = rest
	}
}

// closing is the index of the quote that closes the one at the beginning; -1: none.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return i
	}
	return -1
}

func clipText(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}
