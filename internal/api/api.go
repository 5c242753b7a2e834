package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/forescale/forescale"
)

// Config is what an API is made from. Store and Ingest are required; what else
// is left out has a default.
type Config struct {
	Store  Store
	Ingest Ingest
	// Refresh makes a forecast of one service now. nil: that route answers 501.
	Refresh func(ctx context.Context, service string) error
	// Evaluate replays the last days of a service under forescale and others. nil: that
	// route answers 501.
	Evaluate func(ctx context.Context, s forescale.Service, days int) (forescale.Evaluation, error)
	// Budgets are all as they stand and as their months are foreseen to end. nil: only
	// what is set of them is shown.
	Budgets func(ctx context.Context) ([]forescale.BudgetOutlook, error)
	// WhatIf tells what a budget would mean in the place of all others. nil: that route
	// answers 501.
	WhatIf func(ctx context.Context, b forescale.Budget) (forescale.WhatIf, error)
	// JoinToken makes a token by which the agent of one node may join once. nil: this
	// server takes no agents.
	JoinToken func(ctx context.Context, node string) (kept forescale.JoinToken, token string, err error)
	Clock     forescale.Clock // nil: the machine's
	Log       *slog.Logger    // nil: none
	// Dashboard holds the built page. nil, or without index.html: "/" says how to build it.
	Dashboard fs.FS
	// Policy is the Content-Security-Policy of the page.
	Policy string
	// RequireKeys asks every request for a key, but those for health and the page.
	RequireKeys bool
	// Hosts are names by which the server may be called, besides loopback ones.
	// They matter while no keys are required; see guard.go.
	Hosts []string

	// Server is the name of this server, and Lead the newest term that it knows and
	// whether it is its own. nil: it is the only server.
	Server string
	Lead   func() (t forescale.Term, leading bool)

	Version   string        // of forescale
	World     string        // "Docker Engine", "simulated world"
	Speed     float64       // of the clock against real time; 0: 1
	Interval  time.Duration // planning step; 0: 30 s
	BodyLimit int64         // bytes of a pushed body, unpacked; 0: 8 MiB
	Heartbeat time.Duration // of the stream, in real time; 0: 15 s
	// Answer bounds how long a request waits for the store, in real time, so that
	// a store that hangs gives errors rather than silence. 0: 30 s.
	Answer time.Duration
	// Schedules are the jobs with their next due times. nil: none.
	Schedules func(now time.Time) []Schedule
	// StoreSize is the size of the store in bytes, for /metrics. nil: left out.
	StoreSize func() (int64, error)
}

// API is the HTTP side of forescale. Close it to end its streams.
type API struct {
	cfg     Config
	store   Store
	clock   forescale.Clock
	log     *slog.Logger
	huma    huma.API
	handler http.Handler
	spec    []byte // openapi.json
	page    page
	zone    string // of the server
	hub     *hub
	keys    *keyring
	metrics *metrics
	names   names // of services, for pushes
	pushes  chan struct{}

	evaluating chan struct{} // holds one while an evaluation runs
}

// New builds the routes. It panics when Store or Ingest is missing, since only a
// mistake in wiring leaves them out.
func New(cfg Config) *API {
	if cfg.Store == nil || cfg.Ingest == nil {
		panic("api: Config needs Store and Ingest")
	}
	cfg = cfg.withDefaults()
	a := &API{cfg: cfg, store: cfg.Store, clock: cfg.Clock, log: cfg.Log,
		hub: newHub(), page: loadPage(cfg.Dashboard), zone: zoneName(time.Local, "/", os.Getenv("TZ")), pushes: make(chan struct{}, maxPushes), evaluating: make(chan struct{}, 1), names: names{turn: make(chan struct{}, 1)}}
	a.keys = newKeyring(cfg.Store)
	a.metrics = newMetrics(a)

	r := chi.NewRouter()
	r.Use(a.recovered, a.logged, a.guarded, a.headers)
	r.Use(middleware.NewCompressor(5, "application/json", problemType, "text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml").Handler)
	r.NotFound(a.notFound)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		newProblem(http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not possible here", "see /openapi.json").write(w)
	})
	a.huma = humachi.New(r, a.description())
	for _, register := range []func(){
		a.sampleRoutes, a.serviceRoutes, a.forecastRoutes, a.accuracyRoutes, a.evaluationRoutes, a.elasticityRoutes, a.capacityRoutes, a.instanceRoutes, a.nodeRoutes, a.nodePlanRoutes, a.agentRoutes,
		a.planRoutes, a.decisionRoutes, a.warmupRoutes, a.startTimeRoutes, a.servingRoutes, a.runRoutes, a.pauseRoutes, a.eventRoutes, a.budgetRoutes, a.streamRoutes, a.aboutRoutes,
	} {
		register()
	}
	a.spec = a.describe()
	a.healthRoutes(r)
	a.metricRoutes(r)
	a.pageRoutes(r)
	a.handler = r
	return a
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = forescale.NewSystemClock()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.Interval == 0 {
		c.Interval = 30 * time.Second
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = 8 << 20
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Answer == 0 {
		c.Answer = 30 * time.Second
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Lead == nil {
		name := c.Server
		c.Lead = func() (forescale.Term, bool) { return forescale.Term{Holder: name}, true }
	}
	if c.Policy == "" {
		c.Policy = defaultPolicy
	}
	return c
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Close ends all streams. It may be called more than once.
func (a *API) Close() { a.hub.close() }

// description is the head of the OpenAPI document and how huma is to behave.
func (a *API) description() huma.Config {
	c := huma.DefaultConfig("forescale", a.cfg.Version)
	c.Info.Description = "Predictive scaling of container services: samples in, forecasts, plans and decisions out.\n\n" +
		"Times are RFC 3339 in UTC, durations Go strings such as \"3m0s\", utilizations percentages from 0 to 100, demand in busy instances. " +
		"Errors are RFC 9457 problem details with a stable `code` and a `help`."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // the document is served by health.go; no page from elsewhere
	c.CreateHooks = nil                                   // no $schema links in answers
	c.Transformers = []huma.Transformer{humanize}
	c.RejectUnknownQueryParameters = true
	c.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key, `fsk_…`. Needed when the server requires keys; see `forescale keys create`."},
	}
	return c
}

// describe writes the OpenAPI document once, as nothing in it changes later.
func (a *API) describe() []byte {
	// huma describes a pointer to a struct as if it could not be null.
	for _, field := range [][2]string{{"StatusView", "paused"}, {"StatusView", "next"}, {"StatusView", "decision"}, {"StatusView", "forecast"}, {"StatusView", "rollout"}, {"NodeOrderedView", "command"}, {"CapacityView", "latest_forecast"}, {"AccuracyView", "forecast"}} {
		p := a.huma.OpenAPI().Components.Schemas.Map()[field[0]].Properties
		old := p[field[1]]
		p[field[1]] = &huma.Schema{Description: old.Description, AnyOf: []*huma.Schema{{Ref: old.Ref}, {Type: "null"}}}
	}
	spec, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic(fmt.Sprintf("api: describe: %v", err)) // the types are ours: a test would have seen it
	}
	return append(spec, '\n')
}

// route registers one operation: role is what a key needs, errs are the statuses
// that it documents besides those every operation has.
func route[I, O any](a *API, role forescale.Role, op huma.Operation, errs []int, h func(context.Context, *I) (*O, error)) {
	op.Errors = append(slices.Clone(errs), http.StatusUnauthorized, http.StatusForbidden)
	op.Metadata = map[string]any{"registry": a.huma.OpenAPI().Components.Schemas}
	op.Security = []map[string][]string{{"key": {}}}
	op.Description += fmt.Sprintf("\n\nNeeds the role `%s` when keys are required.", role)
	op.Middlewares = huma.Middlewares{a.authenticated(role)}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		within := ctx
		switch op.Path {
		case samplesPath: // reads a body of any length, and bounds its steps itself
		case evaluationPath: // computes for seconds, one at a time, as long as the client waits
		default:
			var cancel context.CancelFunc
			within, cancel = context.WithTimeout(ctx, a.cfg.Answer)
			defer cancel()
		}
		out, err := h(within, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// now is the moment that an answer is about, as precise as the store keeps times.
func (a *API) now() time.Time { return a.clock.Now().UTC().Truncate(time.Millisecond) }
