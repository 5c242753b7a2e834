package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/internal/store/timescale"
)

// Config is the config file. Every field can be left out.
type Config struct {
	File              string // where it was read from; "" is no file
	Listen            string
	Agents            string // where agents are taken; "": nowhere
	Store             string
	StorePasswordFile string
	Docker            string // auto, off or required
	TLS               tlsFiles
	Keys              bool // keys are asked for on loopback too
	Retention         retention
	Timescale         timescale.Chunks
	Planning          planning
	Jobs              jobTimes
	Services          []ServiceEntry
	NodeTypes         []forescale.NodeType
	NodeCommands      map[string]actuator.NodeCommands // by node type, of those that are ordered
	Nodes             []forescale.Node
	Events            []forescale.Event
	Budgets           []forescale.Budget

	places places
}

// tlsFiles names the certificate and its key.
type tlsFiles struct{ Cert, Key string }

// planning is how often things are done, and how far ahead; zero fields are left
// to the loop's defaults.
type planning struct {
	Collect, Interval, Refresh, Horizon, Step time.Duration
}

// ServiceEntry is a service as the file has it.
type ServiceEntry struct {
	Service forescale.Service // without defaults; Mode is "" when the file does not say
	Line    int
}

// maxConfigSize bounds what is read as a config file.
const maxConfigSize = 4 << 20

// The defaults of what the file and the flags leave open.
const (
	defaultListen = "127.0.0.1:8480"
	defaultDocker = "auto"
)

// defaultHorizon is how far forecasts reach.
const defaultHorizon = 24 * time.Hour

func freshConfig() *Config {
	return &Config{Docker: defaultDocker, Retention: defaultRetention, Timescale: timescale.DefaultChunks()}
}

// loadConfig reads the file at path, "" for none. It gathers every fault of the
// file: the error is nil or a [forescale.Faults].
func loadConfig(path string) (*Config, error) {
	if path == "" {
		return freshConfig(), nil
	}
	data, err := readLimited(path, maxConfigSize)
	if err != nil {
		return nil, forescale.Faults{{Code: "config_unreadable", What: "cannot read the config: " + reason(err), Where: path,
			Help: "give another file with --config; nothing was loaded", Err: err}}
	}
	return parseConfig(path, data)
}

// parseConfig reads a config file's content; name is its name in faults.
func parseConfig(name string, data []byte) (*Config, error) {
	c := freshConfig()
	c.File = name
	r := &configReader{file: name, places: places{}}
	root, err := parseYAML(data)
	if err != nil {
		r.fault(syntaxLine(err), 1, "config_syntax", "this is not YAML: "+syntaxText(err), syntaxHelp(data, syntaxLine(err)))
		return nil, r.faults
	}
	if root != nil {
		r.mapping(root, "", "the config", c.fields())
		r.check(c)
	}
	c.places = r.places
	if len(r.faults) > 0 {
		r.sort()
		return nil, r.faults
	}
	return c, nil
}

// parseYAML gives the one document of data, nil when it is empty.
func parseYAML(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(newBytesReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("yaml: there is more than one document; keep one")
	}
	root := resolve(doc.Content[0])
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	return root, nil
}

// fields is the top level of the file.
func (c *Config) fields() []field {
	return []field{
		text("listen", "Address to listen on. Anything but loopback needs `tls` and at least one API key.", &c.Listen).or(defaultListen),
		text("agents", "Address where agents of nodes are taken, such as `:8481`. It has certificates of its own: `tls` is not for it.", &c.Agents).or("nowhere"),
		text("store", "Where the memory is kept: a path, `sqlite://PATH`, or `postgres://HOST/DATABASE` with the password in PGPASSWORD or the file that PGPASSFILE names.", &c.Store).or("~/.local/state/forescale/forescale.db"),
		text("store_password_file", "File with the password of the database, such as a secret of a container.", &c.StorePasswordFile),
		text("docker", "Use of the Docker Engine. `auto` uses it if it is there, `required` refuses to start without.", &c.Docker).oneOf("auto", "off", "required").or("auto"),
		object("tls", "Certificate and key as PEM files. They are read again on reload.", func() []field {
			return []field{
				text("cert", "File with the certificate chain.", &c.TLS.Cert),
				text("key", "File with the private key.", &c.TLS.Key),
			}
		}),
		yesNo("require_keys", "Ask for API keys on loopback too.", &c.Keys).or("false"),
		retentionField("retention", "How long each level of history is kept.", &c.Retention),
		object("timescale", "Settings of TimescaleDB, applied at the start; without it they are not used.", func() []field { return timescaleFields(&c.Timescale) }),
		object("planning", "How often things are done, and how far ahead.", func() []field {
			p := &c.Planning
			return []field{
				duration("collect", "Time between two reads of the world.", &p.Collect, time.Second, time.Hour).or("10s"),
				duration("interval", "Time between two planning steps. Samples that show a service short bring the next one forward.", &p.Interval, time.Second, time.Hour).or("30s"),
				duration("refresh", "Time between two forecasts of a service.", &p.Refresh, time.Minute, 24*time.Hour).or("15m"),
				duration("horizon", "How far forecasts reach.", &p.Horizon, time.Hour, 14*24*time.Hour).or("24h"),
				duration("step", "Width of a forecast's step.", &p.Step, time.Minute, time.Hour).or("5m"),
			}
		}),
		object("jobs", "When what is done again and again is due.", func() []field { return jobFields(&c.Jobs) }),
		named("services", "The services, by name.", "service", func(name string, r *configReader, n *yaml.Node) {
			e := ServiceEntry{Line: n.Line, Service: forescale.Service{Name: name, Origin: forescale.OriginConfig}}
			r.mapping(n, "services."+name, fmt.Sprintf("service %q", name), serviceFields(&e.Service))
			c.Services = append(c.Services, e)
		}, func() []field { return serviceFields(new(forescale.Service)) }),
		named("node_types", "What can be ordered, by name.", "node type", func(name string, r *configReader, n *yaml.Node) {
			t, k := forescale.NodeType{Name: name, Speed: 1}, actuator.NodeCommands{}
			r.mapping(n, "node_types."+name, fmt.Sprintf("node type %q", name), nodeTypeFields(&t, &k))
			c.NodeTypes = append(c.NodeTypes, t)
			r.checkCommands(c, name, k)
		}, func() []field { return nodeTypeFields(new(forescale.NodeType), new(actuator.NodeCommands)) }),
		named("nodes", "Machines that are there, by name. A machine that is only seen is its owner's and has no labels.", "node", func(name string, r *configReader, n *yaml.Node) {
			m := forescale.Node{Name: name}
			r.mapping(n, "nodes."+name, fmt.Sprintf("node %q", name), nodeFields(&m))
			c.Nodes = append(c.Nodes, m)
		}, func() []field { return nodeFields(new(forescale.Node)) }),
		named("events", "Times that are unlike others, by name: campaigns, sales, outages.", "event", func(name string, r *configReader, n *yaml.Node) {
			e := forescale.Event{Name: name, Factor: 1, Origin: forescale.OriginConfig}
			r.mapping(n, "events."+name, fmt.Sprintf("event %q", name), eventFields(&e))
			c.Events = append(c.Events, e)
		}, func() []field { return eventFields(new(forescale.Event)) }),
		named("budgets", "Money per calendar month, by name. A limit is hard: nothing is started that would pass it.", "budget", func(name string, r *configReader, n *yaml.Node) {
			b := forescale.Budget{Name: name, Origin: forescale.OriginConfig}
			r.mapping(n, "budgets."+name, fmt.Sprintf("budget %q", name), budgetFields(&b))
			c.Budgets = append(c.Budgets, b.WithDefaults())
		}, func() []field { return budgetFields(new(forescale.Budget)) }),
	}
}

// check finds what no single value shows: a service whose max is below its min.
func (r *configReader) check(c *Config) {
	for _, e := range c.Services {
		path := "services." + e.Service.Name
		for _, f := range faultsIn(e.Service.WithDefaults().Validate()) {
			if f.Where == "name" {
				continue // found where the name is written
			}
			n := r.places.near(path + "." + f.Where)
			if r.hasFaultAt(n) {
				continue // its form is wrong already
			}
			r.fault(n.Line, n.Column, "config_wrong_value", fmt.Sprintf("%s, in service %q", f.What, e.Service.Name), f.Help)
		}
	}
	for _, e := range c.Events {
		path := "events." + e.Name
		for _, f := range faultsIn(e.Validate()) {
			n := r.places.near(path + "." + f.Where)
			if f.Where == "name" || r.hasFaultAt(n) {
				continue // found where it is written
			}
			r.fault(n.Line, n.Column, "config_wrong_value", fmt.Sprintf("%s, in event %q", f.What, e.Name), f.Help)
		}
	}
	r.checkBudgets(c)
	r.checkNodes(c)
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		n := r.places.near("tls.cert")
		r.fault(n.Line, n.Column, "config_wrong_value", "tls needs both cert and key", "name both files")
	}
	r.checkLevels(c.Retention)
	r.checkJobs(c)
	if p := c.Planning; p.Collect > 0 && p.Interval > 0 && p.Interval < p.Collect {
		n := r.places.near("planning.interval")
		r.fault(n.Line, n.Column, "config_wrong_value", "planning.interval is shorter than planning.collect", "plan no more often than the world is read")
	}
}

func faultsIn(err error) forescale.Faults {
	var fs forescale.Faults
	errors.As(err, &fs)
	return fs
}

// readLimited reads a file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAllLimited(f, limit)
}

func readAllLimited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, err
}

// reason is an error of the operating system without the path, which the fault
// names already.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
