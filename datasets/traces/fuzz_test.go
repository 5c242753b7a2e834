package traces

import (
	"math"
	"testing"
	"time"
)

// Whatever a file holds: no panic, an end, and either an error or rows that a history
// file can hold.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{
		"when,n\n2020-03-02 22:00:00,4\n2020-03-02 22:01:00,5.5\n", "2020-03-02 00:00:00,1\n9999-12-31 23:59:59,2\n",
		"2014-11-02 01:00:00,1\n2014-11-02 01:00:00,NaN\n", "0.5,30.0;\r\n1e300,41.5;\r\nNaN,-1;", "cpu,mem\n1,2\n3,Inf\n", "T,K\n2020-03-02 00:00:01.25,10\n0001-01-01 00:00:00,1\n",
		"\"", "\xff,\x00\n",
	} {
		for i := range fuzzed {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Add(uint8(len(fuzzed)-1), []byte(unhex(f, packed)))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		tr := Trace{Parser: fuzzed[int(which)%len(fuzzed)], Files: []File{{Path: "0.csv"}}}
		rows, err := tr.Convert([][]byte{data})
		if err != nil {
			return
		}
		for i, r := range rows {
			if !(r.Value >= 0) || math.IsInf(r.Value, 1) {
				t.Fatalf("row %d is %g", i, r.Value)
			}
			if y := r.Time.UTC().Year(); y < 1 || y > 9999 {
				t.Fatalf("row %d is at %v", i, r.Time)
			}
		}
	})
}

var fuzzed = func() []Parser {
	day := time.Date(2020, 3, 2, 0, 0, 0, 0, time.UTC)
	return []Parser{
		stamped{comma: ',', header: true, layout: time.DateTime, zone: inNewYork, series: "s", later: true},
		stamped{comma: ',', layout: time.DateTime, zone: inUTC, series: "s", fill: time.Minute},
		stamped{comma: ';', layout: time.RFC3339, zone: atUTCMinus4},
		requests{layout: time.DateTime, step: time.Second, series: []string{"n", "tokens"}},
		indexed{begin: day, step: 15 * time.Minute, series: "s"},
		days{begin: day, step: 12 * time.Hour},
		seconds{begin: day, step: 2 * time.Second, series: "s"},
	}
}()
