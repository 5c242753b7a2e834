package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// watch tells what happens to hosts, each simulated minute, until the context ends.
func (h *hosts) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.clock.After(time.Minute):
		}
		lives, err := h.store.NodeLives(ctx, h.begin)
		if err != nil {
			continue // the next time
		}
		for _, x := range lives {
			h.tellOf(x)
		}
	}
}

// tellOf tells once each what happened to a host.
func (h *hosts) tellOf(x forescale.NodeLife) {
	for _, e := range []struct {
		at   time.Time
		what string
		why  bool // the life tells it
	}{
		{x.OrderedAt, "is ordered", x.DrainingAt.IsZero() && x.StoppingAt.IsZero()},
		{x.ReadyAt, "is ready", false},
		{x.DrainingAt, "is emptied", true},
		{x.EndedAt, "is gone", false},
	} {
		if e.at.IsZero() || h.told[x.Node+e.what] {
			continue
		}
		h.told[x.Node+e.what] = true
		why := ""
		if e.why {
			why = " " + x.Reason.Sentence(h.say.zone, e.at)
		}
		h.say.line("%s  %s %s.%s", h.say.when(e.at), x.Node, e.what, why)
	}
}

// table tells of the hosts that were there from from to to, and what they were good for.
func (h *hosts) table(ctx context.Context, d *demo, title string, rows []sim.Row, from, to time.Time) string {
	lives, err := h.store.NodeLives(ctx, h.begin)
	if err != nil {
		return fmt.Sprintf("%s: what hosts there were cannot be read: %v", title, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: hosts ordered ahead of the load, and given back\n", title)
	fmt.Fprintf(&b, "%-18s%-12s%-12s%-12s%s\n", "HOST", "ORDERED", "READY", "NEEDED", "GONE")
	fmt.Fprintf(&b, "%-18s%s\n", hostRack, "protected: it stays")
	for k, x := range lives {
		if x.OrderedAt.Before(to) && (x.Live() || x.EndedAt.After(from)) {
			fmt.Fprintf(&b, "%-18s%-12s%-12s%-12s%s\n", x.Node, h.moment(x.OrderedAt), h.moment(x.ReadyAt), h.moment(needed(rows, lives, k)), h.moment(x.EndedAt))
		}
	}
	b.WriteString("Needed: when the load first asked for more than the hosts before it hold.\n")
	short, unhoused, all := shortfall(rows, lives, from, to)
	fmt.Fprintf(&b, "%d of %d minutes had fewer ready instances than the band asks for, %d of them for want of a ready host.", short, all, unhoused)
	return b.String() + h.cost(ctx, d.server.URL())
}

// moment is a simulated time, "-" for none.
func (h *hosts) moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return h.say.when(t)
}

// cost is a sentence on the budget, as the server has it.
func (h *hosts) cost(ctx context.Context, server string) string {
	var b struct {
		Limit  float64
		Status struct{ Spent float64 }
	}
	if err := h.balancer.get(ctx, server+"/v1/budgets/"+hostBudget, &b); err != nil {
		return fmt.Sprintf("\nWhat they cost cannot be read: %v", err)
	}
	return fmt.Sprintf("\nThe ordered hosts cost %.2f of the month's %.2f.", b.Status.Spent, b.Limit)
}

// needed is when the load first asked for more than the hosts hold that were there when
// lives[k] was ordered: the protected one, and those that were ordered before and stayed.
// It is zero if that was never so while it lived.
func needed(rows []sim.Row, lives []forescale.NodeLife, k int) time.Time {
	x, before := lives[k], 1
	for _, y := range lives[:k] {
		if y.DrainingAt.IsZero() && y.Live() || y.DrainingAt.After(x.OrderedAt) {
			before++
		}
	}
	for _, r := range rows {
		if r.Time.Before(x.OrderedAt) || !x.EndedAt.IsZero() && r.Time.After(x.EndedAt) {
			continue
		}
		if r.Required > before*hostRoom {
			return r.Time
		}
	}
	return time.Time{}
}

// shortfall counts the minutes of [from, to) with too few ready instances, and those among
// them in which the hosts that were ready hold no more.
func shortfall(rows []sim.Row, lives []forescale.NodeLife, from, to time.Time) (short, unhoused, all int) {
	for _, r := range rows {
		if r.Time.Before(from) || !r.Time.Before(to) {
			continue
		}
		all++
		if r.Ready >= float64(r.Required) {
			continue
		}
		short++
		ready := 1
		for _, x := range lives {
			gone := !x.StoppingAt.IsZero() && !x.StoppingAt.After(r.Time)
			if !x.ReadyAt.IsZero() && !x.ReadyAt.After(r.Time) && !gone {
				ready++
			}
		}
		if r.Required > ready*hostRoom {
			unhoused++
		}
	}
	return short, unhoused, all
}
