package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/forescale/forescale/internal/engine"
)

// dockerEngine is what the demonstration asks of a Docker Engine beside the
// server: an image, and to be cleaned.
type dockerEngine struct{ cli *client.Client }

// Connect connects to the engine that the environment names.
func Connect(ctx context.Context) (Engine, error) {
	cli, err := engine.Connect("")
	if err != nil {
		return nil, err
	}
	if _, err := cli.Ping(ctx); err != nil {
		_ = cli.Close()
		return nil, err
	}
	cli.NegotiateAPIVersion(ctx)
	return &dockerEngine{cli}, nil
}

// Import implements Engine.
func (e *dockerEngine) Import(ctx context.Context, name string, labels map[string]string, entrypoint string, layer io.Reader) error {
	entry, err := json.Marshal([]string{entrypoint})
	if err != nil {
		return err
	}
	changes := []string{"ENTRYPOINT " + string(entry)}
	for k, v := range labels {
		changes = append(changes, fmt.Sprintf("LABEL %s=%q", k, v))
	}
	resp, err := e.cli.ImageImport(ctx, image.ImportSource{Source: layer, SourceName: "-"}, name, image.ImportOptions{Changes: changes})
	if err != nil {
		return err
	}
	defer resp.Close()
	for dec := json.NewDecoder(resp); ; {
		var m struct{ Error string }
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case m.Error != "":
			return errors.New(strings.TrimSpace(m.Error))
		}
	}
}

// Labelled implements Engine.
func (e *dockerEngine) Labelled(ctx context.Context, label string) (containers, images map[string]string, err error) {
	by := filters.NewArgs(filters.Arg("label", label))
	cs, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: by})
	if err != nil {
		return nil, nil, err
	}
	is, err := e.cli.ImageList(ctx, image.ListOptions{Filters: by})
	if err != nil {
		return nil, nil, err
	}
	containers, images = map[string]string{}, map[string]string{}
	for _, c := range cs {
		containers[c.ID] = c.Labels[label]
	}
	for _, i := range is {
		images[i.ID] = i.Labels[label]
	}
	return containers, images, nil
}

// RemoveContainer implements Engine.
func (e *dockerEngine) RemoveContainer(ctx context.Context, id string) error {
	return unlessGone(e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}))
}

// RemoveImage implements Engine.
func (e *dockerEngine) RemoveImage(ctx context.Context, id string) error {
	_, err := e.cli.ImageRemove(ctx, id, image.RemoveOptions{Force: true, PruneChildren: true})
	return unlessGone(err)
}

// Close implements Engine.
func (e *dockerEngine) Close() error { return e.cli.Close() }

// unlessGone drops errors that say that the thing is gone or just going.
func unlessGone(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
		return nil
	}
	return err
}
