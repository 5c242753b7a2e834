package traces

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"strconv"
	"time"
)

// seconds is a tar archive, packed with bzip2, of one file of counts with spaces
// between, one a second. They are summed by the step; one without any is one in which
// nobody counted, and a last one that is not whole is left out.
type seconds struct {
	begin  time.Time // of the first second; the file tells no date
	step   time.Duration
	series string
}

func (p seconds) String() string { return "tar.bz2: a count a second" }

// Parse implements Parser.
func (p seconds) Parse(t Trace, files [][]byte) (rows []Row, err error) {
	for i, data := range files {
		archive := tar.NewReader(bzip2.NewReader(bytes.NewReader(data)))
		if _, err := archive.Next(); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Files[i].Path, err)
		}
		words := bufio.NewScanner(archive)
		words.Split(bufio.ScanWords)
		sum := 0.0
		for n := time.Duration(0); ; n++ {
			if at := n * time.Second; at > 0 && at%p.step == 0 {
				if sum > 0 {
					rows = append(rows, Row{Time: p.begin.Add(at - p.step), Series: p.series, Value: sum})
				}
				sum = 0
			}
			if !words.Scan() {
				break
			}
			v, err := strconv.ParseFloat(words.Text(), 64)
			if err != nil {
				return nil, fmt.Errorf("%s: second %d: %w", t.Files[i].Path, n, err)
			}
			sum += v
		}
		if err := words.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Files[i].Path, err)
		}
	}
	return rows, nil
}
