package forecast

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// HolidaysOf is for tests.
var HolidaysOf = holidaysOf

// Shift is a shift as tests see it.
type Shift struct {
	At     int
	Factor float64
}

// Shifts are those of a series.
func Shifts(s forescale.Series) (all []Shift) {
	for _, x := range shifts(Input{Series: s}) {
		all = append(all, Shift{x.at, math.Exp(x.log)})
	}
	return all
}

// Until is when what a request teaches has to be learned anew, of a long history.
func Until(r Request) time.Time { return dueAfter(r.Issued, r.Service.Name, r.Metric) }
