package collector

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// How long one attempt of a probe may take.
const (
	probeTimeout    = time.Second
	probeTimeoutMax = 5 * time.Second
)

// probeOf is the probe of a service, or else of the container's own labels.
func probeOf(s forescale.Service, labels map[string]string) forescale.Probe {
	if p := s.Template.Probe; p.HTTP != "" || p.TCP {
		return p
	}
	p := forescale.Probe{HTTP: labels[forescale.LabelProbeHTTP], TCP: labels[forescale.LabelProbeTCP] == "true"}
	p.Timeout, _ = time.ParseDuration(labels[forescale.LabelProbeTimeout])
	return p
}

// probe asks one instance once. Without an address it is not ready.
func (d *Docker) probe(ctx context.Context, p forescale.Probe, address string) bool {
	if address == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, min(cmp.Or(max(p.Timeout, 0), probeTimeout), probeTimeoutMax))
	defer cancel()
	if p.HTTP == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/"+strings.TrimPrefix(p.HTTP, "/"), nil)
	if err != nil {
		return false
	}
	req.Header.Set("User-Agent", "forescale-probe")
	resp, err := d.prober.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}

// newProber makes the client of HTTP probes. It follows no redirect, since a
// redirect is an answer; keeps no connection, which would hide that the service
// takes no new ones; and uses no proxy.
func newProber() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
