package api

import (
	"strings"
	"testing"

	"github.com/forescale/forescale"
)

func TestEventsAreToldListedAndForgotten(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	var e EventView
	f.do("POST", "/v1/events", `{"name":"tv-spot","service":"checkout","from":"2026-11-23T19:30:00+01:00","until":"2026-11-23T20:15:00+01:00","factor":1.6}`).is(201).read(&e)
	if e.Name != "tv-spot" || e.Factor != 1.6 || e.From.Hour() != 18 || e.Origin != forescale.OriginAPI {
		t.Errorf("%+v", e)
	}
	f.do("POST", "/v1/events", `{"name":"outage","from":"2026-09-01T00:00:00Z","until":"2026-09-02T00:00:00Z","leave_out":true}`).is(201).read(&e)
	if e.Service != "" || !e.LeaveOut || e.Factor != 1 {
		t.Errorf("%+v", e)
	}
	names := func(query string) (names []string) {
		var l struct{ Items []EventView }
		f.do("GET", "/v1/events"+query, "").is(200).read(&l)
		for _, e := range l.Items {
			names = append(names, e.Name)
		}
		return names
	}
	if got, all := strings.Join(names(""), " "), strings.Join(names("?all=true"), " "); got != "tv-spot" || all != "outage tv-spot" {
		t.Errorf("listed %q, and all %q", got, all)
	}
	p := f.do("POST", "/v1/events", `{"name":"A b","from":"2026-11-23T18:00:00Z","until":"2026-11-23T17:00:00Z","factor":101}`).problem(422, "event_invalid")
	if len(p.Errors) != 3 || p.Errors[0].Location != "body.name" || p.Errors[1].Location != "body.until" || p.Errors[2].Location != "body.factor" {
		t.Errorf("faults %+v", p.Errors)
	}
	f.do("DELETE", "/v1/events/tv-spot", "").is(204)
	f.do("DELETE", "/v1/events/tv-spot", "").problem(404, "event_unknown")
	if got := names(""); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestACountryWithoutHolidaysIsRefused(t *testing.T) {
	f := setup(t)
	p := f.do("PUT", "/v1/services/checkout", `{"country":"XX"}`).problem(422, "service_invalid")
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.country" {
		t.Errorf("faults %+v", p.Errors)
	}
	var v ServiceView
	f.do("PUT", "/v1/services/checkout", `{"country":"DE"}`).is(201).read(&v)
	if v.Country != "DE" {
		t.Errorf("%+v", v)
	}
}
