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

// pull fetches an image that is not here. One named with a digest is the same
// wherever it comes from; one named by a tag was not here at all, so no image
// changes behind anybody's back.
func (d *Docker) pull(ctx context.Context, ref string) error {
	missing := func(why, help string, err error) error {
		return &forescale.Fault{Code: "image_missing", Where: ref, What: "the image is not on the engine" + why, Help: help, Err: err}
	}
	if imageID.MatchString(ref) {
		return missing("", "load it with `docker load`; an image named by its id alone cannot be pulled", nil)
	}
	help := "pull or load it: docker pull " + ref
	if d.o.PullTimeout < 0 {
		return missing(" and pulling is turned off", help, nil)
	}
	err := d.call(ctx, d.o.PullTimeout, "pull", func(ctx context.Context) error {
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
		return missing(fmt.Sprintf(" and its pull took longer than %v", d.o.PullTimeout.Round(time.Second)), help, err)
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
