package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
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
