package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

// The exit codes. docs/cli.md tells the same.
const (
	exitOK           = 0
	exitFailed       = 1   // failed, or `services --check` found a service that needs attention
	exitUsage        = 2   // unknown command, flag or argument
	exitChecksFailed = 2   // of `store check` alone: something is wrong; 1 is for warnings
	exitInput        = 3   // a config or history file has faults
	exitUnreachable  = 4   // the server does not answer, nor does the origin of a trace
	exitRefused      = 5   // not allowed: a key is missing or its role is too low, or a start would be unsafe
	exitInUse        = 6   // the port or the store is in use by another process
	exitStore        = 7   // the store cannot be used: not writable, damaged, of a newer version
	exitInterrupted  = 130 // Ctrl-C before the work was done
)

// exits maps fault codes to exit codes. A code that is not here exits with 1.
var exits = map[string]int{
	"usage":               exitUsage,
	"config_unknown_key":  exitInput,
	"config_wrong_value":  exitInput,
	"config_syntax":       exitInput,
	"config_unreadable":   exitInput,
	"config_secret":       exitInput,
	"history_invalid":     exitInput,
	"warmups_invalid":     exitInput,
	"history_unreadable":  exitInput,
	"service_unknown":     exitInput,
	"trace_unknown":       exitInput,
	"time_not_existing":   exitInput,
	"server_unreachable":  exitUnreachable,
	"origin_unreachable":  exitUnreachable,
	"not_authenticated":   exitRefused,
	"unauthorized":        exitRefused,
	"forbidden":           exitRefused,
	"listen_unsafe":       exitRefused,
	"port_taken":          exitInUse,
	"store_in_use":        exitInUse,
	"store_busy":          exitInUse,
	"store_unwritable":    exitStore,
	"schema_newer":        exitStore,
	"store_damaged":       exitStore,
	"store_unreachable":   exitStore,
	"store_refused":       exitStore,
	"copy_unfinished":     exitStore,
	"copy_not_empty":      exitRefused,
	"copy_of_another":     exitRefused,
	"copy_unreadable":     exitStore,
	"copy_differs":        exitFailed,
	"store_untrusted":     exitStore,
	"store_foreign":       exitStore,
	"password_unreadable": exitStore,
	"store_missing":       exitStore,
	"store_read_only":     exitStore,
	"store_connections":   exitStore,
	"store_slow":          exitStore,
	"dsn_wrong":           exitUsage,
	"store_failed":        exitStore,
	"disk_full":           exitStore,
	"interrupted":         exitInterrupted,

	// Imports.
	"access_log_invalid":     exitInput,
	"access_log_large":       exitInput,
	"prometheus_unreachable": exitUnreachable,
	"prometheus_denied":      exitRefused,
}

// errAttention says that `services --check` found something: the table has said
// it already, only the exit code is left.
var errAttention = errors.New("attention needed")

// report writes err as a person reads it and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errAttention) {
		return exitFailed
	}
	var found findings
	if errors.As(err, &found) {
		return found.code()
	}
	fs := faultsOf(err)
	if len(fs) == 0 {
		fs = forescale.Faults{{Code: "failed", What: err.Error()}}
	}
	for i, f := range fs {
		if i > 0 {
			fmt.Fprintln(a.stderr)
		}
		fmt.Fprintln(a.stderr, a.paintFault(f))
	}
	if code, ok := exits[fs[0].Code]; ok {
		return code
	}
	return exitFailed
}

// faultsOf is err as one or more faults; of joined errors none is lost.
func faultsOf(err error) forescale.Faults {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case forescale.Faults:
		return e
	case *forescale.Fault:
		return forescale.Faults{e}
	case interface{ Unwrap() []error }:
		var fs forescale.Faults
		for _, one := range e.Unwrap() {
			fs = append(fs, faultsOf(one)...)
		}
		return fs
	}
	var fs forescale.Faults
	if errors.As(err, &fs) && len(fs) > 0 {
		return fs
	}
	var f *forescale.Fault
	if errors.As(err, &f) {
		return forescale.Faults{f}
	}
	if errors.Is(err, context.Canceled) {
		return forescale.Faults{{Code: "interrupted", What: "stopped before the work was done"}}
	}
	return forescale.Faults{{Code: "failed", What: err.Error()}}
}

// paintFault is the fault as three lines, its head in red where colour is wanted.
func (a *app) paintFault(f *forescale.Fault) string {
	s := f.Terminal()
	if !a.errColor {
		return s
	}
	head := "error[" + f.Code + "]:"
	return "\x1b[1;31m" + head + "\x1b[0m" + strings.TrimPrefix(s, head)
}

// usageFault turns what cobra says about flags and arguments into a fault.
func usageFault(err error) error {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return err
	}
	return &forescale.Fault{Code: "usage", What: strings.TrimSpace(err.Error()), Help: "see `forescale --help`, or `--help` after a command; nothing was done", Err: err}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	help := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	if s := cmd.SuggestionsFor(name); len(s) > 0 {
		help = fmt.Sprintf("did you mean %q?", s[0])
	}
	return &forescale.Fault{Code: "usage", What: fmt.Sprintf("unknown command %q for %q", name, cmd.CommandPath()), Help: help}
}
