package providers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Possible()
	if err == nil {
		t.Fatal("hosts are possible without any tool")
	}
	for _, want := range []string{"unshare", "flock", "install dockerd", "nothing was made"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it lacks %q: %v", want, err)
		}
	}
}

// The script is what says which tools it takes, and by which names.
func TestTheScriptSaysTheSame(t *testing.T) {
	t.Parallel()
	for _, tool := range tools {
		if !strings.Contains(string(LocalHost), tool+" ") {
			t.Errorf("local-host does not use %s", tool)
		}
	}
	h := Hosts{Dir: "/d", Network: 7, Program: "p", Policy: "q", Images: []string{"a", "b"}, More: []string{"X=1"}}
	for _, variable := range h.Env()[:5] {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.Contains(string(LocalHost), name) {
			t.Errorf("local-host does not know %s", name)
		}
	}
	if got := h.Env(); !slices.Contains(got, "FORESCALE_IMAGES=a b") || !slices.Contains(got, "X=1") {
		t.Errorf("environment: %v", got)
	}
	if got := append(h.Addresses(2), h.Address()); !slices.Equal(got, []string{"10.199.7.2", "10.199.7.3", "10.199.7.1"}) {
		t.Errorf("addresses: %v", got)
	}
}

// Whatever fails is told with what the script said, and all hosts are tried.
func TestEndTriesAllHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := Hosts{Script: filepath.Join(dir, "script"), Dir: filepath.Join(dir, "hosts")}
	if err := os.WriteFile(h.Script, []byte("#!/bin/sh\necho \"$2 stays\" >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(h.Dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.Dir, name, "type"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if made := h.Made(); !slices.Equal(made, []string{"a", "b"}) {
		t.Fatalf("made: %v", made)
	}
	err := h.End(t.Context())
	for _, want := range []string{"a stays", "b stays", "none stays", "exit status 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it lacks %q: %v", want, err)
		}
	}
}
