package traces

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// indexed is lines of «index,value;», where the index counts steps and a half.
type indexed struct {
	begin  time.Time // of step 0; the files tell no date
	step   time.Duration
	series string
}

func (p indexed) String() string { return "lines: number of the step, value" }

// Parse implements Parser.
func (p indexed) Parse(t Trace, files [][]byte) (rows []Row, err error) {
	for i, data := range files {
		n := 0
		for text := range bytes.Lines(data) {
			n++
			line := strings.TrimRight(string(text), ";\r\n ")
			if line == "" {
				continue
			}
			index, value, ok := strings.Cut(line, ",")
			x, err := strconv.ParseFloat(index, 64)
			v, err2 := strconv.ParseFloat(value, 64)
			if !ok || err != nil || err2 != nil {
				return nil, fmt.Errorf("%s: line %d: want an index and a value", t.Files[i].Path, n)
			}
			rows = append(rows, Row{Time: p.begin.Add(time.Duration(int64(x)) * p.step), Series: p.series, Value: v})
		}
	}
	return rows, nil
}
