package loop_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// backup copies the store while it is in use.
func (b *bench) backup() string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "backup.db")
	to, err := sqlite.Open(b.t.Context(), path)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := store.Copy(b.t.Context(), b.store.(store.Copier), to, store.Copying{Live: true}); err != nil {
		b.t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// restore puts a backup in the store's place and starts again.
func (b *bench) restore(backup string) {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(backup, b.path); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// What was started after an old backup is unknown to it, and what ended since is
// not there any more.
func TestAnOldBackupIsPutBack(t *testing.T) {
	t.Run("what was started since is taken in, not stopped and not doubled", func(t *testing.T) {
		b := newBench(t, nil)
		b.run(20 * time.Minute)
		old := b.backup()
		b.load = 500
		b.run(20 * time.Minute)
		there := b.world.Ready("web")
		if there < 5 {
			t.Fatalf("%d are ready: too few to show anything", there)
		}
		b.restore(old)
		for range 30 {
			b.run(interval)
			if got := b.world.Ready("web"); got < there {
				t.Fatalf("%d of %d are left; %s", got, there, b.why())
			}
		}
		b.want(there)
		is, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: "web", Live: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range is {
			if i.Origin != forescale.OriginStarted { // else its remains would be left to somebody else
				t.Errorf("%s is taken in as %s", i.ID, i.Origin)
			}
		}
	})
	t.Run("what ended since is not started anew", func(t *testing.T) {
		b := newBench(t, nil)
		b.load = 500
		b.run(20 * time.Minute)
		old := b.backup()
		b.load = 30
		b.run(90 * time.Minute)
		there := b.world.Ready("web")
		if there > 2 {
			t.Fatalf("%d are ready: too many to show anything", there)
		}
		b.restore(old)
		for range 30 {
			b.run(interval)
			if got := len(b.world.Names("web")); got > there+1 {
				t.Fatalf("%d instances where %d were enough; %s", got, there, b.why())
			}
		}
		b.want(there)
	})
}
