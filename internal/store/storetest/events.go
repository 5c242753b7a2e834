package storetest

import (
	"time"

	"github.com/forescale/forescale"
)

func event(name string, from, until float64) forescale.Event {
	return forescale.Event{Name: name, Service: "a", From: at(from), Until: at(until), Factor: 2.5, Origin: forescale.OriginAPI}
}

func (f *fixture) events() []forescale.Event {
	f.Helper()
	return must[[]forescale.Event](f)(f.Events(f.ctx, time.Time{}))
}

var eventCases = []testCase{
	{"events come by their begin, then name, and are written whole by name", func(f *fixture) {
		b, a, c := event("b", 10, 20), event("a", 10, 30), event("c", 0, 40)
		for _, e := range []forescale.Event{b, a, c} {
			f.ok(f.PutEvent(f.ctx, e))
		}
		f.equal(f.events(), []forescale.Event{c, a, b})
		b.Service, b.From, b.Until, b.Factor, b.LeaveOut, b.Origin = "", at(5), at(50), 0, true, forescale.OriginConfig
		f.ok(f.PutEvent(f.ctx, b))
		f.equal(f.events(), []forescale.Event{c, b, a})
		f.equal(must[[]forescale.Event](f)(f.Events(f.ctx, at(30))), []forescale.Event{c, b})
		f.reopen()
		f.equal(f.events(), []forescale.Event{c, b, a})
	}},
	{"a deleted event is gone, and cannot be deleted again", func(f *fixture) {
		f.ok(f.PutEvent(f.ctx, event("a", 0, 1)))
		f.ok(f.DeleteEvent(f.ctx, "a"))
		f.equal(f.events(), []forescale.Event{})
		f.is(f.DeleteEvent(f.ctx, "a"), forescale.ErrNotFound)
	}},
	{"events that are long over go", func(f *fixture) {
		f.ok(f.PutEvent(f.ctx, event("a", 0, 10)))
		f.ok(f.PutEvent(f.ctx, event("b", 0, 11)))
		f.equal(f.prune(at(11)), int64(1))
		f.equal(f.events(), []forescale.Event{event("b", 0, 11)})
	}},
}
