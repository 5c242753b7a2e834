package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/forescale/forescale"
)

// app is everything that a command may touch of the world outside: its streams,
// its environment and the clock. Tests make one of buffers.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) (string, bool)
	clock  forescale.Clock

	terminal    bool // stdout is a terminal: headers, relative times, hints
	errTerminal bool // stderr is a terminal: progress bars, colour
	color       bool // colour is wanted on stdout
	errColor    bool // and on stderr
	width       int  // columns of the terminal
	started     bool // a command's own code began: errors before it are about usage
}

// run carries out one command line and returns the exit code. It is the whole
// program but for the process around it, so tests call it as main does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env, clock: forescale.NewSystemClock(), width: 100}
	a.terminal, a.errTerminal = isTerminal(stdout), isTerminal(stderr)
	if f, ok := stdout.(*os.File); ok && a.terminal {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			a.width = min(a.width, max(w, 60))
		}
	}
	_, plain := env("NO_COLOR")
	if kind, _ := env("TERM"); kind == "dumb" {
		plain = true
	}
	a.color, a.errColor = a.terminal && !plain, a.errTerminal && !plain
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.started {
		err = usageFault(err)
	}
	return a.report(err)
}

// getenv is the value of a variable, "" when it is not set.
func (a *app) getenv(name string) string {
	v, _ := a.env(name)
	return v
}

// logger writes to stderr, from info on, or from debug on when verbose.
func (a *app) logger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// shutdownTime bounds how long an ordered stop may take.
const shutdownTime = 20 * time.Second
