package loop_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// fetching is the simulated world, which notes which images were fetched where.
type fetching struct {
	images
	asked *[]string
}

func (f fetching) Pull(_ context.Context, s forescale.Service, node string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*f.asked = append(*f.asked, s.Template.Image+" to "+node)
	if s.Template.Image == "missing" {
		return &forescale.Fault{Code: "image_missing", What: "the image is nowhere", Where: s.Template.Image}
	}
	return nil
}

// The image of a changed template is fetched once to where instances will be replaced; one
// that is nowhere is not asked for all the time.
func TestTheImageOfAChangedTemplateIsFetchedAhead(t *testing.T) {
	b, w := rolledBench(t)
	f := fetching{w, new([]string)}
	b.loop = b.newLoop(b.store, f)
	b.run(5 * time.Minute)
	if len(*f.asked) != 0 {
		t.Errorf("fetched without need: %v", *f.asked)
	}
	b.change(from("b"))
	b.run(20 * time.Minute)
	if at := slices.Compact(slices.Clone(*f.asked)); len(*f.asked) != 1 || at[0] != "b to " {
		t.Errorf("fetched: %v", *f.asked)
	}
	*f.asked = nil
	b.change(from("missing"))
	b.run(20 * time.Minute)
	if n := len(*f.asked); n < 1 || n > 6 {
		t.Errorf("asked %d times for what is nowhere", n)
	}
	b.change(func(s *forescale.Service) { from("c")(s); s.Mode = forescale.ModeForecastOnly })
	*f.asked = nil
	b.run(10 * time.Minute)
	if len(*f.asked) != 0 {
		t.Errorf("fetched for a service that is not acted on: %v", *f.asked)
	}
}
