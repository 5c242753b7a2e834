package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/forescale/forescale"
)

// The PEM blocks of the authority's file.
const (
	blockRoot   = "CERTIFICATE"
	blockKey    = "PRIVATE KEY"
	blockSecret = "FORESCALE SIGNING SECRET"
)

// maxFile bounds what is read as an authority's file, in bytes.
const maxFile = 64 << 10

// Open reads the authority's file. Errors are a *forescale.Fault:
// agent_authority_missing, agent_authority_exposed when others may read it, or
// agent_authority_damaged.
func Open(path string) (*Authority, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &forescale.Fault{Code: "agent_authority_missing", Where: path, What: "there is no authority for agents", Err: err,
			Help: "`forescale serve --agents ADDRESS` makes one; servers that share a database need a copy of the same file"}
	}
	if err != nil {
		return nil, fmt.Errorf("open the authority of agents: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the authority of agents: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &forescale.Fault{Code: "agent_authority_exposed", Where: path,
			What: fmt.Sprintf("others may read or write the authority of agents (mode %04o)", info.Mode().Perm()),
			Help: "chmod 600 it; if somebody may have read it, remove it and let all agents join again"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read the authority of agents: %w", err)
	}
	a, err := decode(data)
	if err != nil {
		return nil, &forescale.Fault{Code: "agent_authority_damaged", Where: path, What: "the authority of agents cannot be read: " + err.Error(), Err: err,
			Help: "restore the file from a backup, or remove it and let all agents join again"}
	}
	return a, nil
}

// OpenOrCreate is Open, and makes the file if there is none. Of several that do
// so at once, all get the same authority.
func OpenOrCreate(path string, now time.Time) (*Authority, error) {
	a, err := Open(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	made, err := New(now)
	if err != nil {
		return nil, err
	}
	if err := made.save(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return Open(path)
}

// save writes the file whole or not at all, and leaves one that is there alone.
func (a *Authority) save(path string) (err error) {
	data, err := a.encode()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".agents-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("make the authority of agents: %w", err)
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the authority of agents: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("keep the authority of agents: %w", err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the directory of the authority: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func (a *Authority) encode() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("write the authority's key: %w", err)
	}
	var out []byte
	for _, b := range []pem.Block{{Type: blockRoot, Bytes: a.root.Raw}, {Type: blockKey, Bytes: key}, {Type: blockSecret, Bytes: a.secret}} {
		out = append(out, pem.EncodeToMemory(&b)...)
	}
	return out, nil
}

func decode(data []byte) (*Authority, error) {
	blocks := map[string][]byte{}
	for {
		b, rest := pem.Decode(data)
		if b == nil {
			break
		}
		if blocks[b.Type] != nil {
			return nil, fmt.Errorf("it has two blocks %q", b.Type)
		}
		blocks[b.Type], data = b.Bytes, rest
	}
	for _, name := range []string{blockRoot, blockKey, blockSecret} {
		if blocks[name] == nil {
			return nil, fmt.Errorf("it has no block %q", name)
		}
	}
	parsed, err := x509.ParsePKCS8PrivateKey(blocks[blockKey])
	if err != nil {
		return nil, errors.New("its key is not in PKCS 8") // the cause could show parts of the key
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || len(blocks[blockSecret]) != secretSize {
		return nil, errors.New("its key or its secret is of another kind")
	}
	a, err := assemble(blocks[blockRoot], key, blocks[blockSecret])
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(a.root.PublicKey) {
		return nil, errors.New("its key is not that of its certificate")
	}
	return a, nil
}
