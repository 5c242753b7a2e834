package api

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

// budgetCollector tells how budgets stand.
type budgetCollector struct {
	a       *API
	amounts []budgetAmount
	lowered *prometheus.Desc
}

type budgetAmount struct {
	desc *prometheus.Desc
	of   func(forescale.BudgetOutlook) forescale.Money
}

func newBudgetCollector(a *API) *budgetCollector {
	amount := func(name, help string, of func(forescale.BudgetOutlook) forescale.Money) budgetAmount {
		return budgetAmount{prometheus.NewDesc("forescale_budget_"+name, help, []string{"budget"}, nil), of}
	}
	return &budgetCollector{a: a,
		lowered: prometheus.NewDesc("forescale_objective_lowered", "What the objective of a service is lowered to so that a budget lasts. Absent while it is not.", []string{"service"}, nil),
		amounts: []budgetAmount{
			amount("limit", "Money of a calendar month.", func(b forescale.BudgetOutlook) forescale.Money { return b.Limit }),
			amount("spent", "Spent this month.", func(b forescale.BudgetOutlook) forescale.Money { return b.Spent }),
			amount("reserved", "Bound on top of what is spent.", func(b forescale.BudgetOutlook) forescale.Money { return b.Reserved }),
			amount("projected", "What the month would cost with no objective lowered.", func(b forescale.BudgetOutlook) forescale.Money { return b.Projected }),
			amount("paced", "What the month will cost as objectives are lowered now.", func(b forescale.BudgetOutlook) forescale.Money { return b.Paced }),
		}}
}

// Describe implements prometheus.Collector.
func (c *budgetCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.lowered
	for _, m := range c.amounts {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *budgetCollector) Collect(ch chan<- prometheus.Metric) {
	if c.a.cfg.Budgets == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	bs, err := c.a.cfg.Budgets(ctx)
	if err != nil {
		c.a.log.Warn("read budgets for metrics", "error", err)
		return
	}
	lowest := map[string]float64{}
	for _, b := range bs {
		for _, m := range c.amounts {
			ch <- gauge(m.desc, m.of(b).Float(), b.Name)
		}
		for _, l := range b.Lowered {
			if old, known := lowest[l.Service]; !known || l.Objective < old {
				lowest[l.Service] = l.Objective
			}
		}
	}
	for service, v := range lowest {
		ch <- gauge(c.lowered, v, service)
	}
}

var _ prometheus.Collector = (*budgetCollector)(nil)
