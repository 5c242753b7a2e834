package loop

import (
	"testing"

	"github.com/forescale/forescale"
)

func TestTasksPushUnderTheirSlot(t *testing.T) {
	swarm := forescale.Service{Name: "shop", Template: forescale.Template{Swarm: "shop_web"}}
	var a aliases
	a.see(forescale.Observation{Complete: true, Instances: []forescale.Sighting{
		{ID: "shop-0a-1", Alias: "shop_web.1"}, {ID: "shop_web.2", Alias: "shop_web.2"}}})
	a.see(forescale.Observation{}) // could not be read: what was known stays

	sample := func(kind forescale.SubjectKind, name string) forescale.Sample {
		return forescale.Sample{Subject: forescale.Subject{Kind: kind, Name: name, Service: "shop"}}
	}
	given := []forescale.Sample{
		sample(forescale.KindInstance, "shop_web.1"), sample(forescale.KindInstance, "shop_web.1.k2w9"), sample(forescale.KindInstance, "shop-0a-1"),
		sample(forescale.KindInstance, "shop_web.2"), sample(forescale.KindInstance, "shop_web.9"), sample(forescale.KindInstance, "nobody"),
		sample(forescale.KindService, "shop"),
	}
	want := []string{"shop-0a-1", "shop-0a-1", "shop-0a-1", "shop_web.2", "shop"}
	got := a.named(swarm, given)
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for k, x := range got {
		if x.Subject.Name != want[k] {
			t.Errorf("sample %d is of %s, want %s", k, x.Subject.Name, want[k])
		}
	}
	if given[0].Subject.Name != "shop_web.1" {
		t.Error("the samples given were changed")
	}
	if plain := a.named(forescale.Service{Name: "shop"}, given); len(plain) != len(given) {
		t.Errorf("of a service that is in no swarm %d samples are left", len(plain))
	}

	a.see(forescale.Observation{Complete: true})
	if got := a.named(swarm, given); len(got) != 1 {
		t.Errorf("of tasks that are gone %v is left", got)
	}
}
