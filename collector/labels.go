package collector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/engine"
)

// Labels that are also read outside of a registration.
const (
	labelPrefix    = "forescale."
	labelSwarmTask = "com.docker.swarm.task.id" // set by a swarm on each of its containers
)

// setting is one label that says something about its service.
type setting struct {
	label string
	field string // JSON name in forescale.Service, by which its Validate names faults
	want  string // what is allowed, in words
	set   func(s *forescale.Service, value string) error
}

// settings are the labels of a registration, by label.
var settings = []setting{
	{"forescale.band", "band", `steps such as "1:60 2:65 3:70 5:75 8:80"`, func(s *forescale.Service, v string) (err error) {
		s.Band, err = forescale.ParseBand(v)
		return err
	}},
	{"forescale.capacity", "capacity", "the load that one instance serves at 100 %, above 0", func(s *forescale.Service, v string) error {
		return setFloat(&s.Capacity, v, 1)
	}},
	{"forescale.cooldown", "cooldown", "a duration such as 30s, from 0s to 24h", func(s *forescale.Service, v string) error {
		return setDuration(&s.Cooldown, v)
	}},
	{"forescale.max", "max_instances", "a whole number from 1 to 10000", func(s *forescale.Service, v string) error {
		return setWhole(&s.Max, v, forescale.MaxInstances)
	}},
	{"forescale.max-step", "max_step", "a whole number from 1 to 10000", func(s *forescale.Service, v string) error {
		return setWhole(&s.MaxStep, v, forescale.MaxInstances)
	}},
	{"forescale.metrics", "metrics", "utilization, load, cpu or memory, separated by commas", func(s *forescale.Service, v string) error {
		s.Metrics = nil
		for m := range strings.SplitSeq(v, ",") {
			s.Metrics = append(s.Metrics, forescale.Metric(strings.TrimSpace(m)))
		}
		return nil
	}},
	{"forescale.min", "min_instances", "a whole number from 1 to 10000", func(s *forescale.Service, v string) error {
		return setWhole(&s.Min, v, forescale.MaxInstances)
	}},
	{"forescale.mode", "mode", "off, forecast-only or active", func(s *forescale.Service, v string) error {
		s.Mode = forescale.Mode(v)
		return nil
	}},
	{"forescale.objective", "objective", "a share of time from 0.5 to 0.999, or as 95%", func(s *forescale.Service, v string) error {
		if percent, ok := strings.CutSuffix(v, "%"); ok {
			return setFloat(&s.Objective, percent, 100)
		}
		return setFloat(&s.Objective, v, 1)
	}},
	{forescale.LabelPort, "template.port", "a port from 1 to 65535", func(s *forescale.Service, v string) error {
		return setWhole(&s.Template.Port, v, 65535)
	}},
	{forescale.LabelProbeHTTP, "template.readiness.http", "a path such as /ready", func(s *forescale.Service, v string) error {
		s.Template.Readiness.HTTP = v
		if !strings.HasPrefix(v, "/") {
			return errors.New("does not begin with /")
		}
		return nil
	}},
	{forescale.LabelProbeTCP, "template.readiness.tcp", "true or false", func(s *forescale.Service, v string) (err error) {
		if v != "true" && v != "false" {
			return errors.New("is neither true nor false")
		}
		s.Template.Readiness.TCP = v == "true"
		return nil
	}},
	{forescale.LabelProbeTimeout, "template.readiness.timeout", "a duration from 1ms to 30s", func(s *forescale.Service, v string) error {
		err := setDuration(&s.Template.Readiness.Timeout, v)
		if err == nil && (s.Template.Readiness.Timeout < time.Millisecond || s.Template.Readiness.Timeout > forescale.ProbeTimeoutMax) {
			err = errors.New("is out of range")
		}
		return err
	}},
	{"forescale.timezone", "time_zone", "an IANA name such as Europe/Berlin", func(s *forescale.Service, v string) error {
		s.TimeZone = v
		return nil
	}},
	{"forescale.warmup", "warmup", "a duration such as 90s, from 0s to 24h", func(s *forescale.Service, v string) error {
		return setDuration(&s.Warmup, v)
	}},
}

// otherLabels are allowed beside the settings.
var otherLabels = []string{forescale.LabelEnable, forescale.LabelService, forescale.LabelDecision,
	forescale.LabelManagedBy, forescale.LabelRevision, forescale.LabelProbes, forescale.LabelNetworks, engine.LabelRoster, engine.LabelFence}

func setWhole(to *int, v string, most int) error {
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		return errors.New("is not a whole number")
	case n < 1 || n > most:
		return errors.New("is out of range")
	}
	*to = n
	return nil
}

func setFloat(to *float64, v string, scale float64) error {
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	switch {
	case err != nil:
		return errors.New("is not a number")
	case !(f > 0 && f <= 1e15):
		return errors.New("is out of range")
	}
	*to = f / scale
	return nil
}

func setDuration(to *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		return errors.New("is not a duration")
	case d < 0 || d > 24*time.Hour:
		return errors.New("is out of range")
	}
	*to = d
	return nil
}

// labelledServices are the services that containers register, by name. Each is
// as its oldest container says. The faults are by container: a service whose
// registration has one is left out, so that what was registered before stays;
// a younger container that says something else is told of and not heard.
func labelledServices(list []container.Summary) ([]forescale.Service, map[string]string) {
	faults := map[string]string{}
	oldest := map[string]container.Summary{}
	var services []forescale.Service
	for _, c := range list { // oldest first
		name := containerName(c)
		if v, ok := c.Labels[forescale.LabelEnable]; !ok || v == "false" {
			continue
		}
		service := forescale.LabelledService(name, c.Labels)
		first, known := oldest[service]
		if known {
			if f := disagreement(c, first); f != "" {
				faults[name] = f
			}
			continue
		}
		oldest[service] = c
		s, fs := serviceFromLabels(service, c.Labels)
		if len(fs) > 0 {
			faults[name] = fmt.Sprintf("%s (the service %q was not registered or changed by it)", strings.Join(fs, "; "), service)
			continue
		}
		services = append(services, s)
	}
	slices.SortFunc(services, func(a, b forescale.Service) int { return cmp.Compare(a.Name, b.Name) })
	return services, faults
}

// serviceFromLabels reads one registration. The faults name the label, its
// value and what is allowed, all at once.
func serviceFromLabels(name string, labels map[string]string) (forescale.Service, []string) {
	s := forescale.Service{Name: name, Origin: forescale.OriginLabel}
	var faults []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if !strings.HasPrefix(label, labelPrefix) || slices.Contains(otherLabels, label) {
			continue
		}
		i := slices.IndexFunc(settings, func(st setting) bool { return st.label == label })
		if i < 0 {
			faults = append(faults, unknownLabel(label))
			continue
		}
		if err := settings[i].set(&s, labels[label]); err != nil {
			faults = append(faults, fmt.Sprintf("label %s=%q %v; allowed is %s", label, short(labels[label]), err, settings[i].want))
		}
	}
	if len(faults) > 0 {
		return s, faults
	}
	s = s.WithDefaults()
	var invalid forescale.Faults
	if errors.As(s.Validate(), &invalid) {
		for _, f := range invalid {
			faults = append(faults, invalidLabel(f, name, labels))
		}
	}
	return s, faults
}

// invalidLabel tells a fault of the service by the label it came from.
func invalidLabel(f *forescale.Fault, name string, labels map[string]string) string {
	if f.Where == "name" {
		return fmt.Sprintf("%q is not a service name; set label %s to up to 42 lower-case letters, digits and inner hyphens", name, forescale.LabelService)
	}
	for _, st := range settings {
		if st.field == f.Where {
			if v, ok := labels[st.label]; ok {
				return fmt.Sprintf("label %s=%q: %s; allowed is %s", st.label, short(v), f.What, st.want)
			}
			return fmt.Sprintf("label %s is missing: %s; %s", st.label, f.What, f.Help)
		}
	}
	return f.Error()
}

// disagreement tells which settings of c differ from those of the oldest
// container of the service; "" if none does.
func disagreement(c, first container.Summary) string {
	var differ []string
	for _, label := range slices.Sorted(maps.Keys(c.Labels)) {
		v := c.Labels[label]
		if !strings.HasPrefix(label, labelPrefix) || slices.Contains(otherLabels, label) {
			continue
		}
		if w, ok := first.Labels[label]; !ok || v != w {
			differ = append(differ, fmt.Sprintf("label %s=%q differs from %q of %s", label, short(v), short(w), containerName(first)))
		}
	}
	if len(differ) == 0 {
		return ""
	}
	return strings.Join(differ, "; ") + ", which is older and holds"
}

// unknownLabel names the nearest label that exists, if one is near.
func unknownLabel(label string) string {
	best, least := "", 4
	for _, st := range settings {
		if d := editDistance(label, st.label); d < least {
			best, least = st.label, d
		}
	}
	for _, l := range otherLabels {
		if d := editDistance(label, l); d < least {
			best, least = l, d
		}
	}
	if best == "" {
		return fmt.Sprintf("there is no label %s", label)
	}
	return fmt.Sprintf("there is no label %s; did you mean %s?", label, best)
}

// editDistance counts the letters to insert, delete or replace to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// short keeps a label's value readable in a message.
func short(v string) string {
	if r := []rune(v); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return v
}
