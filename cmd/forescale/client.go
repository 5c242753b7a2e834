package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

// clientFlags say which server a command talks to, and as whom.
type clientFlags struct {
	server, keyFile, caFile, zone string
}

func addClientFlags(a *app, cmd *cobra.Command) *clientFlags {
	f := &clientFlags{}
	fs := cmd.Flags()
	fs.StringVar(&f.server, "server", "", "URL of the server (FORESCALE_SERVER; default http://"+defaultListen+")")
	fs.StringVar(&f.keyFile, "key-file", "", "file with the API key (otherwise FORESCALE_KEY)")
	fs.StringVar(&f.caFile, "ca-file", "", "file with the certificate to trust (FORESCALE_CA_FILE)")
	fs.StringVar(&f.zone, "timezone", "", "show times in this IANA zone (default: the service's, or the server's)")
	return f
}

// apiClient talks to one server.
type apiClient struct {
	base *url.URL
	key  string
	http *http.Client
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// client makes the client that the flags and the environment describe.
func (a *app) client(f *clientFlags) (*apiClient, error) {
	raw := firstOf(f.server, a.getenv("FORESCALE_SERVER"), "http://"+defaultListen)
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	base, err := url.Parse(raw)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usage(fmt.Sprintf("%q is not the URL of a server", raw), "write it as http://127.0.0.1:8480 or https://forescale.example:8480")
	}
	key, err := a.key(f)
	if err != nil {
		return nil, err
	}
	if key != "" && base.Scheme == "http" && !loopbackHost(base.Hostname()) {
		return nil, &forescale.Fault{Code: "key_in_clear", What: "the API key would travel unencrypted", Where: base.String(),
			Help: "use https:// for a server on another machine; nothing was sent"}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // a command makes a few requests and ends
	if ca := firstOf(f.caFile, a.getenv("FORESCALE_CA_FILE")); ca != "" {
		pem, err := readLimited(ca, 1<<20)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, usage("there is no usable certificate in "+ca, "name a PEM file with --ca-file")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &apiClient{base: base, key: key, http: &http.Client{
		Transport: transport,
		Timeout:   30 * time.Second,
		// A redirect would carry the key to whoever it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// patient waits for an answer as long as it takes.
func (c *apiClient) patient() { c.http.Timeout = 0 }

// key is the API key, from a file or the environment. An argument would show it
// to everybody who lists processes.
func (a *app) key(f *clientFlags) (string, error) {
	if f.keyFile == "" {
		return strings.TrimSpace(a.getenv("FORESCALE_KEY")), nil
	}
	data, err := readLimited(f.keyFile, 4096)
	if err != nil {
		return "", usage("cannot read the key file: "+reason(err), "name a readable file with --key-file")
	}
	return strings.TrimSpace(string(data)), nil
}

// get reads path into v.
func (c *apiClient) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, v)
}

// ask gets path for a command: into v, or straight out as it came when JSON is asked
// for, which is done then.
func (a *app) ask(ctx context.Context, c *apiClient, path string, query url.Values, o format, v any) (done bool, err error) {
	var raw json.RawMessage
	if err := c.get(ctx, path, query, &raw); err != nil {
		return false, err
	}
	if o == formatJSON {
		return true, a.writeJSON(raw)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return false, nil
}

// do sends body as JSON, if there is one, and reads the answer into v, if not nil.
func (c *apiClient) do(ctx context.Context, method, path string, query url.Values, body, v any) error {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "forescale/"+version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if resp.StatusCode >= 300 {
		return c.refused(method, path, resp, data)
	}
	if v == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return c.stranger(resp, data)
	}
	return nil
}

// problem is an error of the API (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Help   string `json:"help"`
	Errors []struct {
		Location, Message, Code, Help string
	} `json:"errors"`
}

// refused turns an error of the API into faults for a terminal.
func (c *apiClient) refused(method, path string, resp *http.Response, data []byte) error {
	var p problem
	if json.Unmarshal(data, &p) != nil || p.Title == "" && p.Detail == "" {
		return c.stranger(resp, data)
	}
	f := &forescale.Fault{Code: firstOf(p.Code, statusCode(resp.StatusCode)), What: oneLine(firstOf(p.Detail, p.Title)), Where: method + " " + path, Help: oneLine(p.Help)}
	if resp.StatusCode == http.StatusUnauthorized { // the API's help names a header
		f.Help = "set FORESCALE_KEY or --key-file; make a key with `forescale keys create --name me --role operate`"
	}
	if f.Code == "service_unknown" && !strings.HasPrefix(p.Help, "did you mean") {
		f.Help = "see `forescale services`" // the API's help names a route
	}
	for i, e := range p.Errors {
		if i > 0 || e.Message != p.Detail {
			f.What += "; " + oneLine(e.Location+": "+e.Message)
		}
	}
	return f
}

// statusCode is the fault code of a status for answers that bring none.
func statusCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusPreconditionFailed:
		return "changed_meanwhile"
	}
	return "failed"
}

func (c *apiClient) unreachable(err error) error {
	help := "start it with `forescale serve`, or name another with --server or FORESCALE_SERVER"
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		help = "name the certificate to trust with --ca-file"
	}
	var name x509.HostnameError
	if errors.As(err, &name) {
		help = "call it by a name that is in its certificate, with --server or FORESCALE_SERVER"
	}
	return &forescale.Fault{Code: "server_unreachable", What: "no forescale server answers: " + cause(err), Where: c.base.String(), Help: help, Err: err}
}

func (c *apiClient) stranger(resp *http.Response, data []byte) error {
	f := &forescale.Fault{Code: "server_unreachable", What: fmt.Sprintf("what answers there is not forescale (status %d)", resp.StatusCode),
		Where: c.base.String(), Help: "check the address, or name another with --server or FORESCALE_SERVER"}
	if bytes.Contains(data, []byte("HTTP request to an HTTPS server")) { // what net/http answers then
		secure := *c.base
		secure.Scheme = "https"
		f.What, f.Help = "that server wants encrypted connections", "use --server "+secure.String()
	}
	return f
}

// cause is the innermost reason of a network error.
func cause(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		var sys *os.SyscallError
		if errors.As(op.Err, &sys) {
			return sys.Err.Error()
		}
		return op.Err.Error()
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// list reads a list page by page, at most limit items.
func list[T any](ctx context.Context, c *apiClient, path string, query url.Values, limit int) ([]T, error) {
	var all []T
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		if err := c.get(ctx, path, q, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" || len(page.Items) == 0 || len(all) >= limit {
			return all[:min(len(all), limit)], nil
		}
		q.Set("cursor", page.Next)
	}
}

// firstOf is the first that is not empty.
func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

// loopbackHost reports whether host can only be this machine.
func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
