package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/forescale/forescale"
)

// Check tells whether a container may be made as it is. Each refusal is a
// *forescale.Fault, policy_refused, whose Where is the field; all of them are
// told at once, as forescale.Faults.
func (p Policy) Check(c *container.Config, h *container.HostConfig, n *network.NetworkingConfig) error {
	k := &check{p: p}
	k.config(*c)
	k.namespaces(*h)
	k.rights(*h)
	k.mounts(*h)
	k.limits(*h)
	k.ports(*h)
	k.networks(h.NetworkMode, n, c.Labels)
	k.rest(*h)
	return k.faults.OrNil()
}

// check gathers refusals.
type check struct {
	p      Policy
	faults forescale.Faults
}

func (k *check) refuse(field, what string, args ...any) {
	k.faults = append(k.faults, &forescale.Fault{Code: "policy_refused", Where: field, What: fmt.Sprintf(what, args...),
		Help: "the policy on the node decides, whoever asks; nothing was made"})
}

func (k *check) config(c container.Config) {
	if !k.p.image(c.Image) {
		k.refuse("image", "the image %q is not one that may run here", c.Image)
	}
	if len(c.Volumes) > 0 {
		k.refuse("volumes", "volumes may not be made here")
	}
	// What concerns the inside alone.
	c.Image, c.Volumes = "", nil
	c.Hostname, c.Domainname, c.User, c.WorkingDir, c.StopSignal = "", "", "", "", ""
	c.AttachStdin, c.AttachStdout, c.AttachStderr, c.Tty, c.OpenStdin, c.StdinOnce, c.NetworkDisabled, c.ArgsEscaped = false, false, false, false, false, false, false, false
	c.ExposedPorts, c.Env, c.Cmd, c.Entrypoint, c.Shell, c.Healthcheck, c.Labels, c.StopTimeout = nil, nil, nil, nil, nil, nil, nil, nil
	k.empty("config", reflect.ValueOf(c))
}

func (k *check) namespaces(h container.HostConfig) {
	for _, n := range []struct {
		field, mode string
		own         []string
	}{
		{"pid", string(h.PidMode), nil},
		{"ipc", string(h.IpcMode), []string{"private", "none"}},
		{"uts", string(h.UTSMode), nil},
		{"userns", string(h.UsernsMode), nil},
		{"cgroupns", string(h.CgroupnsMode), []string{"private"}},
		{"cgroup", string(h.Cgroup), nil},
	} {
		if n.mode != "" && !slices.Contains(n.own, n.mode) {
			k.refuse(n.field, "the %s namespace may not be that of %q", n.field, n.mode)
		}
	}
}

func (k *check) rights(h container.HostConfig) {
	if h.Privileged {
		k.refuse("privileged", "a container may not be privileged")
	}
	if len(h.CapAdd) > 0 {
		k.refuse("cap_add", "capabilities may not be added: %s", strings.Join(h.CapAdd, ", "))
	}
	if len(h.Devices)+len(h.DeviceRequests)+len(h.DeviceCgroupRules) > 0 {
		k.refuse("devices", "devices may not be handed in")
	}
	for _, o := range h.SecurityOpt {
		if o != "no-new-privileges" && o != "no-new-privileges:true" {
			k.refuse("security_opt", "the security option %q is not allowed", o)
		}
	}
}

func (k *check) mounts(h container.HostConfig) {
	for _, b := range h.Binds {
		parts := strings.Split(b, ":")
		options := ""
		if len(parts) == 3 {
			options = parts[2]
		}
		if len(parts) < 2 || len(parts) > 3 || options != "" && options != "ro" && options != "rw" {
			k.refuse("binds", "%q is not SOURCE:TARGET with ro or rw", b)
			continue
		}
		k.mount(parts[0], options == "ro")
	}
	for _, m := range h.Mounts {
		plain := mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		if !reflect.DeepEqual(m, plain) {
			k.refuse("mounts", "only plain bind mounts are allowed, not %s of %q", m.Type, m.Source)
			continue
		}
		k.mount(m.Source, m.ReadOnly)
	}
	if len(h.VolumesFrom) > 0 {
		k.refuse("volumes_from", "volumes of other containers may not be taken")
	}
}

func (k *check) mount(source string, readOnly bool) {
	if showsSocket(source) {
		k.refuse("mounts", "%q shows the engine's socket", source)
		return
	}
	for _, m := range k.p.Mounts {
		if m.Source == source && (readOnly || !m.ReadOnly) {
			return
		}
	}
	k.refuse("mounts", "%q may not be mounted%s", source, map[bool]string{false: " for writing", true: ""}[readOnly])
}

func (k *check) limits(h container.HostConfig) {
	switch {
	case h.Memory <= 0:
		k.refuse("memory", "the container has no memory limit")
	case k.p.Memory > 0 && h.Memory > k.p.Memory:
		k.refuse("memory", "%d bytes of memory are more than %d", h.Memory, k.p.Memory)
	}
	if h.MemorySwap != 0 && h.MemorySwap != h.Memory {
		k.refuse("memory_swap", "swap may not be set beyond the memory limit")
	}
	if h.MemoryReservation < 0 || h.ShmSize < 0 || h.ShmSize > max(h.Memory, 0) {
		k.refuse("memory", "reservation and shared memory lie within the memory limit")
	}
	switch cores := float64(h.NanoCPUs) / 1e9; {
	case h.NanoCPUs <= 0:
		k.refuse("cpus", "the container has no CPU limit")
	case k.p.CPUs > 0 && cores > k.p.CPUs:
		k.refuse("cpus", "%g cores are more than %g", cores, k.p.CPUs)
	}
	switch {
	case h.PidsLimit == nil || *h.PidsLimit <= 0:
		k.refuse("processes", "the container has no limit of processes")
	case k.p.Processes > 0 && *h.PidsLimit > k.p.Processes:
		k.refuse("processes", "%d processes are more than %d", *h.PidsLimit, k.p.Processes)
	}
}

func (k *check) ports(h container.HostConfig) {
	for port, bindings := range h.PortBindings {
		for _, b := range bindings {
			if !k.address(b.HostIP) {
				k.refuse("ports", "port %s may not be published on %q", port, b.HostIP)
			}
			if b.HostPort != "" && b.HostPort != "0" {
				k.refuse("ports", "port %s may not take the node's port %s", port, b.HostPort)
			}
		}
	}
	if h.PublishAllPorts {
		k.refuse("ports", "all ports may not be published at once")
	}
}

// address reports whether ports may be published on an address of the node.
func (k *check) address(ip string) bool {
	asked, err := netip.ParseAddr(ip)
	return err == nil && slices.ContainsFunc(k.p.Publish, func(a string) bool {
		allowed, err := netip.ParseAddr(a)
		return err == nil && allowed == asked
	})
}

func (k *check) networks(mode container.NetworkMode, n *network.NetworkingConfig, labels map[string]string) {
	may := func(name string) bool {
		return slices.Contains([]string{"", "default", "bridge", "none"}, name) || slices.Contains(k.p.Networks, name)
	}
	if !may(string(mode)) {
		k.refuse("network", "the network may not be %q", mode)
	}
	for further := range strings.SplitSeq(labels[forescale.LabelNetworks], ",") { // joined before the start
		if name, _, _ := strings.Cut(further, "="); !may(name) {
			k.refuse("network", "the network %q may not be joined", name)
		}
	}
	if n == nil {
		return
	}
	for name, e := range n.EndpointsConfig {
		if !may(name) {
			k.refuse("network", "the network %q may not be joined", name)
		}
		if e != nil {
			settings := *e
			settings.Aliases, settings.DNSNames = nil, nil
			k.empty("network."+name, reflect.ValueOf(settings))
		}
	}
}

// rest refuses whatever of the host configuration was not looked at.
func (k *check) rest(h container.HostConfig) {
	if !slices.Contains([]container.RestartPolicyMode{"", container.RestartPolicyDisabled}, h.RestartPolicy.Name) || h.RestartPolicy.MaximumRetryCount != 0 {
		k.refuse("restart", "the engine may not start containers again by itself")
	}
	// Looked at above.
	h.NetworkMode, h.PidMode, h.IpcMode, h.UTSMode, h.UsernsMode, h.CgroupnsMode, h.Cgroup = "", "", "", "", "", "", ""
	h.Privileged, h.CapAdd, h.Devices, h.DeviceRequests, h.DeviceCgroupRules, h.SecurityOpt = false, nil, nil, nil, nil, nil
	h.Binds, h.Mounts, h.VolumesFrom, h.PortBindings, h.PublishAllPorts, h.RestartPolicy = nil, nil, nil, nil, false, container.RestartPolicy{}
	h.Memory, h.MemorySwap, h.MemoryReservation, h.ShmSize, h.NanoCPUs, h.PidsLimit = 0, 0, 0, 0, 0, nil
	// What takes rights away, or shares among containers.
	h.CapDrop, h.ReadonlyRootfs, h.Init, h.CPUShares = nil, false, nil, 0
	k.empty("host", reflect.ValueOf(h))
}

// empty refuses every field of a struct that holds anything.
func (k *check) empty(where string, v reflect.Value) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case f.Kind() == reflect.Struct:
			k.empty(where+"."+name, f)
		case (f.Kind() == reflect.Slice || f.Kind() == reflect.Map) && f.Len() == 0:
		case !f.IsZero():
			k.refuse(where+"."+name, "%s may not be set", name)
		}
	}
}
