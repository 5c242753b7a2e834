package forecast

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Trained is what was learned from a history: the choice of models, what each of
// them learned, and how wide errors are. It takes a few KiB, is never changed, and
// forecasts from the same history grown by up to a day in a fraction of the time
// that learning takes. It is not stored: the history gives it back.
type Trained struct {
	rung
	scale   float64 // of the values
	shifts  []shift // of the level, in steps from begin
	issued  time.Time
	until   time.Time // it is learned anew from here on
	step    time.Duration
	horizon int
	gap     int       // steps that the newest value was old
	begin   time.Time // of the history
	end     time.Time
	filled  int // values of the history
	levels  []float64
	zone    *time.Location
	special uint64 // what was special, in short
}

// Train learns from the history up to Issued, and makes the first forecast, as
// [Make] does.
func Train(r Request) (*Trained, forescale.Forecast, error) {
	x, err := r.prepare()
	if err != nil {
		return nil, forescale.Forecast{}, err
	}
	return x.learn()
}

// Forecast forecasts as [Make] does, with what was learned: right after [Train] the
// same. It reports false when the request asks to train: it is a day later, or an
// eighth of the history's length when that is shorter, or earlier, or another
// request in step, levels, horizon, zone or what is special; older history came in; or
// there is nothing to forecast from.
func (t *Trained) Forecast(r Request) (f forescale.Forecast, ok bool) {
	if r.Issued.Before(t.issued) || !r.Issued.Before(t.until) {
		return f, false
	}
	x, err := r.prepare()
	if err != nil || x.in.Series.Step != t.step || x.in.Horizon > t.horizon || x.in.Location.String() != t.zone.String() ||
		!slices.Equal(x.in.Levels, t.levels) || x.special.digest() != t.special {
		return f, false
	}
	in, all := atOneLevel(x.special.bend(x.in))
	v, err := newViewIn(in, all, t.scaleNow(in.Series.Start, all))
	if err != nil || v.p.gap < t.gap { // of nearer leads nothing was learned
		return f, false
	}
	defer v.done()
	passed := int(x.in.Series.End().Sub(t.end) / t.step)
	if x.in.Series.Start.Before(t.begin) || v.p.filled > t.filled+passed {
		return f, false
	}
	pr, ok := t.tell(v, x.in.Levels)
	if !ok {
		return f, false
	}
	return x.issue(pr), true
}

// scaleNow is the scale of a history from a start on with these shifts: values grow
// and shrink with the level, and so does what they are counted in.
func (t *Trained) scaleNow(start time.Time, now []shift) float64 {
	log := 0.0
	for _, s := range now {
		log += s.log
	}
	for _, s := range t.shifts {
		if t.begin.Add(time.Duration(s.at) * t.step).After(start) {
			log -= s.log
		}
	}
	return t.scale * math.Exp(log)
}

// Issued is when it was trained.
func (t *Trained) Issued() time.Time { return t.issued }

// Settings of the training.
const (
	trainedFor  = 24 * time.Hour // at most
	trainedPart = 8              // of the history's length, at most
)

func newTrained(x prepared, v *view, r rung) *Trained {
	t := &Trained{rung: r, scale: v.p.scale, shifts: v.shifts, issued: x.f.Issued, step: x.in.Series.Step, horizon: x.in.Horizon, gap: v.p.gap,
		begin: x.in.Series.Start, end: x.in.Series.End(), filled: v.p.filled,
		levels: x.in.Levels, zone: x.in.Location, special: x.special.digest()}
	t.until = dueAfter(t.issued, x.f.Service, x.f.Metric)
	if short := t.issued.Add(time.Duration(len(v.p.y)) * t.step / trainedPart); short.Before(t.until) {
		t.until = short
	}
	return t
}

// dueAfter is when what was learned at a time is learned anew at the latest. Services
// that were trained at once are trained again at times of their own.
func dueAfter(issued time.Time, service string, m forescale.Metric) time.Time {
	return forescale.Turn(issued, trainedFor, service, string(m)).Add(trainedFor)
}
