package traces

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"
)

// requests is CSV with a line for each request: its time, and what it brings along. They
// are summed by the step, from the step of the first to that of the last one.
type requests struct {
	layout string
	step   time.Duration
	series []string // requests, and the sum of each further column
}

func (p requests) String() string { return "CSV: a line for each request" }

// Parse implements Parser.
func (p requests) Parse(t Trace, files [][]byte) (rows []Row, err error) {
	sums := map[time.Time][]float64{}
	var first, last time.Time
	for i, data := range files {
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Files[i].Path, err)
		}
		for n, fields := range lines[min(1, len(lines)):] {
			at, err := time.Parse(p.layout, fields[0])
			if err != nil || len(fields) < len(p.series) {
				return nil, fmt.Errorf("%s: request %d is not a time and %d numbers", t.Files[i].Path, n+1, len(p.series)-1)
			}
			at = at.Truncate(p.step)
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
			sum, ok := sums[at]
			if !ok {
				sum = make([]float64, len(p.series))
				sums[at] = sum
			}
			sum[0]++
			for k := 1; k < len(sum); k++ {
				v, err := strconv.ParseFloat(fields[k], 64)
				if err != nil {
					return nil, fmt.Errorf("%s: request %d: %w", t.Files[i].Path, n+1, err)
				}
				sum[k] += v
			}
		}
	}
	if err := checkFill(first, last, p.step); err != nil {
		return nil, err
	}
	for k, name := range p.series {
		for at := first; len(sums) > 0 && !at.After(last); at = at.Add(p.step) {
			r := Row{Time: at, Series: name}
			if sum, ok := sums[at]; ok {
				r.Value = sum[k]
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}
