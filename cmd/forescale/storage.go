package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// storeFlags say which store a command works on.
type storeFlags struct{ config, store string }

func addStoreFlags(cmd *cobra.Command) *storeFlags {
	f := &storeFlags{}
	cmd.Flags().StringVar(&f.config, "config", "", "config file (FORESCALE_CONFIG)")
	cmd.Flags().StringVar(&f.store, "store", "", "store: a path or sqlite://PATH (FORESCALE_STORE; default in the state directory)")
	return f
}

// storePath is the path of the store: flag, environment, config, state directory.
func (a *app) storePath(flag string, c *Config) (string, error) {
	path := firstOf(flag, a.getenv("FORESCALE_STORE"), c.Store)
	if path == "" {
		return a.defaultStore()
	}
	if scheme, rest, ok := strings.Cut(path, "://"); ok {
		if scheme != "sqlite" {
			return "", usage(fmt.Sprintf("%q is not a kind of store", scheme), "use a path or sqlite://PATH")
		}
		path = rest
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(a.getenv("HOME"), rest)
	}
	if path == "" {
		return "", usage("the store has no path", "use a path or sqlite://PATH")
	}
	return path, nil
}

func (a *app) defaultStore() (string, error) {
	dir := a.getenv("XDG_STATE_HOME")
	if dir == "" || !filepath.IsAbs(dir) {
		home := a.getenv("HOME")
		if home == "" {
			return "", usage("there is no home directory to keep the store in", "name a path with --store or FORESCALE_STORE")
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "forescale", "forescale.db"), nil
}

// withStore opens the store, hands it to do, and closes it.
func (a *app) withStore(ctx context.Context, f *storeFlags, do func(context.Context, store.Store) error) error {
	c, err := a.loadConfig(f.config)
	if err != nil {
		return err
	}
	path, err := a.storePath(f.store, c)
	if err != nil {
		return err
	}
	s, err := openStore(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, s), s.Close())
}

// loadConfig reads the file of the flag or the environment, if there is one.
func (a *app) loadConfig(flag string) (*Config, error) {
	return loadConfig(firstOf(flag, a.getenv("FORESCALE_CONFIG")))
}

// openStore opens the store at path and makes it and its directory if need be.
// Every error is a fault that says what to do.
func openStore(ctx context.Context, path string) (*sqlite.Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, storeFault(path, err)
	}
	s, err := sqlite.Open(ctx, path, sqlite.WithVersion(version))
	if err != nil {
		return nil, storeFault(path, err)
	}
	return s, nil
}

// storeFault tells why a store cannot be opened.
func storeFault(path string, err error) error {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return err
	}
	f = &forescale.Fault{Code: "store_unwritable", What: "cannot open the store: " + reason(err), Where: path, Err: err,
		Help: "make the file and its directory writable for this user, or choose another with --store; nothing was changed"}
	switch {
	case errors.Is(err, forescale.ErrSchemaNewer):
		f.Code, f.What = "schema_newer", reason(err)
		f.Help = "start the newer version, or restore a backup of this one; nothing was changed"
	case errors.Is(err, forescale.ErrDamaged):
		f.Code, f.What = "store_damaged", reason(err)
		f.Help = "restore a backup, or move the file away and start anew; nothing was changed"
	case errors.Is(err, syscall.ENOSPC):
		f.Code, f.Help = "disk_full", "free some space; nothing was changed"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
	}
	return f
}
