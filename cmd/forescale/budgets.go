package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newBudgets(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "budgets",
		Short: "Show budgets: what is spent, what a month will cost, and what is lowered for it",
		Long: `Show budgets, their limits per month and how they stand. RESERVED is bound on top of what
is spent, and LEFT what may still be bound. PROJECTED is what the month would cost with all
objectives as they are, between a low and a high estimate; LIMIT MET is the day on which the
limit would be met then. WILL COST is what the month will cost as objectives are lowered.`,
		Args: wants(),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.budgets(cmd.Context(), f, *o) }
	cmd.AddCommand(newBudgetsShow(a), newBudgetsSet(a), newBudgetsDelete(a))
	return cmd
}

func newBudgetsShow(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show one budget and the objectives that are lowered for it", Args: wants("NAME")}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.budget(cmd.Context(), f, *o, args[0]) }
	return cmd
}

func newBudgetsSet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "set NAME LIMIT",
		Short:   "Set what a budget allows per month",
		Long:    "Set what a budget allows per month. The limit is hard from the next planning step on. What is\nnot given stays as it is; a new budget is for all services and counts months of UTC.",
		Example: "  forescale budgets set all 500\n  forescale budgets set shop 120 --service checkout --month-zone Europe/Berlin",
		Args:    wants("NAME", "LIMIT"),
	}
	f := addClientFlags(a, cmd)
	service := cmd.Flags().String("service", "", "the budget is for this service alone")
	zone := cmd.Flags().String("month-zone", "", "IANA zone at whose midnight months begin")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.setBudget(cmd.Context(), f, args[0], args[1], *service, *zone)
	}
	return cmd
}

func newBudgetsDelete(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "delete NAME", Short: "Forget a budget: nothing is bounded by it any more", Args: wants("NAME")}
	f := addClientFlags(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(f)
		if err != nil {
			return err
		}
		if err := c.do(cmd.Context(), http.MethodDelete, "/v1/budgets/"+url.PathEscape(args[0]), nil, nil, nil); err != nil {
			return err
		}
		a.hint("%s is forgotten; what was spent stays known.", args[0])
		return nil
	}
	return cmd
}

// budgetView is a budget of the API, as far as it is shown.
type budgetView struct {
	Name, Scope, Of string
	Limit           forescale.Money
	TimeZone        string `json:"time_zone"`
	Origin          forescale.Origin
	Status          struct {
		From, Until                             time.Time
		Spent, Reserved, Left, Projected, Paced float64
		Low                                     float64    `json:"projected_low"`
		High                                    float64    `json:"projected_high"`
		MetAt                                   *time.Time `json:"met_at"`
		Lowered                                 []loweredView
	}
}

// loweredView is an objective that is lowered.
type loweredView struct {
	Service                     string
	Stated, Objective, Quantile float64
	GivenUp                     float64 `json:"given_up"`
}

// words say how far it is lowered.
func (l loweredView) words() string {
	return fmt.Sprintf("%s from %s to %s", l.Service, share(l.Stated), share(l.Objective))
}

// share is a share as a percentage without needless decimals.
func share(v float64) string { return strconv.FormatFloat(100*v, 'g', 3, 64) + " %" }

// of is what the budget is for.
func (b budgetView) of() string {
	if b.Of == "" {
		return b.Scope
	}
	return strings.ReplaceAll(b.Scope, "_", " ") + " " + b.Of
}

// met is the day on which the limit is met.
func (b budgetView) met() string {
	if b.Status.MetAt == nil {
		return "-"
	}
	return b.Status.MetAt.In(b.location()).Format(time.DateOnly)
}

func (b budgetView) location() *time.Location {
	return forescale.Budget{TimeZone: b.TimeZone}.Location()
}

// parseAmount reads an amount of money above 0, of a flag or of an argument ("").
func parseAmount(flag, text string) (forescale.Money, error) {
	m, err := forescale.ParseMoney(text)
	if err != nil || m <= 0 {
		return 0, usage(strings.TrimSpace(fmt.Sprintf("%s %q is not an amount of money", flag, text)), "write a number above 0 with at most six decimals, such as 500")
	}
	return m, nil
}

func amount(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

var budgetHeaders = []string{"budget", "for", "limit", "spent", "reserved", "left", "projected", "projected_low", "projected_high", "paced", "met_at", "lowered"}

func budgetRows(bs []budgetView) [][]string {
	var rows [][]string
	for _, b := range bs {
		s, met := b.Status, ""
		if s.MetAt != nil {
			met = stamp(*s.MetAt)
		}
		row := []string{b.Name, b.of(), b.Limit.String()}
		for _, v := range []float64{s.Spent, s.Reserved, s.Left, s.Projected, s.Low, s.High, s.Paced} {
			row = append(row, exact(&v))
		}
		rows = append(rows, append(row, met, strconv.Itoa(len(s.Lowered))))
	}
	return rows
}

func (a *app) budgets(ctx context.Context, f *clientFlags, o format) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var v struct{ Items []budgetView }
	if done, err := a.ask(ctx, c, "/v1/budgets", nil, o, &v); done || err != nil {
		return err
	}
	if o == formatCSV {
		return a.writeCSV(budgetHeaders, budgetRows(v.Items))
	}
	if len(v.Items) == 0 {
		a.hint("There is no budget. Set one with: forescale budgets set all 500")
		return nil
	}
	t := newTable("BUDGET", "FOR", "LIMIT", "SPENT", "RESERVED", "LEFT", "PROJECTED", "LIMIT MET", "WILL COST", "LOWERED").alignRight(2, 3, 4, 5, 6, 8)
	for _, b := range v.Items {
		s, lowered := b.Status, "-"
		if n := len(s.Lowered); n > 0 {
			lowered = counted(n, "service")
		}
		t.add(b.Name, b.of(), b.Limit.String(), amount(s.Spent), amount(s.Reserved), amount(s.Left), amount(s.Projected), b.met(), amount(s.Paced), lowered)
	}
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("More of one: forescale budgets show %s. What another limit would buy: forescale plan --budget LIMIT --what-if", v.Items[0].Name)
	return nil
}

func (a *app) budget(ctx context.Context, f *clientFlags, o format, name string) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var b budgetView
	if done, err := a.ask(ctx, c, "/v1/budgets/"+url.PathEscape(name), nil, o, &b); done || err != nil {
		return err
	}
	if o == formatCSV {
		return a.writeCSV(budgetHeaders, budgetRows([]budgetView{b}))
	}
	s, loc := b.Status, b.location()
	var out strings.Builder
	row := func(label, format string, args ...any) {
		fmt.Fprintf(&out, "%-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	row(b.Name, "%s, limit %s from %s to %s (%s)", b.of(), b.Limit, s.From.In(loc).Format(time.DateOnly), s.Until.Add(-time.Second).In(loc).Format(time.DateOnly), b.TimeZone)
	row("spent", "%s, and %s reserved; %s left", amount(s.Spent), amount(s.Reserved), amount(s.Left))
	row("projected", "%s at all objectives as they are; %s when demand stays low, %s when it stays high", amount(s.Projected), amount(s.Low), amount(s.High))
	if s.MetAt != nil {
		row("limit", "would be met on %s", b.met())
	}
	row("will cost", "%s", amount(s.Paced))
	for _, l := range s.Lowered {
		row("lowered", "%s: with room for the %s quantile of demand in the mean, and %s of the time, the dearest hours, given up", l.words(), share(l.Quantile), share(l.GivenUp))
	}
	_, err = fmt.Fprint(a.stdout, out.String())
	return err
}

func (a *app) setBudget(ctx context.Context, f *clientFlags, name, limit, service, zone string) error {
	m, err := parseAmount("", limit)
	if err != nil {
		return err
	}
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var old, b budgetView
	path := "/v1/budgets/" + url.PathEscape(name)
	var fault *forescale.Fault
	if err := c.get(ctx, path, nil, &old); err != nil && !(errors.As(err, &fault) && fault.Code == "budget_unknown") {
		return err
	}
	body := map[string]any{"limit": m, "scope": firstOf(old.Scope, string(forescale.BudgetAll)), "of": old.Of, "time_zone": firstOf(zone, old.TimeZone, "UTC")}
	if service != "" {
		body["scope"], body["of"] = string(forescale.BudgetService), service
	}
	if err := c.do(ctx, http.MethodPut, path, nil, body, &b); err != nil {
		return err
	}
	a.hint("%s allows %s a month. %s are spent, and the month would cost %s. Next: forescale budgets show %s", b.Name, b.Limit, amount(b.Status.Spent), amount(b.Status.Projected), b.Name)
	return nil
}
