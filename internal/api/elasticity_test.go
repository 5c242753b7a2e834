package api

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestElasticityIsShownByDayAndInMetrics(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	var none List[ElasticityDayView]
	f.do("GET", "/v1/services/checkout/elasticity", "").is(200).read(&none)
	if none.Items == nil || len(none.Items) != 0 {
		t.Errorf("before anything was measured: %+v", none)
	}
	day := func(service string, back int, under int64) forescale.ElasticityDay {
		return forescale.ElasticityDay{Service: service, Day: monday.Truncate(24*time.Hour).AddDate(0, 0, -back),
			Elasticity: forescale.Elasticity{Steps: 1000, StepsUnder: under, StepsOver: 500, Under: 10, Over: 250, Pairs: 999, Apart: 0, Demand: 2000, Lost: 20, Need: 3000, Supply: 3600}}
	}
	if err := f.store.SaveElasticity(t.Context(), []forescale.ElasticityDay{day("checkout", 0, 10), day("checkout", 6, 30), day("checkout", 7, 500), day("other", 0, 9)}); err != nil {
		t.Fatal(err)
	}
	var v List[ElasticityDayView]
	f.do("GET", "/v1/services/checkout/elasticity", "").is(200).read(&v)
	if len(v.Items) != 2 || v.Items[0].Day != "2026-11-17" || v.Items[1].Day != "2026-11-23" {
		t.Fatalf("days %+v", v.Items)
	}
	if d := v.Items[1]; d.Minutes != 1000 || d.TimeUnder != 0.01 || d.TimeOver != 0.5 || d.Under != 0.01 || d.Over != 0.25 || d.NotServed != 0.01 || d.InstanceHours != 60 {
		t.Errorf("today %+v", d)
	}
	text := string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{`forescale_elasticity_time_under_ratio{service="checkout"} 0.02`, `forescale_elasticity_instance_hours{service="checkout"} 120`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(text, `forescale_elasticity_over_ratio{service="other"}`) {
		t.Error("a service that does not exist is told of")
	}
}
