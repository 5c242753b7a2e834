package forescale_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

type (
	numbers = map[string]float64
	times   = map[string]time.Time
	words   = map[string]string
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone database: %v", err)
	}
	return loc
}

// at is a time of Monday 23 November 2026 in Berlin, where it is one hour later than in UTC.
func at(h, m int) time.Time { return time.Date(2026, 11, 23, h-1, m, 0, 0, time.UTC) }

func on(day, h, m int) time.Time { return at(h, m).AddDate(0, 0, day-23) }

// The first sentence of each code is what docs and dashboard show as its example.
var sentences = []struct {
	code     forescale.Code
	from, to int
	numbers  numbers
	times    times
	words    words
	want     string
}{
	{forescale.CodeForecastRise, 4, 7,
		numbers{"demand": 4.7, "demand_high": 5.2, "quantile": 0.95, "warmup_s": 250}, times{"need": at(8, 52)}, words{"basis": "weekday"},
		"4 → 7 instances at 08:47: at 08:52 the demand of Mondays rises to 4.7 busy instances (95 % sure: at most 5.2); starting takes 4 min 10 s here."},
	{forescale.CodeForecastRise, 4, 7, numbers{"demand": 4.7}, times{"need": on(24, 0, 5)}, nil,
		"4 → 7 instances at 08:47: at Tue 00:05 the demand rises to 4.7 busy instances."},
	{forescale.CodeForecastRise, 4, 7, nil, nil, nil,
		"4 → 7 instances at 08:47: the forecast needs more within the lead time."},
	{forescale.CodeForecastFall, 7, 5, numbers{"demand": 3.4, "quantile": 0.95}, times{"until": on(24, 6, 30)}, nil,
		"7 → 5 instances at 08:47: demand stays under 3.4 busy instances until Tue 06:30 (95 % sure)."},
	{forescale.CodeForecastFall, 7, 5, numbers{"demand": 3.4, "window_s": 300}, nil, nil,
		"7 → 5 instances at 08:47: demand stayed under 3.4 busy instances for 5 min. There is no forecast yet."},
	{forescale.CodeReactiveHigh, 5, 6, numbers{"utilization": 78, "limit": 75, "ready": 5, "forecast": 3.4, "demand": 3.9}, nil, nil,
		"5 → 6 instances now: 78 %, above the limit of 75 % for 5. The forecast said 3.4 busy instances; it is 3.9."},
	{forescale.CodeReactiveHigh, 5, 6, numbers{"utilization": 78, "limit": 75, "ready": 5, "demand": 3.9}, nil, nil,
		"5 → 6 instances now: 78 %, above the limit of 75 % for 5."},
	{forescale.CodeReactiveHigh, 0, 6, numbers{"demand": 3.9}, nil, nil,
		"0 → 6 instances now: live demand is 3.9 busy instances."},
	{forescale.CodeSaturated, 6, 9, numbers{"saturated": 6}, times{"again": at(8, 46)}, nil,
		"6 → 9 instances now: all 6 are at 95 % or more, so the true demand is hidden. Adding half, then looking again at 08:46."},
	{forescale.CodeSteady, 4, 4, numbers{"demand": 2.6, "utilization": 65, "limit": 70}, nil, nil,
		"Stays at 4: 2.6 busy instances, 65 %, the limit is 70 %."},
	{forescale.CodeSteady, 4, 4, numbers{"demand": 1.2, "required": 4}, times{"need": at(9, 0)}, words{"why": "ahead"},
		"Stays at 4: 1.2 busy instances now, and the forecast needs 4 at 09:00."},
	{forescale.CodeMinBound, 2, 2, numbers{"demand": 0.42, "required": 1, "min": 2}, nil, nil,
		"Stays at 2 (min): 1 would do for 0.42 busy instances."},
	{forescale.CodeMinBound, 0, 2, numbers{"min": 2}, nil, nil,
		"0 → 2 instances now: min is 2."},
	{forescale.CodeMaxBound, 12, 12, numbers{"required": 14, "utilization": 93, "limit": 80}, times{"need": at(18, 5)}, nil,
		"Stays at 12 (max): 14 are required at 18:05; utilization will reach 93 %, the limit is 80 %."},
	{forescale.CodeMaxBound, 14, 13, numbers{"required": 14, "max": 12}, nil, nil,
		"14 → 13 instances now: max is 12; 14 are required."},
	{forescale.CodeWarmingUp, 7, 7, numbers{"required": 7, "starting": 3}, times{"ready": at(8, 51)}, nil,
		"Stays at 7: 7 are required, 3 are starting, ready by 08:51."},
	{forescale.CodeWarmingUp, 2, 2, numbers{"required": 2, "starting": 1, "late": 1, "warmup_s": 60}, times{"ready": at(8, 40)}, nil,
		"Stays at 2: 1 is starting and later than the usual 1 min; 2 are required."},
	{forescale.CodeCoolingDown, 4, 4, numbers{"fewer": 3, "again": 4, "again_demand": 2.75}, times{"again": at(9, 0)}, words{"why": "ahead"},
		"Stays at 4: 3 would do now, but 4 are needed again at 09:00 (2.8 busy instances)."},
	{forescale.CodeCoolingDown, 4, 4, numbers{"fewer": 3, "again": 4, "again_demand": 2.75}, times{"until": at(8, 56)}, words{"why": "behind"},
		"Stays at 4: 3 would do now, but 4 were needed lately (2.8 busy instances); fewer from 08:56 if it stays low."},
	{forescale.CodeCoolingDown, 4, 4, numbers{"fewer": 3}, times{"until": at(8, 56)}, words{"why": "started"},
		"Stays at 4: 3 would do, but an instance was started lately; nothing is stopped before 08:56."},
	{forescale.CodeCoolingDown, 4, 4, numbers{"fewer": 3}, nil, words{"why": "silent", "metric": "load"},
		"Stays at 4: 3 would do, but load is silent, and nothing is stopped unseen."},
	{forescale.CodeCoolingDown, 4, 4, numbers{"fewer": 3}, nil, words{"why": "gap", "metric": "load"},
		"Stays at 4: 3 would do, but load has gaps in the last minutes, and nothing is stopped unseen."},
	{forescale.CodeCoolingDown, 4, 4, numbers{"fewer": 3}, nil, words{"why": "forecast"},
		"Stays at 4: 3 would do now, but the forecast is too old or too short to say for how long."},
	{forescale.CodeStepLimit, 7, 7, numbers{"wanted": 5, "most": 1}, times{"next": at(8, 48)}, words{"limit": "stops"},
		"Stays at 7: 5 would do; 1 may be stopped at once, the next at 08:48:00."},
	{forescale.CodeStepLimit, 4, 8, numbers{"wanted": 12, "most": 4}, times{"next": at(8, 48)}, words{"limit": "starts"},
		"4 → 8 instances now: 12 are wanted; 4 may be started at once, the rest follows at 08:48:00."},
	{forescale.CodeStepLimit, 4, 4, numbers{"wanted": 6, "leaving": 2, "max": 6}, nil, words{"limit": "room"},
		"Stays at 4: 6 are wanted, but 2 are draining, overdue or taking no load, and still count towards max 6."},
	{forescale.CodeStepLimit, 7, 7, numbers{"wanted": 5, "most": 0}, times{"next": at(8, 48)}, words{"limit": "stops"},
		"Stays at 7: 5 would do, but as many as one window allows were stopped just now; the next at 08:48:00."},
	{forescale.CodeHoldNoMetrics, 2, 2, nil, nil, nil,
		"Stays at 2: no sample has been received yet, so the demand is not known."},
	{forescale.CodeHoldStale, 3, 3, nil, times{"since": at(8, 43), "stand_in": at(8, 48)}, words{"phase": "hold"},
		"Stays at 3: no sample since 08:43. Nothing changes until 08:48; then the forecast stands in, upwards only."},
	{forescale.CodeHoldStale, 3, 3, nil, times{"since": at(8, 33), "after": at(9, 33)}, words{"phase": "stand_in"},
		"Stays at 3: no sample since 08:33. The forecast stands in, upwards only; from 09:33 the number is held."},
	{forescale.CodeHoldStale, 3, 3, nil, times{"since": on(22, 8, 33)}, words{"phase": "long"},
		"Stays at 3: no sample since Sun 08:33. The number is held."},
	{forescale.CodeHoldStale, 3, 3, nil, times{"since": on(10, 8, 33)}, words{"phase": "follow"},
		"Stays at 3: no sample since Tue 10 Nov 08:33. The forecast is followed in both directions."},
	{forescale.CodeHoldStale, 3, 3, nil, times{"since": at(8, 33)}, words{"phase": "stand_in", "samples": "unusable"},
		"Stays at 3: samples arrive, but the demand cannot be told from them. Nothing is stopped."},
	{forescale.CodeHoldBlind, 3, 3, nil, nil, words{"why": "docker: no answer for 10 s"},
		"Stays at 3: the world could not be read in full (docker: no answer for 10 s). Nothing is started or stopped on half the facts."},
	{forescale.CodeHoldClock, 3, 3, numbers{"jump_s": -3600}, nil, nil,
		"Stays at 3: the clock jumped by 1 h. Nothing is done in this step."},
	{forescale.CodeModelFallback, 3, 3, nil, times{"issued": at(7, 0)}, words{"why": "old"},
		"Stays at 3: the forecast of 07:00 is too old; live demand alone decides."},
	{forescale.CodeModelFallback, 3, 3, nil, times{"issued": at(7, 0)}, words{"why": "unusable"},
		"Stays at 3: the forecast of 07:00 does not cover what is asked; live demand alone decides."},
	{forescale.CodeModelFallback, 3, 3, nil, nil, nil,
		"Stays at 3: there is no forecast; live demand alone decides."},
	{forescale.CodePaused, 3, 3, nil, times{"until": at(10, 0)}, words{"by": "anna", "note": "deploy"},
		"Stays at 3: paused by anna until 10:00: deploy."},
	{forescale.CodeOff, 3, 3, nil, nil, nil,
		"Stays at 3: the mode is off. Nothing is forecast, planned or done."},
	{forescale.CodeSecondWriter, 4, 4, numbers{"wanted": 2}, nil, words{"limit": "foreign"},
		"Stays at 4: 2 would do, but the others are known by their samples only; whoever runs them has to stop them."},
	{forescale.CodeReplaceFailed, 3, 4, nil, times{"failed": at(8, 46)}, words{"instance": "checkout-2", "why": "exit 137"},
		"3 → 4 instances now: checkout-2 failed at 08:46 (exit 137); another takes its place."},
	{forescale.CodeReplaceFailed, 3, 4, nil, nil, nil,
		"3 → 4 instances now: an instance is gone; another takes its place."},
	{forescale.CodeBudgetCapped, 4, 4, numbers{"wanted": 6, "spent": 71.25, "limit": 500, "reserved": 428}, nil, words{"budget": "shop"},
		"Stays at 4: 6 are wanted, but budget shop does not pay for more: 71 of 500 are spent and 430 reserved."},
	{forescale.CodeBudgetCapped, 4, 4, numbers{"spent": 71.25, "limit": 500, "reserved": 428}, nil, words{"budget": "shop"},
		"Stays at 4: budget shop does not pay for more: 71 of 500 are spent and 430 reserved."},
	{forescale.CodeBudgetCapped, 4, 4, nil, nil, nil,
		"Stays at 4: a budget does not pay for more."},
	{forescale.CodeBudgetReserved, 4, 4, numbers{"wanted": 6}, nil, words{"budget": "shop"},
		"Stays at 4: 6 are wanted, but what budget shop has left is reserved for the min of other services."},
	{forescale.CodeBudgetReserved, 4, 4, nil, nil, nil,
		"Stays at 4: what a budget has left is reserved for the min of other services."},
	{forescale.CodeNodeDrained, 4, 4, numbers{"leaving": 2, "starts": 1, "stops": 0}, nil, nil,
		"Stays at 4: 2 instances leave a node that is to be emptied; 1 is started in their place."},
	{forescale.CodeNodeDrained, 4, 4, numbers{"leaving": 2, "starts": 0, "stops": 1}, nil, nil,
		"Stays at 4: 2 instances leave a node that is to be emptied: others are ready in their place, and 1 is stopped."},
	{forescale.CodeNodeDrained, 4, 4, nil, nil, nil,
		"Stays at 4: instances leave a node that is to be emptied."},
	{forescale.CodeWarmupLong, 4, 4, numbers{"lead_s": 100800}, times{"until": at(18, 40)}, nil,
		"Stays at 4: a start takes 1 d 4 h until it serves, and the forecast reaches only until 18:40: what is needed later cannot be ordered in time."},
	{forescale.CodeWarmupLong, 4, 4, nil, nil, nil,
		"Stays at 4: a start takes longer than the forecast reaches: what is needed later cannot be ordered in time."},
	{forescale.CodeSecondWriter, 7, 7, numbers{"undone": 2}, times{"since": at(8, 31), "last": at(8, 36), "until": at(8, 46)}, words{"limit": "undone"},
		"Stays at 7: somebody else undoes what is decided, 2 times since 08:31, last at 08:36. Until 08:46, if nothing more happens, nothing is stopped and only what live demand needs is started."},
	{forescale.CodeSecondWriter, 7, 7, numbers{"appeared": 2, "gone": 3}, times{"since": at(8, 31), "last": at(8, 36), "until": at(8, 46)}, words{"limit": "changed"},
		"Stays at 7: somebody else starts and stops instances, 2 and 3 times since 08:31, last at 08:36. Until 08:46, if nothing more happens, nothing is stopped and only what live demand needs is started."},
	{forescale.CodeLowered, 9, 8, numbers{"from": 99, "to": 83, "projected": 620, "limit": 500, "now": 1, "most": 8, "wanted": 20}, nil, words{"budget": "shop"},
		"9 → 8 instances now: 20 are wanted, but this is an hour that is given up, with 8 kept: the objective is lowered from 99 to 83 % so that budget shop lasts; unlowered the month would cost 620 of 500."},
	{forescale.CodeLowered, 9, 8, numbers{"from": 99, "to": 83, "projected": 620, "limit": 500, "bound": 1, "most": 8, "wanted": 20}, nil, words{"budget": "shop"},
		"9 → 8 instances now: 20 are wanted, but 8 are all that this hour is worth: the objective is lowered from 99 to 83 % so that budget shop lasts; unlowered the month would cost 620 of 500."},
	{forescale.CodeLowered, 4, 4, numbers{"from": 99, "to": 83, "projected": 620, "limit": 500}, nil, words{"budget": "shop"},
		"Stays at 4: the objective is lowered from 99 to 83 % so that budget shop lasts; unlowered the month would cost 620 of 500."},
	{forescale.CodeLowered, 4, 4, nil, nil, nil,
		"Stays at 4: the objective is lowered so that a budget lasts."},
	{forescale.CodeCrashLoop, 3, 3, numbers{"failed": 3, "wanted": 4, "most": 0}, times{"next": at(8, 44)}, words{"instance": "web-3", "why": "ended: exit code 1"},
		"Stays at 3: 3 instances in a row were ready and ended within minutes, last web-3 (ended: exit code 1). 4 are wanted; nothing more is started before 08:44:00."},
	{forescale.CodeCrashLoop, 3, 4, numbers{"failed": 4, "wanted": 5, "most": 1}, nil, nil,
		"3 → 4 instances now: 4 instances in a row were ready and ended within minutes. One at a time is tried, 5 are wanted."},
	{forescale.CodeRolloutStep, 4, 4, numbers{"fresh": 1, "wanted": 4, "old": 3, "starting": 1}, nil, nil,
		"Stays at 4: a changed template is rolled out: 1 of 4 follow it, 3 are to be replaced; 1 is starting."},
	{forescale.CodeRolloutStep, 4, 4, numbers{"fresh": 0, "wanted": 4, "old": 4}, nil, words{"budget": "shop"},
		"Stays at 4: a changed template is rolled out: 0 of 4 follow it, 4 are to be replaced; budget shop does not pay for another beside them."},
	{forescale.CodeRolloutBack, 4, 4, nil, times{"since": at(8, 30)}, words{"revision": "0a1b", "good": "2c3d", "why": "3 new instances in a row failed"},
		"Stays at 4: the template 0a1b was taken back at 08:30: 3 new instances in a row failed. Instances are made from 2c3d until the template changes again."},
	{forescale.CodeStartFailing, 3, 3, numbers{"failed": 4, "wanted": 5}, times{"next": at(8, 48)}, words{"instance": "checkout-9", "why": "exit 1"},
		"Stays at 3: 4 starts in a row failed, last checkout-9 (exit 1). 5 are wanted; the next try is at 08:48:00."},
	{forescale.CodeStartFailing, 3, 3, numbers{"failed": 4, "wanted": 1, "most": 1}, times{"next": at(8, 48)}, nil,
		"Stays at 3: 4 starts in a row failed. 1 is wanted; one more is tried."},
}

func TestSentences(t *testing.T) {
	loc := berlin(t)
	for _, tt := range sentences {
		d := forescale.Decision{From: tt.from, To: tt.to, At: at(8, 47), Mode: forescale.ModeActive,
			Reasons: []forescale.Reason{{Code: tt.code, Numbers: tt.numbers, Times: tt.times, Words: tt.words}}}
		if got := d.Sentence(loc); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.code, got, tt.want)
		}
	}
}

// What only repeats says nothing of times that are over as if they were ahead.
func TestADecisionThatOnlyRepeatsNamesNoTimeThatIsOver(t *testing.T) {
	said := func(code forescale.Code, why string, n numbers, at times) forescale.Reason {
		return forescale.Reason{Code: code, Numbers: n, Times: at, Words: words{"why": why, "phase": why, "by": "anna"}}
	}
	need := said(forescale.CodeSteady, "ahead", numbers{"demand": 1.2, "required": 4}, times{"need": at(9, 0)})
	rise := said(forescale.CodeForecastRise, "", numbers{"demand": 4.7, "warmup_s": 250}, times{"need": at(9, 0)})
	for _, c := range []struct {
		name   string
		r      forescale.Reason
		to     int
		last   time.Time
		whole  string
		reason string
	}{
		{"a need that is still ahead stays as it was told", need, 4, at(8, 59),
			"Stays at 4: 1.2 busy instances now, and the forecast needs 4 at 09:00.", "1.2 busy instances now, and the forecast needs 4 at 09:00."},
		{"a need that was ahead is told as past", need, 4, at(9, 0),
			"Stays at 4: the forecast needed 4 at 09:00, and as many have been needed since.", "The forecast needed 4 at 09:00, and as many have been needed since."},
		{"what would be done is so since then", rise, 7, at(8, 50),
			"Would go 4 → 7 instances since 08:47: at 09:00 the demand rises to 4.7 busy instances; starting takes 4 min 10 s here.",
			"At 09:00 the demand rises to 4.7 busy instances; starting takes 4 min 10 s here."},
		{"a rise that was ahead is no more told by its time", rise, 7, at(10, 51),
			"Would go 4 → 7 instances since 08:47: the forecast needs more within the lead time: 4.7 busy instances.", "The forecast needs more within the lead time: 4.7 busy instances."},
		{"a pause that went on beyond its end", said(forescale.CodePaused, "", nil, times{"until": at(10, 0)}), 4, at(10, 51), "Stays at 4: paused by a person.", "Paused by a person."},
		{"a time that was past already stays", said(forescale.CodeHoldStale, "stand_in", nil, times{"since": at(8, 33), "after": at(9, 33)}), 4, at(10, 51),
			"Stays at 4: no sample since 08:33. The number is held.", "No sample since 08:33. The number is held."},
	} {
		d := forescale.Decision{From: 4, To: c.to, At: at(8, 47), LastAt: c.last, Repeats: 1, Reasons: []forescale.Reason{c.r}}
		if c.to != 4 {
			d.Outcome = forescale.OutcomeWould
		}
		if whole, reason := d.Sentence(berlin(t)), d.ReasonSentence(0, berlin(t)); whole != c.whole || reason != c.reason {
			t.Errorf("%s:\n got %s\n and %s\nwant %s\n and %s", c.name, whole, reason, c.whole, c.reason)
		}
	}
	for _, tt := range sentences {
		d := forescale.Decision{From: tt.from, To: tt.to, At: at(8, 47), LastAt: on(24, 23, 59),
			Reasons: []forescale.Reason{{Code: tt.code, Numbers: tt.numbers, Times: tt.times, Words: tt.words}}}
		text := d.Sentence(berlin(t))
		for key, over := range tt.times {
			if clock := over.In(berlin(t)).Format("15:04"); over.After(d.At) && strings.Contains(text, clock) && !strings.Contains(text, "needed 4 at 09:00") {
				t.Errorf("%s: %s (%s) is over: %s", tt.code, clock, key, text)
			}
		}
		if strings.ContainsAny(text, "{}[]") {
			t.Errorf("%s: %s", tt.code, text)
		}
	}
}

// A code of which nothing is said leaves its reader alone with it.
func TestEveryCodeHasASentenceAndAnExample(t *testing.T) {
	shown := map[forescale.Code]bool{}
	for _, s := range sentences {
		shown[s.code] = true
	}
	for _, c := range allCodes(t) {
		d := forescale.Decision{From: 4, To: 4, At: at(8, 47), Reasons: []forescale.Reason{{Code: c}}}
		bare := strings.ReplaceAll(string(c), "_", " ") + "."
		if got := d.Sentence(time.UTC); strings.HasSuffix(got, ": "+bare) || strings.ContainsAny(got, "{}[]!") || !strings.HasSuffix(got, ".") {
			t.Errorf("%s says %q without numbers", c, got)
		}
		if !shown[c] {
			t.Errorf("%s has no example in the table above", c)
		}
	}
}

// allCodes reads the constants of type Code from the source, so that a new one cannot be missed.
func allCodes(t *testing.T) []forescale.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "plan.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []forescale.Code
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type == nil {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Code" {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, forescale.Code(s))
		}
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("only %d codes found in plan.go", len(codes))
	}
	return codes
}

func TestWhatIsNotActedOnIsSaidInWould(t *testing.T) {
	d := forescale.Decision{From: 4, To: 6, At: at(8, 47), Outcome: forescale.OutcomeWould,
		Reasons: []forescale.Reason{{Code: forescale.CodeReactiveHigh, Numbers: numbers{"demand": 3.9}}}}
	if got, want := d.Sentence(berlin(t)), "Would go 4 → 6 instances now: live demand is 3.9 busy instances."; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	d.To = 4
	if got, want := d.Sentence(berlin(t)), "Would stay at 4: live demand is 3.9 busy instances."; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	d.Reasons[0].Code = forescale.CodeHoldBlind
	if got := d.Sentence(nil); !strings.HasPrefix(got, "Stays at 4: ") {
		t.Errorf("a hold says %q", got)
	}
	if got := (forescale.Decision{}).Sentence(nil); got != "" {
		t.Errorf("a decision without reasons says %q", got)
	}
}

func TestAReasonAloneBeginsWithACapital(t *testing.T) {
	r := forescale.Reason{Code: forescale.CodePaused, Times: times{"until": at(10, 0)}, Words: words{"by": "anna"}}
	if got, want := r.Sentence(berlin(t), at(8, 47)), "Paused by anna until 10:00."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestChangeSentences(t *testing.T) {
	p := forescale.ServicePlan{MadeAt: at(8, 40), Acting: true, Changes: []forescale.PlanChange{
		{At: at(8, 40), Wanted: 4, Required: 4, Demand: 2.6, Code: forescale.CodeSteady},
		{At: at(9, 55), Wanted: 7, Required: 7, Demand: 5.17, Code: forescale.CodeForecastRise},
		{At: at(10, 30), Wanted: 12, Required: 14, Demand: 11, Code: forescale.CodeMaxBound},
		{At: on(24, 0, 30), Wanted: 2, Required: 1, Demand: 0.42, Code: forescale.CodeMinBound},
	}}
	want := []string{
		"Stays at 4: 2.6 busy instances require 4.",
		"4 → 7 instances at 09:55: demand rises to at most 5.2 busy instances.",
		"7 → 12 instances at 10:30: demand rises to at most 11 busy instances; 14 required, max is 12.",
		"12 → 2 instances at Tue 00:30: demand stays under 0.42 busy instances for the whole window; min is 2.",
	}
	for i := range want {
		if got := p.ChangeSentence(i, berlin(t)); got != want[i] {
			t.Errorf("%s\nwant %s", got, want[i])
		}
	}
	p.Acting = false
	if got, want := p.ChangeSentence(1, berlin(t)), "Would go 4 → 7 instances at 09:55: demand rises to at most 5.2 busy instances."; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	p.Changes[0].Required = 0
	if got, want := p.ChangeSentence(0, nil), "Would stay at 4: what demand asks for is not known."; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestNumbersAreShortAndTimesAreLocal(t *testing.T) {
	say := func(n float64, seconds float64, when, today time.Time, loc *time.Location) string {
		r := forescale.Reason{Code: forescale.CodeForecastRise, Numbers: numbers{"demand": n, "warmup_s": seconds}, Times: times{"need": when}}
		return strings.NewReplacer("At ", "", " the demand rises to", ",", " busy instances; starting takes", ",", " here.", "").Replace(r.Sentence(loc, today))
	}
	tests := []struct {
		n, seconds float64
		want       string
	}{
		{0.0042, 0.25, "08:52, 0.0042, 250 ms"},
		{0.424, 3, "08:52, 0.42, 3 s"},
		{0, 60, "08:52, 0, 1 min"},
		{1, 250, "08:52, 1, 4 min 10 s"},
		{4.66, 3600, "08:52, 4.7, 1 h"},
		{9.97, 3659, "08:52, 10, 1 h"},
		{12.4, 5400, "08:52, 12, 1 h 30 min"},
		{127, 90000, "08:52, 130, 1 d 1 h"},
		{123456, 86400 + 59, "08:52, 120000, 1 d"},
	}
	for _, tt := range tests {
		if got := say(tt.n, tt.seconds, at(8, 52), at(8, 47), berlin(t)); got != tt.want {
			t.Errorf("%g and %g s read %q, want %q", tt.n, tt.seconds, got, tt.want)
		}
	}

	// The night of 25 October 2026 has 02:30 twice in Berlin.
	today := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
	first, second := today.Add(30*time.Minute), today.Add(90*time.Minute)
	if a, b := say(1, 1, first, today, berlin(t)), say(1, 1, second, today, berlin(t)); a != "02:30 (+2), 1, 1 s" || b != "02:30 (+1), 1, 1 s" {
		t.Errorf("the doubled hour reads %q and %q", a, b)
	}
}
