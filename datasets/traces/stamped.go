package traces

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"
)

// stamped is CSV with a time and a value in the first two columns of a line; each file
// is a series.
type stamped struct {
	comma  rune
	header bool   // the first line is one
	layout string // of the times
	zone   func() (*time.Location, error)
	series string        // name of the only one; "": by the file's name
	later  bool          // a local time that exists twice is the later one
	fill   time.Duration // steps that are absent between the first and the last count as 0; 0: they are gaps
}

func inUTC() (*time.Location, error)       { return time.UTC, nil }
func atUTCMinus4() (*time.Location, error) { return time.FixedZone("UTC-4", -4*3600), nil }
func inNewYork() (*time.Location, error)   { return time.LoadLocation("America/New_York") }
func (p stamped) String() string           { return "CSV: time, value" }

// Parse implements Parser.
func (p stamped) Parse(t Trace, files [][]byte) (rows []Row, err error) {
	zone, err := p.zone()
	if err != nil {
		return nil, fmt.Errorf("find the zone of the times: %w", err)
	}
	for i, data := range files {
		name := p.series
		if name == "" {
			name = strings.TrimSuffix(path.Base(t.Files[i].Path), ".csv")
		}
		of, err := p.file(data, name, zone)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Files[i].Path, err)
		}
		rows = append(rows, of...)
	}
	return rows, nil
}

func (p stamped) file(data []byte, name string, zone *time.Location) (rows []Row, err error) {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = p.comma, -1, true
	for first := true; ; first = false {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if first && p.header {
			continue
		}
		line, _ := in.FieldPos(0)
		if len(fields) < 2 {
			return nil, fmt.Errorf("line %d has no value", line)
		}
		at, err := time.ParseInLocation(p.layout, fields[0], zone)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		v, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if twin := at.Add(time.Hour); p.later && twin.Format(p.layout) == fields[0] {
			at = twin
		}
		if n := len(rows); p.fill > 0 && n > 0 {
			if err := checkFill(rows[n-1].Time, at, p.fill); err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
		}
		for n := len(rows); p.fill > 0 && n > 0 && rows[n-1].Time.Add(p.fill).Before(at); n++ {
			rows = append(rows, Row{Time: rows[n-1].Time.Add(p.fill), Series: name})
		}
		rows = append(rows, Row{Time: at.UTC(), Series: name, Value: v})
	}
}
