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
	Instance    string    `json:"instance,omitempty"`
	Time        time.Time `json:"time"`
	Utilization float64   `json:"utilization,omitempty"`
	Load        float64   `json:"load,omitempty"`
}

// perPeriod is how many pushes the samples of one period take.
func (c Config) perPeriod() int { return (c.Services + c.Rows - 1) / c.Rows }

// send takes the next push that is due, waits until it is, and sends it, evenly spread
// over each period, as services that know nothing of each other do. A push is due
// whether or not those before it are done: servers that are slow are not spared, and
// when all senders wait for them, it is told how late the pushes began.
func (d *driver) send(ctx context.Context) {
	pushes := int64(d.perPeriod())
	for {
		n := d.next.Add(1) - 1
		due := d.began.Add(time.Duration(n/pushes)*d.Every + time.Duration(n%pushes)*d.Every/time.Duration(pushes))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		first := int(n%pushes) * d.Rows
		rows := make([]row, 0, d.Rows)
		for i := first; i < min(first+d.Rows, d.Services); i++ {
			rows = append(rows, row{Service: serviceName(i), Instance: serviceName(i) + "-1", Time: time.Now().UTC(), Utilization: 20 + 60*rand.Float64()})
		}
		d.mu.Lock()
		d.late, d.sent = append(d.late, time.Since(due)), d.sent+len(rows)
		d.mu.Unlock()
		d.push(ctx, d.Servers[n%int64(len(d.Servers))].URL+"/v1/samples", rows)
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
