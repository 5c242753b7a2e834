package storetest

import (
	"bytes"

	"github.com/forescale/forescale"
)

var runCases = []testCase{
	{"runs come newest first, and are written whole by id", func(f *fixture) {
		a := forescale.Run{ID: "1", Kind: "forecast", StartedAt: at(10), State: forescale.RunRunning}
		b := forescale.Run{ID: "2", Kind: "import", StartedAt: at(20), EndedAt: at(21), State: forescale.RunFailed, Done: 7, Failed: 1, Error: "row 3"}
		c := forescale.Run{ID: "3", Kind: "forecast", Server: "one", DueAt: at(9), StartedAt: at(10), State: forescale.RunRetrying, Attempt: 2}
		for _, r := range []forescale.Run{b, c, a} {
			f.ok(f.SaveRun(f.ctx, r))
		}
		f.equal(f.runs(forescale.RunQuery{Limit: 99}), []forescale.Run{b, c, a})
		f.equal(f.runs(forescale.RunQuery{Kind: "forecast", Limit: 1}), []forescale.Run{c})
		f.equal(f.runs(forescale.RunQuery{Kind: "retention", Limit: 9}), []forescale.Run{})
		a.Server, a.DueAt, a.EndedAt, a.State, a.Attempt, a.Done = "two", at(5), at(11), forescale.RunDone, 3, 3
		f.ok(f.SaveRun(f.ctx, a))
		f.equal(f.runs(forescale.RunQuery{}), []forescale.Run{b, c, a})
	}},
	{"runs are read page by page, and up to a time", func(f *fixture) {
		var all []forescale.Run
		for i := range 7 { // some started at the same moment
			all = append(all, forescale.Run{ID: string(rune('g' - i)), Kind: "forecast", StartedAt: at(float64(9 - i/3)), State: forescale.RunRunning})
			f.ok(f.SaveRun(f.ctx, all[i]))
		}
		f.equal(f.runs(forescale.RunQuery{Until: at(8), Limit: 3}), all[3:6])
		before := ""
		for i := 0; i < len(all); i += 2 {
			page := f.runs(forescale.RunQuery{Kind: "forecast", Before: before, Limit: 2})
			f.equal(page, all[i:min(i+2, len(all))])
			before = page[len(page)-1].ID
		}
		f.equal(f.runs(forescale.RunQuery{Before: before}), []forescale.Run{})
		_, err := f.ListRuns(f.ctx, forescale.RunQuery{Before: "nobody"})
		f.is(err, forescale.ErrNotFound)
	}},
	{"a run that was written without a state tells one", func(f *fixture) {
		for i, c := range []struct {
			run  forescale.Run
			want forescale.RunState
		}{
			{forescale.Run{}, forescale.RunRunning},
			{forescale.Run{EndedAt: at(2), Done: 3}, forescale.RunDone},
			{forescale.Run{EndedAt: at(2), Done: 3, Failed: 1, Error: "a: gone"}, forescale.RunDone},
			{forescale.Run{EndedAt: at(2), Done: 3, Failed: 3, Error: "gone"}, forescale.RunFailed},
			{forescale.Run{EndedAt: at(2), Error: "gone"}, forescale.RunFailed},
		} {
			c.run.ID, c.run.Kind, c.run.StartedAt = "1", "forecast", at(1)
			f.ok(f.SaveRun(f.ctx, c.run))
			if got := f.runs(forescale.RunQuery{}); len(got) != 1 || got[0].State != c.want {
				f.Errorf("case %d: %+v; want %s", i, got, c.want)
			}
		}
	}},
}

func (f *fixture) runs(q forescale.RunQuery) []forescale.Run {
	f.Helper()
	return must[[]forescale.Run](f)(f.ListRuns(f.ctx, q))
}

func key(id string, created float64) forescale.Key {
	return forescale.Key{ID: id, Name: "of " + id, Role: forescale.RolePush, Service: "a",
		Hash: bytes.Repeat([]byte(id[:1]), 32), CreatedAt: at(created)}
}

var keyCases = []testCase{
	{"keys come back whole, by the time they were made, then id", func(f *fixture) {
		for _, k := range []forescale.Key{key("c", 1), key("b", 1), key("a", 2)} {
			f.ok(f.CreateKey(f.ctx, k))
		}
		f.equal(must[[]forescale.Key](f)(f.ListKeys(f.ctx)), []forescale.Key{key("b", 1), key("c", 1), key("a", 2)})
	}},
	{"a key is found by its hash, and by no other", func(f *fixture) {
		f.ok(f.CreateKey(f.ctx, key("a", 1)))
		f.equal(must[forescale.Key](f)(f.KeyByHash(f.ctx, key("a", 1).Hash)), key("a", 1))
		for _, hash := range [][]byte{key("b", 1).Hash, nil, {}, key("a", 1).Hash[:31]} {
			_, err := f.KeyByHash(f.ctx, hash)
			f.is(err, forescale.ErrNotFound)
		}
	}},
	{"a key that exists is not made again", func(f *fixture) {
		f.ok(f.CreateKey(f.ctx, key("a", 1)))
		f.is(f.CreateKey(f.ctx, key("a", 2)), forescale.ErrConflict)
		same := key("b", 2)
		same.Hash = key("a", 1).Hash
		f.is(f.CreateKey(f.ctx, same), forescale.ErrConflict)
		f.equal(must[[]forescale.Key](f)(f.ListKeys(f.ctx)), []forescale.Key{key("a", 1)})
	}},
	{"a revoked key stays, revoked since the first time", func(f *fixture) {
		f.ok(f.CreateKey(f.ctx, key("a", 1)))
		f.is(f.RevokeKey(f.ctx, "b", at(5)), forescale.ErrNotFound)
		f.ok(f.RevokeKey(f.ctx, "a", at(5)))
		f.ok(f.RevokeKey(f.ctx, "a", at(9)))
		got := must[forescale.Key](f)(f.KeyByHash(f.ctx, key("a", 1).Hash))
		f.equal(got.RevokedAt, at(5))
	}},
}
