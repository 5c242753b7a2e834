package forescale

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// BandStep gives the highest utilization, in %, at which From or more instances
// should run.
type BandStep struct {
	From  int     `json:"from"`
	Upper float64 `json:"upper"`
}

// Band is the highest wanted utilization by number of instances, rising: with
// more instances a burst or a loss weighs less (Müssig et al. 2017, section 3).
type Band []BandStep

// DefaultBand is 60 % for one instance up to 80 % for eight and more.
func DefaultBand() Band {
	return Band{{1, 60}, {2, 65}, {3, 70}, {5, 75}, {8, 80}}
}

// Upper is the limit in % for n instances; n below 1 counts as 1.
func (b Band) Upper(n int) float64 {
	if len(b) == 0 {
		b = DefaultBand()
	}
	upper := b[0].Upper
	for _, s := range b {
		if n >= s.From {
			upper = s.Upper
		}
	}
	return upper
}

// tolerance guards ceil and ≤ against the last bit of a division.
const tolerance = 1e-9

// Required is the smallest number of instances whose utilization stays within
// the band at the given demand in busy instances, at least 1:
//
//	min { n ≥ 1 : 100·demand/n ≤ Upper(n) }
//
// A demand that is NaN or negative needs 1; an infinite one needs MaxInstances.
func (b Band) Required(demand float64) int {
	if len(b) == 0 {
		b = DefaultBand()
	}
	if !(demand > 0) {
		return 1
	}
	// Within one step Upper is constant, so each step has one candidate.
	for i, s := range b {
		n := max(s.From, 1)
		if c := math.Ceil(100*demand/s.Upper - tolerance); c > float64(n) {
			if c >= MaxInstances {
				return MaxInstances
			}
			n = int(c)
		}
		if i+1 == len(b) || n < b[i+1].From {
			return n
		}
	}
	return MaxInstances
}

// Serves is the highest demand, in busy instances, that n instances serve within the
// band; 0 for none.
func (b Band) Serves(n int) float64 { return float64(max(0, n)) * b.Upper(n) / 100 }

// Validate reports the first thing wrong with the band. An empty band is valid
// and means the default.
func (b Band) Validate() error {
	for i, s := range b {
		switch {
		case i == 0 && s.From != 1:
			return errors.New("a band starts at 1 instance")
		case i > 0 && s.From <= b[i-1].From:
			return fmt.Errorf("step %d of the band does not come after step %d", s.From, b[i-1].From)
		case !(s.Upper >= 1 && s.Upper <= 100):
			return fmt.Errorf("limit %g of the band is not within 1 to 100 %%", s.Upper)
		case i > 0 && s.Upper < b[i-1].Upper:
			return fmt.Errorf("limit %g of the band falls; it may only rise with more instances", s.Upper)
		}
	}
	return nil
}

// ParseBand reads "1:60 2:65 3:70".
func ParseBand(s string) (Band, error) {
	var b Band
	for _, f := range strings.Fields(strings.ReplaceAll(s, ",", " ")) {
		from, upper, ok := strings.Cut(f, ":")
		n, err1 := strconv.Atoi(from)
		u, err2 := strconv.ParseFloat(upper, 64)
		if !ok || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%q is not a step such as 3:70", f)
		}
		b = append(b, BandStep{From: n, Upper: u})
	}
	return b, b.Validate()
}

// String writes the band as ParseBand reads it.
func (b Band) String() string {
	fs := make([]string, len(b))
	for i, s := range b {
		fs[i] = fmt.Sprintf("%d:%g", s.From, s.Upper)
	}
	return strings.Join(fs, " ")
}
