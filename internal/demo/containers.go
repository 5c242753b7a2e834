package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/internal/sim"
)

const (
	engineRound  = 500 * time.Millisecond // real time between planning rounds: an engine needs about as long for a start
	engineWarmup = 1200 * time.Millisecond
	startup      = 500 * time.Millisecond // of the service, real time
	servicePort  = 8080
)

// containers is the stage with a Docker Engine.
type containers struct {
	compared

	engine Engine
	load   datasets.Pattern
	pace   pace
	owner  string
	image  string

	clock    forescale.Clock
	record   *record
	balancer *balancer
	traffic  *traffic
}

// newContainers connects, removes what killed demonstrations left, and makes
// the image.
func newContainers(ctx context.Context, d *demo, run string) (_ *containers, err error) {
	if d.Engine == nil {
		return nil, &forescale.Fault{Code: "engine_unreachable", What: "this build knows no Docker Engine"}
	}
	connect, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	engine, err := d.Engine(connect)
	if err != nil {
		return nil, &forescale.Fault{Code: "engine_unreachable", What: "no Docker Engine answers: " + err.Error(), Where: "DOCKER_HOST",
			Help: "start one, or run `forescale demo --docker off`; nothing was started", Err: err}
	}
	c := &containers{engine: engine, load: d.load, pace: d.pace, owner: owner(), image: "forescale-demo:" + run[len(prefix):]}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
			defer cancel()
			_ = c.close(ctx)
		}
	}()
	n, err := sweep(ctx, engine, func(owner string) bool { return !alive(owner) })
	if err != nil {
		return nil, err
	}
	if n > 0 {
		d.say.line("  cleaned   %d containers and images that a killed demonstration had left", n)
	}
	return c, build(ctx, engine, c.image, c.owner)
}

func (c *containers) service() forescale.Service {
	s := shop(c.load.Zone)
	s.Warmup = c.pace.simulated(engineWarmup)
	s.Cooldown = c.pace.simulated(500 * time.Millisecond)
	s.Missing.Hold = max(s.Missing.Hold, c.pace.simulated(5*time.Second))
	s.Missing.StandIn = max(s.Missing.StandIn, 4*s.Missing.Hold)
	s.Template = forescale.Template{
		Image: c.image,
		Command: []string{"demo-service", "--listen", fmt.Sprintf(":%d", servicePort), "--capacity", fmt.Sprint(capacity),
			"--startup", startup.String()},
		Env:    map[string]string{"GOMAXPROCS": "1"},
		Labels: map[string]string{Label: c.owner},
		Port:   servicePort, Publish: true, Memory: 256 << 20,
		Readiness: forescale.Probe{HTTP: "/healthz", Timeout: time.Second},
	}
	return s
}

func (c *containers) wire(w *Wiring) {
	c.clock = w.Clock
	c.balancer = newBalancer()
	c.record = newRecord(w.Clock, c.service(), c.load, c.balancer.ready)
	c.traffic = newTraffic(w.Clock, c.load, c.balancer)
	w.World, w.Image, w.Times = "Docker Engine", c.image, c.pace.times(engineRound)
}

// play runs the load, the balancer, the transmitter and the record together.
func (c *containers) play(ctx context.Context, s Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := newTransmitter(c.clock, c.balancer, s.URL(), c.pace.push())
	var parts sync.WaitGroup
	for _, run := range []func(context.Context){
		func(ctx context.Context) { c.balancer.watch(ctx, s.URL()) },
		c.traffic.run, t.run, c.record.run,
	} {
		parts.Go(func() { run(ctx) })
	}
	parts.Wait()
	return nil
}

func (c *containers) tell(ds []forescale.Decision) { c.record.tell(ds) }
func (c *containers) rows() []sim.Row {
	if c.record == nil {
		return nil
	}
	return c.record.all()
}

func (c *containers) remark() string {
	if c.traffic == nil {
		return ""
	}
	return c.traffic.remark()
}

// close removes this demonstration's containers and image.
func (c *containers) close(ctx context.Context) error {
	_, err := sweep(ctx, c.engine, func(owner string) bool { return owner == c.owner })
	if cerr := c.engine.Close(); err == nil {
		err = cerr
	}
	return err
}
