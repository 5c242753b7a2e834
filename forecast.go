package forescale

import (
	"math"
	"sort"
	"time"
)

// Forecast is a service's demand ahead, as issued. It is kept as issued, so that
// its error per lead time can be measured.
type Forecast struct {
	Service  string
	Metric   Metric // whose demand it is
	Issued   time.Time
	Model    string        // name of the model that made it
	Start    time.Time     // of the first step, a multiple of Step
	Step     time.Duration // width of a step
	Levels   []float64     // rising, in (0, 1); holds 0.5
	Values   [][]float64   // [step][level], busy instances, rising within a step, never NaN
	Warnings []string      // doubts, in words; e.g. "less than a week of history"
	Score    Score
	Choice   []Choice // by rising lead times; what it was mixed from, where the model tells
	Minutes  Minutes  // what single minutes do around it; zero: not known yet
}

// Minutes is what was learned of single minutes around forecasts of wider steps, and
// how far above them the plan stays so that the objective is met. It is worked out
// when a forecast is made, from the one before and the demand since, and kept with it.
//
// It is told on the scale of the square root of demand in units of Unit, on which
// the noise of counts is the same at any level.
type Minutes struct {
	Unit    float64   `json:"unit"`             // mean demand of the days behind; 0: nothing is known
	Scatter float64   `json:"scatter"`          // standard deviation of minutes around the mean of their step
	Before  []float64 `json:"before,omitempty"` // medians of the steps before Start, newest last, as foreseen before
	Follow  float64   `json:"follow"`           // share of what the newest minutes are off that is left after a lead time
	Shift   float64   `json:"shift"`            // standard deviations above the objective's quantile that the plan stays
	Above   float64   `json:"above"`            // share of the minutes of about a week that needed more than was planned ahead
	Seen    int       `json:"seen"`             // minutes that were looked at
	Pairs   Pairs     `json:"pairs"`            // what Follow is from

	Rough    float64             `json:"rough,omitempty"` // half the mean square of steps from minute to minute lately; 0: not known
	Usual    float64             `json:"usual,omitempty"` // the geometric mean of Rough in the days behind
	Width    WidthBy             `json:"width,omitempty"` // in use
	Readings [widthsBy]MinutesBy `json:"readings"`        // how each way to read the width does
	Lower    LowerPlans          `json:"lower"`           // how plans do that stay closer to the median
}

// WidthBy is a way to read how wide demand lies around a forecast.
type WidthBy int

// The ways. Shift and Above of Minutes are those of the one in use.
const (
	WidthAlike   WidthBy = iota // by the forecast and the scatter of minutes, at all times alike
	WidthByRough                // also by how rough the newest minutes were against what is usual
	widthsBy     int     = iota
)

// MinutesBy is how one way to read the width does: each has its own shift, so that all
// meet the objective, and the one that keeps the fewest to spare is used.
type MinutesBy struct {
	Shift float64 `json:"shift"`
	Above float64 `json:"above"`
	Spare float64 `json:"spare"` // mean of the instances planned ahead above those needed, over about a week
}

// LowerBy is by what share of the way from the objective's quantile to the median of
// demand lower plans stay below it; the first one is as the objective asks.
var LowerBy = [...]float64{0, 0.15, 0.3, 0.45, 0.6, 0.8, 1}

// LowerPlans is how plans would have done over about a week that stay closer to the
// median than the objective asks for, one for each of LowerBy. It tells what lowering
// an objective saves, and what it costs in time in band.
type LowerPlans struct {
	Seen   int                   `json:"seen"`   // minutes that were looked at
	Needed float64               `json:"needed"` // mean of the instances needed
	Above  [len(LowerBy)]float64 `json:"above"`  // share of the minutes that needed more than was ready
	Spare  [len(LowerBy)]float64 `json:"spare"`  // mean of the instances that are paid above those needed
}

// Pairs are sums over minutes of what the forecast was off a lead time before and
// then, in standard deviations.
type Pairs struct {
	Product float64 `json:"product"` // of both
	Square  float64 `json:"square"`  // of that before
}

// Known reports whether anything was learned of the minutes.
func (m Minutes) Known() bool { return m.Unit > 0 }

// Valid reports whether all is a number, and what can be so.
func (m Minutes) Valid() bool {
	all := append([]float64{m.Unit, m.Scatter, m.Follow, m.Shift, m.Above, m.Pairs.Product, m.Pairs.Square, m.Rough, m.Usual}, m.Before...)
	for _, r := range m.Readings {
		all = append(all, r.Shift, r.Above, r.Spare)
	}
	all = append(all, m.Lower.Needed)
	all = append(all, m.Lower.Above[:]...)
	all = append(all, m.Lower.Spare[:]...)
	for _, v := range all {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return m.Unit >= 0 && m.Scatter >= 0 && m.Seen >= 0 && m.Rough >= 0 && m.Usual >= 0 && m.Width >= 0 && int(m.Width) < len(m.Readings) && m.Lower.Seen >= 0
}

// Score is how the model did in a back-test on the history it was made from.
type Score struct {
	Pinball  float64 // mean pinball loss over levels and steps, in busy instances; 0 when not tested
	Naive    float64 // the same for seasonal naive
	Coverage float64 // share of truths below the highest level minus below the lowest
	Tested   int     // steps that were compared
}

// End is the time just after the last step.
func (f Forecast) End() time.Time { return f.Start.Add(time.Duration(len(f.Values)) * f.Step) }

// Times is the forecast of by times the demand, with what is known of its minutes: how
// they scatter is told in units of the mean demand, and stays. What f holds is not
// changed.
func (f Forecast) Times(by float64) Forecast {
	times := func(row []float64) []float64 {
		out := make([]float64, len(row))
		for i, v := range row {
			out[i] = v * by
		}
		return out
	}
	rows := make([][]float64, len(f.Values))
	for i, row := range f.Values {
		rows[i] = times(row)
	}
	f.Values = rows
	f.Score.Pinball, f.Score.Naive = f.Score.Pinball*by, f.Score.Naive*by
	f.Minutes.Unit *= by
	if f.Minutes.Before != nil {
		f.Minutes.Before = times(f.Minutes.Before)
	}
	return f
}

// At is the demand quantile at level q during the step that covers t, linear
// between levels and clamped to the outer ones. ok is false outside the forecast.
func (f Forecast) At(t time.Time, q float64) (demand float64, ok bool) {
	d := t.Sub(f.Start)
	if d < 0 || f.Step <= 0 {
		return 0, false
	}
	i := int(d / f.Step)
	if i >= len(f.Values) {
		return 0, false
	}
	return f.quantile(i, q), true
}

// Max is the highest demand quantile at level q over the steps that touch
// [from, to), and the start of that step. ok is false when none does.
func (f Forecast) Max(from, to time.Time, q float64) (demand float64, at time.Time, ok bool) {
	if f.Step <= 0 {
		return 0, time.Time{}, false
	}
	lo := max(0, int(math.Floor(float64(from.Sub(f.Start))/float64(f.Step))))
	for i := lo; i < len(f.Values); i++ {
		t := f.Start.Add(time.Duration(i) * f.Step)
		if !t.Before(to) {
			break
		}
		if v := f.quantile(i, q); !ok || v > demand {
			demand, at, ok = v, t, true
		}
	}
	return demand, at, ok
}

func (f Forecast) quantile(step int, q float64) float64 { return f.Place(q).In(f.Values[step]) }

// Place is where a quantile lies among the levels of a forecast: after one of them, so far
// on the way to the next. Outside of them it is the nearest.
type Place struct {
	after    int
	far, way float64
}

// Place finds the place of the q-quantile, for any step.
func (f Forecast) Place(q float64) Place {
	switch k := sort.SearchFloat64s(f.Levels, q); k {
	case 0:
		return Place{}
	case len(f.Levels):
		return Place{after: k - 1}
	default:
		return Place{k - 1, q - f.Levels[k-1], f.Levels[k] - f.Levels[k-1]}
	}
}

// In is the quantile in a row of Values.
func (p Place) In(row []float64) float64 {
	v := row[p.after]
	if p.way == 0 {
		return v
	}
	return v + (row[p.after+1]-v)*p.far/p.way
}
