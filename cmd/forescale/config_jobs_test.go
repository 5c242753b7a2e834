package main

import (
	"strings"
	"testing"
	"time"
)

func TestJobsAreDueWhenTheConfigSays(t *testing.T) {
	for _, c := range []struct {
		yaml    string
		want    map[string]string // schedule and zone by job
		refresh time.Duration
	}{
		{"", map[string]string{"forecast": "every 15m0s ", "rollup": "every 15m0s ", "score": "20 * * * * UTC", "retention": "10 3 * * * UTC"}, 0},
		{"planning: {refresh: 5m}", map[string]string{"forecast": "every 5m0s ", "rollup": "every 5m0s ", "retention": "10 3 * * * UTC"}, 5 * time.Minute},
		{"jobs:", map[string]string{"forecast": "every 15m0s ", "retention": "10 3 * * * UTC"}, 0},
		{"jobs: {forecast: {schedule: \"*/10 8-18 * * *\", time_zone: Asia/Tokyo}}\n",
			map[string]string{"forecast": "*/10 8-18 * * * Asia/Tokyo", "rollup": "every 15m0s ", "score": "20 * * * * UTC", "retention": "10 3 * * * UTC"}, 13*time.Hour + 10*time.Minute},
		{"jobs:\n  rollup: {schedule: \"5 * * * *\"}\n  retention: {schedule: 30 2 * * 1, time_zone: Europe/Berlin}\n",
			map[string]string{"forecast": "every 15m0s ", "rollup": "5 * * * * UTC", "retention": "30 2 * * 1 Europe/Berlin"}, 0},
		{"jobs: {retention: {time_zone: Europe/Berlin}}", map[string]string{"retention": "10 3 * * * Europe/Berlin"}, 0},
		{"planning: {horizon: 48h}\njobs: {forecast: {schedule: \"0 4 * * *\"}}", map[string]string{"forecast": "0 4 * * * UTC", "rollup": "every 15m0s "}, 24 * time.Hour},
	} {
		config, err := parseConfig("f.yaml", []byte(c.yaml))
		if err != nil {
			t.Errorf("%s: %v", c.yaml, err)
			continue
		}
		a := &app{}
		server := a.serverConfig(settings{config: config}, nil, &world{}, &certificate{}, nil).withSchedules()
		for job, want := range c.want {
			s := server.Schedules[job]
			if got := s.String() + " " + s.Zone(); got != want {
				t.Errorf("%s: %s is due %q, want %q", c.yaml, job, got, want)
			}
		}
		// Three of these later a forecast is not believed any more.
		if server.Options.Refresh != c.refresh {
			t.Errorf("%s: forecasts are taken to come every %v, want %v", c.yaml, server.Options.Refresh, c.refresh)
		}
	}
}

func TestSchedulesOfAConfigThatCannotBe(t *testing.T) {
	for _, c := range []struct{ name, yaml, code, where, what, help string }{
		{"six fields", "jobs:\n  forecast:\n    schedule: \"0 */15 * * * *\"\n", "config_wrong_value", "f.yaml:3:15", `not a cron expression of five fields, for "jobs.forecast.schedule"`, "*/15 * * * *"},
		{"a minute that is none", "jobs:\n  rollup: {schedule: 61 * * * *}\n", "config_wrong_value", "f.yaml:2:22", "61", "minute, hour"},
		{"a day that never comes", "jobs:\n  retention:\n    schedule: 0 0 30 2 *\n", "config_wrong_value", "f.yaml:3:15", "never comes", "minute, hour"},
		{"a zone that does not exist", "jobs:\n  retention:\n    schedule: 10 3 * * *\n    time_zone: Europe/Berln\n", "config_wrong_value", "f.yaml:4:16", `"Europe/Berln" is not a time zone`, "IANA"},
		{"a zone without a schedule", "jobs:\n  forecast:\n    time_zone: Europe/Berlin\n", "config_wrong_value", "f.yaml:3:16", "without a schedule", "add schedule"},
		{"a job that is none", "jobs:\n  forcast: {}\n", "config_unknown_key", "f.yaml:2:3", `unknown key "forcast" in "jobs"`, `did you mean "forecast"?`},
		{"a key that is none", "jobs:\n  forecast: {cron: 0 * * * *}\n", "config_unknown_key", "f.yaml:2:14", `unknown key "cron"`, "schedule"},
		{"a schedule without its job's key", "jobs:\n  forecast: 0 * * * *\n", "config_wrong_value", "f.yaml:2:13", "is not a mapping", "key: value"},
		{"a pace and a schedule", "planning:\n  refresh: 5m\njobs:\n  forecast:\n    schedule: 0 * * * *\n", "config_wrong_value", "f.yaml:5:15", "planning.refresh and jobs.forecast both", "keep one"},
		{"forecasts that end before the next ones are made", "jobs:\n  forecast:\n    schedule: 0 6 * * 1-5\n", "config_wrong_value", "f.yaml:3:15",
			"up to 3 d pass between two forecasts, which reach 1 d ahead", "planning.horizon"},
		{"a horizon that is too short for the schedule", "planning: {horizon: 4h}\njobs:\n  forecast:\n    schedule: 0 */6 * * *\n", "config_wrong_value", "f.yaml:4:15",
			"up to 6 h pass between two forecasts, which reach 4 h ahead", "planning.horizon"},
		{"a star without quotes is an alias in YAML", "jobs:\n  forecast:\n    schedule: */15 * * * *\n", "config_syntax", "f.yaml:3:1", "not YAML", "quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseConfig("f.yaml", []byte(c.yaml))
			fs := faultsIn(err)
			if len(fs) != 1 {
				t.Fatalf("got %d faults, want 1: %v", len(fs), err)
			}
			f := fs[0]
			if f.Code != c.code || !strings.HasPrefix(f.Where, c.where) || !strings.Contains(f.What, c.what) || !strings.Contains(f.Help, c.help) {
				t.Errorf("got %s at %s: %s (%s)\nwant %s at %s: …%s… (…%s…)", f.Code, f.Where, f.What, f.Help, c.code, c.where, c.what, c.help)
			}
		})
	}
}

func TestChangedSchedulesWaitForTheNextStart(t *testing.T) {
	config := func(yaml string) *Config {
		c, err := parseConfig("f.yaml", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := config(""), config("jobs: {retention: {schedule: 0 4 * * *}}")
	if got := strings.Join(needRestart(a, b), " "); got != "jobs" {
		t.Errorf("what waits for the next start: %q, want jobs", got)
	}
	if got := needRestart(b, b); len(got) != 0 {
		t.Errorf("nothing changed, but %q waits", got)
	}
}
