package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/internal/store/timescale"
)

// storeFlags say which store a command works on.
type storeFlags struct{ config, store string }

func addStoreFlags(cmd *cobra.Command) *storeFlags {
	f := &storeFlags{}
	cmd.Flags().StringVar(&f.config, "config", "", "config file (FORESCALE_CONFIG)")
	cmd.Flags().StringVar(&f.store, "store", "", storeUsage)
	return f
}

const storeUsage = "store: a path, sqlite://PATH or postgres://HOST/DATABASE (FORESCALE_STORE; default in the state directory)"

// isPostgres reports whether a store is a database rather than a file.
func isPostgres(store string) bool {
	return strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://")
}

// storeName is the store as it may be shown: without user and password.
func storeName(store string) string {
	if isPostgres(store) {
		return firstOf(timescale.Place(store), "postgres://")
	}
	return store
}

// besideStore is the path whose neighbours are the files that belong to a store:
// its own, or one in the state directory for a database.
func (a *app) besideStore(store string) (string, error) {
	if !isPostgres(store) {
		return store, nil
	}
	path, err := a.defaultStore()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(storeName(store)))
	return filepath.Join(filepath.Dir(path), "postgres-"+hex.EncodeToString(sum[:6])), nil
}

// storePath is the path or address of the store: flag, environment, config, state directory.
func (a *app) storePath(flag string, c *Config) (string, error) {
	path := firstOf(flag, a.getenv("FORESCALE_STORE"), c.Store)
	a.warnOfPassword("--store", flag)
	if path == "" {
		return a.defaultStore()
	}
	return a.placeOfStore(path)
}

// placeOfStore is the path or address of a store that was named.
func (a *app) placeOfStore(path string) (string, error) {
	if isPostgres(path) {
		return path, nil
	}
	if scheme, rest, ok := strings.Cut(path, "://"); ok {
		if scheme != "sqlite" {
			return "", usage(fmt.Sprintf("%q is not a kind of store", scheme), "use a path, sqlite://PATH or postgres://HOST/DATABASE")
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
	password, err := a.storePassword(c)
	if err != nil {
		return err
	}
	s, err := openStore(ctx, path, password...)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, s), s.Close())
}

// loadConfig reads the file of the flag or the environment, if there is one.
func (a *app) loadConfig(flag string) (*Config, error) {
	return loadConfig(firstOf(flag, a.getenv("FORESCALE_CONFIG")))
}

// openStore opens the store at a path or address and makes it and its directory
// if need be. Every error is a fault that says what to do.
func openStore(ctx context.Context, path string, opts ...timescale.Option) (store.Store, error) {
	if isPostgres(path) {
		s, err := timescale.Open(ctx, path, append(opts, timescale.WithVersion(version))...)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, storeFault(path, err)
	}
	s, err := sqlite.Open(ctx, path, sqlite.WithVersion(version))
	if err != nil {
		return nil, storeFault(path, err)
	}
	return s, nil
}

// warnOf logs what a store has to say.
func warnOf(st store.Store, log *slog.Logger) {
	if db, ok := st.(*timescale.Store); ok {
		for _, w := range db.Warnings() {
			log.Warn(w.What, "code", w.Code, "store", w.Where, "help", w.Help)
		}
	}
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
