package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// accuracyView is how good a service's forecasts are.
type accuracyView struct {
	Service  string `json:"service"`
	Metric   string `json:"metric"`
	Forecast *struct {
		Model    string    `json:"model"`
		Issued   time.Time `json:"issued"`
		Until    time.Time `json:"until"`
		Warnings []string  `json:"warnings"`
		Score    struct {
			Pinball  float64 `json:"pinball"`
			Naive    float64 `json:"naive"`
			Coverage float64 `json:"coverage"`
			Tested   int     `json:"tested"`
		} `json:"score"`
	} `json:"forecast"`
	Choice struct {
		Issued *time.Time `json:"issued"`
		Bands  []struct {
			From   string `json:"from"`
			To     string `json:"to"`
			Tested int    `json:"tested"`
			Shares []struct {
				Model  string  `json:"model"`
				Weight float64 `json:"weight"`
				Error  float64 `json:"error"`
			} `json:"shares"`
		} `json:"bands"`
	} `json:"choice"`
	Live struct {
		From    time.Time   `json:"from"`
		Until   *time.Time  `json:"until"`
		Leads   []aheadView `json:"leads"`
		ByModel []struct {
			Model string      `json:"model"`
			Leads []aheadView `json:"leads"`
		} `json:"by_model"`
	} `json:"live"`
	Drift struct {
		Alarm   string `json:"alarm"`
		Message string `json:"message"`
	} `json:"drift"`

	raw json.RawMessage
}

// aheadView is how forecasts did that were issued up to so long before.
type aheadView struct {
	Lead          string   `json:"lead"`
	Steps         int      `json:"steps"`
	Coverage      *float64 `json:"coverage"`
	Error         *float64 `json:"error"`
	LastWeekError *float64 `json:"last_week_error"`
	Pinball       *float64 `json:"pinball"`
}

// UnmarshalJSON implements json.Unmarshaler: it keeps the answer as it came.
func (v *accuracyView) UnmarshalJSON(data []byte) error {
	type plain accuracyView
	if err := json.Unmarshal(data, (*plain)(v)); err != nil {
		return err
	}
	v.raw = append(json.RawMessage(nil), data...)
	return nil
}

// MarshalJSON implements json.Marshaler: what came goes out.
func (v accuracyView) MarshalJSON() ([]byte, error) { return v.raw, nil }

func newForecastAccuracy(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accuracy SERVICE",
		Short: "Show how the forecasts that were issued did, beside last week's value",
		Args:  wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	days := cmd.Flags().Int("days", 7, "days to look back over, today's included")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, m, err := a.accuracy(cmd.Context(), f, args[0], *days)
		if err != nil || *o == formatJSON {
			return a.orJSON(v, err)
		}
		return a.accuracyTable(v, m, *o, *days)
	}
	return cmd
}

func newForecastExplain(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain SERVICE",
		Short: "Explain a forecast: which models it is mixed from, how each did, and what is doubtful",
		Args:  wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, m, err := a.accuracy(cmd.Context(), f, args[0], 7)
		if err != nil || *o == formatJSON {
			return a.orJSON(v, err)
		}
		return a.explainTable(v, m, *o)
	}
	return cmd
}

// orJSON writes the value, or passes the error on.
func (a *app) orJSON(v any, err error) error {
	if err != nil {
		return err
	}
	return a.writeJSON(v)
}

func (a *app) accuracy(ctx context.Context, f *clientFlags, name string, days int) (v accuracyView, m moment, err error) {
	c, err := a.client(f)
	if err != nil {
		return v, m, err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return v, m, err
	}
	s, err := c.service(ctx, name)
	if err != nil {
		return v, m, err
	}
	if m, err = c.moment(about, f, s.TimeZone); err != nil {
		return v, m, err
	}
	return v, m, c.get(ctx, "/v1/services/"+url.PathEscape(name)+"/accuracy", url.Values{"days": {strconv.Itoa(days)}}, &v)
}

func (a *app) accuracyTable(v accuracyView, m moment, o format, days int) error {
	t := newTable("AHEAD", "MODEL", "STEPS", "ERROR", "LAST WEEK", "IN 90 %", "LOSS").alignRight(2, 3, 4, 5, 6)
	var rows [][]string
	add := func(model string, leads []aheadView) {
		for _, l := range leads {
			t.add(inWords(durationText(l.Lead)), model, thousands(l.Steps), percentOf(l.Error), percentOf(l.LastWeekError), percentOf(l.Coverage), orDash(l.Pinball))
			rows = append(rows, []string{l.Lead, model, strconv.Itoa(l.Steps), exact(l.Error), exact(l.LastWeekError), exact(l.Coverage), exact(l.Pinball)})
		}
	}
	add("all", v.Live.Leads)
	if len(v.Live.ByModel) > 1 {
		for _, x := range v.Live.ByModel {
			add(x.Model, x.Leads)
		}
	}
	if o == formatCSV {
		return a.writeCSV([]string{"lead", "model", "steps", "error", "last_week_error", "coverage", "pinball"}, rows)
	}
	if !a.terminal {
		t.rows = rows
		return a.write(t)
	}
	if len(rows) == 0 {
		a.hint("No forecast of %s was scored in %d days: that takes an hour of samples after the first one.", v.Service, days)
		a.driftHint(v)
		return nil
	}
	until := ""
	if v.Live.Until != nil {
		until = ", up to " + m.clock(*v.Live.Until)
	}
	a.hint("%s, forecasts of %s against what came, %d days%s", m.header(), v.Metric, days, until)
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("ERROR and LAST WEEK are shares of demand; 90 %% are promised IN 90 %%.")
	a.driftHint(v)
	return nil
}

func (a *app) driftHint(v accuracyView) {
	if v.Drift.Message != "" {
		a.hint("%s", wrap(oneLine(v.Drift.Message), a.width, ""))
	}
}

func (a *app) explainTable(v accuracyView, m moment, o format) error {
	t := newTable("AHEAD", "MODEL", "WEIGHT", "ERROR", "TESTED").alignRight(2, 3, 4)
	var rows [][]string
	for _, b := range v.Choice.Bands {
		ahead := inWords(durationText(b.From)) + " - " + inWords(durationText(b.To))
		for i, s := range b.Shares {
			word := ahead
			if i > 0 {
				word = ""
			}
			t.add(word, s.Model, percentOf(&s.Weight), decimal(s.Error), thousands(b.Tested))
			rows = append(rows, []string{b.From, b.To, s.Model, exact(&s.Weight), exact(&s.Error), strconv.Itoa(b.Tested)})
		}
	}
	if o == formatCSV {
		return a.writeCSV([]string{"from", "to", "model", "weight", "error", "tested"}, rows)
	}
	if !a.terminal {
		t.rows = rows
		return a.write(t)
	}
	f := v.Forecast
	if f == nil {
		a.hint("There is no forecast of %s yet: that takes an hour of samples.", v.Service)
		return nil
	}
	a.hint("%s, forecast of %s issued %s by: %s", m.header(), v.Metric, m.clock(f.Issued), f.Model)
	if len(rows) > 0 {
		if err := a.write(t); err != nil {
			return err
		}
		a.hint("ERROR is the mean absolute one of the back-test, in busy instances.")
	} else {
		a.hint("This model stands alone: with this history nothing else could be tested against it.")
	}
	if sc := f.Score; sc.Tested > 0 && sc.Naive > 0 {
		a.hint("Back-test: loss %.0f %% of that of last week's value, over %s steps.", 100*sc.Pinball/sc.Naive, thousands(sc.Tested))
	}
	for _, w := range f.Warnings {
		a.hint("note: %s", oneLine(w))
	}
	for _, l := range v.Live.Leads {
		a.hint("Live, %s ahead: error %s (last week's value %s); %s in 90 %%.", inWords(durationText(l.Lead)), percentOf(l.Error), percentOf(l.LastWeekError), percentOf(l.Coverage))
	}
	a.driftHint(v)
	return nil
}

// percentOf is a share as "8.2 %", "-" without one.
func percentOf(share *float64) string {
	if share == nil {
		return "-"
	}
	if p := 100 * *share; p < 9.95 {
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", 100**share)
}

// orDash is a number to two digits, "-" without one.
func orDash(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.2g", *v)
}
