package actuator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/forescale/forescale"
)

const (
	// mostOutput is how much of what a command printed is kept: its end.
	mostOutput = 8 << 10
	// mostListed is how much a list command may print.
	mostListed = 1 << 20
	// pipeTime is how long a child that outlives its command may hold its output.
	pipeTime = time.Second
)

// runCommand runs a program in a process group of its own, which is killed when ctx
// ends. stdout is where its standard output goes; nil: it is kept with the rest. What is
// kept does not show the secret.
func runCommand(ctx context.Context, kind string, argv, env []string, stdout io.Writer, secret string) (forescale.CommandRun, error) {
	kept := &tail{most: mostOutput + len(secret), secret: secret}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.WaitDelay, cmd.Stdout, cmd.Stderr = env, pipeTime, kept, kept
	if stdout != nil {
		cmd.Stdout = stdout
	}
	inGroup(cmd)
	r := forescale.CommandRun{Kind: kind, At: time.Now().UTC(), Exit: -1}
	err := cmd.Run()
	r.Took = time.Since(r.At).Round(time.Millisecond)
	if cmd.ProcessState != nil {
		r.Exit = cmd.ProcessState.ExitCode()
	}
	r.Output = kept.String()
	if err == nil || r.Exit == 0 && errors.Is(err, exec.ErrWaitDelay) { // it left a process behind, as it may
		return r, nil
	}
	fault := &forescale.Fault{Code: "node_command_failed", Where: argv[0], Err: err, Help: "what it printed last is kept with the node: forescale nodes -o json"}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fault.What = fmt.Sprintf("the %s command did not end within %s, and was killed", kind, r.Took.Round(time.Second))
	case ctx.Err() != nil:
		fault.What = fmt.Sprintf("the %s command was killed, as the server stops", kind)
	case r.Exit >= 0:
		fault.What = fmt.Sprintf("the %s command ended with exit code %d", kind, r.Exit)
		if line := lastLine(r.Output); line != "" {
			fault.What += ": " + line
		}
	default:
		fault.What = fmt.Sprintf("the %s command could not be run: %v", kind, err)
	}
	return r, fault
}

// lastLine is the last line that says anything, as far as it fits into a sentence.
func lastLine(output string) string {
	for _, line := range slices.Backward(strings.Split(output, "\n")) {
		if line = strings.Join(strings.FieldsFunc(line, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " "); line != "" {
			return string([]rune(line)[:min(200, len([]rune(line)))])
		}
	}
	return ""
}

// tail keeps the end of what is written to it.
type tail struct {
	mu     sync.Mutex
	most   int
	secret string // not shown
	text   []byte
	cut    bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > t.most {
		p, t.cut = p[n-t.most:], true
	}
	if over := len(t.text) + len(p) - t.most; over > 0 {
		t.text, t.cut = append(t.text[:0], t.text[over:]...), true
	}
	t.text = append(t.text, p...)
	return n, nil
}

// String is what was kept, as every store can keep it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := string(t.text)
	if t.secret != "" {
		s = strings.ReplaceAll(s, t.secret, "***")
		if t.cut { // what is left of one that was cut through
			s = s[min(len(s), len(t.secret)):]
		}
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if t.cut {
		s = "…" + s
	}
	return s
}

// head keeps the begin of what is written to it, and whether there was more.
type head struct {
	most int
	text []byte
	over bool
}

func (h *head) Write(p []byte) (int, error) {
	room := h.most - len(h.text)
	h.over = h.over || len(p) > room
	h.text = append(h.text, p[:min(room, len(p))]...)
	return len(p), nil
}
