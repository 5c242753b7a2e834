package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/forescale/forescale"
)

// healthRoutes are open to all: an orchestrator asks them without a key.
func (a *API) healthRoutes(r chi.Router) {
	r.Get("/healthz", a.healthz)
	r.Get("/readyz", a.readyz)
	r.Get("/openapi.json", a.allowed(forescale.RoleRead, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(a.spec)
	}))
}

// healthz says that the process answers.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyTime bounds how long readyz waits for the store.
const readyTime = 5 * time.Second

// readyz says that the store can be used.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := a.store.Check(ctx); err != nil {
		p := a.problem(ctx, err)
		if p.Code == "internal" || p.Code == "cancelled" {
			p = newProblem(http.StatusServiceUnavailable, "store_failed", "the store does not answer", "the server's log tells more")
		}
		p.Status, p.Title = http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable)
		p.write(w)
		return
	}
	a.healthz(w, r)
}
