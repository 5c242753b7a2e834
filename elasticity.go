package forescale

import "time"

// Elasticity is how well supply followed need over some steps of equal width, as
// sums that add up over steps and days, by the measures of the SPEC research group
// (Herbst et al., "Quantifying Cloud Performance and Dependability", TOMPECS 2018):
// the need is the required instances, the supply those that are ready.
type Elasticity struct {
	Steps      int64   `json:"steps"`       // whose demand is known
	Under      float64 `json:"under"`       // Σ max(need − supply, 0) / need
	Over       float64 `json:"over"`        // Σ max(supply − need, 0) / need
	StepsUnder int64   `json:"steps_under"` // with supply below need
	StepsOver  int64   `json:"steps_over"`  // with supply above it
	Pairs      int64   `json:"pairs"`       // of neighbouring steps
	Apart      int64   `json:"apart"`       // of these, pairs in which supply and need moved differently
	Demand     float64 `json:"demand"`      // Σ demand, in busy instances
	Lost       float64 `json:"lost"`        // Σ demand above what the supply can do at 100 %
	Need       float64 `json:"need"`        // Σ required instances
	Supply     float64 `json:"supply"`      // Σ ready instances
}

// ElasticityDay is how well supply followed need on one day, by the minute.
type ElasticityDay struct {
	Service string
	Day     time.Time // the day in the service's time zone, as that date's midnight in UTC
	Elasticity
}

// Add adds another's sums.
func (e *Elasticity) Add(o Elasticity) {
	e.Steps, e.StepsUnder, e.StepsOver = e.Steps+o.Steps, e.StepsUnder+o.StepsUnder, e.StepsOver+o.StepsOver
	e.Under, e.Over = e.Under+o.Under, e.Over+o.Over
	e.Pairs, e.Apart = e.Pairs+o.Pairs, e.Apart+o.Apart
	e.Demand, e.Lost = e.Demand+o.Demand, e.Lost+o.Lost
	e.Need, e.Supply = e.Need+o.Need, e.Supply+o.Supply
}

// ElasticityStep is one step: demand in busy instances, what it requires, 1 or
// more, and the ready instances.
type ElasticityStep struct {
	Demand   float64
	Required int
	Ready    float64
}

// Step adds one step. before is the step right before it, nil after a gap.
func (e *Elasticity) Step(s ElasticityStep, before *ElasticityStep) {
	need := float64(s.Required)
	e.Steps++
	e.Under += max(need-s.Ready, 0) / need
	e.Over += max(s.Ready-need, 0) / need
	if s.Ready < need {
		e.StepsUnder++
	}
	if s.Ready > need {
		e.StepsOver++
	}
	if before != nil {
		e.Pairs++
		if sign(s.Ready-before.Ready) != sign(need-float64(before.Required)) {
			e.Apart++
		}
	}
	e.Demand += s.Demand
	e.Lost += max(s.Demand-s.Ready, 0)
	e.Need += need
	e.Supply += s.Ready
}

func sign(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// ThetaUnder is θ_U, the mean shortage as a share of the need; 0 of no steps.
func (e Elasticity) ThetaUnder() float64 { return share(e.Under, float64(e.Steps)) }

// ThetaOver is θ_O, the mean surplus as a share of the need; 0 of no steps.
func (e Elasticity) ThetaOver() float64 { return share(e.Over, float64(e.Steps)) }

// TimeUnder is τ_U, the share of time with too few instances; 0 of no steps.
func (e Elasticity) TimeUnder() float64 { return share(float64(e.StepsUnder), float64(e.Steps)) }

// TimeOver is τ_O, the share of time with more than are needed; 0 of no steps.
func (e Elasticity) TimeOver() float64 { return share(float64(e.StepsOver), float64(e.Steps)) }

// Instability is υ, the share of time in which supply and need move differently.
func (e Elasticity) Instability() float64 { return share(float64(e.Apart), float64(e.Pairs)) }

// NotServed is the share of demand above what the ready instances can do.
func (e Elasticity) NotServed() float64 { return share(e.Lost, e.Demand) }

// InstanceHours are the hours of ready instances, for steps of that width.
func (e Elasticity) InstanceHours(step time.Duration) float64 { return e.Supply * step.Hours() }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}
