package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestConfigFaultsSayWhereAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name, yaml        string
		code, where, what string
		help              string
	}{
		{"a misspelt key of a service gets the nearest one", "services:\n  checkout:\n    max_instance: 3\n",
			"config_unknown_key", "f.yaml:3:5", `unknown key "max_instance" in service "checkout"`, `did you mean "max_instances"?`},
		{"a misspelt key at the top", "listn: 127.0.0.1:1\n", "config_unknown_key", "f.yaml:1:1", `unknown key "listn"`, `did you mean "listen"?`},
		{"a key like nothing else lists what is known", "services:\n  a:\n    template:\n      zzzzzzzz: 1\n",
			"config_unknown_key", "f.yaml:4:7", `unknown key "zzzzzzzz" in "template"`, "known are image, command"},
		{"a key twice", "listen: a:1\nlisten: b:1\n", "config_wrong_value", "f.yaml:2:1", `"listen" is there twice`, "keep one"},
		{"a service twice", "services:\n  a:\n  a:\n", "config_wrong_value", "f.yaml:3:3", `"a" is there twice`, "keep one"},
		{"a text where a number belongs", "services:\n  a:\n    min_instances: many\n", "config_wrong_value", "f.yaml:3:20", `"many" is not a whole number`, "digits"},
		{"a quoted number is a text", "services:\n  a:\n    min_instances: \"3\"\n", "config_wrong_value", "f.yaml:3:20", `"3" is not a whole number`, "digits"},
		{"max below min, which no single value shows", "services:\n  a:\n    min_instances: 5\n    max_instances: 2\n",
			"config_wrong_value", "f.yaml:4:20", "max_instances 2 is below min_instances 5", "raise"},
		{"a duration without a unit", "services:\n  a:\n    warmup: 90\n", "config_wrong_value", "f.yaml:3:13", `"90" is not a duration`, "90s"},
		{"a duration that is too long", "services:\n  a:\n    warmup: 3d\n", "config_wrong_value", "f.yaml:3:13", "warmup is 3d", "from 0s to 24h"},
		{"a mode with a typo", "services:\n  a:\n    mode: activ\n", "config_wrong_value", "f.yaml:3:11", `"activ" is not a mode`, `did you mean "active"?`},
		{"a band that falls", "services:\n  a:\n    band: \"1:80 2:60\"\n", "config_wrong_value", "f.yaml:3:11", "falls", "1:60 2:65"},
		{"a country without holidays", "services:\n  a:\n    country: XX\n", "config_wrong_value", "f.yaml:3:14", "\"XX\" are not known", "AR, AT"},
		{"an event that ends first", "events:\n  a:\n    from: 2026-11-27T18:00:00Z\n    until: 2026-11-27T17:00:00Z\n", "config_wrong_value", "f.yaml:4:12", "before it begins", "after from"},
		{"an event without an end", "events:\n  a: {from: 2026-11-27T18:00:00Z}\n", "config_wrong_value", "f.yaml:2:13", "a begin and an end", "until"},
		{"an event whose time names no zone", "events:\n  a: {from: 2026-11-27 18:00, until: 2026-11-27T19:00:00Z}\n", "config_wrong_value", "f.yaml:2:13", "not a time with a zone", "offset"},
		{"a zone that does not exist", "services:\n  a:\n    time_zone: Europe/Berln\n", "config_wrong_value", "f.yaml:3:16", "not a time zone", "IANA"},
		{"a size without sense", "services:\n  a:\n    template:\n      memory: lots\n", "config_wrong_value", "f.yaml:4:15", `"lots" is not a size`, "512MiB"},
		{"a metric that is none", "services:\n  a:\n    metrics: [utilisation]\n", "config_wrong_value", "f.yaml:3:15", `"utilisation" is not a service metric`, `did you mean "utilization"?`},
		{"load without a capacity", "services:\n  a:\n    metrics: [load]\n", "config_wrong_value", "f.yaml:3:5", "capacity is not known", "set capacity"},
		{"a list where a value belongs", "listen: [a, b]\n", "config_wrong_value", "f.yaml:1:9", "not a plain value", "text"},
		{"a value where a mapping belongs", "services: checkout\n", "config_wrong_value", "f.yaml:1:11", "not a mapping", "service"},
		{"a service name with capitals", "services:\n  CheckOut: {}\n", "config_wrong_value", "f.yaml:2:3", `"CheckOut" is not a name`, "lower-case"},
		{"a secret in the file", "services:\n  a:\n    template:\n      env:\n        DB_PASSWORD: hunter2\n", "config_secret", "f.yaml:5:9", "looks like a secret", "env_from: [DB_PASSWORD]"},
		{"a certificate without its key", "tls:\n  cert: a.pem\n", "config_wrong_value", "f.yaml:2:9", "both cert and key", "both"},
		{"not YAML at all", "services:\n  a: [1, 2\nb: 3\n", "config_syntax", "f.yaml:", "not YAML", ""},
		{"a tab as indentation", "services:\n\ta: 1\n", "config_syntax", "f.yaml:2:1", "not YAML", ""},
		{"two documents", "listen: a:1\n---\nlisten: b:1\n", "config_syntax", "f.yaml:1:1", "more than one document", ""},
		{"a number that is none", "services:\n  a:\n    objective: .nan\n", "config_wrong_value", "f.yaml:3:16", "not a number from 0.5", "0.95"},
		{"samples kept for less than late ones may come in", "retention:\n  samples: 3d\n", "config_wrong_value", "f.yaml:2:12", "samples is 3d", "from 8d"},
		{"hours kept shorter than minutes", "retention:\n  minutes: 40d\n  hours: 35d\n", "config_wrong_value", "f.yaml:3:10", "hours shorter than the minutes", "40d or longer"},
		{"a level that is none", "retention:\n  days: 40d\n", "config_unknown_key", "f.yaml:2:3", `unknown key "days" in "retention"`, "samples"},
		{"chunks of no size", "timescale:\n  sample_chunk: 0s\n", "config_wrong_value", "f.yaml:2:17", "sample_chunk is 0s", "from 1h"},
		{"an empty text", "listen:\n", "config_wrong_value", "f.yaml:1:", "empty", "leave the key out"},
		{"the whole file is a list", "- a\n", "config_wrong_value", "f.yaml:1:1", "the config is not a mapping", "key: value"},
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

func TestConfigGathersAllFaultsInTheOrderOfTheFile(t *testing.T) {
	_, err := parseConfig("f.yaml", []byte("listn: x\nservices:\n  a:\n    warmup: 9\n    max_instance: 2\n    band: \"2:50\"\nretention: 1m\n"))
	var at []string
	for _, f := range faultsIn(err) {
		at = append(at, f.Where)
	}
	want := "f.yaml:1:1 f.yaml:4:13 f.yaml:5:5 f.yaml:6:11 f.yaml:7:12"
	if got := strings.Join(at, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestConfigReadsEverything(t *testing.T) {
	data, err := os.ReadFile("../../deploy/forescale.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig("example", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Services) == 0 {
		t.Fatal("the example has no service")
	}
	s := c.Services[0].Service
	if s.Name != "checkout" || s.Mode != forescale.ModeForecastOnly || s.Min != 2 || s.Max != 12 || s.Warmup != 90*time.Second ||
		s.TimeZone != "Europe/Berlin" || s.Template.Memory != 512<<20 || s.Template.Readiness.HTTP != "/healthz" || s.Band.String() != "1:60 2:65 3:70 5:75 8:80" {
		t.Errorf("checkout was read as %+v", s)
	}
	if err := s.WithDefaults().Validate(); err != nil {
		t.Error(err)
	}
	if c.Retention != (retention{30 * day, 400 * day, 1825 * day, 400 * day}) || c.Planning.Interval != 30*time.Second {
		t.Errorf("retention %v, planning %+v", c.Retention, c.Planning)
	}
	if want := (jobTimes{Retention: jobTime{"10 3 * * *", "Europe/Berlin"}}); c.Jobs != want {
		t.Errorf("jobs %+v, want %+v", c.Jobs, want)
	}
}

func TestOneRetentionIsThatOfAllLevels(t *testing.T) {
	c, err := parseConfig("f.yaml", []byte("retention: 90d\n"))
	if err != nil || c.Retention != (retention{90 * day, 90 * day, 90 * day, 90 * day}) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = parseConfig("f.yaml", []byte("retention:\n  samples: 10d\ntimescale:\n  demand_chunk: 7d\n"))
	if err != nil || c.Retention != (retention{10 * day, 400 * day, 1825 * day, 400 * day}) || c.Timescale.Demand != 7*day || c.Timescale.Samples != day {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestEmptyConfigIsFine(t *testing.T) {
	for _, yaml := range []string{"", "# nothing\n", "---\n", "services:\n", "services:\n  a:\n", "tls:\n"} {
		if _, err := parseConfig("f.yaml", []byte(yaml)); err != nil {
			t.Errorf("%q: %v", yaml, err)
		}
	}
}

func TestConfigAliasIsFollowed(t *testing.T) {
	c, err := parseConfig("f.yaml", []byte("services:\n  a: &a\n    max_instances: 3\n  b: *a\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Services[1].Service; got.Name != "b" || got.Max != 3 {
		t.Errorf("b was read as %+v", got)
	}
}

func TestSchemaNamesEveryKey(t *testing.T) {
	data, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		AdditionalProperties bool
		Properties           map[string]struct {
			AdditionalProperties json.RawMessage
			Properties           map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if s.AdditionalProperties {
		t.Error("the schema allows unknown keys")
	}
	for _, f := range new(Config).fields() {
		if _, ok := s.Properties[f.key]; !ok {
			t.Errorf("the schema lacks %q", f.key)
		}
	}
	var entry struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(s.Properties["services"].AdditionalProperties, &entry); err != nil {
		t.Fatal(err)
	}
	for _, f := range serviceFields(new(forescale.Service)) {
		if _, ok := entry.Properties[f.key]; !ok {
			t.Errorf("the schema of a service lacks %q", f.key)
		}
	}
}

func TestDurationsAndSizes(t *testing.T) {
	for s, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "400d": 9600 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "60s": time.Minute} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "90", "d", "-1d", "1d-1h", "1dd", "NaNd", "1e9d"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q was read as %v", s, got)
		}
	}
	for s, want := range map[string]int64{"512MiB": 512 << 20, "2GB": 2e9, "1.5 GiB": 3 << 29, "100": 100, "0B": 0} {
		if got, err := parseBytes(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "MiB", "-1MB", "NaN", "1e30GB", "5 apples"} {
		if got, err := parseBytes(s); err == nil {
			t.Errorf("%q was read as %v", s, got)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, s := range []string{"", "services:\n  a:\n    band: \"1:60\"\n", "a: &a [*a]\n", "services: *x\n", "tls: {cert: 1}\n", "? [a]\n: b\n", "services: {a: {template: {env: {A: b}}}}\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig("f.yaml", data)
		for _, x := range faultsIn(err) {
			if x.Code == "" || x.What == "" || !strings.HasPrefix(x.Where, "f.yaml:") {
				t.Errorf("a fault without code, place or words: %+v", x)
			}
		}
		if err != nil {
			return
		}
		for _, e := range c.Services {
			if err := e.Service.WithDefaults().Validate(); err != nil {
				t.Errorf("a config without faults holds a service with some: %v", err)
			}
		}
	})
}
