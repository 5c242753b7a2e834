package actuator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/forescale/forescale"
)

// A fence is a container that is never started. Each create names it as the one
// to take volumes from, of which it has none: the engine itself refuses the
// create when the fence is gone, and a new leader removes those of all before it.
type fence struct {
	scope  string // of the store: several may act on one engine
	number int64  // of the leader; 0: no fence
}

// Where fences can be told by.
const (
	fencePrefix = "forescale-fence-"
	fenceLabel  = "forescale.fence" // its value is the scope
	fenceImage  = "forescale-fence:empty"
)

func (f fence) name() string { return fmt.Sprintf("%s%s-%d", fencePrefix, f.scope, f.number) }

// bind replaces the fence of an earlier leader, which an example may have, by this one.
func (f fence) bind(from []string) []string {
	from = slices.DeleteFunc(slices.Clone(from), func(name string) bool { return strings.HasPrefix(name, fencePrefix) })
	if f.number > 0 {
		from = append(from, f.name())
	}
	return from
}

// Under is the same actuator for the leader of this fence, in the store of this
// scope. Call Fence before it is used.
func (d *Docker) Under(number int64, scope string) *Docker {
	u := *d
	u.fence = fence{scope: scope, number: number}
	return &u
}

// Fence makes the engine refuse all that is asked under a lower fence. It returns
// a Fault fence_lower if there is a higher one. It may be repeated, and puts back
// a fence that somebody removed; call it then only while nothing else is asked of
// this actuator, after asking the store who leads.
func (d *Docker) Fence(ctx context.Context) error {
	if d.fence.number == 0 {
		return nil
	}
	if _, err := d.newestFence(ctx); err != nil {
		return err
	}
	if err := d.makeFence(ctx); err != nil {
		return d.fault("create", d.fence.name(), err)
	}
	// Looked at again after ours is there: of two that do this at the same time,
	// the lower one sees the higher, or is seen and removed by it.
	lower, err := d.newestFence(ctx)
	if err != nil {
		_ = d.removeFence(ctx, d.fence.name())
		return err
	}
	for _, name := range lower {
		if err := d.removeFence(ctx, name); err != nil {
			return d.fault("remove", name, err)
		}
	}
	d.o.Log.Debug("fence stands", "fence", d.fence.name(), "removed", len(lower))
	return nil
}

// newestFence gives the names of lower fences, or a fault if there is a higher one.
func (d *Docker) newestFence(ctx context.Context) (lower []string, err error) {
	var list []container.Summary
	err = d.call(ctx, d.o.Timeout, "list", func(ctx context.Context) (err error) {
		list, err = d.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", fenceLabel+"="+d.fence.scope))})
		return err
	})
	if err != nil {
		return nil, d.fault("list", fencePrefix+d.fence.scope, err)
	}
	for _, c := range list {
		for _, name := range c.Names {
			text, ok := strings.CutPrefix(name, "/"+fencePrefix+d.fence.scope+"-")
			n, err := strconv.ParseInt(text, 10, 64)
			switch {
			case !ok || err != nil: // not one that we made
			case n > d.fence.number:
				return nil, d.lower(n)
			case n < d.fence.number:
				lower = append(lower, strings.TrimPrefix(name, "/"))
			}
		}
	}
	return lower, nil
}

func (d *Docker) lower(newest int64) error {
	low := &forescale.LowerFence{Newest: newest}
	return &forescale.Fault{Code: "fence_lower", Where: d.fence.name(), Err: low,
		What: fmt.Sprintf("a leader of this store with the fence %d has acted on the engine", newest),
		Help: low.Help() + "; nothing was changed"}
}

// makeFence creates the fence, and its image where it is missing: an empty one,
// which comes from no registry. One that is there is fine.
func (d *Docker) makeFence(ctx context.Context) error {
	create := func(ctx context.Context) error {
		_, err := d.cli.ContainerCreate(ctx, &container.Config{Image: fenceImage, Cmd: []string{"fence"},
			Labels: map[string]string{fenceLabel: d.fence.scope}}, &container.HostConfig{NetworkMode: "none"}, nil, nil, d.fence.name())
		return err
	}
	err := d.call(ctx, d.o.Timeout, "fence", create)
	if isImageMissing(err) {
		if err := d.call(ctx, d.o.Timeout, "import", d.importFence); err != nil {
			return err
		}
		err = d.call(ctx, d.o.Timeout, "fence", create)
	}
	if errdefs.IsConflict(err) {
		return nil
	}
	return err
}

func (d *Docker) importFence(ctx context.Context) error {
	empty := make([]byte, 1024) // a tar archive of nothing
	name, tag, _ := strings.Cut(fenceImage, ":")
	out, err := d.cli.ImageImport(ctx, image.ImportSource{Source: bytes.NewReader(empty), SourceName: "-"}, name, image.ImportOptions{Tag: tag})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, out) // it is imported when the answer has ended
	return errors.Join(err, out.Close())
}

func (d *Docker) removeFence(ctx context.Context, name string) error {
	err := d.call(ctx, d.o.Timeout, "unfence", func(ctx context.Context) error {
		return d.cli.ContainerRemove(ctx, name, container.RemoveOptions{Force: true})
	})
	switch {
	case err == nil || errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err): // another one removes it
		return d.awaitRemoval(ctx, name, err)
	}
	return err
}

// checkFence tells whether the engine still knows this leader.
func (d *Docker) checkFence(ctx context.Context, id string) error {
	if d.fence.number == 0 {
		return nil
	}
	_, found, err := d.inspect(ctx, d.fence.name())
	if err != nil {
		return d.fault("look for", d.fence.name(), err)
	}
	if !found {
		return d.fenceMissing(id, nil)
	}
	return nil
}

// isFenceMissing reports whether the engine refused a create for its fence. What
// kind of error it says that this is has changed between its versions.
func isFenceMissing(err error) bool {
	return err != nil && strings.Contains(err.Error(), "o such container: "+fencePrefix)
}

func (d *Docker) fenceMissing(id string, err error) error {
	return &forescale.Fault{Code: "fence_missing", Where: id, Err: err,
		What: "the engine does not know this server as the leader: there is no " + d.fence.name(),
		Help: "another server may lead, or somebody removed it; the store is asked, and it is made anew if this one leads. Nothing was done"}
}
