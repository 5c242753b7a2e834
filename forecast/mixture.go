package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/forescale/forescale"
)

// mixture is what a council learned.
type mixture struct {
	name   string
	weekly bool // of the track
	reach  int  // leads that were tested
	voices []voice
	naive  int     // voices from here on are naive
	bands  []mixed // as bandsFor(1, reach)
	share  []float32
	errors []float32 // both [band][voice]
	direct packed    // without bands: the profile says nothing
	shape  []float32 // of the intervals, by level
	score  forescale.Score
}

// mixed is what holds in one band of lead times.
type mixed struct {
	blend   float32 // how much the profile counts beside the experts
	profile float32 // its mean absolute error
	spread  float32 // of the intervals
	tested  int32   // truths
}

// consulted asks the experts and keeps what came of it.
func consulted(v *view, levels []float64, name string, ask func(weekly bool) []expert) (lesson, error) {
	if v.p.cal.day < 4 {
		return nil, errThin
	}
	c := consult(v, levels, ask)
	if c == nil {
		return nil, errThin
	}
	iv := c.intervals(levels)
	m := &mixture{name: name, weekly: v.p.days() >= trackWeekly, reach: c.reach, score: c.score(iv, levels), bands: make([]mixed, len(c.bands)), shape: make([]float32, len(levels))}
	for i, s := range iv.shape {
		m.shape[i] = halved(s)
	}
	if c.direct != nil {
		m.direct = pack(c.direct.bands, len(levels))
	}
	weight := c.weights(-1)
	kept := make([]int, 0, len(c.voices))
	for i := range c.voices {
		if i == c.naive {
			m.naive = len(kept)
		}
		if i >= c.naive || slices.ContainsFunc(weight, func(w []float64) bool { return w[i] > 0 }) {
			kept = append(kept, i)
		}
	}
	m.voices = make([]voice, len(kept))
	m.share, m.errors = make([]float32, 0, len(kept)*len(m.bands)), make([]float32, 0, len(kept)*len(m.bands))
	for k, i := range kept {
		m.voices[k] = c.voices[i]
	}
	for b := range m.bands {
		m.bands[b] = mixed{blend: float32(c.blend[b]), profile: halved(c.profile[b]), spread: halved(iv.spread[b])}
		for k := range c.origins[:len(c.origins)-1] {
			for h := c.bands[b].from - 1; h < c.bands[b].to; h++ {
				if _, ok := c.truth(k, h); ok {
					m.bands[b].tested++
				}
			}
		}
		for _, i := range kept {
			m.share, m.errors = append(m.share, float32(weight[b][i])), append(m.errors, halved(c.meanMiss(i, b)))
		}
	}
	return m, nil
}

// meanMiss is an expert's mean error in a band over the past origins.
func (c *council) meanMiss(v, b int) float64 {
	var m running
	for k := range c.miss[v] {
		m.add(c.miss[v][k][b])
	}
	return m.mean
}

func (m *mixture) tell(v *view, levels []float64) Prediction {
	p, way := v.p, v.course(m.weekly)
	said := table(len(m.voices), p.ahead)
	for i, x := range m.voices {
		x.tell(way, said[i])
	}
	d := newDirect(forecaster{p: p, t: way.t, levels: levels, bands: m.direct.unpack()})
	var other [][]float64
	if d != nil {
		d.follow()
		other = d.values()
	}
	iv := newIntervals(m.reach)
	iv.shape, iv.spread = make([]float64, len(levels)), make([]float64, len(m.bands))
	for i, s := range m.shape {
		iv.shape[i] = float64(s)
	}
	for b, x := range m.bands {
		iv.spread[b] = float64(x.spread)
	}
	pr := Prediction{Model: m.name, Values: table(p.ahead-p.gap, len(levels)), Score: m.score, Choice: m.choice(p)}
	for h, row := range pr.Values {
		lead := p.gap + h
		b := iv.of[min(lead, m.reach-1)]
		centre, total, wide := 0.0, 0.0, 1.0
		for i, w := range m.share[b*len(m.voices) : (b+1)*len(m.voices)] {
			if w > 0 {
				centre += float64(w) * toRoot(said[i][lead])
				total += float64(w)
			}
		}
		centre /= total
		if d != nil {
			_, spread := d.told(p, len(p.y), lead)
			wide = widened(spread)
		}
		iv.around(lead, fromRoot(centre), wide, row)
		for i, q := range row {
			row[i] = p.unscaled(min(max(q, 0), headroom*p.top))
			if other != nil {
				row[i] += m.bands[b].shareOf(levels[i]) * (other[h][i] - row[i])
			}
		}
		rising(row)
	}
	if m.reach < p.ahead {
		pr.Warnings = append(pr.Warnings, fmt.Sprintf("the history is too short to test more than %d steps ahead", m.reach))
	}
	return pr
}

// shareOf is the share of the profile in a quantile: in the middle, which the experts
// know better, it is smaller than at the ends.
func (x mixed) shareOf(level float64) float64 {
	blend := float64(x.blend)
	middle := blend * middleTrust / (1 - blend*(1-middleTrust))
	return middle + (blend-middle)*math.Abs(2*level-1)
}

// leastShare is the weight below which a share is not named.
const leastShare = 0.01

// choice tells the weights in the median in words, by bands of the leads that were
// asked for.
func (m *mixture) choice(p *past) (all []forescale.Choice) {
	asked := p.ahead - p.gap
	names := make([]string, len(m.voices))
	for i, x := range m.voices {
		names[i] = x.name()
	}
	for b, x := range bandsFor(1, m.reach) {
		own := m.bands[b]
		ch := forescale.Choice{From: max(1, x.from-p.gap), To: min(asked, x.to-p.gap), Tested: int(own.tested)}
		if b == len(m.bands)-1 {
			ch.To = asked // beyond the leads that were tested, its weights hold on
		}
		if ch.To < ch.From {
			continue // of steps that have passed
		}
		profile := own.shareOf(0.5)
		for i, name := range names {
			at := b*len(names) + i
			if w := float64(m.share[at]) * (1 - profile); w >= leastShare || i >= m.naive {
				ch.Shares = append(ch.Shares, forescale.Share{Model: name, Weight: w, Error: p.unscaled(float64(m.errors[at]))})
			}
		}
		if len(m.direct.flat) > 0 {
			ch.Shares = append(ch.Shares, forescale.Share{Model: Profile{Weekly: true}.Name(), Weight: profile, Error: p.unscaled(float64(own.profile))})
		}
		slices.SortStableFunc(ch.Shares, func(a, b forescale.Share) int { return cmp.Compare(b.Weight, a.Weight) })
		all = append(all, ch)
	}
	return all
}
