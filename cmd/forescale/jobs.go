package main

import (
	"context"
	"errors"
	"time"

	"github.com/forescale/forescale/internal/api"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/jobs/riverjobs"
	"github.com/forescale/forescale/internal/loop"
)

// When jobs are due, unless the config says otherwise.
const (
	retentionCron = "10 3 * * *"
	scoreCron     = "20 * * * *" // when the truth of the last hour has settled
	defaultZone   = "UTC"
)

// forecastBatch is how many services one call of the jobs that go by services is given.
const forecastBatch = 50

// jobs are the jobs of a server. One entry here adds a job.
func (s *server) jobs() []jobs.Job {
	c := s.cfg
	list := []jobs.Job{{
		Name: loop.ForecastJob, Schedule: c.Schedules[loop.ForecastJob], Extra: s.loop.ImportedAt, Batch: forecastBatch,
		Do: func(ctx context.Context, t jobs.Task) (jobs.Result, error) {
			return resultOf(s.loop.RefreshServices(ctx, t.Now, t.Services))
		},
	}, {
		Name: loop.ScoreJob, Schedule: c.Schedules[loop.ScoreJob], Batch: forecastBatch,
		Do: func(ctx context.Context, t jobs.Task) (jobs.Result, error) {
			scored, err := resultOf(s.loop.ScoreServices(ctx, t.Now, t.Services))
			if err != nil {
				return scored, err
			}
			measured, err := s.loop.MeasureServices(ctx, t.Now, t.Services)
			scored.Fault = errors.Join(scored.Fault, measured.Fault)
			return scored, err
		},
	}, {
		Name: rollUpJob, Schedule: c.Schedules[rollUpJob], Limit: time.Hour, // the first one of an old store takes long
		Do: func(ctx context.Context, _ jobs.Task) (jobs.Result, error) { return jobs.Result{}, c.Store.RollUp(ctx) },
	}, {
		Name: loop.LearnJob, Schedule: c.Schedules[loop.LearnJob],
		Do: func(ctx context.Context, t jobs.Task) (jobs.Result, error) {
			return resultOf(s.loop.Learn(ctx, t.Now))
		},
	}}
	if c.Retention != (retention{}) {
		list = append(list, jobs.Job{
			Name: retentionJob, Schedule: c.Schedules[retentionJob], Limit: time.Hour,
			Delay: time.Minute, // not in the middle of the start
			Do:    newPruner(c).prune,
		})
	}
	return list
}

func resultOf(w loop.Worked, err error) (jobs.Result, error) {
	return jobs.Result{Done: w.Done, Failed: w.Failed, Fault: w.Fault}, err
}

// runner runs jobs until its context ends.
type runner interface {
	Run(ctx context.Context) error
}

// newRunner gives the runner of the jobs, and whether it spreads them over all
// servers that share the store. One that does not is for the server that leads.
func (s *server) newRunner(ctx context.Context, list []jobs.Job) (runner, bool) {
	log := s.cfg.Log.With("part", "jobs")
	c := jobs.Config{Store: s.cfg.Store, Clock: s.cfg.Clock, Log: log, Server: s.cfg.Name, Jobs: list}
	if !s.cfg.Shared {
		return jobs.NewEmbedded(c), false
	}
	err := errNotDatabase
	if db, ok := s.cfg.Store.(riverjobs.Store); ok {
		var r runner
		if r, err = riverjobs.New(ctx, riverjobs.Config{Config: c, Store: db}); err == nil {
			log.Info("jobs are spread over all servers")
			return r, true
		}
	}
	log.Info("jobs are not spread over servers; the one that leads runs them", "reason", err)
	return jobs.NewEmbedded(c), false
}

// errNotDatabase is why jobs are not spread in tests that share another store.
var errNotDatabase = errors.New("the store is no database")

const (
	rollUpJob    = "rollup"
	retentionJob = "retention"
)

// ownCron are the jobs that have a schedule of their own, rather than the pace of forecasts.
var ownCron = map[string]string{retentionJob: retentionCron, loop.ScoreJob: scoreCron}

// withSchedules fills the schedules that the caller left open.
func (c serverConfig) withSchedules() serverConfig {
	pace := c.Options.Refresh
	if pace == 0 {
		pace = 15 * time.Minute
	}
	all := map[string]jobs.Schedule{loop.ForecastJob: jobs.Every(pace), rollUpJob: jobs.Every(pace), loop.LearnJob: jobs.Every(pace)}
	for name, cron := range ownCron {
		s, err := jobs.Cron(cron, defaultZone)
		if err != nil {
			panic(err) // it is a constant
		}
		all[name] = s
	}
	for name, s := range c.Schedules {
		all[name] = s
	}
	if s, ok := c.Schedules[loop.ForecastJob]; ok && c.Options.Refresh == 0 {
		c.Options.Refresh = longestGap(s) // forecasts stay fit until a few more were due
	}
	c.Schedules = all
	return c
}

// schedules are the jobs with their next due times, for the API.
func schedulesOf(list []jobs.Job) func(now time.Time) []api.Schedule {
	return func(now time.Time) []api.Schedule {
		out := make([]api.Schedule, len(list))
		for i, j := range list {
			out[i] = api.Schedule{Job: j.Name, Schedule: j.Schedule.String(), TimeZone: j.Schedule.Zone(), NextAt: j.Schedule.Next(now)}
		}
		return out
	}
}
