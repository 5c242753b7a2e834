package riverjobs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatTheQueueLogs(t *testing.T) {
	var out bytes.Buffer
	log := quiet(slog.New(slog.NewTextHandler(&out, nil))).With("id", 7)
	log.Info("started")
	for range 3 {
		log.Error("cannot fetch", "err", "failed to connect to `user=zoe database=fore`: refused")
	}
	log.Warn("slow", "took", 3)
	if got := out.String(); strings.Contains(got, "zoe") || strings.Contains(got, "started") || strings.Count(got, "level=WARN") != 2 ||
		strings.Count(got, "the database does not answer") != 1 || !strings.Contains(got, "id=7") || strings.Contains(got, "ERROR") {
		t.Errorf("it says:\n%s", got)
	}
}
