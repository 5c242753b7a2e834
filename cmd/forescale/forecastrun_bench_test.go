package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"
	"time"
)

// madeSeries writes hourly or finer series one after the other, without end.
type madeSeries struct {
	step   time.Duration
	points int
	rest   bytes.Buffer
	done   int   // series
	left   int64 // bytes that are still given out, to the end of a line
}

// Read implements io.Reader.
func (m *madeSeries) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, io.EOF
	}
	if m.rest.Len() == 0 {
		if m.done == 0 {
			m.rest.WriteString("timestamp,series,value\n")
		}
		at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		for i := range m.points {
			t := at.Add(time.Duration(i) * m.step)
			v := 50 + 40*math.Sin(2*math.Pi*float64(t.Hour()*60+t.Minute())/1440) + float64((i*7919+m.done*104729)%1000)/100
			m.rest.Write(fmt.Appendf(t.AppendFormat(nil, time.RFC3339), ",service-%d,%.2f\n", m.done, v))
		}
		m.done++
		m.left -= int64(m.rest.Len())
	}
	return m.rest.Read(p)
}

// BenchmarkForecastRun forecasts a stream of series that follow one another.
//
//	go test -run '^$' -bench ForecastRun -benchtime 3x ./cmd/forescale
//
// heap-MiB is the most that was in use when notes were written; it must not grow with
// the bytes.
func BenchmarkForecastRun(b *testing.B) {
	for _, c := range []struct {
		name  string
		step  time.Duration
		many  int
		bytes int64
	}{
		{"four_weeks_of_5_min/120MB", 5 * time.Minute, 8064, 120e6},
		{"four_weeks_of_5_min/240MB", 5 * time.Minute, 8064, 240e6},
		{"a_day_of_hours/60MB", time.Hour, 24, 60e6},
		{"one_series_of_seconds/60MB", time.Second, 1_500_000, 60e6},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(c.bytes)
			r := forecastRequest{input: "-", output: "-", step: max(c.step, time.Minute), horizon: 48, levels: []float64{0.1, 0.5, 0.9}, zone: time.UTC}
			most := &highWater{}
			for b.Loop() {
				a := &app{stdin: &madeSeries{step: c.step, points: c.many, left: c.bytes}, stdout: most, stderr: io.Discard}
				if err := a.forecastRun(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(most.heap)/(1<<20), "heap-MiB")
		})
	}
}

// highWater throws away what is written, and sees how much of the heap is in use then.
type highWater struct {
	heap   uint64
	writes int
}

// Write implements io.Writer.
func (h *highWater) Write(p []byte) (int, error) {
	if h.writes++; h.writes%100 == 1 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.heap = max(h.heap, m.HeapInuse)
	}
	return len(p), nil
}
