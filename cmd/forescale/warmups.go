package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newWarmups(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "warmups SERVICE",
		Short: "Show how long a service's starts and cool-downs take, and what it depends on",
		Long: `Show how long a service's starts and cool-downs take, as learned from those that were
measured, and what it depends on: how many start at once, the hour, the node and how
busy it is, the image and whether it is new on the node.

A row is a case; half, 9 of 10 and 99 of 100 of all starts in it take at most so long.
Planning counts on 9 of 10.`,
		Args: wants("SERVICE"),
	}
	f, o := addClientFlags(a, cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.warmups(cmd.Context(), f, *o, args[0]) }
	return cmd
}

// startTimesView is the answer of the API, as far as it is shown.
type startTimesView struct {
	Service          string
	Warmup, Cooldown lapsesView
}

type lapsesView struct {
	Declared  string
	Measured  int
	LearnedAt *time.Time `json:"learned_at"`
	Gain      float64
	Cases     []struct {
		When []struct {
			Feature, Is string
			Value       float64
		}
		Count     int
		Quantiles []struct {
			Quantile float64
			Duration string
		}
	}
}

func (a *app) warmups(ctx context.Context, f *clientFlags, o format, service string) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	var v startTimesView
	if done, err := a.ask(ctx, c, "/v1/services/"+url.PathEscape(service)+"/warmups", nil, o, &v); done || err != nil {
		return err
	}
	if o == formatCSV {
		return a.writeCSV([]string{"service", "kind", "case", "measured", "quantile", "seconds"}, warmupRows(v))
	}
	t := newTable("WHAT", "CASE", "MEASURED", "HALF", "9 OF 10", "99 OF 100").alignRight(2, 3, 4, 5)
	for _, k := range kindsOf(v) {
		if len(k.lapses.Cases) == 0 {
			t.add(k.word, "as declared", "0", "-", inWords(durationText(k.lapses.Declared)), "-")
		}
		for i, c := range k.lapses.Cases {
			row := []string{k.word, caseWords(k.lapses, i), thousands(c.Count), "-", "-", "-"}
			for _, q := range c.Quantiles {
				if col := map[float64]int{0.5: 3, 0.9: 4, 0.99: 5}[q.Quantile]; col > 0 {
					row[col] = fineWords(durationText(q.Duration))
				}
			}
			t.add(row...)
		}
	}
	if err := a.write(t); err != nil {
		return err
	}
	if w := v.Warmup; w.LearnedAt != nil {
		a.hint("Declared are %s; few starts lean towards it. Learned from %s starts at %s.", inWords(durationText(w.Declared)), thousands(w.Measured), w.LearnedAt.UTC().Format("2006-01-02 15:04 UTC"))
	} else {
		a.hint("Nothing was learned yet: it is, every 15 min, when something was started.")
	}
	return nil
}

type lapsesOf struct {
	word, kind string
	lapses     lapsesView
}

func kindsOf(v startTimesView) []lapsesOf {
	return []lapsesOf{{"start", string(forescale.LapseWarmup), v.Warmup}, {"cool-down", string(forescale.LapseCooldown), v.Cooldown}}
}

func caseWords(l lapsesView, i int) string {
	var parts []string
	for _, w := range l.Cases[i].When {
		name, yes, named := strings.Cut(w.Feature, "=")
		switch below := w.Is == "below"; {
		case named && below:
			parts = append(parts, name+" not "+oneLine(yes))
		case named:
			parts = append(parts, name+" "+oneLine(yes))
		case w.Feature == forescale.FeatureNewImage && below:
			parts = append(parts, "image was there")
		case w.Feature == forescale.FeatureNewImage:
			parts = append(parts, "new image")
		case below:
			parts = append(parts, w.Feature+" < "+strconv.FormatFloat(w.Value, 'g', 4, 64))
		default:
			parts = append(parts, w.Feature+" ≥ "+strconv.FormatFloat(w.Value, 'g', 4, 64))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "all")
}

// fineWords is a duration as inWords has it; with a tenth below ten seconds.
func fineWords(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return inWords(d)
}

func warmupRows(v startTimesView) [][]string {
	var rows [][]string
	for _, k := range kindsOf(v) {
		for i, c := range k.lapses.Cases {
			for _, q := range c.Quantiles {
				rows = append(rows, []string{v.Service, k.kind, caseWords(k.lapses, i), strconv.Itoa(c.Count),
					strconv.FormatFloat(q.Quantile, 'g', -1, 64), strconv.FormatFloat(durationText(q.Duration).Seconds(), 'g', -1, 64)})
			}
		}
	}
	return rows
}
