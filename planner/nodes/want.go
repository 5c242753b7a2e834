package nodes

import (
	"cmp"
	"slices"
	"time"
)

// wants is how many instances a service wants, by rising times.
type wants []Want

// readWants puts the steps in order and takes out what makes no sense; ok is
// false if there was something.
func readWants(in []Want) (ws wants, ok bool) {
	ws, ok = in, true
	if !slices.IsSortedFunc(in, func(a, b Want) int { return a.At.Compare(b.At) }) {
		ws = slices.Clone(in)
		slices.SortStableFunc(ws, func(a, b Want) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Count, b.Count)) })
	}
	for i, w := range ws {
		if w.Count < 0 || w.Count > mostWanted {
			if ok {
				ws, ok = slices.Clone(ws), false
			}
			ws[i].Count = min(max(0, w.Count), mostWanted)
		}
	}
	return ws, ok
}

// index is the step that holds at t.
func (ws wants) index(t time.Time) int {
	i, _ := slices.BinarySearchFunc(ws, t, func(w Want, t time.Time) int {
		if w.At.After(t) {
			return 1
		}
		return -1
	})
	return max(0, i-1)
}

// at is how many are wanted at t.
func (ws wants) at(t time.Time) int {
	if len(ws) == 0 {
		return 0
	}
	return ws[ws.index(t)].Count
}

// peak is the most that are wanted from a time until before another.
func (ws wants) peak(from, to time.Time) (n int) {
	if len(ws) == 0 {
		return 0
	}
	first := ws.index(from)
	for i := first; i < len(ws) && (i == first || ws[i].At.Before(to)); i++ {
		n = max(n, ws[i].Count)
	}
	return n
}

// above is the first time from a time on at which more than n are wanted.
func (ws wants) above(from time.Time, n int) time.Time {
	if len(ws) == 0 {
		return from
	}
	for i := ws.index(from); i < len(ws); i++ {
		if ws[i].Count > n {
			if ws[i].At.Before(from) {
				return from
			}
			return ws[i].At
		}
	}
	return from
}
