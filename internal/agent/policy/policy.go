package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
)

// Policy is what a node allows. The zero value allows nothing.
type Policy struct {
	// Images that may run: names as they are asked for, in which "*" stands for any
	// characters but "/", ":" and "@"; with a digest (NAME@sha256:…) for the very one.
	Images []string `yaml:"images"`
	// Mounts are what of the node may be seen inside: each path alone, not what is
	// below it, since a container could make a link there.
	Mounts []Mount `yaml:"mounts"`
	// Networks of the engine that may be joined, besides its default one and none.
	Networks []string `yaml:"networks"`
	// Publish are the addresses of the node that ports may be published on.
	Publish []string `yaml:"publish"`
	// The most that one container may have. Each container must bring limits of its
	// own; 0 sets no upper one here.
	Memory    int64   `yaml:"memory"` // bytes
	CPUs      float64 `yaml:"cpus"`   // cores
	Processes int64   `yaml:"processes"`
}

// Mount is one path of the node.
type Mount struct {
	Source   string `yaml:"source"`
	ReadOnly bool   `yaml:"read_only"`
}

// sockets are where engines listen. Who reaches one has root on the node.
var sockets = []string{"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock"}

// maxFile bounds what is read as a policy, in bytes.
const maxFile = 1 << 20

// Load reads a policy. Errors are a *forescale.Fault: policy_unreadable or
// policy_invalid; a file that others may write is policy_exposed.
func Load(path string) (Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return Policy{}, &forescale.Fault{Code: "policy_unreadable", Where: path, What: "the policy of this node cannot be read", Err: err,
			Help: "give a file that exists with --policy; without one nothing may run here"}
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Policy{}, fmt.Errorf("look at the policy: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return Policy{}, &forescale.Fault{Code: "policy_exposed", Where: path, What: "others may change the policy of this node", Help: "chmod 644 it, or stricter"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return Policy{}, fmt.Errorf("read the policy: %w", err)
	}
	p, err := Parse(data)
	if err != nil {
		return Policy{}, &forescale.Fault{Code: "policy_invalid", Where: path, What: "the policy of this node is not usable: " + err.Error(), Err: err,
			Help: "see docs/agents.md for its keys; nothing may run here until it is corrected"}
	}
	return p, nil
}

// Parse reads a policy and finds what would open the node by mistake.
func Parse(data []byte) (Policy, error) {
	var p Policy
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return Policy{}, err
	}
	if err := dec.Decode(new(Policy)); !errors.Is(err, io.EOF) {
		return Policy{}, errors.New("there is more than one document")
	}
	return p, p.validate()
}

func (p Policy) validate() error {
	for _, i := range p.Images {
		if i == "" || strings.ContainsAny(i, " \t\r\n") {
			return fmt.Errorf("images: %q is not an image", i)
		}
	}
	for _, m := range p.Mounts {
		if !filepath.IsAbs(m.Source) || filepath.Clean(m.Source) != m.Source || strings.Contains(m.Source, ":") {
			return fmt.Errorf("mounts: %q is not a plain absolute path", m.Source)
		}
		paths := []string{m.Source}
		if real, err := filepath.EvalSymlinks(m.Source); err == nil {
			paths = append(paths, real)
		}
		for _, path := range paths {
			if showsSocket(path) {
				return fmt.Errorf("mounts: %s shows the engine's socket", m.Source)
			}
		}
	}
	for _, n := range p.Networks {
		if !networkName.MatchString(n) || n == "host" || n == "container" {
			return fmt.Errorf("networks: %q is not a network that may be joined", n)
		}
	}
	for _, a := range p.Publish {
		if _, err := netip.ParseAddr(a); err != nil {
			return fmt.Errorf("publish: %q is not an address", a)
		}
	}
	if p.Memory < 0 || !(p.CPUs >= 0) || p.Processes < 0 {
		return errors.New("memory, cpus and processes are 0 or more")
	}
	return nil
}

var networkName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// showsSocket reports whether a path is an engine's socket or holds one.
func showsSocket(path string) bool {
	for _, s := range sockets {
		if path == "/" || s == path || strings.HasPrefix(s, path+"/") {
			return true
		}
	}
	return strings.HasSuffix(path, ".sock")
}

// shortID is an image named by its id or the beginning of one: no pattern means it.
var shortID = regexp.MustCompile(`^(sha256:)?[0-9a-f]+$`)

// image reports whether an image may run.
func (p Policy) image(name string) bool {
	for _, pattern := range p.Images {
		if pattern == name {
			return true
		}
		if strings.Contains(pattern, "*") && !shortID.MatchString(name) && matches(pattern, name) {
			return true
		}
	}
	return false
}

func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	ok, err := regexp.MatchString("^(?:"+strings.Join(parts, "[^/:@\\s]*")+")$", name)
	return ok && err == nil
}
