package api

import (
	"context"
	"time"

	"github.com/forescale/forescale"
)

// Store is what the API reads and writes. Every backend of internal/store
// satisfies it; it asks for much less than a backend offers.
type Store interface {
	services
	demand
	fleet
	scores
	plans
	records
}

// services is what is registered, and what is paused.
type services interface {
	PutService(ctx context.Context, s forescale.Service, ifVersion int64) (forescale.Service, error)
	Service(ctx context.Context, name string) (forescale.Service, error)
	ListServices(ctx context.Context) ([]forescale.Service, error)
	FindServices(ctx context.Context, q forescale.ServiceQuery) ([]forescale.Service, error)
	DeleteService(ctx context.Context, name string) error
	PutEvent(ctx context.Context, e forescale.Event) error
	DeleteEvent(ctx context.Context, name string) error
	Events(ctx context.Context, since time.Time) ([]forescale.Event, error)
	PutPause(ctx context.Context, p forescale.Pause) error
	EndPause(ctx context.Context, service string) error
	Pauses(ctx context.Context, now time.Time) ([]forescale.Pause, error)
	PutBudget(ctx context.Context, b forescale.Budget, ifVersion int64) (forescale.Budget, error)
	Budgets(ctx context.Context) ([]forescale.Budget, error)
	DeleteBudget(ctx context.Context, name string) error
}

// demand is what status and charts are drawn from.
type demand interface {
	Samples(ctx context.Context, q forescale.SampleQuery) ([]forescale.Sample, error)
	LastSamples(ctx context.Context, services ...string) (map[string]time.Time, error)
	Demand(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandPoint, error)
	DemandHours(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandHour, error)
	RecentDemand(ctx context.Context, from time.Time, services ...string) ([]forescale.DemandPoint, error)
	LatestForecasts(ctx context.Context, since time.Time, services ...string) ([]forescale.Forecast, error)
	LedgerForecasts(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.Forecast, error)
}

// fleet is what runs, where, how long it took to start, and what it serves.
type fleet interface {
	Instances(ctx context.Context, q forescale.InstanceQuery) ([]forescale.Instance, error)
	Nodes(ctx context.Context) ([]forescale.Node, error)
	NodeTypes(ctx context.Context) ([]forescale.NodeType, error)
	NodeLives(ctx context.Context, since time.Time) ([]forescale.NodeLife, error)
	NodeWishes(ctx context.Context) ([]forescale.NodeWish, error)
	PutNodeWish(ctx context.Context, w forescale.NodeWish) error
	Agents(ctx context.Context) ([]forescale.Agent, error)
	RemoveAgent(ctx context.Context, node string) error
	JoinTokens(ctx context.Context) ([]forescale.JoinToken, error)
	Learned(ctx context.Context, service string, since time.Time) ([]forescale.LearnedTimes, error)
	Warmups(ctx context.Context, service string, limit int) ([]forescale.Warmup, error)
	Capacities(ctx context.Context, service string, since time.Time) ([]forescale.Capacity, error)
}

// scores is how issued forecasts did, and what they were mixed from.
type scores interface {
	Tracks(ctx context.Context, services ...string) ([]forescale.Track, error)
	Tallies(ctx context.Context, q forescale.TallyQuery) ([]forescale.Tally, error)
	Elasticities(ctx context.Context, q forescale.TallyQuery) ([]forescale.ElasticityDay, error)
	Choice(ctx context.Context, service string, metric forescale.Metric) (issued time.Time, c []forescale.Choice, err error)
}

// plans is what was planned and decided.
type plans interface {
	NodePlan(ctx context.Context) (*forescale.NodePlan, error)
	LatestPlans(ctx context.Context, services ...string) ([]forescale.ServicePlan, error)
	LatestDecisions(ctx context.Context, services ...string) ([]forescale.Decision, error)
	Decisions(ctx context.Context, q forescale.DecisionQuery) ([]forescale.Decision, error)
}

// records is what ran, who may ask, and whether the store is well.
type records interface {
	ListRuns(ctx context.Context, q forescale.RunQuery) ([]forescale.Run, error)
	KeyByHash(ctx context.Context, hash []byte) (forescale.Key, error)
	Check(ctx context.Context) error
}

// Ingest takes samples and returns when they are durable; forescale.ErrBusy when
// its buffer is full, and then nothing of the call was kept.
type Ingest interface {
	Append(ctx context.Context, samples []forescale.Sample) error
}
