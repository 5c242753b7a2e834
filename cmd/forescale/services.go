package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newServices(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "services",
		Short: "Show all services: what runs, what is wanted, what comes next",
		Long: `Show all services, those that need attention first.

MODE is active, forecast-only, off or paused; BUSY is the demand in busy instances;
LOAD is the utilization, LIMIT the highest that the band allows. With --check the
exit code is 1 if a service needs attention.`,
		Args: wants(),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	check := cmd.Flags().Bool("check", false, "exit with 1 if a service needs attention")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.services(cmd.Context(), f, *o, *check)
	}
	return cmd
}

// listLimit bounds what a command shows of a list.
const listLimit = 100_000

func (a *app) services(ctx context.Context, f *clientFlags, o format, check bool) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	services, err := list[serviceView](ctx, c, "/v1/services", nil, listLimit)
	if err != nil {
		return err
	}
	m, err := c.moment(about, f, "")
	if err != nil {
		return err
	}
	troubleFirst(services)
	switch o {
	case formatJSON:
		err = a.writeJSON(services)
	case formatCSV:
		err = a.writeCSV(serviceHeaders, serviceRows(services))
	default:
		err = a.servicesTable(services, m, about)
	}
	if err == nil && check && attention(services) > 0 {
		err = errAttention
	}
	return err
}

func (a *app) servicesTable(services []serviceView, m moment, about aboutView) error {
	if !a.terminal {
		for _, row := range serviceRows(services) {
			if _, err := fmt.Fprintln(a.stdout, strings.Join(row, "\t")); err != nil {
				return err
			}
		}
		return nil
	}
	if len(services) == 0 {
		a.hint("There is no service yet. Add one to the config file, or start a container with the labels\n" +
			"forescale.enable=true and forescale.service=NAME.")
		return nil
	}
	t := newTable("SERVICE", "MODE", "READY", "WANTED", "BUSY", "LOAD", "LIMIT", "NEXT", "WHY").alignRight(2, 3, 4, 5, 6)
	for i, s := range services {
		st := s.Status
		t.add(s.Name, modeWord(s), strconv.Itoa(st.Ready), strconv.Itoa(st.Wanted), shortNumber(st.Busy), percent(st.Utilization), percent(st.Limit), nextWord(s, m), whyWord(s, m))
		switch st.State {
		case "bad":
			t.paint[i] = "\x1b[31m"
		case "warn":
			t.paint[i] = "\x1b[33m"
		}
	}
	a.hint("%s, %s", m.header(), about.World)
	a.hintLead(about)
	if err := a.write(t); err != nil {
		return err
	}
	if n := attention(services); n > 0 {
		a.hint("%d of %d need attention. Next: forescale why %s", n, len(services), services[0].Name)
	} else {
		a.hint("%s, none needs attention. Next: forescale plan", counted(len(services), "service"))
	}
	return nil
}

// troubleFirst sorts by state, then name.
func troubleFirst(services []serviceView) {
	rank := map[string]int{"bad": 0, "warn": 1}
	of := func(s serviceView) int {
		if r, ok := rank[s.Status.State]; ok {
			return r
		}
		return 2
	}
	slices.SortStableFunc(services, func(x, y serviceView) int {
		return cmp.Or(cmp.Compare(of(x), of(y)), cmp.Compare(x.Name, y.Name))
	})
}

func attention(services []serviceView) int {
	n := 0
	for _, s := range services {
		if s.Status.State == "bad" || s.Status.State == "warn" {
			n++
		}
	}
	return n
}

func modeWord(s serviceView) string {
	if s.Status.Paused != nil && s.Mode != forescale.ModeOff {
		return "paused"
	}
	return string(s.Mode)
}

// nextWord is what happens next, in a few words.
func nextWord(s serviceView, m moment) string {
	st := s.Status
	switch {
	case s.Mode == forescale.ModeOff:
		return "-"
	case st.Next != nil && st.Next.To != st.Next.From:
		if s.Mode != forescale.ModeActive || st.Paused != nil {
			return fmt.Sprintf("would %s → %d", m.clock(st.Next.At), st.Next.To)
		}
		return fmt.Sprintf("%s %d → %d", m.clock(st.Next.At), st.Next.From, st.Next.To)
	case st.Decision != nil && strings.HasPrefix(string(st.Decision.Code), "hold_"):
		return "holds"
	case (s.Mode != forescale.ModeActive || st.Paused != nil) && st.Ready+st.Starting != st.Wanted:
		return fmt.Sprintf("would now → %d", st.Wanted)
	case st.Starting > 0:
		return fmt.Sprintf("%d starting", st.Starting)
	case st.Draining > 0:
		return fmt.Sprintf("%d draining", st.Draining)
	}
	return fmt.Sprintf("stays %d", st.Wanted)
}

// whyWord is the code behind it; for missing samples also since when.
func whyWord(s serviceView, m moment) string {
	st := s.Status
	if st.Next != nil && st.Next.To != st.Next.From {
		return string(st.Next.Code)
	}
	if st.Decision == nil {
		return "-"
	}
	code := string(st.Decision.Code)
	if st.Decision.Code == forescale.CodeHoldStale && st.LastSample != nil {
		if silent := m.now.Sub(*st.LastSample).Truncate(time.Minute); silent > 0 {
			code += " " + inWords(silent)
		}
	}
	return code
}

var serviceHeaders = []string{"service", "mode", "state", "ready", "starting", "draining", "wanted", "required", "busy", "utilization", "limit", "last_sample", "next_at", "next_to", "code", "paused_until", "decision"}

// serviceRows is for machines: ids, UTC, full precision.
func serviceRows(services []serviceView) [][]string {
	rows := make([][]string, len(services))
	for i, s := range services {
		st := s.Status
		var last, nextAt, nextTo, code, paused, decision string
		if st.LastSample != nil {
			last = stamp(*st.LastSample)
		}
		if st.Next != nil {
			nextAt, nextTo = stamp(st.Next.At), strconv.Itoa(st.Next.To)
		}
		if st.Decision != nil {
			code, decision = string(st.Decision.Code), st.Decision.ID
		}
		if st.Paused != nil {
			paused = stamp(st.Paused.Until)
		}
		rows[i] = []string{s.Name, string(s.Mode), st.State, strconv.Itoa(st.Ready), strconv.Itoa(st.Starting), strconv.Itoa(st.Draining),
			strconv.Itoa(st.Wanted), strconv.Itoa(st.Required), exact(st.Busy), exact(st.Utilization), exact(st.Limit), last, nextAt, nextTo, code, paused, decision}
	}
	return rows
}

// shortNumber has two significant digits: 0.85, 2.6, 47, 130.
func shortNumber(v *float64) string {
	if v == nil {
		return "-"
	}
	return decimal(*v)
}

func decimal(v float64) string {
	switch {
	case v != 0 && math.Abs(v) < 0.995: // so that 0.85 / 2 = 42 % adds up
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
		return strconv.FormatFloat(v, 'f', -1, 64)
	case math.Abs(v) < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return thousands(int64(math.Round(v)))
}

func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", *v)
}

func exact(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}
