package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// registry is what the config is written into.
type registry interface {
	Service(ctx context.Context, name string) (forescale.Service, error)
	PutService(ctx context.Context, s forescale.Service, ifVersion int64) (forescale.Service, error)
	PutNodeType(ctx context.Context, t forescale.NodeType) error
	DeleteNodeType(ctx context.Context, name string) error
	NodeTypes(ctx context.Context) ([]forescale.NodeType, error)
	PutNode(ctx context.Context, n forescale.Node) error
	DeleteNode(ctx context.Context, name string) error
	Nodes(ctx context.Context) ([]forescale.Node, error)
	PutEvent(ctx context.Context, e forescale.Event) error
	DeleteEvent(ctx context.Context, name string) error
	Events(ctx context.Context, since time.Time) ([]forescale.Event, error)
	Budgets(ctx context.Context) ([]forescale.Budget, error)
	PutBudget(ctx context.Context, b forescale.Budget, ifVersion int64) (forescale.Budget, error)
	DeleteBudget(ctx context.Context, name string) error
}

// configMemory is what was last taken over from the config file: a small file
// beside the store. With it an entry of the config wins only when it has changed,
// so that a change by the API survives a restart.
type configMemory struct {
	path  string
	known map[string]remembered // by service
	lost  bool                  // it could not be read
}

// remembered is one entry of the config as it was taken over. An entry that left
// the file stays here with empty fields.
type remembered struct {
	Entry string         `json:"entry"` // hash of all but the mode
	Mode  forescale.Mode `json:"mode,omitempty"`
}

// openConfigMemory reads the memory beside the store at path.
func openConfigMemory(store string, log *slog.Logger) *configMemory {
	m := &configMemory{path: store + ".config.json", known: map[string]remembered{}}
	data, err := os.ReadFile(m.path)
	if err == nil {
		err = json.Unmarshal(data, &m.known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what was last taken over from the config is not known; modes are only lowered", "file", m.path, "error", err)
	}
	m.lost = err != nil
	if m.known == nil {
		m.known = map[string]remembered{}
	}
	return m
}

// save replaces the file in one step.
func (m *configMemory) save() error {
	data, err := json.MarshalIndent(m.known, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.path), filepath.Base(m.path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), m.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// syncConfig takes the config's services and node types over into the store:
//
//   - a service that the store does not know is added;
//   - an entry that changed since it was last taken over replaces what is stored;
//   - an entry that did not change leaves the store, and so changes by the API, alone;
//   - the mode is looked at for itself: it follows the file only when the file's
//     mode changed, so that a service switched off by hand stays off;
//   - events, budgets, node types and nodes of the file are those of the store that
//     came from a file;
//   - a service that left the file stays registered in its mode. Nothing is
//     stopped by a reload.
func syncConfig(ctx context.Context, r registry, m *configMemory, c *Config, now time.Time, log *slog.Logger) error {
	listed := map[string]bool{}
	for _, e := range c.Services {
		listed[e.Service.Name] = true
		if err := m.takeOver(ctx, r, e.Service, now, log); err != nil {
			return fmt.Errorf("take over service %s: %w", e.Service.Name, err)
		}
	}
	for _, t := range c.NodeTypes {
		if err := r.PutNodeType(ctx, t); err != nil {
			return fmt.Errorf("take over node type %s: %w", t.Name, err)
		}
	}
	if c.File != "" { // another server may have a file
		if err := syncEvents(ctx, r, c.Events); err != nil {
			return err
		}
		if err := syncBudgets(ctx, r, c.Budgets, now); err != nil {
			return err
		}
		if err := syncNodes(ctx, r, c, now); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.known)) {
		if !listed[name] && m.known[name] != (remembered{}) {
			m.known[name] = remembered{}
			log.Warn("service left the config; it stays registered in its mode, nothing is stopped",
				"service", name, "help", "to remove it: DELETE /v1/services/"+name)
		}
	}
	m.lost = false
	if err := m.save(); err != nil {
		return fmt.Errorf("remember what was taken over: %w", err)
	}
	return nil
}

// syncEvents makes the config's events those that the store has of it. Events by the
// API stay, unless the file has one of the same name.
func syncEvents(ctx context.Context, r registry, want []forescale.Event) error {
	have, err := r.Events(ctx, time.Time{})
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	for _, e := range want {
		if slices.Contains(have, e) {
			continue
		}
		if err := r.PutEvent(ctx, e); err != nil {
			return fmt.Errorf("take over event %s: %w", e.Name, err)
		}
	}
	for _, e := range have {
		if e.Origin == forescale.OriginConfig && !slices.ContainsFunc(want, func(w forescale.Event) bool { return w.Name == e.Name }) {
			if err := r.DeleteEvent(ctx, e.Name); err != nil && !errors.Is(err, forescale.ErrNotFound) {
				return fmt.Errorf("forget event %s: %w", e.Name, err)
			}
		}
	}
	return nil
}

// takeOver brings one service of the file into the store, if it changed.
func (m *configMemory) takeOver(ctx context.Context, r registry, want forescale.Service, at time.Time, log *slog.Logger) error {
	now := remembered{Entry: entryHash(want), Mode: want.Mode}
	for attempt := 0; ; attempt++ {
		have, err := r.Service(ctx, want.Name)
		version := have.Version
		put, changed := want.WithDefaults(), true
		switch {
		case errors.Is(err, forescale.ErrNotFound):
			version = 0
		case err != nil:
			return err
		default:
			put, changed = m.merge(have, want, now)
		}
		if changed {
			put.UpdatedAt = at
			_, err = r.PutService(ctx, put, version)
		}
		if errors.Is(err, forescale.ErrConflict) && attempt < 3 {
			continue // somebody changed it in between: look again
		}
		if err != nil && changed {
			return err
		}
		if changed {
			log.Info("service taken over from the config", "service", put.Name, "mode", put.Mode)
		}
		m.known[want.Name] = now
		return nil
	}
}

// merge is what the store should hold, and whether that is a change.
func (m *configMemory) merge(have, want forescale.Service, now remembered) (forescale.Service, bool) {
	before, known := m.known[want.Name]
	put := have
	if before.Entry != now.Entry || have.Origin != forescale.OriginConfig {
		put = want.WithDefaults()
		put.Mode = have.Mode
	}
	switch {
	case want.Mode == "" || known && before.Mode == want.Mode:
	case m.lost && !known && have.Origin == forescale.OriginConfig:
		put.Mode = lessActive(have.Mode, want.Mode)
	default:
		put.Mode = want.Mode
	}
	return put, entryHash(put) != entryHash(have) || put.Mode != have.Mode
}

// lessActive is the mode that does less.
func lessActive(a, b forescale.Mode) forescale.Mode {
	rank := map[forescale.Mode]int{forescale.ModeOff: 0, forescale.ModeForecastOnly: 1, forescale.ModeActive: 2}
	if rank[a] <= rank[b] {
		return a
	}
	return b
}

// entryHash is a service's content without its mode and what the store adds.
func entryHash(s forescale.Service) string {
	s.Mode, s.Version = "", 0
	data, err := json.Marshal(struct {
		forescale.Service
		UpdatedAt struct{} `json:"updated_at"`
	}{Service: s})
	if err != nil {
		panic("forescale: a service that JSON cannot write: " + err.Error()) // floats are finite: the config checks them
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
