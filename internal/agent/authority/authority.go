package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"
)

// How long certificates live.
const (
	LeafLife = 24 * time.Hour            // of a server or an agent; renewed at half of it
	rootLife = 10 * 365 * 24 * time.Hour // of the authority
	// early is how long before its issue a leaf is valid: clocks differ.
	early = 5 * time.Minute
)

// secretSize is the length in bytes of the secret that signing keys are made from.
const secretSize = 32

// Pin is the SHA-256 of a root certificate. Who knows it knows the authority.
type Pin [sha256.Size]byte

// Cluster is a short name of the authority: all servers that share it, and
// their agents.
func (p Pin) Cluster() string { return hex.EncodeToString(p[:8]) }

// Authority issues certificates. It is safe for concurrent use.
type Authority struct {
	root   *x509.Certificate
	key    *ecdsa.PrivateKey
	secret []byte // secretSize bytes; signing keys are derived from it
	pin    Pin
}

// New makes an authority that begins at now. It is kept nowhere yet.
func New(now time.Time) (*Authority, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "forescale agents"},
		NotBefore: now.Add(-early).UTC(), NotAfter: now.Add(rootLife).UTC(),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the authority's certificate: %w", err)
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails, by its documentation
	return assemble(der, key, secret)
}

func assemble(der []byte, key *ecdsa.PrivateKey, secret []byte) (*Authority, error) {
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	return &Authority{root: root, key: key, secret: secret, pin: sha256.Sum256(der)}, nil
}

// Pin is the hash of the root.
func (a *Authority) Pin() Pin { return a.pin }

// SigningKey is the key, of 32 bytes, that the agent with this certificate and
// the server sign with. It is derived (HKDF-SHA256), so no store holds it, and
// changes with each certificate.
func (a *Authority) SigningKey(serial string) []byte {
	key, err := hkdf.Key(sha256.New, a.secret, nil, "forescale agent signing key\x00"+serial, sha256.Size)
	if err != nil {
		panic("authority: derive a key: " + err.Error()) // only for lengths that are never asked for
	}
	return key
}

// NewKey is a private key that certificates are made for.
func NewKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a private key: %w", err)
	}
	return key, nil
}

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil // never 0, which is not allowed
}

// SerialOf is how the serial number of a certificate is written everywhere.
func SerialOf(c *x509.Certificate) string { return c.SerialNumber.Text(16) }
