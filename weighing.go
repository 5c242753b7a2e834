package forescale

import "time"

// BoundKind names what bounds the count that a decision chooses. The kinds are
// stable: they are in the database and the API.
type BoundKind string

// The kinds. Those of demand go by what instances serve within the band.
const (
	BoundLive         BoundKind = "live"           // live demand
	BoundSaturated    BoundKind = "saturated"      // the step up while the true demand is hidden
	BoundForecast     BoundKind = "forecast"       // the forecast within the lead time
	BoundAhead        BoundKind = "ahead"          // the forecast as far as it decides on a fall
	BoundBehind       BoundKind = "behind"         // live demand of the window behind, which a fall asks
	BoundMin          BoundKind = "min"            // a person's word
	BoundMax          BoundKind = "max"            // a person's word
	BoundBudget       BoundKind = "budget"         // what money pays for
	BoundStarted      BoundKind = "started"        // the cool-down after a start
	BoundUnseen       BoundKind = "unseen"         // a metric is silent or has gaps
	BoundShort        BoundKind = "forecast_short" // a forecast is too old or too short to allow a fall
	BoundMissing      BoundKind = "missing"        // samples are missing
	BoundStarts       BoundKind = "starts"         // starts of one planning step
	BoundStops        BoundKind = "stops"          // stops of one window
	BoundRoom         BoundKind = "room"           // draining and overdue instances still fill max
	BoundFailing      BoundKind = "failing"        // starts failed again and again
	BoundForeign      BoundKind = "foreign"        // what is left is run by nobody who can be asked
	BoundSecondWriter BoundKind = "second_writer"  // somebody else changes the same instances
	BoundNeed         BoundKind = "need"           // nothing asks for more
)

// BoundKinds are all of them.
var BoundKinds = []BoundKind{BoundLive, BoundSaturated, BoundForecast, BoundAhead, BoundBehind, BoundMin, BoundMax, BoundBudget, BoundStarted,
	BoundUnseen, BoundShort, BoundMissing, BoundStarts, BoundStops, BoundRoom, BoundFailing, BoundForeign, BoundSecondWriter, BoundNeed}

// Side says from which side a bound bounds.
type Side string

// The sides.
const (
	SideLeast Side = "least" // not fewer
	SideMost  Side = "most"  // not more
)

// Bound is what one bound wanted of a decision.
type Bound struct {
	Kind     BoundKind `json:"kind"`
	Side     Side      `json:"side"`
	Count    int       `json:"count"`              // at least, or at most, so many
	Demand   float64   `json:"demand,omitempty"`   // that it goes by, busy instances; 0: by none
	Quantile float64   `json:"quantile,omitempty"` // of demand, where it is a forecast's
	Of       string    `json:"of,omitempty"`       // the metric, or the budget
	At       time.Time `json:"at,omitzero"`        // when the need arises, or when the bound ends
	// Holds: it alone forbids one fewer, or one more, whatever the others want.
	Holds bool `json:"holds,omitempty"`
}

// Weighing is what a decision was weighed by. One instance fewer would have been
// decided if and only if all bounds that hold from below were gone, one more if and
// only if all that hold from above were.
type Weighing struct {
	Bounds     []Bound   `json:"bounds"`
	Serves     float64   `json:"serves"`                // demand that as many as decided serve within the band
	FewerServe float64   `json:"fewer_serve,omitempty"` // that one fewer serve
	Demand     float64   `json:"demand,omitempty"`      // the highest that was asked for, live or within the lead time
	By         time.Time `json:"by"`                    // what is needed before it is ordered now
	Since      time.Time `json:"since"`                 // a fall asks live demand since then
	Until      time.Time `json:"until"`                 // and the forecast until then
	Price      Money     `json:"price,omitempty"`       // of one instance for an hour
}

// Holding are the bounds that hold from a side.
func (w *Weighing) Holding(s Side) []Bound {
	if w == nil {
		return nil
	}
	var bs []Bound
	for _, b := range w.Bounds {
		if b.Holds && b.Side == s {
			bs = append(bs, b)
		}
	}
	return bs
}

// HourlyCost is what an hour costs more because of the decision; less if negative.
func (d Decision) HourlyCost() Money {
	if d.Weighed == nil {
		return 0
	}
	n := d.To - d.From
	if n < 0 {
		return -d.Weighed.Price.times(-n)
	}
	return d.Weighed.Price.times(n)
}
