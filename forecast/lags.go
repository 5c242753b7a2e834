package forecast

import (
	"fmt"
	"math"
	"strings"
)

// Lags is one ridge regression of a step on those some days and weeks before it
// and on the newest ones, on the root scale. It is used recursively: what it
// forecasts is a lag of what comes later. [Combination] asks many of its kind.
type Lags struct{}

var _ Model = Lags{}

// Name implements [Model].
func (Lags) Name() string { return "seasonal lags" }

// Forecast implements [Model]. It fails with less than about eleven days.
func (m Lags) Forecast(in Input) (Prediction, error) {
	return predict(m, in)
}

func (m Lags) learn(v *view, levels []float64) (lesson, error) {
	return consulted(v, levels, m.Name(), func(weekly bool) []expert {
		return []expert{lagged{scale: onRoot, weekly: weekly, robust: true}}
	})
}

// lagged is the expert behind [Lags], in its variants.
type lagged struct {
	scale    transform
	weekly   bool    // with lags of about a week
	apart    int     // it tells the difference to the value so many days earlier; 0: the value
	profile  bool    // it tells the difference to the running profile
	short    bool    // with few lags
	calendar bool    // with terms for the hour and the weekday
	robust   bool    // steps that it missed by far count less
	half     float64 // days after which a step counts half; 0: all count alike
}

func (m lagged) name() string {
	parts := []string{"seasonal lags"}
	if m.short {
		parts[0] = "few seasonal lags"
	}
	add := func(is bool, words string) {
		if is {
			parts = append(parts, words)
		}
	}
	add(!m.weekly, "of days")
	add(m.profile, "from the profile")
	add(m.apart == 1, "from last day")
	add(m.apart == 7, "from last week")
	add(m.calendar, "with the calendar")
	add(m.robust, "robust")
	add(m.half > 0, fmt.Sprintf("half-life %g days", m.half))
	return strings.Join(append(parts, m.scale.String()), ", ")
}

// lags are the lags of the regression.
func (m lagged) lags() []lag {
	if m.short {
		ls := []lag{{0, 1}, {1, 0}}
		if m.weekly {
			ls = append(ls, lag{7, 0})
		}
		return ls
	}
	ls := []lag{{0, 1}, {0, 2}, {0, 3}, {1, -1}, {1, 0}, {1, 1}, {2, 0}, {3, 0}}
	if m.weekly {
		ls = append(ls, lag{4, 0}, lag{5, 0}, lag{6, 0}, lag{7, -1}, lag{7, 0}, lag{7, 1})
	}
	return ls
}

// Settings of the regressions.
const (
	calendarTerms = 24 + 7
	profileTerms  = 3
	ridgeLags     = 0.01 // shares of a term's sum of squares
	ridgeCalendar = 0.1
	huberLimit    = 2    // median misses from which on a step counts less
	wildness      = 0.5  // spans of the history that a forecast may leave it by
	mostRows      = 4000 // steps before the first origin that are learned from
	rowsPerTerm   = 3    // fewer do not carry the regression
)

func (m lagged) paths(c *course, origins []int, out [][]float64) voice {
	r := newRegression(m, c)
	if len(origins) == 0 || origins[0]-r.first < rowsPerTerm*r.terms {
		return nil
	}
	r.first = max(r.first, origins[0]-mostRows)
	r.lay()
	if m.robust {
		r.run(origins[len(origins)-1:], nil)
		r.reweight()
	}
	r.run(origins, out)
	v := &regressed{m: m, mean: r.mean, coef: make([]float32, r.terms)}
	for j, x := range r.coef {
		v.coef[j] = halved(x)
	}
	return v
}

// regressed is what a regression learned.
type regressed struct {
	m    lagged
	mean float64
	coef []float32
}

func (v *regressed) name() string { return v.m.name() }

func (v *regressed) tell(c *course, out []float64) {
	r := newRegression(v.m, c)
	if c.n < r.first || len(r.coef) != len(v.coef) {
		for h := range out { // the history was longer when this was learned
			out[h] = c.y[c.n-1]
		}
		return
	}
	r.mean = v.mean
	for j, x := range v.coef {
		r.coef[j] = float64(x)
	}
	r.path(c.n, out)
}

// regression is the work space of one expert on one history.
type regression struct {
	m      lagged
	c      *course
	t      lagTable
	y      []float64 // on the expert's scale; beyond the known steps work space
	z      []float64 // what is told: differences of y, or y itself
	mean   float64   // of z
	base   float64   // of the profile, at the step explained last
	lo, hi float64   // bounds of y
	first  int       // first step with all lags
	terms  int
	dense  int       // terms that are hardly ever zero; those of the calendar follow
	rows   []float64 // [step - first][dense]: the terms of all known steps
	weight []float64
	gram   []float64
	rhs    []float64
	chol   []float64
	coef   []float64
	ridge  []float64
	x      []float64
	keptY  []float64 // of the steps that a path overwrites
	keptZ  []float64
}

func newRegression(m lagged, c *course) *regression {
	on := c.on(m.scale)
	span := wildness * (on.hi - on.lo)
	r := &regression{m: m, c: c, t: newLagTable(c, m.lags()), y: on.y, lo: on.lo - span, hi: on.hi + span}
	r.dense = 1 + len(r.t.lags)
	from := 0
	switch {
	case m.profile:
		r.dense += profileTerms
		// The profile's first days are left out: it knows nothing then.
		r.difference(0, func(i int) float64 { return r.profileAt(i, 1).base })
		if m.weekly {
			r.first = 8 * c.p.cal.perDay
		}
	case m.apart > 0:
		from = int(float64(m.apart)*c.p.cal.day+0.5) + 1
		if c.moved {
			from += c.p.cal.perDay/8 + 1
		}
		r.difference(from, func(i int) float64 { return r.y[c.p.cal.back(i, m.apart)] })
	default:
		r.z, r.mean = r.y, on.mean
	}
	r.first = max(r.first, from+r.t.reach())
	r.terms = r.dense
	if m.calendar {
		r.terms += calendarTerms
	}
	k := r.terms
	work := make([]float64, 2*k*k+4*k)
	take := func(n int) []float64 { part := work[:n:n]; work = work[n:]; return part }
	r.gram, r.chol, r.rhs, r.coef, r.ridge, r.x = take(k*k), take(k*k), take(k), take(k), take(k), take(k)
	for j := 1; j < k; j++ {
		r.ridge[j] = ridgeLags
		if j >= r.dense {
			r.ridge[j] = ridgeCalendar
		}
	}
	return r
}

// lay lays out the terms of all known steps, which are needed several times.
func (r *regression) lay() {
	n := max(0, r.c.n-r.first) * r.dense
	if cap(r.c.rows) < n {
		r.c.rows = make([]float64, n)
	}
	r.rows = r.c.rows[:n]
	for i := r.first; i < r.c.n; i++ {
		r.explain(i, 1)
		copy(r.row(i), r.x[:r.dense])
	}
}

func (r *regression) row(i int) []float64 {
	return r.rows[(i-r.first)*r.dense : (i-r.first+1)*r.dense]
}

// difference makes z what y is above base from a step on.
func (r *regression) difference(from int, base func(i int) float64) {
	r.z = r.c.room(len(r.y))
	clear(r.z[:from])
	for i := from; i < r.c.n; i++ {
		r.z[i] = r.y[i] - base(i)
	}
}

// outlook is what the running profile says of a step.
type outlook struct{ base, weekday, dayWider, weekWider float64 }

// profileAt is the outlook on step i as known lead steps before.
func (r *regression) profileAt(i, lead int) outlook {
	pr := pair{day: i, week: i}
	if lead > 1 {
		if far, ok := r.c.p.pairAt(i, lead); ok {
			pr = far
		}
	}
	t := r.c.t
	d := t.seasonal[pr.day*seasonals : (pr.day+1)*seasonals]
	w := t.seasonal[pr.week*seasonals : (pr.week+1)*seasonals]
	return outlook{
		base:     profileBase(d, w),
		weekday:  0.5 * (w[weekRaw] + w[weekWide] - d[dayRaw] - d[dayWide]),
		dayWider: d[dayWide] - d[dayRaw], weekWider: w[weekWide] - w[weekRaw],
	}
}

// explain fills the dense terms of step i, seen lead steps before.
func (r *regression) explain(i, lead int) {
	r.x[0] = 1
	n := 1 + len(r.t.lags)
	for k := range r.t.lags {
		r.x[1+k] = r.z[r.t.at(i, k)] - r.mean
	}
	if r.m.profile {
		o := r.profileAt(i, lead)
		r.base, r.x[n], r.x[n+1], r.x[n+2] = o.base, o.weekday, o.dayWider, o.weekWider
	}
}

// slots are the places of the terms of the calendar of step i.
func (r *regression) slots(i int) (hour, weekday int) {
	cal := r.c.p.cal
	return r.dense + int(cal.slot[i])*24/cal.perDay, r.dense + 24 + int(cal.week[i])/cal.perDay
}

// told is z as the regression tells it of step i, of which the dense terms are x.
func (r *regression) told(i int, x []float64) float64 {
	z := r.mean + dot(r.coef[:r.dense], x)
	if r.m.calendar {
		hour, weekday := r.slots(i)
		z += r.coef[hour] + r.coef[weekday]
	}
	return z
}

// run goes once over the history and adds up the normal equations. At each
// origin they hold what was known then: they are solved, and a path is told.
func (r *regression) run(origins []int, out [][]float64) {
	clear(r.gram)
	clear(r.rhs)
	grow, recency := 1.0, 1.0
	if r.m.half > 0 {
		grow = math.Exp2(1 / (r.m.half * r.c.p.cal.day))
		recency = math.Pow(grow, float64(r.first-r.c.n))
	}
	i := r.first
	var w [abreast]float64
	for o, origin := range origins {
		for i < origin {
			n := min(abreast, origin-i)
			clear(w[:])
			for k := range n {
				w[k] = recency
				recency *= grow
				if r.weight != nil {
					w[k] *= r.weight[i+k]
				}
			}
			r.learn(i, n, &w)
			i += n
		}
		solve(r.gram, r.rhs, r.terms, r.ridge, r.chol, r.coef)
		if o < len(out) {
			r.path(origin, out[o])
		}
	}
}

// abreast are the steps that are added to the normal equations at once: sums that
// are loaded and stored once for all of them.
const abreast = 4

// learn adds n steps from i on to the normal equations. The terms of the calendar
// are ones and zeros, of which only the ones are added.
func (r *regression) learn(i, n int, w *[abreast]float64) {
	k, d := r.terms, r.dense
	var x [abreast][]float64
	var v [abreast]float64
	for j := range abreast {
		at := i + min(j, n-1) // the weight of what is too many is zero
		x[j], v[j] = r.row(at), r.z[at]-r.mean
	}
	for a := range d {
		w0, w1, w2, w3 := w[0]*x[0][a], w[1]*x[1][a], w[2]*x[2][a], w[3]*x[3][a]
		r.rhs[a] += w0*v[0] + w1*v[1] + w2*v[2] + w3*v[3]
		row := r.gram[a*k : a*k+a+1]
		x0, x1, x2, x3 := x[0][:len(row)], x[1][:len(row)], x[2][:len(row)], x[3][:len(row)]
		for b := range row {
			row[b] += w0*x0[b] + w1*x1[b] + w2*x2[b] + w3*x3[b]
		}
	}
	if !r.m.calendar {
		return
	}
	for j := range n {
		hour, weekday := r.slots(i + j)
		r.rhs[hour] += w[j] * v[j]
		r.rhs[weekday] += w[j] * v[j]
		for b, xb := range x[j] {
			r.gram[hour*k+b] += w[j] * xb
			r.gram[weekday*k+b] += w[j] * xb
		}
		r.gram[hour*k+hour] += w[j]
		r.gram[weekday*k+weekday] += w[j]
		r.gram[weekday*k+hour] += w[j]
	}
}

// path forecasts recursively from an origin and leaves the history as it was. A
// recursion that runs away is held at the bounds.
func (r *regression) path(origin int, out []float64) {
	end := origin + len(out)
	known := min(end, r.c.n)
	r.keptY = append(r.keptY[:0], r.y[origin:known]...)
	r.keptZ = append(r.keptZ[:0], r.z[origin:known]...)
	for i := origin; i < end; i++ {
		r.explain(i, i-origin+1)
		z := r.told(i, r.x[:r.dense])
		base := 0.0
		switch {
		case r.m.profile:
			base = r.base
		case r.m.apart > 0:
			base = r.y[r.c.p.cal.back(i, r.m.apart)]
		}
		y := min(max(z+base, r.lo), r.hi)
		if math.IsNaN(y) {
			y = r.mean
		}
		r.y[i], r.z[i] = y, y-base
		out[i-origin] = max(0, r.m.scale.from(y))
	}
	copy(r.y[origin:known], r.keptY)
	copy(r.z[origin:known], r.keptZ)
}

// reweight makes steps count less that the last regression missed by far (Huber
// 1964).
func (r *regression) reweight() {
	n := r.c.n
	r.weight = make([]float64, n)
	misses := make([]float64, 0, n)
	for i := r.first; i < n; i++ {
		r.weight[i] = math.Abs(r.z[i] - r.told(i, r.row(i)))
		misses = append(misses, r.weight[i])
	}
	arrange(misses, 0, []int{len(misses) / 2})
	limit := huberLimit * misses[len(misses)/2]
	for i := r.first; i < n; i++ {
		if r.weight[i] > limit {
			r.weight[i] = limit / r.weight[i]
		} else {
			r.weight[i] = 1
		}
	}
}
