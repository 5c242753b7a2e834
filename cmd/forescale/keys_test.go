package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/forescale/forescale/internal/store/sqlite"
)

func TestKeysAreShownOnceAndKeptAsHashes(t *testing.T) {
	s := newShell(t)
	path := filepath.Join(s.dir, "k.db")
	secret := strings.TrimSpace(s.must("keys", "create", "--store", path, "--name", "me", "--role", "admin"))
	if !regexp.MustCompile(`^fsk_[A-Za-z0-9_-]{43}$`).MatchString(secret) {
		t.Fatalf("the secret is %q", secret)
	}
	again := strings.TrimSpace(s.must("keys", "create", "--store", path, "--name", "shop", "--role", "push", "--service", "checkout"))
	if again == secret {
		t.Fatal("two keys have one secret")
	}
	for _, args := range [][]string{{"keys", "list"}, {"keys", "list", "-o", "json"}, {"keys", "list", "-o", "csv"}} {
		out := s.must(append(args, "--store", path)...)
		if strings.Contains(out, secret) || strings.Contains(out, "fsk_") || !strings.Contains(out, "checkout") {
			t.Errorf("%v shows\n%s", args, out)
		}
	}
	for _, name := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(data), secret) {
			t.Errorf("the secret is in %s", name)
		}
	}
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	hash := sha256.Sum256([]byte(secret))
	k, err := st.KeyByHash(t.Context(), hash[:])
	if err != nil || k.Name != "me" {
		t.Fatalf("the key is not found by its hash: %+v, %v", k, err)
	}
	s.fails(exitFailed, []string{"fits several keys", "nothing was revoked"}, "keys", "revoke", "key_", "--store", path)
	s.fails(exitFailed, []string{`there is no key "nope"`}, "keys", "revoke", "nope", "--store", path)
	s.must("keys", "revoke", k.ID[:len(k.ID)-1], "--store", path) // a unique beginning will do
	if k, err = st.KeyByHash(t.Context(), hash[:]); err != nil || k.RevokedAt.IsZero() {
		t.Errorf("after revoking: %+v, %v", k, err)
	}
}

func TestKeysThatMakeNoSenseAreRefused(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct {
		name, word string
		args       []string
	}{
		{"no name", "no name", []string{"--role", "read"}},
		{"no role", "is not a role", []string{"--name", "x"}},
		{"a role that is none", `"root" is not a role`, []string{"--name", "x", "--role", "root"}},
		{"a push key for nothing", "for one service", []string{"--name", "x", "--role", "push"}},
		{"a read key for a service", "only a push key", []string{"--name", "x", "--role", "read", "--service", "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.fails(exitUsage, []string{c.word}, append([]string{"keys", "create"}, c.args...)...)
		})
	}
	if _, err := os.Stat(filepath.Join(s.dir, "state")); err == nil {
		t.Error("a refused key made a store")
	}
}
