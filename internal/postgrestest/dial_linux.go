package postgrestest

import (
	"context"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// DialContext connects from inside the network, as to the loopback there.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	to := make(chan dialed, 1)
	go func() {
		// The thread is in the other network then. It is never unlocked, so it ends
		// with this goroutine, and nobody else gets it.
		runtime.LockOSThread()
		var d dialed
		defer func() { to <- d }()
		f, err := os.Open("/var/run/netns/" + n.Name)
		if err != nil {
			d.err = err
			return
		}
		defer f.Close()
		if d.err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); d.err != nil {
			return
		}
		d.conn, d.err = (&net.Dialer{}).DialContext(ctx, network, addr)
	}()
	d := <-to
	return d.conn, d.err
}
