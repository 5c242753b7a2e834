package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/forescale/forescale"
)

// leaseCall is one call of a client, leaseAnswer what came of it.
type leaseCall struct {
	kind   string // take, keep, resign, write, read
	holder string
	fence  int64
	id     string // of the decision that is written
}

type leaseAnswer struct {
	term   forescale.Term
	won    bool   // of take
	fenced bool   // of keep, resign and write
	newest string // of read: the decision recorded last, under which fence
	under  int64
}

// leaseState is what a store without concurrency would hold.
type leaseState struct {
	fence  int64
	holder string
	until  time.Time
	newest string
	under  int64
}

// leaseModel is the contract of leases as one thing after the other. Terms run
// out by the store's clock, whose readings are in the answers.
var leaseModel = porcupine.Model{
	Init: func() any { return leaseState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(leaseState), input.(leaseCall), output.(leaseAnswer)
		current := in.fence == s.fence && s.holder != ""
		switch in.kind {
		case "take":
			if !out.won { // who led may have resigned before the term was read
				return out.term.Fence == s.fence && out.term.Holder == s.holder, s
			}
			free := s.holder == "" || !out.term.Since.Before(s.until)
			ok := free && out.term.Fence == s.fence+1 && out.term.Holder == in.holder
			s.fence, s.holder, s.until = out.term.Fence, in.holder, out.term.Until
			return ok, s
		case "keep":
			if out.fenced {
				return !current, s
			}
			s.until = out.term.Until
			return current && out.term.Holder == s.holder, s
		case "resign":
			if out.fenced {
				return !current, s
			}
			s.holder = ""
			return current, s
		case "write":
			if out.fenced {
				return !current, s
			}
			s.newest, s.under = in.id, in.fence
			return current, s
		default:
			return out.term.Fence == s.fence && out.term.Holder == s.holder && out.newest == s.newest && out.under == s.under, s
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// How many clients make how many calls each.
const (
	leaseClients = 6
	leaseCalls   = 30
)

// checkHistory lets clients take, renew, lose and resign leases that last but
// milliseconds, a few of them longer, and write under fences that may be stale, all at the same time;
// some order of the calls, each between its begin and its end, must explain all
// answers.
func checkHistory(t *testing.T, open Open) {
	f := newFixture(t, open)
	ctx, cancel := context.WithTimeout(f.ctx, 5*time.Minute)
	defer cancel()
	began := time.Now()
	history := make([][]porcupine.Operation, leaseClients)
	var wg sync.WaitGroup
	for client := range leaseClients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(client)))
			var fence int64 // of this client's last term, over or not
			won := false    // by the last call
			for n := range leaseCalls {
				in := leaseCall{holder: fmt.Sprint("client ", client), fence: fence, id: decide(fmt.Sprint("c", client), n, "").ID}
				in.kind = []string{"take", "take", "keep", "write", "write", "write", "resign", "read"}[r.IntN(8)]
				if won {
					in.kind = "write"
				}
				call := time.Since(began)
				out, err := f.leaseCall(ctx, in, r)
				if errors.Is(err, errCutOff) {
					continue
				}
				if err != nil {
					t.Errorf("%+v: %v", in, err)
					return
				}
				if won = out.won; won {
					fence = out.term.Fence
				}
				history[client] = append(history[client], porcupine.Operation{ClientId: client, Input: in, Output: out,
					Call: int64(call), Return: int64(time.Since(began))})
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	var all []porcupine.Operation
	count := map[string]int{}
	for _, ops := range history {
		all = append(all, ops...)
		for _, o := range ops {
			in, out := o.Input.(leaseCall), o.Output.(leaseAnswer)
			count[fmt.Sprintf("%s won=%v fenced=%v", in.kind, out.won, out.fenced)]++
		}
	}
	if result := porcupine.CheckOperationsTimeout(leaseModel, all, 2*time.Minute); result != porcupine.Ok {
		t.Errorf("no order of the calls explains the answers (%s): %v", result, count)
	}
	for _, kind := range []string{"take won=true fenced=false", "take won=false fenced=false", "write won=false fenced=false", "write won=false fenced=true"} {
		if count[kind] == 0 {
			t.Errorf("the history lacks %q: %v", kind, count)
		}
	}
}

// leaseCall makes one call. Each answer but ErrFenced is one of the contract.
func (f *fixture) leaseCall(ctx context.Context, in leaseCall, r *rand.Rand) (out leaseAnswer, err error) {
	lasts := time.Duration(r.IntN(6)) * time.Millisecond
	if r.IntN(4) == 0 {
		lasts *= 10 // so that a slow machine finds leases that hold, too
	}
	switch in.kind {
	case "take":
		out.term, out.won, err = f.TakeLead(ctx, in.holder, lasts)
	case "keep":
		out.term, err = f.KeepLead(ctx, in.fence, lasts)
	case "resign":
		err = f.Resign(ctx, in.fence)
	case "write":
		if in.fence == 0 {
			return leaseAnswer{fenced: true}, nil // under 0 nothing is checked, and this client never led
		}
		d := decide("the one", 0, forescale.CodeReactiveHigh, start("a"))
		d.ID = in.id
		if err = f.Under(in.fence).RecordPlan(ctx, planOf(d), nil); err != nil && !errors.Is(err, forescale.ErrFenced) {
			return out, f.cutOff(ctx, d, err)
		}
	default:
		return f.leaseRead(ctx)
	}
	out.term.Left = 0
	if errors.Is(err, forescale.ErrFenced) {
		return leaseAnswer{fenced: true}, nil
	}
	return out, err
}

// errCutOff is of a write that a take-over ended, as it took too long, and that
// left nothing.
var errCutOff = errors.New("ended by a take-over")

// cutOff looks for what a write left that ended with an error.
func (f *fixture) cutOff(ctx context.Context, d forescale.Decision, err error) error {
	ds, failed := f.Decisions(ctx, forescale.DecisionQuery{Service: d.Service, Limit: 1000})
	switch {
	case failed != nil:
		return errors.Join(err, failed)
	case slices.ContainsFunc(ds, func(o forescale.Decision) bool { return o.ID == d.ID }):
		return nil
	case strings.Contains(err.Error(), "terminating connection"):
		return errCutOff
	}
	return err
}

// leaseRead reads term and decision, which are two reads: again until neither
// changed in between.
func (f *fixture) leaseRead(ctx context.Context) (out leaseAnswer, err error) {
	for {
		before, err := f.Lead(ctx)
		if err != nil {
			return out, err
		}
		ds, err := f.LatestDecisions(ctx)
		if err != nil {
			return out, err
		}
		after, err := f.Lead(ctx)
		if err != nil {
			return out, err
		}
		if before.Fence == after.Fence && before.Holder == after.Holder {
			out.term = after
			out.term.Left = 0
			for _, d := range ds {
				out.newest, out.under = d.ID, d.Fence
			}
			return out, nil
		}
	}
}
