package forescale

import "testing"

func TestADecisionIsToldFromWhatIsRequiredToTheEnd(t *testing.T) {
	rise := weighedDecision()
	rise.Required = 7
	rise.Reasons = []Reason{{Code: CodeForecastRise, Numbers: map[string]float64{"required": 7, "demand": 4.7, "demand_high": 5.2, "lead_s": 280, "warmup_s": 250}}}
	fall := rise
	fall.From, fall.To, fall.Required = 7, 4, 3
	fall.Reasons = []Reason{{Code: CodeForecastFall, Numbers: map[string]float64{"required": 1, "demand": 0.4}}}
	blind := Decision{From: 3, To: 3}
	learned := Reason{Numbers: map[string]float64{"warmup_starts": 40}, Words: map[string]string{"warmup_basis": "learned"}}
	band := DefaultBand()
	for _, c := range []struct{ name, got, want string }{
		{"the sum behind a need", rise.RequiredWords(band), "7: 5.2 / 7 = 74 %, limit 75 %. 6 would run at 87 %, limit 75 %"},
		{"nothing is below one", fall.RequiredWords(band), "1: 0.4 / 1 = 40 %, limit 60 %"},
		{"without a band", rise.RequiredWords(nil), "7"},
		{"without demand", blind.RequiredWords(band), "not known: there is no usable demand"},
		{"the end", rise.FinalWords(), "7 instances"},
		{"the end beside the need", fall.FinalWords(), "4 instances; 3 would be required"},
		{"nothing changed", blind.FinalWords(), "3 instances, as before"},
		{"more costs", rise.CostWords(), "+0.375 an hour (3 × 0.125)"},
		{"fewer save", fall.CostWords(), "-0.375 an hour (3 × 0.125)"},
		{"nothing weighed", blind.CostWords(), ""},
		{"the lead time", rise.LeadWords(), "4 min 40 s = starting 4 min 10 s (9 of 10 starts) + planning 30 s"},
		{"no lead time", fall.LeadWords(), ""},
		{"learned starts", learned.startsWords(), "9 of 10 starts like this, learned from 40"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, c.got, c.want)
		}
	}
}
