package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// The config wins when its entry changed; what was changed by the API since
// survives otherwise, a mode above all.
func TestConfigIsTakenOverOnlyWhereItChanged(t *testing.T) {
	type step struct {
		config string                   // of the one service; "-": the service is not in the file
		api    func(*forescale.Service) // a change by the API before the config is read
		want   string                   // max and mode afterwards
		lose   bool                     // the memory of what was taken over is lost
	}
	setMax := func(n int) func(*forescale.Service) { return func(s *forescale.Service) { s.Max = n } }
	setMode := func(m forescale.Mode) func(*forescale.Service) { return func(s *forescale.Service) { s.Mode = m } }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a new service is added", []step{{config: "max_instances: 3", want: "3 forecast-only"}}},
		{"a changed entry wins over the API", []step{
			{config: "max_instances: 3", want: "3 forecast-only"},
			{config: "max_instances: 5", api: setMax(9), want: "5 forecast-only"}}},
		{"an entry that did not change leaves the API's change", []step{
			{config: "max_instances: 3", want: "3 forecast-only"},
			{config: "max_instances: 3", api: setMax(9), want: "9 forecast-only"}}},
		{"a service switched off by hand stays off though another key changed", []step{
			{config: "{mode: active, max_instances: 3}", want: "3 active"},
			{config: "{mode: active, max_instances: 5}", api: setMode(forescale.ModeOff), want: "5 off"}}},
		{"a mode that changed in the file is followed", []step{
			{config: "{mode: forecast-only, max_instances: 3}", want: "3 forecast-only"},
			{config: "{mode: active, max_instances: 3}", want: "3 active"}}},
		{"a file that does not name a mode never changes it", []step{
			{config: "max_instances: 3", want: "3 forecast-only"},
			{config: "max_instances: 4", api: setMode(forescale.ModeActive), want: "4 active"}}},
		{"a service that left the file stays in its mode", []step{
			{config: "{mode: active}", want: "10 active"},
			{config: "-", want: "10 active"}}},
		{"and comes back with the file's mode", []step{
			{config: "{mode: active}", want: "10 active"},
			{config: "-", api: setMode(forescale.ModeOff), want: "10 off"},
			{config: "{mode: active}", want: "10 active"}}},
		{"with the memory lost, a mode is only lowered", []step{
			{config: "{mode: active}", want: "10 active"},
			{config: "{mode: active, max_instances: 7}", api: setMode(forescale.ModeOff), lose: true, want: "7 off"},
			{config: "{mode: forecast-only, max_instances: 7}", api: setMode(forescale.ModeActive), lose: true, want: "7 forecast-only"}}},
		{"a service that labels registered is taken over", []step{
			{config: "-", api: func(s *forescale.Service) {}, want: "10 forecast-only"},
			{config: "{mode: active}", want: "10 active"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			st, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			log := slog.New(slog.DiscardHandler)
			for i, step := range c.steps {
				if step.api != nil {
					s, err := st.Service(t.Context(), "checkout")
					if err != nil {
						s = forescale.Service{Name: "checkout", Origin: forescale.OriginLabel}.WithDefaults()
					}
					step.api(&s)
					if _, err := st.PutService(t.Context(), s, -1); err != nil {
						t.Fatal(err)
					}
				}
				memory := openConfigMemory(path, log) // as after a restart
				if step.lose {
					if err := os.WriteFile(memory.path, []byte("{cut off"), 0o600); err != nil {
						t.Fatal(err)
					}
					memory = openConfigMemory(path, log)
				}
				text := "services:\n  checkout: " + step.config + "\n"
				switch {
				case step.config == "-":
					text = ""
				case !strings.HasPrefix(step.config, "{"):
					text = "services:\n  checkout:\n    " + step.config + "\n"
				}
				config, err := parseConfig("f.yaml", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if err := syncConfig(t.Context(), st, memory, config, time.Now(), log); err != nil {
					t.Fatal(err)
				}
				s, err := st.Service(t.Context(), "checkout")
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.TrimSpace(thousands(s.Max) + " " + string(s.Mode)); got != step.want {
					t.Fatalf("after step %d: %s, want %s", i+1, got, step.want)
				}
				version := s.Version
				if err := syncConfig(t.Context(), st, openConfigMemory(path, log), config, time.Now(), log); err != nil {
					t.Fatal(err)
				}
				if s, _ = st.Service(t.Context(), "checkout"); s.Version != version {
					t.Fatalf("after step %d, taking the same over again wrote a new version", i+1)
				}
			}
		})
	}
}

func TestEventsOfTheConfigAreThoseOfTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	byAPI := forescale.Event{Name: "mine", From: time.Unix(0, 0), Until: time.Unix(60, 0), Factor: 2, Origin: forescale.OriginAPI}
	if err := st.PutEvent(t.Context(), byAPI); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	for _, c := range []struct{ file, text, want string }{
		{"f.yaml", "events:\n  spot: {service: a, from: 2026-11-27T18:00:00+01:00, until: 2026-11-27T19:00:00Z, factor: 1.6}\n  gap: {from: 2026-11-01T00:00:00Z, until: 2026-11-02T00:00:00Z, leave_out: true}\n", "mine=2 gap=1,out spot=1.6"},
		{"f.yaml", "events:\n  spot: {from: 2026-11-27T18:00:00Z, until: 2026-11-27T19:00:00Z, factor: 0}\n", "mine=2 spot=0"},
		{"", "", "mine=2 spot=0"}, // a server without a file
		{"f.yaml", "docker: auto\n", "mine=2"},
	} {
		config, err := parseConfig(c.file, []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := syncConfig(t.Context(), st, openConfigMemory(path, log), config, time.Now(), log); err != nil {
			t.Fatal(err)
		}
		es, err := st.Events(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range es {
			word := fmt.Sprintf("%s=%g", e.Name, e.Factor)
			if e.LeaveOut {
				word += ",out"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("after %q: %v, want %s", c.text, got, c.want)
		}
	}
}
