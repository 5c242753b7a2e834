package sqlite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/forescale/forescale"
	"golang.org/x/sys/unix"
)

// disk is an ext4 file system in a file, which can lose its power.
type disk struct {
	t     *testing.T
	image string
	mount string
}

// newDisk makes and mounts a disk, or skips the test where that cannot be done.
func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a file system; run the tests as root")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("needs mkfs.ext4; install e2fsprogs")
	}
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "disk.img"), mount: filepath.Join(dir, "disk")}
	if err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, 64<<20), os.Mkdir(d.mount, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.run("mkfs.ext4", "-q", "-F", d.image)
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput(); err != nil {
		t.Skipf("needs loop devices to mount a file system: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", d.mount).Run() })
	return d
}

func (d *disk) run(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// cutPower makes the disk forget everything that was not synced: it stops at
// once, without writing its journal or any page. From linux/fs/ext4/ext4.h:
// EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32), EXT4_GOING_FLAGS_NOLOGFLUSH is 2.
func (d *disk) cutPower() {
	d.t.Helper()
	f, err := os.Open(d.mount)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), 0x8004587d, 2); err != nil {
		d.t.Skipf("this kernel cannot shut an ext4 file system down: %v", err)
	}
}

// powerOn mounts what came to the disk, as a copy: a container that starts just
// now holds a copy of all mounts, so that the old one would live on, without power.
func (d *disk) powerOn() {
	d.t.Helper()
	d.run("umount", d.mount)
	old := d.image
	d.image += "+"
	d.run("cp", "--sparse=always", old, d.image)
	d.run("mount", "-o", "loop", d.image, d.mount)
}

// A sync that is under way at the moment of the cut may report success though
// nothing came to the disk: the kernel stops the journal first, and does not look
// again once it has waited. No real power cut lets a program hear of that. What
// was heard before the cut is certain, and so is every acknowledgement that
// another one followed: each write after the cut fails, so it was there before.

// lostByPowerCuts lets a child ingest and cuts its power, again and again. It
// gives what was lost, "" if nothing was.
func lostByPowerCuts(t *testing.T, loose bool) string {
	d := newDisk(t)
	path := storeIn(d.mount)
	next := 0
	for round, acks := range []int{1, 40, 7} { // the first: are even the new folder and file there?
		c := startChild(t, path, next, 0, loose)
		if !c.read(acks) {
			t.Fatalf("the child ended by itself: %v", c.said)
		}
		sure := c.last
		d.cutPower()
		c.kill()
		d.powerOn()
		sure = max(sure, c.last-1)
		t.Logf("power cut after %d batches", c.acks)
		what, there := lostBetween(t, path, sure, c.last)
		if what != "" {
			return fmt.Sprintf("round %d: %s", round, what)
		}
		next = there + 1
	}
	return ""
}

func TestEveryAcknowledgedRowSurvivesAPowerCut(t *testing.T) {
	if what := lostByPowerCuts(t, false); what != "" {
		t.Fatal(what)
	}
}

// This shows that the test above can fail: it does when nothing is synced.
func TestAPowerCutLosesRowsThatWereNotSynced(t *testing.T) {
	what := lostByPowerCuts(t, true)
	if what == "" {
		t.Fatal("nothing was lost without syncing: the power cut does not work, and proves nothing")
	}
	t.Log(what)
}

func TestAFailedSyncIsNeverAcknowledged(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace to make system calls fail; install strace")
	}
	if out, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, out)
	}
	for _, c := range []struct {
		sentence string
		when     string // which calls fail, as strace counts them
		late     bool   // the store was open and working by then
	}{
		{"all syncs fail", "1+", false},
		{"syncs fail while the store is made", "5+", false},
		{"syncs fail while it works", "60+", true},
		{"one sync fails and the next ones would not", "60", true},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			late := c.late
			path := storeIn(t.TempDir())
			c := startChild(t, path, 0, 2000, false, "strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
				"-e", "inject=fsync,fdatasync:error=EIO:when="+c.when)
			c.read(-1)
			c.cmd.Wait()
			if len(c.said) == 0 || !strings.HasPrefix(c.said[0], "refused store_failed") {
				t.Fatalf("after %d batches the child said %q", c.acks, c.said)
			}
			if slices.Contains(c.said, "acknowledged after a failure") {
				t.Fatal("a batch was acknowledged after a sync had failed")
			}
			t.Logf("refused after %d batches: %s", c.acks, c.said)
			if late && (c.acks == 0 || c.said[len(c.said)-1] != "check store_failed") {
				t.Fatalf("%d batches, %q", c.acks, c.said)
			}
			if what := lost(t, path, c.last); what != "" {
				t.Fatal(what)
			}
		})
	}
}

// smallDisk mounts a file system in memory, or skips the test.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system; run the tests as root")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("needs to mount a small file system: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	return dir
}

// fillDisk writes until there is no room.
func fillDisk(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return ballast
}

func wantFault(t *testing.T, err error, code string) {
	t.Helper()
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("got %v (%s), want a fault %s", err, faultCode(err), code)
	}
	if f.What == "" || f.Where == "" || f.Help == "" {
		t.Fatalf("the fault does not say all: %s", f.Terminal())
	}
	t.Log(f.Terminal())
}

func TestAFullDiskRefusesAndWorksAgainAfterwards(t *testing.T) {
	dir := smallDisk(t, "size=4m")
	path := storeIn(dir)
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	next := 0
	for ; next < 3; next++ {
		if err := s.Append(t.Context(), childBatch(next)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // full, free, full, free
		ballast := fillDisk(t, dir)
		for err = nil; err == nil; {
			if err = s.Append(t.Context(), childBatch(next)); err == nil {
				next++ // the log had room
			}
		}
		wantFault(t, err, "disk_full")
		if _, err := s.PutService(t.Context(), forescale.Service{Name: "a"}, -1); err == nil {
			t.Fatal("a full disk took a service")
		}
		got, err := s.Samples(t.Context(), forescale.SampleQuery{})
		if err != nil || len(got) != next*rowsPerBatch {
			t.Fatalf("%d samples of %d batches, %v", len(got), next, err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), childBatch(next)); err != nil {
			t.Fatalf("after space was freed: %v", err)
		}
		next++
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if what := lost(t, path, next-1); what != "" {
		t.Fatal(what)
	}
}

func TestAFullDiskIsNamedWhenTheStoreIsOpened(t *testing.T) {
	t.Run("no space", func(t *testing.T) {
		dir := smallDisk(t, "size=1m")
		ballast := fillDisk(t, dir)
		_, err := Open(t.Context(), storeIn(dir))
		wantFault(t, err, "disk_full")
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		openIn(t, filepath.Dir(storeIn(dir)))
	})
	t.Run("no file entries", func(t *testing.T) {
		dir := smallDisk(t, "size=4m,nr_inodes=3") // the folder, state and state.db: none for the log
		_, err := Open(t.Context(), storeIn(dir))
		wantFault(t, err, "disk_full")
	})
}

func TestAReadOnlyFolderIsNamed(t *testing.T) {
	dir := smallDisk(t, "size=4m")
	s := openIn(t, dir)
	if err := errors.Join(s.Append(t.Context(), childBatch(0)), s.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("needs to mount read-only: %v: %s", err, out)
	}
	_, err := Open(t.Context(), filepath.Join(dir, "state.db"))
	wantFault(t, err, "store_unwritable")
	_, err = Open(t.Context(), filepath.Join(dir, "new", "state.db"))
	wantFault(t, err, "store_unwritable")
}
