package forescale

import "time"

// Term is the time of one server as the leader of a store: of several servers
// on one database, the leader alone plans and acts. Its fence is a number that
// grows with each take-over; who acts under a lower one than the newest is
// refused where the effect happens, whatever that server believes.
type Term struct {
	Fence  int64         `json:"fence"`  // 0: nobody has led yet
	Holder string        `json:"holder"` // the server that leads; "" after it resigned
	Since  time.Time     `json:"since"`  // of the take-over, by the store's clock
	Until  time.Time     `json:"until"`  // it ends unless it is renewed, by the store's clock
	Left   time.Duration `json:"-"`      // until then, when the term was read; negative when it ran out
	Scope  string        `json:"-"`      // short id of the store: fences of two stores are not compared
}

// Held reports whether the holder led when the term was read.
func (t Term) Held() bool { return t.Holder != "" && t.Left > 0 }
