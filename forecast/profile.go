package forecast

import (
	"math"
	"runtime"
	"slices"
)

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
	baseLevel                        // mean of the profile of late, to tell ratios by
	fastNoise                        // mean absolute residual of late
	slowNoise                        // of about a day
	fastMoves                        // mean absolute move away from the fast level of late
	slowMoves                        // of about a day
	recents
)

// Memories of the profile and of the recent past.
const (
	dayMemory  = 10 // days that a slot of the day looks back
	weekMemory = 5  // weeks that a slot of the week looks back
	fastHalf   = 3  // steps after which the fast level has forgotten half
	movesHalf  = 6  // the same of the fast moves
	noiseHalf  = 12 // the same of the fast noise
	ratioHalf  = 40 // the same of the base level; that of residual ratioOf
	ratioOf    = 3  // the residual that is put in ratio to the base level
	slowOf     = 4  // the residual of about a day
)

// An outlier counts as trust mean absolute residuals at most; a shift of the level
// gets through all the same, as the mean grows with it within a few steps.
const (
	trust      = 6
	trustFloor = 0.02 // where there was no noise so far
)

// residualHalves are the half-lives of the residuals in steps, 0 being the
// newest one alone; from slowOf on they are in days.
var residualHalves = [residuals]float64{0, 2.5, 10, ratioHalf, 1, 4}

// track is one pass over the history. Everything in it is known at the time it
// stands for, so that later pairs of origin and target are honest ones. All
// values are on the root scale.
type track struct {
	weekly   bool
	z        []float64 // values, NaN gaps
	calm     []float64 // the same, outliers cut off and saturated ones raised to what was expected
	near     []float64 // calm, smoothed over the nearest steps
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

// tracks are those that are not looked at any more, as many as can be filled at once.
// Each forecast of weeks fills a MiB: made anew, that took longer than to fill it.
var tracks = make(chan *track, runtime.GOMAXPROCS(0))

func unusedTrack() *track {
	select {
	case t := <-tracks:
		return t
	default:
		return new(track)
	}
}

// done gives back the room of a track that nothing looks at any more.
func (t *track) done() {
	select {
	case tracks <- t:
	default:
	}
}

// sized is room for n values, which are to be set.
func sized(room []float64, n int) []float64 { return slices.Grow(room[:0], n)[:n] }

func newTrack(p *past, weekly bool) *track {
	n := len(p.y)
	t := unusedTrack()
	t.weekly = weekly
	t.z, t.calm = sized(t.z, n), sized(t.calm, n)
	t.seasonal, t.recent = sized(t.seasonal, (n+p.ahead)*seasonals), sized(t.recent, n*recents)
	for i, v := range p.y {
		t.z[i] = toRoot(v) // NaN stays NaN
	}
	t.wide = smooth(t.z, max(p.cal.perDay/48, min(1, p.cal.perDay/24)))
	t.run(p)
	t.near = smooth(t.calm, p.cal.perDay/288)
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

// seasons is the state of the profile while a track is run.
type seasons struct {
	day, dayWide, dayNoise, week, weekWide slots
}

// run fills the seasonal and the recent table, step by step.
func (t *track) run(p *past) {
	perDay := p.cal.perDay
	u := seasons{day: newSlots(perDay, dayMemory), dayWide: newSlots(perDay, dayMemory), dayNoise: newSlots(perDay, dayMemory)}
	if t.weekly {
		u.week, u.weekWide = newSlots(7*perDay, weekMemory), newSlots(7*perDay, weekMemory)
	}
	weights := recentWeights(p.cal.day)
	var state [recents]float64
	state[fastLevel], state[slowLevel], state[baseLevel] = t.z[0], t.z[0], t.z[0]
	for i := 0; i < len(t.z)+p.ahead; i++ {
		d, w := p.cal.slot[i], p.cal.week[i]
		s := t.seasonal[i*seasonals : (i+1)*seasonals]
		s[dayRaw] = u.day.at(d, state[slowLevel])
		s[dayWide] = u.dayWide.at(d, s[dayRaw])
		s[weekRaw], s[weekWide] = s[dayRaw], s[dayWide]
		if t.weekly {
			s[weekRaw], s[weekWide] = u.week.at(w, s[dayRaw]), u.weekWide.at(w, s[dayWide])
		}
		s[dayNoise] = u.dayNoise.at(d, state[slowNoise])
		if i >= len(t.z) {
			continue
		}
		t.calm[i] = t.z[i]
		if !math.IsNaN(t.z[i]) {
			t.observe(p, i, s, &u, &state, &weights)
		} else {
			for j := range residuals { // what was odd is forgotten, step by step
				state[j] -= weights[slowOf] * state[j]
			}
		}
		copy(t.recent[i*recents:], state[:])
	}
}

// profileBase is what the profile alone says, given rows of the seasonal table.
func profileBase(day, week []float64) float64 {
	return 0.25 * (day[dayRaw] + day[dayWide] + week[weekRaw] + week[weekWide])
}

// recentWeights are the weights of the newest value in the recent columns, for a
// day of so many steps.
func recentWeights(day float64) (w [recents]float64) {
	weight := func(half float64) float64 { return 1 - math.Exp2(-1/half) }
	for j, half := range residualHalves {
		switch {
		case half == 0:
			w[j] = 1
		case j >= slowOf:
			w[j] = weight(half * day)
		default:
			w[j] = weight(half)
		}
	}
	w[fastLevel], w[slowLevel], w[baseLevel] = weight(fastHalf), weight(day), weight(ratioHalf)
	w[fastNoise], w[slowNoise] = weight(noiseHalf), weight(day)
	w[fastMoves], w[slowMoves] = weight(movesHalf), weight(day)
	return w
}

// observe takes value i into the state; s is its row of the seasonal table.
func (t *track) observe(p *past, i int, s []float64, u *seasons, state, weights *[recents]float64) {
	z, wide, base := t.z[i], t.wide[i], profileBase(s, s)
	if p.censored(i) { // the truth is at least this: it never pulls down
		expected := base + state[1]
		z, wide = max(z, expected), max(wide, expected)
	}
	limit := trust * max(state[fastNoise], state[slowNoise], s[dayNoise], trustFloor)
	calm := base + min(max(z-base, -limit), limit)
	t.calm[i] = calm
	noise := min(math.Abs(z-base), 3*limit)
	moves := min(math.Abs(z-state[fastLevel]), trust*max(state[fastMoves], state[slowMoves], trustFloor))
	toward := func(column int, v float64) { state[column] += weights[column] * (v - state[column]) }
	toward(fastMoves, moves)
	toward(slowMoves, moves)
	toward(fastNoise, noise)
	toward(slowNoise, noise)
	state[0] = z - base
	for j := 1; j < residuals; j++ {
		toward(j, calm-base)
	}
	toward(fastLevel, calm)
	toward(slowLevel, calm)
	toward(baseLevel, base)
	u.day.add(p.cal.slot[i], calm)
	u.dayWide.add(p.cal.slot[i], wide)
	u.dayNoise.add(p.cal.slot[i], noise)
	if t.weekly {
		u.week.add(p.cal.week[i], calm)
		u.weekWide.add(p.cal.week[i], wide)
	}
}
