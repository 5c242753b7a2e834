package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The server's limits. Nothing bounds the writing of a whole answer, as the
// stream has no end; each of its writes has a deadline of its own.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 2 * time.Minute // a body of BodyLimit over a slow line
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	shutdownTime      = 10 * time.Second
)

// Server is an http.Server with the limits above that serves a. Shutting it down
// ends the streams.
func (a *API) Server() *http.Server {
	s := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	s.RegisterOnShutdown(a.Close)
	return s
}

// Serve answers requests on ln until ctx ends, then waits for those under way,
// up to 10 seconds. It closes ln.
func (a *API) Serve(ctx context.Context, ln net.Listener) error {
	s := a.Server()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	select {
	case err := <-served:
		a.Close()
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	a.Close()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := s.Shutdown(stop)
	if err != nil {
		err = errors.Join(fmt.Errorf("wait for requests: %w", err), s.Close())
	}
	<-served
	return err
}
