package timescale

import (
	"strings"
	"syscall"
	"time"
)

// peerSilence is how long what was sent may stay unconfirmed by the other machine.
const peerSilence = 30 * time.Second

// tcpUserTimeout is TCP_USER_TIMEOUT, which the package syscall does not name.
const tcpUserTimeout = 18

// boundSilence makes a connection fail when the other machine is gone, rather
// than after the quarter of an hour that the kernel sends again by itself.
func boundSilence(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var err error
	if failed := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(peerSilence.Milliseconds()))
	}); failed != nil {
		return failed
	}
	return err
}
