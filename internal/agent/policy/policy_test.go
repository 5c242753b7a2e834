package policy

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var allowing = Policy{
	Images: []string{"registry.example/shop/*", "registry.example/pinned" + digest, "plain:1"}, Mounts: []Mount{{Source: "/srv/data", ReadOnly: true}, {Source: "/srv/scratch"}},
	Networks: []string{"shop"}, Publish: []string{"127.0.0.1"}, Memory: 1 << 30, CPUs: 2, Processes: 100,
}

// spec is all that a container is made from.
type spec struct {
	c *container.Config
	h *container.HostConfig
	n *network.NetworkingConfig
}

func (s spec) check() error { return allowing.Check(s.c, s.h, s.n) }

// good is a container that may be made.
func good() spec {
	pids := int64(50)
	h := &container.HostConfig{NetworkMode: "shop", Binds: []string{"/srv/data:/data:ro"}, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		PortBindings: nat.PortMap{"80/tcp": {{HostIP: "127.0.0.1"}}}, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/srv/scratch", Target: "/scratch"}}}
	h.Memory, h.NanoCPUs, h.PidsLimit = 1<<28, 1e9, &pids
	return spec{&container.Config{Image: "registry.example/shop/web", Cmd: []string{"x"}, Env: []string{"A=b"}, Labels: map[string]string{"a": "b"}, User: "0"}, h,
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{"shop": {Aliases: []string{"web"}}}}}
}

func number(n int64) *int64 { return &n }

// evils are the refusals: what is asked for, where it is told, and the asking.
var evils = []struct {
	what, where string
	ask         func(s spec)
}{
	{"privileged", "privileged", func(s spec) { s.h.Privileged = true }},
	{"the host's network", "network", func(s spec) { s.h.NetworkMode = "host" }},
	{"the network of another container", "network", func(s spec) { s.h.NetworkMode = "container:x" }},
	{"a network that is not listed", "network", func(s spec) { s.h.NetworkMode = "other" }},
	{"a second network that is not listed", "network", func(s spec) { s.n.EndpointsConfig["other"] = nil }},
	{"a further network that is not listed", "network", func(s spec) { s.c.Labels[forescale.LabelNetworks] = "shop=web,other" }},
	{"an address in the network", "network.shop.IPAMConfig", func(s spec) {
		s.n.EndpointsConfig["shop"].IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: "10.0.0.1"}
	}},
	{"the host's processes", "pid", func(s spec) { s.h.PidMode = "host" }},
	{"the processes of another container", "pid", func(s spec) { s.h.PidMode = "container:x" }},
	{"the host's ipc", "ipc", func(s spec) { s.h.IpcMode = "host" }},
	{"ipc to be shared", "ipc", func(s spec) { s.h.IpcMode = "shareable" }},
	{"the host's name", "uts", func(s spec) { s.h.UTSMode = "host" }},
	{"the host's users", "userns", func(s spec) { s.h.UsernsMode = "host" }},
	{"the host's cgroups", "cgroupns", func(s spec) { s.h.CgroupnsMode = "host" }},
	{"a bind that is not listed", "mounts", func(s spec) { s.h.Binds = []string{"/etc:/x:ro"} }},
	{"a bind below a listed one", "mounts", func(s spec) { s.h.Binds = []string{"/srv/data/x:/x:ro"} }},
	{"a bind that goes up", "mounts", func(s spec) { s.h.Binds = []string{"/srv/data/..:/x:ro"} }},
	{"writing where reading is listed", "mounts", func(s spec) { s.h.Binds = []string{"/srv/data:/data"} }},
	{"a named volume", "mounts", func(s spec) { s.h.Binds = []string{"volume:/data"} }},
	{"a bind that spreads", "binds", func(s spec) { s.h.Binds = []string{"/srv/data:/data:ro,shared"} }},
	{"a mount that is not listed", "mounts", func(s spec) { s.h.Mounts[0].Source = "/etc" }},
	{"a mount that is no bind", "mounts", func(s spec) { s.h.Mounts[0].Type = mount.TypeVolume }},
	{"a mount with a volume's driver", "mounts", func(s spec) { s.h.Mounts[0].VolumeOptions = &mount.VolumeOptions{} }},
	{"the engine's socket", "mounts", func(s spec) { s.h.Binds = []string{"/var/run/docker.sock:/s"} }},
	{"a directory that holds the engine's socket", "mounts", func(s spec) { s.h.Mounts[0].Source = "/run" }},
	{"everything", "mounts", func(s spec) { s.h.Binds = []string{"/:/host:ro"} }},
	{"volumes of another container", "volumes_from", func(s spec) { s.h.VolumesFrom = []string{"x"} }},
	{"volumes", "volumes", func(s spec) { s.c.Volumes = map[string]struct{}{"/x": {}} }},
	{"a device", "devices", func(s spec) { s.h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/sda"}} }},
	{"a device by a driver", "devices", func(s spec) { s.h.DeviceRequests = []container.DeviceRequest{{Count: -1}} }},
	{"a device by a rule", "devices", func(s spec) { s.h.DeviceCgroupRules = []string{"a *:* rwm"} }},
	{"a capability", "cap_add", func(s spec) { s.h.CapAdd = []string{"SYS_ADMIN"} }},
	{"no seccomp", "security_opt", func(s spec) { s.h.SecurityOpt = []string{"seccomp=unconfined"} }},
	{"paths that are not masked", "host.MaskedPaths", func(s spec) { s.h.MaskedPaths = []string{"/x"} }},
	{"an image that is not listed", "image", func(s spec) { s.c.Image = "registry.example/other/web" }},
	{"an image deeper than the pattern", "image", func(s spec) { s.c.Image = "registry.example/shop/a/b" }},
	{"a tag that the pattern does not have", "image", func(s spec) { s.c.Image = "registry.example/shop/web:2" }},
	{"another digest", "image", func(s spec) { s.c.Image = "registry.example/pinned" + strings.Replace(digest, "0", "1", 1) }},
	{"an image by its id", "image", func(s spec) { s.c.Image = "sha256:" + digest[8:] }},
	{"no memory limit", "memory", func(s spec) { s.h.Memory = 0 }},
	{"more memory than allowed", "memory", func(s spec) { s.h.Memory = 1<<30 + 1; s.h.MemorySwap = 0 }},
	{"swap without end", "memory_swap", func(s spec) { s.h.MemorySwap = -1 }},
	{"shared memory beyond the limit", "memory", func(s spec) { s.h.ShmSize = 1 << 40 }},
	{"no CPU limit", "cpus", func(s spec) { s.h.NanoCPUs = 0 }},
	{"more CPU than allowed", "cpus", func(s spec) { s.h.NanoCPUs = 2e9 + 1 }},
	{"no limit of processes", "processes", func(s spec) { s.h.PidsLimit = nil }},
	{"processes without end", "processes", func(s spec) { s.h.PidsLimit = number(-1) }},
	{"more processes than allowed", "processes", func(s spec) { s.h.PidsLimit = number(101) }},
	{"a port on all addresses", "ports", func(s spec) { s.h.PortBindings["80/tcp"][0].HostIP = "" }},
	{"a port of the node", "ports", func(s spec) { s.h.PortBindings["80/tcp"][0].HostPort = "22" }},
	{"all ports", "ports", func(s spec) { s.h.PublishAllPorts = true }},
	{"restarts by the engine", "restart", func(s spec) { s.h.RestartPolicy.Name = container.RestartPolicyAlways }},
	{"another runtime", "host.Runtime", func(s spec) { s.h.Runtime = "x" }},
	{"another cgroup", "host.Resources.CgroupParent", func(s spec) { s.h.CgroupParent = "/" }},
	{"settings of the kernel", "host.Sysctls", func(s spec) { s.h.Sysctls = map[string]string{"a": "b"} }},
}

func TestEachRefusal(t *testing.T) {
	if err := good().check(); err != nil {
		t.Fatal(err)
	}
	for _, e := range evils {
		s := good()
		e.ask(s)
		var fs forescale.Faults
		if err := s.check(); !errors.As(err, &fs) || len(fs) == 0 || fs[0].Code != "policy_refused" || fs[0].Where != e.where || fs[0].Help == "" {
			t.Errorf("%s: %v, want a refusal at %s", e.what, err, e.where)
		}
	}
}

func TestWithoutAPolicyNothingMayRun(t *testing.T) {
	s := good()
	s.h.Binds, s.h.Mounts, s.h.PortBindings, s.h.NetworkMode, s.n = nil, nil, nil, "", nil
	if err := (Policy{}).Check(s.c, s.h, s.n); err == nil {
		t.Error("the zero policy lets a container pass")
	}
}

// What a field may hold and still pass, in a container that passes otherwise.
var harmless = map[string]bool{"CapDrop": true, "ReadonlyRootfs": true, "Init": true, "CPUShares": true, "MemoryReservation": true,
	"Hostname": true, "Domainname": true, "User": true, "WorkingDir": true, "StopSignal": true, "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": true,
	"OpenStdin": true, "StdinOnce": true, "NetworkDisabled": true, "ArgsEscaped": true, "ExposedPorts": true, "Env": true, "Cmd": true, "Entrypoint": true, "Shell": true,
	"Healthcheck": true, "Labels": true, "StopTimeout": true}

// Also a field that the engine's API gets in a later version.
func TestEveryFieldOfTheAPIIsRefusedUnlessItIsKnownAsHarmless(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	tried := 0
	var try func(at func(s spec) reflect.Value)
	try = func(at func(s spec) reflect.Value) {
		for i := range at(good()).NumField() {
			field := at(good()).Type().Field(i)
			if field.Type.Kind() == reflect.Struct {
				try(func(s spec) reflect.Value { return at(s).Field(i) })
				continue
			}
			v, ok := quick.Value(field.Type, random)
			for range 100 {
				if empty := v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0; !empty {
					break
				}
				v, ok = quick.Value(field.Type, random)
			}
			if !ok || v.IsZero() {
				t.Fatalf("no value for %s", field.Name)
			}
			s := good()
			at(s).Field(i).Set(v)
			tried++
			if err := s.check(); err == nil && !harmless[field.Name] {
				t.Errorf("%s passes with %v", field.Name, v)
			}
		}
	}
	try(func(s spec) reflect.Value { return reflect.ValueOf(s.h).Elem() })
	try(func(s spec) reflect.Value { return reflect.ValueOf(s.c).Elem() })
	if tried < 80 {
		t.Errorf("only %d fields were tried", tried)
	}
}

// Some of what is asked for is evil, in any mixture and order: one is enough.
func TestNothingOutsideThePolicyPasses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := good()
		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(evils)-1), 0, 4, rapid.ID[int]).Draw(rt, "evils")
		func() {
			defer func() { _ = recover() }() // two may undo each other's ground, such as a list that is gone
			for _, i := range chosen {
				evils[i].ask(s)
			}
		}()
		err := s.check()
		if bad := outside(s); bad != (err != nil) {
			rt.Fatalf("outside the policy: %v, refused: %v", bad, err)
		}
	})
}

// outside is the policy in other words, for what good and evils can make.
func outside(s spec) bool {
	return !reflect.DeepEqual(s, good())
}

func FuzzImages(f *testing.F) {
	for _, name := range []string{"registry.example/shop/web", "registry.example/shop/web@sha256:1", "cafe", "plain:1", "registry.example/shop/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		rest, shop := strings.CutPrefix(name, "registry.example/shop/")
		want := name == "plain:1" || name == "registry.example/pinned"+digest || shop && !strings.ContainsAny(rest, "/:@ \t\n\v\f\r")
		if allowing.image(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	})
}

func TestABeginningOfAnImageIDMatchesNoPattern(t *testing.T) {
	for name, want := range map[string]bool{"cafe": false, "sha256:cafe": false, "coffee-shop": true} {
		if got := (Policy{Images: []string{"*", "sha256:*"}}).image(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPoliciesThatOpenTheNodeByMistakeAreRefused(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"an unknown key":            "image: [x]",
		"two documents":             "images: [x]\n---\nimages: [y]",
		"a mount that is relative":  "mounts: [{source: srv}]",
		"a mount that goes up":      "mounts: [{source: /srv/..}]",
		"a mount with a colon":      "mounts: [{source: '/srv:/x'}]",
		"the root":                  "mounts: [{source: /}]",
		"the engine's socket":       "mounts: [{source: /var/run/docker.sock}]",
		"where the socket is":       "mounts: [{source: /run}]",
		"a link to the root":        "mounts: [{source: " + link + "}]",
		"the host's network":        "networks: [host]",
		"the network of containers": "networks: ['container:x']",
		"an address that is none":   "publish: [everywhere]",
		"less than no memory":       "memory: -1",
		"cores that are no number":  "cpus: .nan",
		"an image with a space":     "images: ['a b']",
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	p, err := Parse([]byte("images: [a, 'b/*']\nmounts: [{source: /srv/data, read_only: true}]\nnetworks: [n]\npublish: [127.0.0.1]\nmemory: 1073741824\ncpus: 1.5\nprocesses: 100\n"))
	if err != nil || len(p.Images) != 2 || !p.Mounts[0].ReadOnly || p.CPUs != 1.5 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Parse(nil); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func TestAFileThatOthersMayChangeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	code := func() string {
		_, err := Load(path)
		var f *forescale.Fault
		if errors.As(err, &f) {
			return f.Code
		}
		return ""
	}
	if got := code(); got != "policy_unreadable" {
		t.Error(got)
	}
	if err := os.WriteFile(path, []byte("images: [x]"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := code(); got != "" {
		t.Error(got)
	}
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	if got := code(); got != "policy_exposed" {
		t.Error(got)
	}
	if err := os.WriteFile(path, []byte("images: x y"), 0o644); err != nil || os.Chmod(path, 0o600) != nil {
		t.Fatal(err)
	}
	if got := code(); got != "policy_invalid" {
		t.Error(got)
	}
}
