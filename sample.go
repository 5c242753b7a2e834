package forescale

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Metric names what a sample measures.
type Metric string

// The metrics.
const (
	MetricUtilization  Metric = "utilization"   // instance: 0-100 % of its own definition
	MetricLoad         Metric = "load"          // instance or service: in its own unit, never saturates
	MetricCPU          Metric = "cpu"           // instance or node: % of its limit
	MetricMemory       Metric = "memory"        // instance or node: % of its limit
	MetricBandwidth    Metric = "bandwidth"     // node: % of the link, in its busier direction
	MetricBandwidthIn  Metric = "bandwidth_in"  // node: % of the link
	MetricBandwidthOut Metric = "bandwidth_out" // node: % of the link
	MetricDisk         Metric = "disk"          // node: % in use
	MetricInodes       Metric = "inodes"        // node: % of the disk's files in use
	MetricDemand       Metric = "demand"        // service: busy instances, from imported history
)

// ServiceMetrics are those that a service's demand can be read from.
var ServiceMetrics = []Metric{MetricUtilization, MetricLoad, MetricCPU, MetricMemory}

// NodeMetrics are those that a node has.
var NodeMetrics = []Metric{MetricCPU, MetricMemory, MetricBandwidth, MetricBandwidthIn, MetricBandwidthOut, MetricDisk, MetricInodes}

// SubjectKind tells what a sample is about.
type SubjectKind string

// The kinds of subjects.
const (
	KindInstance SubjectKind = "instance"
	KindNode     SubjectKind = "node"
	KindService  SubjectKind = "service"
)

// Subject is what a sample is about.
type Subject struct {
	Kind    SubjectKind
	Name    string // instance id, node name or service name
	Service string // of an instance or a service: the service's name; else ""
}

// Sample is one measurement. A store keeps one value per subject, metric and
// time; a second one replaces the first.
type Sample struct {
	Subject Subject
	Metric  Metric
	Time    time.Time // UTC, kept to the millisecond
	Value   float64
}

// How far a sample's time may be from now.
const (
	MaxLate  = 7 * 24 * time.Hour // late samples are accepted up to this age
	MaxAhead = 2 * time.Minute    // clocks differ; more than this is a fault
)

// Validate checks a sample that is pushed at time now. The error is nil or a
// *[Fault] whose Where is "time", "value", "metric" or "subject".
func (s Sample) Validate(now time.Time) error {
	if err := s.ValidateValue(); err != nil {
		return err
	}
	switch {
	case s.Time.After(now.Add(MaxAhead)):
		return &Fault{Code: "sample_from_future", Where: "time",
			What: fmt.Sprintf("time %s is %s ahead of the server's clock", s.Time.Format(time.RFC3339), s.Time.Sub(now).Round(time.Second)),
			Help: "check the sender's clock and write times in UTC; up to 2 min ahead is accepted"}
	case s.Time.Before(now.Add(-MaxLate)):
		return &Fault{Code: "sample_too_old", Where: "time",
			What: fmt.Sprintf("time %s is more than 7 days ago", s.Time.Format(time.RFC3339)),
			Help: "history goes in with `forescale import`"}
	}
	return nil
}

// ValidateValue checks all but the time, as history is older than any push.
func (s Sample) ValidateValue() error {
	bad := func(where, what, help string) error {
		return &Fault{Code: "sample_out_of_range", Where: where, What: what, Help: help}
	}
	if s.Subject.Name == "" {
		return bad("subject", "the sample names no instance, node or service", `give "service" and "instance", or "node"`)
	}
	if len(s.Subject.Name) > 200 {
		return bad("subject", "the subject's name is longer than 200 characters", "use a shorter name")
	}
	percent := true
	switch {
	case s.Metric == MetricUtilization, slices.Contains(NodeMetrics, s.Metric):
	case s.Metric == MetricLoad, s.Metric == MetricDemand:
		percent = false
	default:
		return bad("metric", fmt.Sprintf("%q is not a metric", s.Metric), "use utilization, load, cpu, memory, bandwidth, bandwidth_in, bandwidth_out, disk or inodes")
	}
	v := s.Value
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return bad("value", fmt.Sprintf("%s is %g, not a number", s.Metric, v), "leave the sample out when there is no measurement")
	case v < 0:
		return bad("value", fmt.Sprintf("%s is %g, below 0", s.Metric, v), "send 0 or more")
	case percent && v > 100:
		return bad("value", fmt.Sprintf("%s %g, allowed are 0 to 100 %%", s.Metric, v), `send load in its own unit as "load"`)
	case v > 1e15:
		return bad("value", fmt.Sprintf("%s %g is beyond 1e15", s.Metric, v), "use a larger unit")
	}
	if s.Time.IsZero() || s.Time.Year() < 1970 || s.Time.Year() > 2200 {
		return bad("time", fmt.Sprintf("%s is not a usable time", s.Time.Format(time.RFC3339)), "write RFC 3339 times in UTC")
	}
	return nil
}

// DemandStep is the width of the cells that demand is kept in.
const DemandStep = time.Minute

// DemandPoint is a service's demand, in busy instances, during the DemandStep
// that begins at Time, as one metric tells it. Minutes without a point are gaps.
type DemandPoint struct {
	Service   string
	Metric    Metric
	Time      time.Time // a multiple of DemandStep
	Value     float64
	Censored  bool // every instance was saturated: demand is at least this
	Reporting int  // instances that reported
	Ready     int  // instances that were ready; Reporting < Ready: the silent ones count as the mean
	// Moments is at how many moments of the minute anything was reported, which tells how
	// much of a minute that runs was heard. No store keeps it: 0 is not known.
	Moments int
}

// HourStep is the width of the cells of the next level of demand.
const HourStep = time.Hour

// DemandHour is what the points of one service and metric were during the
// HourStep that begins at Time. It outlives them.
type DemandHour struct {
	Service   string
	Metric    Metric
	Time      time.Time // a multiple of HourStep
	Mean      float64   // of the points: gaps do not count
	Least     float64
	Most      float64
	Points    int     // minutes that have one; an hour without any is a gap
	Saturated float64 // share of the points that are censored, 0 to 1
}

// Cell names one DemandStep of one service that has to be worked out anew
// because samples came in for it.
type Cell struct {
	Service string
	Time    time.Time
}

// Series is an even grid of values with gaps as NaN.
type Series struct {
	Start  time.Time // UTC, of the first value
	Step   time.Duration
	Values []float64
}

// At is the time of value i.
func (s Series) At(i int) time.Time { return s.Start.Add(time.Duration(i) * s.Step) }

// End is the time just after the last value.
func (s Series) End() time.Time { return s.At(len(s.Values)) }

// Index is the position of the value that covers t; it may be outside the series.
func (s Series) Index(t time.Time) int {
	d := t.Sub(s.Start)
	i := int(d / s.Step)
	if d < 0 && d%s.Step != 0 {
		i--
	}
	return i
}
