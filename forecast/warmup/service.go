package warmup

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// mostNames bounds the nodes, and the images, that conditions may ask for.
const mostNames = 6

// longest bounds what a broken measurement can do.
const longest = 24 * time.Hour

// OfService learns from a service's measured starts or cool-downs, in any order.
// Those that cannot be are left out.
func OfService(s forescale.Service, kind forescale.LapseKind, now time.Time, measured []forescale.Warmup) (forescale.LearnedTimes, error) {
	ws := slices.DeleteFunc(slices.Clone(measured), func(w forescale.Warmup) bool { return w.Duration <= 0 || w.Duration > longest })
	slices.SortFunc(ws, func(a, b forescale.Warmup) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Instance, b.Instance))
	})
	if len(ws) > MostTimes {
		ws = ws[len(ws)-MostTimes:]
	}
	t := Table{Features: []string{forescale.FeatureAtOnce, forescale.FeatureHour, forescale.FeatureAge, forescale.FeatureNewImage, forescale.FeatureNodeCPU}}
	t.Features = append(t.Features, names(ws, forescale.FeatureNode, func(w forescale.Warmup) string { return w.Node })...)
	t.Features = append(t.Features, names(ws, forescale.FeatureImage, func(w forescale.Warmup) string { return w.Image })...)
	contexts := Contexts(ws, now, s.Location())
	for i, w := range ws {
		row := make([]float64, len(t.Features))
		for f, name := range t.Features {
			row[f] = contexts[i].Value(name)
		}
		t.Rows, t.Took = append(t.Rows, row), append(t.Took, w.Duration)
	}
	l, err := Learn(t)
	l.Service, l.Kind, l.At = s.Name, kind, now
	return l, err
}

// Contexts are the circumstances of starts, which are in the order of time. Of
// the first image on a node nobody knows whether it was there, unless all starts
// are at hand: fewer than MostTimes.
func Contexts(ws []forescale.Warmup, now time.Time, zone *time.Location) []forescale.LapseContext {
	type place struct{ node, image string }
	seen := map[place]bool{}
	out := make([]forescale.LapseContext, len(ws))
	for i, w := range ws {
		p := place{w.Node, w.Image}
		out[i] = forescale.LapseContext{AtOnce: w.AtOnce, Hour: forescale.HourOfDay(w.At.In(zone)), Age: max(0, now.Sub(w.At)),
			Node: w.Node, Image: w.Image, NewImage: w.Image != "" && !seen[p] && (i > 0 || len(ws) < MostTimes), NodeCPU: w.NodeCPU}
		seen[p] = true
	}
	return out
}

// names are the features for the most frequent names, when there are several.
func names(ws []forescale.Warmup, prefix string, of func(forescale.Warmup) string) []string {
	count := map[string]int{}
	for _, w := range ws {
		if n := of(w); n != "" {
			count[n]++
		}
	}
	if len(count) < 2 {
		return nil
	}
	var all []string
	for n, c := range count {
		if c >= leastLeaf {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	all = all[:min(len(all), mostNames)]
	for i := range all {
		all[i] = prefix + all[i]
	}
	return all
}
