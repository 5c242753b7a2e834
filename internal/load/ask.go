package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// questions are what a page and scripts ask while the servers work; {name} is
// one of the services.
var questions = []string{
	"/v1/services?limit=50",
	"/v1/services/{name}",
	"/v1/services/{name}/capacity",
	"/v1/services/{name}/forecast",
	"/v1/decisions?service={name}&limit=20",
}

// askEvery is the pause between two questions.
const askEvery = 100 * time.Millisecond

// ask asks one question after the other.
func (d *driver) ask(ctx context.Context) {
	d.asked = map[string][]time.Duration{}
	for n := 0; ; n++ {
		path := questions[n%len(questions)]
		url := d.Servers[n%len(d.Servers)].URL + strings.ReplaceAll(path, "{name}", serviceName(rand.N(d.Services)))
		began := time.Now()
		status, text, err := d.get(ctx, url)
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.fail(path + ": " + err.Error())
		case status == http.StatusOK, status == http.StatusNotFound && strings.Contains(path, "forecast"): // none was made yet
			d.mu.Lock()
			d.asked[path] = append(d.asked[path], took)
			d.mu.Unlock()
		default:
			d.fail(fmt.Sprintf("%s: %d %s", path, status, text))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(askEvery):
		}
	}
}

func (d *driver) get(ctx context.Context, url string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	status, text, _, err = d.do(r)
	return status, text, err
}

// forecastRun is a run that makes forecasts.
type forecastRun struct {
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Done      int        `json:"done"`
	Failed    int        `json:"failed"`
	Error     string     `json:"error"`
}

func (r forecastRun) seconds() float64 {
	if r.EndedAt == nil {
		return 0
	}
	return r.EndedAt.Sub(r.StartedAt).Seconds()
}

// awaitForecasts waits until the first run over all services has ended. One that
// does not in time is no error: the result says so.
func (d *driver) awaitForecasts(ctx context.Context) (forecastRun, error) {
	end := time.After(d.Patience)
	for {
		var runs struct {
			Items []forecastRun `json:"items"`
		}
		status, text, err := d.get(ctx, d.Servers[0].URL+"/v1/runs?kind=forecast&limit=50")
		if err == nil && status == http.StatusOK {
			err = json.Unmarshal([]byte(text), &runs)
		}
		if err != nil {
			return forecastRun{}, fmt.Errorf("read the runs: %w", err)
		}
		var all forecastRun // several servers may share the work: the run of all is from the first begin to the last end
		for _, r := range runs.Items {
			if r.EndedAt == nil {
				continue
			}
			if all.EndedAt == nil || r.EndedAt.After(*all.EndedAt) {
				all.EndedAt = r.EndedAt
			}
			if all.StartedAt.IsZero() || r.StartedAt.Before(all.StartedAt) {
				all.StartedAt = r.StartedAt
			}
			all.Done += r.Done
			all.Failed += r.Failed
		}
		if all.Done >= d.Services {
			if all.Failed > 0 {
				d.fail(fmt.Sprintf("%d forecasts failed", all.Failed))
			}
			return all, nil
		}
		select {
		case <-end:
			return forecastRun{Done: all.Done}, nil
		case <-ctx.Done():
			return forecastRun{}, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// counters are what the servers count of themselves, summed.
type counters struct{ rounds, roundTime, cpu float64 }

func (d *driver) scrape(ctx context.Context) (c counters, err error) {
	for _, s := range d.Servers {
		status, text, err := d.get(ctx, s.URL+"/metrics")
		if err != nil || status != http.StatusOK {
			return c, fmt.Errorf("read a server's metrics: %d %w", status, err)
		}
		for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), " ")
			v, _ := strconv.ParseFloat(value, 64)
			switch name {
			case "forescale_step_seconds_count":
				c.rounds += v
			case "forescale_step_seconds_sum":
				c.roundTime += v
			case "process_cpu_seconds_total":
				c.cpu += v
			}
		}
	}
	return c, nil
}
