package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newWhy(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why SERVICE",
		Short: "Explain the newest decision, or the one of an earlier time: raw, each limit, final",
		Long: `Explain why a service has as many instances as it has: what the demand asks for, each
limit on the way, and the number in the end; why not one fewer and not one more, and what
would change it. With --at, the decision that held then.`,
		Example: "  forescale why checkout\n  forescale why checkout --at 02:10\n  forescale why dec_01jd7k",
		Args:    wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	at := cmd.Flags().String("at", "", `a time: 02:10, "2026-11-23 02:10", RFC 3339, or 3h for three hours ago`)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.why(cmd.Context(), f, *o, args[0], *at)
	}
	return cmd
}

func (a *app) why(ctx context.Context, f *clientFlags, o format, name, at string) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	d, s, m, err := c.decision(ctx, about, f, name, at)
	if err != nil {
		return err
	}
	switch o {
	case formatJSON:
		return a.writeJSON(d)
	case formatCSV:
		return a.writeCSV(whyHeaders, whyRows(*d))
	}
	_, err = fmt.Fprint(a.stdout, a.explain(*d, s, m))
	if err == nil && s.Status.Paused != nil {
		a.hint("Paused by %s until %s. Go on: forescale pause %s --end", oneLine(s.Status.Paused.By), m.clock(s.Status.Paused.Until), s.Name)
	}
	return err
}

// decision finds the decision that is asked for: by its id, by a time, or the newest.
func (c *apiClient) decision(ctx context.Context, about aboutView, f *clientFlags, name, at string) (*decisionView, serviceView, moment, error) {
	none := func(err error) (*decisionView, serviceView, moment, error) { return nil, serviceView{}, moment{}, err }
	var d *decisionView
	service := name
	if strings.HasPrefix(name, "dec_") {
		if at != "" {
			return none(usage("a decision's id and --at do not go together", "leave one of them out"))
		}
		d = &decisionView{}
		if err := c.get(ctx, "/v1/decisions/"+url.PathEscape(name), nil, d); err != nil {
			return none(err)
		}
		service = d.Service
	}
	s, err := c.service(ctx, service)
	if err != nil {
		return none(err)
	}
	m, err := c.moment(about, f, s.TimeZone)
	if err != nil {
		return none(err)
	}
	switch {
	case d != nil:
	case at != "":
		var t time.Time
		if t, err = m.parseMoment(at); err != nil {
			return none(err)
		}
		if d, err = c.newestDecision(ctx, service, t); err == nil && d == nil {
			err = &forescale.Fault{Code: "decision_unknown", What: fmt.Sprintf("there is no decision at or before %s", stamp(t)), Where: "services/" + service,
				Help: "give a later time; forescale why " + service + " shows the newest one"}
		}
	default:
		if d, err = c.newestDecision(ctx, service, time.Time{}); err == nil && d == nil {
			err = &forescale.Fault{Code: "decision_unknown", What: fmt.Sprintf("nothing was decided for %s yet", service), Where: "services/" + service,
				Help: "the first decision comes with the next planning step, within a minute"}
		}
	}
	if err != nil {
		return none(err)
	}
	return d, s, m, nil
}

// newestDecision is the newest decision of a service, of those made at or before t
// unless that is zero; nil if there is none.
func (c *apiClient) newestDecision(ctx context.Context, service string, t time.Time) (*decisionView, error) {
	q := url.Values{"limit": {"1"}}
	if !t.IsZero() {
		q.Set("to", t.Add(time.Millisecond).UTC().Format(time.RFC3339Nano))
	}
	var answer struct {
		Items []decisionView `json:"items"`
	}
	if err := c.get(ctx, "/v1/services/"+url.PathEscape(service)+"/decisions", q, &answer); err != nil || len(answer.Items) == 0 {
		return nil, err
	}
	return &answer.Items[0], nil
}

// explain is a decision as a person reads it: what, then raw → each limit → final.
func (a *app) explain(d decisionView, s serviceView, m moment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s   %s   %s, %s, min %d, max %d\n", headline(d), codes(d), d.ID, d.Service, d.Mode, s.Min, s.Max)
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", label, wrap(oneLine(text), a.width, strings.Repeat(" ", 13)))
		}
	}
	row("decided", decidedWhen(d, m))
	row("why", d.Message)
	row("required", d.InWords.Required)
	for i, r := range d.Reasons {
		if i > 0 {
			row("limit", string(r.Code)+": "+r.Message)
		}
	}
	row("final", d.InWords.Final)
	if w := d.Weighed; w != nil {
		row("bounds", w.List)
		row("not fewer", w.NotFewer)
		row("not more", w.NotMore)
		row("changes", strings.Join(w.Changes, " "))
		row("cost", d.InWords.Cost)
	}
	row("lead time", leadWords(d, s))
	row("outcome", outcomeWords(d, m))
	return b.String()
}

// headline is the change of the count.
func headline(d decisionView) string {
	switch {
	case d.To == d.From:
		return fmt.Sprintf("stays at %s", counted(d.To, "instance"))
	case d.Outcome == forescale.OutcomeWould:
		return fmt.Sprintf("%d → %s (would)", d.From, counted(d.To, "instance"))
	}
	return fmt.Sprintf("%d → %s", d.From, counted(d.To, "instance"))
}

// codes are the reasons' codes, the deciding one first.
func codes(d decisionView) string {
	if len(d.Reasons) == 0 {
		return string(d.Code)
	}
	var cs []string
	for _, r := range d.Reasons {
		cs = append(cs, string(r.Code))
	}
	return strings.Join(cs, ", ")
}

func decidedWhen(d decisionView, m moment) string {
	s := fmt.Sprintf("%s (%s), times in %s", m.clock(d.At), m.ago(d.At), m.zone())
	if d.Repeats > 0 && d.LastAt != nil {
		again := "again once at"
		if d.Repeats > 1 {
			again = fmt.Sprintf("again %s times until", thousands(d.Repeats))
		}
		s += fmt.Sprintf("; %s %s", again, m.clock(*d.LastAt))
	}
	return s
}

// leadWords is the lead time that the decision was made with. Of the newest decision it
// is known also when it did not matter.
func leadWords(d decisionView, s serviceView) string {
	lead := durationText(s.Status.Lead)
	if d.InWords.LeadTime != "" || lead == 0 || s.Status.Decision == nil || s.Status.Decision.ID != d.ID {
		return d.InWords.LeadTime
	}
	return inWords(lead) + " from the order until ready, planning included"
}

func outcomeWords(d decisionView, m moment) string {
	var s string
	switch d.Outcome {
	case forescale.OutcomeNone:
		return "nothing to do"
	case forescale.OutcomeWould:
		return "not acting: this is what it would do"
	case forescale.OutcomePending:
		s = "being carried out"
	default:
		s = string(d.Outcome)
	}
	if d.EndedAt != nil {
		s += " at " + m.clock(*d.EndedAt)
	}
	var starts, stops []string
	for _, x := range d.Actions {
		if x.Kind == string(forescale.ActionStart) {
			starts = append(starts, x.Instance)
		} else {
			stops = append(stops, x.Instance)
		}
	}
	if len(starts) > 0 {
		s += "; starts " + strings.Join(starts, ", ")
	}
	if len(stops) > 0 {
		s += "; stops " + strings.Join(stops, ", ")
	}
	if d.Error != "" {
		s += ". Error: " + d.Error
	}
	return s
}

var whyHeaders = []string{"decision", "service", "at", "mode", "from", "to", "required", "order", "code", "message", "outcome", "error"}

// whyRows has a row for each reason, the deciding one first.
func whyRows(d decisionView) [][]string {
	rows := make([][]string, len(d.Reasons))
	for i, r := range d.Reasons {
		rows[i] = []string{d.ID, d.Service, stamp(d.At), string(d.Mode), strconv.Itoa(d.From), strconv.Itoa(d.To), strconv.Itoa(d.Required),
			strconv.Itoa(i + 1), string(r.Code), r.Message, string(d.Outcome), d.Error}
	}
	return rows
}
