package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/deploy/providers"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
)

const (
	service  = "shop"
	weeks    = 4               // of history before the first day
	history  = 5 * time.Minute // between its samples
	closing  = time.Minute
	capacity = 40.0 // requests a second that one instance serves
	peak     = 5.2  // busy instances at a weekday's usual peak
)

// monday is when the first day begins: shortly before the rise of a morning.
func monday(zone *time.Location) time.Time { return time.Date(2026, 3, 2, 5, 0, 0, 0, zone) }

// rise is when the load of the first morning begins to.
func rise(zone *time.Location) time.Time { return monday(zone).Add(2 * time.Hour) }

// demo is one run.
type demo struct {
	Config
	pace   pace
	zone   *time.Location
	begin  time.Time // of the first day
	load   datasets.Pattern
	stage  stage
	store  store.Store
	server Server // once it runs
	say    *story

	planned chan struct{} // closed after the first planning round
	once    sync.Once
}

// stage is where the demonstration plays: in an engine, on hosts, or in a simulated world.
type stage interface {
	// service is what is to be scaled, as it is registered.
	service() forescale.Service
	// register puts what the server is to know besides the service into its store.
	register(ctx context.Context, st store.Store) error
	// wire makes the world begin at the clock's now.
	wire(w *Wiring)
	// play puts the load on it until the context ends, by way of the server.
	play(ctx context.Context, s Server) error
	// tell lets it know of decisions.
	tell(ds []forescale.Decision)
	// rows is the truth so far, a row a simulated minute.
	rows() []sim.Row
	// table tells how it went from from to to, by the rows once what was needed was there.
	table(ctx context.Context, d *demo, title string, rows []sim.Row, from, to time.Time) string
	// remark is a last sentence about what happened, or "".
	remark() string
	// close removes everything that it made.
	close(ctx context.Context) error
}

// Run plays until Days are over or the context ends, which is no error.
func Run(ctx context.Context, c Config) (err error) {
	if c.Hosts {
		if err := providers.Possible(); err != nil {
			return err
		}
	}
	zone, zoneErr := time.LoadLocation("Europe/Berlin")
	if zoneErr != nil {
		zone = time.UTC
	}
	d := &demo{Config: c, pace: newPace(c.Day), zone: zone, begin: monday(zone), planned: make(chan struct{}),
		load: datasets.DefaultPattern(c.Seed, peak*capacity, zone), say: newStory(c.Out, zone)}
	d.say.line("forescale demo: a working week, a day in %s. Ctrl-C ends it and leaves nothing behind.", spoken(c.Day))
	dir, err := workDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if d.stage, err = d.choose(ctx, dir); err != nil {
		return ended(ctx, err)
	}
	defer func() {
		// Also after Ctrl-C: a context of its own.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		err = errors.Join(err, d.stage.close(ctx))
	}()
	return ended(ctx, d.run(ctx, dir))
}

// ended is err, unless it only says that the run was asked to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (d *demo) run(ctx context.Context, dir string) (err error) {
	if d.store, err = d.Store(ctx, filepath.Join(dir, "demo.db")); err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	// Not to the millisecond: names are made of the time, and two demonstrations
	// on one engine must not pick the same ones.
	clock := forescale.NewFastClock(d.begin.Add(time.Duration(os.Getpid()%30_000)*time.Millisecond), d.pace.factor)
	w := Wiring{Store: d.store, Listen: d.Listen, Clock: clock, Speed: d.pace.factor, OnStep: d.step}
	d.stage.wire(&w)
	server, err := d.Serve(ctx, w)
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	d.server = server
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		err = errors.Join(err, server.Close(ctx))
	}()
	d.say.line("  page      %s", server.URL())
	d.say.line("  now       it is %s; the morning rise begins at 07:00, %s from now", d.say.when(d.begin), spoken(d.real(rise(d.zone).Sub(d.begin))))
	d.say.line("")
	return d.play(ctx, clock, server)
}

func (d *demo) real(simulated time.Duration) time.Duration {
	return time.Duration(float64(simulated) / d.pace.factor).Round(time.Second)
}

// prepare registers the service and imports what happened before.
func (d *demo) prepare(ctx context.Context) error {
	if _, err := d.store.PutService(ctx, d.stage.service(), 0); err != nil {
		return fmt.Errorf("register the service: %w", err)
	}
	if err := d.stage.register(ctx, d.store); err != nil {
		return err
	}
	start := d.begin.UTC()
	samples := sim.Samples(d.load, service, start.AddDate(0, 0, -7*weeks), start, history)
	for len(samples) > 0 {
		n := min(len(samples), 2_000)
		if err := d.store.Append(ctx, samples[:n]); err != nil {
			return fmt.Errorf("import the history: %w", err)
		}
		samples = samples[n:]
	}
	d.say.line("  history   %d weeks imported, so the first day is forecast already", weeks)
	return nil
}

// play lets time run until the end, and tells each day's outcome.
func (d *demo) play(ctx context.Context, clock forescale.FastClock, server Server) error {
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	failed := make(chan error, 2)
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	part(func(ctx context.Context) error { return d.stage.play(ctx, server) })
	part(func(ctx context.Context) error { return d.firstForecast(ctx, server) })
	defer parts.Wait()
	defer cancel()

	start := d.begin.UTC()
	for day := 1; ; day++ {
		// A minute more: the day's last row has to be over.
		end := start.Add(time.Duration(day)*24*time.Hour + time.Minute)
		select {
		case <-ctx.Done():
			return d.finish(ctx)
		case err := <-failed:
			return err
		case err := <-server.Failed():
			return fmt.Errorf("the server ended by itself: %w", err)
		case <-clock.After(end.Sub(clock.Now())):
		}
		if day == d.Days {
			return d.finish(ctx)
		}
		d.tell(ctx, fmt.Sprintf("Day %d", day), start.Add(time.Duration(day-1)*24*time.Hour), start.Add(time.Duration(day)*24*time.Hour))
	}
}

// finish tells the outcome of the whole run.
func (d *demo) finish(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	start := d.begin.UTC()
	d.tell(ctx, "The whole run", start, start.AddDate(1, 0, 0))
	if r := d.stage.remark(); r != "" {
		d.say.line("%s", r)
	}
	return nil
}

// firstForecast asks for a forecast once the imported history is worked in.
func (d *demo) firstForecast(ctx context.Context, server Server) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.planned:
	}
	if err := server.Refresh(ctx, service); err != nil {
		return fmt.Errorf("make the first forecast: %w", err)
	}
	return nil
}

// step tells the story of a planning round.
func (d *demo) step(_ time.Time, ds []forescale.Decision) {
	d.stage.tell(ds)
	for _, x := range ds {
		if len(x.Actions) > 0 {
			d.say.decision(x)
		}
	}
	d.once.Do(func() { close(d.planned) })
}

// choose picks the stage.
func (d *demo) choose(ctx context.Context, dir string) (stage, error) {
	if d.Hosts {
		return newHosts(ctx, d, dir)
	}
	if d.Docker == Off {
		d.say.line("  world     simulated, as asked for")
		return newSimulated(d.load, d.Seed, d.pace), nil
	}
	s, err := newContainers(ctx, d, filepath.Base(dir))
	switch {
	case err == nil:
		d.say.line("  world     a Docker Engine: the instances are real containers, the load is real HTTP")
		return s, nil
	case d.Docker == Required || ctx.Err() != nil:
		return nil, err
	}
	d.say.line("  world     SIMULATED, as no Docker Engine can be used: %s", reason(err))
	return newSimulated(d.load, d.Seed, d.pace), nil
}

func reason(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.What
	}
	return err.Error()
}
