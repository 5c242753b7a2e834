package forescale

import "time"

// SampleQuery picks samples. Zero fields pick all.
type SampleQuery struct {
	Kind    SubjectKind
	Name    string
	Service string
	Metric  Metric
	From    time.Time // inclusive
	To      time.Time // exclusive
	Limit   int       // newest are dropped beyond it; 0: no limit
}

// DemandSpan is how far the demand of a service in a metric reaches.
type DemandSpan struct {
	Service     string
	Metric      Metric
	First, Last time.Time
	Points      int64
}

// ServiceQuery picks registered services. Zero fields pick all.
type ServiceQuery struct {
	Names []string // any of these
	After string   // only names that come after this one (a page's cursor)
	Limit int      // 0: no limit
}

// InstanceQuery picks instances. Zero fields pick all.
type InstanceQuery struct {
	Service  string
	Services []string  // any of these
	Live     bool      // only starting, ready, draining
	Since    time.Time // only those live at or after Since: not ended before it
}

// RunQuery picks runs. Zero fields pick all.
type RunQuery struct {
	Kind   string
	Until  time.Time // only those that started before or at this time
	Before string    // only runs older than the one with this id (a page's cursor)
	Limit  int       // 0: no limit
}

// DecisionQuery picks decisions. Zero fields pick all.
type DecisionQuery struct {
	ID      string // a whole id or a unique prefix
	Service string
	From    time.Time // inclusive, by At
	To      time.Time // exclusive, by At
	Before  string    // only decisions older than the one with this id (a page's cursor)
	Acted   bool      // only those with actions
	Pending bool      // only pending ones
	Weighed bool      // with what they were weighed by
	Limit   int       // 0: 100
}
