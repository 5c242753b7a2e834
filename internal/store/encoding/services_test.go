package encoding_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/encoding"
)

// What is kept of a service is what its text says, and nobody who got it changes it.
func TestServicesAreDecodedOnce(t *testing.T) { // not in parallel: allocations are counted
	svc := forescale.Service{Name: "web", Metrics: []forescale.Metric{forescale.MetricCPU}, UpdatedAt: time.Unix(1, 0).UTC(),
		Template: forescale.Template{Env: map[string]string{"A": "1"}, Command: []string{"run"}}}.WithDefaults()
	text := func(s forescale.Service) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var all encoding.Services
	decode := func(name, text string, want forescale.Service) forescale.Service {
		t.Helper()
		got, err := all.Decode(name, text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		return got
	}
	first := text(svc)
	for range 3 { // whoever gets one may do with it what they like
		got := decode("web", first, svc)
		got.Band[0].Upper, got.Metrics[0], got.Template.Env["A"], got.Template.Command[0] = 1, "x", "2", "y"
	}
	if forescale.DefaultBand()[0].Upper == 1 {
		t.Error("the default band was changed")
	}
	more := svc.Clone()
	more.Max = 99
	decode("web", text(more), more)
	decode("web", first, svc)
	if _, err := all.Decode("web", "{"+first); err == nil {
		t.Error("a text that is no JSON was read")
	}
	decode("web", first, svc)
	all.Forget("web")
	decode("web", first, svc)
	decoding := testing.AllocsPerRun(100, func() { _, _ = all.Decode("web", first) })
	if fresh := testing.AllocsPerRun(100, func() { all.Forget("web"); _, _ = all.Decode("web", first) }); decoding > fresh/2 {
		t.Errorf("%g allocations for one that is kept, %g for one that is not", decoding, fresh)
	}
}
