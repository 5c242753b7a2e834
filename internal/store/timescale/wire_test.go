package timescale

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
)

// trouble is what the wire does to a commit.
type trouble int

const (
	none    trouble = iota
	cut             // the server never hears of it, and the connection breaks
	swallow         // it is carried out, and the connection breaks instead of the answer
	hold            // the server hears of it when the gate opens
)

// wire stands between the store and the server, and makes trouble with commits.
type wire struct {
	addr, to string

	mu     sync.Mutex
	gate   chan struct{} // closed: what is held goes on
	rule   func() trouble
	made   map[trouble]int
	closed bool
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

func startWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String(), to: to, gate: make(chan struct{}), made: map[trouble]int{}, conns: map[net.Conn]bool{}}
	w.makes(func() trouble { return none })
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.open()
		w.mu.Lock()
		w.closed = true
		for c := range w.conns {
			c.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

// makes sets what happens to each commit from now on.
func (w *wire) makes(rule func() trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rule = rule
}

// count is how often that trouble was made.
func (w *wire) count(t trouble) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made[t]
}

func (w *wire) next() (trouble, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.rule()
	w.made[t]++
	return t, w.gate
}

// open lets go on what is held.
func (w *wire) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.gate)
	w.gate = make(chan struct{})
}

// keep notes a connection, so that it ends with the test.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = true
	return !w.closed
}

func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.to)
	if err != nil || !w.keep(client) || !w.keep(server) {
		return
	}
	defer server.Close()
	var silent sync.Mutex // held while answers are not passed on
	back := make(chan struct{})
	go func() {
		defer close(back)
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			silent.Lock()
			_, err = client.Write(buf[:n])
			silent.Unlock()
			if err != nil {
				return
			}
		}
	}()
	defer func() { server.Close(); <-back }()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if !bytes.Contains(buf[:n], []byte("commit\x00")) {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
			continue
		}
		does, gate := w.next()
		switch does {
		case cut:
			return
		case swallow:
			silent.Lock()
			_, _ = server.Write(buf[:n])
			client.Close()
			silent.Unlock()
			_, _ = server.Write([]byte{'X', 0, 0, 0, 4}) // goodbye: read after the commit
			<-back
			return
		case hold:
			<-gate
			fallthrough
		default:
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

// through is the address dsn by way of the wire.
func (w *wire) through(dsn string) string { return strings.Replace(dsn, w.to, w.addr, 1) }
