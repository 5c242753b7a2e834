package loop

import (
	"context"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// SeeClock lets a test read the clocks as Run does before each round.
func (l *Loop) SeeClock() { l.seeClock(l.clock.Now(), l.clock.Elapsed()) }

// LookBack lets a test hold the clock against the memory as Run does at its start.
func (l *Loop) LookBack(ctx context.Context) error { return l.checkMemory(ctx, l.clock.Now(), true) }

// Trained is what the loop remembers to have learned of a line; nil: nothing.
func (l *Loop) Trained(service string, m forescale.Metric) *forecast.Trained {
	return l.models.get(lineOf{service, m})
}

// DropForecasts makes the loop forget the forecasts that it keeps.
func (l *Loop) DropForecasts() { l.forecasts = forecastCache{} }
