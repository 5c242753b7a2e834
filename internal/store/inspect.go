package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	Fine    Level = "ok"
	Warning Level = "warn"
	Failure Level = "fail"
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level  `json:"level"`
	About string `json:"about"` // one word or two
	Says  string `json:"says"`
	Help  string `json:"help,omitempty"`
}

// Inspection is a store that is looked at and not changed, not even its schema.
type Inspection struct {
	Findings []Finding // of the backend: place, schema, damage
	Snapshot Snapshot  // nil when nothing can be read
	Close    func() error
}

// Add notes a finding.
func (i *Inspection) Add(level Level, about, says, help string) {
	i.Findings = append(i.Findings, Finding{level, about, says, help})
}

// Fault notes what an error says as a failure.
func (i *Inspection) Fault(about string, err error) {
	f := Finding{Level: Failure, About: about, Says: err.Error()}
	if fault, ok := err.(*forescale.Fault); ok { //nolint:errorlint // a fault is shown as it is
		f.Says, f.Help = fault.What, fault.Help
	}
	i.Findings = append(i.Findings, f)
}

// known are the values that columns of words may have.
var known = map[string][]string{
	"instance.state":   texts(forescale.InstanceStarting, forescale.InstanceReady, forescale.InstanceDraining, forescale.InstanceStopped, forescale.InstanceFailed),
	"decision.outcome": texts(forescale.OutcomeNone, forescale.OutcomeWould, forescale.OutcomePending, forescale.OutcomeDone, forescale.OutcomeFailed, forescale.OutcomeSuperseded),
	"decision.mode":    texts(forescale.ModeOff, forescale.ModeForecastOnly, forescale.ModeActive),
	"key.role":         texts(forescale.RolePush, forescale.RoleRead, forescale.RoleOperate, forescale.RoleAdmin),
	"run.state":        texts("", forescale.RunRunning, forescale.RunRetrying, forescale.RunDone, forescale.RunFailed),
	"series.kind":      texts(forescale.KindInstance, forescale.KindNode, forescale.KindService),
}

func texts[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// Read looks at what the tables hold: how much, from when, and whether all of it
// can be understood.
func (i *Inspection) Read(ctx context.Context, now time.Time) error {
	if i.Snapshot == nil {
		return nil
	}
	rows := map[string]int64{}
	for _, t := range Tables {
		n, err := i.Snapshot.Count(ctx, t)
		if err != nil {
			return err
		}
		rows[t.Name] = n
	}
	i.Add(Fine, "content", fmt.Sprintf("%d services, %d instances, %d decisions, %d forecasts, %d keys", rows["service"], rows["instance"], rows["decision"], rows["forecast"], rows["key"]), "")
	for _, of := range []struct{ table, column string }{{"sample", "at"}, {"demand", "minute"}, {"decision", "at"}} {
		first, last, err := i.Snapshot.Span(ctx, of.table, of.column)
		if err != nil {
			return err
		}
		switch {
		case rows[of.table] == 0:
			i.Add(Fine, of.table, "none", "")
		case last.After(now.Add(forescale.MaxAhead)):
			i.Add(Warning, of.table, fmt.Sprintf("%d rows; the newest is of %s, which this machine's clock has not reached", rows[of.table], last.Format(time.RFC3339)),
				"compare the clocks of what wrote it and of this machine")
		default:
			i.Add(Fine, of.table, fmt.Sprintf("%d rows from %s to %s", rows[of.table], first.Format(time.RFC3339), last.Format(time.RFC3339)), "")
		}
	}
	var unknown []string
	for _, t := range Tables {
		for _, c := range t.Columns {
			values := known[t.Name+"."+c.Name]
			if values == nil {
				continue
			}
			got, err := i.Snapshot.Words(ctx, t.Name, c.Name)
			if err != nil {
				return err
			}
			for _, word := range got {
				if !slices.Contains(values, word) {
					unknown = append(unknown, fmt.Sprintf("%s %q", t.Name+"."+c.Name, word))
				}
			}
		}
	}
	if len(unknown) > 0 {
		i.Add(Failure, "words", "not known to this version: "+strings.Join(unknown, ", "), "start the version that wrote them, or restore a backup")
	} else {
		i.Add(Fine, "words", "every state, outcome, mode, role and kind is known", "")
	}
	return nil
}
