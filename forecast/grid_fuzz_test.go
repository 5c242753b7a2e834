package forecast_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// Whatever points come in, in whatever order: the grid is even and covers what was
// asked for, each value is the mean of the usable points in its step to the last bits,
// a step without any is a gap, and nothing of what lies outside is in it.
func FuzzGrid(f *testing.F) {
	seed := func(minutes []int16, values []float64) (data []byte) {
		for i, m := range minutes {
			data = binary.LittleEndian.AppendUint16(data, uint16(m))
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(values[i%len(values)]))
		}
		return data
	}
	at := time.Date(2026, 3, 2, 10, 2, 0, 0, time.UTC)
	change := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC) // clocks of Berlin go forward at 01:00
	f.Add(seed([]int16{0, 1, 2, 2, 2, 9}, []float64{1, 2, 3}), at.Unix(), uint16(5), uint16(20))
	f.Add(seed([]int16{9, 3, 9, -4, 100, 0}, []float64{math.NaN(), math.Inf(1), -1, 0, 5e-324, math.MaxFloat64}), at.Unix(), uint16(1), uint16(60))
	f.Add(seed([]int16{0, 20, 40, 60, 80, 100, 120, 140}, []float64{1e300, 1e-300, math.MaxFloat64}), change.Unix(), uint16(60), uint16(180))
	f.Add(seed([]int16{5}, []float64{7}), at.Unix(), uint16(7), uint16(0))
	f.Add([]byte{}, int64(-62135596800), uint16(60), uint16(3))
	const least = 1e-300 // below it numbers lose their digits
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Skip("this machine has no time zones: ", err)
	}
	f.Fuzz(func(t *testing.T, data []byte, unix int64, minutes, span uint16) {
		step := time.Duration(minutes%1500+1) * time.Minute
		from := time.Unix(unix%(1<<33), 0)
		to := from.Add(time.Duration(span) * time.Minute)
		var points []forescale.DemandPoint
		for ; len(data) >= 10 && len(points) < 3000; data = data[10:] {
			points = append(points, forescale.DemandPoint{
				Time:     from.Add(time.Duration(int16(binary.LittleEndian.Uint16(data))) * time.Minute).In(zone),
				Value:    math.Float64frombits(binary.LittleEndian.Uint64(data[2:])),
				Censored: data[0]%5 == 0,
			})
		}
		s, censored := forecast.Grid(points, from, to, step)
		if s.Step != step || len(censored) != len(s.Values) || s.Start.After(from) || from.Sub(s.Start) >= step || s.Start.Location() != time.UTC {
			t.Fatalf("begins at %v with step %v, %d values and %d marks; asked for %v", s.Start, s.Step, len(s.Values), len(censored), from)
		}
		if s.End().Before(to) || s.End().Sub(to) > step {
			t.Fatalf("ends at %v, asked for %v with step %v", s.End(), to, step)
		}
		for i, v := range s.Values {
			low, high, marked := math.Inf(1), math.Inf(-1), false
			for _, p := range points {
				if !p.Time.Before(s.At(i)) && p.Time.Before(s.At(i+1)) && p.Value >= 0 && !math.IsInf(p.Value, 1) {
					low, high, marked = min(low, p.Value), max(high, p.Value), marked || p.Censored
				}
			}
			switch {
			case math.IsInf(low, 1) && !math.IsNaN(v):
				t.Fatalf("step %d is %g, of no point", i, v)
			case math.IsInf(low, 1):
			case !(v >= low*(1-1e-9)-least && v <= high*(1+1e-9)+least):
				t.Fatalf("step %d is %g, of points from %g to %g", i, v, low, high)
			}
			if censored[i] != marked {
				t.Fatalf("step %d is marked: %t, want %t", i, censored[i], marked)
			}
		}
		slices.Reverse(points)
		again, marks := forecast.Grid(points, from, to, step)
		if !slices.Equal(marks, censored) || !slices.EqualFunc(again.Values, s.Values, func(a, b float64) bool {
			return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*max(a, b)+least
		}) {
			t.Fatalf("in another order: %v, then %v", s.Values, again.Values)
		}
		if len(s.Values) > int(to.Sub(from)/step)+2 {
			t.Fatalf("%d values for %v in steps of %v", len(s.Values), to.Sub(from), step)
		}
	})
}
