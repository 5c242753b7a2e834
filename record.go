package forescale

import "time"

// RunState is how far a run has come.
type RunState string

// The states of a run.
const (
	RunRunning  RunState = "running" // or cut off, if its server is gone
	RunRetrying RunState = "retrying"
	RunDone     RunState = "done" // also if some of its services failed
	RunFailed   RunState = "failed"
)

// Run is one execution of a job, or of one batch of its services.
type Run struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`             // the job: "forecast", "import", "retention", "rollup"
	Server    string    `json:"server,omitempty"` // who runs it; of the last attempt
	DueAt     time.Time `json:"due_at,omitzero"`  // when its schedule wanted it; zero: asked for by hand
	StartedAt time.Time `json:"started_at"`       // of the first attempt
	EndedAt   time.Time `json:"ended_at,omitzero"`
	State     RunState  `json:"state"`   // never "" when read back: see Settled
	Attempt   int       `json:"attempt"` // the first is 1; 0: not counted
	Done      int       `json:"done"`    // services or rows
	Failed    int       `json:"failed"`  // of these
	Error     string    `json:"error,omitempty"`
}

// Settled fills the state of a run that was written without one, as the first
// version did.
func (r Run) Settled() Run {
	switch {
	case r.State != "":
	case r.EndedAt.IsZero():
		r.State = RunRunning
	case r.Error != "" && r.Done == r.Failed:
		r.State = RunFailed
	default:
		r.State = RunDone
	}
	return r
}

// Role is what an API key may do.
type Role string

// The roles, each but push including the ones before it.
const (
	RolePush    Role = "push"    // send samples of one service
	RoleRead    Role = "read"    // read everything but keys
	RoleOperate Role = "operate" // pause, change services, ask for forecasts
	RoleAdmin   Role = "admin"   // everything
)

// Key is an API key. The secret is shown once when it is made; kept is its hash.
type Key struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Service   string    `json:"service,omitempty"` // of a push key
	Hash      []byte    `json:"-"`                 // SHA-256 of the secret, which is 256 random bits
	CreatedAt time.Time `json:"created_at"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// May reports whether the key grants role, for service if role is push. A
// revoked key grants nothing. Operate and admin keys may push for any service.
func (k Key) May(role Role, service string) bool {
	if !k.RevokedAt.IsZero() {
		return false
	}
	rank := map[Role]int{RoleRead: 1, RoleOperate: 2, RoleAdmin: 3}
	if role == RolePush {
		return k.Role == RolePush && k.Service == service || rank[k.Role] >= rank[RoleOperate]
	}
	return rank[role] > 0 && rank[k.Role] >= rank[role]
}
