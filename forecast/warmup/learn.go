package warmup

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// leastLeaf is how many times a leaf rests on at least.
	leastLeaf = 12
	// deepest bounds the conditions on one way.
	deepest = 5
	// folds is into how many parts the times are cut, each judged by what was
	// learned from the others.
	folds = 8
	// leastGain is how much smaller the loss has to be before conditions are believed.
	leastGain = 0.1
	// parentWeight is how many times of its parent a leaf's quantiles lean on.
	parentWeight = 4

	// leastTimes: fewer than this are not worth conditions.
	leastTimes = 4 * leastLeaf
)

// Levels are the quantiles that are learned.
func Levels() []float64 { return []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99} }

// judged are the levels by which conditions are judged.
var judged = []int{2, 4, 6}

// Table is what is learned from: how long things took, and under which
// conditions. Rows are in the order in which they happened.
type Table struct {
	Features []string
	Rows     [][]float64     // as many values as features
	Took     []time.Duration // above 0
}

// Learn gives quantiles that depend on those conditions that earn it: on the
// loss of quantiles of times that were not learned from. On the log scale, golearn's
// tree is grown and cut back to the depth with the smallest loss; a leaf's quantiles
// lean on its parent's; then all are moved, level by level, so that as many of the
// times that were not learned from lie below as should (conformal calibration).
// Same input, same output. An empty table gives no leaf.
func Learn(t Table) (forescale.LearnedTimes, error) {
	l := forescale.LearnedTimes{Features: t.Features, Levels: Levels(), Measured: len(t.Took)}
	if len(t.Took) == 0 {
		return l, nil
	}
	l.Shortest, l.Longest = slices.Min(t.Took), slices.Max(t.Took)
	y := make([]float64, len(t.Took))
	for i, d := range t.Took {
		y[i] = math.Log(math.Max(float64(d), 1))
	}
	m := &learner{x: coarse(t.Rows), y: y, levels: l.Levels}
	depth, shift, gain, err := m.choose()
	if err != nil {
		return l, err
	}
	root, err := grow(m.x, y, all(len(y)), depth)
	if err != nil {
		return l, err
	}
	l.Gain = gain
	m.write(&l, root, nil, 0, depth, shift)
	return l, nil
}

type learner struct {
	x      [][]float64
	y      []float64
	levels []float64
}

// choose is the depth of the tree, and what is added to each level's quantile.
func (m *learner) choose() (depth int, shift []float64, gain float64, err error) {
	deepestHere := deepest
	if len(m.y) < leastTimes || len(m.x[0]) == 0 {
		deepestHere = 0
	}
	if len(m.y) < 2*folds {
		return 0, make([]float64, len(m.levels)), 0, nil
	}
	// over[d][level] are the times minus their quantile, of trees of depth d that
	// did not see them.
	over := make([][][]float64, deepestHere+1)
	for d := range over {
		over[d] = make([][]float64, len(m.levels))
	}
	for f := range folds {
		lo, hi := f*len(m.y)/folds, (f+1)*len(m.y)/folds
		var seen []int
		for i := range m.y {
			if i < lo || i >= hi {
				seen = append(seen, i)
			}
		}
		root, err := grow(m.x, m.y, seen, deepestHere)
		if err != nil {
			return 0, nil, 0, err
		}
		for i := lo; i < hi; i++ {
			for d, q := range m.path(root, m.x[i], deepestHere) {
				for k := range m.levels {
					over[d][k] = append(over[d][k], m.y[i]-q[k])
				}
			}
		}
	}
	best, none := math.Inf(1), 0.0
	for d := range over {
		loss := m.loss(over[d])
		if d == 0 {
			none, best = loss, loss*(1-leastGain)
			continue
		}
		if loss < best && m.wins(over[d], over[0]) {
			best, depth = loss, d
		}
	}
	if depth > 0 && none > 0 {
		gain = 1 - best/none
	}
	shift = make([]float64, len(m.levels))
	if depth == 0 { // the quantiles of the times are calibrated already
		return 0, shift, 0, nil
	}
	for k, level := range m.levels {
		slices.Sort(over[depth][k])
		shift[k] = conformal(over[depth][k], level)
	}
	return depth, shift, gain, nil
}

// loss is the pinball loss at the judged levels, which is what quantiles minimise.
func (m *learner) loss(over [][]float64) float64 {
	sum := 0.0
	for _, k := range judged {
		for _, e := range over[k] {
			sum += math.Max(m.levels[k]*e, (m.levels[k]-1)*e)
		}
	}
	return sum
}

// wins reports whether conditions do better in most parts, not by one lucky part.
func (m *learner) wins(with, without [][]float64) bool {
	won := 0
	for f := range folds {
		lo, hi := f*len(m.y)/folds, (f+1)*len(m.y)/folds
		part := func(over [][]float64) [][]float64 {
			out := make([][]float64, len(over))
			for k := range over {
				out[k] = over[k][lo:hi]
			}
			return out
		}
		if m.loss(part(with)) < m.loss(part(without)) {
			won++
		}
	}
	return won >= folds*3/4
}

// conformal is what has to be added to a quantile so that a share of what comes
// next lies below: of n sorted errors the one with rank level·(n+1), so that the
// next one counts, too; the largest if that is beyond them.
func conformal(sorted []float64, level float64) float64 {
	n := len(sorted)
	r := level*float64(n+1) - 1
	i := int(math.Floor(r))
	switch {
	case i < 0:
		return sorted[0]
	case i >= n-1:
		return sorted[n-1]
	}
	return sorted[i] + (r-float64(i))*(sorted[i+1]-sorted[i])
}

// quantile is the plain quantile of sorted values, linear between them (the seventh
// of Hyndman and Fan 1996). A level that so few cannot resolve, as none of them would be
// expected beyond it, gets the outermost.
func quantile(sorted []float64, level float64) float64 {
	n := float64(len(sorted))
	if n*min(level, 1-level) < 1-1e-9 {
		level = math.Round(level)
	}
	r := level * (n - 1)
	i := int(math.Floor(r))
	if i >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (r-float64(i))*(sorted[i+1]-sorted[i])
}

// fine is a time to three digits or more after the second, or after a thousandth of it.
func fine(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// path are the quantiles that trees of depth 0, 1, … give for a row.
func (m *learner) path(n *node, row []float64, depth int) [][]float64 {
	out := make([][]float64, depth+1)
	var q []float64
	for d := range out {
		if d > 0 && n.feature >= 0 {
			if row[n.feature] < n.below {
				n = n.left
			} else {
				n = n.right
			}
			q = nil
		}
		if d == 0 || q == nil {
			var parent []float64
			if d > 0 {
				parent = out[d-1]
			}
			q = m.quantiles(n, parent)
		}
		out[d] = q
	}
	return out
}

// quantiles are those of what came to n, leaning on its parent's; kept with n.
func (m *learner) quantiles(n *node, parent []float64) []float64 {
	if n.q != nil {
		return n.q
	}
	ys := make([]float64, len(n.rows))
	for k, i := range n.rows {
		ys[k] = m.y[i]
	}
	slices.Sort(ys)
	n.q = make([]float64, len(m.levels))
	w := float64(len(ys)) / float64(len(ys)+parentWeight)
	for k, level := range m.levels {
		n.q[k] = quantile(ys, level)
		if parent != nil {
			n.q[k] = w*n.q[k] + (1-w)*parent[k]
		}
	}
	return n.q
}

// write adds n and what is below it to l, and returns where it is.
func (m *learner) write(l *forescale.LearnedTimes, n *node, parent []float64, d, depth int, shift []float64) int {
	q := m.quantiles(n, parent)
	at := len(l.Nodes)
	s := forescale.LearnedSplit{Feature: -1, Count: len(n.rows)}
	if d < depth && n.feature >= 0 {
		s.Feature, s.Below = n.feature, n.below
		l.Nodes = append(l.Nodes, s)
		left := m.write(l, n.left, q, d+1, depth, shift)
		right := m.write(l, n.right, q, d+1, depth, shift)
		l.Nodes[at].Left, l.Nodes[at].Right = left, right
		return at
	}
	s.Values = make([]time.Duration, len(q))
	for k := range q {
		// What is moved stays within what was measured in this case, or what its
		// parent lends it: a case is not to pay for the errors of another.
		moved := min(max(q[k]+shift[k], m.least(n, q[k])), m.most(n, q[k]))
		s.Values[k] = fine(time.Duration(math.Exp(moved)))
		if k > 0 {
			s.Values[k] = max(s.Values[k], s.Values[k-1])
		}
	}
	l.Nodes = append(l.Nodes, s)
	return at
}

func (m *learner) most(n *node, v float64) float64 {
	for _, i := range n.rows {
		v = max(v, m.y[i])
	}
	return v
}

func (m *learner) least(n *node, v float64) float64 {
	for _, i := range n.rows {
		v = min(v, m.y[i])
	}
	return v
}

// mostValues is how many values of a feature may be told apart: golearn tries a
// split between each two.
const mostValues = 40

// coarse is rows where a feature of more values has the least of each of as many
// parts instead.
func coarse(rows [][]float64) [][]float64 {
	out := make([][]float64, len(rows))
	for i, r := range rows {
		out[i] = slices.Clone(r)
	}
	for f := range rows[0] {
		column := make([]float64, len(rows))
		for i, r := range rows {
			column[i] = r[f]
		}
		slices.Sort(column)
		if len(slices.Compact(slices.Clone(column))) <= mostValues {
			continue
		}
		var edges []float64
		for k := range mostValues {
			edges = append(edges, column[k*len(column)/mostValues])
		}
		edges = slices.Compact(edges)
		for i, r := range rows {
			k, there := slices.BinarySearch(edges, r[f])
			if !there {
				k--
			}
			out[i][f] = edges[k]
		}
	}
	return out
}

func all(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// MostTimes is how many of the newest times are learned from: what is older says
// little of today, and the learner's work grows faster than their number.
const MostTimes = 500
