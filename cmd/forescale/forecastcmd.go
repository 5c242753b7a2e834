package main

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newForecast(a *app) *cobra.Command {
	return group("forecast", "Forecast history files, measure models on them, or show a service's forecast and how good it is", "",
		newForecastRun(a), newForecastBench(a), newForecastShow(a), newForecastAccuracy(a), newForecastExplain(a))
}

func newForecastShow(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show SERVICE",
		Short: "Show what demand is expected, and how many instances that requires",
		Args:  wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	ahead := durationFlag(cmd, "for", 6*time.Hour, "how far ahead")
	step := durationFlag(cmd, "step", 30*time.Minute, "width of a row")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.forecastShow(cmd.Context(), f, *o, args[0], time.Duration(*ahead), time.Duration(*step))
	}
	return cmd
}

func (a *app) forecastShow(ctx context.Context, f *clientFlags, o format, name string, ahead, step time.Duration) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	s, err := c.service(ctx, name)
	if err != nil {
		return err
	}
	m, err := c.moment(about, f, s.TimeZone)
	if err != nil {
		return err
	}
	q := url.Values{
		"from": {stamp(m.now.Truncate(step))}, "to": {stamp(m.now.Add(ahead))}, "step": {step.String()},
		"quantiles": {fmt.Sprintf("0.5,%g", s.Objective)},
	}
	var v forecastView
	if err := c.get(ctx, "/v1/services/"+url.PathEscape(name)+"/forecast", q, &v); err != nil {
		return err
	}
	if o == formatJSON {
		return a.writeJSON(v)
	}
	return a.forecastTable(v, s, m, o)
}

func (a *app) forecastTable(v forecastView, s serviceView, m moment, o format) error {
	band, err := forescale.ParseBand(s.Band)
	if err != nil {
		return fmt.Errorf("read the band of %s: %w", s.Name, err)
	}
	high := percentName(s.Objective) + " under"
	t := newTable("TIME", "EXPECTED", strings.ToUpper(high), "REQUIRED").alignRight(1, 2, 3)
	var rows [][]string
	for i, at := range v.Times {
		if len(v.Values) < 2 || i >= len(v.Values[0]) || i >= len(v.Values[1]) || v.Values[0][i] == nil || v.Values[1][i] == nil {
			continue
		}
		mid, top := *v.Values[0][i], *v.Values[1][i]
		required := strconv.Itoa(min(max(band.Required(top), s.Min), s.Max))
		t.add(m.clock(at), decimal(mid), decimal(top), required)
		rows = append(rows, []string{stamp(at), exact(&mid), exact(&top), required})
	}
	if o == formatCSV {
		return a.writeCSV([]string{"time", "expected", "at_objective", "required"}, rows)
	}
	if !a.terminal {
		t.rows = rows
		return a.write(t)
	}
	a.hint("%s, busy instances, issued %s, %s", m.header(), m.clock(v.Issued), v.Model)
	if err := a.write(t); err != nil {
		return err
	}
	for _, w := range v.Warnings {
		a.hint("note: %s", oneLine(w))
	}
	if sc := v.Score; sc != nil && sc.Tested > 0 && sc.Naive > 0 {
		a.hint("Loss %.0f %% of that of last week's value, over %s steps.", 100*sc.Pinball/sc.Naive, thousands(sc.Tested))
	}
	return nil
}

// percentName is 0.95 as "95 %".
func percentName(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/100, 'g', -1, 64) + " %"
}

// service reads one service.
func (c *apiClient) service(ctx context.Context, name string) (serviceView, error) {
	if !forescale.ValidName(name) {
		return serviceView{}, usage(fmt.Sprintf("%q is not a service name", name), "see `forescale services`")
	}
	var v serviceView
	err := c.get(ctx, "/v1/services/"+url.PathEscape(name), nil, &v)
	return v, err
}
