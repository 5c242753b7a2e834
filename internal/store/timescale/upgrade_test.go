package timescale

import (
	"fmt"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// During an upgrade a newer server starts beside an older one, and raises the
// schema under it.
func TestAnOlderServerGoesOnBesideANewerOne(t *testing.T) {
	dsn := sharedCluster(t).fresh(t)
	ctx := t.Context()
	older := openAt(t, dsn, WithVersion("0.1"))
	use := func(who string, s *Store, round int) {
		t.Helper()
		at := benchStart.Add(time.Duration(round) * time.Minute)
		sample := forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: who, Service: "a"}, Metric: forescale.MetricUtilization, Time: at, Value: 1}
		d := forescale.Decision{ID: fmt.Sprint(who, round), Service: "a", At: at, LastAt: at, Mode: forescale.ModeActive, To: round, Outcome: forescale.OutcomeNone,
			Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}
		i := forescale.Instance{ID: d.ID, Service: "a", State: forescale.InstanceReady, OrderedAt: at}
		for what, err := range map[string]error{
			"append":    s.Append(ctx, []forescale.Sample{sample}),
			"instances": s.SaveInstances(ctx, []forescale.Instance{i}),
			"plan":      s.RecordPlan(ctx, forescale.Plan{Services: []forescale.ServicePlan{{Service: "a", MadeAt: at, Decision: d}}}, nil),
			"run":       s.SaveRun(ctx, forescale.Run{ID: d.ID, Kind: "k", StartedAt: at}),
			"check":     s.Check(ctx),
		} {
			if err != nil {
				t.Errorf("%s, %s: %v", who, what, err)
			}
		}
	}
	use("older", older, 1)
	newer := openAt(t, dsn, WithVersion("0.2"), func(o *options) {
		o.migrations = migrationsAnd(`ALTER TABLE decision ADD COLUMN extra bigint NOT NULL DEFAULT 0;
			ALTER TABLE instance ADD COLUMN extra text; ALTER TABLE run ADD COLUMN extra bigint NOT NULL DEFAULT 0;
			ALTER TABLE sample ADD COLUMN extra bigint; CREATE TABLE later (id int PRIMARY KEY);`)
	})
	for round := range 3 {
		use("newer", newer, 2+2*round)
		use("older", older, 3+2*round)
	}
	for who, s := range map[string]*Store{"older": older, "newer": newer} {
		ds, err := s.Decisions(ctx, forescale.DecisionQuery{Limit: 100})
		if err != nil || len(ds) != 7 {
			t.Errorf("%s sees %d decisions of 7, %v", who, len(ds), err)
		}
		is, err := s.Instances(ctx, forescale.InstanceQuery{})
		if err != nil || len(is) != 7 {
			t.Errorf("%s sees %d instances of 7, %v", who, len(is), err)
		}
	}
	_, err := Open(ctx, dsn, WithVersion("0.1")) // one that starts anew is refused
	wantFault(t, err, "schema_newer")
}
