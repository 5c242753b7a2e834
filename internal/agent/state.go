package agent

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
)

// stateFile is the file of the state directory that holds who the agent is.
const stateFile = "agent.json"

// state is who the agent is, as it lies on the node's disk. It holds secrets.
type state struct {
	Node        string    `json:"node"`
	Pin         []byte    `json:"pin"` // of the server's authority
	Certificate []byte    `json:"certificate"`
	Key         []byte    `json:"key"` // PKCS 8
	SigningKey  []byte    `json:"signing_key"`
	Known       time.Time `json:"known"`           // newest time that the server told
	Fence       int64     `json:"fence,omitempty"` // the highest that anything was asked under

	own *tls.Certificate
}

// loadState reads the state of a directory; fs.ErrNotExist if the agent has not
// joined yet. What is damaged is a *forescale.Fault, agent_state_damaged.
func loadState(dir string) (*state, error) {
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s := &state{}
	if err == nil {
		err = s.decode(data)
	}
	if err != nil {
		return nil, &forescale.Fault{Code: "agent_state_damaged", Where: path, What: "the state of this agent cannot be read: " + err.Error(), Err: err,
			Help: "remove the file and let the node join again with a new token"}
	}
	return s, nil
}

func (s *state) decode(data []byte) error {
	if err := json.Unmarshal(data, s); err != nil {
		return errors.New("it is not JSON") // the cause could show parts of a secret
	}
	leaf, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return errors.New("its certificate is not one")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(s.Key)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || !key.PublicKey.Equal(leaf.PublicKey) || len(s.Pin) != len(authority.Pin{}) || leaf.Subject.CommonName != s.Node {
		return errors.New("its parts do not belong together")
	}
	s.own = &tls.Certificate{Certificate: [][]byte{s.Certificate}, PrivateKey: key, Leaf: leaf}
	return nil
}

// save writes the state whole or not at all; when it returns, it survives a power cut.
func (s *state) save(dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the agent's state: %w", err)
	}
	return write(dir, stateFile, data)
}

func write(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, ".agent-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write the agent's state: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("write the agent's state: %w", errors.Join(err, os.Remove(f.Name())))
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write the agent's state: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// keyFile holds the key that an agent joins with, until it knows that it has joined.
const keyFile = "join.key"

// firstKey is the key to join with: the one of an earlier attempt, else a new one. One that
// is damaged is of no attempt that could be gone on with.
func firstKey(dir string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err == nil {
		if key, err := x509.ParsePKCS8PrivateKey(data); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key to join with: %w", err)
	}
	key, err := authority.NewKey()
	if err != nil {
		return nil, err
	}
	if data, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("write the key to join with: %w", err)
	}
	return key, write(dir, keyFile, data)
}

// dropFirstKey forgets it, once the state holds it.
func dropFirstKey(dir string) error {
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the key to join with: %w", err)
	}
	return nil
}

// credential is the state with a certificate that was issued for key.
func (s *state) credential(key *ecdsa.PrivateKey, certificate, signing []byte) (*state, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the agent's key: %w", err)
	}
	next := &state{Node: s.Node, Pin: s.Pin, Certificate: certificate, Key: der, SigningKey: signing, Known: s.Known, Fence: s.Fence}
	data, err := json.Marshal(next)
	if err == nil {
		err = next.decode(data)
	}
	if err != nil {
		return nil, fmt.Errorf("take the server's certificate: %w", err)
	}
	return next, nil
}
