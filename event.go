package forescale

import (
	"fmt"
	"slices"
	"time"
)

// Event is a stretch of time that is unlike others: a campaign, a sale, an outage.
type Event struct {
	Name    string    `json:"name"`    // unique
	Service string    `json:"service"` // "" is all
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	// Factor is how many times the usual demand is asked for while it lasts; 0 is none.
	Factor float64 `json:"factor"`
	// LeaveOut says that what was measured then is no example: it is not learned
	// from, and Factor means nothing.
	LeaveOut bool   `json:"leave_out,omitempty"`
	Origin   Origin `json:"origin"`
}

// Covers reports whether the event is about the service.
func (e Event) Covers(service string) bool { return e.Service == "" || e.Service == service }

// Bounds of events.
const (
	MaxFactor      = 100.0
	MaxEventLength = 92 * 24 * time.Hour
)

// Validate gathers every fault of the event. The faults' Where is the JSON name of
// the field.
func (e Event) Validate() error {
	var fs Faults
	bad := func(field, what, help string) {
		fs = append(fs, &Fault{Code: "event_invalid", What: what, Where: field, Help: help})
	}
	if !ValidName(e.Name) {
		bad("name", fmt.Sprintf("%q is not a name of an event", e.Name), "use up to 42 lower-case letters, digits and inner hyphens")
	}
	if e.Service != "" && !ValidName(e.Service) {
		bad("service", fmt.Sprintf("%q is not a service name", e.Service), "leave it out for all services")
	}
	switch {
	case e.From.IsZero() || e.Until.IsZero():
		bad("from", "an event needs a begin and an end", `give "from" and "until" as times such as 2026-11-27T18:00:00Z`)
	case !e.Until.After(e.From):
		bad("until", "the event would end before it begins", "give an until that is after from")
	case e.Until.Sub(e.From) > MaxEventLength:
		bad("until", "the event would last longer than 92 days", "give several, or let the forecast learn it")
	}
	if !(e.Factor >= 0 && e.Factor <= MaxFactor) {
		bad("factor", fmt.Sprintf("factor is %g", e.Factor), fmt.Sprintf("use 0 to %g times the usual demand", MaxFactor))
	}
	return fs.OrNil()
}

// Countries are those whose public holidays are known, by their ISO 3166 codes.
var Countries = []string{"AR", "AT", "BE", "BG", "BR", "CA", "CH", "CZ", "DE", "DK", "ES", "FR", "GB", "GR", "HR", "IE", "IT", "LT", "LV", "MW", "NL", "NO", "NZ", "PL", "RO", "RU", "SE", "SI", "SK", "UA", "US", "ZA"}

// KnowsCountry reports whether the holidays of a country are known.
func KnowsCountry(code string) bool { return slices.Contains(Countries, code) }
