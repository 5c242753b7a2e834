package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/forescale/forescale"
)

// nodePlanView is what GET /v1/nodes/plan answers.
type nodePlanView struct {
	MadeAt time.Time `json:"made_at"`
	Mode   string    `json:"mode"`
	Nodes  int       `json:"nodes"`
	Unmet  int       `json:"unmet_instances"`
	Cost   struct {
		Now     float64 `json:"now"`
		Planned float64 `json:"planned"`
		Peak    float64 `json:"peak"`
		Least   float64 `json:"least"`
	} `json:"cost"`
	Orders []struct {
		Type     string    `json:"type"`
		OrderAt  time.Time `json:"order_at"`
		ReadyBy  time.Time `json:"ready_by"`
		Price    float64   `json:"price_per_hour"`
		Replaces string    `json:"replaces"`
		nodeReasonView
	} `json:"orders"`
	Drains []nodeAndReason `json:"drains"`
	Stops  []nodeAndReason `json:"stops"`
	Kept   []nodeAndReason `json:"kept"`
	Unmets []struct {
		Service string    `json:"service"`
		Count   int       `json:"count"`
		At      time.Time `json:"at"`
		nodeReasonView
	} `json:"unmet"`
	Notes []struct {
		Subject string `json:"subject"`
		nodeReasonView
	} `json:"notes"`
}

type nodeReasonView struct {
	Reason  reasonView `json:"reason"`
	Message string     `json:"message"`
}

type nodeAndReason struct {
	Node string `json:"node"`
	nodeReasonView
}

// nodeStep is one line of the plan of nodes.
type nodeStep struct {
	at      time.Time
	what    string // order, drain, stop, keep, unmet, note
	of      string // node, type or service
	code    string
	message string
	perHour float64
}

func (a *app) nodePlan(ctx context.Context, f *clientFlags, o format, ahead time.Duration) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var about aboutView
	if err := c.get(ctx, "/v1/about", nil, &about); err != nil {
		return err
	}
	var v nodePlanView
	if done, err := a.ask(ctx, c, "/v1/nodes/plan", nil, o, &v); done || err != nil {
		return err
	}
	m, err := c.moment(about, f, "")
	if err != nil {
		return err
	}
	steps := nodeSteps(v, m.now.Add(ahead))
	if o == formatCSV {
		return a.writeCSV(nodePlanHeaders, nodePlanRows(steps))
	}
	if !a.terminal {
		for _, r := range nodePlanRows(steps) {
			if err := a.line(r); err != nil {
				return err
			}
		}
		return nil
	}
	mode := "forecast-only: no node is ordered or stopped"
	if v.Mode == string(forescale.ModeActive) {
		mode = "active: what is due is carried out"
	}
	a.hint("%s%s", padRight(m.header(), 43), mode)
	t := newTable("AT", "WHAT", "OF", "WHY")
	for _, s := range steps {
		t.add(m.clock(s.at), s.what, oneLine(s.of), s.code)
	}
	if len(steps) > 0 {
		if err := a.write(t); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s planned, %s without a place.\nAn hour costs %.4g now, %.4g planned, %.4g at most ahead; at least %.4g.\n",
		counted(v.Nodes, "node"), counted(v.Unmet, "instance"), v.Cost.Now, v.Cost.Planned, v.Cost.Peak, v.Cost.Least)
	return err
}

// nodeSteps are the lines of a plan up to a time, by time.
func nodeSteps(v nodePlanView, until time.Time) []nodeStep {
	var steps []nodeStep
	add := func(at time.Time, what, of string, r nodeReasonView, perHour float64) {
		if !at.After(until) {
			steps = append(steps, nodeStep{at, what, of, string(r.Reason.Code), r.Message, perHour})
		}
	}
	for _, o := range v.Orders {
		add(o.OrderAt, "order", o.Type, o.nodeReasonView, o.Price)
	}
	for _, u := range v.Unmets {
		add(u.At, "unmet", fmt.Sprintf("%s × %d", u.Service, u.Count), u.nodeReasonView, 0)
	}
	for _, list := range []struct {
		what string
		of   []nodeAndReason
	}{{"drain", v.Drains}, {"stop", v.Stops}, {"keep", v.Kept}} {
		for _, n := range list.of {
			add(v.MadeAt, list.what, n.Node, n.nodeReasonView, 0)
		}
	}
	for _, n := range v.Notes {
		add(v.MadeAt, "note", n.Subject, n.nodeReasonView, 0)
	}
	slices.SortStableFunc(steps, func(a, b nodeStep) int { return cmp.Compare(a.at.Unix(), b.at.Unix()) })
	return steps
}

var nodePlanHeaders = []string{"at", "what", "of", "code", "price_per_hour", "message"}

func nodePlanRows(steps []nodeStep) [][]string {
	rows := make([][]string, len(steps))
	for i, s := range steps {
		rows[i] = []string{stamp(s.at), s.what, s.of, s.code, strconv.FormatFloat(s.perHour, 'g', -1, 64), s.message}
	}
	return rows
}
