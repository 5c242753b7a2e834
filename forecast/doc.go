// Package forecast turns what services reported into demand, and demand into
// quantiles of the demand ahead. It is pure: no I/O, no clock, no goroutines;
// the same input gives the same output, bit for bit.
//
//	samples → Demand (one minute) → Grid (an even series) → Make → forescale.Forecast
//
// [Make] walks down a ladder until the history carries a model, and says in the
// forecast's Model and Warnings where it stopped:
//
//	combination      steps of half an hour or more, twelve days or more
//	weekly profile   nine days of history or more
//	daily profile    two days or more
//	damped level     anything less, down to a single value
//	an error         no value at all
//
// Where the level shifted, the history before is brought to that of now, and a warning
// says so.
//
// [Train] does the same and keeps what it learned: the choice, the fits, how wide
// errors are. With that [Trained.Forecast] forecasts for a day from the history as
// it grows, without learning again:
//
//	Train (once a day) → Trained → Forecast (every 15 min)
//
// A [Model] takes a series and gives quantiles. Another engine is put to use by
// implementing it and passing the suite in package forecasttest.
package forecast
