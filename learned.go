package forescale

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// LapseKind is what took its time.
type LapseKind string

// The kinds.
const (
	LapseWarmup   LapseKind = "warmup"   // from the engine's start until ready
	LapseCooldown LapseKind = "cooldown" // from drain until stopped and removed
	LapseBoot     LapseKind = "boot"     // of a node: from its order until it is ready
)

// LearnedTimes is what was learned of how long the starts, or the cool-downs, of
// one service take: a tree of conditions with quantiles at its leaves. It is data
// alone, so that it is kept, shown, and asked without the learner.
type LearnedTimes struct {
	Service  string        `json:"service"` // of a boot: the node type
	Kind     LapseKind     `json:"kind"`
	At       time.Time     `json:"at"`       // when it was learned
	Measured int           `json:"measured"` // how many it was learned from
	Shortest time.Duration `json:"shortest"`
	Longest  time.Duration `json:"longest"`
	// Gain is how much smaller the quantiles' loss is with the conditions than
	// without, on times that were not learned from; 0: there are no conditions.
	Gain     float64        `json:"gain"`
	Features []string       `json:"features"` // what conditions may ask for, see LapseContext.Value
	Levels   []float64      `json:"levels"`   // rising
	Nodes    []LearnedSplit `json:"nodes"`    // the first is the root; of a branch the children come later
}

// LearnedSplit is a branch of the tree, or a leaf.
type LearnedSplit struct {
	Feature int             `json:"feature"` // index; -1: a leaf
	Below   float64         `json:"below"`   // values below it go left
	Left    int             `json:"left"`
	Right   int             `json:"right"`
	Count   int             `json:"count"`            // times that came this way
	Values  []time.Duration `json:"values,omitempty"` // of a leaf: one per level, never falling
}

// Valid reports an error when the tree cannot be walked: what came from a store
// is not trusted.
func (l LearnedTimes) Valid() error {
	for i, n := range l.Nodes {
		if n.Feature < 0 && len(n.Values) != len(l.Levels) {
			return fmt.Errorf("leaf %d has %d values for %d levels", i, len(n.Values), len(l.Levels))
		}
		if n.Feature >= 0 && (n.Feature >= len(l.Features) || n.Left <= i || n.Right <= i || n.Left >= len(l.Nodes) || n.Right >= len(l.Nodes)) {
			return fmt.Errorf("branch %d leads nowhere", i)
		}
	}
	if len(l.Nodes) == 0 || len(l.Levels) == 0 {
		return fmt.Errorf("there is no leaf")
	}
	return nil
}

// Leaf is the leaf for these values of the features.
func (l LearnedTimes) Leaf(value func(feature int) float64) LearnedSplit {
	n := l.Nodes[0]
	for n.Feature >= 0 {
		if value(n.Feature) < n.Below {
			n = l.Nodes[n.Left]
		} else {
			n = l.Nodes[n.Right]
		}
	}
	return n
}

// Quantile is how long a share q of what happens in this context takes at most;
// the nearest level's when q is beyond them. It panics on a tree that is not Valid.
func (l LearnedTimes) Quantile(c LapseContext, q float64) time.Duration {
	leaf := l.Leaf(func(i int) float64 { return c.Value(l.Features[i]) })
	return leaf.At(l.Levels, q)
}

// At is the leaf's quantile, on a straight line between levels.
func (s LearnedSplit) At(levels []float64, q float64) time.Duration {
	for i, level := range levels {
		switch {
		case q > level:
		case i == 0 || q == level:
			return s.Values[i]
		default:
			f := (q - levels[i-1]) / (level - levels[i-1])
			return s.Values[i-1] + time.Duration(f*float64(s.Values[i]-s.Values[i-1]))
		}
	}
	return s.Values[len(s.Values)-1]
}

// LapseContext is under which circumstances something starts or stops.
type LapseContext struct {
	AtOnce   int           // starts or stops of the service under way, this one included
	Hour     float64       // of the day, in the service's zone
	Age      time.Duration // how long ago; 0: now
	Node     string
	Image    string
	NewImage bool    // nothing was started from it on the node before: it may have to be fetched
	NodeCPU  float64 // how busy the node is, in %; 0: not known
	Running  int     // of a boot: nodes of the type that run
}

// HourOfDay is the time of day of t in its zone, as a LapseContext has it.
func HourOfDay(t time.Time) float64 { return float64(t.Hour()) + float64(t.Minute())/60 }

// The features by name. Those of nodes and images have the name behind them.
const (
	FeatureAtOnce   = "at_once"
	FeatureHour     = "hour"
	FeatureAge      = "age_days"
	FeatureNewImage = "new_image"
	FeatureNodeCPU  = "node_cpu"
	FeatureRunning  = "running"
	FeatureNode     = "node="
	FeatureImage    = "image="
)

// Value is the value of a feature; NaN of one that is not known.
func (c LapseContext) Value(feature string) float64 {
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	switch feature {
	case FeatureAtOnce:
		return float64(c.AtOnce)
	case FeatureHour:
		return c.Hour
	case FeatureAge:
		return c.Age.Hours() / 24
	case FeatureNewImage:
		return is(c.NewImage)
	case FeatureNodeCPU:
		return c.NodeCPU
	case FeatureRunning:
		return float64(c.Running)
	}
	if name, ok := strings.CutPrefix(feature, FeatureNode); ok {
		return is(c.Node == name)
	}
	if name, ok := strings.CutPrefix(feature, FeatureImage); ok {
		return is(c.Image == name)
	}
	return math.NaN()
}
