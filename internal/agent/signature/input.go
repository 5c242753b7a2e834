package signature

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// label names the one signature of a request.
const label = "forescale"

// algorithm is the one that there is.
const algorithm = "hmac-sha256"

// The longest values that are looked at, in bytes.
const (
	maxInput = 1024
	maxNonce = 64
)

// input is the member of Signature-Input.
type input struct {
	components []string
	created    int64 // seconds since 1970
	nonce      string
	keyID      string
	tag        string
}

// String is the inner list with its parameters as RFC 8941 serializes them.
func (in input) String() string {
	quoted := make([]string, len(in.components))
	for i, c := range in.components {
		quoted[i] = `"` + c + `"`
	}
	return fmt.Sprintf(`(%s);created=%d;nonce="%s";keyid="%s";alg="%s";tag="%s"`, strings.Join(quoted, " "), in.created, in.nonce, in.keyID, algorithm, in.tag)
}

var errForm = errors.New("the form of Signature-Input is not that of the agent protocol")

// parseInput reads the value of Signature-Input. It takes only what
// [input.String] writes: of one thing there is one way to write it.
func parseInput(v string) (in input, err error) {
	if len(v) > maxInput {
		return in, errForm
	}
	rest, ok := strings.CutPrefix(v, label+"=(")
	list, params, closed := strings.Cut(rest, ");")
	if !ok || !closed {
		return in, errForm
	}
	for item := range strings.SplitSeq(list, " ") {
		name, ok := unquote(item)
		if !ok || name == "" {
			return in, errForm
		}
		in.components = append(in.components, name)
	}
	fields := strings.Split(params, ";")
	if len(fields) != 5 {
		return in, errForm
	}
	created, ok := strings.CutPrefix(fields[0], "created=")
	in.created, err = strconv.ParseInt(created, 10, 64)
	if !ok || err != nil {
		return in, errForm
	}
	var alg string
	for i, p := range []struct {
		name string
		to   *string
	}{{"nonce", &in.nonce}, {"keyid", &in.keyID}, {"alg", &alg}, {"tag", &in.tag}} {
		value, ok := strings.CutPrefix(fields[i+1], p.name+"=")
		if *p.to, closed = unquote(value); !ok || !closed {
			return in, errForm
		}
	}
	if alg != algorithm || in.nonce == "" || len(in.nonce) > maxNonce || in.keyID == "" || label+"="+in.String() != v {
		return in, errForm
	}
	return in, nil
}

// unquote reads a string that needs no escapes.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	return s, !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == ';' || r == '(' || r == ')'
	})
}

// parsed are both fields of a request's signature.
func parsed(r *http.Request) (in input, sig []byte, err error) {
	inputs, sigs := r.Header.Values("Signature-Input"), r.Header.Values("Signature")
	if len(inputs) != 1 || len(sigs) != 1 {
		return in, nil, errors.New("there is not exactly one Signature-Input and one Signature")
	}
	if in, err = parseInput(inputs[0]); err != nil {
		return in, nil, err
	}
	if !slices.Equal(in.components, Covered) {
		return in, nil, fmt.Errorf("the signature covers %q, not what it must", in.components)
	}
	text, ok := strings.CutPrefix(sigs[0], label+"=:")
	text, closed := strings.CutSuffix(text, ":")
	if !ok || !closed {
		return in, nil, errors.New("the form of Signature is not " + label + "=:BASE64")
	}
	sig, err = base64.StdEncoding.Strict().DecodeString(text)
	return in, sig, err
}
