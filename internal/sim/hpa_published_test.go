package sim

import (
	"testing"
	"time"
)

// Cases of the Kubernetes documentation ("Horizontal Pod Autoscaling", algorithm
// details) and, by their names, of the tests of its controller (package podautoscaler:
// replica_calculator_test.go, horizontal_test.go). The numbers are facts of these
// sources; utilization is that of the pods that have metrics, in % of their requests.

func TestHPACountsPodsAsPublished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		current int
		target  float64
		used    []float64 // of ready pods
		unready int
		missing int
		want    int
	}{
		{"documentation: twice the desired value doubles", 3, 100, []float64{200, 200, 200}, 0, 0, 6},
		{"documentation: half of the desired value halves", 4, 100, []float64{50, 50, 50, 50}, 0, 0, 2},
		{"ScaleUp", 3, 30, []float64{30, 50, 70}, 0, 0, 5},
		{"ScaleUpUnreadyLessScale", 3, 30, []float64{50, 70}, 1, 0, 4},
		{"ScaleUpUnreadyNoScale", 3, 30, []float64{40}, 2, 0, 3},
		{"ScaleUpIgnoresFailedPods", 2, 30, []float64{50, 70}, 0, 0, 4},
		{"ScaleUpCM", 3, 15, []float64{20, 10, 30}, 0, 0, 4},
		{"ScaleDown", 5, 50, []float64{10, 30, 50, 25, 25}, 0, 0, 3},
		{"ScaleDownCM", 5, 20, []float64{12, 12, 12, 12, 12}, 0, 0, 3},
		{"ScaleDownIncludeUnreadyPods", 5, 50, []float64{10, 30, 50}, 2, 0, 2},
		{"ScaleDownExcludeUnscheduledPods", 5, 50, []float64{10}, 4, 0, 1},
		{"Tolerance", 3, 100, []float64{102, 102, 102}, 0, 0, 3},
		{"ToleranceCM", 3, 20, []float64{20, 21, 21}, 0, 0, 3},
		{"EmptyMetrics: without any metrics nothing changes", 4, 100, nil, 0, 4, 4},
		{"MissingMetrics", 4, 100, []float64{40, 9.5}, 0, 2, 3},
		{"MissingMetricsNoChangeEq", 2, 100, []float64{100}, 0, 1, 2},
		{"MissingMetricsNoChangeGt", 2, 100, []float64{190}, 0, 1, 2},
		{"MissingMetricsNoChangeLt", 2, 100, []float64{60}, 0, 1, 2},
		{"MissingMetricsUnreadyChange", 3, 50, []float64{45}, 1, 1, 3},
		{"MissingMetricsUnreadyScaleUp", 3, 50, []float64{200}, 1, 1, 4},
		{"MissingMetricsUnreadyScaleDown", 4, 50, []float64{10, 10}, 1, 1, 3},
		{"DuringRollingUpdateWithMaxSurge", 2, 50, []float64{10, 10}, 0, 1, 2},
		{"ComputedToleranceAlgImplementation: just beyond", 10, 56, []float64{50, 50, 50, 50, 50, 50, 50, 50, 50, 50}, 0, 0, 9},
		{"ComputedToleranceAlgImplementation: just within", 10, 55, []float64{50, 50, 50, 50, 50, 50, 50, 50, 50, 50}, 0, 0, 10},
		{"a change that only the unready ones keep within the tolerance is none", 11, 50, []float64{60, 60, 60, 60, 60, 60, 60, 60, 60, 60}, 1, 0, 11},
	} {
		m := podMetrics{ready: len(c.used), unready: c.unready, missing: c.missing}
		for _, u := range c.used {
			m.sum += u
		}
		if got := DefaultHPA(c.target, time.Minute).replicas(c.current, m); got != c.want {
			t.Errorf("%s: %d of %d, want %d", c.name, got, c.current, c.want)
		}
	}
}

// spread lays changes evenly over a period that ends now, as the source's test does:
// each in the middle of its part.
func spread(sign int, changes []int, period, now time.Duration) (out []wish) {
	part := period / time.Duration(max(len(changes), 1))
	for k, n := range changes {
		out = append(out, wish{now - period + part*time.Duration(k) + part/2, sign * n})
	}
	return out
}

func TestHPAPoliciesBoundChangesAsPublished(t *testing.T) {
	t.Parallel()
	pods := func(n int, period time.Duration) ScalingPolicy { return ScalingPolicy{Value: n, Period: period} }
	percent := func(n int, period time.Duration) ScalingPolicy {
		return ScalingPolicy{Percent: true, Value: n, Period: period}
	}
	const now, m = time.Hour, time.Minute
	for _, c := range []struct {
		name          string
		ups, downs    []int // within the last two minutes
		up, down      []ScalingPolicy
		current, want int
		lets          int
	}{
		{name: "default behavior", current: 10, want: 50, lets: 20},
		{name: "four more when that is more than double", current: 3, want: 50, lets: 7},
		{name: "pods policy larger than percent policy", up: []ScalingPolicy{pods(100, m), percent(100, m)}, current: 10, want: 500, lets: 110},
		{name: "percent policy larger than pods policy", up: []ScalingPolicy{pods(2, m), percent(100, m)}, current: 10, want: 500, lets: 20},
		{name: "large pod policy", up: []ScalingPolicy{pods(100, m)}, current: 10, want: 50, lets: 50},
		{name: "pod policy limitation", up: []ScalingPolicy{pods(30, m)}, current: 10, want: 50, lets: 40},
		{name: "percent policy limitation", up: []ScalingPolicy{percent(200, m)}, current: 10, want: 50, lets: 30},
		{name: "one percent adds at least one", up: []ScalingPolicy{percent(1, m)}, current: 3, want: 1000, lets: 4},
		{name: "down: default policy and previous events", downs: []int{1, 5, 9}, current: 10, want: 5, lets: 5},
		{name: "down: pods", down: []ScalingPolicy{pods(20, m)}, current: 1000, want: 3, lets: 980},
		{name: "down: pod policy larger than percent policy", down: []ScalingPolicy{pods(20, m), percent(1, m)}, current: 100, want: 2, lets: 80},
		{name: "down: percent policy larger than pod policy", down: []ScalingPolicy{pods(2, m), percent(1, m)}, current: 100, want: 2, lets: 98},
		{name: "down: pod policy limitation", down: []ScalingPolicy{pods(5, m)}, current: 10, want: 2, lets: 5},
		{name: "down: percent policy limitation", down: []ScalingPolicy{percent(50, m)}, current: 10, want: 5, lets: 5},
		{name: "a lot of recent scale up events", ups: []int{1, 5, 9}, up: []ScalingPolicy{pods(5, 2*m)}, current: 100, want: 500, lets: 100},
		{name: "pod policy and previous scale up events", ups: []int{1, 5, 9}, up: []ScalingPolicy{pods(150, 2*m)}, current: 100, want: 500, lets: 235},
		{name: "percent policy and previous scale up events", ups: []int{1, 5, 9}, up: []ScalingPolicy{percent(200, 2*m)}, current: 100, want: 500, lets: 255},
		{name: "percent policy and previous scale up and down events", ups: []int{4}, downs: []int{2}, up: []ScalingPolicy{percent(300, 5*m)}, current: 6, want: 24, lets: 16},
		{name: "down: pod policy limitation and previous events", downs: []int{1, 5, 9}, down: []ScalingPolicy{pods(5, 2*m)}, current: 100, want: 2, lets: 100},
		{name: "down: percent policy limitation and previous events", downs: []int{2, 4, 6}, down: []ScalingPolicy{percent(50, 2*m)}, current: 100, want: 0, lets: 56},
		{name: "down: percent policy and previous scale up and down events", ups: []int{2}, downs: []int{4}, down: []ScalingPolicy{percent(50, 3*m)}, current: 10, want: 1, lets: 6},
		{name: "down: previous events preventing further scale down", downs: []int{10, 10, 10}, down: []ScalingPolicy{percent(10, 2*m)}, current: 100, want: 0, lets: 100},
		{name: "down: previous events still allowing more scale down", downs: []int{10, 10, 10}, down: []ScalingPolicy{percent(1000, 2*m)}, current: 10, want: 5, lets: 5},
	} {
		up, down := defaultUp(), defaultDown()
		if c.up != nil {
			up.Policies = c.up
		}
		if c.down != nil {
			down.Policies = c.down
		}
		r := rules{changes: append(spread(1, c.ups, 2*m, now), spread(-1, c.downs, 2*m, now)...)}
		if got := r.let(now, c.current, c.want, up, down); got != c.lets {
			t.Errorf("%s: %d → %d lets %d, want %d", c.name, c.current, c.want, got, c.lets)
		}
	}
	for _, c := range []struct {
		sel      PolicySelect
		want     int
		up, down int
	}{{SelectMax, 500, 20, 0}, {SelectMin, 500, 14, 0}, {SelectDisabled, 500, 10, 0}, {SelectMax, 1, 0, 5}, {SelectMin, 1, 0, 6}, {SelectDisabled, 1, 0, 10}} {
		up := ScalingRules{Policies: []ScalingPolicy{pods(4, m), percent(100, m)}, Select: c.sel}
		down := ScalingRules{Policies: []ScalingPolicy{pods(4, m), percent(50, m)}, Select: c.sel}
		var r rules
		if got := r.let(now, 10, c.want, up, down); got != c.up+c.down {
			t.Errorf("selectPolicy %q: 10 → %d lets %d, want %d", c.sel, c.want, got, c.up+c.down)
		}
	}
}

func TestHPAStabilizesAsPublished(t *testing.T) {
	t.Parallel()
	const now, m = time.Hour, time.Minute
	ago := func(d time.Duration, n int) wish { return wish{now - d, n} }
	for _, c := range []struct {
		name     string
		wishes   []wish // oldest first
		current  int
		want     int
		up, down time.Duration
		is       int
	}{
		{"empty log", nil, 100, 5, 0, 5 * m, 5},
		{"stabilize", []wish{ago(2*m, 4), ago(m, 5)}, 100, 3, 0, 5 * m, 5},
		{"no stabilize", []wish{ago(2*m, 1), ago(m, 2)}, 100, 3, 0, 5 * m, 3},
		{"no stabilize - old recommendations", []wish{ago(10*m, 10), ago(9*m, 9)}, 100, 3, 0, 5 * m, 3},
		{"stabilize - old recommendations", []wish{ago(10*m, 10), ago(9*m, 9), ago(2*m, 5), ago(m, 4)}, 100, 3, 0, 5 * m, 5},
		{"a wish as old as the window is over", []wish{ago(5*m, 9)}, 100, 3, 0, 5 * m, 3},
		{"what was wished for is never above what is there", []wish{ago(m, 9)}, 5, 3, 0, 5 * m, 5},
		{"up without a window is at once", []wish{ago(m, 2)}, 3, 9, 0, 5 * m, 9},
		{"up with a window takes the lowest", []wish{ago(4*m, 4), ago(2*m, 6), ago(m, 8)}, 3, 9, 3 * m, 5 * m, 6},
	} {
		r := rules{wishes: c.wishes}
		if got := r.stabilized(now, c.current, c.want, c.up, c.down); got != c.is {
			t.Errorf("%s: %d, want %d", c.name, got, c.is)
		}
	}
}

// Pods that became ready after the metrics were taken do not count as if they had
// been as busy as those that the metrics are of.
func TestHPADoesNotOvershootWhilePodsWarmUp(t *testing.T) {
	t.Parallel()
	demand := make([]float64, 60)
	for i := range demand {
		demand[i] = 2
		if i >= 5 {
			demand[i] = 6
		}
	}
	most := 0
	for _, r := range DefaultHPA(60, 2*time.Minute).Replay(demand, time.Minute, 4) {
		most = max(most, r.Wanted)
	}
	if most > 12 { // 100 % of 4 asks for 7, then 6 of 7 for 10 or 11
		t.Errorf("%d pods for a demand of 6 at 60 %%", most)
	}
}
