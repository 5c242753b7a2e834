package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// callTime bounds one call of the server.
const callTime = wire.Hold + 10*time.Second

// client calls the server. It is safe for concurrent use.
type client struct {
	base  *url.URL
	clock forescale.Clock

	mu     sync.Mutex
	state  *state       // nil before the agent joined
	http   *http.Client // shows the certificate of state, and no other
	before *state       // the one of the certificate before, nil if this process had none
	pin    authority.Pin
	told   time.Time     // what the server's clock showed
	toldAt time.Duration // when the steady clock showed this
	heard  bool          // told is the server's, not this node's
}

func newClient(server string, pin authority.Pin, s *state, clock forescale.Clock) (*client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return nil, &forescale.Fault{Code: "agent_server", Where: "--server", What: fmt.Sprintf("%q is not the address of a server", server), Help: "write it as https://HOST:PORT"}
	}
	c := &client{base: u, clock: clock, state: s, pin: pin, told: clock.Now(), toldAt: clock.Elapsed()}
	c.http = c.showing(s)
	return c, nil
}

// showing makes connections on which the certificate of a state is shown; none if it is nil.
func (c *client) showing(s *state) *http.Client {
	caller := authority.Caller{Pin: c.pin, Now: c.serverTime, Known: c.known}
	if s != nil {
		caller.Certificate = func() *tls.Certificate { return s.own }
	}
	return &http.Client{Timeout: callTime, Transport: &http.Transport{TLSClientConfig: caller.Config(), MaxIdleConns: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: callTime},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (c *client) close() {
	_, connections := c.caller()
	connections.CloseIdleConnections()
}

// caller is who calls, and the connections that show it.
func (c *client) caller() (*state, *http.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.http
}

func (c *client) current() *state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// serverTime is the server's time as far as it is known: what it told last,
// carried on by the steady clock. Before that it is this node's.
func (c *client) serverTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told.Add(c.clock.Elapsed() - c.toldAt)
}

// known is the newest time that the server is known to have told.
func (c *client) known() time.Time {
	if s := c.current(); s != nil {
		return s.Known
	}
	return time.Time{}
}

// learn takes the time that an answer tells.
func (c *client) learn(text string) {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.toldAt, c.heard = time.UnixMilli(ms).UTC(), c.clock.Elapsed(), true
}

// lastHeard is when the server told its time last, by the steady clock; false if never.
func (c *client) lastHeard() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.toldAt, c.heard
}

// take goes on with a new certificate, on new connections: one that waits for work now shows
// the old one until that comes, and is not used again.
func (c *client) take(s *state) {
	c.mu.Lock()
	old := c.http
	c.state, c.before, c.http = s, c.state, c.showing(s)
	c.mu.Unlock()
	old.CloseIdleConnections()
}

// note goes on with a state of the same certificate.
func (c *client) note(s *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
}

// signingKey is the key of a certificate that this process has or had last.
func (c *client) signingKey(serial string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range []*state{c.state, c.before} {
		if s != nil && authority.SerialOf(s.own.Leaf) == serial {
			return s.SigningKey, true
		}
	}
	return nil, false
}

// call sends a request and reads the answer into out. One that the server finds of
// another time is signed once more, by the time that it tells.
func (c *client) call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	err = c.once(ctx, path, body, out)
	var f *forescale.Fault
	if errors.As(err, &f) && f.Code == "signature_stale" {
		err = c.once(ctx, path, body, out)
	}
	return err
}

func (c *client) once(ctx context.Context, path string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	s, connections := c.caller()
	if s != nil {
		signer := signature.Signer{KeyID: authority.SerialOf(s.own.Leaf), Key: s.SigningKey, Tag: signature.ToServer}
		if err := signer.Sign(r, body, signature.About{Node: s.Node, Cluster: c.pin.Cluster()}, c.serverTime()); err != nil {
			return err
		}
	}
	answer, err := connections.Do(r)
	if err != nil {
		var f *forescale.Fault
		if errors.As(err, &f) {
			return f // the server is not the one that it should be
		}
		return &forescale.Fault{Code: "server_unreachable", Where: c.base.Host, What: "the server cannot be reached", Help: "it is tried again; nothing is lost for an hour", Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, wire.MaxBody))
	if err != nil {
		return &forescale.Fault{Code: "server_unreachable", Where: c.base.Host, What: "the server's answer was cut off", Help: "it is tried again", Err: err}
	}
	c.learn(answer.Header.Get(signature.FieldTime))
	if answer.StatusCode != http.StatusOK {
		var p wire.Problem
		if err := json.Unmarshal(data, &p); err != nil || p.Code == "" {
			p = wire.Problem{Code: "server_answer", What: "the server answers " + answer.Status, Help: "check --server"}
		}
		return p.Fault()
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &forescale.Fault{Code: "server_answer", Where: c.base.Host, What: "the server's answer cannot be read", Help: "use an agent of the same version as the server", Err: err}
	}
	return nil
}
