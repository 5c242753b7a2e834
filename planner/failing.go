package planner

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// failuresInARow is from how many failed starts on the next one waits.
	failuresInARow = 3
	// shortLife is how long an instance must have been ready for its start to
	// have succeeded: one that dies at once is a failed start.
	shortLife = time.Minute
	// crashLife is how long it must have been ready for its end to be no part of a crash
	// loop: one that falls over after some minutes does so again.
	crashLife = 10 * time.Minute
)

// failures are the newest starts that failed, up to the last that did not.
type failures struct {
	count int
	tries int       // times at which they were ordered
	last  time.Time // when the newest of them failed
	order time.Time // of the oldest of them
}

// add takes in the next older one.
func (f *failures) add(x *forescale.Instance, at time.Time) {
	f.count++
	if !x.OrderedAt.Equal(f.order) {
		f.tries, f.order = f.tries+1, x.OrderedAt
	}
	if at.After(f.last) {
		f.last = at
	}
}

// of reports whether an instance was ordered since a time, from a revision of the
// template; all were where there are none.
func of(x *forescale.Instance, revision string, since time.Time) bool {
	return (revision == "" || x.Revision == revision) && !x.OrderedAt.Before(since)
}

// failedInARow counts. A start past its deadline has failed, also while it is
// being removed; one that is still on its way says nothing yet.
func (r *round) failedInARow(revision string, since time.Time) failures {
	var starts []*forescale.Instance
	for i := range r.st.Instances {
		if x := &r.st.Instances[i]; x.Origin == forescale.OriginStarted && of(x, revision, since) {
			starts = append(starts, x)
		}
	}
	slices.SortFunc(starts, func(a, b *forescale.Instance) int {
		return cmp.Or(b.OrderedAt.Compare(a.OrderedAt), cmp.Compare(a.ID, b.ID))
	})
	var f failures
	for _, x := range starts {
		at, failed := failedStart(x, r.now)
		switch {
		case failed:
			f.add(x, at)
		case x.State != forescale.InstanceStarting:
			return f
		}
	}
	return f
}

func failedStart(x *forescale.Instance, now time.Time) (at time.Time, failed bool) {
	short := x.ReadyAt.IsZero()
	switch {
	case x.State == forescale.InstanceFailed:
		return x.StoppedAt, short || x.StoppedAt.Sub(x.ReadyAt) < shortLife
	case x.State == forescale.InstanceDraining && x.Failure != "":
		return x.DrainingAt, short || x.DrainingAt.Sub(x.ReadyAt) < shortLife
	case x.State == forescale.InstanceStarting:
		return x.Deadline, !x.Supply(now)
	}
	return time.Time{}, false
}

// crashes counts the newest instances of ours that were ready and ended by themselves,
// or were replaced as not alive, within crashLife; up to the last that lived longer. One
// that is younger and still lives says nothing yet, nor does one that never was ready, or
// that somebody else or a decision ended.
func (r *round) crashes(revision string, since time.Time) failures {
	var was []*forescale.Instance
	for i := range r.st.Instances {
		if x := &r.st.Instances[i]; x.Origin == forescale.OriginStarted && !x.ReadyAt.IsZero() && of(x, revision, since) {
			was = append(was, x)
		}
	}
	slices.SortFunc(was, func(a, b *forescale.Instance) int {
		return cmp.Or(b.OrderedAt.Compare(a.OrderedAt), cmp.Compare(a.ID, b.ID))
	})
	var f failures
	for _, x := range was {
		at, failed := ended(x)
		if !failed {
			at = r.now
		}
		switch {
		case at.Sub(x.ReadyAt) >= crashLife:
			return f
		case failed && x.StopBy == "" && !x.EndedByOthers():
			f.add(x, at)
		}
	}
	return f
}

// ended is when an instance failed.
func ended(x *forescale.Instance) (at time.Time, failed bool) {
	switch {
	case x.State == forescale.InstanceFailed:
		return x.StoppedAt, true
	case x.State == forescale.InstanceDraining && x.Failure != "":
		return x.DrainingAt, true
	}
	return time.Time{}, false
}

// retryAfter doubles with each failure beyond the first few, up to a bound.
func retryAfter(o Options, count int) time.Duration {
	d := o.RetryAfter
	for ; count > failuresInARow && d < o.RetryMax; count-- {
		d *= 2
	}
	return min(d, o.RetryMax)
}

// gone counts the instances that failed, and finds the newest of them.
func (r *round) gone() (n int, newest *forescale.Instance) {
	var last time.Time
	for i := range r.st.Instances {
		x := &r.st.Instances[i]
		at := x.StoppedAt
		if x.State == forescale.InstanceDraining && x.Failure != "" {
			at = x.DrainingAt
		} else if x.State != forescale.InstanceFailed {
			continue
		}
		n++
		if newest == nil || at.After(last) || at.Equal(last) && x.ID < newest.ID {
			newest, last = x, at
		}
	}
	return n, newest
}
