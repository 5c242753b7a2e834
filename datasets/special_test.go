package datasets

import (
	"math"
	"slices"
	"testing"
	"time"
)

// plain is a steady load without noise.
func plain(seed uint64) Pattern { return Pattern{Seed: seed, Shape: Steady, Night: 100, Peak: 100} }

// about is the share of times, taken with the spread that counting n of them has.
func about(t *testing.T, what string, got int, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 5*math.Sqrt(want) {
		t.Errorf("%s: %d, want about %g", what, got, want)
	}
}

// runs counts how often what holds begins, over three years. The odd step is looked at
// once, where one of whole minutes would be looked at minute by minute.
func runs(p Pattern, holds func(Point) bool) (n int) {
	last := false
	for x := range p.Trace(monday, monday.Add(3*year), 299*time.Second) {
		now := holds(x)
		if now && !last {
			n++
		}
		last = now
	}
	return n
}

func TestThingsHappenAsOftenAsTheKnobSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		turn  func(p *Pattern)
		holds func(Point) bool
		want  float64
	}{
		{"bursts", func(p *Pattern) { p.Bursts = 2 }, func(x Point) bool { return x.Burst }, 3 * 2 * 365.0 / 7},
		{"outages", func(p *Pattern) { p.Outages = 80 }, func(x Point) bool { return x.Outage }, 240},
		{"gaps", func(p *Pattern) { p.Gaps = 40 }, func(x Point) bool { return x.Gap }, 120},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := plain(4)
			c.turn(&p)
			about(t, c.name, runs(p, c.holds), c.want)
		})
	}
	for x := range plain(4).Trace(monday, monday.AddDate(0, 1, 0), 299*time.Second) {
		if x.Burst || x.Outage || x.Gap || x.Holiday || x.Cost != 1 || x.Value != 100 {
			t.Fatalf("with all knobs at 0: %+v", x)
		}
	}
}

func TestABurstAddsWhatItsKnobSays(t *testing.T) {
	t.Parallel()
	p := plain(2)
	p.Bursts, p.Height, p.Length = 7, 3, 2*time.Hour
	highest, longest, run := 0.0, 0, 0
	for x := range p.Trace(monday, monday.AddDate(0, 0, 60), time.Minute) {
		if x.Usual != 100 || x.Burst != (x.Expected > 100) || x.Value != x.Expected {
			t.Fatalf("%+v", x)
		}
		highest = math.Max(highest, x.Expected)
		if run++; !x.Burst {
			run = 0
		}
		longest = max(longest, run)
	}
	if highest < 350 || highest > 400 || longest < 90 || longest > 120 {
		t.Errorf("the highest is %g and the longest %d minutes, want up to 400 and 120", highest, longest)
	}
}

func TestAnOutageCollapsesAndComesBackWithThoseWhoWaited(t *testing.T) {
	t.Parallel()
	p := plain(3)
	p.Outages = 100
	down, back := 0, 0
	var last Point
	for x := range p.Trace(monday, monday.AddDate(0, 6, 0), time.Minute) {
		switch {
		case !x.Outage:
			if x.Expected != 100 {
				t.Fatalf("%+v", x)
			}
		case x.Expected <= 5:
			down++
			if last.Expected > 100 {
				t.Fatalf("an outage begins while people come back: %+v, %+v", last, x)
			}
		case x.Expected > 100 && x.Expected <= 160:
			back++
		default:
			t.Fatalf("%+v", x)
		}
		last = x
	}
	if down < 50*5 || down > 50*45 || math.Abs(float64(down-back)) > 120 {
		t.Errorf("%d minutes down, %d coming back, of about 50 outages", down, back)
	}
}

func TestShiftsChangeWhatARequestCosts(t *testing.T) {
	t.Parallel()
	p := plain(6)
	p.Shifts, p.ShiftSize, p.Counting = 12, 0.2, 0
	var levels []float64
	for x := range p.Trace(monday, monday.Add(4*year), time.Hour+time.Second) {
		if math.Abs(x.Value-100*x.Cost) > 1e-3*x.Value && len(levels) == 0 {
			t.Fatalf("%+v", x)
		}
		if len(levels) == 0 || levels[len(levels)-1] != x.Cost {
			levels = append(levels, x.Cost)
		}
	}
	about(t, "levels in four years", len(levels), 48)
	sum, squares := 0.0, 0.0
	for _, l := range levels {
		sum, squares = sum+l-1, squares+(l-1)*(l-1)
	}
	n := float64(len(levels))
	if math.Abs(sum/n) > 0.1 || math.Abs(math.Sqrt(squares/n)-0.2) > 0.06 {
		t.Errorf("costs are %v", levels)
	}
}

func TestHolidays(t *testing.T) {
	t.Parallel()
	// Easter Sundays as the astronomical tables of the U.S. Naval Observatory have them.
	for _, easter := range []string{"2019-04-21", "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25", "2285-03-22"} {
		e, err := time.Parse(time.DateOnly, easter)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for d := -10; d <= 10; d++ {
			if on := e.AddDate(0, 0, d); Holiday(on) && on.Month() != time.May {
				got = append(got, d)
			}
		}
		if !slices.Equal(got, []int{-2, 1}) {
			t.Errorf("around Easter %s the holidays are on the days %v", easter, got)
		}
	}
	tokyo := zone(t, "Asia/Tokyo")
	p := plain(1)
	p.Zone, p.Holiday = tokyo, 0.4
	for at, want := range map[time.Time]float64{
		time.Date(2026, 12, 25, 0, 0, 0, 0, tokyo):   40,
		time.Date(2026, 12, 26, 23, 59, 0, 0, tokyo): 40,
		time.Date(2026, 12, 27, 0, 0, 0, 0, tokyo):   100,
		time.Date(2026, 12, 24, 23, 59, 0, 0, tokyo): 100,
	} {
		if got := p.At(at); got != want {
			t.Errorf("%v: %g, want %g", at, got, want)
		}
	}
	p.HolidayOn = func(day time.Time) bool { return day.Month() == time.July && day.Day() == 4 }
	if a, b := p.At(time.Date(2026, 7, 4, 12, 0, 0, 0, tokyo)), p.At(time.Date(2026, 12, 25, 12, 0, 0, 0, tokyo)); a != 40 || b != 100 {
		t.Errorf("with holidays of its own: %g on the fourth of July, %g at Christmas", a, b)
	}
}
