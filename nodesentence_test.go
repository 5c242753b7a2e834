package forescale_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestReasonsOfNodesAreSaidInSentences(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		r    forescale.Reason
		want string
	}{
		{forescale.Reason{Code: "node_needed", Numbers: map[string]float64{"instances": 5, "without": 2, "late_s": 90}, Times: map[string]time.Time{"need": at}, Words: map[string]string{"fullest": "cores"}},
			"2 of its 5 instances have no place without it at 12:00; its cores are the first to run out. It is ready 1 min 30 s too late."},
		{forescale.Reason{Code: "node_needed", Words: map[string]string{"type": "large"}, Numbers: map[string]float64{"price_per_hour": 0.4}}, "The next best is large at 0.4 an hour."},
		{forescale.Reason{Code: "node_idle"}, "It is not needed."},
		{forescale.Reason{Code: "node_paid", Times: map[string]time.Time{"until": at}}, "It is not needed, but it is paid for until 12:00."},
		{forescale.Reason{Code: forescale.CodeMaxBound, Numbers: map[string]float64{"max_nodes": 2}}, "All 2 nodes that may be ordered for it are there or ordered."},
		{forescale.Reason{Code: forescale.CodeMaxBound}, "More are not allowed."},
		{forescale.Reason{Code: "node_unknown"}, "Node unknown."},
	} {
		if got := c.r.Sentence(time.UTC, at); got != c.want {
			t.Errorf("%s says %q, want %q", c.r.Code, got, c.want)
		}
	}
}
