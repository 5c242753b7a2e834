package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent"
)

const (
	// Between two samples that make a service short lie pushLeast to pushMost, evenly drawn.
	pushLeast, pushMost = 50 * time.Millisecond, time.Second
	// quiet and busy are loads of a service of which an instance serves 100: one may have 60.
	quiet, busy = 30, 95
	// past is how many minutes a service told its load before, once in each.
	past = 3
	// startsPatience is how long the first instances of all services may take, and the
	// last starts.
	startsPatience = 5 * time.Minute
)

// starts measures how long it takes from a sample that makes a service short until an
// engine is asked to start an instance. Each service is made short once.
type starts struct {
	server *driver
	n      int

	mu     sync.Mutex
	first  map[string]string    // instance by service
	pushed map[string]time.Time // by service: short, and nothing was started since
	seen   map[string]bool      // instances
	took   []time.Duration
}

func newStarts(server *driver, n int) *starts {
	return &starts{server: server, n: n, first: map[string]string{}, pushed: map[string]time.Time{}, seen: map[string]bool{}}
}

// register registers the services, tells what their load was, and returns when each has
// its one instance.
func (s *starts) register(ctx context.Context) error {
	for i := range s.n {
		if err := s.put(ctx, serviceName(i)); err != nil {
			return err
		}
		var before []row
		for ago := range past {
			before = append(before, row{Service: serviceName(i), Time: time.Now().UTC().Add(-time.Duration(ago+1) * forescale.DemandStep), Load: quiet})
		}
		s.push(ctx, before...)
	}
	return s.await(ctx, "the first instances of all services", func() (bool, error) { return s.ready(ctx) })
}

// put registers a service that may have two instances.
func (s *starts) put(ctx context.Context, name string) error {
	const body = `{"mode": "active", "max_instances": 2, "metrics": ["load"], "capacity": 100, "warmup": "1s", "template": {"image": "load"}}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.server.Servers[0].URL+"/v1/services/"+name, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	status, text, _, err := s.server.do(r)
	if err == nil && status >= http.StatusMultipleChoices {
		err = fmt.Errorf("%d %s", status, text)
	}
	if err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	return nil
}

// ready reports whether the server knows a ready instance of each service.
func (s *starts) ready(ctx context.Context) (bool, error) {
	status, text, err := s.server.get(ctx, s.server.Servers[0].URL+"/v1/services?limit=10000")
	if err != nil || status != http.StatusOK {
		return false, fmt.Errorf("list the services: %d %w", status, err)
	}
	var services struct {
		Items []struct {
			Status struct {
				Ready int `json:"ready"`
			} `json:"status"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(text), &services); err != nil {
		return false, fmt.Errorf("read the services: %w", err)
	}
	n := 0
	for _, i := range services.Items {
		n += min(i.Status.Ready, 1)
	}
	return n == s.n, nil
}

// await asks every second whether something is done.
func (s *starts) await(ctx context.Context, what string, done func() (bool, error)) error {
	end := time.After(startsPatience)
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return fmt.Errorf("%s took longer than %v", what, startsPatience)
		case <-time.After(time.Second):
		}
	}
}

// drive makes one service after the other short, whether or not what was asked for
// before was started, and returns when all that will be started is.
func (s *starts) drive(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	due := time.Now()
	for i := range s.n {
		due = due.Add(pushLeast + rand.N(pushMost-pushLeast))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		pushed := s.short(serviceName(i))
		wg.Go(func() { s.push(ctx, pushed) })
	}
	if err := s.await(ctx, "the last starts", func() (bool, error) { return s.waiting() == 0, nil }); ctx.Err() != nil {
		return err // what was not started in time is told by the count
	}
	return nil
}

func (s *starts) push(ctx context.Context, rows ...row) {
	s.server.push(ctx, s.server.Servers[0].URL+"/v1/samples", rows)
}

// short is a sample that makes a service short, to be pushed at once.
func (s *starts) short(service string) row {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.pushed[service] = now
	return row{Service: service, Time: now.UTC(), Load: busy}
}

// waiting is how many services are short and have no start yet.
func (s *starts) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pushed)
}

// asked notes that an engine was asked to start an instance.
func (s *starts) asked(service, instance string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	pushed, short := s.pushed[service]
	switch {
	case s.seen[instance]: // asked again
	case s.first[service] == "":
		s.first[service] = instance
	case short:
		s.took = append(s.took, now.Sub(pushed))
		delete(s.pushed, service)
	default:
		s.server.fail("an instance of " + service + " was started without need")
	}
	s.seen[instance] = true
}

// startTime is how long an engine takes to start an instance.
const startTime = 500 * time.Millisecond

// engine has the instances of a node: nothing runs, but a start takes as long as that of
// a container.
type engine struct {
	starts *starts

	mu      sync.Mutex
	running map[string]forescale.Sighting // by name
}

func newEngine(s *starts) agent.Engine {
	e := &engine{starts: s, running: map[string]forescale.Sighting{}}
	return agent.Engine{Containers: e, Acting: func(enter func() (func(), error)) agent.Target { return entered{e, enter} }}
}

func (e *engine) Observe(context.Context) forescale.Observation {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := forescale.Observation{Time: time.Now(), Complete: true}
	for _, i := range e.running {
		o.Instances = append(o.Instances, i)
	}
	return o
}

// entered is an engine that asks before each effect.
type entered struct {
	*engine
	enter func() (leave func(), err error)
}

func (entered) Pull(context.Context, forescale.Service) error { return nil }

func (e entered) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	e.starts.asked(s.Name, i.ID)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTime):
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.running[i.ID] = forescale.Sighting{ID: i.ID, Service: s.Name, Node: i.Node, Image: s.Template.Image, Revision: i.Revision, Decision: i.Decision,
		Running: true, Ready: true, StartedAt: now, ReadyAt: now}
	return nil
}

func (e entered) Stop(_ context.Context, _ forescale.Service, i forescale.Instance) error {
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, i.ID)
	return nil
}
