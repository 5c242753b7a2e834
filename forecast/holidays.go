package forecast

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/ar"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/bg"
	"github.com/rickar/cal/v2/br"
	"github.com/rickar/cal/v2/ca"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/gr"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/mw"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/nz"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/ru"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
	"github.com/rickar/cal/v2/ua"
	"github.com/rickar/cal/v2/us"
	"github.com/rickar/cal/v2/za"
)

// byCountry are the public holidays of whole countries, by forescale.Countries.
var byCountry = map[string][]*cal.Holiday{
	"AR": ar.Holidays,
	"AT": at.Holidays,
	"BE": be.Holidays,
	"BG": bg.Holidays,
	"BR": br.Holidays,
	"CA": ca.Holidays,
	"CH": ch.Holidays,
	"CZ": cz.Holidays,
	"DE": de.Holidays,
	"DK": dk.Holidays,
	"ES": es.Holidays,
	"FR": fr.Holidays,
	"GB": gb.Holidays,
	"GR": gr.Holidays,
	"HR": hr.Holidays,
	"IE": ie.Holidays,
	"IT": it.Holidays,
	"LT": lt.Holidays,
	"LV": lv.Holidays,
	"MW": mw.Holidays,
	"NL": nl.Holidays,
	"NO": no.Holidays,
	"NZ": nz.Holidays,
	"PL": pl.Holidays,
	"RO": ro.Holidays,
	"RU": ru.Holidays,
	"SE": se.Holidays,
	"SI": si.Holidays,
	"SK": sk.Holidays,
	"UA": ua.Holidays,
	"US": us.Holidays,
	"ZA": za.Holidays,
}

// date is a day by the clocks of a place.
type date struct {
	year  int
	month time.Month
	day   int
}

// dateOf is the day that t, in its location, lies in.
func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return date{y, m, d}
}

// add is the date some days on.
func (d date) add(days int) date { return dateOf(d.noon().AddDate(0, 0, days)) }

// noon stands for the day where zones do not matter.
func (d date) noon() time.Time { return time.Date(d.year, d.month, d.day, 12, 0, 0, 0, time.UTC) }

func (d date) weekday() time.Weekday { return d.noon().Weekday() }

// HolidaysLie reports whether a holiday of the country lies between two times, by the
// days of loc.
func HolidaysLie(country string, from, to time.Time, loc *time.Location) bool {
	holidays := holidaysOf(country, from.In(loc), to.In(loc))
	if len(holidays) == 0 {
		return false
	}
	last := dateOf(to.In(loc))
	for d := dateOf(from.In(loc)); !d.noon().After(last.noon()); d = d.add(1) {
		if _, off := holidays[d]; off {
			return true
		}
	}
	return false
}

// holidaysOf are the public holidays of a country with their names, by local days from
// the year of one time to that of the other; also the day on which one that falls on
// a weekend is observed. None for a country that is not known, or for "".
func holidaysOf(country string, from, to time.Time) map[date]string {
	days := map[date]string{}
	for _, h := range byCountry[country] {
		for year := from.Year(); year <= to.Year(); year++ {
			actual, observed := h.Calc(year)
			for _, t := range []time.Time{actual, observed} {
				if !t.IsZero() {
					days[dateOf(t)] = h.Name
				}
			}
		}
	}
	return days
}
