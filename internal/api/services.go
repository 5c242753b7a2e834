package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) serviceRoutes() {
	tags := []string{"services"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-services", Method: http.MethodGet, Path: "/v1/services",
		Summary: "Services with their status, by name", Tags: tags}, []int{422}, a.listServices)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-service", Method: http.MethodGet, Path: "/v1/services/{name}",
		Summary: "One service with its status", Tags: tags,
		Description: "The ETag is the version of what is registered. The status moves without it, so there is no 304."}, []int{404}, a.getService)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "put-service", Method: http.MethodPut, Path: "/v1/services/{name}",
		Summary: "Register a service, or replace what is registered", Tags: tags, MaxBodyBytes: smallBody,
		Description: "What is left out takes its default. What GET returns may be sent back: status, origin, version and updated_at are ignored. " +
			`"If-Match" with the ETag refuses the change when somebody else was faster, "If-None-Match: *" when the service exists.`},
		[]int{400, 412, 413, 415}, a.putService)
	body := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ServiceBody](), true, "ServiceBody")
	patch := map[string]*huma.MediaType{"application/merge-patch+json": {Schema: body}, "application/json": {Schema: body}}
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "patch-service", Method: http.MethodPatch, Path: "/v1/services/{name}",
		Summary: "Change parts of a service", Tags: tags, MaxBodyBytes: smallBody, SkipValidateBody: true, RequestBody: &huma.RequestBody{Required: true, Content: patch},
		Description: "A JSON merge patch (RFC 7396): what is given replaces, null takes the default, the rest stays."},
		[]int{400, 404, 412, 413}, a.patchService)
	delete(a.huma.OpenAPI().Paths["/v1/services/{name}"].Patch.RequestBody.Content, "application/octet-stream") // huma adds it for raw bodies
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "delete-service", Method: http.MethodDelete, Path: "/v1/services/{name}",
		Summary: "Forget a service", Tags: tags,
		Description: "Its instances run on, its history stays."}, []int{404, 412}, a.deleteService)
}

// ServiceBody is what can be set of a service.
type ServiceBody struct {
	Mode      forescale.Mode     `json:"mode,omitempty" example:"forecast-only" doc:"off, forecast-only or active"`
	Min       *int               `json:"min_instances,omitempty" doc:"Never fewer by our hand; default 1"`
	Max       *int               `json:"max_instances,omitempty" doc:"Never more; default 10"`
	Objective *float64           `json:"objective,omitempty" example:"0.95" doc:"Share of time in which demand must fit the band"`
	Band      string             `json:"band,omitempty" example:"1:60 2:65 3:70 5:75 8:80" doc:"Highest utilization by number of instances"`
	TimeZone  string             `json:"time_zone,omitempty" example:"Europe/Berlin"`
	Country   string             `json:"country,omitempty" example:"DE" doc:"Whose public holidays count, as ISO 3166 code; empty: none"`
	Metrics   []forescale.Metric `json:"metrics,omitempty" nullable:"false" doc:"What demand is read from; the largest need decides"`
	Capacity  float64            `json:"capacity,omitempty" doc:"Load that one instance serves at 100 %; 0: load is not used"`
	Warmup    string             `json:"warmup,omitempty" example:"1m0s" doc:"Start command until ready"`
	Cooldown  string             `json:"cooldown,omitempty" example:"10s" doc:"Drain until stopped"`
	MaxStep   int                `json:"max_step,omitempty" doc:"Starts at most in one planning step; 0: max(4, as many as are ready)"`
	Missing   *MissingBody       `json:"missing,omitempty" doc:"What holds while samples are missing"`
	Template  *TemplateBody      `json:"template,omitempty" doc:"What an instance is made from"`
	Rollout   *RolloutBody       `json:"rollout,omitempty" doc:"How a changed template reaches the running instances"`
	Resources *ResourcesBody     `json:"resources,omitempty" doc:"What an instance takes of its node, for the plan of nodes"`
	Price     float64            `json:"price_per_hour,omitempty" minimum:"0" maximum:"1000000" doc:"Of one instance, in the currency of the budgets, with at most six decimals; 0: free, or not known"`
	Billing   string             `json:"billing_step,omitempty" example:"1s" doc:"Started steps are paid whole; default a second"`
	Priority  int                `json:"priority,omitempty" doc:"Where money is short, services with less give way first"`
	Name      string             `json:"name,omitempty" doc:"As in the path"`

	// What GET shows and a change ignores.
	Origin    any `json:"origin,omitempty" doc:"Ignored in a change"`
	Version   any `json:"version,omitempty" doc:"Ignored in a change; use If-Match"`
	UpdatedAt any `json:"updated_at,omitempty" doc:"Ignored in a change"`
	Status    any `json:"status,omitempty" doc:"Ignored in a change"`
}

// MissingBody is forescale.MissingRules.
type MissingBody struct {
	Hold           string `json:"hold,omitempty" example:"5m0s" doc:"Until this long nothing changes"`
	StandIn        string `json:"stand_in,omitempty" example:"1h0m0s" doc:"Until this long the forecast stands in, upwards only"`
	FollowForecast bool   `json:"follow_forecast,omitempty" doc:"Afterwards follow the forecast in both directions rather than hold"`
}

// TemplateBody is forescale.Template.
type TemplateBody struct {
	Image     string            `json:"image,omitempty"`
	Command   []string          `json:"command,omitempty" nullable:"false"`
	Env       map[string]string `json:"env,omitempty" doc:"No secrets: name variables of the server in env_from instead"`
	EnvFrom   []string          `json:"env_from,omitempty" nullable:"false" doc:"Names of variables handed on from the server's environment"`
	Labels    map[string]string `json:"labels,omitempty"`
	Network   string            `json:"network,omitempty"`
	Port      int               `json:"port,omitempty"`
	Publish   bool              `json:"publish,omitempty"`
	CPUs      float64           `json:"cpus,omitempty" doc:"Limit in cores; 0 is none"`
	Memory    int64             `json:"memory,omitempty" doc:"Limit in bytes; 0 is none"`
	Processes int               `json:"processes,omitempty" doc:"Limit of processes and threads; 0 is none, and 512 on a node with an agent"`
	Swarm     string            `json:"swarm,omitempty" example:"shop_web" doc:"Service of a Docker Swarm whose replicas the instances are; beside it only port is allowed"`

	Readiness *ProbeBody `json:"readiness,omitempty" doc:"Tells when an instance takes load, at its start and later; else the image's health check does"`
	Liveness  *ProbeBody `json:"liveness,omitempty" doc:"Tells that an instance works at all: one whose probe fails is replaced"`
	Startup   *ProbeBody `json:"startup,omitempty" doc:"Holds the other two back until it has passed; one that fails ends the start. Default period 1s, failures 300"`
}

// ResourcesBody is forescale.Resources.
type ResourcesBody struct {
	Cores     float64           `json:"cores,omitempty" doc:"Of the reference type: cores × speed; 0: the template's limit, or what is measured"`
	Memory    int64             `json:"memory,omitempty" doc:"Bytes; 0: the template's limit, or what is measured"`
	Disk      int64             `json:"disk,omitempty" doc:"Bytes"`
	Bandwidth float64           `json:"bandwidth,omitempty" doc:"Mbit/s"`
	DiskKind  string            `json:"disk_kind,omitempty" doc:"Kind of the node's disk; empty: any"`
	Labels    map[string]string `json:"labels,omitempty" doc:"That its nodes must carry"`
	Node      string            `json:"node,omitempty" doc:"The one node that it may run on; empty: any"`
	Spread    int               `json:"spread,omitempty" doc:"Nodes that it is spread over at least"`
}

// ServiceView is a service and how it is.
type ServiceView struct {
	Name      string             `json:"name"`
	Mode      forescale.Mode     `json:"mode"`
	Min       int                `json:"min_instances"`
	Max       int                `json:"max_instances"`
	Objective float64            `json:"objective"`
	Band      string             `json:"band"`
	TimeZone  string             `json:"time_zone"`
	Country   string             `json:"country"`
	Metrics   []forescale.Metric `json:"metrics" nullable:"false"`
	Capacity  float64            `json:"capacity"`
	Warmup    string             `json:"warmup"`
	Cooldown  string             `json:"cooldown"`
	MaxStep   int                `json:"max_step"`
	Missing   MissingView        `json:"missing"`
	Template  TemplateBody       `json:"template"`
	Rollout   RolloutBody        `json:"rollout" doc:"How a changed template reaches the running instances"`
	Resources ResourcesBody      `json:"resources" doc:"What an instance takes of its node, for the plan of nodes"`
	Price     float64            `json:"price_per_hour" doc:"Of one instance, in the currency of the budgets; 0: free, or not known"`
	Billing   string             `json:"billing_step" doc:"Started steps are paid whole"`
	Priority  int                `json:"priority" doc:"Where money is short, services with less give way first"`
	Origin    forescale.Origin   `json:"origin"`
	Version   int64              `json:"version"`
	UpdatedAt time.Time          `json:"updated_at"`
	Status    StatusView         `json:"status"`
}

// MissingView is MissingBody with every field there.
type MissingView struct {
	Hold           string `json:"hold"`
	StandIn        string `json:"stand_in"`
	FollowForecast bool   `json:"follow_forecast"`
}

func viewService(s forescale.Service, status StatusView) ServiceView {
	v := ServiceView{Name: s.Name, Mode: s.Mode, Min: s.Min, Max: s.Max, Objective: s.Objective, Band: bandOf(s).String(), TimeZone: s.TimeZone,
		Country: s.Country, Metrics: s.Metrics, Capacity: s.Capacity, Warmup: s.Warmup.String(), Cooldown: s.Cooldown.String(), MaxStep: s.MaxStep,
		Missing:  MissingView{Hold: s.Missing.Hold.String(), StandIn: s.Missing.StandIn.String(), FollowForecast: s.Missing.FollowForecast},
		Template: viewTemplate(s.Template), Rollout: viewRules(s.Rollout), Resources: ResourcesBody(s.Resources), Price: s.PricePerHour.Float(), Billing: max(time.Second, s.BillingStep).String(), Priority: s.Priority, Origin: s.Origin, Version: s.Version, UpdatedAt: s.UpdatedAt.UTC(), Status: status}
	if v.Metrics == nil {
		v.Metrics = []forescale.Metric{}
	}
	return v
}

func bandOf(s forescale.Service) forescale.Band {
	if len(s.Band) == 0 {
		return forescale.DefaultBand()
	}
	return s.Band
}

func viewTemplate(t forescale.Template) TemplateBody {
	return TemplateBody{Image: t.Image, Command: t.Command, Env: t.Env, EnvFrom: t.EnvFrom, Labels: t.Labels, Network: t.Network,
		Port: t.Port, Publish: t.Publish, CPUs: t.CPUs, Memory: t.Memory, Processes: t.Processes, Swarm: t.Swarm,
		Readiness: viewProbe(t.Readiness), Liveness: viewProbe(t.Liveness), Startup: viewProbe(t.Startup)}
}

// service is the service that the body describes, with its defaults. All faults
// come at once, their Where under "body".
func (b ServiceBody) service(name string) (forescale.Service, error) {
	var fs forescale.Faults
	bad := func(field, what, help string) {
		fs = append(fs, &forescale.Fault{Code: "service_invalid", What: what, Where: field, Help: help})
	}
	duration := func(field, text string) time.Duration {
		if text == "" {
			return 0
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			bad(field, fmt.Sprintf("%q is not a duration", text), `write durations such as "90s" or "3m"`)
		}
		return d
	}
	s := forescale.Service{Name: name, Mode: b.Mode, TimeZone: b.TimeZone, Country: b.Country, Metrics: b.Metrics, Capacity: b.Capacity, MaxStep: b.MaxStep, Priority: b.Priority,
		BillingStep: duration("billing_step", b.Billing), Warmup: duration("warmup", b.Warmup), Cooldown: duration("cooldown", b.Cooldown)}
	if b.Price != 0 {
		price, err := forescale.ParseMoney(strconv.FormatFloat(b.Price, 'f', -1, 64))
		if err != nil {
			bad("price_per_hour", err.Error(), "round it to six decimals")
		}
		s.PricePerHour = price
	}
	if b.Name != "" && b.Name != name {
		bad("name", fmt.Sprintf("the body names %q, the path %q", b.Name, name), "a service cannot be renamed; leave name out")
	}
	if b.Min != nil {
		if s.Min = *b.Min; s.Min == 0 {
			bad("min_instances", "min_instances is 0", "keep at least 1 instance")
		}
	}
	if b.Max != nil {
		if s.Max = *b.Max; s.Max == 0 {
			bad("max_instances", "max_instances is 0", "use 1 or more")
		}
	}
	if b.Objective != nil {
		if s.Objective = *b.Objective; s.Objective == 0 {
			bad("objective", "objective is 0", "use a share from 0.5 to 0.999, such as 0.95")
		}
	}
	if b.Band != "" {
		band, err := forescale.ParseBand(b.Band)
		if err != nil {
			bad("band", err.Error(), `write steps such as "1:60 2:65 3:70 5:75 8:80"`)
		} else {
			s.Band = band
		}
	}
	if m := b.Missing; m != nil {
		s.Missing = forescale.MissingRules{Hold: duration("missing.hold", m.Hold), StandIn: duration("missing.stand_in", m.StandIn), FollowForecast: m.FollowForecast}
	}
	if t := b.Template; t != nil {
		for _, name := range slices.Sorted(maps.Keys(t.Env)) {
			if forescale.SecretName(name) {
				bad("template.env."+name, fmt.Sprintf("%q looks like a secret, and env is kept in the store and shown by the API", name),
					fmt.Sprintf("set it in the server's own environment and name it in env_from: [%q]", name))
			}
		}
		s.Template = forescale.Template{Image: t.Image, Command: t.Command, Env: t.Env, EnvFrom: t.EnvFrom, Labels: t.Labels, Network: t.Network,
			Port: t.Port, Publish: t.Publish, CPUs: t.CPUs, Memory: t.Memory, Processes: t.Processes, Swarm: t.Swarm}
		s.Template.Readiness = t.Readiness.probe("template.readiness", duration)
		s.Template.Liveness = t.Liveness.probe("template.liveness", duration)
		s.Template.Startup = t.Startup.probe("template.startup", duration)
	}
	s.Rollout = b.Rollout.rules(duration)
	if r := b.Resources; r != nil {
		s.Resources = forescale.Resources(*r)
	}
	s = s.WithDefaults()
	var more forescale.Faults
	if errors.As(s.Validate(), &more) {
		fs = append(fs, more...)
	}
	for _, f := range fs {
		f.Where = "body." + f.Where
	}
	return s, fs.OrNil()
}

// NameInput is the path of what belongs to one service. It is exported since huma
// does not fill embedded types that are not.
type NameInput struct {
	Name string `path:"name" maxLength:"100" doc:"Name of the service"`
}

type servicesInput struct {
	Limit  int    `query:"limit" default:"1000" minimum:"1" maximum:"10000"`
	Cursor string `query:"cursor" maxLength:"200"`
}

func (a *API) listServices(ctx context.Context, in *servicesInput) (*listOutput[ServiceView], error) {
	after, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	ss, err := a.store.FindServices(ctx, forescale.ServiceQuery{After: after, Limit: in.Limit + 1}) // one more tells whether there is a next page
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	ss, next, err := cut(ss, func(s forescale.Service) string { return s.Name }, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	w, err := a.worldOf(ctx, ss)
	if err != nil {
		return nil, err
	}
	views := make([]ServiceView, len(ss))
	for i, s := range ss {
		views[i] = viewService(s, w.status(s))
	}
	return pageOf(views, next), nil
}

type serviceOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   ServiceView
}

func (a *API) getService(ctx context.Context, in *NameInput) (*serviceOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return a.serviceAnswer(ctx, s, http.StatusOK)
}

func (a *API) serviceAnswer(ctx context.Context, s forescale.Service, status int) (*serviceOutput, error) {
	w, err := a.worldOf(ctx, []forescale.Service{s})
	if err != nil {
		return nil, err
	}
	return &serviceOutput{Status: status, ETag: etag(s.Version), Body: viewService(s, w.status(s))}, nil
}

// service reads one service. When there is none the fault names the closest.
func (a *API) service(ctx context.Context, name string) (forescale.Service, error) {
	s, err := a.store.Service(ctx, name)
	if errors.Is(err, forescale.ErrNotFound) {
		var known []string
		if ss, err := a.store.ListServices(ctx); err == nil && len(ss) < 1000 {
			for _, s := range ss {
				known = append(known, s.Name)
			}
		}
		help := didYouMean(name, known)
		if !strings.HasPrefix(help, "did") {
			help = "GET /v1/services lists them"
		}
		return s, &forescale.Fault{Code: "service_unknown", What: fmt.Sprintf("there is no service %q", name), Where: "services/" + name, Help: help, Err: err}
	}
	if err != nil {
		return s, fmt.Errorf("read service: %w", err)
	}
	return s, nil
}

type putServiceInput struct {
	NameInput
	IfMatch     string `header:"If-Match" doc:"Only if this is still the version"`
	IfNoneMatch string `header:"If-None-Match" doc:"*: only if there is none"`
	Body        ServiceBody
}

func (a *API) putService(ctx context.Context, in *putServiceInput) (*serviceOutput, error) {
	s, err := in.Body.service(in.Name)
	if err != nil {
		return nil, err
	}
	ifVersion, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if in.IfNoneMatch == "*" {
		ifVersion = 0
	}
	old, err := a.store.Service(ctx, in.Name)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, forescale.ErrNotFound):
		return nil, fmt.Errorf("read service: %w", err)
	case exists && ifVersion == 0:
		return nil, &forescale.Fault{Code: "service_exists", What: fmt.Sprintf("there is a service %q already", in.Name), Where: "services/" + in.Name,
			Help: "leave If-None-Match out to replace it; nothing was changed"}
	case !exists && ifVersion > 0:
		return nil, changed(in.Name, nil)
	case exists:
		s.Origin = originAfterChange(old.Origin)
	}
	status := http.StatusOK
	if !exists {
		status = http.StatusCreated
	}
	return a.save(ctx, s, ifVersion, status)
}

// save stores the service, if it can hold beside all else, and answers with it.
func (a *API) save(ctx context.Context, s forescale.Service, ifVersion int64, status int) (*serviceOutput, error) {
	if err := a.fits(ctx, s); err != nil {
		return nil, err
	}
	s.UpdatedAt = a.now()
	stored, err := a.store.PutService(ctx, s, ifVersion)
	if errors.Is(err, forescale.ErrConflict) {
		now, err := a.store.Service(ctx, s.Name)
		if err != nil {
			return nil, changed(s.Name, nil)
		}
		return nil, changed(s.Name, &now)
	}
	if err != nil {
		return nil, fmt.Errorf("store service: %w", err)
	}
	a.names.forget()
	return a.serviceAnswer(ctx, stored, status)
}

// originAfterChange is who a service belongs to once a request has changed it.
// Labels are read again in each round; from here on they no longer overrule, or
// a service that was switched off by hand would be on again a moment later. The
// config file has a memory of its own for this.
func originAfterChange(o forescale.Origin) forescale.Origin {
	if o == forescale.OriginLabel {
		return forescale.OriginAPI
	}
	return o
}

// changed says that somebody else was faster; s is what is there now, if known.
func changed(name string, s *forescale.Service) error {
	f := &forescale.Fault{Code: "changed_meanwhile", Where: "services/" + name, What: name + " was changed after you read it",
		Help: "read it again and repeat the change with its new ETag; nothing was changed", Err: forescale.ErrConflict}
	if s != nil {
		f.What = fmt.Sprintf("%s was changed at %s, after you read it", name, s.UpdatedAt.UTC().Format(time.RFC3339))
		f.Help = fmt.Sprintf("read it again (ETag %s) and repeat the change; nothing was changed", etag(s.Version))
	}
	return f
}

type patchServiceInput struct {
	NameInput
	IfMatch string `header:"If-Match" doc:"Only if this is still the version"`
	RawBody []byte
}

// patchTries is how often a patch without If-Match starts again when somebody
// else changed the service in between.
const patchTries = 5

func (a *API) patchService(ctx context.Context, in *patchServiceInput) (*serviceOutput, error) {
	var patch map[string]any
	if err := json.Unmarshal(in.RawBody, &patch); err != nil || patch == nil {
		return nil, newProblem(http.StatusBadRequest, "invalid_request", "the body is not a JSON object", `send the keys to change, such as {"max_instances": 12}; nothing was changed`)
	}
	ifVersion, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		old, err := a.service(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		if ifVersion > 0 && ifVersion != old.Version {
			return nil, changed(in.Name, &old)
		}
		s, err := a.patched(old, patch)
		if err != nil {
			return nil, err
		}
		s.Origin = originAfterChange(old.Origin)
		out, err := a.save(ctx, s, old.Version, http.StatusOK)
		if err == nil || ifVersion > 0 || try == patchTries || !errors.Is(err, forescale.ErrConflict) {
			return out, err
		}
	}
}

// patched is old with a merge patch applied.
func (a *API) patched(old forescale.Service, patch map[string]any) (forescale.Service, error) {
	reg := a.huma.OpenAPI().Components.Schemas
	var now map[string]any
	b, err := json.Marshal(viewService(old, StatusView{}))
	if err == nil {
		err = json.Unmarshal(b, &now)
	}
	if err != nil {
		return old, fmt.Errorf("write service: %w", err)
	}
	delete(now, "status")
	merged := merge(now, patch)
	res := &huma.ValidateResult{}
	path := huma.NewPathBuffer(nil, 0)
	path.Push("body")
	huma.Validate(reg, a.serviceSchema(), path, huma.ModeWriteToServer, merged, res)
	if len(res.Errors) > 0 {
		return old, a.schemaProblem(res.Errors)
	}
	var body ServiceBody
	if b, err = json.Marshal(merged); err == nil {
		err = json.Unmarshal(b, &body)
	}
	if err != nil {
		return old, newProblem(http.StatusUnprocessableEntity, "invalid_request", "the patch does not fit a service: "+err.Error(), "nothing was changed")
	}
	return body.service(old.Name)
}

// merge applies an RFC 7396 merge patch.
func merge(target map[string]any, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(target, k)
		case map[string]any:
			sub, _ := target[k].(map[string]any)
			target[k] = merge(sub, v)
		default:
			target[k] = v
		}
	}
	return target
}

type deleteServiceInput struct {
	NameInput
	IfMatch string `header:"If-Match" doc:"Only if this is still the version"`
}

func (a *API) deleteService(ctx context.Context, in *deleteServiceInput) (*struct{}, error) {
	ifVersion, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if ifVersion > 0 && ifVersion != s.Version {
		return nil, changed(in.Name, &s)
	}
	if err := a.store.DeleteService(ctx, in.Name); err != nil {
		return nil, fmt.Errorf("delete service: %w", err)
	}
	a.names.forget()
	return nil, nil
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// ifMatch reads an If-Match header: -1 when there is none or "*".
func ifMatch(h string) (int64, error) {
	h = strings.TrimSpace(h)
	if h == "" || h == "*" {
		return -1, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(h, "W/"), `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, &forescale.Fault{Code: "etag_invalid", Where: "header.If-Match", What: fmt.Sprintf("%s is not an ETag of ours", h),
			Help: `send the ETag of the last GET, such as "41"; nothing was changed`}
	}
	return n, nil
}
