// Package providers carries the ready-made provider local-host along, for programs that make
// hosts on one machine: the demonstration, and tests.
package providers

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/forescale/forescale"
)

// LocalHost is the script local-host.
//
//go:embed local-host
var LocalHost []byte

// Hosts are hosts on this machine as local-host makes them, in one network.
type Hosts struct {
	Script  string   // local-host, as a file that may be run
	Dir     string   // where their state lies; a short path, as sockets lie there
	Network int      // they are in 10.199.Network.0/24
	Program string   // what runs as agents
	Policy  string   // file that says what may run on a host
	Images  []string // of this machine's engine, that each host gets
	More    []string // variables besides, NAME=value, that Program sees
}

// tools are what local-host needs.
var tools = []string{"dockerd", "docker", "ip", "nsenter", "unshare", "setsid", "flock"}

// Possible is nil where hosts can be had as far as can be seen, and else a
// *forescale.Fault, hosts_impossible. Nothing is made.
func Possible() error {
	var lacks []string
	if os.Getuid() != 0 {
		lacks = append(lacks, "root")
	}
	for _, tool := range tools {
		if !installed(tool) {
			lacks = append(lacks, tool)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return &forescale.Fault{Code: "hosts_impossible", Where: "this machine", What: "hosts cannot be made here, without " + strings.Join(lacks, ", "),
		Help: "on Linux, install dockerd, the docker client, iproute2 and util-linux, and run it as root; nothing was made"}
}

// installed looks where local-host looks.
func installed(tool string) bool {
	for _, path := range []string{tool, "/usr/sbin/" + tool, "/sbin/" + tool} {
		if _, err := exec.LookPath(path); err == nil {
			return true
		}
	}
	return false
}

// The numbers that FreeNetwork chooses from; those below are left to people.
const firstNetwork, networks = 50, 200

// FreeNetwork is a network that nobody uses, from a number on that is this process's.
func FreeNetwork() (int, error) {
	for n := range networks {
		network := firstNetwork + (os.Getpid()+n)%networks
		if _, err := net.InterfaceByName(bridge(network)); err != nil {
			return network, nil
		}
	}
	return 0, errors.New("all networks of hosts are in use: fshost50 to fshost249")
}

func bridge(network int) string { return "fshost" + strconv.Itoa(network) }

func address(network, n int) string { return fmt.Sprintf("10.199.%d.%d", network, n) }

// Address is this machine's, as the hosts reach it.
func (h Hosts) Address() string { return address(h.Network, 1) }

// Addresses are those that the first most hosts get at one time.
func (h Hosts) Addresses(most int) []string {
	all := make([]string, most)
	for n := range all {
		all[n] = address(h.Network, n+2)
	}
	return all
}

// Env is what the script needs of the environment.
func (h Hosts) Env() []string {
	return append([]string{"FORESCALE_HOSTS=" + h.Dir, "FORESCALE_NETWORK=" + strconv.Itoa(h.Network), "FORESCALE_PROGRAM=" + h.Program,
		"FORESCALE_POLICY=" + h.Policy, "FORESCALE_IMAGES=" + strings.Join(h.Images, " ")}, h.More...)
}

// Run runs the script with more variables, in a session of its own: Ctrl-C at a terminal
// does not break off half of it.
func (h Hosts) Run(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "setsid", append([]string{"--wait", h.Script}, args...)...)
	cmd.Env = slices.Concat(os.Environ(), h.Env(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("local-host %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Made are the hosts of which something is left.
func (h Hosts) Made() (names []string) {
	found, _ := filepath.Glob(filepath.Join(h.Dir, "*", "type"))
	for _, f := range found {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return names
}

// End ends all hosts, and removes their network and what they left.
func (h Hosts) End(ctx context.Context) error {
	var errs []error
	for _, name := range append(h.Made(), "none") { // the network goes, also if there never was a host
		errs = append(errs, h.Run(ctx, nil, "stop", name))
	}
	return errors.Join(append(errs, os.RemoveAll(h.Dir))...)
}
