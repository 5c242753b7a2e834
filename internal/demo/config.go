package demo

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// Choice says whether a Docker Engine is used.
type Choice string

// The choices.
const (
	Auto     Choice = "auto"     // if one answers
	Off      Choice = "off"      // never
	Required Choice = "required" // a fault if none answers
)

// Config is what a demonstration is made from.
type Config struct {
	Days   int           // simulated days until it ends by itself; 0: until the context ends
	Day    time.Duration // real time that a simulated day takes
	Docker Choice
	Hosts  bool   // hosts on this machine come and go, too
	Listen string // address of the server
	Seed   uint64
	Out    io.Writer // the story
	Log    *slog.Logger

	// Engine connects to the Docker Engine. An error means that none answers.
	Engine func(ctx context.Context) (Engine, error)
	// Store opens a fresh store in a file that does not exist yet.
	Store func(ctx context.Context, path string) (store.Store, error)
	// Serve starts the real server around the parts.
	Serve func(ctx context.Context, w Wiring) (Server, error)
}

// Wiring is what the demonstration gives to the server.
type Wiring struct {
	Store  store.Store
	Listen string
	Clock  forescale.Clock
	Speed  float64 // of the clock against real time
	World  string  // name for people
	Times  Times
	Source Source // nil: the Docker Engine
	Target Target // nil: the Docker Engine
	Hosts  *Hosts // where the server acts by the agents of hosts, and orders them; nil: it does not
	OnStep func(at time.Time, decisions []forescale.Decision)
	Image  string // of the instances in the Docker Engine; what else runs there is left alone
}

// Hosts are how hosts are ordered and given back.
type Hosts struct {
	Type   string   // of node
	Script []string // the provider, to be followed by its arguments
	Agents string   // host:port where the server takes agents
	Beside string   // path beside which it keeps what they know it by

	// Token makes a token by which the agent of a node may join within a day of the clock.
	// The server sets it.
	Token func(ctx context.Context, node string) (string, error)
}

// Times are the loop's paces, in time of the clock.
type Times struct{ Collect, Interval, Pulse, Refresh time.Duration }

// Source reads the world, as internal/loop asks for it.
type Source interface {
	Observe(ctx context.Context) forescale.Observation
}

// Target changes the world, as internal/loop asks for it.
type Target interface {
	Start(ctx context.Context, s forescale.Service, i forescale.Instance) error
	Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error
}

// Server is the running product.
type Server interface {
	URL() string
	Refresh(ctx context.Context, services ...string) error
	Failed() <-chan error // a part ended by itself
	Close(ctx context.Context) error
}

// pace says how fast time runs.
type pace struct {
	factor float64
}

func newPace(day time.Duration) pace { return pace{factor: float64(24*time.Hour) / float64(day)} }

// simulated is how much simulated time goes by in real time d.
func (p pace) simulated(d time.Duration) time.Duration {
	return time.Duration(float64(d) * p.factor).Round(time.Second)
}

// times are the loop's paces: as in real life, but no faster than one round in
// the given real time, as the machine has to keep up.
func (p pace) times(round time.Duration) Times {
	interval := max(time.Minute, p.simulated(round))
	return Times{Collect: interval, Interval: interval, Pulse: max(10*time.Second, interval/5),
		Refresh: max(15*time.Minute, p.simulated(2*time.Second))}
}

// push is the real time between two pushes of samples: often enough that no
// simulated minute is without, and no more often than the machine can bear.
func (p pace) push() time.Duration {
	return max(50*time.Millisecond, min(time.Second, time.Duration(0.7*float64(time.Minute)/p.factor)))
}
