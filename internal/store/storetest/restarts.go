package storetest

import (
	"sync"

	"github.com/forescale/forescale"
)

// restartCases are about what is left after closing and opening: a backend that
// [Forgets] is excepted.
var restartCases = []testCase{
	{"everything survives closing and opening", func(f *fixture) {
		f.fill()
		want := f.everything()
		f.reopen()
		f.equal(f.everything(), want)
		f.fillAgain()
	}},
	{"cells stay dirty over a restart", func(f *fixture) {
		f.append(sample(service("a"), load, minute(0), 1))
		f.dirty(9)
		f.reopen()
		f.equal(f.dirty(9), []forescale.Cell{cell("a", 0)})
		f.ok(f.SaveDemand(f.ctx, f.dirty(9), nil))
		f.reopen()
		f.equal(f.dirty(9), []forescale.Cell{})
	}},
	{"closing waits for what is under way", func(f *fixture) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		kept := 0
		for n := range 8 {
			wg.Go(func() {
				if f.Append(f.ctx, []forescale.Sample{sample(node("n"), cpu, at(float64(n)), 1)}) == nil {
					mu.Lock()
					kept++
					mu.Unlock()
				}
			})
		}
		f.ok(f.Store.Close())
		wg.Wait()
		f.Store = f.open()
		f.equal(len(f.samples(forescale.SampleQuery{})), kept)
	}},
}

// fillAgain writes after a restart what was there before: ids and counters that
// are kept in memory must not have begun anew.
func (f *fixture) fillAgain() {
	f.Helper()
	f.append(mixed()...)
	f.equal(f.samples(forescale.SampleQuery{}), mixed())
	f.put(wholeService("a"), 1)
	f.record(decide("a", 1, forescale.CodeSteady))
	f.equal(len(f.decisions(forescale.DecisionQuery{})), 2)
}
