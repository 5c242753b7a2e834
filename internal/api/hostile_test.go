package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// Whatever range and step a chart is asked for: it is refused with a help, or has some
// points, not too many, which cover what was asked as far as that many reach.
func FuzzAxis(f *testing.F) {
	f.Add(int64(0), int64(3600), "1m")
	f.Add(int64(1767225600), int64(1767225600+1500*86400), "1m") // as long as it may be
	f.Add(int64(-62135596800), int64(-62135596800+86400), "25h")
	f.Fuzz(func(t *testing.T, begin, end int64, step string) {
		in := capacityInput{From: time.Unix(begin, 0), To: time.Unix(end, 0), Step: step}
		x, err := in.axis(monday, nil)
		if err != nil {
			refusedWithHelp(t, err)
			return
		}
		if x.n < 1 || x.n > maxPoints || x.step < forescale.DemandStep {
			t.Fatalf("%d points of %v", x.n, x.step)
		}
		if in.From.IsZero() || in.To.IsZero() { // defaults
			return
		}
		if x.from.After(in.From) || x.n < maxPoints && x.to().Before(in.To) {
			t.Fatalf("%v to %v does not cover %v to %v", x.from, x.to(), in.From, in.To)
		}
	})
}

// Whatever is patched into a service: it is refused with a help, or what comes of it is
// valid and says the same when it is sent back.
func FuzzPatch(f *testing.F) {
	for _, s := range []string{`{"max_instances": 12}`, `{"band": "1:60 2:65", "warmup": "90s", "missing": {"hold": "1m"}}`, `{"price_per_hour": 0.1, "metrics": ["load"], "capacity": 1e9}`,
		`{"templAte": {"env": {}}}`,
		`{"template": {"image": "a", "env": {"A": "b"}, "readiness": {"http": "/"}}, "rollout": null, "resources": {"cores": 0.5, "labels": {"zone": "a"}}}`} {
		f.Add([]byte(s))
	}
	a := New(Config{Store: oneService{}, Ingest: failingIngest{nil}, Clock: &handClock{now: monday}})
	old := forescale.Service{Name: "checkout", Template: forescale.Template{Image: "shop:1"}}.WithDefaults()
	f.Fuzz(func(t *testing.T, body []byte) {
		var patch map[string]any
		if json.Unmarshal(body, &patch) != nil || patch == nil {
			return
		}
		s, err := a.patched(old, patch)
		if err != nil {
			refusedWithHelp(t, err)
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("%s is taken: %v", body, err)
		}
		again, err := a.patched(s, map[string]any{})
		before, _ := json.Marshal(viewService(s, StatusView{}))
		after, _ := json.Marshal(viewService(again, StatusView{}))
		if err != nil || !bytes.Equal(before, after) {
			t.Fatalf("%s gives %+v, which comes back as %+v, %v", body, s, again, err)
		}
	})
}

// Whatever end a pause is given: it is refused with a help, or lies ahead.
func FuzzPauseEnd(f *testing.F) {
	f.Add("2h", int64(0), false)
	f.Add("", int64(1e10), true)
	f.Add("-1ns", int64(0), false)
	f.Fuzz(func(t *testing.T, length string, until int64, given bool) {
		var at time.Time
		if given {
			at = time.Unix(until, 0)
		}
		end, err := pauseEnd(monday, length, at)
		if err != nil {
			refusedWithHelp(t, err)
			return
		}
		if !end.After(monday) || end.Sub(monday) > maxPause {
			t.Fatalf("the pause ends %v", end)
		}
	})
}

// refusedWithHelp checks that who is refused learns what is wrong, and what to do.
func refusedWithHelp(t *testing.T, err error) {
	t.Helper()
	var p *Problem
	if errors.As(err, &p) {
		if p.Code == "" || p.Detail == "" || p.Help == "" {
			t.Fatalf("refused with %+v", p)
		}
		return
	}
	var all forescale.Faults
	var one *forescale.Fault
	if !errors.As(err, &all) && errors.As(err, &one) {
		all = forescale.Faults{one}
	}
	if len(all) == 0 {
		t.Fatalf("refused with %v", err)
	}
	for _, f := range all {
		if f.Code == "" || f.What == "" || f.Help == "" {
			t.Fatalf("refused with %+v", f)
		}
	}
}
