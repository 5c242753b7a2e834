package collector

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
	psnet "github.com/shirou/gopsutil/v4/net"
)

// NodeOptions say how this machine is read as a node.
type NodeOptions struct {
	Name string // of the node; "" is the machine's host name
	Type string // name of its node type, "" if none
	Path string // a path on the file system whose use is reported, the store's; "" is the root's
	// Bandwidth is the speed of the machine's link in Mbit/s; 0 asks the
	// interfaces. When they do not know, bandwidth is not reported.
	Bandwidth float64
	Clock     forescale.Clock // nil is the machine's
	Log       *slog.Logger    // nil drops all
}

// Node reads this machine. It remembers the last counters, since the use of a
// processor and of a link is the difference of two readings: the first has none.
type Node struct {
	o   NodeOptions
	sys string // where the kernel shows network interfaces

	mu   sync.Mutex
	last nodeCounters
}

// nodeCounters is one reading of what only grows.
type nodeCounters struct {
	at         time.Time // with its steady part; zero: none yet
	busy, idle float64   // processor seconds, over all cores
	in, out    map[string]uint64
}

// NewNode makes a reader of this machine.
func NewNode(o NodeOptions) *Node {
	if o.Clock == nil {
		o.Clock = forescale.NewSystemClock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Path = cmp.Or(o.Path, string(filepath.Separator))
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = nodeName(host)
	}
	return &Node{o: o, sys: "/sys/class/net"}
}

// Observe reads the machine once. It lists no instances, so it is not Complete.
func (n *Node) Observe(ctx context.Context) forescale.Observation {
	n.mu.Lock()
	defer n.mu.Unlock()
	o := forescale.Observation{Time: n.o.Clock.Now(), Failed: map[string]string{}}
	node := forescale.Node{Name: n.o.Name, Type: n.o.Type, State: forescale.NodeReady, UpdatedAt: o.Time}
	fail := func(part string, err error) {
		o.Failed["node/"+part] = fmt.Sprintf("%s of this machine could not be read: %v", part, err)
		n.o.Log.Warn("a part of this machine could not be read", "part", part, "error", err)
	}
	sample := func(m forescale.Metric, percent float64) {
		o.Samples = append(o.Samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindNode, Name: n.o.Name},
			Metric: m, Time: o.Time, Value: rounded(max(0, min(100, percent)))})
	}
	if cores, err := cpu.CountsWithContext(ctx, true); err != nil {
		fail("cores", err)
	} else {
		node.Cores = float64(cores)
	}
	now := nodeCounters{at: time.Now()}
	if times, err := cpu.TimesWithContext(ctx, false); err != nil || len(times) == 0 {
		fail("cpu", cmp.Or(err, errEmpty))
	} else {
		t := times[0]
		now.idle = t.Idle + t.Iowait
		// Guest time is part of user time already.
		now.busy = t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
		if v, ok := busyPercent(n.last, now); ok {
			sample(forescale.MetricCPU, v)
		}
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); err != nil {
		fail("memory", err)
	} else if m.Total > 0 {
		node.Memory = int64(m.Total)
		sample(forescale.MetricMemory, 100*float64(m.Total-min(m.Available, m.Total))/float64(m.Total))
	}
	if u, err := disk.UsageWithContext(ctx, n.o.Path); err != nil {
		fail("disk", err)
	} else {
		sample(forescale.MetricDisk, u.UsedPercent)
		if u.InodesTotal > 0 { // some file systems have no limit of files
			sample(forescale.MetricInodes, u.InodesUsedPercent)
		}
	}
	if links, err := psnet.IOCountersWithContext(ctx, true); err != nil {
		fail("bandwidth", err)
	} else {
		now.in, now.out = map[string]uint64{}, map[string]uint64{}
		for _, l := range links {
			if n.o.Bandwidth > 0 && !virtualLink(l.Name) || n.linkSpeed(l.Name) > 0 {
				now.in[l.Name], now.out[l.Name] = l.BytesRecv, l.BytesSent
			}
		}
		if in, out, ok := n.linkPercent(n.last, now); ok {
			sample(forescale.MetricBandwidthIn, in)
			sample(forescale.MetricBandwidthOut, out)
			sample(forescale.MetricBandwidth, max(in, out)) // links are full duplex
		}
	}
	n.last = now
	o.Nodes = []forescale.Node{node}
	return o
}

// errEmpty is an answer without content.
var errEmpty = fmt.Errorf("the system gave no figures")

// busyPercent is the share of processor time that was not idle between two readings.
func busyPercent(a, b nodeCounters) (v float64, ok bool) {
	busy, idle := b.busy-a.busy, b.idle-a.idle
	if a.at.IsZero() || busy < 0 || idle < 0 || busy+idle <= 0 {
		return 0, false
	}
	return 100 * busy / (busy + idle), true
}

// linkPercent is how busy the busiest link was in each direction: one full link is what
// slows the machine down. With a configured bandwidth all links together are measured
// against that.
func (n *Node) linkPercent(a, b nodeCounters) (in, out float64, ok bool) {
	span := b.at.Sub(a.at).Seconds()
	if a.at.IsZero() || span <= 0 {
		return 0, 0, false
	}
	for link := range b.in {
		before, known := a.in[link]
		if !known || b.in[link] < before || b.out[link] < a.out[link] {
			continue // a new link, or one whose counters began anew
		}
		linkIn, linkOut := float64(b.in[link]-before)*8/1e6/span, float64(b.out[link]-a.out[link])*8/1e6/span
		if n.o.Bandwidth > 0 {
			in, out, ok = in+100*linkIn/n.o.Bandwidth, out+100*linkOut/n.o.Bandwidth, true
		} else if speed := n.linkSpeed(link); speed > 0 {
			in, out, ok = max(in, 100*linkIn/speed), max(out, 100*linkOut/speed), true
		}
	}
	return in, out, ok
}

// linkSpeed is the speed of a physical link in Mbit/s; 0 when it is not known.
func (n *Node) linkSpeed(link string) float64 {
	if virtualLink(link) {
		return 0
	}
	b, err := os.ReadFile(filepath.Join(n.sys, link, "speed"))
	if err != nil {
		return 0 // a link that is down or has no speed says so by an error
	}
	speed, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil || speed <= 0 {
		return 0 // -1 is unknown
	}
	return speed
}

// virtualLink reports whether traffic of the link never leaves the machine by
// it, or is counted again on another.
func virtualLink(name string) bool {
	for _, prefix := range []string{"lo", "veth", "docker", "br-", "virbr", "tap", "tun", "dummy", "ifb", "cni", "flannel", "cali"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// nodeName makes a node's name from a host name: its first part, in the letters
// that names have.
func nodeName(host string) string {
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, host)
	if len(name) > 42 {
		name = name[:42]
	}
	return cmp.Or(strings.Trim(name, "-"), "localhost")
}
