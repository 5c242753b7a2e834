package forescale

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestWhatAnAgentTellsIsBounded(t *testing.T) {
	good := Agent{Node: "node-1", Type: "small", Address: "10.0.0.1", Labels: map[string]string{"zone": "a", "example.org/rack": "r 1"}, Cores: 4, Memory: 1 << 30, DiskKind: "ssd"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	many := map[string]string{}
	for i := range maxLabels + 1 {
		many["a"+strings.Repeat("b", i)] = ""
	}
	for _, c := range []struct {
		sentence, where string
		change          func(a *Agent)
	}{
		{"a name with a line break", "node", func(a *Agent) { a.Node = "a\nb" }},
		{"a type that is no name", "type", func(a *Agent) { a.Type = "A B" }},
		{"an address with a line break", "address", func(a *Agent) { a.Address = "a\nb" }},
		{"a label whose value has a line break", "labels", func(a *Agent) { a.Labels = map[string]string{"zone": "a\nb"} }},
		{"a label whose name has a line break", "labels", func(a *Agent) { a.Labels = map[string]string{"zo\nne": "a"} }},
		{"a label of megabytes", "labels", func(a *Agent) { a.Labels = map[string]string{"zone": strings.Repeat("x", 1<<20)} }},
		{"labels without end", "labels", func(a *Agent) { a.Labels = many }},
		{"no cores", "cores", func(a *Agent) { a.Cores = 0 }},
		{"cores that are no number", "cores", func(a *Agent) { a.Cores = math.NaN() }},
		{"more cores than there are", "cores", func(a *Agent) { a.Cores = 1e9 }},
		{"less than no memory", "memory", func(a *Agent) { a.Memory = -1 }},
		{"more memory than there is", "memory", func(a *Agent) { a.Memory = math.MaxInt64 }},
		{"a disk of another kind", "disk_kind", func(a *Agent) { a.DiskKind = "tape" }},
	} {
		a := good
		c.change(&a)
		var fs Faults
		if err := a.Validate(); !errors.As(err, &fs) || len(fs) != 1 || fs[0].Where != c.where || len(fs[0].Error()) > 400 {
			t.Errorf("%s: %v", c.sentence, err)
		}
	}
}

func TestAnAgentShowsItsCertificateOrTheOneBefore(t *testing.T) {
	a := Agent{Serial: "2", Previous: "1"}
	for serial, want := range map[string]bool{"2": true, "1": true, "3": false, "": false} {
		if a.Shows(serial) != want {
			t.Errorf("%q: %v", serial, !want)
		}
	}
	if (Agent{Serial: "2"}).Shows("") {
		t.Error("no certificate passes for the one before")
	}
}
