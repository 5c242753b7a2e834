package forecast

import "time"

// view is a history as models look at it. What several of them need is worked out
// once.
type view struct {
	p      *past
	begin  time.Time // of the input, and its end
	end    time.Time
	shifts []shift // of the level, that were taken out; in steps of the input
	tracks [2]*track
	way    [2]*course
}

// newView is a view in units of the history's median. Where the level shifted, the
// history before is brought to that of now.
func newView(in Input) (*view, error) {
	in, all := atOneLevel(in)
	return newViewIn(in, all, 0)
}

// newViewIn is a view of a history at one level in units of scale; 0: of its median.
func newViewIn(in Input, all []shift, scale float64) (*view, error) {
	p, err := newPast(in, scale)
	if err != nil {
		return nil, err
	}
	return &view{p: p, begin: in.Series.Start, end: in.Series.End(), shifts: all}, nil
}

// track is the pass over the history, with weekly one that tells weekdays apart.
func (v *view) track(weekly bool) *track {
	t := &v.tracks[index(weekly)]
	if *t == nil {
		*t = newTrack(v.p, weekly)
	}
	return *t
}

// done gives back the room of a view that nothing looks at any more.
func (v *view) done() {
	for i, t := range v.tracks {
		if t != nil {
			t.done()
		}
		v.tracks[i] = nil
	}
}

// course is the history as experts read it.
func (v *view) course(weekly bool) *course {
	c := &v.way[index(weekly)]
	if *c == nil {
		*c = newCourse(v.p, v.track(weekly))
	}
	return *c
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lesson is what a model learned from a history: small, never changed, and good for
// the same history when it has grown by days.
type lesson interface {
	// tell forecasts what follows the history that is seen now.
	tell(v *view, levels []float64) Prediction
}

// teachable is a model that learns before it forecasts.
type teachable interface {
	// learn fails when the history does not carry the model.
	learn(v *view, levels []float64) (lesson, error)
}

// predict learns from a history and forecasts what follows it.
func predict(m teachable, in Input) (Prediction, error) {
	v, err := newView(in)
	if err != nil {
		return Prediction{}, err
	}
	l, err := m.learn(v, in.Levels)
	if err != nil {
		return Prediction{}, err
	}
	return l.tell(v, in.Levels), nil
}
