// Package store says what a forescale store does. Each backend is a package
// below it and passes the one conformance suite in storetest; who uses a store
// declares the few methods that it calls.
package store

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
)

// Store is the whole memory of forescale. All methods are safe for concurrent
// use. A method that returns nil has made its effect durable: it survives
// kill -9 and a power cut. A method that returns an error has had no effect; only
// after a Fault store_failed, when the disk failed in a commit, that is known for
// sure when the store has been opened again, and until then nothing is written.
// Times go in and come out in UTC, rounded down to the millisecond, also those
// in a query. Lists are sorted as each method says, so that the same content
// always reads the same.
type Store interface {
	Samples
	Services
	Fleet
	Lives
	Forecasts
	Scores
	Money
	Plans
	Runs
	Keys
	Agents
	Leases

	// Check reads the schema version and a canary, for readiness. It returns
	// forescale.ErrDamaged or forescale.ErrSchemaNewer, wrapped, if so.
	Check(ctx context.Context) error
	// Close waits for what is under way and releases the store.
	Close() error
}

// Leases says which of several servers leads. Times are those of the store's own
// clock: the servers' wall clocks do not matter.
type Leases interface {
	// TakeLead makes holder the leader for the time given, if nobody leads: nobody
	// ever did, or the last one resigned or did not renew in time. Fence is then
	// one more than ever before. If somebody leads, also holder itself, won is
	// false and the term is the one that holds.
	TakeLead(ctx context.Context, holder string, lasts time.Duration) (t forescale.Term, won bool, err error)
	// KeepLead renews the term of this fence, to end after the time given. A term
	// that ran out can be renewed as long as nobody took over. Else it returns
	// forescale.ErrFenced.
	KeepLead(ctx context.Context, fence int64, lasts time.Duration) (forescale.Term, error)
	// Resign ends the term of this fence. forescale.ErrFenced if it is over.
	Resign(ctx context.Context, fence int64) error
	// Lead is the newest term. It may have ended, and is zero but for its Scope
	// before the first.
	Lead(ctx context.Context) (forescale.Term, error)
	// Under is this store for who leads under fence. What only a leader writes
	// (RecordPlan, FinishDecision, SaveInstances, SaveWarmup, SaveCooldown, SaveDemand,
	// PutNode, SaveNodeLives)
	// is checked against the newest term in the same transaction: a fence that is
	// not the newest, or was resigned, gets forescale.ErrFenced and has no effect.
	// Decisions are kept with the fence. Under 0 nothing is checked: for a store of
	// one server, and for imports. Closing it closes the store.
	Under(fence int64) Store
}

// Samples keeps measurements and the demand worked out from them.
type Samples interface {
	// Append keeps all samples or none: one durable commit. Same subject,
	// metric and time is one row, whose value is the newest given. Every
	// instance or service sample of a ServiceMetric, and every demand sample,
	// marks its Cell as dirty in the same commit.
	Append(ctx context.Context, samples []forescale.Sample) error
	// Samples are those that match q, by time, then subject, then metric.
	Samples(ctx context.Context, q forescale.SampleQuery) ([]forescale.Sample, error)
	// LastSamples is the newest sample time of each service over all its
	// instances and itself, and of each node under "node/NAME"; of the named
	// services alone when any is named.
	LastSamples(ctx context.Context, services ...string) (map[string]time.Time, error)

	// DirtyCells are up to limit cells to work out, oldest first.
	DirtyCells(ctx context.Context, limit int) ([]forescale.Cell, error)
	// SaveDemand replaces the demand of the given cells by the points, in all
	// metrics, and marks the cells clean, in one commit. Every point lies in
	// one of the cells; a cell without a point becomes a gap. A cell that was
	// marked again after DirtyCells gave it out stays dirty: the sample that
	// came meanwhile may not be in its points.
	SaveDemand(ctx context.Context, cells []forescale.Cell, points []forescale.DemandPoint) error
	// Demand is one service's demand in one metric during [from, to), by time.
	Demand(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandPoint, error)
	// RecentDemand is the demand in all metrics since from of the named services, or
	// of all when none is named, by service, metric, time. It is one query.
	RecentDemand(ctx context.Context, from time.Time, services ...string) ([]forescale.DemandPoint, error)
	// EachDemand calls do with the demand of the named services in all metrics during
	// [from, to), line by line in any order, each by time, and ends with do's first
	// error. It takes few queries, and holds one point at a time: the weeks of many
	// services do not fit into memory. do must neither ask the store nor keep the point.
	EachDemand(ctx context.Context, from, to time.Time, services []string, do func(*forescale.DemandPoint) error) error
	// DemandSpans is the first and last point of each metric of the named services,
	// or of all when none is named, by service, then metric. It is one query.
	DemandSpans(ctx context.Context, services ...string) ([]forescale.DemandSpan, error)

	// DemandHours are the hours of one service's demand in one metric that begin
	// during [from, to), by time. What SaveDemand added since shows at once, what
	// it corrected after the next RollUp at the latest.
	DemandHours(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandHour, error)
	// HoursOf is DemandHours of the named services in all metrics, by service,
	// metric, time. It is one query.
	HoursOf(ctx context.Context, from, to time.Time, services []string) ([]forescale.DemandHour, error)
	// RollUp brings the hours up to date with the minutes that changed. An hour is
	// final, and left as it is, once Prune took minutes of it away or hours of its age.
	RollUp(ctx context.Context) error

	// ImportProgress is how many rows of the input with this fingerprint are in.
	ImportProgress(ctx context.Context, fingerprint string) (int64, error)
	// AppendImport is Append that also sets the progress, in one commit.
	AppendImport(ctx context.Context, fingerprint string, rows int64, samples []forescale.Sample) error

	// Prune deletes what is older than its level's cut-off, in bounded bites, after
	// it rolled up the hours. It returns how many rows went; those that went before
	// an error are counted and gone. An hour is as old as its end. A decision is as
	// old as its last repetition; a pending one stays, and a service's newest one
	// goes after all its others. What a store keeps packed together with something
	// newer may stay until all of the pack is old.
	Prune(ctx context.Context, old Cutoffs) (int64, error)
}

// Cutoffs tell what is old, level by level. A zero time keeps a level for ever.
type Cutoffs struct {
	Samples   time.Time // as they came in
	Minutes   time.Time // demand by the minute, and capacities that others followed
	Hours     time.Time // demand by the hour
	Decisions time.Time // ended instances, forecasts and how they did, events, plans, decisions, warm-ups, cool-downs, what was learned and runs
}

// Before is one cut-off for all levels.
func Before(t time.Time) Cutoffs { return Cutoffs{Samples: t, Minutes: t, Hours: t, Decisions: t} }

// FinalFrom is the first hour that stays open to corrections when these levels
// are pruned; zero if that changes nothing.
func (c Cutoffs) FinalFrom() time.Time {
	t := c.Minutes
	if c.Hours.After(t) {
		t = c.Hours
	}
	if t.IsZero() {
		return t
	}
	return t.Add(forescale.HourStep - 1).Truncate(forescale.HourStep)
}

// Services keeps what is registered: services, pauses, events, nodes, node types.
type Services interface {
	// PutService writes the service if the stored version is ifVersion (0: it
	// must not exist; -1: any) and returns it with its new version, which
	// no service of that name ever had, not even before it was deleted.
	// It returns forescale.ErrConflict otherwise.
	PutService(ctx context.Context, s forescale.Service, ifVersion int64) (forescale.Service, error)
	// Service returns forescale.ErrNotFound when there is none of that name.
	Service(ctx context.Context, name string) (forescale.Service, error)
	// ListServices is all services by name.
	ListServices(ctx context.Context) ([]forescale.Service, error)
	// FindServices are those that match q, by name.
	FindServices(ctx context.Context, q forescale.ServiceQuery) ([]forescale.Service, error)
	// DeleteService removes a service; its history stays. ErrNotFound if none.
	DeleteService(ctx context.Context, name string) error

	// PutPause sets the one pause of p.Service ("" for all), replacing another.
	PutPause(ctx context.Context, p forescale.Pause) error
	// EndPause removes it. ErrNotFound if there is none.
	EndPause(ctx context.Context, service string) error
	// Pauses are all that have not ended by now, by service.
	Pauses(ctx context.Context, now time.Time) ([]forescale.Pause, error)

	// PutEvent writes the event whole, by name.
	PutEvent(ctx context.Context, e forescale.Event) error
	// DeleteEvent returns forescale.ErrNotFound when there is none of that name.
	DeleteEvent(ctx context.Context, name string) error
	// Events are all that end after since, by From, then Name.
	Events(ctx context.Context, since time.Time) ([]forescale.Event, error)

	PutNode(ctx context.Context, n forescale.Node) error
	// DeleteNode returns forescale.ErrNotFound when there is none of that name.
	DeleteNode(ctx context.Context, name string) error
	Nodes(ctx context.Context) ([]forescale.Node, error) // by name
	PutNodeType(ctx context.Context, t forescale.NodeType) error
	// DeleteNodeType returns forescale.ErrNotFound when there is none of that name.
	DeleteNodeType(ctx context.Context, name string) error
	NodeTypes(ctx context.Context) ([]forescale.NodeType, error) // by name
}

// Fleet keeps the instances and how long they took to start.
type Fleet interface {
	// SaveInstances writes each instance whole, by ID, in one commit.
	SaveInstances(ctx context.Context, is []forescale.Instance) error
	// Instances are those that match q, by service, then OrderedAt, then ID.
	Instances(ctx context.Context, q forescale.InstanceQuery) ([]forescale.Instance, error)
	// SaveWarmup keeps one measured start; a second for the same instance is ignored.
	SaveWarmup(ctx context.Context, w forescale.Warmup) error
	// Warmups are the newest limit of a service ("" for each service's newest
	// limit), newest first within a service, services by name.
	Warmups(ctx context.Context, service string, limit int) ([]forescale.Warmup, error)
	// SaveCooldown and Cooldowns are the same of cool-downs.
	SaveCooldown(ctx context.Context, w forescale.Warmup) error
	Cooldowns(ctx context.Context, service string, limit int) ([]forescale.Warmup, error)
	// SaveLearned keeps what was learned, one of a service and kind, in one commit.
	SaveLearned(ctx context.Context, ls []forescale.LearnedTimes) error
	// Learned is what was learned at or after since, of the service or of all ("")
	// by service, then kind. One query. What cannot be walked is forescale.ErrDamaged.
	Learned(ctx context.Context, service string, since time.Time) ([]forescale.LearnedTimes, error)
	// SaveCapacities keeps each whole, by service and From, in one commit.
	SaveCapacities(ctx context.Context, cs []forescale.Capacity) error
	// Capacities are those that were looked at at or after since, of the service or of
	// all ("") by service, then From. One query. One that is not Valid is
	// forescale.ErrDamaged.
	Capacities(ctx context.Context, service string, since time.Time) ([]forescale.Capacity, error)
	// SaveUses keeps what instances usually use, one of a service and node type, in
	// one commit.
	SaveUses(ctx context.Context, us []forescale.InstanceUse) error
	// Uses are all, by service, then type. One that is not Valid is forescale.ErrDamaged.
	Uses(ctx context.Context) ([]forescale.InstanceUse, error)
}

// Lives keeps the nodes that were ordered, and what people wish of nodes.
type Lives interface {
	// SaveNodeLives writes each life whole, by node, in one commit.
	SaveNodeLives(ctx context.Context, ls []forescale.NodeLife) error
	// NodeLives are the live ones and those that ended at or after since, by OrderedAt,
	// then node.
	NodeLives(ctx context.Context, since time.Time) ([]forescale.NodeLife, error)
	// PutNodeWish writes the wish whole, by node; an empty one is forgotten.
	PutNodeWish(ctx context.Context, w forescale.NodeWish) error
	NodeWishes(ctx context.Context) ([]forescale.NodeWish, error) // by node
}

// Forecasts is the ledger: every forecast as issued.
type Forecasts interface {
	// SaveForecasts keeps them in one commit. Same service, metric and issue
	// time is one row: the later one. Values are kept as float32.
	SaveForecasts(ctx context.Context, fs []forescale.Forecast) error
	// LatestForecasts is the newest forecast of each metric that was issued after
	// since, of the named services, or of all when none is named, by service, then
	// metric. One query.
	LatestForecasts(ctx context.Context, since time.Time, services ...string) ([]forescale.Forecast, error)
	// LatestIssued tells of the forecasts that LatestForecasts gives when they were issued.
	LatestIssued(ctx context.Context, since time.Time, services ...string) ([]Issued, error)
	// LedgerForecasts are those of one service and metric that were issued in
	// [from, to), by issue time.
	LedgerForecasts(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.Forecast, error)
}

// Issued is when the newest forecast of a service's metric was issued.
type Issued struct {
	Service string
	Metric  forescale.Metric
	At      time.Time
}

// Scores keeps how issued forecasts did.
type Scores interface {
	// SaveScores adds what each scoring brings to the tallies and moves its track,
	// in one commit. One whose From is not where the stored track ends is left out
	// whole: somebody else has scored these steps. taken tells which were not.
	SaveScores(ctx context.Context, ss []forescale.Scoring) (taken []bool, err error)
	// Tracks are those of the named services, or of all when none is named, by
	// service, then metric. One query.
	Tracks(ctx context.Context, services ...string) ([]forescale.Track, error)
	// Tallies are sums over the days that match q, by service, metric, lead, model.
	// One query.
	Tallies(ctx context.Context, q forescale.TallyQuery) ([]forescale.Tally, error)
	// SaveElasticity keeps the days given, in place of what was kept of them, in one
	// commit. Of two of one day in a call the last counts.
	SaveElasticity(ctx context.Context, days []forescale.ElasticityDay) error
	// Elasticities are the days that match q, by service, then day. One query.
	Elasticities(ctx context.Context, q forescale.TallyQuery) ([]forescale.ElasticityDay, error)
	// SaveChoices keeps what the forecasts were mixed from, of each service and
	// metric the newest; those that tell nothing are passed over.
	SaveChoices(ctx context.Context, fs []forescale.Forecast) error
	// Choice is what the newest forecast that told it was mixed from, and when that
	// was issued; forescale.ErrNotFound if there is none.
	Choice(ctx context.Context, service string, metric forescale.Metric) (issued time.Time, c []forescale.Choice, err error)
}

// Money keeps budgets and what was spent of them.
type Money interface {
	// PutBudget writes the budget as PutService writes a service.
	PutBudget(ctx context.Context, b forescale.Budget, ifVersion int64) (forescale.Budget, error)
	// Budgets are all, by name.
	Budgets(ctx context.Context) ([]forescale.Budget, error)
	// DeleteBudget returns forescale.ErrNotFound when there is none of that name. What
	// was spent stays.
	DeleteBudget(ctx context.Context, name string) error
	// Book is what is known of money, charged up to now; nothing is written. Without
	// budgets it is empty.
	Book(ctx context.Context, now time.Time) (*money.Book, error)
}

// Plans keeps plans and decisions.
type Plans interface {
	// RecordPlan keeps a planning round in one commit: the latest plan of each
	// service, its decision, and for the decision's actions the instances that
	// are handed in: those to start (state starting) and to drain. A decision
	// that is Same as the service's newest one is folded into it: Repeats and
	// LastAt grow, nothing else changes. Earlier decisions that are pending stay
	// so: what came of them is told by FinishDecision. The newest decision, here
	// and below, is the one recorded last, whatever the clock said. An id that
	// is taken is forescale.ErrConflict, and the whole round has no effect.
	//
	// With budgets, bills are charged up to p.At, and starts that would pass a
	// limit are refused, all in the same commit and from what the store itself
	// holds: their decisions are recorded as [money.Refused] makes them, without the
	// instances that they would have started, and the others as they are.
	//
	// A plan of nodes takes the place of the one before. Nodes to order are kept; those
	// that would pass a limit are not, and the plan of nodes notes it.
	RecordPlan(ctx context.Context, p forescale.Plan, instances []forescale.Instance) error
	// NodePlan is the newest plan of nodes; forescale.ErrNotFound if there is none.
	NodePlan(ctx context.Context) (*forescale.NodePlan, error)
	// LatestPlans is the newest plan of each service, of the named ones or of all when
	// none is named, by service, Decision not filled. One query.
	LatestPlans(ctx context.Context, services ...string) ([]forescale.ServicePlan, error)
	// LatestDecisions is the newest decision of each service, of the named ones or of
	// all when none is named, by service. One query.
	LatestDecisions(ctx context.Context, services ...string) ([]forescale.Decision, error)
	// Decisions are those that match q, newest first. An ID that several begin
	// with, or a Before that is unknown (forescale.ErrNotFound), is an error.
	Decisions(ctx context.Context, q forescale.DecisionQuery) ([]forescale.Decision, error)
	// FinishDecision sets the outcome of a pending decision; one that is not
	// pending is left alone. ErrNotFound if there is none of that id.
	FinishDecision(ctx context.Context, id string, at time.Time, o forescale.Outcome, errText string) error
}

// Runs keeps executions of scheduled jobs.
type Runs interface {
	// SaveRun writes the run whole, by ID.
	SaveRun(ctx context.Context, r forescale.Run) error
	// ListRuns are those that match q, by StartedAt, then ID, newest first. A
	// Before that is unknown is forescale.ErrNotFound. Runs come back settled.
	ListRuns(ctx context.Context, q forescale.RunQuery) ([]forescale.Run, error)
}

// Keys keeps API keys.
type Keys interface {
	// CreateKey returns forescale.ErrConflict when the id or the hash is taken.
	CreateKey(ctx context.Context, k forescale.Key) error
	ListKeys(ctx context.Context) ([]forescale.Key, error) // by CreatedAt, then ID
	// KeyByHash returns forescale.ErrNotFound when no key has this hash. A
	// revoked key is found, too: it grants nothing.
	KeyByHash(ctx context.Context, hash []byte) (forescale.Key, error)
	// RevokeKey returns forescale.ErrNotFound when there is none of that id. The
	// time of the first revocation stays.
	RevokeKey(ctx context.Context, id string, at time.Time) error
}

// Agents keeps who may join as the agent of a node, and who has.
type Agents interface {
	// CreateJoinToken returns forescale.ErrConflict when the id or the hash is taken. It
	// forgets tokens that expired [TokensKept] before this one was made.
	CreateJoinToken(ctx context.Context, t forescale.JoinToken) error
	JoinTokens(ctx context.Context) ([]forescale.JoinToken, error) // by CreatedAt, then ID
	// Join uses the token of this hash up and keeps the agent, with the token's order,
	// in one commit: of several at once, one joins. A token that there is not is
	// forescale.ErrNotFound; what else [MayJoin] refuses is forescale.ErrConflict.
	Join(ctx context.Context, hash []byte, a forescale.Agent, now time.Time) error
	// SaveAgent writes the agent whole if the stored one Shows the serial number
	// given. forescale.ErrConflict if it does not, forescale.ErrNotFound if there is none.
	SaveAgent(ctx context.Context, a forescale.Agent, serial string) error
	Agents(ctx context.Context) ([]forescale.Agent, error) // by Node
	// Agent returns forescale.ErrNotFound when the node has none.
	Agent(ctx context.Context, node string) (forescale.Agent, error)
	// RemoveAgent returns forescale.ErrNotFound when the node has none.
	RemoveAgent(ctx context.Context, node string) error
}
