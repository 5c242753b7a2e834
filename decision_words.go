package forescale

import (
	"fmt"
	"strconv"
)

// RequiredWords is what the demand asks for before any limit, with the sum behind it:
// "7: 5.2 / 7 = 74 %, limit 75 %. 6 would run at 87 %, limit 75 %". Without a band, as
// of a service that was deleted, it is the number alone.
func (d Decision) RequiredWords(band Band) string {
	n, demand, ok := d.rawNeed()
	switch {
	case n < 1:
		return "not known: there is no usable demand"
	case !ok || len(band) == 0:
		return strconv.Itoa(n)
	}
	text := fmt.Sprintf("%d: %s / %d = %.0f %%, limit %.0f %%", n, significant(demand), n, 100*demand/float64(n), band.Upper(n))
	if n > 1 {
		text += fmt.Sprintf(". %d would run at %.0f %%, limit %.0f %%", n-1, 100*demand/float64(n-1), band.Upper(n-1))
	}
	return text
}

// rawNeed is the need before limits and the demand in busy instances behind it.
// A forecast's reason keeps the median as demand and the objective's quantile,
// which decides, as demand_high.
func (d Decision) rawNeed() (n int, demand float64, ok bool) {
	for _, r := range d.Reasons {
		required, known := r.Numbers["required"]
		if demand, ok = r.Numbers["demand_high"]; !ok {
			demand, ok = r.Numbers["demand"]
		}
		if known && ok {
			return int(required), demand, true
		}
	}
	return d.Required, 0, false
}

// FinalWords is the count in the end: "7 instances", "3 instances, as before; 5 would
// be required".
func (d Decision) FinalWords() string {
	text := instances(d.To)
	if d.To == d.From {
		text += ", as before"
	}
	if d.Required > 0 && d.Required != d.To {
		text += fmt.Sprintf("; %d would be required", d.Required)
	}
	return text
}

// CostWords is what an hour costs more because of the decision, or less:
// "+0.375 an hour (3 × 0.125)"; "" when nothing changes or no price is known.
func (d Decision) CostWords() string {
	if d.Weighed == nil || d.Weighed.Price <= 0 || d.To == d.From {
		return ""
	}
	cost := d.HourlyCost()
	sign := ""
	if cost > 0 {
		sign = "+"
	}
	return fmt.Sprintf("%s%s an hour (%d × %s)", sign, cost, max(d.To-d.From, d.From-d.To), d.Weighed.Price)
}

// LeadWords splits the lead time that the decision was made with into starting and
// planning; "" when it did not matter.
func (d Decision) LeadWords() string {
	for _, r := range d.Reasons {
		lead, start := r.Numbers["lead_s"], r.Numbers["warmup_s"]
		if lead > start && start > 0 {
			return fmt.Sprintf("%s = starting %s (%s) + planning %s", span(lead), span(start), r.startsWords(), span(lead-start))
		}
	}
	return ""
}

// startsWords is what the time of a start rests on.
func (r Reason) startsWords() string {
	switch n := r.Numbers["warmup_starts"]; {
	case r.Words["warmup_basis"] == "declared":
		return "as declared, none measured yet"
	case r.Words["warmup_basis"] == "learned":
		return fmt.Sprintf("9 of 10 starts like this, learned from %.0f", n)
	case n > 0:
		return fmt.Sprintf("9 of 10 of %.0f starts", n)
	}
	return "9 of 10 starts"
}
