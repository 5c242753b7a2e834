package forescale_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestSampleValidate(t *testing.T) {
	tests := []struct {
		name  string
		given func(s *forescale.Sample)
		code  string // "" for good
		where string
	}{
		{"63.2 % is good", func(*forescale.Sample) {}, "", ""},
		{"0 % is a measurement", func(s *forescale.Sample) { s.Value = 0 }, "", ""},
		{"100 % is good", func(s *forescale.Sample) { s.Value = 100 }, "", ""},
		{"200 % is not", func(s *forescale.Sample) { s.Value = 200 }, "sample_out_of_range", "value"},
		{"below zero is not", func(s *forescale.Sample) { s.Value = -0.1 }, "sample_out_of_range", "value"},
		{"NaN is not", func(s *forescale.Sample) { s.Value = math.NaN() }, "sample_out_of_range", "value"},
		{"infinite is not", func(s *forescale.Sample) { s.Value = math.Inf(1) }, "sample_out_of_range", "value"},
		{"load is in its own unit", func(s *forescale.Sample) { s.Metric, s.Value = forescale.MetricLoad, 12_000 }, "", ""},
		{"load has an end too", func(s *forescale.Sample) { s.Metric, s.Value = forescale.MetricLoad, 2e15 }, "sample_out_of_range", "value"},
		{"load is not below zero", func(s *forescale.Sample) { s.Metric, s.Value = forescale.MetricLoad, -1 }, "sample_out_of_range", "value"},
		{"demand may pass 100", func(s *forescale.Sample) { s.Metric, s.Value = forescale.MetricDemand, 250 }, "", ""},
		{"a metric that is none", func(s *forescale.Sample) { s.Metric = "latency" }, "sample_out_of_range", "metric"},
		{"about nobody", func(s *forescale.Sample) { s.Subject.Name = "" }, "sample_out_of_range", "subject"},
		{"about a very long name", func(s *forescale.Sample) { s.Subject.Name = strings.Repeat("x", 201) }, "sample_out_of_range", "subject"},
		{"two minutes ahead is good: clocks differ", func(s *forescale.Sample) { s.Time = noon.Add(2 * time.Minute) }, "", ""},
		{"three minutes ahead is not", func(s *forescale.Sample) { s.Time = noon.Add(3 * time.Minute) }, "sample_from_future", "time"},
		{"seven days late is good", func(s *forescale.Sample) { s.Time = noon.Add(-7 * 24 * time.Hour) }, "", ""},
		{"eight days late is not", func(s *forescale.Sample) { s.Time = noon.Add(-8 * 24 * time.Hour) }, "sample_too_old", "time"},
		{"without a time", func(s *forescale.Sample) { s.Time = time.Time{} }, "sample_out_of_range", "time"},
		{"from the year 2300", func(s *forescale.Sample) { s.Time = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) }, "sample_out_of_range", "time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := forescale.Sample{
				Subject: forescale.Subject{Kind: forescale.KindInstance, Name: "checkout-3", Service: "checkout"},
				Metric:  forescale.MetricUtilization, Time: noon, Value: 63.2,
			}
			tt.given(&s)
			err := s.Validate(noon)
			if tt.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var f *forescale.Fault
			if !errors.As(err, &f) || f.Code != tt.code || f.Where != tt.where || f.What == "" || f.Help == "" {
				t.Errorf("%+v, want %s at %s", err, tt.code, tt.where)
			}
		})
	}
}

func TestSeriesIndex(t *testing.T) {
	s := forescale.Series{Start: noon, Step: 5 * time.Minute, Values: make([]float64, 3)}
	for d, want := range map[time.Duration]int{
		0: 0, 4*time.Minute + 59*time.Second: 0, 5 * time.Minute: 1, 14 * time.Minute: 2, 15 * time.Minute: 3,
		-time.Second: -1, -5 * time.Minute: -1, -6 * time.Minute: -2,
	} {
		if got := s.Index(noon.Add(d)); got != want {
			t.Errorf("Index(%v) = %d, want %d", d, got, want)
		}
	}
	if !s.At(2).Equal(noon.Add(10*time.Minute)) || !s.End().Equal(noon.Add(15*time.Minute)) {
		t.Errorf("value 2 is at %v, the end at %v", s.At(2), s.End())
	}
}
