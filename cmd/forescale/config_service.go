package main

import (
	"strconv"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
)

// serviceFields is one service of the file.
func serviceFields(s *forescale.Service) []field {
	return []field{
		text("mode", "`forecast-only` does everything but the acting, `active` acts, `off` does nothing. Left out, a new service is forecast-only and a known one keeps its mode.", &s.Mode).oneOf("off", "forecast-only", "active"),
		whole("min_instances", "Never fewer by our hand.", &s.Min, 1, forescale.MaxInstances).or("1"),
		whole("max_instances", "Never more.", &s.Max, 1, forescale.MaxInstances).or("10, or min_instances if higher"),
		number("objective", "Share of time in which the demand must fit the band, from 0.5 to below 1.", &s.Objective, 0.5, 0.9999).or("0.95"),
		bandField("band", "Highest utilization in % from so many instances on.", &s.Band).or("1:60 2:65 3:70 5:75 8:80"),
		zoneField("time_zone", "IANA name; patterns are of this local time.", &s.TimeZone).or("UTC"),
		countryField("country", "Whose public holidays count, as ISO 3166 code such as `DE`. How they behave is learned.", &s.Country).or("none"),
		metricsField("metrics", "What demand is read from; the largest need decides.", &s.Metrics).or("all that are seen; cpu stands in for utilization that nobody pushes"),
		number("capacity", "Load that one instance serves at 100 %, in units of load.", &s.Capacity, 0, 1e15),
		duration("warmup", "From the start command until an instance is ready and takes its share. Few measured starts lean towards it.", &s.Warmup, 0, 24*time.Hour).or("1m"),
		duration("cooldown", "From drain until stopped.", &s.Cooldown, 0, 24*time.Hour).or("10s"),
		whole("max_step", "Starts at most in one planning step.", &s.MaxStep, 1, forescale.MaxInstances).or("4, or as many as are ready"),
		moneyField("price_per_hour", "Price of one instance for an hour, in the currency of the budgets.", &s.PricePerHour).or("0: free, or not known"),
		duration("billing_step", "Started steps are paid whole.", &s.BillingStep, 0, forescale.MaxBillingStep).or("1s"),
		whole("priority", "Where money is short, services with less give way first.", &s.Priority, -1000, 1000).or("0"),
		object("missing", "What holds while samples are missing. Nothing is ever scaled to min because data is missing.", func() []field {
			return []field{
				duration("hold", "Until this long nothing changes.", &s.Missing.Hold, 0, 24*time.Hour).or("5m"),
				duration("stand_in", "Until this long the forecast stands in, upwards only; then the count is held.", &s.Missing.StandIn, 0, 24*time.Hour).or("1h"),
				yesNo("follow_forecast", "After stand_in, follow the forecast in both directions rather than hold.", &s.Missing.FollowForecast).or("false"),
			}
		}),
		object("rollout", "How a changed template reaches the running instances.", func() []field { return rolloutFields(&s.Rollout) }),
		object("resources", "What an instance takes of its node, and which nodes it may be on: for the plan of nodes.", func() []field { return resourceFields(&s.Resources) }),
		object("template", "What an instance is made from.", func() []field { return templateFields(&s.Template) }),
	}
}

// templateFields is what an instance is made from.
func templateFields(t *forescale.Template) []field {
	return []field{
		text("image", "Image of the container. By digest it is never changed behind your back.", &t.Image),
		texts("command", "Command and arguments; no shell is between.", &t.Command),
		envField("env", "Environment variables. Secrets are refused here: use env_from.", &t.Env),
		texts("env_from", "Names of variables handed on from the server's own environment.", &t.EnvFrom),
		textMap("labels", "Labels of the container.", &t.Labels),
		text("network", "Network of the engine.", &t.Network).or("the engine's default"),
		whole("port", "Port that the service listens on inside the instance.", &t.Port, 1, 65535),
		yesNo("publish", "Publish the port on a free loopback port of the node.", &t.Publish).or("false"),
		number("cpus", "Limit in cores.", &t.CPUs, 0, 4096).or("none"),
		bytesField("memory", "Limit, such as `512MiB`.", &t.Memory).or("none"),
		whole("processes", "Limit of processes and threads.", &t.Processes, 0, 1<<22).or("none; 512 on a node with an agent"),
		text("swarm", "Service of a Docker Swarm whose replicas the instances are. The swarm knows what they are made from: beside it only port is allowed.", &t.Swarm),
		object("readiness", "Tells when an instance takes load, at its start and later. With none the image's health check is used; without that, a running container is ready.", func() []field {
			return probeFields(&t.Readiness, forescale.ProbePeriod, forescale.ProbeFailures)
		}),
		object("liveness", "Tells that an instance works at all: one whose probe fails is replaced. Asked from when the instance has started up.", func() []field {
			return probeFields(&t.Liveness, forescale.ProbePeriod, forescale.ProbeFailures)
		}),
		object("startup", "Holds the other two back until it has passed once; one that fails ends the start.", func() []field {
			return probeFields(&t.Startup, forescale.StartupPeriod, forescale.StartupFailures)
		}),
	}
}

// rolloutFields are the rules of a roll-out.
func rolloutFields(r *forescale.RolloutRules) []field {
	return []field{
		whole("surge", "Instances at most beside those that are wanted, above max_instances too.", &r.Surge, 1, forescale.MaxInstances).or("a quarter of them, at least 1"),
		whole("failures", "Tries in a row whose new instances must fail for the roll-out to go back.", &r.Failures, 1, 100).or("3"),
		number("hotter", "Times the utilization of the old instances at which it goes back.", &r.Hotter, 1.01, 100).or("1.5"),
		duration("settle", "How long a new instance must have been ready to replace an old one.", &r.Settle, time.Second, 24*time.Hour).or("2m"),
	}
}

// probeFields is one probe, one of http, tcp and command in it.
func probeFields(p *forescale.Probe, period time.Duration, failures int) []field {
	return []field{
		text("http", "Path asked for with GET; passes on 200 to 399.", &p.HTTP),
		yesNo("tcp", "Passes when the port accepts.", &p.TCP).or("false"),
		texts("command", "Command and arguments, run inside the instance; no shell is between. Passes on exit code 0.", &p.Command),
		whole("port", "Of http and tcp.", &p.Port, 1, 65535).or("the template's port"),
		duration("period", "Between two attempts.", &p.Period, time.Second, time.Hour).or(period.String()),
		duration("timeout", "Of one attempt.", &p.Timeout, time.Millisecond, forescale.ProbeTimeoutMax).or("1s"),
		whole("failures", "In a row until it counts as failed.", &p.Failures, 1, 1000).or(strconv.Itoa(failures)),
		whole("successes", "In a row until it counts as passed.", &p.Successes, 1, 1000).or("1"),
	}
}

// eventFields is one event of the file.
func eventFields(e *forescale.Event) []field {
	return []field{
		text("service", "The service that it is about.", &e.Service).or("all"),
		timeField("from", "When it begins.", &e.From),
		timeField("until", "When it ends, at most 92 days later.", &e.Until),
		number("factor", "How many times the usual demand is asked for while it lasts.", &e.Factor, 0, forescale.MaxFactor).or("1"),
		yesNo("leave_out", "What was measured then is no example, as in an outage: it is not learned from, and factor means nothing.", &e.LeaveOut).or("false"),
	}
}

// nodeTypeFields is one node type of the file.
func nodeTypeFields(t *forescale.NodeType, c *actuator.NodeCommands) []field {
	return []field{
		number("cores", "Cores of a node.", &t.Cores, 0, 4096),
		number("speed", "Speed of a core, relative to the reference type.", &t.Speed, 0, 1000).or("1"),
		bytesField("memory", "Memory, such as `16GiB`.", &t.Memory),
		bytesField("disk", "Disk, such as `200GB`.", &t.Disk),
		text("disk_kind", "Kind of the disk, such as ssd.", &t.DiskKind),
		number("bandwidth", "Of its link, in Mbit/s.", &t.Bandwidth, 0, 1e9),
		number("price_per_hour", "Price of an hour, in the currency of the budgets.", &t.PricePerHour, 0, 1e9),
		duration("billing_step", "Started steps are paid whole.", &t.BillingStep, 0, 31*24*time.Hour),
		duration("boot_time", "From the order until it is ready.", &t.BootTime, 0, 24*time.Hour),
		whole("max_count", "At most so many, those that are there among them.", &t.MaxCount, 0, 100_000).or("0: none is ordered, it only describes nodes"),
		textMap("labels", "Labels that each node of it carries.", &t.Labels),
		texts("start", "Command that has a node made, as a program and its arguments; no shell is between. In braces: "+placeholders("start")+".", &c.Start).or("none: nodes of the type are planned, and not ordered"),
		texts("stop", "Command that takes a node away; one that is gone has to be no error. In braces: "+placeholders("stop")+".", &c.Stop),
		texts("list", "Command that prints the names of the nodes that there are, one a line. In braces: "+placeholders("list")+".", &c.List).or("none: a node is gone when its stop command succeeded"),
		duration("command_time", "Limit of one command; then it is killed with all that it started.", &c.Time, time.Second, forescale.NodeCommandTime).or("5m"),
		duration("join_time", "From the order until the node's agent has joined; else it is stopped.", &c.JoinTime, time.Second, 24*time.Hour).or("10m, or twice the boot time if that is longer"),
		texts("command_env", "Names of variables that the commands get from the server's own environment, beside PATH, HOME, LANG, TZ and TMPDIR.", &c.Env),
		text("server", "Where agents reach the server, for `{server}`: `https://HOST:PORT`.", &c.Server).or("none"),
	}
}
