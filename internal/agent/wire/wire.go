// Package wire is what a server and its agents say to each other: join tokens as
// texts, and the bodies of requests and answers.
package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
)

// The paths that an agent calls, all with POST.
const (
	PathJoin  = "/v1/agent/join"
	PathRenew = "/v1/agent/renew"
	PathBeat  = "/v1/agent/beat"
)

// MaxBody bounds every body in bytes, and MaxSamples the samples of one beat.
const (
	MaxBody    = 1 << 20
	MaxSamples = 2000
)

// Token is a join token as its node gets it.
type Token struct {
	Node   string
	Secret []byte        // of secretSize bytes
	Pin    authority.Pin // of the server's authority
}

const (
	tokenPrefix = "fsj_" // marks a secret of ours, so that scanners can find one that leaked
	secretSize  = 32
)

// NewToken makes a token for a node.
func NewToken(node string, pin authority.Pin) Token {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails, by its documentation
	return Token{Node: node, Secret: secret, Pin: pin}
}

// Hash is what is kept of the token's secret.
func (t Token) Hash() []byte {
	sum := sha256.Sum256(t.Secret)
	return sum[:]
}

// String is the token as it is handed over: fsj_NODE.SECRET.PIN.
func (t Token) String() string {
	return tokenPrefix + t.Node + "." + base64.RawURLEncoding.EncodeToString(t.Secret) + "." + base64.RawURLEncoding.EncodeToString(t.Pin[:])
}

// ParseToken reads a token. The error is a *forescale.Fault, join_token_malformed,
// which does not show it.
func ParseToken(text string) (t Token, err error) {
	bad := &forescale.Fault{Code: "join_token_malformed", Where: "--join", What: "this is not a join token",
		Help: "copy all of what `forescale join-token create` printed: fsj_NODE.SECRET.PIN"}
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), tokenPrefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 || !forescale.ValidName(parts[0]) {
		return t, bad
	}
	secret, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	pin, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(secret) != secretSize || len(pin) != len(t.Pin) {
		return t, bad
	}
	return Token{Node: parts[0], Secret: secret, Pin: authority.Pin(pin)}, nil
}

// Join asks for the first certificate. It is not signed: there is no key yet.
type Join struct {
	Secret  []byte          `json:"secret"`
	Agent   forescale.Agent `json:"agent"`   // what the agent tells of its node; the rest is ignored
	Request []byte          `json:"request"` // certificate signing request, DER
}

// Renew asks for the next certificate.
type Renew struct {
	Agent   forescale.Agent `json:"agent"`
	Request []byte          `json:"request"`
}

// Credential is the answer to both.
type Credential struct {
	Certificate []byte `json:"certificate"` // DER
	SigningKey  []byte `json:"signing_key"`
}

// Beat tells that the agent lives, and what it measured.
type Beat struct {
	Session string   `json:"session"` // of the agent's process
	Samples []Sample `json:"samples"`
}

// Sample is one measurement of the agent's own node.
type Sample struct {
	Metric forescale.Metric `json:"metric"`
	Time   time.Time        `json:"time"` // the server's
	Value  float64          `json:"value"`
}

// Beaten is the answer to a beat.
type Beaten struct {
	Kept    int `json:"kept"`
	Refused int `json:"refused"` // samples that cannot be true
}

// Problem is the answer to what was refused.
type Problem struct {
	Code  string `json:"code"`
	What  string `json:"detail"`
	Where string `json:"where,omitempty"`
	Help  string `json:"help,omitempty"`
}

// ProblemOf is a fault as it is told.
func ProblemOf(f *forescale.Fault) Problem {
	return Problem{Code: f.Code, What: f.What, Where: f.Where, Help: f.Help}
}

// Fault is the problem as it was before it was told.
func (p Problem) Fault() *forescale.Fault {
	return &forescale.Fault{Code: p.Code, What: p.What, Where: p.Where, Help: p.Help}
}
