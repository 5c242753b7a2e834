package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/loop"
)

// jobTimes is when the jobs are due, as the file has it.
type jobTimes struct{ Forecast, Score, RollUp, Learn, Retention jobTime }

// jobTime is a cron expression and its zone; what is left out has a default.
type jobTime struct{ Cron, Zone string }

// byName gives each job's times by the name it has in the file and in the runs.
func (t *jobTimes) byName() []namedJob {
	return []namedJob{{loop.ForecastJob, &t.Forecast}, {loop.ScoreJob, &t.Score}, {rollUpJob, &t.RollUp}, {loop.LearnJob, &t.Learn}, {retentionJob, &t.Retention}}
}

type namedJob struct {
	name string
	time *jobTime
}

func jobFields(t *jobTimes) []field {
	docs := map[string]string{
		loop.ForecastJob: "When forecasts are made, instead of at the pace of `planning.refresh`.",
		loop.ScoreJob:    "When issued forecasts are held against what came.",
		rollUpJob:        "When demand by the hour is brought up to date, instead of at the pace of `planning.refresh`.",
		loop.LearnJob:    "When it is learned how long starts and cool-downs take and what an instance serves, instead of at the pace of `planning.refresh`.",
		retentionJob:     "When history that is older than `retention` is deleted.",
	}
	var fields []field
	for _, j := range t.byName() {
		fields = append(fields, object(j.name, docs[j.name], func() []field {
			schedule := text("schedule", "Minute, hour, day, month and weekday as in cron, in quotes: `\"*/15 * * * *\"`.", &j.time.Cron)
			if cron := ownCron[j.name]; cron != "" {
				schedule = schedule.or(cron)
			}
			return []field{schedule, zoneField("time_zone", "IANA zone of the schedule.", &j.time.Zone).or(defaultZone)}
		}))
	}
	return fields
}

// schedule is what was given for a job; ok is false when it was left out.
func (n namedJob) schedule() (s jobs.Schedule, ok bool, err error) {
	expression := n.time.Cron
	switch {
	case *n.time == jobTime{}:
		return s, false, nil
	case expression == "" && ownCron[n.name] != "":
		expression = ownCron[n.name] // its default, in another zone
	case expression == "":
		return s, false, &forescale.Fault{Where: "time_zone", What: "a time zone without a schedule", Help: `add schedule, such as "*/15 * * * *"`}
	}
	s, err = jobs.Cron(expression, cmp.Or(n.time.Zone, defaultZone))
	return s, err == nil, err
}

// schedules are those that the file gives, by job. The file was checked.
func (t jobTimes) schedules() map[string]jobs.Schedule {
	all := map[string]jobs.Schedule{}
	for _, j := range t.byName() {
		if s, ok, _ := j.schedule(); ok {
			all[j.name] = s
		}
	}
	return all
}

// longestGap is the longest time between two forecasts of a schedule. It is
// counted from a fixed day, a Monday the 1st, so that a file which is accepted
// today is accepted tomorrow.
func longestGap(s jobs.Schedule) time.Duration {
	return s.Longest(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Minute))
}

// checkJobs finds schedules that are none, that contradict each other, or that
// leave services without a forecast.
func (r *configReader) checkJobs(c *Config) {
	for _, j := range c.Jobs.byName() {
		path := "jobs." + j.name
		_, _, err := j.schedule()
		var f *forescale.Fault
		if !errors.As(err, &f) {
			continue
		}
		key := "schedule"
		if f.Where == "time_zone" {
			key = f.Where
		}
		if n := r.places.near(path + "." + key); !r.hasFaultAt(n) {
			r.fault(n.Line, n.Column, "config_wrong_value", fmt.Sprintf("%s, for %q", f.What, path+"."+key), f.Help)
		}
	}
	s, ok := c.Jobs.schedules()[loop.ForecastJob]
	if !ok {
		return
	}
	n := r.places.near("jobs.forecast.schedule")
	if c.Planning.Refresh > 0 {
		r.fault(n.Line, n.Column, "config_wrong_value", "planning.refresh and jobs.forecast both say when forecasts are made", "keep one of them")
		return
	}
	gap, horizon := longestGap(s), cmp.Or(c.Planning.Horizon, defaultHorizon)
	if gap >= horizon {
		r.fault(n.Line, n.Column, "config_wrong_value",
			fmt.Sprintf("up to %s pass between two forecasts, which reach %s ahead: services would be without one", inWords(gap), inWords(horizon)),
			"give a schedule that comes more often, or raise planning.horizon")
	}
}
