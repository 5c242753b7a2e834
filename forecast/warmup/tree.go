package warmup

import (
	"fmt"
	"math"
	"slices"

	"github.com/sjwhitworth/golearn/base"
	"github.com/sjwhitworth/golearn/trees"
)

// node is a branch or a leaf, with what came this way.
type node struct {
	feature     int // -1: a leaf
	below       float64
	left, right *node
	rows        []int
	q           []float64 // of the rows, see learner.quantiles
}

// grow fits golearn's regression tree to the rows of x and y, and cuts off what
// rests on too few of them: golearn goes on splitting to single rows.
func grow(x [][]float64, y []float64, rows []int, depth int) (root *node, err error) {
	defer func() { // golearn panics where it does not return errors
		if p := recover(); p != nil {
			err = fmt.Errorf("the tree cannot be grown: %v", p)
		}
	}()
	if len(rows) < 2*leastLeaf || constant(y, rows) {
		return &node{feature: -1, rows: rows}, nil
	}
	grid := base.NewDenseInstances()
	specs := make([]base.AttributeSpec, len(x[0])+1)
	for f := range specs {
		specs[f] = grid.AddAttribute(base.NewFloatAttribute(fmt.Sprint(f)))
	}
	target := len(x[0])
	if err := grid.AddClassAttribute(specs[target].GetAttribute()); err != nil {
		return nil, fmt.Errorf("name what is learned: %w", err)
	}
	if err := grid.Extend(len(rows)); err != nil {
		return nil, fmt.Errorf("make room: %w", err)
	}
	for i, r := range rows {
		for f, v := range x[r] {
			grid.Set(specs[f], i, base.PackFloatToBytes(v))
		}
		grid.Set(specs[target], i, base.PackFloatToBytes(y[r]))
	}
	tree := trees.NewDecisionTreeRegressor(trees.MSE, int64(depth))
	if err := tree.Fit(grid); err != nil {
		return nil, fmt.Errorf("grow the tree: %w", err)
	}
	root = &node{feature: -1, rows: rows}
	// golearn's type of a branch cannot be named outside, but what is left to visit
	// can be a list of it.
	here, branches := []*node{root}, []int{0}
	visit := listOf(tree.RootNode)
	for len(branches) > 0 {
		n, b := here[branches[0]], visit[branches[0]]
		branches = branches[1:]
		if !n.split(x, int(b.Feature), b.Threshold) {
			continue
		}
		if b.Left != nil {
			branches = append(branches, len(here))
			here, visit = append(here, n.left), append(visit, b.Left)
		}
		if b.Right != nil {
			branches = append(branches, len(here))
			here, visit = append(here, n.right), append(visit, b.Right)
		}
	}
	return root, nil
}

func listOf[T any](x T) []T { return []T{x} }

// split makes a branch of a leaf, unless too few rows would go one way.
func (n *node) split(x [][]float64, feature int, below float64) bool {
	var l, r []int
	for _, i := range n.rows {
		if x[i][feature] < below {
			l = append(l, i)
		} else {
			r = append(r, i)
		}
	}
	if len(l) < leastLeaf || len(r) < leastLeaf {
		return false
	}
	n.feature, n.below = feature, math.Inf(1)
	for _, i := range r { // not half-way to it: between the two lies what was made coarse
		n.below = min(n.below, x[i][feature])
	}
	n.left, n.right = &node{feature: -1, rows: l}, &node{feature: -1, rows: r}
	return true
}

func constant(y []float64, rows []int) bool {
	return !slices.ContainsFunc(rows, func(i int) bool { return math.Abs(y[i]-y[rows[0]]) > 1e-9 })
}
