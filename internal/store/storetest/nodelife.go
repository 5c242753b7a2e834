package storetest

import (
	"time"

	"github.com/forescale/forescale"
)

// nodeLife is a node that was ordered so many seconds after the start and is ready.
func nodeLife(node string, seconds float64) forescale.NodeLife {
	return forescale.NodeLife{Node: node, Type: "t", State: forescale.NodeReady, Price: forescale.Unit, Step: time.Hour,
		Reason:    forescale.Reason{Code: "node_needed", Numbers: map[string]float64{"without": 2}, Times: map[string]time.Time{"need": at(9)}},
		OrderedAt: at(seconds), Deadline: at(seconds + 600), BootingAt: at(seconds + 1), ReadyAt: at(seconds + 60),
		Last: forescale.CommandRun{Kind: "start", At: at(seconds), Took: time.Second, Output: "ok\n"}}
}

// endedLife is one that is gone.
func endedLife(node string, seconds, end float64) forescale.NodeLife {
	l := nodeLife(node, seconds)
	l.State, l.DrainedBy, l.DrainingAt, l.StoppingAt, l.EndedAt = forescale.NodeStopped, forescale.DrainedByPlan, at(end-2), at(end-1), at(end)
	return l
}

func (f *fixture) lives(since float64) []forescale.NodeLife {
	f.Helper()
	return must[[]forescale.NodeLife](f)(f.NodeLives(f.ctx, at(since)))
}

// order records a round that orders nodes of type t.
func (f *fixture) order(second float64, kept bool, nodes ...string) {
	f.Helper()
	p := forescale.Plan{At: at(second), Nodes: nodePlan(second), Pace: 30 * time.Second}
	for _, n := range nodes {
		p.Orders = append(p.Orders, forescale.NodeLife{Node: n, Type: "t", State: forescale.NodeOrdered, Price: forescale.Unit, Step: time.Hour,
			Kept: kept, OrderedAt: at(second), Deadline: at(second + 600)})
	}
	f.ok(f.RecordPlan(f.ctx, p, nil))
}

var nodeLifeCases = []testCase{
	{"the lives of nodes come back whole, by order, and ended ones go when they are old", func(f *fixture) {
		a, b, gone := nodeLife("b-1", 5), nodeLife("a-1", 5), endedLife("c-1", 0, 40)
		f.ok(f.SaveNodeLives(f.ctx, []forescale.NodeLife{a, b, gone}))
		f.reopen()
		f.equal(f.lives(40), []forescale.NodeLife{gone, b, a})
		f.equal(f.lives(41), []forescale.NodeLife{b, a})
		a.State, a.Failure, a.EndedAt = forescale.NodeFailed, "no agent joined", at(50)
		f.ok(f.SaveNodeLives(f.ctx, []forescale.NodeLife{a}))
		f.equal(f.lives(41), []forescale.NodeLife{b, a})
		f.prune(at(51))
		f.equal(f.lives(0), []forescale.NodeLife{b})
	}},
	{"what people wish of nodes comes back by node, and an empty wish is forgotten", func(f *fixture) {
		a := forescale.NodeWish{Node: "a", Draining: true, By: "ops", At: at(1)}
		b := forescale.NodeWish{Node: "b", Protected: true, At: at(2)}
		f.ok(f.PutNodeWish(f.ctx, b))
		f.ok(f.PutNodeWish(f.ctx, forescale.NodeWish{Node: "a", Cordoned: true, At: at(0)}))
		f.ok(f.PutNodeWish(f.ctx, a))
		f.reopen()
		f.equal(must[[]forescale.NodeWish](f)(f.NodeWishes(f.ctx)), []forescale.NodeWish{a, b})
		f.ok(f.PutNodeWish(f.ctx, forescale.NodeWish{Node: "a", At: at(3)}))
		f.ok(f.PutNodeWish(f.ctx, forescale.NodeWish{Node: "never"}))
		f.equal(must[[]forescale.NodeWish](f)(f.NodeWishes(f.ctx)), []forescale.NodeWish{b})
	}},
	{"nodes are ordered with the round, and what would pass a limit is not, and noted", func(f *fixture) {
		f.ok(f.PutNodeType(f.ctx, forescale.NodeType{Name: "t", PricePerHour: 1, BillingStep: time.Hour, UpdatedAt: at(0)}))
		f.putBudget(2)
		f.order(0, false, "t-1", "t-2")
		f.equal(len(f.lives(0)), 2)
		f.equal(f.spent(0)[0], 2.0)
		f.order(30, false, "t-3")
		f.equal(len(f.lives(0)), 2)
		notes := f.nodePlan().Notes
		f.equal(notes[len(notes)-1].Subject, "node_types/t")
		f.equal(notes[len(notes)-1].Reason.Code, forescale.CodeBudgetCapped)
	}},
	{"a node is charged by started steps until it is gone, and its bill outlives a prune of instances", func(f *fixture) {
		f.ok(f.PutNodeType(f.ctx, forescale.NodeType{Name: "t", PricePerHour: 1, BillingStep: time.Hour, UpdatedAt: at(0)}))
		f.putBudget(9)
		f.order(0, false, "t-1")
		f.prune(at(0))
		f.equal(f.spent(5400)[0], 2.0)
		l := f.lives(0)[0]
		l.State, l.EndedAt = forescale.NodeStopped, at(5400)
		f.ok(f.SaveNodeLives(f.ctx, []forescale.NodeLife{l}))
		f.order(9000, false)
		f.equal(f.spent(9000), [2]float64{2, 0})
		f.reopen()
		f.equal(f.spent(99000), [2]float64{2, 0})
	}},
	{"money for a node that min needs is kept until the month's end", func(f *fixture) {
		f.ok(f.PutNodeType(f.ctx, forescale.NodeType{Name: "t", PricePerHour: 1, BillingStep: time.Hour, UpdatedAt: at(0)}))
		f.putBudget(700)
		f.order(0, true, "t-1")
		s := f.spent(0)
		f.equal(len(f.lives(0)), 1)
		f.equal(s[0]+s[1], 688.0) // as min of a service at the same price
		f.order(30, true, "t-2")
		f.equal(len(f.lives(0)), 1)
	}},
	{"a budget of a node type counts its nodes alone", func(f *fixture) {
		f.ok(f.PutNodeType(f.ctx, forescale.NodeType{Name: "t", PricePerHour: 1, BillingStep: time.Hour, UpdatedAt: at(0)}))
		b := budget(1)
		b.Scope, b.Of = forescale.BudgetNodeType, "t"
		_, err := f.PutBudget(f.ctx, b, -1)
		f.ok(err)
		f.put(priced("a"), 0)
		f.startUp("a", 0, 1)
		f.equal(f.spent(0), [2]float64{0, 0})
		f.order(0, false, "t-1", "t-2")
		f.equal(len(f.lives(0)), 1)
	}},
}
