package actuator

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
)

func TestAnImageIsFetchedAheadOnce(t *testing.T) {
	b := setup(t, DockerOptions{})
	r := dockertest.NewRegistry(t)
	b.service.Template.Image = r.Ref
	b.must(b.docker.Pull(t.Context(), b.service))
	if _, err := b.cli.ImageInspect(t.Context(), r.Ref); err != nil || r.Asked() == 0 {
		t.Fatalf("after a fetch: %v, asked for %d times", err, r.Asked())
	}
	before := r.Asked()
	b.must(b.docker.Pull(t.Context(), b.service))
	b.docker.o.PullTimeout = -1
	b.must(b.docker.Pull(t.Context(), b.service))
	var f *forescale.Fault
	if err := b.start(); errors.As(err, &f) && f.Code == "image_missing" {
		t.Errorf("a start does not find what was fetched: %v", err)
	}
	if r.Asked() != before {
		t.Error("what is there was fetched again")
	}
}

func TestNothingIsFetchedThatNoContainerMayBeMadeFrom(t *testing.T) {
	refused := &forescale.Fault{Code: "policy_refused"}
	b := setup(t, DockerOptions{Admit: func(*container.Config, *container.HostConfig, *network.NetworkingConfig) error { return refused }})
	r := dockertest.NewRegistry(t)
	b.service.Template.Image = r.Ref
	if err := b.docker.Pull(t.Context(), b.service); !errors.Is(err, refused) || r.Asked() != 0 {
		t.Errorf("%v, asked for %d times", err, r.Asked())
	}
}

func TestAFetchTellsWhatIsMissing(t *testing.T) {
	b := setup(t, DockerOptions{})
	r := dockertest.NewRegistry(t)
	b.service.Template.Image = strings.TrimSuffix(r.Ref, ":1") + "-gone:1"
	var f *forescale.Fault
	if err := b.docker.Pull(t.Context(), b.service); !errors.As(err, &f) || f.Code != "image_missing" {
		t.Errorf("of an image that is nowhere: %v", err)
	}
	b.docker.o.PullTimeout = -1
	b.service.Template.Image = r.Ref
	if err := b.docker.Pull(t.Context(), b.service); !errors.As(err, &f) || f.Code != "image_missing" || r.Asked() != 0 {
		t.Errorf("with pulling turned off: %v, asked for %d times", err, r.Asked())
	}
}
