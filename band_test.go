package forescale_test

import (
	"math"
	"testing"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

func TestRequired(t *testing.T) {
	tests := []struct {
		name   string
		band   forescale.Band
		demand float64
		want   int
	}{
		{"nothing asked for needs one", nil, 0, 1},
		{"one may run at 60 %", nil, 0.6, 1},
		{"a little more needs two", nil, 0.61, 2},
		{"two may run at 65 %", nil, 1.3, 2},
		{"three may run at 70 %", nil, 2.1, 3},
		{"four go by the limit of three: 2.6 busy are 65 %", nil, 2.6, 4},
		{"2.6 / 3 would be 87 %", nil, 2.81, 5},
		{"5.2 need 7: 74 %, and 6 would run at 87 %", nil, 5.2, 7},
		{"14 need 18", nil, 14, 18},
		{"eight and more may run at 80 %", nil, 80, 100},
		{"a step up can be cheaper than the step before it", forescale.Band{{From: 1, Upper: 10}, {From: 3, Upper: 90}}, 0.25, 3},
		{"one step for all", forescale.Band{{From: 1, Upper: 50}}, 2.01, 5},
		{"what is not a number needs one", nil, math.NaN(), 1},
		{"below zero needs one", nil, -3, 1},
		{"infinitely much needs the most there can be", nil, math.Inf(1), forescale.MaxInstances},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.band.Required(tt.demand); got != tt.want {
				t.Errorf("Required(%g) = %d, want %d", tt.demand, got, tt.want)
			}
		})
	}
}

// The formula by trying every count.
func TestRequiredIsTheSmallestCountWithinTheBand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b forescale.Band
		from, upper := 1, rapid.Float64Range(1, 60).Draw(t, "first limit")
		for range rapid.IntRange(0, 5).Draw(t, "steps") {
			b = append(b, forescale.BandStep{From: from, Upper: upper})
			from += rapid.IntRange(1, 6).Draw(t, "wider")
			upper = min(100, upper+rapid.Float64Range(0, 20).Draw(t, "higher"))
		}
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		demand := rapid.Float64Range(0, 30).Draw(t, "demand")
		want := 1
		for 100*demand/float64(want) > b.Upper(want)+1e-7 {
			want++
		}
		if got := b.Required(demand); got != want {
			t.Fatalf("%s: Required(%v) = %d, want %d", b, demand, got, want)
		}
	})
}

func TestUpper(t *testing.T) {
	b := forescale.DefaultBand()
	for n, want := range map[int]float64{-1: 60, 0: 60, 1: 60, 2: 65, 3: 70, 4: 70, 5: 75, 7: 75, 8: 80, 999: 80} {
		if got := b.Upper(n); got != want {
			t.Errorf("Upper(%d) = %g, want %g", n, got, want)
		}
	}
}

func TestBands(t *testing.T) {
	tests := []struct {
		text string
		ok   bool
	}{
		{"1:60 2:65 3:70 5:75 8:80", true},
		{"1:60, 2:65", true},
		{"", true},
		{"1:100", true},
		{"2:60", false},         // does not start at 1
		{"1:60 1:65", false},    // does not rise in count
		{"1:60 2:50", false},    // falls
		{"1:0", false},          // nothing fits
		{"1:101", false},        // over 100 %
		{"1:NaN", false},        // not a number
		{"1", false},            // no limit
		{"one:60", false},       // no count
		{"1:60 2:sixty", false}, // no number
	}
	for _, tt := range tests {
		b, err := forescale.ParseBand(tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.text, err)
		}
		if err != nil {
			continue
		}
		again, err := forescale.ParseBand(b.String())
		if err != nil || again.String() != b.String() {
			t.Errorf("%q is written as %q and read as %q, %v", tt.text, b, again, err)
		}
	}
}

func FuzzParseBand(f *testing.F) {
	f.Add("1:60 2:65")
	f.Add("1:60,")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := forescale.ParseBand(text)
		if err != nil {
			return
		}
		if n := b.Required(7); n < 1 || n > forescale.MaxInstances {
			t.Errorf("%q requires %d", text, n)
		}
	})
}
