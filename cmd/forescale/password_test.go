package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestThePasswordOfTheDatabaseComesFromAFile(t *testing.T) {
	const secret = "s3cret-word"
	s := newShell(t)
	a := &app{env: s.lookup}
	s.env["FORESCALE_STORE_PASSWORD_FILE"] = s.file("pass", secret+"\n")
	if opts, err := a.storePassword(&Config{StorePasswordFile: "/nowhere"}); err != nil || len(opts) != 1 {
		t.Errorf("the environment wins over the config: %d options, %v", len(opts), err)
	}
	delete(s.env, "FORESCALE_STORE_PASSWORD_FILE")
	if opts, err := a.storePassword(&Config{}); err != nil || len(opts) != 0 {
		t.Errorf("without a file: %d options, %v", len(opts), err)
	}
	const nobody = "postgres://u@127.0.0.1:1/d?sslmode=disable"
	for name, path := range map[string]string{"a file that is not there": filepath.Join(s.dir, "none"), "an empty file": s.file("empty", "\n\n")} {
		t.Run(name, func(t *testing.T) {
			s.env["FORESCALE_STORE_PASSWORD_FILE"] = path
			s.fails(exitStore, []string{"password_unreadable", path, "FORESCALE_STORE_PASSWORD_FILE"}, "keys", "list", "--store", nobody)
			s.env["FORESCALE_STORE_PASSWORD_FILE"] = ""
			config := s.file("f.yaml", "store_password_file: "+path+"\n")
			s.fails(exitStore, []string{"password_unreadable", path}, "serve", "--config", config, "--store", nobody)
		})
	}
}

func TestAPasswordInTheCommandLineIsWarnedOfAndNotShown(t *testing.T) {
	for _, address := range []string{"postgres://u:s3cret@127.0.0.1:1/d?sslmode=disable", "postgres://u@127.0.0.1:1/d?sslmode=disable&password=s3cret"} {
		s := newShell(t)
		r := s.fails(exitStore, []string{"warning: the password in --store", "FORESCALE_STORE_PASSWORD_FILE"}, "keys", "list", "--store", address)
		if strings.Contains(r.out+r.err, "s3cret") {
			t.Error("it was shown")
		}
		s.env["FORESCALE_STORE"] = address // nobody else sees the environment
		if r := s.fails(exitStore, nil, "keys", "list"); strings.Contains(r.err, "warning") || strings.Contains(r.err, "s3cret") {
			t.Error(r.err)
		}
	}
}
