package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func newPlan(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [SERVICE]",
		Short: "Show what will be started and stopped, and when",
		Long: `Show what will be started and stopped, and when. With --budget and --what-if, show what a
limit would buy for the rest of the month instead: money against the share of time in
band. Nothing is set or done.`,
		Example: "  forescale plan checkout --for 6h\n  forescale plan --budget 500 --what-if",
		Args:    wants("[SERVICE]"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	ahead := durationFlag(cmd, "for", 3*time.Hour, "how far ahead")
	ofNodes := cmd.Flags().Bool("nodes", false, "show the plan of nodes; it is not carried out")
	budget := cmd.Flags().String("budget", "", "limit per month to ask about; of the named service, or of all")
	whatIf := cmd.Flags().Bool("what-if", false, "show what --budget would buy")
	zone := cmd.Flags().String("month-zone", "UTC", "IANA zone at whose midnight the month of --budget begins")
	cmd.MarkFlagsRequiredTogether("budget", "what-if")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *ofNodes {
			if len(args) > 0 {
				return usage("nodes are planned for all services at once", "leave out the service")
			}
			return a.nodePlan(cmd.Context(), f, *o, time.Duration(*ahead))
		}
		service := ""
		if len(args) == 1 {
			service = args[0]
		}
		if *whatIf {
			return a.whatIf(cmd.Context(), f, *o, *budget, service, *zone)
		}
		return a.plan(cmd.Context(), f, *o, service, time.Duration(*ahead))
	}
	return cmd
}

// step is one change of one service's count.
type step struct {
	service  string
	at       time.Time
	from, to int
	change   changeView
	acting   bool
	lead     time.Duration
}

func (a *app) plan(ctx context.Context, f *clientFlags, o format, service string, ahead time.Duration) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	plans, supply, zone, err := c.plans(ctx, service)
	if err != nil {
		return err
	}
	m, err := c.moment(about, f, zone)
	if err != nil {
		return err
	}
	if o == formatJSON {
		return a.writeJSON(plans)
	}
	var steps []step
	for _, p := range plans {
		var v planView
		if err := json.Unmarshal(p, &v); err != nil {
			return fmt.Errorf("read a plan: %w", err)
		}
		steps = append(steps, stepsOf(v, supply[v.Service], m.now.Add(ahead))...)
	}
	slices.SortStableFunc(steps, func(x, y step) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.service, y.service)) })
	if o == formatCSV {
		return a.writeCSV(planHeaders, planRows(steps))
	}
	return a.planTable(steps, m, about, len(plans), ahead)
}

// plans reads the plans of all services or of one, and what each has now.
func (c *apiClient) plans(ctx context.Context, service string) (plans []json.RawMessage, supply map[string]int, zone string, err error) {
	supply = map[string]int{}
	if service == "" {
		services, err := list[serviceView](ctx, c, "/v1/services", nil, listLimit)
		if err != nil {
			return nil, nil, "", err
		}
		for _, s := range services {
			supply[s.Name] = s.Status.Ready + s.Status.Starting
		}
		plans, err = list[json.RawMessage](ctx, c, "/v1/plans", nil, listLimit)
		return plans, supply, "", err
	}
	s, err := c.service(ctx, service)
	if err != nil {
		return nil, nil, "", err
	}
	supply[s.Name] = s.Status.Ready + s.Status.Starting
	var p json.RawMessage
	if err := c.get(ctx, "/v1/services/"+url.PathEscape(service)+"/plan", nil, &p); err != nil {
		return nil, nil, "", err
	}
	return []json.RawMessage{p}, supply, s.TimeZone, nil
}

// stepsOf are the changes of a plan up to a time, against what is there now.
func stepsOf(p planView, supply int, until time.Time) []step {
	var steps []step
	have := supply
	for _, c := range p.Changes {
		if c.At.After(until) {
			break
		}
		if c.Wanted != have {
			steps = append(steps, step{service: p.Service, at: c.At, from: have, to: c.Wanted, change: c, acting: p.Acting, lead: durationText(p.Lead)})
		}
		have = c.Wanted
	}
	return steps
}

func (a *app) planTable(steps []step, m moment, about aboutView, services int, ahead time.Duration) error {
	if !a.terminal {
		for _, r := range planRows(steps) {
			if err := a.line(r); err != nil {
				return err
			}
		}
		return nil
	}
	a.hint("%s%s", padRight(m.header(), 43), "+ start   - stop   (would) not acting")
	a.hintLead(about)
	t := newTable("AT", "CHANGE", "WHY", "THEN")
	starts, stops := 0, 0
	for _, s := range steps {
		sign, then := "+", "ready by "+m.clock(s.at.Add(s.lead+time.Minute-1).Truncate(time.Minute))
		if s.to < s.from {
			sign, then = "-", "drained, then stopped"
		}
		change := fmt.Sprintf("%s %s %d → %d", sign, s.service, s.from, s.to)
		if s.acting {
			starts, stops = starts+max(0, s.to-s.from), stops+max(0, s.from-s.to)
		} else {
			change += " (would)"
		}
		t.add(m.clock(s.at), change, string(s.change.Code), then)
	}
	if len(steps) > 0 {
		if err := a.write(t); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.stdout, "Plan for %s: %s to start, %d to stop. %s\n", inWords(ahead), counted(starts, "instance"), stops, stays(steps, services))
	return err
}

// stays says how many services see no change.
func stays(steps []step, services int) string {
	changed := map[string]bool{}
	for _, s := range steps {
		changed[s.service] = true
	}
	if n := services - len(changed); n > 0 {
		return counted(n, "service") + " without a change."
	}
	return "Made again at each planning step."
}

var planHeaders = []string{"at", "service", "from", "to", "required", "demand", "code", "acting"}

func planRows(steps []step) [][]string {
	rows := make([][]string, len(steps))
	for i, s := range steps {
		rows[i] = []string{stamp(s.at), s.service, strconv.Itoa(s.from), strconv.Itoa(s.to), strconv.Itoa(s.change.Required),
			exact(&s.change.Demand), string(s.change.Code), strconv.FormatBool(s.acting)}
	}
	return rows
}
