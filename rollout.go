package forescale

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// RolloutRules say how a changed template reaches the running instances.
type RolloutRules struct {
	Surge    int           `json:"surge,omitempty"`    // instances at most beside those that are wanted; 0: a quarter of them, at least 1
	Failures int           `json:"failures,omitempty"` // tries in a row whose new instances must fail for the roll-out to go back; 0: 3
	Hotter   float64       `json:"hotter,omitempty"`   // times the utilization of the old ones at which it goes back; 0: 1.5
	Settle   time.Duration `json:"settle,omitempty"`   // how long a new instance must have been ready to replace an old one; 0: 2 min
}

// WithDefaults fills what was left open, for so many wanted instances.
func (r RolloutRules) WithDefaults(wanted int) RolloutRules {
	if r.Surge == 0 {
		r.Surge = max(1, wanted/4)
	}
	if r.Failures == 0 {
		r.Failures = 3
	}
	if r.Hotter == 0 {
		r.Hotter = 1.5
	}
	if r.Settle == 0 {
		r.Settle = 2 * time.Minute
	}
	return r
}

func (r RolloutRules) validate(bad func(field, what, help string)) {
	if r.Surge < 0 || r.Surge > MaxInstances {
		bad("rollout.surge", fmt.Sprintf("surge is %d", r.Surge), fmt.Sprintf("use 1 to %d", MaxInstances))
	}
	if r.Failures < 0 || r.Failures > 100 {
		bad("rollout.failures", fmt.Sprintf("failures is %d", r.Failures), "use 1 to 100")
	}
	if r.Hotter != 0 && !(r.Hotter > 1 && r.Hotter <= 100) {
		bad("rollout.hotter", fmt.Sprintf("hotter is %g", r.Hotter), "use a factor above 1, such as 1.5")
	}
	if r.Settle != 0 && (r.Settle < time.Second || r.Settle > 24*time.Hour) {
		bad("rollout.settle", fmt.Sprintf("settle is %v", r.Settle), "use a duration from 1s to 24h")
	}
}

// RolloutState is how far instances follow the template of their service.
type RolloutState string

// The states.
const (
	RolloutRolling RolloutState = "rolling" // the template has not proved itself on all instances yet
	RolloutDone    RolloutState = "done"    // all are made from it
	RolloutBack    RolloutState = "back"    // it failed: instances are made from the last good one until the template changes
)

// Rollout is what is known of a service's templates.
type Rollout struct {
	Revision     string       `json:"revision"` // of the service's template
	State        RolloutState `json:"state"`
	Since        time.Time    `json:"since"`
	Why          string       `json:"why,omitempty"`           // it went back
	Good         *Template    `json:"good,omitempty"`          // the newest that proved itself; nil: none yet
	GoodRevision string       `json:"good_revision,omitempty"` // of it
}

// Wanted is the revision that all instances shall be of.
func (r *Rollout) Wanted() string {
	if r.State == RolloutBack {
		return r.GoodRevision
	}
	return r.Revision
}

// Revision names what instances are made from: equal for templates that make equal
// instances, whatever their probes. It is "" without an image, and for a swarm's
// service, which have no roll-outs of ours.
func (t Template) Revision() string {
	if t.Image == "" || t.Swarm != "" {
		return ""
	}
	t.Readiness, t.Liveness, t.Startup = Probe{}, Probe{}, Probe{}
	text, err := json.Marshal(t)
	if err != nil {
		return "" // it has no number that JSON does not know but CPUs, which is checked
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// asked is how instances of a template are asked how they are.
type asked struct {
	Port      int   `json:"port,omitempty"`
	Readiness Probe `json:"readiness,omitzero"`
	Liveness  Probe `json:"liveness,omitzero"`
	Startup   Probe `json:"startup,omitzero"`
}

// Asked is how instances of the template are asked, as text for a label: while another
// template is rolled out, those that are there are asked as before.
func (t Template) Asked() string {
	text, err := json.Marshal(asked{t.Port, t.Readiness, t.Liveness, t.Startup})
	if err != nil {
		return "" // there is nothing in it that JSON does not know
	}
	return string(text)
}

// WithAsked is the template with what Asked told of another one.
func (t Template) WithAsked(text string) (Template, error) {
	var a asked
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return t, fmt.Errorf("read label %s: %w", LabelProbes, err)
	}
	t.Port, t.Readiness, t.Liveness, t.Startup = a.Port, a.Readiness, a.Liveness, a.Startup
	return t, nil
}
