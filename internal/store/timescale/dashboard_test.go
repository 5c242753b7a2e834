package timescale

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
)

// dashboard is what this test needs of Grafana's file.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ RawSQL, Format string }
	}
	Templating struct{ List []struct{ Query string } }
}

// TestTheDashboardReadsOurTables runs the role's script and every query of the
// dashboard as the role that Grafana reads with.
func TestTheDashboardReadsOurTables(t *testing.T) {
	c := startCluster(t, "fsync=off")
	execAt(t, c.dsn("postgres"), "CREATE DATABASE forescale")
	s := openAt(t, c.dsn("forescale"))
	if err := s.SaveDemand(t.Context(), []forescale.Cell{{Service: "a", Time: benchStart}},
		[]forescale.DemandPoint{{Service: "a", Metric: forescale.MetricUtilization, Time: benchStart, Value: 2}}); err != nil {
		t.Fatal(err)
	}
	instance := forescale.Instance{ID: "a-1", Service: "a", State: forescale.InstanceStarting, OrderedAt: benchStart, Decision: "d"}
	d := forescale.Decision{ID: "d", Service: "a", At: benchStart, LastAt: benchStart, Mode: forescale.ModeActive, To: 1, Outcome: forescale.OutcomePending,
		Reasons: []forescale.Reason{{Code: forescale.CodeMinBound}}}
	if err := s.RecordPlan(t.Context(), forescale.Plan{At: benchStart, Services: []forescale.ServicePlan{{Service: "a", MadeAt: benchStart, Decision: d}}}, []forescale.Instance{instance}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveWarmup(t.Context(), forescale.Warmup{Instance: "a-1", Service: "a", At: benchStart, Duration: 90e9}); err != nil {
		t.Fatal(err)
	}
	role := exec.Command("sh", "../../../deploy/grafana/role.sh")
	secretFile := filepath.Join(t.TempDir(), "grafana")
	if err := os.WriteFile(secretFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	role.Env = append(os.Environ(), "PATH="+c.Programs+":"+os.Getenv("PATH"), "GRAFANA_PASSWORD_FILE="+secretFile, "POSTGRES_USER=postgres", "POSTGRES_DB=forescale",
		"PGHOST="+c.Dir, "PGPORT="+strconv.Itoa(c.Port))
	if out, err := role.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile("../../../deploy/grafana/dashboards/forescale.json")
	if err != nil {
		t.Fatal(err)
	}
	var board dashboard
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), strings.Replace(c.dsn("forescale"), "postgres@", "grafana@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// What Grafana puts in place of its words.
	from, to := "'2020-01-01T00:00:00Z'", "'2100-01-01T00:00:00Z'"
	words := strings.NewReplacer("$__timeFilter(d.minute)", "d.minute BETWEEN "+from+" AND "+to, "$__timeFilter(at)", "at BETWEEN "+from+" AND "+to,
		"$__timeFrom()", "'"+benchStart.Format("2006-01-02T15:04:05Z")+"'", "$__timeTo()", "'"+benchStart.AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z")+"'",
		"$__interval_ms", "60000", "$service", "'a'")
	run := func(title, query string, timed bool) {
		query = words.Replace(query)
		rows, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v", title, err)
			return
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n == 0 || strings.Contains(query, "$_") {
			t.Errorf("%s gives %d rows, %v: %s", title, n, err, query)
			return
		}
		if timed && rows.FieldDescriptions()[0].Name != "time" {
			t.Errorf("%s does not begin with the time", title)
		}
	}
	if len(board.Panels) < 4 || len(board.Templating.List) != 1 {
		t.Fatalf("%d panels, %d choices", len(board.Panels), len(board.Templating.List))
	}
	run("the choice of services", board.Templating.List[0].Query, false)
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			run(p.Title, target.RawSQL, target.Format == "time_series")
		}
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM decision"); codeOf(err) != "42501" {
		t.Errorf("Grafana may write: %v", err)
	}
}
