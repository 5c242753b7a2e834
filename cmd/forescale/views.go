package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// The views are what the API tells, as far as the commands show it. Raw keeps
// the whole answer for -o json.

type aboutView struct {
	Version string `json:"version"`
	Clock   struct {
		Now   time.Time `json:"now"`
		Speed float64   `json:"speed"`
	} `json:"clock"`
	Zone  string `json:"zone"`
	World string `json:"world"`

	Server string `json:"server"`
	Leader bool   `json:"leader"`
	Leads  struct {
		Server string `json:"server"`
		Fence  int64  `json:"fence"`
	} `json:"leads"`
}

// lead says who of several servers plans and acts, "" where there is but one.
func (v aboutView) lead() string {
	switch {
	case v.Leads.Fence == 0:
		return ""
	case v.Leader:
		return fmt.Sprintf("%s leads, fence %d.", v.Server, v.Leads.Fence)
	case v.Leads.Server == "":
		return fmt.Sprintf("No server leads: nothing is started or stopped until one takes over. The last fence was %d.", v.Leads.Fence)
	}
	return fmt.Sprintf("%s leads, fence %d; asked was %s, which follows.", v.Leads.Server, v.Leads.Fence, v.Server)
}

type serviceView struct {
	Name      string         `json:"name"`
	Mode      forescale.Mode `json:"mode"`
	Min       int            `json:"min_instances"`
	Max       int            `json:"max_instances"`
	Objective float64        `json:"objective"`
	Band      string         `json:"band"`
	TimeZone  string         `json:"time_zone"`
	Capacity  float64        `json:"capacity"`
	Warmup    string         `json:"warmup"`
	Status    *statusView    `json:"status"`

	raw json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler: it keeps the answer as it came.
func (v *serviceView) UnmarshalJSON(data []byte) error {
	type plain serviceView
	if err := json.Unmarshal(data, (*plain)(v)); err != nil {
		return err
	}
	v.raw = append(json.RawMessage(nil), data...)
	if v.Status == nil {
		v.Status = &statusView{}
	}
	return nil
}

// MarshalJSON implements json.Marshaler: what came goes out.
func (v serviceView) MarshalJSON() ([]byte, error) { return v.raw, nil }

type statusView struct {
	State       string        `json:"state"` // fine, warn or bad
	StateReason string        `json:"state_reason"`
	Ready       int           `json:"ready"`
	Starting    int           `json:"starting"`
	Draining    int           `json:"draining"`
	Wanted      int           `json:"wanted"`
	Required    int           `json:"required"`
	Busy        *float64      `json:"busy"`
	Utilization *float64      `json:"utilization"`
	Limit       *float64      `json:"limit"`
	LastSample  *time.Time    `json:"last_sample"`
	Paused      *pauseView    `json:"paused"`
	Lead        string        `json:"lead"`
	Next        *nextView     `json:"next"`
	Decision    *decisionView `json:"decision"`
	Forecast    *struct {
		Model    string    `json:"model"`
		Issued   time.Time `json:"issued"`
		Until    time.Time `json:"until"`
		Warnings []string  `json:"warnings"`
	} `json:"forecast"`
}

type pauseView struct {
	Service string    `json:"service"`
	By      string    `json:"by"`
	Note    string    `json:"note"`
	Until   time.Time `json:"until"`
}

type nextView struct {
	At      time.Time      `json:"at"`
	From    int            `json:"from"`
	To      int            `json:"to"`
	Code    forescale.Code `json:"code"`
	Message string         `json:"message"`
}

type decisionView struct {
	ID       string         `json:"id"`
	Service  string         `json:"service"`
	At       time.Time      `json:"at"`
	Mode     forescale.Mode `json:"mode"`
	From     int            `json:"from"`
	To       int            `json:"to"`
	Required int            `json:"required"`
	Metric   string         `json:"metric"`
	Code     forescale.Code `json:"code"`
	Message  string         `json:"message"`
	Reasons  []reasonView   `json:"reasons"`
	Actions  []struct {
		Kind     string `json:"kind"`
		Instance string `json:"instance"`
	} `json:"actions"`
	Outcome forescale.Outcome `json:"outcome"`
	Error   string            `json:"error"`
	EndedAt *time.Time        `json:"ended_at"`
	Repeats int               `json:"repeats"`
	LastAt  *time.Time        `json:"last_at"`
	InWords struct {
		Required string `json:"required"`
		Final    string `json:"final"`
		LeadTime string `json:"lead_time"`
		Cost     string `json:"cost"`
	} `json:"in_words"`
	Weighed *weighedView `json:"weighed"`

	raw json.RawMessage
}

// weighedView is what a decision was weighed by.
type weighedView struct {
	List     string   `json:"list"`
	NotFewer string   `json:"not_fewer"`
	NotMore  string   `json:"not_more"`
	Changes  []string `json:"changes"`
}

// UnmarshalJSON implements json.Unmarshaler: it keeps the answer as it came.
func (v *decisionView) UnmarshalJSON(data []byte) error {
	type plain decisionView
	if err := json.Unmarshal(data, (*plain)(v)); err != nil {
		return err
	}
	v.raw = append(json.RawMessage(nil), data...)
	return nil
}

// MarshalJSON implements json.Marshaler: what came goes out.
func (v decisionView) MarshalJSON() ([]byte, error) { return v.raw, nil }

type reasonView struct {
	Code    forescale.Code       `json:"code"`
	Message string               `json:"message"`
	Numbers map[string]float64   `json:"numbers"`
	Times   map[string]time.Time `json:"times"`
	Words   map[string]string    `json:"words"`
}

type planView struct {
	Service string       `json:"service"`
	MadeAt  time.Time    `json:"made_at"`
	Lead    string       `json:"lead"`
	Until   time.Time    `json:"until"`
	Acting  bool         `json:"acting"`
	Changes []changeView `json:"changes"`
}

type changeView struct {
	At       time.Time      `json:"at"`
	Wanted   int            `json:"wanted"`
	Required int            `json:"required"`
	Demand   float64        `json:"demand"`
	Code     forescale.Code `json:"code"`
	Message  string         `json:"message"`
}

type forecastView struct {
	Service  string       `json:"service"`
	Metric   string       `json:"metric"`
	Model    string       `json:"model"`
	Issued   time.Time    `json:"issued"`
	Step     string       `json:"step"`
	Levels   []float64    `json:"levels"`
	Times    []time.Time  `json:"times"`
	Values   [][]*float64 `json:"values"` // [level][time]
	Warnings []string     `json:"warnings"`
	Score    *struct {
		Pinball  float64 `json:"pinball"`
		Naive    float64 `json:"naive"`
		Coverage float64 `json:"coverage"`
		Tested   int     `json:"tested"`
	} `json:"score"`
}

type scheduleView struct {
	Job      string    `json:"job"`
	Schedule string    `json:"schedule"` // a cron expression, or "every 15m0s"
	TimeZone string    `json:"time_zone"`
	NextAt   time.Time `json:"next_at"`
}

type runView struct {
	ID        string             `json:"id"`
	Kind      string             `json:"kind"`
	State     forescale.RunState `json:"state"`
	Server    string             `json:"server"`
	DueAt     *time.Time         `json:"due_at"`
	StartedAt time.Time          `json:"started_at"`
	EndedAt   *time.Time         `json:"ended_at"`
	Attempt   int                `json:"attempt"`
	Done      int                `json:"done"`
	Failed    int                `json:"failed"`
	Error     string             `json:"error"`

	raw json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler: it keeps the answer as it came.
func (v *runView) UnmarshalJSON(data []byte) error {
	type plain runView
	if err := json.Unmarshal(data, (*plain)(v)); err != nil {
		return err
	}
	v.raw = append(json.RawMessage(nil), data...)
	return nil
}

// MarshalJSON implements json.Marshaler: what came goes out.
func (v runView) MarshalJSON() ([]byte, error) { return v.raw, nil }
