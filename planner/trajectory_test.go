package planner

import (
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// course is a plan ahead over steps of a minute, as a test writes it.
type course struct {
	needs  []int
	supply int
	lead   int // minutes from the order until it serves
	price  int // of a start, in instance-minutes beyond those that are paid until it serves
}

// plan is the number wanted in each minute, by the planner.
func (c course) plan() []int {
	o := DefaultOptions()
	o.Interval = time.Nanosecond // the next order can go out at once
	s := checkout()
	s.Min, s.Max = 0, 100
	r := &round{now: clock(8, 0), o: o, st: &State{}, s: s, to: c.supply, supply: c.supply, lead: time.Duration(c.lead) * time.Minute,
		windows: windows{beyond: time.Duration(c.price) * time.Minute}}
	w := walk{r: r, cur: c.supply, changes: []forescale.PlanChange{{At: r.now, Wanted: c.supply}}}
	for i, n := range c.needs {
		w.steps = append(w.steps, step{at: time.Duration(i) * time.Minute, count: n})
	}
	w.walk()
	wanted := make([]int, len(c.needs))
	for i := range wanted {
		for _, x := range w.changes {
			if x.At.Sub(r.now) < w.steps[i].at+time.Minute {
				wanted[i] = x.Wanted
			}
		}
	}
	return wanted
}

// serves reports whether each minute has what it needs, as far as an order can still
// help. What is wanted at a minute serves at it if it was wanted all the lead time before.
func (c course) serves(wanted []int) bool {
	for k, need := range c.needs {
		ready := c.supply // before the first minute
		if k >= c.lead {
			ready = wanted[k-c.lead]
		}
		for i := max(0, k-c.lead); i <= k; i++ {
			ready = min(ready, wanted[i])
		}
		if k < c.lead {
			need = min(need, c.supply)
		}
		if ready < need {
			return false
		}
	}
	return true
}

// cost is what a course costs in instance-minutes.
func (c course) cost(wanted []int) int {
	sum, was := 0, c.supply
	for _, n := range wanted {
		sum += n + c.price*max(0, n-was)
		was = n
	}
	return sum
}

// cheapest is the least that any course costs.
func (c course) cheapest() int {
	least, most := -1, max(c.supply, slices.Max(c.needs))
	wanted := make([]int, len(c.needs))
	var try func(i int)
	try = func(i int) {
		if i == len(wanted) {
			if cost := c.cost(wanted); c.serves(wanted) && (least < 0 || cost < least) {
				least = cost
			}
			return
		}
		for wanted[i] = 0; wanted[i] <= most; wanted[i]++ {
			try(i + 1)
		}
		wanted[i] = 0
	}
	wanted[0] = c.supply // now is decided already
	try(1)
	return least
}

func TestThePlanAheadIsTheCheapestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := course{supply: rapid.IntRange(1, 3).Draw(t, "supply"), lead: rapid.IntRange(1, 2).Draw(t, "lead"), price: rapid.IntRange(0, 2).Draw(t, "price")}
		c.needs = rapid.SliceOfN(rapid.IntRange(1, 3), 6, 6).Draw(t, "needs")
		for i := range c.needs[:c.lead+1] { // what now can serve
			c.needs[i] = min(c.needs[i], c.supply)
		}
		wanted := c.plan()
		if !c.serves(wanted) {
			t.Fatalf("%+v is not served by %v", c, wanted)
		}
		if cost, least := c.cost(wanted), c.cheapest(); cost != least {
			t.Fatalf("%+v costs %d by %v, at least %d", c, cost, wanted, least)
		}
	})
}

func TestTheWorkOfAPlanGrowsWithItsStepsAlone(t *testing.T) {
	for _, n := range []int{288, 2880} {
		for _, within := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
			steps := make([]step, n)
			for i := range steps {
				steps[i] = step{at: time.Duration(i) * time.Minute, count: (i * 7919) % 31}
			}
			if looks := new(reach).find(steps, within); looks > 2*n {
				t.Errorf("%d looks at %d steps that reach %v", looks, n, within)
			}
		}
	}
}
