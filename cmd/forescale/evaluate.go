package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newEvaluate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evaluate SERVICE",
		Short: "Show what forescale would have done with a service's own history, and whether to switch it on",
		Long: `Replay the stored history of a service under forescale, and under what others use, and
set it against what happened: time below need, instance-hours, starts. The service and
its instances are not touched. It learns from up to four weeks before the measured days,
and sees only what was past at each moment.`,
		Example: "  forescale evaluate checkout\n  forescale evaluate checkout --days 14 -o json",
		Args:    wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	days := cmd.Flags().Int("days", 7, "days to measure, up to now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.evaluate(cmd.Context(), f, *o, args[0], *days)
	}
	return cmd
}

// evaluationView is the answer of the API, as far as it is shown.
type evaluationView struct {
	Service, Mode, Verdict, Learned, Warmup string
	Why                                     []string
	From, To                                time.Time
	Known                                   float64
	Outcomes                                []struct {
		Name          string
		TimeUnder     float64 `json:"time_under"`
		NotServed     float64 `json:"not_served"`
		Over          float64
		InstanceHours float64 `json:"instance_hours"`
		Starts        int
	}
}

func (a *app) evaluate(ctx context.Context, f *clientFlags, o format, service string, days int) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	c.patient()
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	s, err := c.service(ctx, service)
	if err != nil {
		return err
	}
	m, err := c.moment(about, f, s.TimeZone)
	if err != nil {
		return err
	}
	var v evaluationView
	if done, err := a.ask(ctx, c, "/v1/services/"+url.PathEscape(service)+"/evaluation", url.Values{"days": {strconv.Itoa(days)}}, o, &v); done || err != nil {
		return err
	}
	t := newTable("", "BELOW NEED", "NOT SERVED", "TOO MANY", "HOURS", "STARTS").alignRight(1, 2, 3, 4, 5)
	var rows [][]string
	for _, x := range v.Outcomes {
		t.add(policyWords(x.Name), finePercent(x.TimeUnder), finePercent(x.NotServed), percentOf(&x.Over), decimal(x.InstanceHours), thousands(x.Starts))
		rows = append(rows, []string{v.Service, x.Name, exact(&x.TimeUnder), exact(&x.NotServed), exact(&x.Over), exact(&x.InstanceHours), strconv.Itoa(x.Starts), v.Verdict})
	}
	if o == formatCSV {
		return a.writeCSV([]string{"service", "name", "time_under", "not_served", "over", "instance_hours", "starts", "verdict"}, rows)
	}
	if !a.terminal {
		t.rows = rows
		return a.write(t)
	}
	a.hint("%s, measured from %s on, after %s of history", m.header(), m.clock(v.From), inWords(durationText(v.Learned)))
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("A start is taken to need %s.", inWords(durationText(v.Warmup)))
	for _, w := range v.Why {
		a.hint("%s", wrap(oneLine(w), a.width, ""))
	}
	switch forescale.Verdict(v.Verdict) {
	case forescale.VerdictOn:
		a.hint("Advice: switch it on, with mode: active.")
	case forescale.VerdictOff:
		a.hint("Advice: leave it as it is.")
	case forescale.VerdictKeep:
		a.hint("Advice: keep it on.")
	case forescale.VerdictWait:
		a.hint("Advice: wait, and ask again when there is more history.")
	}
	return nil
}

func policyWords(name string) string {
	switch name {
	case forescale.HappenedName:
		return "what happened"
	case forescale.PredictiveName:
		return "forescale"
	case "hpa":
		return "HPA at 70 %"
	case "last-week":
		return "HPA + last week"
	}
	return name
}

// finePercent is a share as "0.35 %".
func finePercent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }
