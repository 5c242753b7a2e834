package storetest

import (
	"bytes"

	"github.com/forescale/forescale"
)

var runCases = []testCase{
	{"runs come newest first, and are written whole by id", func(f *fixture) {
		a := forescale.Run{ID: "1", Kind: "forecast", StartedAt: at(10)}
		b := forescale.Run{ID: "2", Kind: "import", StartedAt: at(20), EndedAt: at(21), Done: 7, Failed: 1, Error: "row 3"}
		c := forescale.Run{ID: "3", Kind: "forecast", StartedAt: at(10)}
		for _, r := range []forescale.Run{b, c, a} {
			f.ok(f.SaveRun(f.ctx, r))
		}
		read := must[[]forescale.Run](f)
		f.equal(read(f.ListRuns(f.ctx, "", 99)), []forescale.Run{b, c, a})
		f.equal(read(f.ListRuns(f.ctx, "forecast", 1)), []forescale.Run{c})
		f.equal(read(f.ListRuns(f.ctx, "retention", 9)), []forescale.Run{})
		a.EndedAt, a.Done = at(11), 3
		f.ok(f.SaveRun(f.ctx, a))
		f.equal(read(f.ListRuns(f.ctx, "", 0)), []forescale.Run{b, c, a})
	}},
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
