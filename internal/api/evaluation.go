package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

const evaluationPath = "/v1/services/{name}/evaluation"

func (a *API) evaluationRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "evaluate-service", Method: http.MethodGet, Path: evaluationPath,
		Summary:     "What forescale would have done with a service's own history, against what happened, and whether to switch it on",
		Description: "Replays the stored demand; it takes seconds. One evaluation runs at a time: others are asked to come again.", Tags: []string{"services"}},
		[]int{404, 409, 422, 429, 501}, a.getEvaluation)
}

// EvaluationView sets what happened against what would have.
type EvaluationView struct {
	Service  string            `json:"service"`
	Mode     forescale.Mode    `json:"mode"`
	Verdict  forescale.Verdict `json:"verdict" enum:"switch-on,leave,wait,keep-it-on"`
	Why      []string          `json:"why" nullable:"false" doc:"In sentences"`
	From     time.Time         `json:"from" doc:"What is measured"`
	To       time.Time         `json:"to"`
	Learned  string            `json:"learned" example:"336h0m0s" doc:"History before that, which was learned from"`
	Known    float64           `json:"known" doc:"Share of the minutes whose demand is known; the others are left out"`
	Warmup   string            `json:"warmup" example:"3m0s" doc:"That each start was taken to need"`
	Outcomes []OutcomesView    `json:"outcomes" nullable:"false" doc:"What happened, then forescale, then what others use"`
}

// OutcomesView is how one way of scaling did.
type OutcomesView struct {
	Name string `json:"name" enum:"happened,predictive,hpa,last-week"`
	ElasticityView
	Starts int `json:"starts"`
}

// ElasticityView are the measures of the SPEC research group, as shares.
type ElasticityView struct {
	TimeUnder     float64 `json:"time_under" doc:"τ_U, share of time below need"`
	TimeOver      float64 `json:"time_over" doc:"τ_O, share of time with more than needed"`
	Under         float64 `json:"under" doc:"θ_U, mean shortage as a share of the need"`
	Over          float64 `json:"over" doc:"θ_O, mean surplus as a share of the need"`
	Instability   float64 `json:"instability" doc:"υ, share of time in which supply and need move differently"`
	NotServed     float64 `json:"not_served" doc:"Share of demand above what the ready instances can do"`
	InstanceHours float64 `json:"instance_hours"`
}

func viewElasticity(e forescale.Elasticity, step time.Duration) ElasticityView {
	return ElasticityView{TimeUnder: e.TimeUnder(), TimeOver: e.TimeOver(), Under: e.ThetaUnder(), Over: e.ThetaOver(),
		Instability: e.Instability(), NotServed: e.NotServed(), InstanceHours: e.InstanceHours(step)}
}

type evaluationInput struct {
	NameInput
	Days int `query:"days" default:"7" minimum:"1" maximum:"28" doc:"Days to measure, up to now; up to four weeks before them are learned from"`
}

type evaluationOutput struct{ Body EvaluationView }

func (a *API) getEvaluation(ctx context.Context, in *evaluationInput) (*evaluationOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if a.cfg.Evaluate == nil {
		return nil, newProblem(http.StatusNotImplemented, "not_here", "this server evaluates nothing", "ask another one")
	}
	select {
	case a.evaluating <- struct{}{}:
		defer func() { <-a.evaluating }()
	default:
		return nil, &forescale.Fault{Code: "evaluation_busy", What: "another service is being evaluated", Help: "come again in a few seconds", Err: forescale.ErrBusy}
	}
	e, err := a.cfg.Evaluate(ctx, s, in.Days)
	if err != nil {
		return nil, err
	}
	v := EvaluationView{Service: s.Name, Mode: e.Mode, Verdict: e.Verdict, Why: e.Why, From: e.From.UTC(), To: e.To.UTC(), Learned: e.Learned.String(), Known: e.Known, Warmup: e.Warmup.String(), Outcomes: []OutcomesView{}}
	for _, o := range e.Outcomes {
		v.Outcomes = append(v.Outcomes, OutcomesView{Name: o.Name, ElasticityView: viewElasticity(o.Elasticity, e.Step), Starts: o.Starts})
	}
	return &evaluationOutput{Body: v}, nil
}
