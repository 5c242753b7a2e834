package collector

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/forescale/forescale"
)

// labelled is a container as the engine lists it, made at second age.
func labelled(name string, age int64, labels ...string) container.Summary {
	c := container.Summary{ID: name, Names: []string{"/" + name}, Created: age, Labels: map[string]string{}}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		c.Labels[k] = v
	}
	return c
}

func TestLabelsRegisterAService(t *testing.T) {
	services, faults := labelledServices([]container.Summary{labelled("web-1", 1,
		"forescale.enable=true", "forescale.service=web", "forescale.min=2", "forescale.max=9", "forescale.warmup=90s",
		"forescale.cooldown=20s", "forescale.objective=99%", "forescale.mode=active", "forescale.timezone=Europe/Berlin",
		"forescale.metrics=load, cpu", "forescale.capacity=250", "forescale.port=8080", "forescale.probe.http=/ready",
		"forescale.probe.timeout=500ms", "forescale.band=1:50 4:70", "forescale.max-step=3", "com.example=x")})
	if len(faults) > 0 || len(services) != 1 {
		t.Fatalf("got %d services and faults %v", len(services), faults)
	}
	s := services[0]
	for what, ok := range map[string]bool{
		"name": s.Name == "web", "min": s.Min == 2, "max": s.Max == 9, "warm-up": s.Warmup == 90*time.Second,
		"cool-down": s.Cooldown == 20*time.Second, "objective": s.Objective == 0.99, "mode": s.Mode == forescale.ModeActive,
		"time zone": s.TimeZone == "Europe/Berlin", "capacity": s.Capacity == 250, "port": s.Template.Port == 8080,
		"metrics": len(s.Metrics) == 2 && s.Metrics[0] == forescale.MetricLoad && s.Metrics[1] == forescale.MetricCPU,
		"probe":   reflect.DeepEqual(s.Template.Readiness, forescale.Probe{HTTP: "/ready", Timeout: 500 * time.Millisecond}),
		"band":    s.Band.String() == "1:50 4:70", "max step": s.MaxStep == 3,
		"origin": s.Origin == forescale.OriginLabel, "no environment is kept": s.Template.Env == nil && s.Template.Image == "",
	} {
		if !ok {
			t.Errorf("%s is not as the label says: %+v", what, s)
		}
	}
}

func TestServiceNameFromLabels(t *testing.T) {
	for _, c := range []struct {
		name   string
		labels []string
		want   string
	}{
		{"the label names it", []string{"forescale.enable=true", "forescale.service=a", "com.docker.compose.service=b"}, "a"},
		{"else the Compose service", []string{"forescale.enable=true", "com.docker.compose.service=b"}, "b"},
		{"else the container's own name", []string{"forescale.enable=true"}, "box"},
		{"a container that is not enabled registers nothing", []string{"forescale.service=a", "forescale.max=3"}, ""},
		{"nor one that is turned off", []string{"forescale.enable=false", "forescale.service=a"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			services, faults := labelledServices([]container.Summary{labelled("box", 1, c.labels...)})
			got := ""
			for _, s := range services {
				got += s.Name
			}
			if got != c.want || len(faults) > 0 {
				t.Errorf("got %q and faults %v, want %q", got, faults, c.want)
			}
		})
	}
}

func TestBadLabelsAreClearFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		labels []string
		want   []string // all in the fault
	}{
		{"a number that is none", []string{"forescale.min=abc"}, []string{`forescale.min="abc"`, "not a whole number", "from 1 to 10000"}},
		{"a min of nothing", []string{"forescale.min=0"}, []string{`forescale.min="0"`, "out of range"}},
		{"a duration without a unit", []string{"forescale.warmup=90"}, []string{`forescale.warmup="90"`, "a duration such as 90s"}},
		{"a negative duration", []string{"forescale.cooldown=-1s"}, []string{"out of range", "0s to 24h"}},
		{"max below min", []string{"forescale.min=5", "forescale.max=2"}, []string{`forescale.max="2"`, "below"}},
		{"min above the default max is fine, a max of 1 is too, but not both", []string{"forescale.min=20", "forescale.max=1"}, []string{"max"}},
		{"an unknown mode", []string{"forescale.mode=on"}, []string{`forescale.mode="on"`, "forecast-only"}},
		{"an unknown zone", []string{"forescale.timezone=Berlin"}, []string{`"Berlin"`, "Europe/Berlin"}},
		{"a metric that is none", []string{"forescale.metrics=disk"}, []string{"disk", "cpu"}},
		{"load without capacity", []string{"forescale.metrics=load"}, []string{"forescale.capacity is missing"}},
		{"a percentage beyond 100", []string{"forescale.objective=110%"}, []string{"110%", "0.5 to 0.999"}},
		{"not a number", []string{"forescale.capacity=NaN"}, []string{"NaN", "above 0"}},
		{"a falling band", []string{"forescale.band=1:80 2:60"}, []string{"falls", "1:60 2:65"}},
		{"a path without a slash", []string{"forescale.probe.http=ready"}, []string{"does not begin with /"}},
		{"a probe of maybe", []string{"forescale.probe.tcp=maybe"}, []string{"true or false"}},
		{"a port beyond all", []string{"forescale.port=70000"}, []string{"1 to 65535"}},
		{"a slip of the pen", []string{"forescale.maks=3"}, []string{"no label forescale.maks", "did you mean forescale.max?"}},
		{"a wild guess has no suggestion", []string{"forescale.schedule.weekly=3"}, []string{"no label forescale.schedule.weekly"}},
		{"two faults are told at once", []string{"forescale.min=x", "forescale.max=y"}, []string{"forescale.min", "forescale.max"}},
		{"a name that is none", []string{"forescale.service=My_App"}, []string{`"My_App"`, "lower-case"}},
		{"a long value is cut", []string{"forescale.min=" + strings.Repeat("9", 500)}, []string{"9…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			services, faults := labelledServices([]container.Summary{labelled("web-1", 1,
				append([]string{"forescale.enable=true", "forescale.service=web"}, c.labels...)...)})
			if len(services) != 0 {
				t.Errorf("it was registered all the same: %+v", services)
			}
			for _, want := range append(c.want, "was not registered") {
				if !strings.Contains(faults["web-1"], want) {
					t.Errorf("fault %q does not say %q", faults["web-1"], want)
				}
			}
		})
	}
}

func TestOldestContainerWinsAndItIsSaid(t *testing.T) {
	on := "forescale.enable=true"
	services, faults := labelledServices([]container.Summary{
		labelled("web-1", 1, on, "forescale.service=web", "forescale.max=4"),
		labelled("web-2", 2, on, "forescale.service=web", "forescale.max=9"),
		labelled("web-3", 3, on, "forescale.service=web"),
		labelled("web-4", 4, on, "forescale.service=web", "forescale.max=4", "forescale.decision=dec_1"),
	})
	if len(services) != 1 || services[0].Max != 4 {
		t.Errorf("got %+v, want max 4 of the oldest", services)
	}
	if len(faults) != 1 || !strings.Contains(faults["web-2"], `forescale.max="9" differs from "4" of web-1`) {
		t.Errorf("got faults %v, want one for web-2", faults)
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"same", "same", 0}, {"max", "mx", 1}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// Whatever stands in a label, it is a sound service or a fault, never both and
// never a crash.
func FuzzServiceFromLabels(f *testing.F) {
	for _, s := range settings {
		f.Add(s.label, "1")
		f.Add(s.label, "1:60 2:65")
	}
	f.Add("forescale.objective", "1e400%")
	f.Add("forescale.warmup", "9223372036854775807ns")
	f.Fuzz(func(t *testing.T, label, value string) {
		s, faults := serviceFromLabels("web", map[string]string{forescale.LabelEnable: "true", label: value})
		if err := s.Validate(); len(faults) == 0 && err != nil {
			t.Errorf("%s=%q is taken, but %v", label, value, err)
		}
	})
}
