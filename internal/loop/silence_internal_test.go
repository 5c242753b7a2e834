package loop

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// Whose instances count as lost.
func TestWhichNodesAreGone(t *testing.T) {
	const lost = forescale.AgentAway
	away, longAway := forescale.Part{Silent: lost}, forescale.Part{Silent: nodeSilent}
	for sentence, c := range map[string]struct {
		parts map[string]forescale.Part
		own   bool
		found time.Duration // how long ago the silent were found so
		want  []string
	}{
		"one of few that is silent":                      {parts: map[string]forescale.Part{"a": away, "b": read, "c": read}, found: beat, want: []string{"a"}},
		"not one that missed a beat or two":              {parts: map[string]forescale.Part{"a": silent, "b": read, "c": read}, found: beat},
		"not one whose engine hangs":                     {parts: map[string]forescale.Part{"a": {}, "b": read, "c": read}, found: beat},
		"not when the server had no time to hear of it":  {parts: map[string]forescale.Part{"a": away, "b": read, "c": read}, found: beat - 1},
		"not when as many are silent as are heard":       {parts: map[string]forescale.Part{"a": away, "b": away, "c": read, "d": {}}, found: beat},
		"nor the only one":                               {parts: map[string]forescale.Part{"a": away}, found: beat},
		"the only one beside the server's own engine":    {parts: map[string]forescale.Part{"a": away}, own: true, found: beat, want: []string{"a"}},
		"all that are silent for long, whoever is heard": {parts: map[string]forescale.Part{"a": longAway, "b": longAway, "c": read}, found: 0, want: []string{"a", "b"}},
		"two of five": {parts: map[string]forescale.Part{"a": away, "b": away, "c": read, "d": read, "e": read}, found: beat, want: []string{"a", "b"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := silentFor(c.found, c.parts)
			got := s.gone(c.parts, c.own, lost, beat)
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, c.want) {
				t.Errorf("%v are gone, want %v", got, c.want)
			}
		})
	}
}

// A node that was heard of meanwhile is found silent anew.
func TestASilenceEndsWhenTheNodeIsHeard(t *testing.T) {
	away := map[string]forescale.Part{"a": {Silent: forescale.AgentAway}}
	s := silentFor(beat, away)
	s.note(map[string]forescale.Part{"a": read}, beat)
	s.note(away, beat)
	if s.lasts("a", beat) || !s.lasts("a", 2*beat) {
		t.Error("how long it was silent")
	}
}

func TestAFastClockLeavesNodesTime(t *testing.T) {
	for _, c := range []struct {
		clock forescale.Clock
		want  time.Duration
	}{
		{forescale.NewSystemClock(), forescale.AgentAway},
		{forescale.NewFastClock(t0, 5), forescale.AgentAway},
		{forescale.NewFastClock(t0, 20), time.Minute},
		{forescale.NewFastClock(t0, 600), nodeSilent},
	} {
		if got := lostAfter(c.clock); got != c.want {
			t.Errorf("%T: %v, want %v", c.clock, got, c.want)
		}
	}
}
