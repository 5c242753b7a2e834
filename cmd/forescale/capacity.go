package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newCapacity(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capacity SERVICE",
		Short: "Show how much load one instance of a service serves, as declared and as learned",
		Long: `Show how much load one instance of a service serves at 100 %: as declared, as learned from
load and utilization, and what demand is counted with.

Least and most hold in 9 of 10 cases. Little data lean on what is declared; what is counted with follows in steps of 5 %. A
deploy that changes what a request costs is found within a day.`,
		Args: wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.capacity(cmd.Context(), f, *o, args[0])
	}
	return cmd
}

// servingView is the answer of the API, as far as it is shown.
type servingView struct {
	Service           string
	Declared, Counted float64
	Learned           *struct {
		Value, Low, High, Idle, Reach float64
		Minutes                       int
		Since                         time.Time
	}
	Doubt forescale.CapacityDoubt
	At    *time.Time
	Steps []struct {
		From  time.Time
		Value float64
	}
}

func (a *app) capacity(ctx context.Context, f *clientFlags, o format, service string) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var v servingView
	if done, err := a.ask(ctx, c, "/v1/services/"+url.PathEscape(service)+"/instance-capacity", nil, o, &v); done || err != nil {
		return err
	}
	if o == formatCSV {
		return a.writeCSV([]string{"service", "what", "value", "low", "high"}, servingRows(v, exactly))
	}
	t := newTable("WHAT", "LOAD OF AN INSTANCE", "LEAST", "MOST").alignRight(1, 2, 3)
	for _, row := range servingRows(v, fourDigits) {
		t.add(row[1], cmp.Or(row[2], "-"), cmp.Or(row[3], "-"), cmp.Or(row[4], "-"))
	}
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("%s", v.sentence())
	return nil
}

// servingRows are service, what, value, least and most.
func servingRows(v servingView, figure func(float64) string) [][]string {
	declared, counted := figure(v.Declared), figure(v.Counted)
	if v.Declared == 0 {
		declared, counted = "", ""
	}
	rows := [][]string{{v.Service, "declared", declared, "", ""}}
	if e := v.Learned; e != nil {
		rows = append(rows, []string{v.Service, "learned", figure(e.Value), figure(e.Low), figure(e.High)})
	} else {
		rows = append(rows, []string{v.Service, "learned", "", "", ""})
	}
	return append(rows, []string{v.Service, "counted with", counted, "", ""})
}

func exactly(v float64) string    { return strconv.FormatFloat(v, 'g', -1, 64) }
func fourDigits(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// sentence tells what the figures rest on, or why there are none.
func (v servingView) sentence() string {
	const at = "2006-01-02 15:04 UTC"
	switch v.Doubt {
	case forescale.CapacityTooLittle:
		return "Nothing was learned yet: it takes two hours in which both load and utilization are known."
	case forescale.CapacitySaturated:
		return "Nothing can be learned: the instances are at 95 % or more nearly all the time, which hides what they are asked for."
	case forescale.CapacityLoadFlat:
		return "Nothing can be learned: load hardly varies, so that what it costs cannot be told from what idling costs."
	case forescale.CapacityUtilizationFlat:
		return "Nothing can be learned: utilization does not follow load."
	}
	switch e := v.Learned; {
	case v.Declared == 0:
		return "The service declares no capacity, and load is not used: set capacity to the load that one instance serves at 100 %."
	case e == nil:
		return "Nothing was learned yet: it is, every hour, of services that push load and utilization."
	default:
		if v.Doubt == forescale.CapacityFarOff {
			return "What was learned is more than four times off what is declared, which is as far as is counted with."
		}
		return fmt.Sprintf("Learned from %s minutes since %s: utilization up to %.0f %%, idle %.0f %%.",
			thousands(e.Minutes), e.Since.UTC().Format(at), e.Reach, e.Idle)
	}
}
