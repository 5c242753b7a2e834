package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/internal/store/timescale"
)

// storeCopy is a copy of one store to another place.
type storeCopy struct {
	config, from, to string
	live             bool
}

func newStoreCopy(a *app) *cobra.Command {
	c := &storeCopy{}
	cmd := &cobra.Command{
		Use:   "copy --from STORE --to STORE",
		Short: "Copy a store to another place, with its whole history",
		Long: `Copy a store to another place, with its whole history: from a file to a database,
back, or to another file. Then every row of both is compared, and counts and sums are
shown.

The target must be empty. A copy that was cut off goes on when the same command runs
again; until it is done, no server starts on the target. No server may run on either.

--live copies a store that a server runs on, as it is at one moment: a backup. Such a
copy cannot be taken up again when it was cut off.

A schema of an older version is brought up to date first, in both. The password of a
database comes from PGPASSWORD, .pgpass or FORESCALE_STORE_PASSWORD_FILE.`,
		Example: "  forescale store copy --from sqlite:///var/lib/forescale/forescale.db --to postgres://forescale@db.example/forescale\n" +
			"  forescale store copy --live --from forescale.db --to backup.db",
		Args: wants(),
	}
	cmd.Flags().StringVar(&c.config, "config", "", "config file, for store_password_file (FORESCALE_CONFIG)")
	cmd.Flags().StringVar(&c.from, "from", "", "store to copy: a path, sqlite://PATH or postgres://HOST/DATABASE")
	cmd.Flags().StringVar(&c.to, "to", "", "empty store to copy to")
	cmd.Flags().BoolVar(&c.live, "live", false, "copy a store that a server runs on, as it is at one moment")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.copyStore(cmd.Context(), *c) }
	return cmd
}

func (a *app) copyStore(ctx context.Context, c storeCopy) (err error) {
	if c.from == "" || c.to == "" {
		return usage("--from or --to is missing", "write: forescale store copy --from STORE --to STORE")
	}
	conf, err := a.loadConfig(c.config)
	if err != nil {
		return err
	}
	a.warnOfPassword("--from", c.from)
	a.warnOfPassword("--to", c.to)
	if c.from, err = a.placeOfStore(c.from); err != nil {
		return err
	}
	if c.to, err = a.placeOfStore(c.to); err != nil {
		return err
	}
	if !isPostgres(c.from) {
		if _, err := os.Stat(c.from); err != nil {
			return &forescale.Fault{Code: "store_missing", What: "there is no store to copy: " + reason(err), Where: c.from, Err: err,
				Help: "name the store that forescale serve runs on; nothing was changed"}
		}
	}
	from, closeFrom, err := a.openForCopy(ctx, conf, c.from, !c.live)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeFrom()) }()
	to, closeTo, err := a.openForCopy(ctx, conf, c.to, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTo()) }()
	if err := a.copyConfigMemory(c); err != nil {
		return err
	}
	return a.runCopy(ctx, c, from, to)
}

// copyConfigMemory takes along what was last taken over from the config, the small
// file beside a store: without it the config would win over what the API changed.
// What is there already stays.
func (a *app) copyConfigMemory(c storeCopy) error {
	from, err := a.besideStore(c.from)
	if err != nil {
		return err
	}
	to, err := a.besideStore(c.to)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from + ".config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err != nil {
		return storeFault(from+".config.json", err)
	}
	f, err := os.OpenFile(to+".config.json", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return storeFault(to+".config.json", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return storeFault(to+".config.json", err)
	}
	return nil
}

func (a *app) runCopy(ctx context.Context, c storeCopy, from, to store.Copier) error {
	var done, total atomic.Int64
	bar := a.progressOf("rows", &total, done.Load)
	copied, err := store.Copy(ctx, from, to, store.Copying{From: storeName(c.from), Live: c.live, Moved: func(d, t int64) {
		total.Store(t)
		done.Store(d)
	}})
	bar.finish()
	if ctx.Err() != nil {
		help := "run the same command again: it goes on from there"
		if c.live {
			help = "empty the target, and copy again"
		}
		return &forescale.Fault{Code: "interrupted", Where: storeName(c.to), Err: ctx.Err(), Help: help,
			What: fmt.Sprintf("stopped after %s of %s rows, written or compared", thousands(done.Load()), thousands(total.Load()))}
	}
	if err != nil {
		return placed(err, storeName(c.to))
	}
	t := newTable("TABLE", "ROWS", "SUM").alignRight(1, 2)
	for _, one := range copied {
		t.add(one.Table, thousands(one.Rows), fmt.Sprintf("%.6g", one.Sum))
	}
	defer a.hint("Every row is the same in both. Next: forescale serve --store %s", storeName(c.to))
	return a.write(t)
}

// placed says where a fault is that does not say so itself.
func placed(err error, where string) error {
	var f *forescale.Fault
	if errors.As(err, &f) && f.Where == "" {
		g := *f
		g.Where = where
		return &g
	}
	return err
}

// openForCopy opens one side of a copy. A store that is held has no server, and
// gets none until it is closed.
func (a *app) openForCopy(ctx context.Context, c *Config, path string, hold bool) (store.Copier, func() error, error) {
	var undo []func() error
	closeAll := func() error {
		var errs []error
		for i := range undo {
			errs = append(errs, undo[len(undo)-1-i]())
		}
		return errors.Join(errs...)
	}
	fail := func(err error) (store.Copier, func() error, error) { return nil, nil, errors.Join(err, closeAll()) }
	if hold && !isPostgres(path) {
		lock, err := lockStore(path)
		if err != nil {
			return fail(err)
		}
		undo = append(undo, lock.release)
	}
	if !isPostgres(path) {
		s, err := sqlite.Open(ctx, path, sqlite.WithVersion(version), sqlite.ForCopy())
		if err != nil {
			return fail(storeFault(path, err))
		}
		undo = append(undo, s.Close)
		return s, closeAll, nil
	}
	opts, err := a.storePassword(c)
	if err != nil {
		return fail(err)
	}
	s, err := timescale.Open(ctx, path, append(opts, timescale.WithVersion(version), timescale.ForCopy())...)
	if err != nil {
		return fail(err)
	}
	undo = append(undo, s.Close)
	for _, w := range s.Warnings() {
		fmt.Fprintf(a.stderr, "warning: %s\n  help: %s\n", w.What, w.Help)
	}
	if hold {
		release, err := holdDatabase(ctx, s, storeName(path))
		if err != nil {
			return fail(err)
		}
		undo = append(undo, release)
	}
	return s, closeAll, nil
}
