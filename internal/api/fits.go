package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/forescale/forescale"
)

// fits refuses a service whose min no budget pays for, and one that may only run on a
// node that is not there. What was so before the change is let pass: a change of
// something else must not be refused for it.
func (a *API) fits(ctx context.Context, s forescale.Service) error {
	var fs forescale.Faults
	bad := func(field, what, help string) {
		fs = append(fs, &forescale.Fault{Code: "service_invalid", Where: "body." + field, What: what, Help: help})
	}
	budgets, err := a.store.Budgets(ctx)
	if err != nil {
		return fmt.Errorf("read budgets: %w", err)
	}
	budgets = slices.DeleteFunc(budgets, func(b forescale.Budget) bool { return !b.Covers(s.Name) })
	if len(budgets) > 0 {
		services, err := a.store.ListServices(ctx)
		if err != nil {
			return fmt.Errorf("read services: %w", err)
		}
		then := append(slices.DeleteFunc(slices.Clone(services), func(x forescale.Service) bool { return x.Name == s.Name }), s)
		for _, b := range budgets {
			if least := b.LeastCost(then); least > b.Limit && least > b.LeastCost(services) {
				bad("min_instances", fmt.Sprintf("min_instances of all that budget %q is for would cost %s in a month of 31 days, its limit is %s", b.Name, least, b.Limit),
					"lower min_instances, or raise the budget")
			}
		}
	}
	if node := s.Resources.Node; node != "" {
		nodes, err := a.store.Nodes(ctx)
		if err != nil {
			return fmt.Errorf("read nodes: %w", err)
		}
		names := make([]string, len(nodes))
		for i, n := range nodes {
			names[i] = n.Name
		}
		if !slices.Contains(names, node) {
			help := didYouMean(node, names)
			if help == "" {
				help = "no node is known yet; name one in the config file, or ask for a label instead"
			}
			bad("resources.node", fmt.Sprintf("there is no node %q", node), help)
		}
	}
	return fs.OrNil()
}
