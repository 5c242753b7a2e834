package signature

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// About is what a request is about.
type About struct {
	Node     string
	Cluster  string
	Fence    int64
	Decision string // "" is none
}

// Signer signs requests that go one way.
type Signer struct {
	KeyID string // serial number of the agent's certificate
	Key   []byte
	Tag   string // ToServer or ToAgent
}

// Sign adds the fields of a, the digest of body and the signature to r, whose
// method, host and address are not changed afterwards. now is the verifier's time
// as far as it is known.
func (s Signer) Sign(r *http.Request, body []byte, a About, now time.Time) error {
	r.Header.Set(FieldNode, a.Node)
	r.Header.Set(FieldCluster, a.Cluster)
	r.Header.Set(FieldFence, strconv.FormatInt(a.Fence, 10))
	r.Header.Set(FieldDecision, cmp.Or(a.Decision, "-"))
	r.Header.Set("Content-Digest", digest(body))
	in := input{components: Covered, created: now.Unix(), nonce: rand.Text(), keyID: s.KeyID, tag: s.Tag}
	b, err := base(r, Covered, in.String())
	if err != nil {
		return fmt.Errorf("sign a request: %w", err)
	}
	r.Header.Set("Signature-Input", label+"="+in.String())
	r.Header.Set("Signature", label+"=:"+base64.StdEncoding.EncodeToString(mac(s.Key, b))+":")
	return nil
}
