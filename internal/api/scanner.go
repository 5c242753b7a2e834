package api

import (
	"encoding/json"
	"strings"
)

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
