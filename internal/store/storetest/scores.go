package storetest

import (
	"sync"
	"time"

	"github.com/forescale/forescale"
)

const oneDay = 24 * time.Hour

// scoring is one whose sums are exact.
func scoring(service string, from, until float64, models ...string) forescale.Scoring {
	x := forescale.Scoring{Track: forescale.Track{Service: service, Metric: util, Until: at(until)}}
	if from >= 0 {
		x.From = at(from)
	}
	for i, m := range models {
		x.Tallies = append(x.Tallies, tally(service, 0, m, i+1))
	}
	return x
}

func tally(service string, day int, model string, n int) forescale.Tally {
	v := float64(n)
	return forescale.Tally{Service: service, Metric: util, Day: monday.Truncate(oneDay).Add(time.Duration(day) * oneDay), Model: model, Lead: forescale.Leads[1],
		Steps: int64(10 * n), Inside: int64(9 * n), Loss: v / 8, Error: v / 4, Truth: 4 * v, Compared: int64(5 * n), TheirMiss: v / 2, LastWeek: v}
}

// summed is a tally as it comes back: a sum over days.
func summed(ts ...forescale.Tally) forescale.Tally {
	y := ts[0]
	for _, t := range ts[1:] {
		y.Add(t)
	}
	y.Day = time.Time{}
	return y
}

func (f *fixture) tallies(q forescale.TallyQuery) []forescale.Tally {
	f.Helper()
	return must[[]forescale.Tally](f)(f.Tallies(f.ctx, q))
}

func (f *fixture) saveScores(ss ...forescale.Scoring) []bool {
	f.Helper()
	return must[[]bool](f)(f.SaveScores(f.ctx, ss))
}

var scoreCases = []testCase{
	{"scores add up, and nothing is counted twice", func(f *fixture) {
		f.equal(f.saveScores(), []bool{})
		f.equal(f.saveScores(scoring("b", -1, 60, "x", "y"), scoring("a", -1, 60, "x")), []bool{true, true})
		next := scoring("b", 60, 120, "x")
		next.Drift = forescale.Drift{Coverage: 1.5, Error: 0.25, Alarm: forescale.AlarmCoverage, Last: forescale.AlarmCoverage, Since: at(100), Times: 2, Wider: 1.25}
		for _, stale := range []forescale.Scoring{scoring("b", -1, 120, "x"), scoring("b", 59, 120, "x"), scoring("c", 60, 120, "x")} {
			f.equal(f.saveScores(stale), []bool{false})
		}
		f.equal(f.saveScores(scoring("a", -1, 120, "x"), next), []bool{false, true})
		f.equal(f.saveScores(next), []bool{false})
		f.equal(f.track("b"), next.Track)
		want := []forescale.Tally{summed(tally("a", 0, "x", 1)), summed(tally("b", 0, "x", 1), tally("b", 0, "x", 1)), summed(tally("b", 0, "y", 2))}
		f.equal(f.tallies(forescale.TallyQuery{}), want)
		f.reopen()
		f.equal(f.tallies(forescale.TallyQuery{}), want)
		f.equal(f.tallies(forescale.TallyQuery{Services: []string{"a", "nobody"}}), want[:1])
		f.equal(len(must[[]forescale.Track](f)(f.Tracks(f.ctx))), 2)
		f.equal(must[[]forescale.Track](f)(f.Tracks(f.ctx, "nobody")), []forescale.Track{})
	}},
	{"of two scorings of one line in a call the first counts", func(f *fixture) {
		f.equal(f.saveScores(scoring("a", -1, 60, "x"), scoring("a", -1, 60, "x")), []bool{true, false})
		f.equal(f.tallies(forescale.TallyQuery{}), []forescale.Tally{summed(tally("a", 0, "x", 1))})
	}},
	{"a row that a scoring names twice is added up", func(f *fixture) {
		f.equal(f.saveScores(scoring("a", -1, 60, "x"), scoring("b", -1, 60)), []bool{true, true})
		x := scoring("a", 60, 120, "x")
		x.Tallies = append(x.Tallies, tally("a", 0, "x", 4))
		f.equal(f.saveScores(x), []bool{true})
		f.equal(f.tallies(forescale.TallyQuery{}), []forescale.Tally{summed(tally("a", 0, "x", 1), tally("a", 0, "x", 1), tally("a", 0, "x", 4))})
	}},
	{"days are told apart, from the first and up to the last", func(f *fixture) {
		x := scoring("a", -1, 60)
		for day := range 4 {
			x.Tallies = append(x.Tallies, tally("a", day, "x", day+1))
		}
		f.saveScores(x)
		f.equal(f.tallies(forescale.TallyQuery{From: at(0).Add(oneDay), To: at(0).Add(3 * oneDay)}),
			[]forescale.Tally{summed(tally("a", 1, "x", 2), tally("a", 2, "x", 3))})
	}},
	{"of many who score the same steps one is taken", func(f *fixture) {
		for _, from := range []float64{-1, 60} {
			var mu sync.Mutex
			var wg sync.WaitGroup
			won := 0
			for range 6 {
				wg.Go(func() {
					taken, err := f.SaveScores(f.ctx, []forescale.Scoring{scoring("a", from, from+61, "x"), scoring("b", from, from+61, "x")})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						f.Error(err)
					}
					for _, ok := range taken {
						if ok {
							won++
						}
					}
				})
			}
			wg.Wait()
			f.equal(won, 2)
		}
	}},
	{"the elasticity of a day is replaced, and days are told apart", func(f *fixture) {
		day := func(service string, n int, under float64) forescale.ElasticityDay {
			return forescale.ElasticityDay{Service: service, Day: monday.Truncate(oneDay).Add(time.Duration(n) * oneDay), Elasticity: forescale.Elasticity{
				Steps: 1440, Under: under, Over: 1.0 / 3, StepsUnder: 3, StepsOver: 700, Pairs: 1439, Apart: 12, Demand: 5000.125, Lost: 1e-9, Need: 9000, Supply: 9100.5}}
		}
		ask := func(q forescale.TallyQuery) []forescale.ElasticityDay {
			return must[[]forescale.ElasticityDay](f)(f.Elasticities(f.ctx, q))
		}
		f.ok(f.SaveElasticity(f.ctx, nil))
		f.equal(ask(forescale.TallyQuery{}), []forescale.ElasticityDay{})
		f.ok(f.SaveElasticity(f.ctx, []forescale.ElasticityDay{day("b", 0, 9), day("a", 1, 2), day("b", 0, 3), day("a", 0, 1)}))
		want := []forescale.ElasticityDay{day("a", 0, 1), day("a", 1, 2), day("b", 0, 3)}
		f.equal(ask(forescale.TallyQuery{}), want)
		want[1].Under = 0.1
		f.ok(f.SaveElasticity(f.ctx, want[1:2]))
		f.reopen()
		f.equal(ask(forescale.TallyQuery{}), want)
		f.equal(ask(forescale.TallyQuery{Services: []string{"a", "nobody"}}), want[:2])
		f.equal(ask(forescale.TallyQuery{From: want[1].Day}), want[1:2])
		f.equal(ask(forescale.TallyQuery{To: want[1].Day}), []forescale.ElasticityDay{want[0], want[2]})
		f.prune(want[1].Day)
		f.equal(ask(forescale.TallyQuery{}), want[1:2])
	}},
	{"what the newest forecast was mixed from is kept, and no older one's", func(f *fixture) {
		_, _, err := f.Choice(f.ctx, "a", util)
		f.is(err, forescale.ErrNotFound)
		told := func(issued float64, model string) forescale.Forecast {
			fc := forecast("a", util, issued, 1)
			fc.Choice = []forescale.Choice{{From: 1, To: 6, Tested: 100, Shares: []forescale.Share{{Model: model, Weight: 0.75, Error: 0.5}, {Model: "last week", Error: 1.25}}}}
			return fc
		}
		silent := forecast("b", util, 0, 1)
		f.ok(f.SaveChoices(f.ctx, []forescale.Forecast{silent, told(60, "new"), told(0, "old")}))
		f.ok(f.SaveChoices(f.ctx, []forescale.Forecast{told(30, "between"), silent}))
		f.ok(f.SaveChoices(f.ctx, []forescale.Forecast{silent}))
		issued, c, err := f.Choice(f.ctx, "a", util)
		f.ok(err)
		f.equal(issued, at(60))
		f.equal(c, told(60, "new").Choice)
		_, _, err = f.Choice(f.ctx, "a", load)
		f.is(err, forescale.ErrNotFound)
	}},
	{"old days go, and the tracks that ended before", func(f *fixture) {
		x := scoring("a", -1, 60)
		for day := range 4 {
			x.Tallies = append(x.Tallies, tally("a", day, "x", day+1))
		}
		f.saveScores(x, scoring("b", -1, 7*86400, "x"))
		fc := forecast("a", util, 60, 1)
		fc.Choice = []forescale.Choice{{From: 1, To: 1}}
		f.ok(f.SaveChoices(f.ctx, []forescale.Forecast{fc}))
		midnight := monday.Truncate(oneDay)
		f.equal(f.prune(midnight.Add(oneDay-time.Second)), int64(2)) // a's track and choice
		f.equal(f.prune(midnight.Add(oneDay)), int64(2))             // the first day of each
		f.equal(f.prune(midnight.Add(3*oneDay+time.Hour)), int64(2))
		f.equal(f.tallies(forescale.TallyQuery{}), []forescale.Tally{summed(tally("a", 3, "x", 4))})
		f.equal(len(must[[]forescale.Track](f)(f.Tracks(f.ctx))), 1)
	}},
}

// track is how far a service is scored.
func (f *fixture) track(service string) forescale.Track {
	f.Helper()
	ts := must[[]forescale.Track](f)(f.Tracks(f.ctx, service))
	if len(ts) != 1 {
		f.Fatalf("tracks of %s: %+v", service, ts)
	}
	return ts[0]
}
