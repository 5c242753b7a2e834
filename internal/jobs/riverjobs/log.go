package riverjobs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quiet is the log as River gets it. What is ordinary to us is no news, what it
// calls an error it tries again by itself, and each is told twice a minute at
// most. pgx puts the user into its errors, so these lose their text.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(&handler{Handler: log.Handler(), told: &told{at: map[string]time.Time{}}})
}

type handler struct {
	slog.Handler
	told *told
}

// told is when a message was told last.
type told struct {
	mu sync.Mutex
	at map[string]time.Time
}

// repeatAfter is how soon a warning is told again.
const repeatAfter = 30 * time.Second

// Enabled implements [slog.Handler].
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.Handler.Enabled(ctx, level(l))
}

func level(l slog.Level) slog.Level {
	if l < slog.LevelWarn {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && !h.told.again(r.Message, r.Time) {
		return nil
	}
	out := slog.NewRecord(r.Time, level(r.Level), "river: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if strings.Contains(a.Value.String(), "failed to connect") {
			a.Value = slog.StringValue("the database does not answer")
		}
		out.AddAttrs(a)
		return true
	})
	return h.Handler.Handle(ctx, out)
}

func (t *told) again(message string, at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.at[message]; ok && at.Sub(last) < repeatAfter {
		return false
	}
	if len(t.at) > 100 { // there are not that many; a message with a number in it must not fill the memory
		clear(t.at)
	}
	t.at[message] = at
	return true
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(as), h.told}
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.told}
}
