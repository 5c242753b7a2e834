package loop_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/planner"
)

// A whole morning with forecasts, troubles, a pause, a jump of the clock and a
// restart is recorded as JSON: what the planner saw. Replayed later, in another
// order and with other rounds in between, it decides the same, byte for byte,
// and that is what the store has recorded.
func TestTheSameInputsGiveTheSameDecisionByteForByte(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(s *forescale.Service) { s.Max = 40 })
	b.world.Trouble(
		sim.Trouble{Kind: sim.PartialRead, From: monday.Add(20 * time.Minute), To: monday.Add(24 * time.Minute), Share: 0.5},
		sim.Trouble{Kind: sim.DiesEarly, From: monday.Add(30 * time.Minute), To: monday.Add(38 * time.Minute)},
		sim.Trouble{Kind: sim.Silence, From: monday.Add(50 * time.Minute), To: monday.Add(60 * time.Minute)})
	type seen struct {
		now     time.Time
		state   []byte
		options planner.Options
	}
	var record []seen
	codes := map[forescale.Code]bool{}
	several := false // instances were stopped by one decision: their order is decided, too
	for round := range 330 {
		b.load = []float64{30, 250, 700, 3000, 90}[round/20%5]
		if round >= 200 {
			b.load = 3000
		}
		if round >= 250 {
			b.load = 30
		}
		switch round {
		case 60, 120:
			if err := b.loop.Refresh(t.Context(), b.clock.Now()); err != nil {
				t.Fatal(err)
			}
		case 130:
			b.restart()
		case 150:
			if err := b.store.PutPause(t.Context(), forescale.Pause{Since: b.clock.Now(), Until: b.clock.Now().Add(3 * time.Minute)}); err != nil {
				t.Fatal(err)
			}
		case 170:
			b.clock.Jump(2 * time.Hour)
			b.loop.SeeClock()
		}
		now := b.clock.Now()
		states, options, err := b.loop.StepSeen(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			state, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			record = append(record, seen{now, state, options})
		}
		d := b.newest()
		codes[d.Code()] = true
		several = several || len(d.Actions) > 1 && d.Actions[0].Kind == forescale.ActionStop
		b.clock.Advance(interval)
		b.loop.SeeClock()
	}
	if len(codes) < 8 || !several {
		t.Errorf("only %v were met, several stops: %t: the test tests little", codes, several)
	}

	kept := map[string][]byte{}
	ds, err := b.store.Decisions(t.Context(), forescale.DecisionQuery{Weighed: true, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		kept[d.ID] = decided(t, d)
	}
	replay := func(r seen) planner.Result {
		var s planner.State
		if err := json.Unmarshal(r.state, &s); err != nil {
			t.Fatal(err)
		}
		return planner.Decide(r.now, r.options, s)
	}
	first := make([][]byte, len(record))
	for k := len(record) - 1; k >= 0; k-- { // backwards: nothing is remembered between rounds
		r := replay(record[k])
		first[k] = bytesOf(t, r)
		id := r.Plan.Decision.ID
		if stored, ok := kept[id]; ok && !bytes.Equal(stored, decided(t, r.Plan.Decision)) {
			t.Fatalf("decided then\n%s\nreplayed\n%s", stored, decided(t, r.Plan.Decision))
		}
		delete(kept, id)
	}
	for k := range record {
		if again := bytesOf(t, replay(record[k])); !bytes.Equal(first[k], again) {
			t.Fatalf("round %d: decided\n%s\nand then\n%s", k, first[k], again)
		}
	}
	if len(kept) > 0 {
		t.Errorf("%d decisions of the store were not replayed", len(kept))
	}
}

// decided is what was decided, without what came of it later.
func decided(t *testing.T, d forescale.Decision) []byte {
	t.Helper()
	d.Outcome, d.Error, d.EndedAt, d.Repeats, d.LastAt = "", "", time.Time{}, 0, time.Time{}
	return bytesOf(t, d)
}

func bytesOf(t *testing.T, v any) []byte {
	t.Helper()
	if r, ok := v.(planner.Result); ok {
		v = struct {
			planner.Result
			Decision forescale.Decision // the plan leaves it out of its JSON
		}{r, r.Plan.Decision}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
