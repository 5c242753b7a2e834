package api

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// servesMore was declared as 100, and learned to be 150.
func servesMore(service string) []forescale.Capacity {
	return []forescale.Capacity{
		{Service: service, From: monday.AddDate(0, 0, -9), At: monday.AddDate(0, 0, -2), Value: 100, Declared: 100, Learned: forescale.CapacityEstimate{Doubt: forescale.CapacityTooLittle}},
		{Service: service, From: monday.AddDate(0, 0, -1), At: monday.Add(-time.Hour), Value: 148, Declared: 100,
			Learned: forescale.CapacityEstimate{Value: 150, Low: 140, High: 160.5, Spread: 0.04, Idle: 6, Reach: 78, Minutes: 4300, Since: monday.AddDate(0, 0, -4)}},
	}
}

func TestWhatAnInstanceServesIsShown(t *testing.T) {
	f := setup(t)
	f.service("checkout", func(s *forescale.Service) { s.Capacity = 100 })
	f.service("plain")
	var v ServingView
	f.do("GET", "/v1/services/checkout/instance-capacity", "").is(200).read(&v)
	if v.Declared != 100 || v.Counted != 100 || v.Learned != nil || v.At != nil || len(v.Steps) != 0 {
		t.Errorf("before anything was learned: %+v", v)
	}
	if err := f.store.SaveCapacities(t.Context(), append(servesMore("checkout"), servesMore("other")...)); err != nil {
		t.Fatal(err)
	}
	v = ServingView{}
	f.do("GET", "/v1/services/checkout/instance-capacity", "").is(200).read(&v)
	if v.Declared != 100 || v.Counted != 148 || v.Doubt != "" || v.Learned == nil || v.Learned.High != 160.5 || len(v.Steps) != 2 || v.Steps[0].Value != 148 {
		t.Errorf("learned: %+v", v)
	}
	v = ServingView{}
	f.do("GET", "/v1/services/plain/instance-capacity", "").is(200).read(&v)
	if v.Declared != 0 || v.Counted != 0 {
		t.Errorf("of a service without load: %+v", v)
	}
	f.do("GET", "/v1/services/none/instance-capacity", "").is(404)

	text := string(f.do("GET", "/metrics", "").is(200).body)
	for _, line := range []string{
		`forescale_instance_capacity{service="checkout"} 148`,
		`forescale_instance_capacity_learned{quantile="0.05",service="checkout"} 140`,
		`forescale_instance_capacity_learned{quantile="0.5",service="checkout"} 150`,
		`forescale_instance_capacity_learned{quantile="0.95",service="checkout"} 160.5`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(text, `forescale_instance_capacity{service="plain"}`) {
		t.Error("a service that is not read by its load has a capacity")
	}
}
