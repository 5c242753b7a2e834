package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
)

// budgetFields is one budget of the file.
func budgetFields(b *forescale.Budget) []field {
	return []field{
		text("scope", "What it is for.", &b.Scope).oneOf("all", "service", "node_type").or("all"),
		text("of", "The service or the node type that it is for.", &b.Of),
		moneyField("limit", "Money of a calendar month. It has to pay for min_instances in a month of 31 days.", &b.Limit),
		zoneField("time_zone", "IANA name; months begin at its midnight.", &b.TimeZone).or("UTC"),
	}
}

// moneyField is an amount, read exactly.
func moneyField(key, doc string, to *forescale.Money) field {
	return scalar(key, doc, "money", map[string]any{"type": "number", "minimum": 0}, func(n *yaml.Node) *wrong {
		m, err := forescale.ParseMoney(n.Value)
		switch {
		case err != nil:
			return &wrong{fmt.Sprintf("%q is not an amount of money", n.Value), "write a number with at most six decimals, such as 0.125 or 500"}
		case m < 0:
			return &wrong{fmt.Sprintf("%s is %s", key, m), "money is 0 or more"}
		}
		*to = m
		return nil
	})
}

// checkBudgets finds what is wrong with budgets, beside each other and beside the
// services of the file. A service that only the store knows cannot be told here.
func (r *configReader) checkBudgets(c *Config) {
	services := make([]forescale.Service, len(c.Services))
	for k, e := range c.Services {
		services[k] = e.Service.WithDefaults()
	}
	var fs forescale.Faults
	for _, b := range c.Budgets {
		for _, f := range faultsIn(b.Validate()) {
			f.Where = b.Name + "." + f.Where
			fs = append(fs, f)
		}
	}
	for _, f := range append(fs, faultsIn(forescale.CheckBudgets(c.Budgets, services, c.NodeTypes))...) {
		name, _, _ := strings.Cut(f.Where, ".")
		n := r.places.near("budgets." + f.Where)
		if r.hasFaultAt(n) {
			continue
		}
		r.fault(n.Line, n.Column, "config_wrong_value", fmt.Sprintf("%s, in budget %q", f.What, name), f.Help)
	}
}

// syncBudgets makes the file's budgets those that the store has of it.
func syncBudgets(ctx context.Context, r registry, want []forescale.Budget, now time.Time) error {
	have, err := r.Budgets(ctx)
	if err != nil {
		return fmt.Errorf("read budgets: %w", err)
	}
	for _, b := range want {
		if slices.ContainsFunc(have, func(h forescale.Budget) bool {
			h.Version, h.UpdatedAt = b.Version, b.UpdatedAt
			return h == b
		}) {
			continue
		}
		b.UpdatedAt = now
		if _, err := r.PutBudget(ctx, b, -1); err != nil {
			return fmt.Errorf("take over budget %s: %w", b.Name, err)
		}
	}
	for _, h := range have {
		if h.Origin == forescale.OriginConfig && !slices.ContainsFunc(want, func(w forescale.Budget) bool { return w.Name == h.Name }) {
			if err := r.DeleteBudget(ctx, h.Name); err != nil && !errors.Is(err, forescale.ErrNotFound) {
				return fmt.Errorf("forget budget %s: %w", h.Name, err)
			}
		}
	}
	return nil
}
