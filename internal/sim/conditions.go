package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale/datasets"
)

// Conditions are how far a world is from one that obeys. All of it is drawn from the
// seed and the name or the minute that it is for: what is asked for later never
// changes it. The zero value obeys.
type Conditions struct {
	Nodes       int           // that instances are spread over; 0: 1
	Pull        time.Duration // how much longer the first start of an image on a node takes; others wait for it
	StartFails  float64       // share of the instances that exit half-way through their start
	Deaths      float64       // of instances, for each instance and day
	NodeDeaths  float64       // of nodes, for each node and day: what runs there dies, and images are gone
	NodeBoot    time.Duration // until a dead node is back; 0: 5 min
	Missing     float64       // share of the minutes in which an instance, by itself, gives no samples
	Noise       float64       // standard deviation of measured utilization, in percentage points; it stays within 0 and 100 %
	Utilization bool          // services are read by their utilization, which saturates, rather than by their load
}

// Ideal reports whether the world obeys.
func (c Conditions) Ideal() bool { return c == Conditions{} || c == Conditions{Nodes: c.Nodes} }

const defaultNodeBoot = 5 * time.Minute

// machine is a node of the world.
type machine struct {
	name  string
	dies  time.Time               // next
	back  time.Time               // it is away until then
	turns int                     // lives that it had
	pulls map[*workload]time.Time // when the image of a service is, or will be, there
}

func (m *machine) up(t time.Time) bool { return !t.Before(m.back) }

// newMachines are the nodes of a world that begins at now.
func newMachines(c Config, now time.Time) []*machine {
	ms := make([]*machine, max(1, c.Conditions.Nodes))
	for i := range ms {
		ms[i] = &machine{name: c.Node, back: now, pulls: map[*workload]time.Time{}}
		if len(ms) > 1 {
			ms[i].name = fmt.Sprintf("%s-%d", c.Node, i+1)
		}
		ms[i].live(c, now)
	}
	return ms
}

// live draws how long a node lives from t on.
func (m *machine) live(c Config, t time.Time) {
	m.dies = t.Add(lifetime(c.Seed, "node", fmt.Sprint(m.name, m.turns), c.Conditions.NodeDeaths))
	m.turns++
}

// lifetime is drawn for a name: deaths is how many there are in a day.
func lifetime(seed uint64, kind, name string, deaths float64) time.Duration {
	if deaths <= 0 {
		return never
	}
	return time.Duration(min(datasets.Draw(seed, kind+" lives", hash(name)).ExpFloat64()/deaths*float64(24*time.Hour), float64(never)))
}

// loseNodes ends what is on nodes that die by now.
func (w *World) loseNodes() {
	for _, m := range w.machines {
		for !m.dies.After(w.now) {
			died := m.dies
			boot := w.Conditions.NodeBoot
			if boot == 0 {
				boot = defaultNodeBoot
			}
			m.back = died.Add(boot)
			clear(m.pulls)
			for _, u := range w.units {
				if u.on == m && !u.created.After(died) && u.running(died) {
					u.dies, u.exit = died, "its node died"
				}
			}
			m.live(w.Config, m.back)
		}
	}
}

// place draws a node for an instance from those that are up; if none is, it is the
// first. It does not go by what else is there: starts come side by side, in any order.
func (w *World) place(id string) *machine {
	best, most := w.machines[0], uint64(0)
	if len(w.machines) == 1 {
		return best
	}
	for _, m := range w.machines {
		if v := datasets.Draw(w.Seed, "place "+m.name, hash(id)).Uint64(); v > most && m.up(w.now) {
			best, most = m, v
		}
	}
	return best
}

// pulled is how long the start of an instance of s waits for its image on m.
func (w *World) pulled(m *machine, s *workload) time.Duration {
	if w.Conditions.Pull <= 0 {
		return 0
	}
	there, begun := m.pulls[s]
	if !begun {
		there = w.now.Add(w.Conditions.Pull)
		m.pulls[s] = there
	}
	return max(0, there.Sub(w.now))
}

// hardships are what is drawn for an instance when it is created: it may exit
// half-way through its start, and it will not live for ever.
func (w *World) hardships(u *unit, start time.Duration) {
	if w.Conditions.StartFails > 0 && datasets.Draw(w.Seed, "start fails", hash(u.id)).Float64() < w.Conditions.StartFails {
		u.dies, u.exit = w.now.Add(start/2), "exit code 1"
		return
	}
	if lives := lifetime(w.Seed, "instance", u.id, w.Conditions.Deaths); lives < never {
		u.dies, u.exit = u.ready.Add(lives), "exit code 137"
	}
}

// silent reports whether an instance gives no samples in this minute.
func (w *World) silent(id string) bool {
	return w.Conditions.Missing > 0 && datasets.Draw(w.Seed, "missing", hash(id)^uint64(w.now.Unix()/60)).Float64() < w.Conditions.Missing
}

// noisy is a utilization as it is read now.
func (w *World) noisy(used float64, id string) float64 {
	if w.Conditions.Noise <= 0 {
		return used
	}
	noise := datasets.Draw(w.Seed, "noise", hash(id)^uint64(w.now.UnixNano())).NormFloat64()
	return math.Min(100, math.Max(0, used+w.Conditions.Noise*noise))
}

// nodesUp is how many nodes there are now.
func (w *World) nodesUp(t time.Time) (n int) {
	for _, m := range w.machines {
		if m.up(t) {
			n++
		}
	}
	return n
}
