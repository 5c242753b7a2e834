package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// readMoney reads the flags of money that need no trace.
func (r *simulateRequest) readMoney() error {
	text, percent := strings.CutSuffix(r.budget, "%")
	if !percent {
		return nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v > 0) || v > 1000 {
		return usage(fmt.Sprintf("%q is not a share", r.budget), "write it such as 80%: of what predictive costs without a budget")
	}
	r.share, r.budget = v/100, ""
	return nil
}

// setMoney sets the price and the budget of a study.
func (r simulateRequest) setMoney(s *sim.Study) (err error) {
	if r.price != "" {
		s.Service.PricePerHour, err = parseAmount("--price-per-hour", r.price)
	}
	if err == nil && r.budget != "" {
		s.Budget, err = parseAmount("--budget", r.budget)
	}
	if s.Service.PricePerHour == 0 && (s.Budget > 0 || r.share > 0) {
		s.Service.PricePerHour = forescale.Unit
	}
	return err
}
