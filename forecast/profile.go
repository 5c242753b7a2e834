package forecast

import "math"

// Profile forecasts the local weekday × time-of-day profile with a correction
// from the newest residuals that fades with the lead time. See [profileModel].
type Profile struct{ Weekly bool }

// Name implements [Model].
func (m Profile) Name() string { return profileModel{weekly: m.Weekly}.name() }

var _ Model = Profile{}

// Forecast implements [Model].
func (m Profile) Forecast(in Input) (Prediction, error) {
	p, err := newPast(in)
	if err != nil {
		return Prediction{}, err
	}
	return profileModel{weekly: m.Weekly}.predict(p, in.Levels)
}

// Columns of the seasonal table of a track: what the profile says of a step,
// known a day (a week for the weekly ones) before it.
const (
	dayRaw   = iota // slot of the day
	dayWide         // the same, smoothed over neighbouring slots
	weekRaw         // slot of the week
	weekWide        //
	dayNoise        // mean absolute residual in the slot of the day
	seasonals
)

// Columns of the recent table of a track: what is known at an origin.
const (
	residuals = 6                    // residuals from the profile, smoothed ever longer
	fastLevel = residuals + iota - 1 // smoothed value
	slowLevel                        // mean of about a day
	fastNoise                        // mean absolute residual of late
	slowNoise                        // of about a day
	fastMoves                         // mean absolute change from the fast level, of late
	slowMoves                         // of about a day
	recents
)

// Memories of the profile and of the recent past.
const (
	dayMemory  = 10 // days that a slot of the day looks back
	weekMemory = 5  // weeks that a slot of the week looks back
	fastHalf   = 3  // steps after which the fast level has forgotten half
	trust      = 6
	noiseHalf  = 12 // the same of the fast noise
)

// residualHalves are the half-lives of the residuals in steps, 0 being the
// newest one alone; the last two are in days.
var residualHalves = [residuals]float64{0, 2.5, 10, 40, 1, 4}

// track is one pass over the history on one transform's scale. Everything in it
// is known at the time it stands for, so that later pairs of origin and target
// are honest ones.
type track struct {
	tf       transform
	weekly   bool
	z        []float64 // transformed values, NaN gaps
	near     []float64 // smoothed over the nearest steps
	wide     []float64 // smoothed over about half an hour to either side
	seasonal []float64 // [step][seasonals], to the end of the horizon
	recent   []float64 // [step][recents], of the history
}

// slots is one seasonal state: per slot a mean of the values seen there.
type slots struct {
	value []float64
	seen  []float64
	cap   float64
}

func newSlots(n int, memory float64) slots {
	return slots{value: make([]float64, n), seen: make([]float64, n), cap: memory}
}

// at is the slot's value, or other when the slot was never seen.
func (s slots) at(i int32, other float64) float64 {
	if s.seen[i] == 0 {
		return other
	}
	return s.value[i]
}

// add moves the slot towards v; the first ones count alike, later ones fade.
func (s slots) add(i int32, v float64) {
	if s.seen[i] < s.cap {
		s.seen[i]++
	}
	s.value[i] += (v - s.value[i]) / s.seen[i]
}

func newTrack(p *past, tf transform, weekly bool) *track {
	n := len(p.y)
	t := &track{tf: tf, weekly: weekly, z: make([]float64, n),
		seasonal: make([]float64, (n+p.ahead)*seasonals), recent: make([]float64, n*recents)}
	for i, v := range p.y {
		t.z[i] = tf.forward(v) // NaN stays NaN
	}
	t.near = smooth(t.z, p.cal.perDay/288)
	t.wide = smooth(t.z, max(p.cal.perDay/48, min(1, p.cal.perDay/24)))
	t.run(p)
	return t
}

// smooth is the centred mean over w values to either side, of those that are
// there; gaps stay gaps.
func smooth(z []float64, w int) []float64 {
	if w == 0 {
		return z
	}
	out := make([]float64, len(z))
	var sum float64
	count := 0
	add := func(i int, sign float64) {
		if i >= 0 && i < len(z) && !math.IsNaN(z[i]) {
			sum += sign * z[i]
			count += int(sign)
		}
	}
	for i := 0; i < w; i++ {
		add(i, 1)
	}
	for i := range z {
		add(i+w, 1)
		add(i-w-1, -1)
		out[i] = math.NaN()
		if !math.IsNaN(z[i]) {
			out[i] = sum / float64(count)
		}
	}
	return out
}

// run fills the seasonal and the recent table, step by step.
func (t *track) run(p *past) {
	perDay := p.cal.perDay
	day, dayW, noise := newSlots(perDay, dayMemory), newSlots(perDay, dayMemory), newSlots(perDay, dayMemory)
	var week, weekW slots
	if t.weekly {
		week, weekW = newSlots(7*perDay, weekMemory), newSlots(7*perDay, weekMemory)
	}
	weights := t.weights(p.cal.day)
	var state [recents]float64
	state[fastLevel], state[slowLevel] = t.z[0], t.z[0]
	for i := 0; i < len(t.z)+p.ahead; i++ {
		d, w := p.cal.slot[i], p.cal.week[i]
		s := t.seasonal[i*seasonals : (i+1)*seasonals]
		s[dayRaw] = day.at(d, state[slowLevel])
		s[dayWide] = dayW.at(d, s[dayRaw])
		s[weekRaw], s[weekWide] = s[dayRaw], s[dayWide]
		if t.weekly {
			s[weekRaw], s[weekWide] = week.at(w, s[dayRaw]), weekW.at(w, s[dayWide])
		}
		s[dayNoise] = noise.at(d, state[slowNoise])
		if i >= len(t.z) {
			continue
		}
		if z := t.z[i]; !math.IsNaN(z) {
			base := t.base(s)
			wide := t.wide[i]
			if p.censored(i) { // at least this: never pulls down
				z, wide = max(z, base+state[1]), max(wide, base+state[1])
			}
			limit := trust * max(state[fastNoise], state[slowNoise], s[dayNoise], 0.02)
			calm := base + min(max(z-base, -limit), limit)
			move := math.Abs(z - state[fastLevel])
			move = min(move, trust*max(state[fastMoves], state[slowMoves], 0.02))
			state[fastMoves] += weights[fastMoves] * (move - state[fastMoves])
			state[slowMoves] += weights[slowMoves] * (move - state[slowMoves])
			t.observe(&state, &weights, calm, base)
			n := min(math.Abs(z-base), 3*limit)
			state[fastNoise] += weights[fastNoise] * (n - state[fastNoise])
			state[slowNoise] += weights[slowNoise] * (n - state[slowNoise])
			state[0] = z - base
			day.add(d, calm)
			dayW.add(d, wide)
			noise.add(d, n)
			if t.weekly {
				week.add(w, calm)
				weekW.add(w, wide)
			}
		} else {
			for j := range residuals {
				state[j] -= weights[4] * state[j]
			}
		}
		copy(t.recent[i*recents:], state[:])
	}
}

// base is what the profile alone says, given a row of the seasonal table.
func (t *track) base(s []float64) float64 {
	return 0.25 * (s[dayRaw] + s[dayWide] + s[weekRaw] + s[weekWide])
}

// weights of the newest value in the recent columns, for a day of so many steps.
func (t *track) weights(day float64) (w [recents]float64) {
	weight := func(half float64) float64 { return 1 - math.Exp2(-1/half) }
	for j, half := range residualHalves {
		switch {
		case half == 0:
			w[j] = 1
		case j >= 4:
			w[j] = weight(half * day)
		default:
			w[j] = weight(half)
		}
	}
	w[fastLevel], w[slowLevel] = weight(fastHalf), weight(day)
	w[fastMoves], w[slowMoves] = weight(6), weight(day)
	w[fastNoise], w[slowNoise] = weight(noiseHalf), weight(day)
	return w
}

// observe takes one value into the recent state.
func (t *track) observe(state, w *[recents]float64, z, base float64) {
	r := z - base
	for j := range residuals {
		state[j] += w[j] * (r - state[j])
	}
	state[fastLevel] += w[fastLevel] * (z - state[fastLevel])
	state[slowLevel] += w[slowLevel] * (z - state[slowLevel])
}
