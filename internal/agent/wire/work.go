package wire

import (
	"time"

	"github.com/forescale/forescale"
)

// The paths by which an agent asks what to do, and tells what came of it.
const (
	PathNext   = "/v1/agent/next"
	PathAnswer = "/v1/agent/answer"
)

// What an agent can be asked for: the paths of signed requests. There is nothing else.
const (
	PathLook  = "/look"  // list the containers of services, probe them, and tell what they use
	PathPull  = "/pull"  // fetch the image that an instance would be made from, if it is missing
	PathStart = "/start" // fetch the image if it is missing, create, start
	PathStop  = "/stop"  // stop with grace, remove
)

// Hold is how long the server keeps a question for work that it does not have.
const Hold = 20 * time.Second

// Next asks for work, and is answered when there is some or [Hold] is over.
type Next struct {
	Session string    `json:"session"`
	Time    time.Time `json:"time"` // to sign by: requests of another time are refused
}

// Work are requests for an agent.
type Work struct {
	Requests []Request `json:"requests"`
}

// Request is one signed request, as it would go over a connection to the agent. Its
// authority is the node's name, its method POST.
type Request struct {
	ID     string            `json:"id"`
	Path   string            `json:"path"`
	Fields map[string]string `json:"fields"` // of its header, with the signature
	Body   []byte            `json:"body"`
}

// Pull is the body of [PathPull].
type Pull struct {
	Service  string             `json:"service"`
	Template forescale.Template `json:"template"`
	Within   time.Duration      `json:"within"`
}

// Start is the body of [PathStart].
type Start struct {
	Service  string             `json:"service"`
	Instance string             `json:"instance"`
	Decision string             `json:"decision"`
	Template forescale.Template `json:"template"`
	Revision string             `json:"revision"` // of the template as the server has it
	Within   time.Duration      `json:"within"`
}

// Stop is the body of [PathStop].
type Stop struct {
	Service  string        `json:"service"`
	Instance string        `json:"instance"`
	Decision string        `json:"decision"` // that the instance was started by; "" for one that ran before
	Within   time.Duration `json:"within"`
}

// Look is the body of [PathLook].
type Look struct {
	Within time.Duration `json:"within"`
}

// Answer tells what came of a request: a problem, or what was seen, or that it is done.
type Answer struct {
	Session string   `json:"session"`
	ID      string   `json:"id"`
	Problem *Problem `json:"problem,omitempty"`
	Newest  int64    `json:"newest,omitempty"` // the fence that the node knows, where it refuses a lower one
	Seen    *Seen    `json:"seen,omitempty"`
}

// Seen is what runs on the agent's node. Times are the server's.
type Seen struct {
	Whole     bool                 `json:"whole"` // all instances of ours are in the list
	Acts      bool                 `json:"acts"`  // the node has a policy: instances can be started and stopped
	Instances []forescale.Sighting `json:"instances"`
	Samples   []InstanceSample     `json:"samples"`
	Failed    map[string]string    `json:"failed,omitempty"` // part → why it could not be read
}

// InstanceSample is one measurement of an instance on the agent's node.
type InstanceSample struct {
	Instance string `json:"instance"`
	Sample
}
