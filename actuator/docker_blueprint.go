package actuator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"github.com/forescale/forescale"
)

// Variables that each instance finds in its environment, so that it can push
// samples under its own name.
const (
	EnvService  = "FORESCALE_SERVICE"
	EnvInstance = "FORESCALE_INSTANCE"
)

// loopback is where published ports of instances listen.
const loopback = "127.0.0.1"

// blueprint is what a container is created from.
type blueprint struct {
	config   *container.Config
	host     *container.HostConfig
	networks *network.NetworkingConfig
}

// blueprint is made from the service's template, or without an image there, by
// the example of the newest container of the service.
func (d *Docker) blueprint(ctx context.Context, s forescale.Service, i forescale.Instance) (blueprint, error) {
	var b blueprint
	var err error
	if s.Template.Image != "" {
		b, err = d.fromTemplate(s.Template)
	} else {
		b, err = d.byExample(ctx, s, i)
	}
	if err != nil {
		return b, err
	}
	b.config.Env = setEnv(b.config.Env, EnvService, s.Name)
	b.config.Env = setEnv(b.config.Env, EnvInstance, i.ID)
	if b.config.Labels == nil {
		b.config.Labels = map[string]string{}
	}
	// All labels go in with the create call: a crash leaves none without its owner.
	maps.Copy(b.config.Labels, map[string]string{
		forescale.LabelService: s.Name, forescale.LabelDecision: i.Decision, forescale.LabelManagedBy: managedBy,
	})
	if d.o.Node != "" {
		b.config.Labels[forescale.LabelNode] = d.o.Node
	}
	if revision := cmp.Or(i.Revision, s.Template.Revision()); revision != "" {
		b.config.Labels[forescale.LabelRevision], b.config.Labels[forescale.LabelProbes] = revision, s.Template.Asked()
	}
	// The engine must not start again what we count as ended, nor remove what
	// tells us how it ended.
	b.host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	b.host.AutoRemove = false
	b.host.VolumesFrom = d.fence.bind(b.host.VolumesFrom)
	return b, nil
}

func (d *Docker) fromTemplate(t forescale.Template) (blueprint, error) {
	b := blueprint{
		config: &container.Config{Image: t.Image, Cmd: slices.Clone(t.Command), Labels: maps.Clone(t.Labels)},
		host:   &container.HostConfig{NetworkMode: container.NetworkMode(t.Network)},
	}
	for _, k := range slices.Sorted(maps.Keys(t.Env)) {
		b.config.Env = append(b.config.Env, k+"="+t.Env[k])
	}
	for _, k := range t.EnvFrom {
		v, ok := d.o.LookupEnv(k)
		if !ok {
			return b, &forescale.Fault{Code: "start_invalid", Where: "template.env_from",
				What: fmt.Sprintf("the variable %s is not set in the server's environment", k),
				Help: "set it where the server runs and restart the server, or leave it out of env_from"}
		}
		b.config.Env = setEnv(b.config.Env, k, v)
	}
	if t.Port > 0 {
		p := nat.Port(strconv.Itoa(t.Port) + "/tcp")
		b.config.ExposedPorts = nat.PortSet{p: {}}
		if t.Publish {
			b.host.PortBindings = nat.PortMap{p: {{HostIP: d.o.Publish}}} // the engine picks a free port
		}
	}
	b.host.NanoCPUs = int64(t.CPUs * 1e9)
	b.host.Memory = t.Memory
	if t.Processes > 0 {
		most := int64(t.Processes)
		b.host.PidsLimit = &most
	}
	return b, nil
}

// byExample copies how the newest container of the service was made: its image
// (the very one, even if its name has moved on), command, environment, mounts,
// networks, limits, health check and labels.
func (d *Docker) byExample(ctx context.Context, s forescale.Service, i forescale.Instance) (blueprint, error) {
	j, err := d.example(ctx, s)
	if err != nil {
		return blueprint{}, d.fault("find an example for", i.ID, err)
	}
	image, err := d.sameImage(ctx, j)
	if err != nil {
		return blueprint{}, d.fault("find the image for", i.ID, err)
	}
	c, h := *j.Config, *j.HostConfig
	b := blueprint{config: &c, host: &h}
	c.Image = image
	c.Labels = copiedLabels(j.Config.Labels)
	c.Env = slices.Clone(j.Config.Env)
	if strings.HasPrefix(j.ID, c.Hostname) {
		c.Hostname = "" // the engine made it from the id
	}
	//lint:ignore SA1019 engines before 1.44 have the address here, and two containers cannot share one
	c.MacAddress = ""
	h.ContainerIDFile = ""
	h.PortBindings = freePorts(j.HostConfig.PortBindings)
	b.networks = copiedNetworks(j, &c)
	return b, nil
}

// example is the newest running container of the service, or else the newest.
func (d *Docker) example(ctx context.Context, s forescale.Service) (j container.InspectResponse, err error) {
	var best container.Summary
	for _, label := range []string{forescale.LabelService + "=" + s.Name, forescale.LabelEnable + "=true"} {
		var list []container.Summary
		err := d.call(ctx, d.o.Timeout, "list", func(ctx context.Context) (err error) {
			list, err = d.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
			return err
		})
		if err != nil {
			return j, err
		}
		for _, c := range list {
			if len(c.Names) > 0 && forescale.LabelledService(strings.TrimPrefix(c.Names[0], "/"), c.Labels) == s.Name && better(c, best) {
				best = c
			}
		}
	}
	none := &forescale.Fault{Code: "template_missing", Where: "services/" + s.Name,
		What: "there is neither an image in the service's template nor a container of it to copy",
		Help: "start one container of the service by hand, or set template.image"}
	if best.ID == "" {
		return j, none
	}
	j, found, err := d.inspect(ctx, best.ID)
	if err == nil && !found {
		err = none
	}
	return j, err
}

func better(c, than container.Summary) bool {
	running := func(c container.Summary) bool { return c.State == container.StateRunning }
	switch {
	case than.ID == "" || running(c) != running(than):
		return than.ID == "" || running(c)
	case c.Created != than.Created:
		return c.Created > than.Created
	default:
		return c.ID > than.ID
	}
}

// sameImage is the example's image by name if the name still means it, else by id.
func (d *Docker) sameImage(ctx context.Context, j container.InspectResponse) (string, error) {
	same := false
	err := d.call(ctx, d.o.Timeout, "image", func(ctx context.Context) error {
		img, err := d.cli.ImageInspect(ctx, j.Config.Image)
		same = err == nil && img.ID == j.Image
		return err
	})
	if client.IsErrConnectionFailed(err) || ctx.Err() != nil {
		return "", err
	}
	if same {
		return j.Config.Image, nil
	}
	return j.Image, nil
}

// copiedLabels leaves out what is about the example itself: which decision made
// it, and Docker Compose's own, by which Compose would take the copy for one of
// its containers and remove it.
func copiedLabels(labels map[string]string) map[string]string {
	kept := map[string]string{}
	for k, v := range labels {
		switch {
		case k == forescale.LabelDecision, k == forescale.LabelRevision, k == forescale.LabelProbes, k == forescale.LabelManagedBy, k == forescale.LabelNetworks:
		case strings.HasPrefix(k, "com.docker.compose."):
		default:
			kept[k] = v
		}
	}
	return kept
}

// freePorts publishes the same ports of the container, each on a free port of
// the loopback address: the example holds its own.
func freePorts(bindings nat.PortMap) nat.PortMap {
	free := nat.PortMap{}
	for p := range bindings {
		free[p] = []nat.PortBinding{{HostIP: loopback}}
	}
	return free
}

// copiedNetworks joins the example's networks under its names there, without
// its addresses. Engines before 1.44 take one network with the create call; the
// others are written into a label, so that they are joined before the start
// even after a crash.
func copiedNetworks(j container.InspectResponse, c *container.Config) *network.NetworkingConfig {
	if j.NetworkSettings == nil || j.HostConfig.NetworkMode.IsHost() || j.HostConfig.NetworkMode.IsContainer() || j.HostConfig.NetworkMode.IsNone() {
		return nil
	}
	first := j.HostConfig.NetworkMode.NetworkName()
	if _, ok := j.NetworkSettings.Networks[first]; !ok || !j.HostConfig.NetworkMode.IsUserDefined() {
		first = ""
	}
	var further []string
	config := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
	for _, name := range slices.Sorted(maps.Keys(j.NetworkSettings.Networks)) {
		switch e := j.NetworkSettings.Networks[name]; {
		case e == nil || name == "bridge":
		case name == first:
			config.EndpointsConfig[name] = &network.EndpointSettings{Aliases: aliases(j, e.Aliases), DriverOpts: maps.Clone(e.DriverOpts)}
		default:
			further = append(further, joined{name, aliases(j, e.Aliases)}.String())
		}
	}
	if len(further) > 0 {
		c.Labels[forescale.LabelNetworks] = strings.Join(further, ",")
	}
	return config
}

// joined is a network to join and the names to have there. It is written as
// "network=alias=alias": none of them can hold an equals sign or a comma.
type joined struct {
	name    string
	aliases []string
}

func (n joined) String() string { return strings.Join(append([]string{n.name}, n.aliases...), "=") }

// aliases are the names that the example shares with its siblings: not its own.
func aliases(j container.InspectResponse, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(a string) bool {
		return a == strings.TrimPrefix(j.Name, "/") || len(a) >= 12 && strings.HasPrefix(j.ID, a)
	})
}

// furtherNetworks are those that a created container has still to join.
func furtherNetworks(j container.InspectResponse) []joined {
	var missing []joined
	for n := range strings.SplitSeq(j.Config.Labels[forescale.LabelNetworks], ",") {
		if parts := strings.Split(n, "="); parts[0] != "" && (j.NetworkSettings == nil || j.NetworkSettings.Networks[parts[0]] == nil) {
			missing = append(missing, joined{parts[0], parts[1:]})
		}
	}
	return missing
}

// setEnv sets one variable, in place of an earlier one.
func setEnv(env []string, name, value string) []string {
	env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	return append(env, name+"="+value)
}
