package loop

import (
	"context"
	"errors"

	"github.com/forescale/forescale"
)

// fence makes the target refuse older leaders, once at the begin and again when
// the target lost what it knew. Until that is done nothing is acted on: open says
// why. An error means that this server does not lead.
func (l *Loop) fence(ctx context.Context) (open string, err error) {
	f, ok := l.target.(Fencer)
	if !ok || l.fenced {
		return "", nil
	}
	// An effect under way may not have met its refusal yet; were the fence made
	// anew now, the effect could slip through after a take-over.
	if len(l.acts.under)-len(l.acts.came) > 0 {
		return "effects of before are under way", nil
	}
	if l.leads != nil {
		if err := l.leads(ctx); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.opt.ActTimeout)
	defer cancel()
	err = f.Fence(ctx)
	switch {
	case err == nil:
		l.fenced = true
		return "", nil
	case errors.Is(err, forescale.ErrFenced), ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", err
	}
	l.log.Warn("older leaders are not kept out yet, so nothing is acted on", "error", err)
	return err.Error(), nil
}

// meetFence reports whether an effect was refused because the target does not
// know this leader: it never did, somebody tidied up there, or another one leads.
func (l *Loop) meetFence(err error) bool {
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code != "fence_missing" {
		return false
	}
	l.log.Info("the target does not know this leader; asking whether it still leads", "error", err)
	l.fenced = false
	return true
}
