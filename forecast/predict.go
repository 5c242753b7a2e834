package forecast

import (
	"fmt"
	"math"

	"github.com/forescale/forescale"
)

// Profile forecasts the local time-of-day profile, with Weekly that of weekday ×
// time of day, corrected by the newest residuals. For each band of lead times a
// ridge regression learns on the history how much of the residuals of late, of
// yesterday and of last week to add to the profile, as an amount or as a share:
// what fades fast, and what stays. How wide the quantiles are follows how noisy
// it was of late and is at that time of day; their shape is that of the residuals
// in stretches of time that the regression did not see. A band of lead times in
// which seasonal naive did better is forecast by seasonal naive.
type Profile struct{ Weekly bool }

var _ Model = Profile{}

// Name implements [Model].
func (m Profile) Name() string {
	if m.Weekly {
		return "weekly profile"
	}
	return "daily profile"
}

// Forecast implements [Model]. It fails when the history is too short to learn
// from: less than about two days.
func (m Profile) Forecast(in Input) (Prediction, error) {
	return predict(m, in)
}

func (m Profile) learn(v *view, levels []float64) (lesson, error) {
	if v.p.cal.day < 1 {
		return nil, errThin // steps longer than a day have no time of day
	}
	f := learnBands(v.p, v.track(m.Weekly), levels)
	if len(f.bands) == 0 {
		return nil, errThin
	}
	return &profiled{weekly: m.Weekly, bands: pack(f.bands, len(levels))}, nil
}

// profiled is what a [Profile] learned.
type profiled struct {
	weekly bool
	bands  packed
}

func (l *profiled) tell(v *view, levels []float64) Prediction {
	p, m := v.p, Profile{Weekly: l.weekly}
	f := forecaster{p: p, t: v.track(l.weekly), levels: levels, bands: l.bands.unpack()}
	f.follow()
	learned := len(f.bands)
	pr := Prediction{Model: m.Name(), Values: f.values(), Score: f.score(), Choice: f.choice(m.Name())}
	if far := f.bands[learned-1].to; far < p.ahead {
		pr.Warnings = append(pr.Warnings, fmt.Sprintf("the history is too short to test more than %d steps ahead", far))
	}
	if lost := f.lost(); lost > 0 {
		pr.Warnings = append(pr.Warnings, fmt.Sprintf("naive forecasts did better and have most weight at %d of %d bands of lead times", lost, learned))
	}
	return pr
}

// learnBands learns each band of lead times, up to the first that is too far ahead
// to have been seen.
func learnBands(p *past, t *track, levels []float64) forecaster {
	bands := bandsFor(p.gap+1, p.ahead)
	l := newLearner(p, t)
	learned := 0
	for b := range bands {
		f, ok := l.learn(bands[b], levels)
		if !ok {
			break
		}
		bands[b].fit = f
		learned++
	}
	return forecaster{p: p, t: t, levels: levels, bands: bands[:learned]}
}

// forecaster turns what was learned into quantiles.
type forecaster struct {
	p      *past
	t      *track
	levels []float64
	bands  []band
}

// headroom bounds the quantiles: what was never seen nearly is not claimed.
const headroom = 1.5

func (f *forecaster) values() [][]float64 {
	values := table(f.p.ahead-f.p.gap, len(f.levels))
	b := 0
	for h := range values {
		lead := f.p.gap + h + 1
		at := math.Log2(float64(lead))
		for b+1 < len(f.bands) && f.bands[b+1].middle <= at {
			b++
		}
		// Between the middles of two bands their forecasts are mixed.
		share := 0.0
		if b+1 < len(f.bands) && at > f.bands[b].middle {
			share = (at - f.bands[b].middle) / (f.bands[b+1].middle - f.bands[b].middle)
		}
		row := values[h]
		f.add(row, lead, &f.bands[b].fit, 1-share)
		if share > 0 {
			f.add(row, lead, &f.bands[b+1].fit, share)
		}
		for i, v := range row {
			row[i] = f.p.unscaled(min(max(v, 0), headroom*f.p.top))
		}
		rising(row)
	}
	return values
}

// add adds the quantiles of one fit at a lead, times share.
func (f *forecaster) add(row []float64, lead int, fit *fit, share float64) {
	n := len(f.p.y)
	pr, ok := f.p.pairAt(n-1+lead, lead)
	if !ok { // farther ahead than the history is long
		pr = pair{origin: n - 1, target: n - 1 + lead, day: n - 1 + lead, week: n - 1 + lead}
	}
	centre, spread := f.own(fit, pr)
	own := 1.0
	for j, offsets := range fit.naive {
		if fit.weight[j] == 0 || offsets == nil {
			continue
		}
		z := f.believed(j, pr, centre, spread)
		if math.IsNaN(z) {
			continue
		}
		own -= fit.weight[j]
		said := fromRoot(z)
		for i, o := range offsets {
			row[i] += share * fit.weight[j] * max(0, said+o)
		}
	}
	for i, q := range fit.quantiles {
		row[i] += share * own * fromRoot(centre+spread*q)
	}
}

// lost is the number of bands that the naive forecasts won.
func (f *forecaster) lost() (n int) {
	for _, b := range f.bands {
		if b.fit.weight[ownWords] < 0.5 {
			n++
		}
	}
	return n
}

// score is the back-test of the bands, each weighted by the steps it stands for.
func (f *forecaster) score() (s forescale.Score) {
	var steps float64
	for _, b := range f.bands {
		l := b.fit.loss
		if l.n == 0 {
			continue
		}
		w := float64(b.to - b.from + 1)
		steps += w
		s.Pinball += w * l.own * f.p.scale
		s.Naive += w * l.naive * f.p.scale
		s.Coverage += w * l.covered
		s.Tested += l.n
	}
	if steps > 0 {
		s.Pinball, s.Naive, s.Coverage = s.Pinball/steps, s.Naive/steps, s.Coverage/steps
	}
	return s
}
