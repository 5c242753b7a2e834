package collector

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"time"
)

// accessLine is what one line of an access log tells.
type accessLine struct {
	at     int64  // seconds since 1970
	host   []byte // the virtual host that the line begins with, its port left out; nil: it names none
	target []byte // of the request, without scheme and host; nil: the line names none, as "-"
	status int    // 100 to 999; 0: none, as "-" or "000"
}

// stampLength is that of [02/Mar/2026:08:00:00 +0100].
const stampLength = len("[02/Mar/2026:08:00:00 +0100]")

// What a line has to hold, as faults tell it.
const (
	wantStamp   = "a time such as [02/Mar/2026:08:00:00 +0100]"
	wantClient  = "an address and two names before the time, as in 192.0.2.7 - -"
	wantRequest = `a request in quotes after the time, as in "GET / HTTP/1.1"`
	wantStatus  = "a status after the request, as in 200"
)

// readAccessLine reads
//
//	[VIRTUALHOST[:PORT]] HOST IDENT USER [TIME] "REQUEST" STATUS and what follows
//
// as Apache and nginx write it (Common, Combined, vhost_combined): addresses of
// either family, quotes that are escaped or, with escape=none, are not, "-" for
// what is missing, names of users with blanks in them. missing is what the line
// lacks, and "" if it is good. The result refers to the line.
func readAccessLine(line []byte) (l accessLine, missing string) {
	begin, at := findStamp(line)
	if begin < 0 {
		return l, wantStamp
	}
	l.at = at
	before, n := firstFields(line[:begin])
	if n < 3 {
		return l, wantClient
	}
	// A user's name may hold blanks, too: with a virtual host the second field is
	// an address and the third nearly always "-"; else the second is.
	if n > 3 && string(before[1]) != "-" && (string(before[2]) == "-" || bytes.ContainsAny(before[1], ".:")) {
		l.host = hostOf(before[0])
	}
	rest := line[begin+stampLength:]
	if !bytes.HasPrefix(rest, []byte(` "`)) {
		return l, wantRequest
	}
	request, status, missing := cutRequest(rest[2:])
	if missing != "" {
		return l, missing
	}
	l.target, l.status = targetOf(request), status
	return l, ""
}

// firstFields are the first three of the fields between blanks, and the number of all.
func firstFields(s []byte) (first [3][]byte, n int) {
	for {
		s = bytes.TrimLeft(s, " \t")
		if len(s) == 0 {
			return first, n
		}
		end := bytes.IndexAny(s, " \t")
		if end < 0 {
			end = len(s)
		}
		if n < len(first) {
			first[n] = s[:end]
		}
		n++
		s = s[end:]
	}
}

// findStamp is where the first time in brackets begins, -1 if there is none.
func findStamp(line []byte) (begin int, at int64) {
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '[')
		if i < 0 || from+i+stampLength > len(line) {
			return -1, 0
		}
		if at, ok := readStamp(line[from+i : from+i+stampLength]); ok {
			return from + i, at
		}
		from += i + 1
	}
}

var monthNames = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// readStamp reads [02/Mar/2026:08:00:00 +0100]. A log has a time in every line, so
// it does without the layouts of time.Parse.
func readStamp(s []byte) (at int64, ok bool) {
	for i, want := range "[00/---/0000:00:00:00 +0000]" {
		switch c := s[i]; want {
		case '0':
			ok = '0' <= c && c <= '9'
		case '-':
			ok = true
		case '+':
			ok = c == '+' || c == '-'
		default:
			ok = rune(c) == want
		}
		if !ok {
			return 0, false
		}
	}
	number := func(i, n int) (v int) {
		for _, c := range s[i : i+n] {
			v = 10*v + int(c-'0')
		}
		return v
	}
	month := 0
	for i, name := range monthNames {
		if string(s[4:7]) == name {
			month = i + 1
		}
	}
	day, year := number(1, 2), number(8, 4)
	hour, minute, second := number(13, 2), number(16, 2), number(19, 2)
	zoneHours, zoneMinutes := number(23, 2), number(25, 2)
	if month == 0 || year < 1970 || year > 2200 || hour > 23 || minute > 59 || second > 60 || zoneHours > 15 || zoneMinutes > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if day == 0 || t.Day() != day && second < 60 { // 31 February
		return 0, false
	}
	offset := int64(zoneHours*3600 + zoneMinutes*60)
	if s[22] == '-' {
		offset = -offset
	}
	at = t.Unix() - offset
	return at, at >= 0
}

// hostOf is the name of a virtual host without its port.
func hostOf(s []byte) []byte {
	if end := bytes.IndexByte(s, ']'); end > 0 && s[0] == '[' { // [2001:db8::1]:443
		return s[1:end]
	}
	if name, port, ok := bytes.Cut(s, []byte(":")); ok && len(bytes.Trim(port, "0123456789")) == 0 {
		return name
	}
	return s
}

// cutRequest cuts what follows the opening quote into request and status. The
// closing quote is the first that is not escaped and that a status follows: some
// logs escape nothing.
func cutRequest(s []byte) (request []byte, status int, missing string) {
	missing = wantRequest
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			if status, ok := readStatus(s[i+1:]); ok {
				return s[:i], status, ""
			}
			missing = wantStatus
		}
	}
	return nil, 0, missing
}

// readStatus reads a blank and three digits, or "-", that end a field.
func readStatus(s []byte) (status int, ok bool) {
	if len(s) < 2 || s[0] != ' ' {
		return 0, false
	}
	field, _, _ := bytes.Cut(s[1:], []byte(" "))
	if string(field) == "-" {
		return 0, true
	}
	if len(field) != 3 || len(bytes.Trim(field, "0123456789")) != 0 {
		return 0, false
	}
	status = int(field[0]-'0')*100 + int(field[1]-'0')*10 + int(field[2]-'0')
	if status > 0 && status < 100 {
		return 0, false
	}
	return status, true
}

// targetOf is the target of a request such as GET /a?b HTTP/1.1, without scheme
// and host where a client sent them.
func targetOf(request []byte) []byte {
	_, rest, ok := bytes.Cut(request, []byte(" "))
	if !ok {
		return nil // "-", or bytes that are no HTTP
	}
	target := rest
	if i := bytes.LastIndexByte(rest, ' '); i >= 0 && bytes.HasPrefix(rest[i+1:], []byte("HTTP/")) {
		target = rest[:i]
	}
	if bytes.HasPrefix(target, []byte("/")) {
		return target
	}
	if _, after, ok := bytes.Cut(target, []byte("://")); ok {
		if i := bytes.IndexByte(after, '/'); i >= 0 {
			return after[i:]
		}
		return []byte("/")
	}
	return target
}

// Statuses are the statuses that count, such as 2xx and 404. The zero value counts all.
type Statuses struct {
	some    bool
	classes [10]bool
	single  map[int]bool
}

// ParseStatuses reads classes and single ones. bad is the first text that is
// neither, and "" if there is none.
func ParseStatuses(texts []string) (s Statuses, bad string) {
	for _, t := range texts {
		t = strings.ToLower(strings.TrimSpace(t))
		n, err := strconv.Atoi(t)
		switch {
		case len(t) == 3 && t[0] >= '1' && t[0] <= '9' && t[1:] == "xx":
			s.classes[t[0]-'0'] = true
		case err == nil && n >= 100 && n <= 999:
			if s.single == nil {
				s.single = map[int]bool{}
			}
			s.single[n] = true
		default:
			return s, t
		}
		s.some = true
	}
	return s, ""
}

// Holds reports whether requests of the status count.
func (s Statuses) Holds(status int) bool {
	return !s.some || s.classes[status/100] || s.single[status]
}

// IsAccessLog reports whether an input that begins with head, packed with gzip or
// not, is an access log: one of its first lines is a line of one.
func IsAccessLog(head []byte) bool {
	if bytes.HasPrefix(head, gzipMagic) {
		z, err := gzip.NewReader(bytes.NewReader(head))
		if err != nil {
			return false
		}
		head, _ = io.ReadAll(io.LimitReader(z, maxLine)) // the rest is cut off
	}
	for range 20 {
		line, rest, more := bytes.Cut(head, []byte("\n"))
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte(historyHeader)) {
			return false
		}
		if _, missing := readAccessLine(bytes.TrimRight(line, "\r")); missing == "" {
			return true
		}
		if !more {
			return false
		}
		head = rest
	}
	return false
}

var gzipMagic = []byte{0x1f, 0x8b}
