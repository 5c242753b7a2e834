package traces

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"
)

// days is CSV without times: a file for each day, a line for each step of it, and a
// column for each series, named by the header.
type days struct {
	begin time.Time // of the first file's day; the files tell no date
	step  time.Duration
}

func (p days) String() string { return "CSV: a file a day, a line a step, a column a series" }

// Parse implements Parser.
func (p days) Parse(t Trace, files [][]byte) (rows []Row, err error) {
	for i, data := range files {
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Files[i].Path, err)
		}
		// A day that lacks lines does not tell where.
		if want := int(24 * time.Hour / p.step); len(lines) != want+1 {
			return nil, fmt.Errorf("%s: a day of %d steps, want %d", t.Files[i].Path, len(lines)-1, want)
		}
		for n, fields := range lines[1:] {
			at := p.begin.AddDate(0, 0, i).Add(time.Duration(n) * p.step)
			for k, text := range fields {
				v, err := strconv.ParseFloat(text, 64)
				if err != nil {
					return nil, fmt.Errorf("%s: line %d: %w", t.Files[i].Path, n+2, err)
				}
				rows = append(rows, Row{Time: at, Series: lines[0][k], Value: v})
			}
		}
	}
	return rows, nil
}
