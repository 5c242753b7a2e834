package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/forescale/forescale"
)

// usage is one reading of a container's counters.
type usage struct {
	cpu   time.Duration // processor time used since the start
	read  time.Time     // engine's time of the reading
	asked time.Time     // our own, with its steady part
}

// measure reads what an instance uses and gives its samples: none at the first
// reading since it became ready, as the interval up to it is start-up.
func (d *Docker) measure(ctx context.Context, s forescale.Sighting, limits container.Resources, r *reading, now time.Time) ([]forescale.Sample, error) {
	before := r.usage
	r.usage = usage{}
	st, err := d.stats(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	if st.Read.IsZero() || st.CPUStats.CPUUsage.TotalUsage == 0 && st.MemoryStats.Usage == 0 {
		return nil, nil // it ended between the two questions
	}
	r.usage = usage{cpu: time.Duration(st.CPUStats.CPUUsage.TotalUsage), read: st.Read, asked: time.Now()}
	if before.read.IsZero() {
		return nil, nil
	}
	subject := forescale.Subject{Kind: forescale.KindInstance, Name: s.ID, Service: s.Service}
	var samples []forescale.Sample
	if v, ok := cpuPercent(before, r.usage, cpuLimit(limits, d.info.cores)); ok {
		samples = append(samples, forescale.Sample{Subject: subject, Metric: forescale.MetricCPU, Time: now, Value: v})
	}
	if v, ok := memoryPercent(st.MemoryStats, limits.Memory, d.info.memory); ok {
		samples = append(samples, forescale.Sample{Subject: subject, Metric: forescale.MetricMemory, Time: now, Value: v})
	}
	return samples, nil
}

// stats asks for the counters as they are, without the second that the engine
// would otherwise wait to make a difference of its own.
func (d *Docker) stats(ctx context.Context, id string) (container.StatsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.CallTimeout)
	defer cancel()
	var st container.StatsResponse
	resp, err := d.cli.ContainerStatsOneShot(ctx, id)
	if err != nil {
		return st, fmt.Errorf("read what it uses: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		return st, fmt.Errorf("read what it uses: %w", err)
	}
	return st, nil
}

// cpuPercent is the processor use between two readings in % of the limit in
// cores, at most 100. ok is false when it would be nonsense: counters that went
// back (a restart), no time between, or a clock that jumped meanwhile.
func cpuPercent(a, b usage, limit float64) (v float64, ok bool) {
	span, own := b.read.Sub(a.read), b.asked.Sub(a.asked)
	used := b.cpu - a.cpu
	if span <= 0 || used < 0 || limit <= 0 {
		return 0, false
	}
	if off := (span - own).Abs(); off > max(span/5, 200*time.Millisecond) {
		return 0, false
	}
	return min(100, 100*used.Seconds()/(span.Seconds()*limit)), true
}

// cpuLimit is how many cores a container may use: the tightest of its limits,
// or the cores of the machine.
func cpuLimit(r container.Resources, cores float64) float64 {
	limit := cores
	tighten := func(v float64) {
		if v > 0 && (limit <= 0 || v < limit) {
			limit = v
		}
	}
	tighten(float64(r.NanoCPUs) / 1e9)
	if r.CPUQuota > 0 {
		tighten(float64(r.CPUQuota) / float64(cmp.Or(r.CPUPeriod, 100_000)))
	}
	tighten(float64(cpuSet(r.CpusetCpus)))
	return limit
}

// cpuSet counts the cores in a list such as "0-3,6"; 0 when there is none or it
// cannot be read.
func cpuSet(s string) int {
	n := 0
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(lo)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(hi)
		}
		if err != nil || a < 0 || b < a {
			return 0
		}
		n += b - a + 1
	}
	return n
}

// memoryPercent is the memory in use in % of the limit, or of the machine's
// memory, at most 100. Page cache that can be dropped at once (inactive_file) is
// not counted; control groups name it differently in version 1 and 2.
func memoryPercent(m container.MemoryStats, limit, machine int64) (v float64, ok bool) {
	if limit <= 0 || machine > 0 && limit > machine {
		limit = machine
	}
	if limit <= 0 || m.Usage == 0 {
		return 0, false
	}
	used := m.Usage
	cache, v1 := m.Stats["total_inactive_file"]
	if !v1 {
		cache = m.Stats["inactive_file"]
	}
	if cache < used {
		used -= cache
	}
	return min(100, 100*float64(used)/float64(limit)), true
}
