package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newPause(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause SERVICE DURATION | pause SERVICE --end | pause --all DURATION",
		Short: "Stop acting on a service for a time, or go on",
		Long: `Stop acting on a service until the pause expires. Forecasts and plans go on, and are
shown as what it would do. A pause always has an end.`,
		Example: "  forescale pause checkout 2h --note \"deploy\"\n  forescale pause checkout --end\n  forescale pause --all 30m",
		Args:    wants("[SERVICE]", "[DURATION]"),
	}
	f := addClientFlags(a, cmd)
	all := cmd.Flags().Bool("all", false, "all services")
	end := cmd.Flags().Bool("end", false, "end the pause now")
	note := cmd.Flags().String("note", "", "why, for the others")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := pauseRequest(args, *all, *end)
		if err != nil {
			return err
		}
		p.Note = *note
		return a.pause(cmd.Context(), f, p, *end)
	}
	return cmd
}

// pauseBody is the request for a pause; Service "" is all.
type pauseBody struct {
	Service string `json:"service"`
	For     string `json:"for,omitempty"`
	Note    string `json:"note,omitempty"`
}

// pauseRequest makes sense of the arguments.
func pauseRequest(args []string, all, end bool) (pauseBody, error) {
	var p pauseBody
	if !all {
		if len(args) == 0 {
			return p, usage("which service?", "write `forescale pause SERVICE 2h`, or `forescale pause --all 2h`")
		}
		p.Service, args = args[0], args[1:]
		if !forescale.ValidName(p.Service) {
			return p, usage(fmt.Sprintf("%q is not a service name", p.Service), "write the service first, then for how long: `forescale pause SERVICE 2h`")
		}
	}
	switch {
	case end && len(args) > 0:
		return p, usage("--end takes no duration", "leave one of them out")
	case end:
		return p, nil
	case len(args) == 0:
		return p, usage("for how long? a pause always has an end", "add a duration such as 2h, or --end to go on")
	case len(args) > 1:
		return p, usage(fmt.Sprintf("%q is one argument too many", args[1]), "with --all leave the service out")
	}
	d, err := parseDuration(args[0])
	if err != nil || d <= 0 {
		return p, usage(fmt.Sprintf("%q is not a duration", args[0]), "write 30m, 2h or 3d")
	}
	p.For = d.String()
	return p, nil
}

func (a *app) pause(ctx context.Context, f *clientFlags, p pauseBody, end bool) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	m, err := c.moment(about, f, "")
	if err != nil {
		return err
	}
	who := firstOf(p.Service, "all services")
	if end {
		err := c.do(ctx, http.MethodDelete, "/v1/pauses/"+firstOf(url.PathEscape(p.Service), "-"), nil, nil, nil)
		var fault *forescale.Fault
		if errors.As(err, &fault) && fault.Code == "pause_unknown" {
			fault.What, fault.Help = who+" is not paused", "a pause of all services ends with `forescale pause --all --end`"
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "Pause of %s ended.\n", who)
		return err
	}
	if p.Service != "" {
		if _, err := c.service(ctx, p.Service); err != nil {
			return err
		}
	}
	var v pauseView
	if err := c.do(ctx, http.MethodPost, "/v1/pauses", nil, p, &v); err != nil {
		return err
	}
	if v.Until.IsZero() {
		v.Until = m.now.Add(durationText(p.For))
	}
	_, err = fmt.Fprintf(a.stdout, "Paused %s until %s (%s).\n", who, a.when(v.Until, m), inWords(v.Until.Sub(m.now).Round(time.Second)))
	a.hint("Nothing is started or stopped until then. Go on earlier: forescale pause %s --end", firstOf(p.Service, "--all"))
	return err
}

// when is a local time on a terminal, RFC 3339 into a pipe.
func (a *app) when(t time.Time, m moment) string {
	if a.terminal {
		return m.clock(t) + " " + m.zone()
	}
	return stamp(t)
}
