package main

import (
	"context"
	"strings"
	"testing"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/memory"
)

// From the command line to a server and back: a budget is set, shown, asked about
// and forgotten.
func TestBudgetsFromTheCommandLine(t *testing.T) {
	st := memory.New()
	shop := forescale.Service{Name: "shop", Mode: forescale.ModeActive, Min: 2, PricePerHour: forescale.Unit / 2}.WithDefaults()
	if _, err := st.PutService(t.Context(), shop, -1); err != nil {
		t.Fatal(err)
	}
	srv, err := startServer(t.Context(), serverConfig{Store: st, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close(context.Background()) })
	s := newShell(t)
	at := []string{"--server", "http://" + srv.ln.Addr().String()}
	do := func(args ...string) string { return s.must(append(args, at...)...) }
	do("budgets", "set", "all", "900")
	do("budgets", "set", "shop", "800", "--service", "shop", "--month-zone", "Europe/Berlin")
	do("budgets", "set", "shop", "850")
	shown := do("budgets", "show", "shop")
	for _, want := range []string{"service shop", "limit 850", "Europe/Berlin", "projected", "will cost"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in\n%s", want, shown)
		}
	}
	if rows := do("budgets"); strings.Count(rows, "\n") != 2 || !strings.Contains(rows, "service shop") {
		t.Errorf("two budgets are shown as\n%s", rows)
	}
	if trade := do("plan", "--budget", "500", "--what-if"); !strings.Contains(trade, "500.00") || strings.Count(trade, "\n") < 10 {
		t.Errorf("what if:\n%s", trade)
	}
	s.fails(exitUsage, []string{"not an amount"}, append([]string{"budgets", "set", "all", "much"}, at...)...)
	do("budgets", "delete", "shop")
	if r := s.run(append([]string{"budgets", "show", "shop"}, at...)...); r.code == exitOK || !strings.Contains(r.err, "budget_unknown") {
		t.Errorf("a budget that is gone: %+v", r)
	}
}
