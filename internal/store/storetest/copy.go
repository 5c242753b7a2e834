package storetest

import (
	"context"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// ExerciseCopy copies stores from one kind of place to another. Both are open at
// the same time.
func ExerciseCopy(t *testing.T, from, to func(t *testing.T) Open) {
	for _, c := range []struct {
		sentence string
		run      func(from, to *fixture)
	}{
		{"a copy of everything is the same, and goes on from there", copyEverything},
		{"an empty store is copied, too", func(from, to *fixture) { must[[]store.Copied](from)(copyTo(from, to, store.Copying{})) }},
		{"a copy that is cut off at any commit goes on from there", copyCutOff},
		{"what cannot become a true copy is refused", copyRefused},
		{"every column of the schema is copied, or there is a reason why not", coverColumns},
	} {
		t.Run(c.sentence, func(t *testing.T) { c.run(newFixture(t, from(t)), newFixture(t, to(t))) })
	}
	t.Run("after a copy of any store it goes on as if nothing had been", func(t *testing.T) { checkCopies(t, from, to) })
}

func copyTo(from, to *fixture, c store.Copying) ([]store.Copied, error) {
	return store.Copy(from.ctx, from.copier(), to.copier(), c)
}

func (f *fixture) copier() store.Copier {
	f.Helper()
	c, ok := f.Store.(store.Copier)
	if !ok {
		f.Fatalf("%T cannot be copied", f.Store)
	}
	return c
}

// fillMore adds what fill has only one of, and odd values.
func (f *fixture) fillMore() {
	f.Helper()
	f.fill()
	f.ok(f.PutPause(f.ctx, forescale.Pause{Service: "", By: "ops", Note: "all", Since: at(0), Until: at(1e9)}))
	f.putBudget(9)
	f.ok(f.SaveInstances(f.ctx, []forescale.Instance{{ID: "a-0", Service: "a", State: forescale.InstanceStopped, OrderedAt: at(0), StoppedAt: at(60)}}))
	f.put(wholeService("gone"), 0)
	f.ok(f.DeleteService(f.ctx, "gone"))
	f.ok(f.RevokeKey(f.ctx, key("a", 0).ID, at(5)))
	f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{forecast("b", load, 60, 0), forecast("b", load, 120, 7)}))
	f.record(decide("b", 1, forescale.CodeSteady))
	f.record(decide("b", 2, forescale.CodeSteady)) // a repetition
	f.record(decide("b", 3, forescale.CodeMinBound))
	d := f.latest()[0]
	f.ok(f.FinishDecision(f.ctx, d.ID, at(9), forescale.OutcomeFailed, "ünïcode \U0001F600\nand a line"))
	var many []forescale.Sample
	for i := range 50 {
		many = append(many, sample(instance("b", "b-1"), util, at(float64(i)*997.003), float64(i)/3))
	}
	f.append(many...)
	f.fillHours()
}

// fillHours adds hours of every sort: a final one that has lost a minute and was
// to be changed after that, one without any minute left, one that is rolled up
// and one that was changed since.
func (f *fixture) fillHours() {
	f.Helper()
	save := func(minute int, value float64) {
		p := point("b", load, minute, value)
		p.Censored = value > 4
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("b", minute)}, []forescale.DemandPoint{p}))
	}
	for i, m := range []int{-660, -600, -590, -480, -420} {
		save(m, float64(i+1))
	}
	must[int64](f)(f.Prune(f.ctx, store.Cutoffs{Minutes: minute(-595)}))
	save(-590, 50)
	save(-420, 7)
	save(-419, 9)
}

func copyEverything(from, to *fixture) {
	from.fillMore()
	var done, total int64
	copied := must[[]store.Copied](from)(copyTo(from, to, store.Copying{From: "there", Batch: 7, Moved: func(d, t int64) {
		if d < done {
			from.Errorf("from %d back to %d", done, d)
		}
		done, total = d, t
	}}))
	if done != total || total == 0 {
		from.Errorf("ended at %d of %d", done, total)
	}
	for _, c := range copied {
		if c.Rows == 0 || c.Check == 0 {
			from.Errorf("nothing of table %s was copied: the test does not show that it is", c.Table)
		}
	}
	final := []forescale.DemandHour{hourOf("b", load, -660, 1), hourOf("b", load, -600, 2, 3)}
	to.equal(to.hoursNow("b", load)[:2], final)
	to.equal(to.hoursNow("b", load)[3].Points, 2) // what is due is not waited for
	to.equal(to.everything(), from.everything())
	to.equal(to.hoursNow("b", load)[:2], final)
	to.ok(to.Check(to.ctx))
	// Ids and counters go on behind what was copied.
	for _, f := range []*fixture{from, to} {
		f.append(sample(node("new"), cpu, at(1), 1))
		f.record(decide("new", 9, forescale.CodeSteady), decide("b", 10, forescale.CodeMinBound))
		f.put(wholeService("gone"), 0)
		cells := []forescale.Cell{cell("b", -590), cell("b", -480), cell("b", -421)} // final, taken away, and new
		f.ok(f.SaveDemand(f.ctx, cells, []forescale.DemandPoint{point("b", load, -590, 99), point("b", load, -421, 16)}))
	}
	to.equal(to.everything(), from.everything())
	to.reopen()
	to.equal(to.everything(), from.everything())
}

var errCut = errors.New("cut off")

// cutOff fails its second commit: in turns before it and after it.
type cutOff struct {
	store.Copier
	left  int
	after bool
}

func (c *cutOff) Load(ctx context.Context, t store.Table, rows []store.Row, note string) error {
	if c.left--; c.left < 0 {
		if c.after {
			return errors.Join(errCut, c.Copier.Load(ctx, t, rows, note))
		}
		return errCut
	}
	return c.Copier.Load(ctx, t, rows, note)
}

func copyCutOff(from, to *fixture) {
	from.fillMore()
	for attempt := range 1000 {
		_, err := store.Copy(from.ctx, from.copier(), &cutOff{to.copier(), 1, attempt%2 == 0}, store.Copying{From: "x", Batch: 4})
		if err == nil {
			if attempt < 10 {
				from.Fatalf("cut off %d times only", attempt)
			}
			to.equal(to.everything(), from.everything())
			to.ok(to.Check(to.ctx))
			return
		}
		if !errors.Is(err, errCut) {
			from.Fatal(err)
		}
		wantCode(to, to.Check(to.ctx), "copy_unfinished")
	}
	from.Fatal("it never came to an end")
}

func wantCode(f *fixture, err error, code string) {
	f.Helper()
	var fault *forescale.Fault
	if !errors.As(err, &fault) || fault.Code != code || fault.Help == "" {
		f.Fatalf("got %v, want %s", err, code)
	}
}

func copyRefused(from, to *fixture) {
	from.fillMore()
	cut := func(c store.Copying) {
		_, err := store.Copy(from.ctx, from.copier(), &cutOff{to.copier(), 2, false}, c)
		from.is(err, errCut)
	}
	refused := func(c store.Copying, code string) {
		from.Helper()
		_, err := copyTo(from, to, c)
		wantCode(from, err, code)
	}
	cut(store.Copying{From: "x", Batch: 1})
	refused(store.Copying{From: "y"}, "copy_of_another")
	refused(store.Copying{From: "x", Live: true}, "copy_of_another")
	// What was copied already changes in the source.
	from.put(forescale.Service{Name: "a", Max: 77}.WithDefaults(), -1)
	refused(store.Copying{From: "x"}, "copy_differs")
	wantCode(to, to.Check(to.ctx), "copy_unfinished")
	to.ok(to.copier().Loaded(to.ctx))
	refused(store.Copying{From: "x"}, "copy_not_empty")
}

func coverColumns(from, _ *fixture) {
	s, err := from.copier().Snapshot(from.ctx)
	from.ok(err)
	defer s.Close()
	there, err := s.Columns(from.ctx)
	from.ok(err)
	copied := map[string]bool{}
	for _, t := range store.Tables {
		if t.Made {
			continue
		}
		for _, c := range t.Columns {
			name := t.Name + "." + c.Name
			copied[name] = true
			if !slices.Contains(there, name) {
				from.Errorf("%s is copied, but is not in the schema", name)
			}
		}
	}
	for _, name := range there {
		table, _, _ := strings.Cut(name, ".")
		if !copied[name] && store.NotCopied[name] == "" && store.NotCopied[table] == "" {
			from.Errorf("%s is not copied: add it to store.Tables, or its reason to store.NotCopied", name)
		}
	}
}

// Fewer sets how many sequences models are checked with during a test, unless
// somebody said so on the command line.
func Fewer(t *testing.T, checks string) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(f.DefValue); err != nil {
			t.Error(err)
		}
	})
}

// checkCopies does random operations, moves to a copy, and does more there.
func checkCopies(t *testing.T, from, to func(t *testing.T) Open) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newMachine(from(t))
		rt.Repeat(x.operations())
		open := to(t)
		target := open()
		_, err := store.Copy(t.Context(), x.store.(store.Copier), target.(store.Copier), store.Copying{Batch: rapid.IntRange(1, 20).Draw(rt, "batch")})
		if err2 := x.store.Close(); err != nil || err2 != nil {
			rt.Fatal(err, err2)
		}
		x.store, x.open = target, open
		defer func() { x.store.Close() }()
		clear(x.m.handed)
		x.compare(rt)
		rt.Repeat(x.operations())
	})
}
