package forecast

import (
	"math"

	"github.com/forescale/forescale"
)

// Combination asks many experts — regressions on seasonal lags, exponential
// smoothing, last day and last week — what they would have said at past origins,
// and mixes what they say now with weights that fall with the fourth power of
// their errors then, in each band of lead times. One that did worse than last day or last week has none. A
// mean of many is better than the best one picked: what is picked was lucky too.
//
// The quantiles are those of the mix's own errors at the past origins, each with
// the weights that the other origins give, and as wide as the noise of late and of
// that time of day tells. They are mixed with those of the weekly profile, which
// learns each lead time directly, by what both would have said at the origins. The
// score is that of the experts' mix alone.
type Combination struct{}

var _ Model = Combination{}

// Name implements [Model].
func (Combination) Name() string { return "combination" }

// Forecast implements [Model]. It fails with less than about eleven days, or with
// steps longer than a quarter of a day.
func (m Combination) Forecast(in Input) (Prediction, error) {
	return predict(m, in)
}

func (m Combination) learn(v *view, levels []float64) (lesson, error) {
	return consulted(v, levels, m.Name(), experts)
}

// experts are all that are asked; weekly tells whether the history carries lags
// of a week.
func experts(weekly bool) (all []expert) {
	for _, s := range []transform{onLevel, onRoot, onLog} {
		all = append(all, lagged{scale: s, weekly: weekly})
	}
	for _, s := range []transform{onRoot, onLog} {
		all = append(all,
			lagged{scale: s, weekly: weekly, calendar: true},
			lagged{scale: s, weekly: weekly, calendar: true, robust: true},
			lagged{scale: s, weekly: weekly, robust: true},
			lagged{scale: s, weekly: weekly, half: 10},
			lagged{scale: s, weekly: weekly, apart: 1, robust: true},
			lagged{scale: s, short: true, robust: true})
		if weekly {
			all = append(all,
				lagged{scale: s, weekly: true, apart: 7, robust: true},
				lagged{scale: s, weekly: true, apart: 7, robust: true, half: 10},
				lagged{scale: s, weekly: true, short: true, robust: true})
		}
	}
	all = append(all,
		lagged{scale: onRoot, weekly: weekly, profile: true},
		lagged{scale: onRoot, weekly: weekly, profile: true, robust: true},
		lagged{scale: onRoot, weekly: weekly, profile: true, short: true, robust: true},
		lagged{scale: onRoot, weekly: weekly, profile: true, short: true, robust: true, calendar: true},
		lagged{scale: onRoot, robust: true, half: 8})
	if weekly {
		for _, m := range thetas {
			all = append(all, m)
		}
	}
	for _, s := range smoothers {
		if weekly || s.week == 0 {
			all = append(all, s)
		}
	}
	return all
}

// Settings of the combination.
const (
	tests        = 10   // past origins, a day apart
	fewestTests  = 3    // below this nothing is known of the experts
	leastDays    = 8    // of history before the first origin
	lagDays      = 16.0 // of history from which on there are lags of a week
	tested       = 6    // the history must be so many times longer than the leads tested
	trackWeekly  = 14.0 // days from which on the profile knows weekdays
	weightsApart = 0.7  // e-folds by which the errors of a neighbouring band count less in a weight
	smallestMiss = 1e-9 // keeps weights finite, in medians

	profileTrust = 1.0 // weight of the profile against that of the experts' mix when both erred alike
	middleTrust  = 0.3 // how much less in the median
	profilePower = 8   // of their errors in it
)

// council is what the experts said at past origins, and now.
type council struct {
	p       *past
	origins []int         // the last is now
	reach   int           // leads that are tested
	voices  []voice       // what they learned
	said    [][][]float64 // [expert][past origin][lead]
	bands   []band        // of leads
	of      []int         // band of a lead; those not tested are of the last
	miss    [][][]float64 // [expert][origin][band]: mean absolute error
	blend   []float64     // by band: how much the profile counts beside the experts
	profile []float64     // by band: its mean absolute error at the past origins
	direct  *direct       // tells how wide errors are expected to be; nil: all alike
	mixed   [][]float64   // [past origin][lead]: what the mix would have said, with the weights of the other origins
	wide    [][]float64   // [past origin][lead]: how wide errors were expected to be, up to a factor
	naive   int           // experts from here on are last day and last week
}

// consult asks the experts; nil when the history carries none or no test of them.
func consult(v *view, levels []float64, ask func(weekly bool) []expert) *council {
	p := v.p
	n, day := len(p.y), int(p.cal.day+0.5)
	c := &council{p: p, reach: min(p.ahead, n/tested)}
	for k := tests - 1; k >= 0 && c.reach > 0; k-- {
		if o := n - c.reach - k*day; o >= leastDays*day {
			c.origins = append(c.origins, o)
		}
	}
	c.bands = bandsFor(1, max(1, c.reach))
	for b, x := range c.bands {
		for len(c.of) < x.to {
			c.of = append(c.of, b)
		}
	}
	past := len(c.origins)
	if past < fewestTests {
		return nil
	}
	c.origins = append(c.origins, n)
	way := v.course(p.days() >= trackWeekly)
	c.direct = newDirect(learnBands(p, way.t, levels))
	weekly := p.days() >= lagDays
	hear := func(e expert) {
		out := table(past, c.reach)
		if v := e.paths(way, c.origins, out); v != nil {
			c.voices = append(c.voices, v)
			c.said = append(c.said, out)
			c.miss = append(c.miss, c.misses(out))
		}
	}
	for _, e := range ask(weekly) {
		hear(e)
	}
	c.naive = len(c.said)
	hear(repeated{})
	hear(repeated{days: 1})
	if weekly {
		hear(repeated{days: 7})
	}
	if c.naive == 0 {
		return nil
	}
	c.compare()
	return c
}

// compare finds for each band how much the profile counts beside the experts: by
// what both would have said at the past origins.
func (c *council) compare() {
	past := len(c.origins) - 1
	c.blend, c.profile = make([]float64, len(c.bands)), make([]float64, len(c.bands))
	c.mixed, c.wide = table(past, c.reach), table(past, c.reach)
	for k, row := range c.mixed {
		w := c.weights(k)
		for v, said := range c.said {
			for h, y := range said[k] {
				if x := w[c.of[h]][v]; x > 0 {
					row[h] += x * toRoot(y)
				}
			}
		}
		for h, z := range row {
			row[h] = fromRoot(z)
		}
	}
	if c.naive < 2 {
		c.direct = nil
	}
	if c.direct == nil {
		for _, row := range c.wide {
			for h := range row {
				row[h] = 1
			}
		}
		return
	}
	told := table(past, c.reach)
	for k, row := range told {
		for h := range row {
			centre, spread := c.direct.told(c.p, c.origins[k], h)
			row[h], c.wide[k][h] = fromRoot(centre), widened(spread)
		}
	}
	own, other := c.misses(c.mixed), c.misses(told)
	for b := range c.bands {
		var a, d running
		for k := range own {
			a.add(own[k][b])
			d.add(other[k][b])
		}
		r := profileTrust * math.Pow((a.mean+smallestMiss)/(d.mean+smallestMiss), profilePower)
		c.blend[b] = r / (1 + r)
		c.profile[b] = d.mean
	}
}

// truth is what came at a lead after an origin, if that is known.
func (c *council) truth(origin, lead int) (y float64, ok bool) {
	i := c.origins[origin] + lead
	return c.p.y[i], !math.IsNaN(c.p.y[i]) && !c.p.censored(i)
}

// misses are the mean absolute errors in each band of leads. Near leads are
// few: the errors of the other bands count there too, the less the farther off.
func (c *council) misses(said [][]float64) [][]float64 {
	miss := table(len(c.origins)-1, len(c.bands))
	sums, counts, near := make([]float64, len(c.bands)), make([]float64, len(c.bands)), make([]float64, len(c.bands))
	for i := range near {
		near[i] = math.Exp(-weightsApart * float64(i))
	}
	for k := range miss {
		clear(sums)
		clear(counts)
		for h, f := range said[k] {
			if y, ok := c.truth(k, h); ok {
				sums[c.of[h]] += math.Abs(y - f)
				counts[c.of[h]]++
			}
		}
		for b := range c.bands {
			var sum, count float64
			for a := range c.bands {
				w := near[max(a-b, b-a)]
				sum += w * sums[a]
				count += w * counts[a]
			}
			if count > 0 {
				miss[k][b] = sum / count
			}
		}
	}
	return miss
}

// weights are the weights of the experts in each band by their errors at all
// origins but one; they add up to one.
func (c *council) weights(but int) [][]float64 {
	all := table(len(c.bands), len(c.said))
	for b, w := range all {
		best, bar := math.Inf(1), math.Inf(1)
		for v, miss := range c.miss {
			for k := range miss {
				if k != but {
					w[v] += miss[k][b]
				}
			}
			w[v] += smallestMiss
			best = min(best, w[v])
			if v >= c.naive {
				bar = min(bar, w[v])
			}
		}
		total := 0.0
		for v, e := range w {
			if w[v] = 0; e <= bar {
				w[v] = sq(sq(best / e))
			}
			total += w[v]
		}
		for v := range w {
			w[v] /= total
		}
	}
	return all
}

// widened is how wide errors are expected to be, up to a factor: halfway to what the
// noise of late and of that time of day tells.
func widened(spread float64) float64 { return math.Sqrt(spread) }

// intervals learns from the errors at the past origins.
func (c *council) intervals(levels []float64) *intervals {
	iv := newIntervals(c.reach)
	for k := range len(c.origins) - 1 {
		for h := range c.reach {
			if y, ok := c.truth(k, h); ok {
				iv.add(h, y, c.mixed[k][h], c.wide[k][h])
			}
		}
	}
	iv.fit(levels, len(c.origins)-1)
	return iv
}

// score is the loss at the past origins beside that of last week, or of last day
// where there is no week, with the quantiles of its own errors.
func (c *council) score(iv *intervals, levels []float64) (s forescale.Score) {
	naive := c.said[len(c.said)-1]
	var errs []float64
	for k := range len(c.origins) - 1 {
		for h := range c.reach {
			if y, ok := c.truth(k, h); ok {
				errs = append(errs, y-naive[k][h])
			}
		}
	}
	if len(errs) == 0 {
		return s
	}
	offsets, row, other := make([]float64, len(levels)), make([]float64, len(levels)), make([]float64, len(levels))
	quantilesOf(errs, float64(len(errs)), levels, offsets)
	var own, naives, inside running
	for k := range len(c.origins) - 1 {
		for h := range c.reach {
			y, ok := c.truth(k, h)
			if !ok {
				continue
			}
			iv.around(h, c.mixed[k][h], c.wide[k][h], row)
			for i, o := range offsets {
				other[i] = max(0, naive[k][h]+o)
			}
			own.add(meanPinball(levels, row, y))
			naives.add(meanPinball(levels, other, y))
			in := 0.0
			if row[0] <= y && y <= row[len(row)-1] {
				in = 1
			}
			inside.add(in)
		}
	}
	return forescale.Score{Pinball: own.mean * c.p.scale, Naive: naives.mean * c.p.scale, Coverage: inside.mean, Tested: own.n}
}

func meanPinball(levels, row []float64, y float64) (loss float64) {
	for i, q := range levels {
		loss += Pinball(q, y, row[i])
	}
	return loss / float64(len(levels))
}

// repeated is the value of some days earlier; 0: the newest one.
type repeated struct{ days int }

func (m repeated) name() string { return naiveNames[m.days] }

func (m repeated) paths(c *course, origins []int, out [][]float64) voice {
	if !m.run(c, origins, out) {
		return nil
	}
	return m
}

func (m repeated) tell(c *course, out []float64) {
	if !m.run(c, []int{c.n}, [][]float64{out}) {
		for h := range out { // the history was longer when this was learned
			out[h] = c.y[c.n-1]
		}
	}
}

func (m repeated) run(c *course, origins []int, out [][]float64) bool {
	cal := c.p.cal
	for o, origin := range origins[:len(out)] {
		for h := range out[o] {
			if m.days == 0 {
				out[o][h] = c.y[origin-1]
				continue
			}
			k := max(1, int(float64(h)/(float64(m.days)*cal.day))) * m.days
			j := cal.back(origin+h, k)
			for ; j >= origin; j = cal.back(origin+h, k) {
				k += m.days
			}
			if j < 0 {
				return false
			}
			out[o][h] = c.y[j]
		}
	}
	return true
}
