package traces

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// Trace is one public trace, as facts.
type Trace struct {
	Name       string
	About      string // what was counted, in the unit of the values
	Origin     string // who measured it, and when
	Repository string // on GitHub, whose files are read
	Commit     string // the version of it
	Files      []File
	Licence    string // or the terms, as stated there
	Step       time.Duration
	From, To   time.Time // of the first and the last value
	Series     int
	Rows       int
	Oddities   string // what a reader has to know, or ""
	Parser     Parser
}

// File is one file of a repository.
type File struct {
	Path   string
	Size   int64
	SHA256 string // in hex, of the file as it is in the repository at that commit
}

// Size is how much there is to be downloaded.
func (t Trace) Size() (bytes int64) {
	for _, f := range t.Files {
		bytes += f.Size
	}
	return bytes
}

// Row is one value of a history file.
type Row struct {
	Time   time.Time
	Series string
	Value  float64
}

// Parser makes rows of the files of a trace.
type Parser interface {
	// String tells the format in a few words.
	String() string
	// Parse reads the files, which are in the order of the trace. Rows come in any order.
	Parse(t Trace, files [][]byte) ([]Row, error)
}

// Convert reads a trace's files. Rows are sorted by series, in the order in which the
// series begin in the files, and by time; of several at one time the first counts. What
// is negative or no number is an error.
func (t Trace) Convert(files [][]byte) ([]Row, error) {
	rows, err := t.Parser.Parse(t, files)
	if err != nil {
		return nil, err
	}
	order := map[string]int{}
	for _, r := range rows {
		if y := r.Time.UTC().Year(); !(r.Value >= 0) || math.IsInf(r.Value, 1) || y < 1 || y > 9999 {
			return nil, fmt.Errorf("%s at %v: %g is no load at a time that can be written", r.Series, r.Time.UTC(), r.Value)
		}
		if _, ok := order[r.Series]; !ok {
			order[r.Series] = len(order)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(order[a.Series], order[b.Series]), a.Time.Compare(b.Time))
	})
	return slices.CompactFunc(rows, func(a, b Row) bool { return a.Series == b.Series && a.Time.Equal(b.Time) }), nil
}

// mostFilled is how many steps without a line count as zeros at once: a year of minutes,
// a week of seconds. More are a time that is wrong.
const mostFilled = 1 << 20

// checkFill refuses to fill what lies between two times.
func checkFill(from, to time.Time, step time.Duration) error {
	if to.Sub(from)/step > mostFilled {
		return fmt.Errorf("no line from %v to %v", from.UTC(), to.UTC())
	}
	return nil
}

// Write writes rows as a history file: timestamp,series,value.
func Write(w io.Writer, rows []Row) error {
	buffer := bufio.NewWriterSize(w, 1<<16)
	out := csv.NewWriter(buffer)
	if err := out.Write([]string{"timestamp", "series", "value"}); err != nil {
		return err
	}
	for _, r := range rows {
		if err := out.Write([]string{r.Time.UTC().Format(time.RFC3339), r.Series, strconv.FormatFloat(r.Value, 'g', -1, 64)}); err != nil {
			return err
		}
	}
	out.Flush()
	return cmp.Or(out.Error(), buffer.Flush())
}
