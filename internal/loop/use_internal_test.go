package loop

import (
	"fmt"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// Two instances on a node of 8 cores: 5 % of the readings are bursts of 60 %, the rest
// 25 %. Without a limit that is of the node's cores, with one of the limit.
func TestTheUsualUseOfAnInstanceIsLearnedByNodeType(t *testing.T) {
	b := newNodesBench(t)
	b.ok(b.l.store.PutNode(t.Context(), forescale.Node{Name: "big", Type: "large", State: forescale.NodeReady}))
	for _, name := range []string{"web", "db"} {
		s := b.w.services["web"]
		s.Name = name
		if name == "db" {
			s.Template.CPUs, s.Template.Memory = 2, 1<<30
		}
		_, err := b.l.store.PutService(t.Context(), s, -1)
		b.ok(err)
		var is []forescale.Instance
		var samples []forescale.Sample
		for _, node := range []string{"big", "rack"} { // rack has no type: its readings tell nothing
			id := name + "-" + node
			is = append(is, forescale.Instance{ID: id, Service: name, Node: node, State: forescale.InstanceReady, OrderedAt: noon.Add(-25 * time.Hour)})
			k := 0
			for at := noon.Add(-useWindow); at.Before(noon); at = at.Add(time.Minute) {
				cpu := 25.0
				if k%120 == 0 || node == "rack" { // one of twenty that are read
					cpu = 60
				}
				k++
				subject := forescale.Subject{Kind: forescale.KindInstance, Name: id, Service: name}
				samples = append(samples, forescale.Sample{Subject: subject, Metric: forescale.MetricCPU, Time: at, Value: cpu},
					forescale.Sample{Subject: subject, Metric: forescale.MetricMemory, Time: at, Value: 50})
			}
		}
		b.ok(b.l.store.SaveInstances(t.Context(), is))
		b.ok(b.l.store.Append(t.Context(), samples))
	}
	r, err := b.l.LearnUses(t.Context(), noon)
	b.ok(err)
	us, err := b.l.store.Uses(t.Context())
	b.ok(err)
	want := []forescale.InstanceUse{{Service: "db", Type: "large", At: noon, Cores: 0.5, Memory: 1 << 29, Samples: 240}, {Service: "web", Type: "large", At: noon, Cores: 2, Memory: 16 << 30, Samples: 240}}
	if r.Done != 2 || fmt.Sprint(us) != fmt.Sprint(want) {
		t.Errorf("%d learned: %+v, want %+v", r.Done, us, want)
	}
	if r, err := b.l.LearnUses(t.Context(), noon.Add(time.Hour)); err != nil || r.Done != 0 {
		t.Errorf("learned again after an hour: %+v, %v", r, err)
	}
	b.ok(b.l.store.DeleteNodeType(t.Context(), "large"))
	if r, err := b.l.LearnUses(t.Context(), noon.Add(24*time.Hour)); err != nil || r.Done != 0 {
		t.Errorf("learned without node types: %+v, %v", r, err)
	}
}
