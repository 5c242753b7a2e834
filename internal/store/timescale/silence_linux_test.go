package timescale

import (
	"net"
	"syscall"
	"testing"
)

func TestAPeerThatVanishesIsNoticed(t *testing.T) {
	c, err := openAt(t, fastCluster(t).fresh(t)).pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	socket, ok := c.Conn().PgConn().Conn().(*net.TCPConn)
	if !ok {
		t.Skip("the server is not reached by TCP, or by TLS over it")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(level, name int) (v int) {
		if failed := raw.Control(func(fd uintptr) { v, err = syscall.GetsockoptInt(int(fd), level, name) }); failed != nil || err != nil {
			t.Fatal(failed, err)
		}
		return v
	}
	if v := option(syscall.IPPROTO_TCP, tcpUserTimeout); v != int(peerSilence.Milliseconds()) {
		t.Errorf("what was sent may stay unconfirmed for %d ms", v)
	}
	if option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == 0 || option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE) != int(keepAlive.Idle.Seconds()) {
		t.Error("an idle connection is not looked after")
	}
	var theirs string
	if err := c.QueryRow(t.Context(), "SELECT current_setting('tcp_keepalives_idle')").Scan(&theirs); err != nil || theirs != "15" {
		t.Errorf("the server looks after an idle connection every %s s, %v", theirs, err)
	}
}
