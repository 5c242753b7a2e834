package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/forescale/forescale"
)

// listen opens the address, which came from where. A taken port is an error here,
// before anything was started.
func listen(ctx context.Context, address, where string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		return ln, nil
	}
	f := &forescale.Fault{Code: "listen_failed", What: fmt.Sprintf("cannot listen on %s: %s", address, cause(err)), Where: where,
		Help: "write host:port, such as --listen " + defaultListen, Err: err}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.Code, f.What = "port_taken", fmt.Sprintf("cannot listen on %s, another process uses it", address)
		f.Help = "stop it, or start with `--listen " + nextPort(address) + "`"
	case errors.Is(err, syscall.EACCES):
		f.Help = "ports below 1024 need a privilege; start with `--listen " + defaultListen + "`"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Help = "this machine does not have that address; start with `--listen " + defaultListen + "`"
	}
	return nil, f
}

// nextPort is the same address one port higher, as a suggestion.
func nextPort(address string) string {
	host, port, err := net.SplitHostPort(address)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil || n < 1 || n >= 65535 {
		return defaultListen
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1))
}

// loopbackAddress reports whether listening on address can reach loopback only.
// An empty host is every address of the machine.
func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}

// checkExposure refuses an address that others can reach unless connections are
// encrypted and keys are asked for, and names the commands that are missing.
func checkExposure(cfg serverConfig, keys []forescale.Key) error {
	if loopbackAddress(cfg.Listen) {
		return nil
	}
	usable := 0
	for _, k := range keys {
		if k.RevokedAt.IsZero() {
			usable++
		}
	}
	if cfg.TLS != nil && cfg.RequireKeys && usable > 0 {
		return nil
	}
	var steps []string
	if usable == 0 {
		steps = append(steps, "forescale keys create --name me --role admin --store "+cfg.StoreName)
	}
	serve := "forescale serve --listen " + cfg.Listen + " --store " + cfg.StoreName + " --tls-cert cert.pem --tls-key key.pem"
	if cfg.TLS == nil {
		steps = append(steps, `openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=$(hostname)" -addext "subjectAltName=DNS:$(hostname),DNS:localhost,IP:127.0.0.1" -keyout key.pem -out cert.pem`)
	}
	steps = append(steps, serve)
	missing := "TLS and an API key are"
	switch {
	case cfg.TLS != nil:
		missing = "an API key is"
	case usable > 0:
		missing = "TLS is"
	}
	return &forescale.Fault{Code: "listen_unsafe", Where: cfg.ListenFrom,
		What: fmt.Sprintf("refused to listen on %s: others could reach it, and %s missing", cfg.Listen, missing),
		Help: "listen on 127.0.0.1, or run\n        " + strings.Join(steps, "\n        ")}
}

// certificate is a certificate that can be read again while it is in use.
type certificate struct {
	files   tlsFiles
	current atomic.Pointer[tls.Certificate]
}

// newCertificate reads the files, or gives nil when none are named.
func newCertificate(files tlsFiles) (*certificate, error) {
	if files == (tlsFiles{}) {
		return nil, nil
	}
	c := &certificate{files: files}
	return c, c.reload()
}

// reload reads the files again; when they are not usable the old ones stay.
func (c *certificate) reload() error {
	if c.files.Cert == "" || c.files.Key == "" {
		return usage("TLS needs both a certificate and its key", "give --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return &forescale.Fault{Code: "tls_unusable", What: "the certificate cannot be used: " + err.Error(), Where: c.files.Cert + ", " + c.files.Key,
			Help: "name a PEM file with the certificate chain and one with its key", Err: err}
	}
	c.current.Store(&pair)
	return nil
}

// config is for a listener; nil without a certificate.
func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
