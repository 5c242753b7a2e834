package forecast

import (
	"cmp"
	"slices"

	"github.com/forescale/forescale"
)

// leastShare is the weight below which a share is not named.
const leastShare = 0.01

// choice tells the weights in words, by bands of the leads that were asked for.
func (c *council) choice(weight [][]float64) (all []forescale.Choice) {
	asked := c.p.ahead - c.p.gap
	for b, x := range c.bands {
		ch := forescale.Choice{From: max(1, x.from-c.p.gap), To: min(asked, x.to-c.p.gap)}
		if b == len(c.bands)-1 {
			ch.To = asked // beyond the leads that were tested, its weights hold on
		}
		if ch.To < ch.From {
			continue // of steps that have passed
		}
		for k := range len(c.origins) - 1 {
			for h := x.from - 1; h < x.to; h++ {
				if _, ok := c.truth(k, h); ok {
					ch.Tested++
				}
			}
		}
		for v, w := range weight[b] {
			if w >= leastShare || v >= c.naive {
				ch.Shares = append(ch.Shares, forescale.Share{Model: c.names[v], Weight: w, Error: c.p.unscaled(c.meanMiss(v, b))})
			}
		}
		slices.SortStableFunc(ch.Shares, func(a, b forescale.Share) int { return cmp.Compare(b.Weight, a.Weight) })
		all = append(all, ch)
	}
	return all
}

// meanMiss is an expert's mean error in a band over the past origins.
func (c *council) meanMiss(v, b int) float64 {
	var m running
	for k := range c.miss[v] {
		m.add(c.miss[v][k][b])
	}
	return m.mean
}

// choice tells for each band whether the profile or seasonal naive speaks.
func (f *forecaster) choice(name string) (all []forescale.Choice) {
	asked := f.p.ahead - f.p.gap
	for b, x := range f.bands {
		ch := forescale.Choice{From: max(1, x.from-f.p.gap), To: min(asked, x.to-f.p.gap), Tested: x.fit.loss.n}
		if b == len(f.bands)-1 {
			ch.To = asked
		}
		own := forescale.Share{Model: name, Weight: 1, Error: f.p.unscaled(x.fit.loss.miss)}
		naive := forescale.Share{Model: naiveNames[f.p.season()], Error: f.p.unscaled(x.fit.loss.naiveMiss)}
		if x.fit.loss.lost() {
			own.Weight, naive.Weight = 0, 1
		}
		ch.Shares = []forescale.Share{own, naive}
		slices.SortStableFunc(ch.Shares, func(a, b forescale.Share) int { return cmp.Compare(b.Weight, a.Weight) })
		all = append(all, ch)
	}
	return all
}

// naiveNames are the naive forecasts by the days that they look back.
var naiveNames = map[int]string{1: "last day", 7: "last week"}
