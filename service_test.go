package forescale_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestServiceDefaults(t *testing.T) {
	s := forescale.Service{Name: "checkout"}.WithDefaults()
	if err := s.Validate(); err != nil {
		t.Fatalf("a name is not enough: %v", err)
	}
	if s.Mode != forescale.ModeForecastOnly {
		t.Errorf("a new service is %s, want forecast-only: nothing acts unasked", s.Mode)
	}
	if s.Min != 1 || s.Max != 10 || s.Objective != 0.95 || s.Missing.Hold != 5*time.Minute || s.Missing.StandIn != time.Hour || s.Missing.FollowForecast {
		t.Errorf("defaults are %+v", s)
	}
	if s := (forescale.Service{Min: 30}).WithDefaults(); s.Max != 30 {
		t.Errorf("max is %d beside a min of 30", s.Max)
	}
}

func TestServiceValidate(t *testing.T) {
	tests := []struct {
		name  string
		given func(s *forescale.Service)
		where string // fields, by spaces
	}{
		{"as it is, it is good", func(*forescale.Service) {}, ""},
		{"upper case is no name", func(s *forescale.Service) { s.Name = "Checkout" }, "name"},
		{"an empty name is none", func(s *forescale.Service) { s.Name = "" }, "name"},
		{"a name ends with a letter or digit", func(s *forescale.Service) { s.Name = "checkout-" }, "name"},
		{"42 characters are the most", func(s *forescale.Service) { s.Name = strings.Repeat("a", 43) }, "name"},
		{"42 characters are good", func(s *forescale.Service) { s.Name = strings.Repeat("a", 42) }, ""},
		{"an unknown mode", func(s *forescale.Service) { s.Mode = "on" }, "mode"},
		{"min below one", func(s *forescale.Service) { s.Min = 0 }, "min_instances"},
		{"max below min", func(s *forescale.Service) { s.Min, s.Max = 5, 4 }, "max_instances"},
		{"max beyond what is bounded", func(s *forescale.Service) { s.Max = forescale.MaxInstances + 1 }, "max_instances"},
		{"an objective of one is never met", func(s *forescale.Service) { s.Objective = 1 }, "objective"},
		{"an objective in percent", func(s *forescale.Service) { s.Objective = 95 }, "objective"},
		{"a band that falls", func(s *forescale.Service) { s.Band = forescale.Band{{From: 1, Upper: 60}, {From: 2, Upper: 50}} }, "band"},
		{"a zone that is not there", func(s *forescale.Service) { s.TimeZone = "Europe/Bonn" }, "time_zone"},
		{"the machine's zone is nobody's", func(s *forescale.Service) { s.TimeZone = "Local" }, "time_zone"},
		{"a metric of nodes", func(s *forescale.Service) { s.Metrics = []forescale.Metric{forescale.MetricDisk} }, "metrics"},
		{"load without capacity", func(s *forescale.Service) { s.Metrics = []forescale.Metric{forescale.MetricLoad} }, "capacity"},
		{"load with capacity", func(s *forescale.Service) { s.Metrics, s.Capacity = []forescale.Metric{forescale.MetricLoad}, 120 }, ""},
		{"a negative warm-up", func(s *forescale.Service) { s.Warmup = -time.Second }, "warmup"},
		{"a cool-down of two days", func(s *forescale.Service) { s.Cooldown = 48 * time.Hour }, "cooldown"},
		{"a negative step", func(s *forescale.Service) { s.MaxStep = -1 }, "max_step"},
		{"a service of a swarm", func(s *forescale.Service) { s.Template = forescale.Template{Swarm: "shop_web", Port: 80} }, ""},
		{"an image for a service of a swarm", func(s *forescale.Service) { s.Template = forescale.Template{Swarm: "shop_web", Image: "shop"} }, "template.swarm"},
		{"a probe for a service of a swarm", func(s *forescale.Service) {
			s.Template = forescale.Template{Swarm: "shop_web", Readiness: forescale.Probe{TCP: true}}
		}, "template.swarm"},
		{"all faults at once", func(s *forescale.Service) { s.Name, s.Mode, s.MaxStep = "", "on", -1 }, "name mode max_step"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := forescale.Service{Name: "checkout"}.WithDefaults()
			tt.given(&s)
			err := s.Validate()
			var fs forescale.Faults
			if err != nil && !errors.As(err, &fs) {
				t.Fatalf("not faults: %v", err)
			}
			var where []string
			for _, f := range fs {
				where = append(where, f.Where)
				if f.What == "" || f.Help == "" || f.Code == "" {
					t.Errorf("fault without words: %+v", f)
				}
			}
			if got := strings.Join(where, " "); got != tt.where {
				t.Errorf("faults at %q, want %q", got, tt.where)
			}
		})
	}
}

func TestACloneSharesNothing(t *testing.T) {
	s := forescale.Service{Name: "checkout"}.WithDefaults()
	s.Template.Env = map[string]string{"A": "1"}
	s.Template.Command = []string{"serve"}
	c := s.Clone()
	c.Band[0].Upper, c.Template.Env["A"], c.Template.Command[0] = 1, "2", "stop"
	if s.Band[0].Upper != 60 || s.Template.Env["A"] != "1" || s.Template.Command[0] != "serve" {
		t.Errorf("changed with its clone: %+v", s)
	}
}

func TestLocation(t *testing.T) {
	if got := (forescale.Service{TimeZone: "Europe/Bonn"}).Location(); got != time.UTC {
		t.Errorf("a zone that does not exist is %v, want UTC", got)
	}
}

func TestPauseCovers(t *testing.T) {
	p := forescale.Pause{Service: "checkout", Since: noon, Until: noon.Add(time.Hour)}
	tests := []struct {
		name    string
		pause   forescale.Pause
		service string
		at      time.Time
		want    bool
	}{
		{"from its first moment", p, "checkout", noon, true},
		{"not before", p, "checkout", noon.Add(-1), false},
		{"until its last", p, "checkout", noon.Add(time.Hour - 1), true},
		{"it ends by itself", p, "checkout", noon.Add(time.Hour), false},
		{"another service is not covered", p, "search", noon, false},
		{"one of everything covers all", forescale.Pause{Since: noon, Until: noon.Add(time.Hour)}, "search", noon, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.pause.Covers(tt.service, tt.at); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}
