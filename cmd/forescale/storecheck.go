package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
	"github.com/forescale/forescale/internal/store/timescale"
)

// findings is how many things store check found wrong: the table has said it
// already, only the exit code is left.
type findings struct{ warnings, failures int }

func (f findings) Error() string {
	return fmt.Sprintf("%d warnings, %d failures", f.warnings, f.failures)
}

// code is what store check exits with.
func (f findings) code() int {
	switch {
	case f.failures > 0:
		return exitChecksFailed
	case f.warnings > 0:
		return exitFailed
	}
	return exitOK
}

func newStoreCheck(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--store STORE]",
		Short: "Look at a store without changing anything",
		Long: `Look at a store without changing anything, also while a server runs on it: its schema,
how much it holds and from when, damage, and what should be known. The schema is not
brought up to date.

Exit code 0 is fine, 1 warnings, 2 failures.`,
		Args: wants(),
	}
	at, o := addStoreFlags(cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.checkStore(cmd.Context(), at, *o) }
	return cmd
}

func (a *app) checkStore(ctx context.Context, f *storeFlags, o format) (err error) {
	c, err := a.loadConfig(f.config)
	if err != nil {
		return err
	}
	path, err := a.storePath(f.store, c)
	if err != nil {
		return err
	}
	in, err := a.inspectStore(ctx, c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := in.Read(ctx, a.clock.Now()); err != nil {
		in.Fault("damage", err)
	}
	return a.tellFindings(in.Findings, o)
}

func (a *app) inspectStore(ctx context.Context, c *Config, path string) (*store.Inspection, error) {
	if !isPostgres(path) {
		return sqlite.Inspect(ctx, path, sqlite.WithVersion(version))
	}
	password, err := a.storePassword(c)
	if err != nil {
		return nil, err
	}
	return timescale.Inspect(ctx, path, append(password, timescale.WithVersion(version))...)
}

func (a *app) tellFindings(all []store.Finding, o format) error {
	var sum findings
	rows := make([][]string, len(all))
	for i, f := range all {
		rows[i] = []string{string(f.Level), f.About, oneLine(f.Says), f.Help}
		switch f.Level {
		case store.Warning:
			sum.warnings++
		case store.Failure:
			sum.failures++
		}
	}
	var err error
	switch o {
	case formatJSON:
		err = a.writeJSON(all)
	case formatCSV:
		err = a.writeCSV([]string{"level", "about", "says", "help"}, rows)
	default:
		for _, r := range rows {
			text := padRight(r[0], 6) + padRight(r[1], 20) + r[2]
			if r[3] != "" {
				text += "\n" + padRight("", 26) + "help: " + r[3]
			}
			if _, err = fmt.Fprintln(a.stdout, text); err != nil {
				return err
			}
		}
		a.hint("%s, %s in %d checks", counted(sum.warnings, "warning"), counted(sum.failures, "failure"), len(all))
	}
	if err == nil && sum.code() != exitOK {
		return sum
	}
	return err
}
