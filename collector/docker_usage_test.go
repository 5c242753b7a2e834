package collector

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

func TestCPUPercent(t *testing.T) {
	t0 := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	at := func(cpu, read, asked time.Duration) usage {
		return usage{cpu: cpu, read: t0.Add(read), asked: t0.Add(asked)}
	}
	for _, c := range []struct {
		name  string
		a, b  usage
		limit float64
		want  float64
		ok    bool
	}{
		{"half of one core", at(0, 0, 0), at(5*time.Second, 10*time.Second, 10*time.Second), 1, 50, true},
		{"half a core of a limit of half is full", at(0, 0, 0), at(5*time.Second, 10*time.Second, 10*time.Second), 0.5, 100, true},
		{"a burst above the limit is 100", at(0, 0, 0), at(6*time.Second, 10*time.Second, 10*time.Second), 0.5, 100, true},
		{"idle is 0, not nothing", at(time.Second, 0, 0), at(time.Second, 10*time.Second, 10*time.Second), 2, 0, true},
		{"counters that began anew give nothing", at(9*time.Second, 0, 0), at(time.Second, 10*time.Second, 10*time.Second), 1, 0, false},
		{"no time between gives nothing", at(0, 0, 0), at(time.Second, 0, time.Second), 1, 0, false},
		{"the engine's clock set back gives nothing", at(0, 0, 0), at(time.Second, -time.Hour, 10*time.Second), 1, 0, false},
		{"the engine's clock set forward gives nothing", at(0, 0, 0), at(time.Second, time.Hour, 10*time.Second), 1, 0, false},
		{"an answer that is a little late is fine", at(0, 0, 0), at(time.Second, 10*time.Second, 11*time.Second), 1, 10, true},
		{"an unknown limit gives nothing", at(0, 0, 0), at(time.Second, 10*time.Second, 10*time.Second), 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := cpuPercent(c.a, c.b, c.limit)
			if ok != c.ok || math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %g, %v, want %g, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestCPULimit(t *testing.T) {
	for _, c := range []struct {
		name string
		r    container.Resources
		want float64
	}{
		{"no limit is the machine", container.Resources{}, 8},
		{"a limit in cores", container.Resources{NanoCPUs: 1.5e9}, 1.5},
		{"a quota with its period", container.Resources{CPUQuota: 25_000, CPUPeriod: 50_000}, 0.5},
		{"a quota with the usual period", container.Resources{CPUQuota: 50_000}, 0.5},
		{"a quota of -1 is none", container.Resources{CPUQuota: -1}, 8},
		{"a set of cores", container.Resources{CpusetCpus: "0-2,5"}, 4},
		{"the tightest holds", container.Resources{CpusetCpus: "0-3", NanoCPUs: 2e9}, 2},
		{"a limit above the machine is the machine", container.Resources{NanoCPUs: 64e9}, 8},
		{"a set that cannot be read is none", container.Resources{CpusetCpus: "3-1"}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := cpuLimit(c.r, 8); got != c.want {
				t.Errorf("got %g, want %g", got, c.want)
			}
		})
	}
}

func TestMemoryPercent(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name  string
		m     container.MemoryStats
		limit int64
		want  float64
		ok    bool
	}{
		{"control groups 2: without the cache that can go", container.MemoryStats{Usage: 80 * mib, Stats: map[string]uint64{"inactive_file": 30 * mib}}, 100 * mib, 50, true},
		{"control groups 1: the total of the tree counts", container.MemoryStats{Usage: 80 * mib, Stats: map[string]uint64{"total_inactive_file": 40 * mib, "inactive_file": 1}}, 100 * mib, 40, true},
		{"without a limit it is of the machine", container.MemoryStats{Usage: 100 * mib}, 0, 10, true},
		{"a limit above the machine is the machine", container.MemoryStats{Usage: 100 * mib}, 1 << 62, 10, true},
		{"more cache than use is not subtracted", container.MemoryStats{Usage: 10 * mib, Stats: map[string]uint64{"inactive_file": 20 * mib}}, 100 * mib, 10, true},
		{"never above 100", container.MemoryStats{Usage: 101 * mib}, 100 * mib, 100, true},
		{"no reading is no sample", container.MemoryStats{}, 100 * mib, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := memoryPercent(c.m, c.limit, 1000*mib)
			if ok != c.ok || math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %g, %v, want %g, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

// Whatever the counters are, a sample is a percentage.
func TestUseIsAlwaysAPercentage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		t0 := time.Unix(1e9, 0)
		span := func(label string) time.Time { return t0.Add(time.Duration(rapid.Int64().Draw(t, label))) }
		draw := func(label string) usage {
			return usage{cpu: time.Duration(rapid.Int64().Draw(t, label)), read: span(label + " read"), asked: span(label + " asked")}
		}
		v, ok := cpuPercent(draw("a"), draw("b"), rapid.Float64().Draw(t, "limit"))
		if ok && !(v >= 0 && v <= 100) {
			t.Fatalf("cpu %g", v)
		}
		m := container.MemoryStats{Usage: rapid.Uint64().Draw(t, "usage"), Stats: map[string]uint64{"inactive_file": rapid.Uint64().Draw(t, "cache")}}
		v, ok = memoryPercent(m, rapid.Int64().Draw(t, "memory limit"), rapid.Int64().Draw(t, "machine"))
		if ok && !(v >= 0 && v <= 100) {
			t.Fatalf("memory %g", v)
		}
	})
}

// Whatever an engine says of a container: what it uses is a share of its limit.
func FuzzUsage(f *testing.F) {
	f.Add([]byte(`{"read":"2026-03-02T08:00:00Z","cpu_stats":{"cpu_usage":{"total_usage":1}},"memory_stats":{"usage":5,"stats":{"inactive_file":2}}}`),
		[]byte(`{"read":"2026-03-02T08:00:10Z","cpu_stats":{"cpu_usage":{"total_usage":18446744073709551615}},"memory_stats":{"usage":18446744073709551615}}`), "0-3,6", int64(1e9), int64(1<<30))
	f.Fuzz(func(t *testing.T, first, second []byte, cores string, cpus, memory int64) {
		var a, b container.StatsResponse
		if json.Unmarshal(first, &a) != nil || json.Unmarshal(second, &b) != nil {
			return
		}
		limits := container.Resources{NanoCPUs: cpus, CpusetCpus: cores, Memory: memory}
		d := &Docker{seen: map[string]*reading{"id": {sighting: forescale.Sighting{Service: "web", Ready: true}, limits: limits}}, info: engineInfo{cores: 2, memory: 1 << 33}}
		o := forescale.Observation{Failed: map[string]string{}}
		asked := time.Now()
		d.count(&batchItem{id: "id", name: "web-1", stats: a, asked: asked}, &o)
		d.count(&batchItem{id: "id", name: "web-1", stats: b, asked: asked.Add(b.Read.Sub(a.Read))}, &o)
		if len(o.Samples) > 2 {
			t.Fatalf("%d samples", len(o.Samples))
		}
		for _, s := range o.Samples {
			if !(s.Value >= 0 && s.Value <= 100) {
				t.Fatalf("%s is %g %%", s.Metric, s.Value)
			}
		}
	})
}
