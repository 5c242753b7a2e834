package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/forescale/forescale"
)

// probesOf are the probes of a service, where a label of the container's own stands in
// for readiness.
func probesOf(s forescale.Service, labels map[string]string) (ps [probeKinds]forescale.Probe) {
	t := s.Template
	if !t.Readiness.Set() {
		t.Readiness = forescale.Probe{HTTP: labels[forescale.LabelProbeHTTP], TCP: labels[forescale.LabelProbeTCP] == "true"}
		if t.Readiness.Set() {
			t.Readiness.Timeout, _ = time.ParseDuration(labels[forescale.LabelProbeTimeout])
			t.Readiness.Timeout = min(max(t.Readiness.Timeout, 0), forescale.ProbeTimeoutMax)
		}
	}
	ps[startup], ps[readiness], ps[liveness] = t.Startup, t.Readiness, t.Liveness
	ps[startup].Period = cmp.Or(ps[startup].Period, forescale.StartupPeriod)
	ps[startup].Failures = cmp.Or(ps[startup].Failures, forescale.StartupFailures)
	for k := range ps {
		if ps[k].Set() {
			ps[k] = ps[k].WithDefaults()
		}
	}
	return ps
}

// asker makes single attempts.
type asker struct {
	http *http.Client
	cli  *client.Client
}

// newAsker makes the client of HTTP probes. It follows no redirect, since a
// redirect is an answer; keeps no connection, which would hide that the service
// takes no new ones; and uses no proxy.
func newAsker(cli *client.Client) *asker {
	return &asker{cli: cli, http: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask makes one attempt within the probe's timeout. The error says what went wrong; nil
// is a pass. command is the run of the last attempt, "" if it has ended, and gives that
// of this one: a command that hangs is not started over and over.
func (a *asker) ask(ctx context.Context, t asked, command string) (running string, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.probe.Timeout)
	defer cancel()
	switch {
	case len(t.probe.Command) > 0:
		running, err = a.command(ctx, t, command)
	case t.address == "":
		err = errors.New("its port is not known")
	case t.probe.HTTP != "":
		err = a.get(ctx, t)
	default:
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", t.address); err == nil {
			_ = conn.Close()
		}
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", t.probe.Timeout)
	}
	return running, err
}

func (a *asker) get(ctx context.Context, t asked) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.address+"/"+strings.TrimPrefix(t.probe.HTTP, "/"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "forescale-probe")
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("it answers %d", resp.StatusCode)
	}
	return nil
}

// command runs the probe's command in the container and waits for its end.
func (a *asker) command(ctx context.Context, t asked, last string) (running string, err error) {
	if last != "" {
		if r, err := a.cli.ContainerExecInspect(ctx, last); err == nil && r.Running {
			return last, errors.New("the command of the last attempt still runs")
		}
	}
	made, err := a.cli.ContainerExecCreate(ctx, t.container, container.ExecOptions{Cmd: t.probe.Command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", err
	}
	out, err := a.cli.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return made.ID, err
	}
	defer out.Close()
	unhook := context.AfterFunc(ctx, out.Close) // the reader knows no context
	defer unhook()
	_, _ = io.Copy(io.Discard, out.Reader) // until it ends
	r, err := a.cli.ContainerExecInspect(ctx, made.ID)
	switch {
	case err != nil:
		return made.ID, err
	case r.Running:
		return made.ID, errors.New("the command does not end")
	case r.ExitCode != 0:
		return "", fmt.Errorf("the command ends with exit code %d", r.ExitCode)
	}
	return "", nil
}
