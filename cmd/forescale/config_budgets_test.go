package main

import (
	"strings"
	"testing"
)

func TestBudgetsThatCannotHoldAreRefused(t *testing.T) {
	const services = "services:\n  a:\n    min_instances: 2\n    price_per_hour: 0.5\n"
	for _, c := range []struct{ name, config, want string }{
		{"below the cost of min", services + "budgets:\n  x:\n    limit: 700\n", "the limit is 700, but min_instances alone cost 745 in a month of 31 days"},
		{"of a service that there is not", services + "budgets:\n  x:\n    limit: 900\n    scope: service\n    of: b\n", `there is no service "b"`},
		{"two for the same", services + "budgets:\n  x:\n    limit: 900\n  y:\n    limit: 800\n", `budgets "x" and "y" are for the same`},
		{"a negative price", "services:\n  a:\n    price_per_hour: -1\n", "price_per_hour is -1"},
		{"too many decimals", "services:\n  a:\n    price_per_hour: 0.1234567\n", `"0.1234567" is not an amount of money`},
		{"no limit", services + "budgets:\n  x:\n    scope: all\n", "limit is 0"},
	} {
		_, err := parseConfig("c.yaml", []byte(c.config))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	c, err := parseConfig("c.yaml", []byte(services+"budgets:\n  x:\n    limit: 745\n    time_zone: Europe/Berlin\n"))
	if err != nil || len(c.Budgets) != 1 || c.Budgets[0].Limit.String() != "745" {
		t.Errorf("%+v, %v", c, err)
	}
}
