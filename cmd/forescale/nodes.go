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

// nodeView is a machine as GET /v1/nodes lists it.
type nodeView struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	State     string     `json:"state"`
	Protected bool       `json:"protected"`
	Managed   bool       `json:"managed"`
	Cordoned  bool       `json:"cordoned"`
	Draining  bool       `json:"draining"`
	Cores     float64    `json:"cores"`
	Memory    int64      `json:"memory_bytes"`
	Price     float64    `json:"price_per_hour"`
	Instances int        `json:"instances"`
	CPU       *float64   `json:"cpu"`
	Reported  *time.Time `json:"last_sample"`
	Order     *struct {
		OrderedAt time.Time `json:"ordered_at"`
		Failure   string    `json:"failure"`
		Message   string    `json:"message"`
		Command   *struct {
			Kind string `json:"kind"`
			Exit int    `json:"exit"`
		} `json:"command"`
	} `json:"order"`
}

// stateWord is the state with what a person wants of the node.
func (v nodeView) stateWord() string {
	words := []string{firstOf(v.State, "not known")}
	for _, w := range []struct {
		is   bool
		word string
	}{{v.Cordoned, "cordoned"}, {v.Draining && v.State != string(forescale.NodeDraining), "draining"}, {v.Protected, "protected"}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}

// why tells the newest of an ordered node.
func (v nodeView) why() string {
	switch o := v.Order; {
	case o == nil:
		return ""
	case o.Failure != "":
		return o.Failure
	case o.Command != nil && o.Command.Exit != 0:
		return fmt.Sprintf("the %s command ended with exit code %d; it is tried again", o.Command.Kind, o.Command.Exit)
	default:
		return o.Message
	}
}

func newNodes(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Show all nodes: their state, type and price, and what runs on them",
		Long: `Show all nodes: those that are there, those that were ordered and are on their way,
those that ended within the last hour, and orphans: nodes that run and that nobody knows.
What a command printed last is in -o json.`,
		Args: wants(),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.nodes(cmd.Context(), f, *o) }
	return cmd
}

func (a *app) nodes(ctx context.Context, f *clientFlags, o format) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var answer struct {
		Items []nodeView `json:"items"`
	}
	if done, err := a.ask(ctx, c, "/v1/nodes", nil, o, &answer); done || err != nil {
		return err
	}
	if o == formatCSV {
		return a.writeCSV(nodeHeaders, nodeRows(answer.Items))
	}
	if len(answer.Items) == 0 {
		a.hint("There is no node yet. Nodes are seen, named in the config, or ordered; see node_types there.")
	}
	t := newTable("NODE", "STATE", "TYPE", "PRICE", "RUNS", "CPU").alignRight(3, 4, 5)
	for _, r := range nodeRows(answer.Items) {
		t.add(r[0], r[1], r[2], r[3], r[6], r[7])
	}
	if err := a.write(t); err != nil {
		return err
	}
	for _, v := range answer.Items {
		if why := v.why(); why != "" {
			a.hint("%s: %s", v.Name, oneLine(why))
		}
	}
	return a.orphans(ctx, c)
}

var nodeHeaders = []string{"node", "state", "type", "price_per_hour", "cores", "memory_bytes", "instances", "cpu", "last_sample", "why"}

func nodeRows(nodes []nodeView) [][]string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	rows := make([][]string, len(nodes))
	for i, v := range nodes {
		cpu, reported := "", ""
		if v.CPU != nil {
			cpu = strconv.FormatFloat(*v.CPU, 'f', 0, 64)
		}
		if v.Reported != nil {
			reported = stamp(*v.Reported)
		}
		rows[i] = []string{v.Name, v.stateWord(), v.Type, number(v.Price), number(v.Cores), strconv.FormatInt(v.Memory, 10), strconv.Itoa(v.Instances), cpu, reported, oneLine(v.why())}
	}
	return rows
}

// orphans tells of nodes that nobody knows.
func (a *app) orphans(ctx context.Context, c *apiClient) error {
	var p nodePlanView
	err := c.get(ctx, "/v1/nodes/plan", nil, &p)
	var fault *forescale.Fault
	if errors.As(err, &fault) && fault.Code == "node_plan_unknown" {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range p.Notes {
		if forescale.Code(n.Reason.Code) == forescale.CodeNodeOrphan {
			a.hint("Orphan %s: %s", strings.TrimPrefix(n.Subject, "nodes/"), n.Message)
		}
	}
	return nil
}

func newNode(a *app) *cobra.Command {
	yes, no := true, false
	return group("node", "Drain, cordon or protect one node", "Drain, cordon or protect one node, whoever owns it. What forescale did not order it never stops.",
		newNodeWish(a, "drain", "Empty a node: each instance goes when another is ready elsewhere. One that was ordered is stopped then",
			wishBody{Draining: &yes}, "%s is emptied. Take it back: forescale node uncordon %s"),
		newNodeWish(a, "cordon", "Place nothing new on a node", wishBody{Cordoned: &yes}, "Nothing new is placed on %s. Go on: forescale node uncordon %s"),
		newNodeWish(a, "uncordon", "Use a node again that was cordoned, or is being drained", wishBody{Cordoned: &no, Draining: &no}, "%s is used as any other."),
		newNodeWish(a, "protect", "Keep a node from being shut down", wishBody{Protected: &yes}, "%s is not shut down. Go on: forescale node unprotect %s"),
		newNodeWish(a, "unprotect", "Let a node be shut down again when it is not needed", wishBody{Protected: &no}, "%s may be shut down when it is not needed."))
}

// wishBody is what is asked of a node; nil leaves it as it is.
type wishBody struct {
	Cordoned  *bool `json:"cordoned,omitempty"`
	Draining  *bool `json:"draining,omitempty"`
	Protected *bool `json:"protected,omitempty"`
}

func newNodeWish(a *app, use, short string, body wishBody, said string) *cobra.Command {
	cmd := &cobra.Command{Use: use + " NAME", Short: short, Args: wants("NAME")}
	f := addClientFlags(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(f)
		if err != nil {
			return err
		}
		if !forescale.ValidName(args[0]) {
			return usage(fmt.Sprintf("%q is not a node name", args[0]), "`forescale nodes` lists what there is")
		}
		var v nodeView
		if err := c.do(cmd.Context(), http.MethodPatch, "/v1/nodes/"+url.PathEscape(args[0]), nil, body, &v); err != nil {
			return err
		}
		first, rest, _ := strings.Cut(said, ". ")
		if _, err := fmt.Fprintf(a.stdout, strings.TrimSuffix(first, ".")+".\n", v.Name); err != nil {
			return err
		}
		if rest != "" {
			a.hint(rest, v.Name)
		}
		return nil
	}
	return cmd
}
