package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/engine"
	"golang.org/x/sync/errgroup"
)

// sourceDocker is the engine's key in Observation.Failed. What is wrong with
// one container stands under "docker/NAME".
const sourceDocker = "docker"

// infoAge is how long the engine's own cores and memory are taken as known.
const infoAge = 10 * time.Minute

// DockerOptions say how an engine is read. The zero value reads the engine that
// the environment names (DOCKER_HOST and so on), else the local one.
type DockerOptions struct {
	Host string // engine address such as unix:///var/run/docker.sock; "" is the environment's
	Node string // name of the node that the engine runs on; "" is the engine's host name. What the agent of another node made there is not ours
	// Services are the registered services, for their ports and probes. Nil:
	// there are only those that labels register.
	Services func(ctx context.Context) ([]forescale.Service, error)
	Clock    forescale.Clock // what the times of the observation are told in; nil is the machine's
	Log      *slog.Logger    // nil drops all
	// Timeout bounds one Observe, CallTimeout one question to the engine, both
	// in the machine's time. Defaults: 8 s and 3 s.
	Timeout, CallTimeout time.Duration
	Parallel             int // containers looked at at the same time; default 16
	// UsageEvery is the least time between two readings of what instances use,
	// UsageWait how long Observe waits for one. Older engines take up to a second
	// to answer; what comes later is told by the next Observe. Defaults: 5 s and
	// 1.5 s; a negative wait is none.
	UsageEvery, UsageWait time.Duration
}

func (o DockerOptions) withDefaults() DockerOptions {
	if o.Clock == nil {
		o.Clock = forescale.NewSystemClock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = 8 * time.Second
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = min(3*time.Second, o.Timeout)
	}
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	if o.UsageEvery <= 0 {
		o.UsageEvery = 5 * time.Second
	}
	if o.UsageWait == 0 {
		o.UsageWait = 1500 * time.Millisecond
	}
	return o
}

// Docker reads a Docker Engine: the instances of services, the services that
// labels register, what the instances use, and the engine's machine as a node.
// It remembers the last reading of each container, since the use of a processor
// is the difference of two. Methods are safe for concurrent use.
type Docker struct {
	o      DockerOptions
	cli    *client.Client
	pace   pace
	host   string // where published ports of the engine are reached
	answer *engine.Gate
	prober *prober

	end  context.Context // ends with Close, and with it the readings under way
	stop context.CancelFunc
	wg   sync.WaitGroup

	probing sync.Once // starts the prober with the first probe

	mu       sync.Mutex // one Observe at a time
	retry    backoff
	seen     map[string]*reading // by container id
	services map[string]forescale.Service
	info     engineInfo
	firstBy  time.Time // machine time until which this Observe waits for first answers of probes
	last     time.Time // machine time of the last whole list; zero: none yet
	batch    *batch    // reading of use that is under way, or nil
	batched  time.Time // machine time when the last one began
}

// NewDocker makes a reader. It does not connect yet: an engine that is away is
// told by Observe.
func NewDocker(o DockerOptions) (*Docker, error) {
	o = o.withDefaults()
	cli, err := engine.Connect(o.Host)
	if err != nil {
		return nil, err
	}
	end, stop := context.WithCancel(context.Background())
	return &Docker{o: o, cli: cli, end: end, stop: stop, pace: paceOf(o.Clock), host: reachableHost(cli.DaemonHost()),
		answer: engine.NewGate(), prober: newProber(paceOf(o.Clock), newAsker(cli).ask), seen: map[string]*reading{}}, nil
}

// Close ends what is under way and gives up the connections to the engine.
func (d *Docker) Close() error {
	d.stop()
	d.wg.Wait()
	return d.cli.Close()
}

// Observe reads the engine once. It comes back within the timeout, whatever the
// engine does; while the engine is away it only asks again after a growing pause.
func (d *Docker) Observe(ctx context.Context) forescale.Observation {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, away := d.retry.begin(d.o.Clock, sourceDocker)
	if away {
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	list, err := d.list(ctx)
	if err != nil {
		d.retry.failed(time.Now(), d.sentence(err))
		o.Failed[sourceDocker] = d.retry.why
		d.o.Log.Warn("the Docker Engine could not be read", "error", err)
		return o
	}
	d.retry.worked()
	d.register(ctx, list, &o)
	o.Nodes = []forescale.Node{d.info.node(o.Time)}
	o.Complete = d.readAll(ctx, list, &o)
	o.Partial = !o.Complete
	d.forget(list)
	d.use(ctx, &o)
	return o
}

// list asks for all containers of ours, oldest first, and for the engine itself
// when that was long ago.
func (d *Docker) list(ctx context.Context) ([]container.Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.CallTimeout)
	defer cancel()
	if err := d.answer.Pass(ctx, d.cli); err != nil {
		return nil, err
	}
	if time.Since(d.info.at) > infoAge {
		info, err := d.cli.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask for the engine's cores and memory: %w", err)
		}
		d.info = engineInfo{at: time.Now(), cores: float64(info.NCPU), memory: info.MemTotal, name: cmp.Or(d.o.Node, nodeName(info.Name))}
	}
	all := map[string]container.Summary{}
	// The engine joins label filters by "and", so each label is one question.
	for _, label := range []string{forescale.LabelService, forescale.LabelEnable + "=true"} {
		part, err := d.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
		if err != nil {
			return nil, fmt.Errorf("list the containers: %w", err)
		}
		for _, c := range part {
			if by := c.Labels[forescale.LabelNode]; by != "" && by != d.info.name {
				continue
			}
			if len(c.Names) > 0 && c.Labels[labelSwarmTask] == "" { // tasks of a swarm are Swarm's
				all[c.ID] = c
			}
		}
	}
	list := make([]container.Summary, 0, len(all))
	for _, c := range all {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b container.Summary) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(containerName(a), containerName(b)))
	})
	return list, nil
}

// register brings the registered services and those of labels together.
func (d *Docker) register(ctx context.Context, list []container.Summary, o *forescale.Observation) {
	if d.o.Services != nil {
		if known, err := d.o.Services(ctx); err != nil {
			// The ones known before still tell ports and probes.
			o.Failed["services"] = fmt.Sprintf("the registered services could not be read: %v", err)
		} else {
			d.services = map[string]forescale.Service{}
			for _, s := range known {
				d.services[s.Name] = s
			}
		}
	}
	if d.services == nil {
		d.services = map[string]forescale.Service{}
	}
	labelled, faults := labelledServices(list)
	for name, f := range faults {
		o.Failed[sourceDocker+"/"+name] = f
	}
	for _, s := range labelled {
		if known, ok := d.services[s.Name]; ok && known.Origin != forescale.OriginLabel {
			continue // the config file or a request says what it is
		}
		d.services[s.Name] = s
		o.Services = append(o.Services, s)
	}
}

// readAll reads each container. It reports whether what was found of each is a
// fact: false when the time was up or the engine went away on the way.
func (d *Docker) readAll(ctx context.Context, list []container.Summary, o *forescale.Observation) bool {
	type found struct {
		sighting forescale.Sighting
		err      error
		gone     bool
	}
	all := make([]found, len(list))
	var g errgroup.Group
	g.SetLimit(d.o.Parallel)
	now := time.Now()
	d.firstBy = now.Add(firstAnswers)
	for i, c := range list {
		r, ok := d.seen[c.ID]
		if !ok {
			r = &reading{}
			d.seen[c.ID] = r
		}
		g.Go(func() error {
			f := &all[i]
			f.sighting, f.gone, f.err = d.read(ctx, c, r)
			return nil
		})
	}
	_ = g.Wait()
	whole := ctx.Err() == nil
	for i, f := range all {
		if f.gone {
			continue
		}
		if f.err != nil {
			o.Failed[sourceDocker+"/"+containerName(list[i])] = d.sentence(f.err)
			whole = whole && !client.IsErrConnectionFailed(f.err)
		}
		o.Instances = append(o.Instances, f.sighting)
	}
	if whole {
		d.last = now
	} else {
		o.Failed[sourceDocker] = fmt.Sprintf("the Docker Engine did not tell all within %v", d.o.Timeout)
	}
	return whole
}

// forget drops the readings of containers that are gone.
func (d *Docker) forget(list []container.Summary) {
	present, running := make(map[string]bool, len(list)), make(map[string]bool, len(list))
	for _, c := range list {
		present[c.ID] = true
		running[c.ID] = c.State == container.StateRunning
	}
	d.prober.keep(running)
	for id := range d.seen {
		if !present[id] {
			delete(d.seen, id)
		}
	}
}

// sentence tells an error of the engine in words.
func (d *Docker) sentence(err error) string {
	return engineSentence(err, d.cli.DaemonHost(), d.o.CallTimeout)
}

func engineSentence(err error, host string, patience time.Duration) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the Docker Engine at %s gave no answer within %v", host, patience)
	case errors.Is(err, context.Canceled):
		return "reading the Docker Engine was broken off"
	case client.IsErrConnectionFailed(err):
		return fmt.Sprintf("no Docker Engine answers at %s", host)
	default:
		return err.Error()
	}
}

func containerName(c container.Summary) string { return strings.TrimPrefix(c.Names[0], "/") }

// engineInfo is what the engine says about its machine.
type engineInfo struct {
	at     time.Time // machine time of the reading
	name   string
	cores  float64
	memory int64
}

func (i engineInfo) node(now time.Time) forescale.Node {
	return forescale.Node{Name: i.name, State: forescale.NodeReady, Cores: i.cores, Memory: i.memory, UpdatedAt: now}
}
