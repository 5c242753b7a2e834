package demo

import (
	"archive/tar"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/forescale/forescale"
)

// Label marks every container and image of a demonstration with its owner, so
// that a later one finds what a killed one left.
const Label = "forescale.demo"

// Engine is what the demonstration itself asks of a Docker Engine. Instances
// are started and stopped by the server, as always.
type Engine interface {
	// Import makes an image of one layer, the tar, that runs entrypoint.
	Import(ctx context.Context, name string, labels map[string]string, entrypoint string, layer io.Reader) error
	// Labelled is what carries the label, with the label's value by id.
	Labelled(ctx context.Context, label string) (containers, images map[string]string, err error)
	// RemoveContainer and RemoveImage do so by force. What is gone is no error.
	RemoveContainer(ctx context.Context, id string) error
	RemoveImage(ctx context.Context, id string) error
	Close() error
}

// program is this executable, if it can run in a container from scratch.
func program() (*os.File, error) {
	bad := func(what string, err error) error {
		return &forescale.Fault{Code: "demo_not_static", What: what, Where: "forescale demo", Err: err,
			Help: "build it with `make build`, or run `forescale demo --docker off`; nothing was started"}
	}
	if runtime.GOOS != "linux" {
		return nil, bad("this is a program for "+runtime.GOOS+"; containers need one for linux", nil)
	}
	path, err := os.Executable()
	if err != nil {
		return nil, bad("this program's own file is not known", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bad("this program's own file cannot be read", err)
	}
	e, err := elf.NewFile(f)
	if err != nil {
		_ = f.Close()
		return nil, bad("this program's own file is not an executable", err)
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			_ = f.Close()
			return nil, bad("this program was built with cgo, so it cannot run in an empty container", nil)
		}
	}
	return f, nil
}

// pack writes a file as the whole content of an image.
func pack(w io.Writer, f *os.File, name string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: info.Size(), ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	if _, err := io.Copy(t, f); err != nil {
		return err
	}
	return t.Close()
}

// build makes the image of this program.
func build(ctx context.Context, e Engine, image, owner string) error {
	f, err := program()
	if err != nil {
		return err
	}
	defer f.Close()
	r, w := io.Pipe()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		w.CloseWithError(pack(w, f, "forescale"))
	}()
	err = e.Import(ctx, image, map[string]string{Label: owner}, "/forescale", r)
	_ = r.Close()
	<-packed
	if err != nil {
		return fmt.Errorf("make an image of this program: %w", err)
	}
	return nil
}

// sweep removes the containers and images of which mine says so, by owner.
// Containers that the server is removing at the same time are no error.
func sweep(ctx context.Context, e Engine, mine func(owner string) bool) (removed int, err error) {
	containers, images, err := e.Labelled(ctx, Label)
	if err != nil {
		return 0, fmt.Errorf("look for what is left: %w", err)
	}
	var errs []error
	for _, kind := range []struct {
		things map[string]string
		remove func(context.Context, string) error
	}{{containers, e.RemoveContainer}, {images, e.RemoveImage}} {
		for id, owner := range kind.things {
			if !mine(owner) {
				continue
			}
			if err := kind.remove(ctx, id); err != nil {
				errs = append(errs, fmt.Errorf("remove %.12s: %w", id, err))
				continue
			}
			removed++
		}
	}
	return removed, errors.Join(errs...)
}
