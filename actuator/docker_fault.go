package actuator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/forescale/forescale"
)

// errAnswer is returned when the engine's answer about a container lacks what
// it always holds.
var errAnswer = errors.New("the engine's answer about the container is incomplete")

// made reports whether the container is the one that this decision asked for.
func made(s forescale.Service, i forescale.Instance, j container.InspectResponse) bool {
	l := j.Config.Labels
	return l[forescale.LabelManagedBy] == managedBy && l[forescale.LabelDecision] == i.Decision && l[forescale.LabelService] == s.Name
}

// ours reports whether a container is one that forescale started, or that it
// was told by labels belongs to the service; only those are stopped.
func ours(s forescale.Service, i forescale.Instance, j container.InspectResponse) bool {
	if d := j.Config.Labels[forescale.LabelDecision]; d != i.Decision && i.Decision != "" {
		return false
	}
	return forescale.LabelledService(strings.TrimPrefix(j.Name, "/"), j.Config.Labels) == cmp.Or(s.Name, i.Service)
}

func nameTaken(i forescale.Instance, j container.InspectResponse) error {
	return &forescale.Fault{Code: "name_taken", Where: i.ID,
		What: fmt.Sprintf("another container has this name: of %s, made %s", belonging(j), j.Created),
		Help: "it was left as it is; rename or remove it if it is not needed"}
}

func notOurs(i forescale.Instance, j container.InspectResponse) error {
	return &forescale.Fault{Code: "not_ours", Where: i.ID,
		What: fmt.Sprintf("the container of this name is not this instance: it is of %s, made %s", belonging(j), j.Created),
		Help: "it was left as it is; if it does belong to the service, give it the label " + forescale.LabelService}
}

func belonging(j container.InspectResponse) string {
	service := forescale.LabelledService(strings.TrimPrefix(j.Name, "/"), j.Config.Labels)
	switch decision := j.Config.Labels[forescale.LabelDecision]; {
	case service == "":
		return "no service"
	case decision == "":
		return "service " + service
	default:
		return "service " + service + " and decision " + decision
	}
}

// fault tells an error of the engine in words. What names the step, such as
// "create". A context that the caller ended is the caller's own error; no error
// stays none.
func (d *Docker) fault(what, name string, err error) error {
	if err == nil {
		return nil
	}
	var f *forescale.Fault
	if errors.As(err, &f) {
		return err
	}
	fault := func(code, sentence, help string) error {
		return &forescale.Fault{Code: code, What: sentence, Where: name, Help: help, Err: err}
	}
	said := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s %s: %w", what, name, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault("engine_timeout", fmt.Sprintf("the Docker Engine at %s did not %s it in time", d.cli.DaemonHost(), what),
			"whether it happened is looked up before the next attempt; check the engine if this stays")
	case client.IsErrConnectionFailed(err):
		return fault("engine_unreachable", fmt.Sprintf("no Docker Engine answers at %s", d.cli.DaemonHost()),
			"start it, or set DOCKER_HOST; it is tried again, and nothing is done twice")
	case isImageMissing(err):
		return fault("image_missing", said, "pull or load the image on the engine")
	case errdefs.IsNotFound(err) && strings.Contains(said, "network"):
		return fault("network_missing", said, "make the network, or correct it in the service's template")
	case strings.Contains(said, "port is already allocated") || strings.Contains(said, "address already in use"):
		return fault("port_taken", said, "another container or process has the port; publish it on a free one")
	case errdefs.IsInvalidArgument(err):
		return fault("start_invalid", said, "correct the service's template")
	default:
		return fault("engine_refused", fmt.Sprintf("the engine refused to %s it: %s", what, said), "it is tried again; see the engine's log")
	}
}
