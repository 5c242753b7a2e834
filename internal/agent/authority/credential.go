package authority

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// NewRequest makes the signing request, in DER, by which an agent asks for a certificate
// for its key.
func NewRequest(node string, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: node}}, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return der, nil
}

// Caller is how an agent calls its server.
type Caller struct {
	Pin Pin // of the server's authority
	// Certificate is what the agent shows; nil shows none, as before it joined.
	Certificate func() *tls.Certificate
	// Now is the server's time as far as the agent knows it.
	Now func() time.Time
	// Known is the newest time of the server that the agent has seen, zero if none.
	// A server's certificate that ended before is refused whatever Now says.
	Known func() time.Time
}

// Config is TLS 1.3 by which the server is known by its authority, not by its
// address. A clock that differs locks nobody out: a certificate that is not valid
// now, but after the newest time that the server ever told, is taken.
func (c Caller) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: serverName, NextProtos: []string{"http/1.1"}, Time: c.Now,
		InsecureSkipVerify: true, // VerifyConnection does it, by the pin and with the server's time
		VerifyConnection:   c.verify,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.Certificate != nil {
				if own := c.Certificate(); own != nil {
					return own, nil
				}
			}
			return &tls.Certificate{}, nil
		},
	}
}

// verify holds the server's certificate against the pinned root.
func (c Caller) verify(s tls.ConnectionState) error {
	refuse := func(what string, err error) error {
		return &forescale.Fault{Code: "server_unknown", What: what, Err: err,
			Help: "check --server; if the server has a new authority, let the node join again with a new token"}
	}
	if len(s.PeerCertificates) == 0 {
		return refuse("the server shows no certificate", nil)
	}
	roots := x509.NewCertPool()
	pinned := false
	for _, p := range s.PeerCertificates {
		if sha256.Sum256(p.Raw) == c.Pin {
			roots.AddCert(p)
			pinned = true
		}
	}
	if !pinned {
		return refuse("the server's authority is not the one that the join token names", nil)
	}
	leaf := s.PeerCertificates[0]
	check := func(at time.Time) error {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: serverName, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		return err
	}
	err := check(c.Now())
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		at := leaf.NotBefore
		if c.Known != nil && c.Known().After(at) {
			at = c.Known()
		}
		err = check(at)
	}
	if err != nil {
		return refuse("the server's certificate is not valid: "+err.Error(), err)
	}
	return nil
}
