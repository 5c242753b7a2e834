package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// base is the signature base of a request (RFC 9421, section 2.5): a line for each
// component, and one for the parameters. params is the value of the
// signature's member of Signature-Input.
func base(r *http.Request, components []string, params string) (string, error) {
	var b strings.Builder
	for _, name := range components {
		v, err := component(r, name)
		if err != nil {
			return "", err
		}
		if strings.ContainsAny(v, "\r\n") {
			return "", fmt.Errorf("%s holds a line break", name)
		}
		fmt.Fprintf(&b, "\"%s\": %s\n", name, v)
	}
	b.WriteString("\"@signature-params\": " + params)
	return b.String(), nil
}

// component is the value of one component (RFC 9421, sections 2.1 and 2.2).
func component(r *http.Request, name string) (string, error) {
	switch name {
	case "@method":
		return r.Method, nil
	case "@authority":
		return authority(r), nil
	case "@path":
		if p := r.URL.EscapedPath(); p != "" {
			return p, nil
		}
		return "/", nil
	case "@query":
		return "?" + r.URL.RawQuery, nil
	}
	if strings.HasPrefix(name, "@") {
		return "", fmt.Errorf("%s is not covered here", name)
	}
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", fmt.Errorf("the field %s is missing", name)
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Trim(v, " \t")
	}
	return strings.Join(trimmed, ", "), nil
}

// authority is the host as it is signed: in lower case, without a default port.
func authority(r *http.Request) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

// mac is the HMAC-SHA256 of a signature base (RFC 9421, section 3.3.3).
func mac(key []byte, base string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(base))
	return h.Sum(nil)
}

// digest is the value of Content-Digest for a body (RFC 9530, section 2).
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

var errDigest = errors.New("the body is not the one that Content-Digest tells")

func checkDigest(r *http.Request, body []byte) error {
	values := r.Header.Values("Content-Digest")
	if len(values) != 1 || subtle.ConstantTimeCompare([]byte(values[0]), []byte(digest(body))) != 1 {
		return errDigest
	}
	return nil
}
