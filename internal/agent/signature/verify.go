package signature

import (
	"crypto/hmac"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// Verifier checks requests that come one way. It is safe for concurrent use.
//
// Its time is the wall clock's of when it was made, carried on by the steady one:
// it does not jump while the process lives. What was signed before it was made is
// refused, since nobody remembers those nonces any more.
type Verifier struct {
	tag    string
	clock  forescale.Clock
	began  time.Time
	steady time.Duration // reading of the steady clock at began
	nonces *nonces
}

// NewVerifier checks requests with this tag.
func NewVerifier(tag string, clock forescale.Clock) *Verifier {
	return &Verifier{tag: tag, clock: clock, began: clock.Now(), steady: clock.Elapsed(), nonces: newNonces()}
}

// Now is the verifier's time: answers tell it in [FieldTime].
func (v *Verifier) Now() time.Time { return v.began.Add(v.clock.Elapsed() - v.steady) }

// Verify checks the signature of a request, and takes its nonce: a second time
// the same request is refused. body is all of its body; keyOf gives the key of a
// key id, or false. What it is about is as it was signed; whether node, cluster
// and fence are the right ones is the caller's to ask.
//
// Errors are a *forescale.Fault: signature_malformed, signature_wrong,
// signature_stale when clocks differ (sign again by the time of the answer),
// signature_replayed, or signature_busy when more requests come than are remembered.
func (v *Verifier) Verify(r *http.Request, body []byte, keyOf func(id string) ([]byte, bool)) (About, error) {
	in, sig, err := parsed(r)
	if err == nil {
		err = checkDigest(r, body)
	}
	if err != nil {
		return About{}, malformed(err)
	}
	about, err := aboutOf(r)
	if err != nil {
		return About{}, malformed(err)
	}
	b, err := base(r, in.components, in.String())
	if err != nil {
		return About{}, malformed(err)
	}
	key, known := keyOf(in.keyID)
	if same := hmac.Equal(sig, mac(key, b)); !known || !same || in.tag != v.tag {
		return About{}, &forescale.Fault{Code: "signature_wrong", What: "the signature does not fit the request",
			Help: "let the node join again if its state was lost; nothing was done"}
	}
	now := v.Now()
	created := time.Unix(in.created, 0)
	if off := created.Sub(now); off > Window || off < -Window || in.created <= v.began.Unix() {
		return About{}, &forescale.Fault{Code: "signature_stale", What: "the signature is of another time than the verifier's, " + now.UTC().Format(time.RFC3339),
			Help: "sign again by the time in " + FieldTime + "; nothing was done"}
	}
	return about, v.nonces.take(in.keyID, in.nonce, v.clock.Elapsed())
}

func malformed(err error) error {
	return &forescale.Fault{Code: "signature_malformed", What: "the request is not signed as it must be: " + err.Error(), Err: err,
		Help: "use an agent of the same version as the server; nothing was done"}
}

// aboutOf reads the fields that the signature covers.
func aboutOf(r *http.Request) (a About, err error) {
	for name, to := range map[string]*string{FieldNode: &a.Node, FieldCluster: &a.Cluster, FieldDecision: &a.Decision} {
		if *to, err = only(r, name); err != nil {
			return a, err
		}
	}
	if a.Decision == "-" {
		a.Decision = ""
	}
	text, err := only(r, FieldFence)
	if err != nil {
		return a, err
	}
	a.Fence, err = strconv.ParseInt(text, 10, 64)
	if err != nil || a.Fence < 0 || strconv.FormatInt(a.Fence, 10) != text {
		return a, &fieldError{FieldFence}
	}
	return a, nil
}

// only is the value of a field that comes once.
func only(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	if len(values) != 1 || values[0] == "" || values[0] != strings.TrimSpace(values[0]) {
		return "", &fieldError{name}
	}
	return values[0], nil
}

type fieldError struct{ name string }

func (e *fieldError) Error() string { return "the field " + e.name + " is missing or wrong" }
