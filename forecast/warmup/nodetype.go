package warmup

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// declaredBoots is how many boots the declared boot time of a node type counts as.
const declaredBoots = 5

// OfNodeType learns from the measured boots of nodes of this type, in any order.
// Those of other types, and those that cannot be, are left out. The hour is that of
// the zone of now.
func OfNodeType(t forescale.NodeType, now time.Time, measured []forescale.Boot) (forescale.LearnedTimes, error) {
	bs := slices.DeleteFunc(slices.Clone(measured), func(b forescale.Boot) bool {
		return b.Type != t.Name || b.Duration <= 0 || b.Duration > longest
	})
	slices.SortFunc(bs, func(a, b forescale.Boot) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Node, b.Node))
	})
	if len(bs) > MostTimes {
		bs = bs[len(bs)-MostTimes:]
	}
	table := Table{Features: []string{forescale.FeatureAtOnce, forescale.FeatureRunning, forescale.FeatureHour, forescale.FeatureAge}}
	for _, b := range bs {
		c := forescale.LapseContext{AtOnce: b.AtOnce, Running: b.Running, Hour: forescale.HourOfDay(b.At.In(now.Location())), Age: max(0, now.Sub(b.At))}
		row := make([]float64, len(table.Features))
		for f, name := range table.Features {
			row[f] = c.Value(name)
		}
		table.Rows, table.Took = append(table.Rows, row), append(table.Took, b.Duration)
	}
	l, err := Learn(table)
	l.Service, l.Kind, l.At = t.Name, forescale.LapseBoot, now
	return l, err
}

// BootTime is how long a share q of the boots in this context takes at most: what was
// learned, leaning on what the node type declares as on five boots.
func BootTime(t forescale.NodeType, l forescale.LearnedTimes, c forescale.LapseContext, q float64) time.Duration {
	switch {
	case l.Measured == 0:
		return t.BootTime
	case t.BootTime <= 0: // nothing is declared
		return l.Quantile(c, q)
	}
	n := float64(l.Measured)
	mean := (n*l.Quantile(c, q).Seconds() + declaredBoots*t.BootTime.Seconds()) / (n + declaredBoots)
	return time.Duration(mean * float64(time.Second)).Round(time.Millisecond)
}
