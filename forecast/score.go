package forecast

import (
	"math"

	"github.com/forescale/forescale"
)

// Pinball is the loss of forecasting the q-quantile by f when y came:
// max(q·(y−f), (q−1)·(y−f)), in the unit of y.
func Pinball(q, y, f float64) float64 {
	if y >= f {
		return q * (y - f)
	}
	return (1 - q) * (f - y)
}

// MeanPinball is the mean loss over levels and over the steps whose truth is
// known, and how many those are. values is [step][level]; truths beyond its end
// are ignored; NaN truths are skipped.
func MeanPinball(levels []float64, values [][]float64, truth []float64) (loss float64, steps int) {
	for i, row := range values[:min(len(values), len(truth))] {
		if math.IsNaN(truth[i]) {
			continue
		}
		steps++
		for k, q := range levels {
			loss += Pinball(q, truth[i], row[k])
		}
	}
	if steps == 0 {
		return 0, 0
	}
	return loss / float64(steps*len(levels)), steps
}

// Coverage is the share of known truths that lie between the values of two
// levels, bounds included; NaN when none is known.
func Coverage(values [][]float64, lo, hi int, truth []float64) float64 {
	in, n := 0, 0
	for i, row := range values[:min(len(values), len(truth))] {
		if math.IsNaN(truth[i]) {
			continue
		}
		n++
		if row[lo] <= truth[i] && truth[i] <= row[hi] {
			in++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return float64(in) / float64(n)
}

// WAPE is Σ|truth − point| / Σ|truth| over the known truths; NaN when that has
// no value.
func WAPE(point, truth []float64) float64 {
	var e, s float64
	for i := range min(len(point), len(truth)) {
		if !math.IsNaN(truth[i]) {
			e += math.Abs(truth[i] - point[i])
			s += math.Abs(truth[i])
		}
	}
	if s == 0 {
		return math.NaN()
	}
	return e / s
}

// MASE is the mean absolute error of the points divided by that of the seasonal
// naive forecast of the given season, in steps, inside the history (Hyndman and
// Koehler 2006); NaN when that has no value.
func MASE(point, truth, history []float64, season int) float64 {
	var e, s running
	for i := range min(len(point), len(truth)) {
		if !math.IsNaN(truth[i]) {
			e.add(math.Abs(truth[i] - point[i]))
		}
	}
	for i := season; i < len(history); i++ {
		if d := math.Abs(history[i] - history[i-season]); !math.IsNaN(d) {
			s.add(d)
		}
	}
	if e.n == 0 || s.n == 0 || s.mean == 0 {
		return math.NaN()
	}
	return e.mean / s.mean
}

// BackTest issues the model's forecast at origins spread evenly over the later
// half of the series, each from what came before alone, and scores them against
// what came, beside the seasonal naive forecast of the same origins. Origins at
// which either has nothing to forecast from are left out.
func BackTest(m Model, in Input, origins int) (forescale.Score, error) {
	n := len(in.Series.Values)
	var s forescale.Score
	var loss, naive, covered float64
	for k := 0; k < origins; k++ {
		at := n/2 + (n-n/2-min(in.Horizon, n/4))*k/max(1, origins)
		cut := in
		cut.Series.Values = in.Series.Values[:at]
		if in.Censored != nil {
			cut.Censored = in.Censored[:at]
		}
		p, err := m.Forecast(cut)
		if err != nil {
			continue
		}
		b, err := SeasonalNaive{}.Forecast(cut)
		if err != nil {
			continue
		}
		truth := in.Series.Values[at:]
		l, steps := MeanPinball(in.Levels, p.Values, truth)
		if steps == 0 {
			continue
		}
		bl, _ := MeanPinball(in.Levels, b.Values, truth)
		w := float64(steps)
		loss, naive = loss+w*l, naive+w*bl
		covered += w * Coverage(p.Values, 0, len(in.Levels)-1, truth)
		s.Tested += steps
	}
	if s.Tested == 0 {
		return s, nothing()
	}
	w := float64(s.Tested)
	s.Pinball, s.Naive, s.Coverage = loss/w, naive/w, covered/w
	return s, nil
}
