package forecast

import "math"

// course is the history as experts read it: without gaps, outliers cut off,
// saturated values raised to what was expected, with room for what is ahead.
type course struct {
	p     *past
	t     *track
	n     int       // known steps
	y     []float64 // in medians of the history; beyond n it is work space
	moved bool      // the clocks change within the grid

	scales [onLog + 1]*scaled
	parted []parted
	rows   []float64 // work space of the regressions, one after the other
	spare  []float64
}

// room is work space for n values, of whoever asked last.
func (c *course) room(n int) []float64 {
	if cap(c.spare) < n {
		c.spare = make([]float64, n)
	}
	return c.spare[:n]
}

// scaled is a course on one scale.
type scaled struct {
	y      []float64 // beyond the known steps work space
	mean   float64
	lo, hi float64 // least and most
}

// on is the course on a scale. It is worked out once.
func (c *course) on(f transform) *scaled {
	if s := c.scales[f]; s != nil {
		return s
	}
	s := &scaled{y: make([]float64, len(c.y)), lo: math.Inf(1), hi: math.Inf(-1)}
	var mean running
	for i, v := range c.y[:c.n] {
		s.y[i] = f.to(v)
		mean.add(s.y[i])
		s.lo, s.hi = min(s.lo, s.y[i]), max(s.hi, s.y[i])
	}
	s.mean = mean.mean
	c.scales[f] = s
	return s
}

func newCourse(p *past, t *track) *course {
	c := &course{p: p, t: t, n: len(p.y), y: make([]float64, len(p.y)+p.ahead)}
	for i, z := range t.calm {
		if math.IsNaN(z) {
			s := t.seasonal[i*seasonals : (i+1)*seasonals]
			z = profileBase(s, s) + t.recent[i*recents+1]
		}
		c.y[i] = fromRoot(z)
	}
	for _, o := range p.cal.offset {
		if o != p.cal.offset[0] {
			c.moved = true
			break
		}
	}
	return c
}

// lag is a place in the past: some days and some steps back, on the local clock.
type lag struct{ days, steps int }

// lagTable tells lags in steps.
type lagTable struct {
	c     *course
	lags  []lag
	steps []int
}

func newLagTable(c *course, lags []lag) lagTable {
	t := lagTable{c: c, lags: lags, steps: make([]int, len(lags))}
	for k, l := range lags {
		t.steps[k] = int(float64(l.days)*c.p.cal.day+0.5) + l.steps
	}
	return t
}

// at is the step that lies lag k before step i.
func (t *lagTable) at(i, k int) int {
	j := i - t.steps[k]
	if t.c.moved && t.lags[k].days > 0 && j >= 0 {
		offset := t.c.p.cal.offset
		j = min(max(j+int(offset[i]-offset[j]), 0), i-1)
	}
	return j
}

// reach is the longest lag, with room for a change of the clocks.
func (t *lagTable) reach() int {
	far := 0
	for _, s := range t.steps {
		far = max(far, s)
	}
	if t.c.moved {
		far += t.c.p.cal.perDay/8 + 1
	}
	return far
}
