package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// serverName is what every server's certificate is for, wherever it listens:
// agents know it by its authority, not by its address.
const serverName = "server.agents.forescale"

// Issue signs a certificate for the agent of a node, valid for [LeafLife] from
// now. request is its certificate signing request in DER, of which the key alone
// is taken: name and use are the authority's to say. The serial number follows from
// node and key, so the same key gets the same one again. Errors are a
// *forescale.Fault, certificate_request.
func (a *Authority) Issue(request []byte, node string, now time.Time) (*x509.Certificate, error) {
	bad := func(what string, err error) error {
		return &forescale.Fault{Code: "certificate_request", Where: "agents/" + node, What: what, Err: err,
			Help: "use an agent of the same version as the server; no certificate was issued"}
	}
	if !forescale.ValidName(node) {
		return nil, bad(fmt.Sprintf("%q is not a node name", node), nil)
	}
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil, bad("the certificate request cannot be read", err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, bad("the certificate request is not signed with its own key", err)
	}
	if k, ok := r.PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		return nil, bad("the key of the certificate request is not ECDSA P-256", nil)
	}
	id := &url.URL{Scheme: "forescale", Host: a.pin.Cluster(), Path: "/agent/" + node}
	return a.leaf(r.PublicKey, now, &x509.Certificate{SerialNumber: serialFor(node, r.RawSubjectPublicKeyInfo),
		Subject: pkix.Name{CommonName: node}, URIs: []*url.URL{id}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// serialFor is the serial number of a certificate of a node for a public key: of 120 bits,
// as others are.
func serialFor(node string, public []byte) *big.Int {
	sum := sha256.Sum256(append([]byte(node+"\x00"), public...))
	n := new(big.Int).SetBytes(sum[:15])
	return n.Add(n, big.NewInt(1)) // never 0, which is not allowed
}

// leaf signs t with what all leaves have.
func (a *Authority) leaf(public crypto.PublicKey, now time.Time, t *x509.Certificate) (*x509.Certificate, error) {
	t.NotBefore, t.NotAfter = now.Add(-early).UTC(), now.Add(LeafLife).UTC()
	t.KeyUsage, t.BasicConstraintsValid = x509.KeyUsageDigitalSignature, true
	der, err := x509.CreateCertificate(rand.Reader, t, a.root, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// ServerConfig is TLS 1.3 for the server that agents call. Its certificate is
// made anew at half its life. An agent without a certificate gets through, since
// it has to join, and one with any certificate: ask [Authority.Identify] who it is.
func (a *Authority) ServerConfig(now func() time.Time) *tls.Config {
	var mu sync.Mutex
	var current *tls.Certificate
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequestClientCert, Time: now,
		SessionTicketsDisabled: true, // a resumed session would outlive its certificate
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			t := now()
			if current != nil && t.Before(RenewAt(current.Leaf)) && !t.Before(current.Leaf.NotBefore) {
				return current, nil
			}
			made, err := a.serverLeaf(t)
			if err == nil {
				current = made
			}
			return made, err
		},
	}
}

func (a *Authority) serverLeaf(now time.Time) (*tls.Certificate, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	c, err := a.leaf(key.Public(), now, &x509.Certificate{SerialNumber: serial,
		Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{c.Raw, a.root.Raw}, PrivateKey: key, Leaf: c}, nil
}

// RenewAt is when a leaf is to be renewed: at half its life.
func RenewAt(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
}

// Identity is who called.
type Identity struct {
	Node    string
	Serial  string // of its certificate
	Expires time.Time
}

// Expired reports whether the certificate is over at now: then it may still ask
// for a new one, and for nothing else.
func (i Identity) Expired(now time.Time) bool { return now.After(i.Expires) }

// Identify is the agent at the other end of a connection. TLS has proved that it
// holds the key; here its certificate is held against the authority at now. One
// that has expired is told by [Identity.Expired], not refused. Errors are a
// *forescale.Fault: certificate_missing or certificate_unknown.
func (a *Authority) Identify(s *tls.ConnectionState, now time.Time) (Identity, error) {
	if s == nil || len(s.PeerCertificates) == 0 {
		return Identity{}, &forescale.Fault{Code: "certificate_missing", What: "the caller shows no certificate",
			Help: "an agent gets one by `forescale agent --join TOKEN`; make a token with `forescale join-token create`"}
	}
	c := s.PeerCertificates[0]
	refuse := func(err error) (Identity, error) {
		return Identity{}, &forescale.Fault{Code: "certificate_unknown", What: "the caller's certificate is not one of an agent of this server", Err: err,
			Help: "let the node join again with a new token; nothing was done"}
	}
	// Expiry is the caller's to judge, and a clock that was set back locks nobody out.
	at := now
	if at.After(c.NotAfter) {
		at = c.NotAfter
	}
	if at.Before(c.NotBefore) {
		at = c.NotBefore
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return refuse(err)
	}
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || !forescale.ValidName(c.Subject.CommonName) {
		return refuse(errors.New("it is not for an agent"))
	}
	return Identity{Node: c.Subject.CommonName, Serial: SerialOf(c), Expires: c.NotAfter}, nil
}
