package actuator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/forescale/forescale"
)

// imageID is an image named by its own digest: it is in no registry under that.
var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)

// isImageMissing reports whether a create failed for want of the image.
func isImageMissing(err error) bool {
	return errdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such image")
}

// Pull fetches the image of the service's template if it is not on the engine, so that a
// start need not wait for it. It makes no container, and fetches nothing that no
// container may be made from. It lasts as long as ctx lets it.
func (d *Docker) Pull(ctx context.Context, s forescale.Service) error {
	b, err := d.blueprint(ctx, s, forescale.Instance{})
	if err != nil {
		return err
	}
	if err := d.admit(b); err != nil {
		return err
	}
	ref := b.config.Image
	err = d.call(ctx, d.o.Timeout, "look for the image", func(ctx context.Context) error {
		_, err := d.cli.ImageInspect(ctx, ref)
		return err
	})
	if !errdefs.IsNotFound(err) {
		return d.fault("find the image for", s.Name, err)
	}
	within := d.o.PullTimeout
	if end, ok := ctx.Deadline(); ok && within > 0 {
		within = time.Until(end)
	}
	return d.fault("pull the image for", s.Name, d.pull(ctx, ref, within))
}

// pull fetches an image that is not here; a negative time never does. One named with a
// digest is the same wherever it comes from; one named by a tag was not here at all, so
// no image changes behind anybody's back.
func (d *Docker) pull(ctx context.Context, ref string, within time.Duration) error {
	missing := func(why, help string, err error) error {
		return &forescale.Fault{Code: "image_missing", Where: ref, What: "the image is not on the engine" + why, Help: help, Err: err}
	}
	if imageID.MatchString(ref) {
		return missing("", "load it with `docker load`; an image named by its id alone cannot be pulled", nil)
	}
	help := "pull or load it: docker pull " + ref
	if within < 0 {
		return missing(" and pulling is turned off", help, nil)
	}
	err := d.call(ctx, within, "pull", func(ctx context.Context) error {
		body, err := d.cli.ImagePull(ctx, ref, image.PullOptions{})
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		return pullResult(body)
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return fmt.Errorf("pull %s: %w", ref, err)
	case errors.Is(err, context.DeadlineExceeded):
		return missing(fmt.Sprintf(" and its pull took longer than %v", within.Round(time.Second)), help, err)
	default:
		return missing(" and could not be pulled: "+strings.TrimPrefix(err.Error(), "Error response from daemon: "), help, err)
	}
}

// pullResult reads the engine's messages to the end and returns the error among
// them: a pull that fails half-way is told in its body.
func pullResult(r io.Reader) error {
	for dec := json.NewDecoder(r); ; {
		var msg struct {
			Error string `json:"error"`
		}
		switch err := dec.Decode(&msg); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read how the pull went: %w", err)
		case msg.Error != "":
			return errors.New(msg.Error)
		}
	}
}
