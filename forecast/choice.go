package forecast

import (
	"cmp"
	"math"
	"slices"

	"github.com/forescale/forescale"
)

// known keeps a choice to numbers that can be kept and shown: an error that is none,
// as of a band that no past day reached, or beyond all numbers, is 0, not known; a
// weight that is none counts for nothing.
func known(all []forescale.Choice) {
	for _, c := range all {
		for i, s := range c.Shares {
			c.Shares[i].Error, c.Shares[i].Weight = orZero(s.Error), orZero(s.Weight)
		}
	}
}

// orZero is v, or 0 where v is no finite number.
func orZero(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// choice tells for each band how much the profile and the naive forecasts count.
func (f *forecaster) choice(name string) (all []forescale.Choice) {
	asked := f.p.ahead - f.p.gap
	for b, x := range f.bands {
		ch := forescale.Choice{From: max(1, x.from-f.p.gap), To: min(asked, x.to-f.p.gap), Tested: x.fit.loss.n}
		if b == len(f.bands)-1 {
			ch.To = asked
		}
		for j, w := range x.fit.weight {
			if j != ownWords && x.fit.naive[j] == nil {
				continue
			}
			sh := forescale.Share{Model: name, Weight: w, Error: f.p.unscaled(x.fit.loss.miss[j])}
			if j != ownWords {
				sh.Model = naiveNames[naiveDays[j]]
			}
			ch.Shares = append(ch.Shares, sh)
		}
		slices.SortStableFunc(ch.Shares, func(a, b forescale.Share) int { return cmp.Compare(b.Weight, a.Weight) })
		all = append(all, ch)
	}
	return all
}

// naiveNames are the naive forecasts by the days that they look back.
var naiveNames = map[int]string{0: "last value", 1: "last day", 7: "last week"}
