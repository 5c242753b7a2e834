package collector

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func metrics(o forescale.Observation) map[forescale.Metric]float64 {
	m := map[forescale.Metric]float64{}
	for _, s := range o.Samples {
		m[s.Metric] = s.Value
	}
	return m
}

func TestNodeObservesThisMachine(t *testing.T) {
	n := NewNode(NodeOptions{Name: "here", Type: "small", Path: t.TempDir()})
	first := n.Observe(t.Context())
	if len(first.Failed) > 0 || first.Complete {
		t.Errorf("failed %v, complete %v; want nothing failed, and no claim about instances", first.Failed, first.Complete)
	}
	if _, ok := metrics(first)[forescale.MetricCPU]; ok {
		t.Error("the first look has nothing to compare with and still tells cpu")
	}
	if len(first.Nodes) != 1 || first.Nodes[0].Name != "here" || first.Nodes[0].Type != "small" || first.Nodes[0].Cores < 1 || first.Nodes[0].Memory < 1<<28 {
		t.Errorf("the node is %+v", first.Nodes)
	}
	work := 0.0
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		work += math.Sqrt(work + 1)
	}
	second := n.Observe(t.Context())
	got := metrics(second)
	for _, m := range []forescale.Metric{forescale.MetricCPU, forescale.MetricMemory, forescale.MetricDisk} {
		if v, ok := got[m]; !ok || v <= 0 || v > 100 {
			t.Errorf("%s is %g (told: %v)", m, v, ok)
		}
	}
	for _, s := range second.Samples {
		if err := s.Validate(time.Now()); err != nil || s.Subject.Kind != forescale.KindNode || s.Subject.Name != "here" {
			t.Errorf("sample %+v: %v", s, err)
		}
	}
}

func TestNodeTellsWhatItCannotRead(t *testing.T) {
	o := NewNode(NodeOptions{Path: filepath.Join(t.TempDir(), "gone")}).Observe(t.Context())
	if o.Failed["node/disk"] == "" {
		t.Errorf("failed %v, want the disk", o.Failed)
	}
	if _, ok := metrics(o)[forescale.MetricMemory]; !ok {
		t.Error("one part that fails takes another with it")
	}
}

func TestBusyPercent(t *testing.T) {
	t0 := time.Unix(1e9, 0)
	for _, c := range []struct {
		name string
		a, b nodeCounters
		want float64
		ok   bool
	}{
		{"no earlier reading", nodeCounters{}, nodeCounters{at: t0, busy: 5, idle: 5}, 0, false},
		{"a quarter", nodeCounters{at: t0, busy: 10, idle: 10}, nodeCounters{busy: 11, idle: 13}, 25, true},
		{"no tick between", nodeCounters{at: t0, busy: 1, idle: 1}, nodeCounters{busy: 1, idle: 1}, 0, false},
		{"counters that went back", nodeCounters{at: t0, busy: 9, idle: 1}, nodeCounters{busy: 1, idle: 2}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := busyPercent(c.a, c.b); ok != c.ok || got != c.want {
				t.Errorf("got %g, %v, want %g, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestLinkPercent(t *testing.T) {
	sys := t.TempDir()
	for link, speed := range map[string]string{"eth0": "100\n", "eth1": "1000\n", "eth2": "-1\n", "docker0": "10000\n"} {
		if err := os.MkdirAll(filepath.Join(sys, link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, link, "speed"), []byte(speed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t0 := time.Unix(1e9, 0)
	type links = map[string]uint64
	const mbit = 1e6 / 8
	for _, c := range []struct {
		name       string
		bandwidth  float64
		inA, outA  links
		inB, outB  links
		in, out    float64
		ok         bool
		earlierOff bool
	}{
		{"the busiest link in each direction", 0, links{"eth0": 0, "eth1": 0}, links{"eth0": 0, "eth1": 0},
			links{"eth0": 100 * mbit, "eth1": 1000 * mbit}, links{"eth0": 400 * mbit, "eth1": 0}, 10, 40, true, false},
		{"a configured bandwidth takes all links together", 200, links{"eth0": 0, "eth2": 0}, links{"eth0": 0, "eth2": 0},
			links{"eth0": 200 * mbit, "eth2": 300 * mbit}, links{"eth0": 0, "eth2": 40 * mbit}, 25, 2, true, false},
		{"no speed known, no guess", 0, links{"eth2": 0}, links{"eth2": 0}, links{"eth2": 100 * mbit}, links{"eth2": 0}, 0, 0, false, false},
		{"a link that came up between", 0, links{}, links{}, links{"eth0": 9}, links{"eth0": 9}, 0, 0, false, false},
		{"counters that began anew", 0, links{"eth0": 500}, links{"eth0": 0}, links{"eth0": 9}, links{"eth0": 9}, 0, 0, false, false},
		{"no earlier reading", 0, nil, nil, links{"eth0": 9}, links{"eth0": 9}, 0, 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := NewNode(NodeOptions{Bandwidth: c.bandwidth})
			n.sys = sys
			a, b := nodeCounters{at: t0, in: c.inA, out: c.outA}, nodeCounters{at: t0.Add(10 * time.Second), in: c.inB, out: c.outB}
			if c.earlierOff {
				a.at = time.Time{}
			}
			if in, out, ok := n.linkPercent(a, b); ok != c.ok || math.Abs(in-c.in) > 1e-9 || math.Abs(out-c.out) > 1e-9 {
				t.Errorf("got %g in, %g out, %v, want %g, %g, %v", in, out, ok, c.in, c.out, c.ok)
			}
		})
	}
	n := NewNode(NodeOptions{})
	n.sys = sys
	for link, want := range map[string]float64{"eth0": 100, "eth2": 0, "docker0": 0, "none": 0, "lo": 0} {
		if got := n.linkSpeed(link); got != want {
			t.Errorf("speed of %s is %g, want %g", link, got, want)
		}
	}
}

func TestNodeName(t *testing.T) {
	for host, want := range map[string]string{"Worker_03.example.com": "worker-03", "": "localhost", "...": "localhost", "a": "a", "-x-": "x"} {
		if got := nodeName(host); got != want || !forescale.ValidName(got) {
			t.Errorf("host %q gives node %q, want %q", host, got, want)
		}
	}
}
