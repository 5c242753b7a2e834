package dockertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"
)

// Node is one engine of a swarm, in a network namespace of its own.
type Node struct {
	Name string // host name
	Host string // address of the engine
	*client.Client
}

// Swarm is a Docker Swarm of so many nodes on this machine, each with an engine of
// its own and an image like that of [Image]; the first is the manager. It goes after the test.
// Where it cannot be had the test is skipped, or fails if FORESCALE_NEED_ENGINE is 1.
func Swarm(t testing.TB, nodes int) (list []Node, image string) {
	t.Helper()
	Engine(t) // dockerd is installed, then
	for _, tool := range []string{"dockerd", "ip", "nsenter", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil || os.Getuid() != 0 {
			t.Skipf("a swarm of several engines needs root, dockerd, iproute2 and util-linux: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "forescale-swarm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tidy(t, dir) })
	// The bridge is in a namespace of its own: the engine's rules for its own
	// machine would drop what goes over it.
	hub := filepath.Base(dir)
	namespace(t, hub, "link add br0 type bridge", "link set br0 up")
	var engines []*exec.Cmd
	t.Cleanup(func() { end(engines) })
	for n := 1; n <= nodes; n++ {
		v, cmd := engineNode(t, dir, hub, n)
		list, engines = append(list, v), append(engines, cmd)
	}
	// A swarm asks the registry for each task, and takes the image of the node when
	// none answers: at this address that is known at once.
	image = "localhost:1/forescale-test:" + run
	for _, v := range list {
		Until(t, 3*time.Minute, v.Name+" answers", func() bool { _, err := v.Ping(t.Context()); return err == nil })
		if err := BuildImage(t.Context(), v.Client, image, t.TempDir(), dockerfile); err != nil {
			t.Fatalf("build the test image: %v", err)
		}
	}
	join(t, list)
	return list, image
}

// end ends all engines at once, by force after a while.
func end(engines []*exec.Cmd) {
	for _, cmd := range engines {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	for _, cmd := range engines {
		killer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		killer.Stop()
	}
}

// tidy tells what engines said in a test that failed, and removes what they left,
// mounted or not.
func tidy(t testing.TB, dir string) {
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, l := range logs {
		if said, err := os.ReadFile(l); err == nil && t.Failed() {
			t.Logf("%s: …%s", filepath.Base(l), said[max(0, len(said)-2000):])
		}
	}
	mounts, _ := filepath.Glob(filepath.Join(dir, "*.run", "netns", "*"))
	for _, m := range mounts {
		_ = exec.Command("umount", m).Run() // not all of them are mounts
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Errorf("remove what the engines left: %v", err)
	}
}

// namespace makes a network namespace with what ip is told to do in it.
func namespace(t testing.TB, name string, commands ...string) {
	t.Helper()
	ip(t, "netns add "+name)
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("remove the namespace %s: %v: %s", name, err, out)
		}
	})
	for _, c := range commands {
		ip(t, "-n "+name+" "+c)
	}
}

func ip(t testing.TB, command string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", command, err, out)
	}
}

// engineNode starts an engine in a namespace that is linked to the hub.
func engineNode(t testing.TB, dir, hub string, n int) (Node, *exec.Cmd) {
	t.Helper()
	v := Node{Name: fmt.Sprintf("node%d", n)}
	space := fmt.Sprintf("%s-%d", hub, n)
	namespace(t, space)
	link := fmt.Sprintf("v%d", n)
	ip(t, fmt.Sprintf("-n %s link add %s type veth peer name eth0 netns %s", hub, link, space))
	ip(t, fmt.Sprintf("-n %s link set %s master br0 up", hub, link))
	ip(t, fmt.Sprintf("-n %s addr add %s/24 dev eth0", space, address(n)))
	ip(t, fmt.Sprintf("-n %s link set eth0 up", space))
	ip(t, fmt.Sprintf("-n %s link set lo up", space))
	ip(t, fmt.Sprintf("-n %s route add default via 10.199.0.254", space))
	v.Host = "unix://" + filepath.Join(dir, v.Name+".sock")
	home := filepath.Join(dir, v.Name)
	log, err := os.Create(home + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// nsenter and not ip netns exec, which hides the control groups.
	cmd := exec.Command("nsenter", "--net=/run/netns/"+space, "unshare", "--uts", "sh", "-c", `hostname "$0"; exec dockerd "$@"`, v.Name,
		"--data-root", home, "--exec-root", home+".run", "--pidfile", home+".pid", "--host", v.Host)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cli, err := client.NewClientWithOpts(client.WithHost(v.Host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	v.Client = cli
	t.Cleanup(func() { _ = cli.Close() })
	return v, cmd
}

func address(n int) string { return fmt.Sprintf("10.199.0.%d", n) }

// join makes a swarm of the engines.
func join(t testing.TB, list []Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := list[0].SwarmInit(ctx, swarm.InitRequest{ListenAddr: address(1) + ":2377", AdvertiseAddr: address(1)}); err != nil {
		t.Fatalf("begin the swarm: %v", err)
	}
	s, err := list[0].SwarmInspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range list[1:] {
		err := v.SwarmJoin(ctx, swarm.JoinRequest{ListenAddr: address(k+2) + ":2377", AdvertiseAddr: address(k + 2),
			RemoteAddrs: []string{address(1) + ":2377"}, JoinToken: s.JoinTokens.Worker})
		if err != nil {
			t.Fatalf("%s joins the swarm: %v", v.Name, err)
		}
	}
}
