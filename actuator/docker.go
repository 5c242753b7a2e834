// Package actuator makes the world match a decision.
//
// An actuator has no memory. The world itself is the witness: an instance's ID
// is its name in the engine, and the engine refuses a name a second time. So
// each effect can be repeated after a crash between any two of its steps, and
// ends in the same world.
package actuator

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/engine"
)

// managedBy is the value of forescale.LabelManagedBy.
const managedBy = "forescale"

// DockerOptions say how an engine is acted on. The zero value acts on the engine
// that the environment names (DOCKER_HOST and so on), else on the local one.
// All durations are of the machine's time, whatever clock forescale runs by.
type DockerOptions struct {
	Host string       // engine address such as unix:///var/run/docker.sock; "" is the environment's
	Log  *slog.Logger // nil drops all
	// Timeout bounds each question to the engine; a stop has its grace in
	// addition. Default 20 s.
	Timeout time.Duration
	// PullTimeout bounds the pull of an image that is not here. Default 2 min;
	// negative never pulls.
	PullTimeout time.Duration
	// Grace is how long a process may take to end when asked to; the container's
	// own stop timeout goes before it. Default 10 s. Neither passes GraceMost.
	Grace time.Duration
	// LookupEnv reads the server's own environment for Template.EnvFrom.
	// Default os.LookupEnv.
	LookupEnv func(string) (string, bool)

	// Node is put as a label on what is made, so that of several who share an engine
	// each knows its own; "" puts none.
	Node string
	// Publish is the address of the node that ports are published on. Default 127.0.0.1.
	Publish string
	// Admit says whether a container may be made as it is; nil: every one may. With it
	// nothing is started that was not made in the same call: what a crash left half-done
	// is made anew, since it may have been admitted by another rule.
	Admit func(*container.Config, *container.HostConfig, *network.NetworkingConfig) error
}

// GraceMost is the longest a stop waits before the engine kills the process.
const GraceMost = 30 * time.Second

func (o DockerOptions) withDefaults() DockerOptions {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = 20 * time.Second
	}
	if o.PullTimeout == 0 {
		o.PullTimeout = 2 * time.Minute
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.Publish == "" {
		o.Publish = loopback
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	return o
}

// Docker starts and stops instances on a Docker Engine. It is safe for
// concurrent use.
type Docker struct {
	o    DockerOptions
	cli  *client.Client
	gate *engine.Gate
	// fence is the container that starts and stops are bound to, none where there
	// is but one server.
	fence fence
	// enter is asked right before each effect, and leave called after it; nil: none.
	enter func() (leave func(), err error)
	// step is called after each question to the engine; nil but in tests, which
	// end the process there.
	step func(name string)
}

// NewDocker makes an actuator. It does not connect yet.
func NewDocker(o DockerOptions) (*Docker, error) {
	o = o.withDefaults()
	cli, err := engine.Connect(o.Host)
	if err != nil {
		return nil, err
	}
	return &Docker{o: o, cli: cli, gate: engine.NewGate()}, nil
}

// Close gives up the connections to the engine.
func (d *Docker) Close() error { return d.cli.Close() }

// Start makes the instance exist and run under its ID, and comes back without
// waiting until it is ready. Repeating it finds what an earlier attempt left
// and goes on from there. An instance that has ended is not started again: that
// would carry out a decision twice.
//
// Errors are *forescale.Fault with codes engine_unreachable and engine_timeout
// (whether it happened is not known; repeat it), image_missing, name_taken,
// port_taken, network_missing, template_missing, start_invalid, instance_ended,
// fence_missing and engine_refused; or the context's own error.
func (d *Docker) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	j, found, err := d.inspect(ctx, i.ID)
	if err != nil {
		return d.fault("look for", i.ID, err)
	}
	if found && d.o.Admit != nil && made(s, i, j) && j.State.Status == container.StateCreated {
		if err := d.effect(func() error { return d.remove(ctx, j) }); err != nil {
			return d.fault("remove what was left of", i.ID, err)
		}
		found = false
	}
	if !found {
		if j, err = d.create(ctx, s, i); err != nil {
			return err
		}
	}
	if !made(s, i, j) {
		return nameTaken(i, j)
	}
	switch {
	case j.State.Running:
		return nil
	case j.State.Status == container.StateCreated:
		if err := d.checkFence(ctx, i.ID); err != nil {
			return err
		}
		return d.run(ctx, i, j)
	default:
		return &forescale.Fault{Code: "instance_ended", Where: i.ID,
			What: fmt.Sprintf("its container is %s with exit code %d", j.State.Status, j.State.ExitCode),
			Help: "an instance is not started a second time; see `docker logs " + i.ID + "` for why it ended"}
	}
}

// create makes the container and gives what is there under its name then, also
// when somebody else was faster.
func (d *Docker) create(ctx context.Context, s forescale.Service, i forescale.Instance) (j container.InspectResponse, err error) {
	b, err := d.blueprint(ctx, s, i)
	if err != nil {
		return j, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout+max(d.o.PullTimeout, 0))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	// The engine reserves a name some time before it shows the container, and
	// frees it if the creation fails. So a conflict with nothing is asked again.
	for pulled := false; ; {
		err := d.createOnce(ctx, i.ID, b)
		if isImageMissing(err) && !pulled {
			pulled = true
			if err := d.pull(ctx, b.config.Image, d.o.PullTimeout); err != nil {
				return j, d.fault("pull the image for", i.ID, err)
			}
			continue
		}
		if isFenceMissing(err) {
			return j, d.fenceMissing(i.ID, err)
		}
		if err != nil && !errdefs.IsConflict(err) {
			return j, d.fault("create", i.ID, err)
		}
		j, found, err := d.inspect(ctx, i.ID)
		if err != nil || found {
			return j, d.fault("look at", i.ID, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return j, d.fault("create", i.ID, ctx.Err())
		}
	}
}

func (d *Docker) createOnce(ctx context.Context, name string, b blueprint) error {
	if err := d.admit(b); err != nil {
		return err
	}
	return d.effect(func() error {
		return d.call(ctx, d.o.Timeout, "create", func(ctx context.Context) error {
			_, err := d.cli.ContainerCreate(ctx, b.config, b.host, b.networks, nil, name)
			return err
		})
	})
}

// admit asks whether a container may be made.
func (d *Docker) admit(b blueprint) error {
	if d.o.Admit == nil {
		return nil
	}
	return d.o.Admit(b.config, b.host, b.networks)
}

// Entered is the same actuator, which calls enter right before each effect and leave
// after it: what enter refuses is not done.
func (d *Docker) Entered(enter func() (leave func(), err error)) *Docker {
	e := *d
	e.enter = enter
	return &e
}

// effect does what changes the engine, if whoever watches over effects lets it.
func (d *Docker) effect(do func() error) error {
	if d.enter != nil {
		leave, err := d.enter()
		if err != nil {
			return err
		}
		defer leave()
	}
	return do()
}

// run joins the further networks and starts a container that was only created.
func (d *Docker) run(ctx context.Context, i forescale.Instance, j container.InspectResponse) error {
	for _, n := range furtherNetworks(j) {
		err := d.call(ctx, d.o.Timeout, "connect", func(ctx context.Context) error {
			return d.cli.NetworkConnect(ctx, n.name, j.ID, &network.EndpointSettings{Aliases: n.aliases})
		})
		if err != nil {
			return d.fault("connect", i.ID, err)
		}
	}
	err := d.effect(func() error {
		return d.call(ctx, d.o.Timeout, "start", func(ctx context.Context) error {
			return d.cli.ContainerStart(ctx, j.ID, container.StartOptions{})
		})
	})
	if err != nil {
		return d.fault("start", i.ID, err)
	}
	d.o.Log.Debug("container started", "instance", i.ID)
	return nil
}

// Stop stops the instance, with grace, and removes it. One that is gone is no
// error, so it can be repeated. It waits until the engine has carried it out.
//
// Errors are *forescale.Fault with codes engine_unreachable and engine_timeout
// (repeat it), not_ours, fence_missing and engine_refused; or the context's own error.
func (d *Docker) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	j, found, err := d.inspect(ctx, i.ID)
	if err != nil {
		return d.fault("look for", i.ID, err)
	}
	if !found {
		return nil
	}
	if !ours(s, i, j) {
		return notOurs(i, j)
	}
	// From here on the engine's id is used: the name could pass to another
	// container meanwhile. While the fence stood, this one was what we led.
	if err := d.checkFence(ctx, i.ID); err != nil {
		return err
	}
	// Entered for a moment only: a stop lasts as long as its grace, and whoever leads
	// next does not wait for it.
	if err := d.effect(func() error { return nil }); err != nil {
		return err
	}
	if err := d.halt(ctx, j); err != nil && !errdefs.IsNotFound(err) {
		return d.fault("stop", i.ID, err)
	}
	if err := d.remove(ctx, j); err != nil {
		return d.fault("remove", i.ID, err)
	}
	d.o.Log.Debug("container stopped and removed", "instance", i.ID)
	return nil
}

// halt asks the process to end, and has it killed after the grace.
func (d *Docker) halt(ctx context.Context, j container.InspectResponse) error {
	if !j.State.Running && !j.State.Restarting {
		return nil
	}
	grace := d.o.Grace
	if t := j.Config.StopTimeout; t != nil && *t >= 0 {
		grace = time.Duration(*t) * time.Second
	}
	seconds := int((min(grace, GraceMost) + time.Second - 1) / time.Second)
	return d.call(ctx, d.o.Timeout+time.Duration(seconds)*time.Second, "stop", func(ctx context.Context) error {
		return d.cli.ContainerStop(ctx, j.ID, container.StopOptions{Timeout: &seconds})
	})
}

// remove removes a stopped container, together with the nameless volumes that
// came with it if it is one that we made. One that is being removed already is
// waited for.
func (d *Docker) remove(ctx context.Context, j container.InspectResponse) error {
	byUs := j.Config.Labels[forescale.LabelManagedBy] == managedBy
	err := d.call(ctx, d.o.Timeout, "remove", func(ctx context.Context) error {
		return d.cli.ContainerRemove(ctx, j.ID, container.RemoveOptions{RemoveVolumes: byUs})
	})
	switch {
	case err == nil || errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err):
		return d.awaitRemoval(ctx, j.ID, err)
	default:
		return err
	}
}

// awaitRemoval waits until the container is gone, since "removal in progress"
// is not yet removed; cause is what the engine said to the removal.
func (d *Docker) awaitRemoval(ctx context.Context, id string, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		j, found, err := d.inspect(ctx, id)
		switch {
		case err != nil:
			return err
		case !found:
			return nil
		case j.State.Status != "removing":
			return cause // it refuses for another reason, such as running again
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inspect looks at a container by name or id; found is false if there is none.
func (d *Docker) inspect(ctx context.Context, name string) (j container.InspectResponse, found bool, err error) {
	err = d.call(ctx, d.o.Timeout, "inspect", func(ctx context.Context) (err error) {
		j, err = d.cli.ContainerInspect(ctx, name)
		return err
	})
	switch {
	case errdefs.IsNotFound(err):
		return j, false, nil
	case err != nil:
		return j, false, err
	case j.ContainerJSONBase == nil || j.State == nil || j.HostConfig == nil || j.Config == nil:
		return j, false, errAnswer
	}
	return j, true, nil
}

// call asks the engine one thing within a deadline.
func (d *Docker) call(ctx context.Context, within time.Duration, name string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := d.gate.Pass(ctx, d.cli); err != nil {
		return err
	}
	err := ask(ctx)
	if d.step != nil {
		d.step(name)
	}
	return err
}
