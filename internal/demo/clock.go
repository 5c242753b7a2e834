package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// ClockEnv is the variable that puts the agents of hosts on the clock of a demonstration. It
// is for nobody else, so the pages for users do not tell of it.
const ClockEnv = "FORESCALE_DEMO_CLOCK"

// clockText is a clock as another process of this machine takes it over: what it shows, when
// that is by the machine's clock, and how fast it is.
func clockText(c forescale.Clock, factor float64) string {
	return fmt.Sprintf("%s %s %g", c.Now().Format(time.RFC3339Nano), time.Now().UTC().Format(time.RFC3339Nano), factor)
}

// ReadClock is the clock that a value of [ClockEnv] tells.
func ReadClock(text string) (forescale.Clock, error) {
	words := strings.Fields(text)
	if len(words) != 3 {
		return nil, fmt.Errorf("%q is no clock: want two times and a factor", text)
	}
	shown, err := time.Parse(time.RFC3339Nano, words[0])
	if err != nil {
		return nil, err
	}
	began, err := time.Parse(time.RFC3339Nano, words[1])
	if err != nil {
		return nil, err
	}
	factor, err := strconv.ParseFloat(words[2], 64)
	if err != nil {
		return nil, err
	}
	if !(factor > 0) {
		return nil, fmt.Errorf("%g times real time is no pace of a clock", factor)
	}
	gone := time.Duration(float64(time.Since(began)) * factor)
	return forescale.NewFastClock(shown.Add(gone), factor), nil
}
