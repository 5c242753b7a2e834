package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
)

// history is a history file that is being read.
type history struct {
	name   string // as in faults
	stream bool   // standard input or a pipe: it can be read once only
	size   int64  // bytes; -1: not known
	file   *os.File
	count  *countingReader
	zone   *time.Location
}

// openHistory opens path, or standard input for "-". Times that name no zone are
// of zone; nil: they are faults.
func (a *app) openHistory(path string, zone *time.Location) (*history, error) {
	if path == "-" {
		return &history{name: "stdin", stream: true, size: -1, count: &countingReader{r: a.stdin}, zone: zone}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err != nil {
		return nil, errors.Join(unreadable(path, err), f.Close())
	}
	h := &history{name: path, size: info.Size(), file: f, count: &countingReader{r: f}, zone: zone}
	if !info.Mode().IsRegular() { // such as <(ssh …) of a shell
		h.stream, h.size = true, -1
	}
	return h, nil
}

func unreadable(path string, err error) error {
	return &forescale.Fault{Code: "history_unreadable", What: "cannot read the history: " + reason(err), Where: path, Help: "name a CSV file with the header timestamp,series,value, or - for standard input", Err: err}
}

func (h *history) close() {
	if h.file != nil {
		_ = h.file.Close() // it was only read
	}
}

// rows are the rows of the input. An error with a row whose Line is not 0 is about
// that row alone.
func (h *history) rows() iter.Seq2[collector.HistoryRow, error] {
	r, err := collector.NewHistoryReader(h.count, collector.HistoryOptions{Name: h.name, Zone: h.zone})
	if err != nil {
		return func(yield func(collector.HistoryRow, error) bool) { yield(collector.HistoryRow{}, err) }
	}
	return r.Rows()
}

// read is how many bytes were read so far.
func (h *history) read() int64 { return h.count.n.Load() }

// headBytes of an input tell what it is.
const headBytes = 64 << 10

// isAccessLog looks at the begin of the input, which is read again afterwards.
func (h *history) isAccessLog() (bool, error) {
	if h.stream {
		br := bufio.NewReaderSize(h.count.r, headBytes)
		h.count.r = br
		head, err := br.Peek(headBytes)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, unreadable(h.name, err)
		}
		return collector.IsAccessLog(head), nil
	}
	head := make([]byte, headBytes)
	n, err := h.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, unreadable(h.name, err)
	}
	return collector.IsAccessLog(head[:n]), nil
}

// newFingerprint is one that no other import has.
func newFingerprint() string {
	sum := sha256.Sum256(fmt.Appendln(nil, time.Now().UnixNano(), os.Getpid()))
	return hex.EncodeToString(sum[:])
}

// fingerprint names the input and what its rows mean, so that only the same input
// goes on where it stopped. A stream cannot be read twice: it gets a new one each
// time and begins anew, which doubles nothing.
func (h *history) fingerprint(f importFlags) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q\n", f.service, f.as, f.zone)
	if h.stream {
		return newFingerprint(), nil
	}
	if _, err := io.Copy(sum, h.file); err != nil {
		return "", unreadable(h.name, err)
	}
	if _, err := h.file.Seek(0, io.SeekStart); err != nil {
		return "", unreadable(h.name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// countingReader counts what is read through it.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
