package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"
)

// tradeView is what one limit buys.
type tradeView struct {
	Limit, Cost float64
	InBand      float64 `json:"in_band"`
	Pays        bool
	Lowered     []loweredView
}

// whatIf shows the trade between money and the share of time in band for the rest of
// the month. Nothing is set.
func (a *app) whatIf(ctx context.Context, f *clientFlags, o format, limit, service, zone string) error {
	m, err := parseAmount("--budget", limit)
	if err != nil {
		return err
	}
	c, err := a.client(f)
	if err != nil {
		return err
	}
	q := url.Values{"limit": {m.String()}, "time_zone": {zone}}
	if service != "" {
		q.Set("service", service)
	}
	var v struct {
		Spent  float64
		Asked  tradeView
		Trades []tradeView
	}
	if done, err := a.ask(ctx, c, "/v1/what-if", q, o, &v); done || err != nil {
		return err
	}
	trades := append([]tradeView{v.Asked}, v.Trades...)
	if o == formatCSV {
		var rows [][]string
		for _, t := range trades {
			rows = append(rows, []string{exact(&t.Limit), exact(&t.Cost), exact(&t.InBand), strconv.FormatBool(t.Pays), strconv.Itoa(len(t.Lowered))})
		}
		return a.writeCSV([]string{"limit", "cost", "in_band", "pays", "lowered"}, rows)
	}
	t := newTable("LIMIT", "MONTH COSTS", "IN BAND", "LOWERED").alignRight(0, 1, 2)
	for k, x := range trades {
		limit := amount(x.Limit)
		if k == 0 {
			limit = "asked " + limit
		}
		t.add(limit, amount(x.Cost), share(x.InBand), loweredWords(x))
	}
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("%s are spent. In band: share of the rest of the month. Nothing was set; to set it: forescale budgets set NAME %s", amount(v.Spent), m)
	return nil
}

// loweredWords say which objectives a limit lowers.
func loweredWords(t tradeView) string {
	switch n := len(t.Lowered); {
	case !t.Pays:
		return "all as far as it goes, and the limit cuts deeper"
	case n == 0:
		return "-"
	case n > 3:
		return counted(n, "service")
	}
	var words []string
	for _, l := range t.Lowered {
		words = append(words, l.words())
	}
	return strings.Join(words, ", ")
}
