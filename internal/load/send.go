package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// row is a pushed sample.
type row struct {
	Service     string    `json:"service"`
	Instance    string    `json:"instance"`
	Time        time.Time `json:"time"`
	Utilization float64   `json:"utilization"`
}

// send pushes one sender's share of the services in every period, evenly spread
// over it, as services that know nothing of each other do.
func (d *driver) send(ctx context.Context, sender int) {
	from, to := sender*d.Services/d.Senders, (sender+1)*d.Services/d.Senders
	pushes := (to - from + d.Rows - 1) / d.Rows
	if pushes == 0 {
		return
	}
	tick := time.NewTicker(d.Every / time.Duration(pushes))
	defer tick.Stop()
	url := d.Servers[sender%len(d.Servers)].URL + "/v1/samples"
	for n := 0; ; n++ {
		first := from + n%pushes*d.Rows
		rows := make([]row, 0, d.Rows)
		for i := first; i < min(first+d.Rows, to); i++ {
			rows = append(rows, row{serviceName(i), serviceName(i) + "-1", time.Now().UTC(), 20 + 60*rand.Float64()})
		}
		d.push(ctx, url, rows)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// push sends rows until they are acknowledged. What it takes in all is counted:
// being asked to come again is a delay as well.
func (d *driver) push(ctx context.Context, url string, rows []row) {
	body, err := json.Marshal(rows)
	if err != nil {
		panic(err) // numbers and names
	}
	began := time.Now()
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			panic(err) // the URL is a server's
		}
		r.Header.Set("Content-Type", "application/json")
		status, text, wait, err := d.do(r)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.fail("push: " + err.Error())
			return
		case status == http.StatusOK:
			d.mu.Lock()
			d.pushes, d.rows = append(d.pushes, time.Since(began)), d.rows+len(rows)
			d.mu.Unlock()
			return
		case status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable:
			d.fail(fmt.Sprintf("push: %d %s", status, text))
			return
		}
		d.mu.Lock()
		d.refused++
		d.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// do is the status, the text and Retry-After of one request.
func (d *driver) do(r *http.Request) (status int, text string, wait time.Duration, err error) {
	resp, err := d.client.Do(r)
	if err != nil {
		return 0, "", 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, strings.TrimSpace(string(data)), time.Duration(max(seconds, 1)) * time.Second, err
}
