package forecast

import "fmt"

// Smoothing is exponential smoothing on the root scale with a season of a day, one
// of a week and errors that fade (Taylor 2003, 2010). [Combination] asks several of
// its kind.
type Smoothing struct{}

var _ Model = Smoothing{}

// Name implements [Model].
func (Smoothing) Name() string { return "smoothing with two seasons" }

// Forecast implements [Model]. It fails with less than about three weeks.
func (m Smoothing) Forecast(in Input) (Prediction, error) {
	return predict(m, in)
}

func (m Smoothing) learn(v *view, levels []float64) (lesson, error) {
	return consulted(v, levels, m.Name(), func(bool) []expert { return []expert{smoothers[0]} })
}

// smoother is the expert behind [Smoothing].
type smoother struct {
	scale transform
	level float64 // shares of an error that the level, the day and the week take
	day   float64
	week  float64
	keep  float64 // share of an error that is left a step later
}

func (m smoother) name() string {
	return fmt.Sprintf("smoothing %g/%g/%g/%g, %s", m.level, m.day, m.week, m.keep, m.scale)
}

// smoothers are the settings that are asked: what an hour of load teaches, from
// calm series to nervous ones.
var smoothers = []smoother{
	{onRoot, 0.02, 0.30, 0.30, 0.60}, {onRoot, 0.01, 0.30, 0.40, 0.40}, {onRoot, 0.02, 0.20, 0.30, 0.60}, {onRoot, 0.02, 0.30, 0.50, 0.50},
	{onRoot, 0.005, 0.30, 0.30, 0.70}, {onRoot, 0.02, 0.15, 0.15, 0.90}, {onRoot, 0.01, 0.05, 0.20, 0.95}, {onRoot, 0.05, 0.30, 0.30, 0.80},
	{onRoot, 0.05, 0.50, 0.30, 0.70}, {onRoot, 0.05, 0.30, 0.50, 0.70}, {onRoot, 0.10, 0.40, 0.40, 0.50}, {onRoot, 0.05, 0.30, 0.30, 0.95},
	{onRoot, 0.20, 0.10, 0.10, 0.30}, {onRoot, 0.30, 0.30, 0.30, 0}, {onRoot, 0.02, 0.10, 0, 0.90}, {onRoot, 0.10, 0.30, 0, 0.80},
	{onLog, 0.02, 0.30, 0.30, 0.60}, {onLog, 0.02, 0.15, 0.15, 0.90}, {onLog, 0.01, 0.05, 0.20, 0.95}, {onLog, 0.05, 0.30, 0.30, 0.80},
}

// firstWeek is the share of the first weeks' deviations that the season of the
// week begins with.
const firstWeek = 0.7

func (m smoother) paths(c *course, origins []int, out [][]float64) voice {
	if origins[0] < m.first(c) {
		return nil
	}
	m.run(c, origins, out)
	return m
}

// tell runs over the whole history: what it learns is where it stands.
func (m smoother) tell(c *course, out []float64) {
	if c.n < m.first(c) {
		for h := range out { // the history was longer when this was learned
			out[h] = c.y[c.n-1]
		}
		return
	}
	m.run(c, []int{c.n}, [][]float64{out})
}

// first is the step before which it does not forecast.
func (m smoother) first(c *course) int {
	if m.week > 0 {
		return 14 * c.p.cal.perDay
	}
	return 7 * c.p.cal.perDay
}

func (m smoother) run(c *course, origins []int, out [][]float64) {
	cal, first := c.p.cal, m.first(c)
	z := c.on(m.scale).y
	level, day, week := m.begin(cal, z[:first])
	left := 0.0 // of the newest error
	i := 0
	for o, origin := range origins[:len(out)] {
		for ; i < origin; i++ {
			d, w := cal.slot[i], cal.week[i]
			e := z[i] - level - day[d] - week[w] - m.keep*left
			level += m.level * e
			day[d] += m.day * e
			week[w] += m.week * e
			left = z[i] - level - day[d] - week[w]
		}
		fade := left
		for h := range out[o] {
			fade *= m.keep
			j := origin + h
			out[o][h] = max(0, m.scale.from(level+day[cal.slot[j]]+week[cal.week[j]]+fade))
		}
	}
}

// begin is the state at the start: means of the first weeks.
func (m smoother) begin(cal *calendar, z []float64) (level float64, day, week []float64) {
	day, week = make([]float64, cal.perDay), make([]float64, 7*cal.perDay)
	var all running
	for _, v := range z {
		all.add(v)
	}
	seen := make([]float64, len(week))
	for i, v := range z {
		s := cal.slot[i]
		seen[s]++
		day[s] += (v - all.mean - day[s]) / seen[s]
	}
	if m.week == 0 {
		return all.mean, day, week
	}
	clear(seen)
	for i, v := range z {
		s := cal.week[i]
		seen[s]++
		week[s] += (firstWeek*(v-all.mean-day[cal.slot[i]]) - week[s]) / seen[s]
	}
	return all.mean, day, week
}
