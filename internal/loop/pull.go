package loop

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// Puller is a Target that fetches images to where instances will start.
type Puller interface {
	// Pull fetches the image of the service's template to a node, or to the server's own
	// engine where node is empty, if it is not there. It lasts as long as ctx lets it.
	Pull(ctx context.Context, s forescale.Service, node string) error
}

const (
	pullWindow  = time.Hour        // images are fetched for starts that are planned within it
	pullLook    = 5 * time.Minute  // a service whose image stays is looked at as often
	pullTime    = 10 * time.Minute // one fetch may take
	pullsAtOnce = 4
	pulled      = time.Second // what takes less was there
	pullAgain   = time.Hour   // what is there may have been removed by then
	pullRetry   = time.Minute // after a failure; doubled by each, up to pullAgain
)

// pulls are the images that were fetched ahead. They live as long as the loop: to look
// again is harmless.
type pulls struct {
	mu     sync.Mutex
	at     map[imageAt]fetched
	under  int
	took   map[string]time.Duration // by image: how long its newest fetch took
	looked map[string]pullLooked    // by service
}

type imageAt struct{ image, node string }

type fetched struct {
	under  bool
	failed int       // in a row
	next   time.Time // not asked for before
}

type pullLooked struct {
	image string
	next  time.Time
}

func newPulls() pulls {
	return pulls{at: map[imageAt]fetched{}, took: map[string]time.Duration{}, looked: map[string]pullLooked{}}
}

// pullAhead has images fetched to the nodes where the plans need them soon. A start that
// finds none fetches it itself, so nothing depends on it.
func (l *Loop) pullAhead(ctx context.Context, now time.Time, w *world, round forescale.Plan) error {
	puller, ok := l.target.(Puller)
	if !ok {
		return nil
	}
	var at *placing
	for _, p := range round.Services {
		s := l.rollouts.next(w.services[p.Service])
		image := s.Template.Image
		if image == "" || s.Template.Swarm != "" || !w.mayAct(s.Name, now) || !l.pulls.due(s.Name, image, now) {
			continue
		}
		if at == nil {
			var err error
			if at, err = l.placing(ctx, w, round.Nodes); err != nil {
				return err
			}
		}
		for _, node := range slices.Sorted(maps.Keys(at.soon(s, p, now, l.rollouts.by[s.Name]))) {
			l.pull(ctx, now, puller, s, node)
		}
	}
	l.pulls.forget(w.services, now)
	return nil
}

// soon are the nodes where instances of the service start within the window, "" the
// server's own engine: where more are planned, and where those run that are replaced.
func (at *placing) soon(s forescale.Service, p forescale.ServicePlan, now time.Time, r *forescale.Rollout) map[string]bool {
	on, runs := map[string]bool{}, 0
	for node, n := range at.of[s.Name] {
		runs += n
		if r != nil && r.State == forescale.RolloutRolling {
			if _, apart := at.parts[node]; !apart {
				node = ""
			}
			on[node] = true
		}
	}
	most := 0
	for _, c := range p.Changes {
		if c.At.Before(now.Add(pullWindow)) {
			most = max(most, c.Wanted)
		}
	}
	for k := runs; k < most && len(on) <= len(at.nodes); k++ {
		on[at.nodeFor(s)] = true
	}
	if !at.own {
		delete(on, "")
	}
	return on
}

// pull fetches one image in a goroutine of its own, unless that was done lately.
func (l *Loop) pull(ctx context.Context, now time.Time, puller Puller, s forescale.Service, node string) {
	p, key := &l.pulls, imageAt{s.Template.Image, node}
	there, may := p.begin(key, now)
	if !may {
		if !there {
			delete(p.looked, s.Name) // in the next round again
		}
		return
	}
	l.acts.wait.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, pullTime)
		defer cancel()
		err := puller.Pull(ctx, s, node)
		end := l.clock.Now()
		p.end(key, end, end.Sub(now), err)
		log := l.log.With("image", key.image, "node", node, "took", end.Sub(now))
		switch {
		case err == nil && end.Sub(now) >= pulled:
			log.Info("an image was fetched ahead of the starts that need it")
		case err != nil && ctx.Err() != context.Canceled:
			log.Warn("an image could not be fetched ahead; a start tries again", "error", err)
		}
	})
}

// due reports whether the service is to be looked at, and not again for a while.
func (p *pulls) due(service, image string, now time.Time) bool {
	if last := p.looked[service]; last.image == image && now.Before(last.next) {
		return false
	}
	p.looked[service] = pullLooked{image, now.Add(pullLook)}
	return true
}

// begin reports whether the image was seen there lately, else whether it may be fetched
// now.
func (p *pulls) begin(key imageAt, now time.Time) (there, may bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.at[key]
	if f.under || now.Before(f.next) || p.under >= pullsAtOnce {
		return !f.under && f.failed == 0 && now.Before(f.next), false
	}
	f.under = true
	p.at[key], p.under = f, p.under+1
	return false, true
}

func (p *pulls) end(key imageAt, now time.Time, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under--
	f := fetched{next: now.Add(pullAgain)}
	if err != nil {
		f.failed = p.at[key].failed + 1
		f.next = now.Add(min(pullRetry<<min(f.failed-1, 10), pullAgain))
	} else if took >= pulled { // else it was there
		p.took[key.image] = took
	}
	p.at[key] = f
}

// longest is how long the images of the services take to reach a node, as far as it was
// seen.
func (p *pulls) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Max(append(slices.Collect(maps.Values(p.took)), 0))
}

// forget drops what is of no service any more, or was long ago.
func (p *pulls) forget(services map[string]forescale.Service, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	used := map[string]bool{}
	for name := range p.looked {
		s, there := services[name]
		if !there {
			delete(p.looked, name)
		}
		used[s.Template.Image] = true
	}
	maps.DeleteFunc(p.took, func(image string, _ time.Duration) bool { return !used[image] })
	maps.DeleteFunc(p.at, func(_ imageAt, f fetched) bool { return !f.under && now.After(f.next.Add(pullAgain)) })
}
