package encoding

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantilesComeBackAsFloat32(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		levels := rapid.SliceOfN(rapid.Float64(), 1, 12).Draw(t, "levels")
		values := make([][]float64, rapid.IntRange(0, 300).Draw(t, "steps"))
		base := rapid.Float64Range(0, 1e6).Draw(t, "base")
		smooth := rapid.Bool().Draw(t, "smooth")
		for i := range values {
			for range levels {
				v := base
				if !smooth {
					v = float64(rapid.Float32().Draw(t, "value"))
				}
				values[i] = append(values[i], v)
			}
		}
		blob, err := EncodeQuantiles(levels, values)
		if err != nil {
			t.Fatal(err)
		}
		gotLevels, got, err := DecodeQuantiles(blob)
		if err != nil || !reflect.DeepEqual(gotLevels, levels) || len(got) != len(values) {
			t.Fatalf("%v %v", gotLevels, err)
		}
		for i := range values {
			for j, v := range values[i] {
				if got[i][j] != float64(float32(v)) {
					t.Fatalf("value %d of step %d: got %v, want %v", j, i, got[i][j], v)
				}
			}
		}
	})
}

func TestQuantilesThatCannotBeKeptAreRefused(t *testing.T) {
	for _, c := range []struct {
		sentence string
		levels   []float64
		values   [][]float64
	}{
		{"no levels", nil, [][]float64{{}}},
		{"a step with too few values", []float64{0.1, 0.5}, [][]float64{{1, 2}, {1}}},
		{"a step with too many values", []float64{0.5}, [][]float64{{1, 2}}},
		{"too many levels", make([]float64, maxLevels+1), nil},
	} {
		if _, err := EncodeQuantiles(c.levels, c.values); err == nil {
			t.Errorf("%s: accepted", c.sentence)
		}
	}
}

// What is decoded is either refused or means something that encodes again.
func FuzzDecodeQuantiles(f *testing.F) {
	for _, values := range [][][]float64{nil, {{1, 2}}, dayAhead(0)} {
		levels := []float64{0.5, 0.9}
		if len(values) > 2 {
			levels = benchLevels
		}
		blob, err := EncodeQuantiles(levels, values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
		f.Add(blob[:len(blob)-1])
	}
	f.Add([]byte{formPacked, 1, 0xff, 0xff, 0xff, 0x07})
	f.Add([]byte{formPlain, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Fuzz(func(t *testing.T, blob []byte) {
		levels, values, err := DecodeQuantiles(blob)
		if err != nil {
			return
		}
		again, err := EncodeQuantiles(levels, values)
		if err != nil {
			t.Fatalf("decoded, but: %v", err)
		}
		levels2, values2, err := DecodeQuantiles(again)
		if err != nil || len(levels2) != len(levels) || len(values2) != len(values) {
			t.Fatalf("not the same again: %v", err)
		}
		for i := range values {
			for j, v := range values[i] {
				if w := values2[i][j]; v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
					t.Fatalf("%v became %v", v, w)
				}
			}
		}
	})
}

var benchLevels = []float64{.025, .05, .1, .25, .5, .75, .9, .95, .975, .99}

// dayAhead is what a forecast of a day in steps of 5 minutes looks like.
func dayAhead(seed int) [][]float64 {
	values := make([][]float64, 288)
	for i := range values {
		mid := 8 + float64(seed%7) + 5*math.Sin(float64(i)/288*2*math.Pi+float64(seed))
		for k := range benchLevels {
			values[i] = append(values[i], max(0, mid+(float64(k)-4.5)*(0.3+0.002*float64(i))))
		}
	}
	return values
}

func BenchmarkQuantiles(b *testing.B) {
	blob, err := EncodeQuantiles(benchLevels, dayAhead(1))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		values := dayAhead(1)
		for b.Loop() {
			if _, err := EncodeQuantiles(benchLevels, values); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(blob)), "bytes")
		b.ReportMetric(float64(len(blob))/(288*10*4), "of-plain")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := DecodeQuantiles(blob); err != nil {
				b.Fatal(err)
			}
		}
	})
}
