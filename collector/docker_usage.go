package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/forescale/forescale"
	"golang.org/x/sync/errgroup"
)

// usage is one reading of a container's counters.
type usage struct {
	cpu   time.Duration // processor time used since the start
	read  time.Time     // engine's time of the reading
	asked time.Time     // our own, with its steady part
}

// usageAtOnce bounds the readings under way. It is high, since an engine of the
// older kind answers all of them at its next tick of a second.
const usageAtOnce = 128

// batch is one reading of what the ready instances use, in the background.
type batch struct {
	items []batchItem
	done  chan struct{} // closed when all items are filled
}

type batchItem struct {
	id      string // the engine's
	name    string
	unready int // of the reading, when it was asked for
	stats   container.StatsResponse
	asked   time.Time // machine time of the answer
	err     error
}

// use begins a reading of what the ready instances use, if one is due, and adds
// the samples of the one that is done. It waits a moment for that, not longer.
func (d *Docker) use(ctx context.Context, o *forescale.Observation) {
	if d.batch == nil && time.Since(d.batched) >= d.o.UsageEvery {
		d.begin()
	}
	if d.batch == nil {
		return
	}
	patience := time.NewTimer(max(0, d.o.UsageWait))
	defer patience.Stop()
	select {
	case <-d.batch.done:
	case <-patience.C:
		select {
		case <-d.batch.done:
		default:
			return
		}
	case <-ctx.Done():
		return
	}
	for i := range d.batch.items {
		d.count(&d.batch.items[i], o)
	}
	d.batch = nil
}

// begin asks for the use of all instances that are known to be ready now.
func (d *Docker) begin() {
	b := &batch{done: make(chan struct{})}
	for id, r := range d.seen {
		if r.sighting.Ready && !r.unread {
			b.items = append(b.items, batchItem{id: id, name: r.sighting.ID, unready: r.unready})
		}
	}
	if len(b.items) == 0 {
		return
	}
	slices.SortFunc(b.items, func(a, b batchItem) int { return cmp.Compare(a.name, b.name) })
	d.batch, d.batched = b, time.Now()
	d.wg.Go(func() {
		defer close(b.done)
		ctx, cancel := context.WithTimeout(d.end, d.o.Timeout)
		defer cancel()
		var g errgroup.Group
		g.SetLimit(usageAtOnce)
		for i := range b.items {
			g.Go(func() error {
				item := &b.items[i]
				item.stats, item.err = d.stats(ctx, item.id)
				item.asked = time.Now()
				return nil
			})
		}
		_ = g.Wait()
	})
}

// count turns one answer into samples: none for the first since the instance
// became ready, as the interval up to it is start-up, and none while it is not
// known whether the instance is still ready.
func (d *Docker) count(item *batchItem, o *forescale.Observation) {
	r := d.seen[item.id]
	st := item.stats
	switch {
	case r == nil || r.unread || r.unready != item.unready || errdefs.IsNotFound(item.err):
		return // it went, was not ready in between, or may not be
	case item.err != nil:
		r.usage = usage{}
		o.Failed[sourceDocker+"/"+item.name] = d.sentence(item.err)
		return
	case st.Read.IsZero() || st.CPUStats.CPUUsage.TotalUsage == 0 && st.MemoryStats.Usage == 0:
		r.usage = usage{}
		return // it ended between the two questions
	}
	before := r.usage
	r.usage = usage{cpu: time.Duration(st.CPUStats.CPUUsage.TotalUsage), read: st.Read, asked: item.asked}
	if before.read.IsZero() {
		return
	}
	sample := func(m forescale.Metric, v float64) {
		o.Samples = append(o.Samples, forescale.Sample{
			Subject: forescale.Subject{Kind: forescale.KindInstance, Name: item.name, Service: r.sighting.Service},
			Metric:  m, Time: d.pace.at(item.asked), Value: rounded(v),
		})
	}
	if v, ok := cpuPercent(before, r.usage, cpuLimit(r.limits, d.info.cores)); ok {
		sample(forescale.MetricCPU, v)
	}
	if v, ok := memoryPercent(st.MemoryStats, r.limits.Memory, d.info.memory); ok {
		sample(forescale.MetricMemory, v)
	}
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
