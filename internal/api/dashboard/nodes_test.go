package dashboard_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/forescale/forescale"
)

// rack puts three nodes of two types into the store, and a plan of them.
func (f *fake) rack(t *testing.T) {
	t.Helper()
	told := func(code forescale.Code, numbers map[string]float64, times map[string]time.Time, words map[string]string) forescale.Reason {
		return forescale.Reason{Code: code, Numbers: numbers, Times: times, Words: words}
	}
	beside := told("node_needed", map[string]float64{"price_per_hour": 0.66}, nil, map[string]string{"type": "huge"})
	at := f.begin.Truncate(time.Minute)
	plan := &forescale.NodePlan{MadeAt: at, Horizon: at.Add(4 * time.Hour), Cost: forescale.NodeCost{Now: 0.56, Planned: 0.44, Peak: 0.66, Least: 0.3125},
		Orders: []forescale.NodeOrder{{Name: "large+1", Type: "large", OrderAt: at.Add(3 * time.Minute), NeedAt: at.Add(7 * time.Minute), ReadyBy: at.Add(6 * time.Minute), PricePerHour: 0.22,
			Holds: []forescale.NodeShare{{Service: "checkout", Count: 2}, {Service: "thumbs", Count: 1}}, Beside: &beside,
			Reason: told("node_needed", map[string]float64{"instances": 3, "without": 2}, map[string]time.Time{"need": at.Add(7 * time.Minute)}, map[string]string{"fullest": "cores"})}},
		Drains: []forescale.NodeDrain{{Node: "n-03", Moves: []forescale.NodeMove{{Service: "reports", To: "n-02", Count: 1}}, Saves: 0.11,
			Reason: told("node_idle", map[string]float64{"moves": 1, "saves": 0.11, "payback_s": 3600}, nil, nil)}},
		Kept:  []forescale.NodeReason{{Node: "n-02", Reason: told("node_paid", nil, map[string]time.Time{"until": at.Add(20 * time.Minute)}, nil)}},
		Unmet: []forescale.NodeUnmet{{Service: "ingest", Count: 2, At: at, Reason: told(forescale.CodeMaxBound, map[string]float64{"max_nodes": 2}, nil, nil)}},
		Notes: []forescale.NodeNote{{Subject: "services/mailer", Reason: told("use_unknown", nil, nil, nil)}},
		Steps: []forescale.NodeStep{
			{At: at, Nodes: []forescale.NodeCount{{Type: "large", Count: 2}, {Type: "small", Count: 1}}, PerHour: 0.56},
			{At: at.Add(3 * time.Minute), Nodes: []forescale.NodeCount{{Type: "large", Count: 3}}, PerHour: 0.66},
		}}
	for _, err := range []error{
		f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "large", Cores: 8, Memory: 32 << 30, PricePerHour: 0.22, BootTime: 3 * time.Minute, MaxCount: 6}),
		f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "small", Cores: 4, Memory: 16 << 30, PricePerHour: 0.12, BootTime: 2 * time.Minute, MaxCount: 2}),
		f.store.PutNode(t.Context(), forescale.Node{Name: "n-01", Type: "small", State: forescale.NodeReady, Protected: true, Cores: 4, Memory: 16 << 30}),
		f.store.PutNode(t.Context(), forescale.Node{Name: "n-02", Type: "large", State: forescale.NodeReady, Managed: true, Cores: 8, Memory: 32 << 30}),
		f.store.PutNode(t.Context(), forescale.Node{Name: "n-03", Type: "large", State: forescale.NodeDraining, Managed: true, Cores: 8, Memory: 32 << 30}),
		f.store.Append(t.Context(), []forescale.Sample{{Subject: forescale.Subject{Kind: forescale.KindNode, Name: "n-02"}, Metric: forescale.MetricCPU, Value: 62.4, Time: f.begin.Add(-time.Minute)}}),
		f.store.RecordPlan(t.Context(), forescale.Plan{At: at, Nodes: plan}, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

const racked = `document.querySelectorAll(".nodebox").length >= 4 && document.querySelector("#nodeplan tbody tr")`

func TestNodesAreDrawnByTypeWithWhatRunsOnThem(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.rack(t)
	f.services[0].begun = 2
	p := ready(t, f, 1200, false, "#/nodes", racked)
	box := func(name string) string {
		return js[string](p, `[...document.querySelectorAll(".nodebox")].find(b => b.innerText.startsWith("`+name+`")).innerText.replace(/\s+/g, " ")`)
	}
	types := js[[]string](p, `[...document.querySelectorAll(".nodetype > header")].map(h => h.innerText.replace(/\s+/g, " "))`)
	if want := []string{"large 8 cores, 32 GiB, 0.22 an hour · 2 of 6 there", "small 4 cores, 16 GiB, 0.12 an hour · 1 of 2 there"}; !slices.Equal(types, want) {
		t.Errorf("types %q, want %q", types, want)
	}
	contains(t, box("n-01"), "ready", "4 cores, 16 GiB, protected", "checkout 2 ready", "thumbs")
	contains(t, box("n-02"), "CPU 62 %", "kept: It is not needed, but it is paid for until 09:00.")
	contains(t, box("n-03"), "draining", "would be emptied: It is not needed; 1 instances move, and 0.11 is saved within 1 h.")
	contains(t, box("+ large+1"), "would be ordered 08:43", "ready by 08:46, 0.22 an hour", "checkout 2", "thumbs 1")
	// One square an instance, by state, and as many in words.
	if got := js[int](p, `[...document.querySelectorAll(".nodebox:not(.order)")].reduce((n, b) => n + b.querySelectorAll(".sq").length, 0)`); got != js[int](p, `[...document.querySelectorAll(".nodebox:not(.order) .runs .small")].reduce((n, e) => n + e.innerText.match(/\d+/g).reduce((a, x) => a + Number(x), 0), 0)`) || got < 20 {
		t.Errorf("%d squares are drawn, the words say otherwise", got)
	}
	if got := js[int](p, `document.querySelectorAll(".nodebox:not(.order) .sq.starting").length`); got != 2 {
		t.Errorf("%d are drawn as starting, want 2", got)
	}
	contains(t, js[string](p, `text("#nodes")`), "checkout 2 ready, 1 starting")
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector(".runs a").click()`))
	p.until("the service", `location.hash.startsWith("#/services/")`)
}

func TestThePlanOfNodesIsToldInSentences(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.rack(t)
	p := ready(t, f, 1200, false, "#/nodes", racked)
	contains(t, js[string](p, `text("#nodes")`), "forecast-only: no node is ordered or stopped")
	contains(t, js[string](p, `text("#nodeplan")`), "3 nodes planned, 2 instances without a place.", "an hour costs now 0.56 planned 0.44 at most ahead 0.66 at least 0.3125",
		"08:40 unmet ingest × 2 All 2 nodes that may be ordered for it are there or ordered. max_bound",
		"08:43 order large 2 of its 3 instances have no place without it at 08:47; its cores are the first to run out. node_needed ready by 08:46, 0.22 an hour; The next best is huge at 0.66 an hour.",
		"08:40 drain n-03 It is not needed; 1 instances move, and 0.11 is saved within 1 h. node_idle reports × 1 to n-02",
		"08:40 keep n-02 It is not needed, but it is paid for until 09:00. node_paid",
		"08:40 note services/mailer Nothing tells what an instance takes")
	// The sentences are in the zone of the page.
	p.run(chromedp.Evaluate[chromedp.Void](`location.hash = "#/nodes?zone=utc"`))
	p.until("UTC", `text("#nodeplan").includes("paid for until 08:00") && text("#nodeplan").includes("07:43 order")`)
	// The same in tables.
	p.run(chromedp.Evaluate[chromedp.Void](`button("table").click()`))
	p.until("the tables", `document.querySelector("#nodetable") && location.hash.includes("view=table")`)
	contains(t, js[string](p, `text("#nodetable")`), "n-01 small ready protected 4 no data", "n-02 large ready 8 62 %", "n-03 large draining 8 no data no data", "would be emptied")
	contains(t, js[string](p, `text("#nodesteps")`), "From large small An hour 07:40 2 1 0.56 07:43 3 0 0.66")
}

func TestNodesWithoutTypesSayHowToDeclareThem(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, "#/nodes", `document.querySelector("#notype")`)
	contains(t, js[string](p, `text("#nodes")`), "No nodes are planned: there is no node type", "node_types:", "boot_time: 90s", "n-01 not known as a node", "checkout 2 ready")
	if len(f.requests("/v1/nodes/plan")) > 0 {
		t.Error("the plan is asked for though there can be none")
	}
	empty := newFake(t, monday)
	p = ready(t, empty, 360, true, "#/nodes", `document.querySelector("#notype.empty")`)
	if js[int](p, `document.querySelectorAll(".nodebox").length`) > 0 {
		t.Error("a node is drawn where there is none")
	}
	// Types, and no plan yet: that is said, and it comes by itself.
	if err := f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "large", Cores: 8, PricePerHour: 0.22}); err != nil {
		t.Fatal(err)
	}
	p = ready(t, f, 1200, false, "#/nodes", `document.body.innerText.includes("there is no plan of nodes yet")`)
	p.allow = []string{"404"}
	if js[bool](p, `document.querySelector("#trouble") !== null`) {
		t.Error("a plan that is not made yet is trouble")
	}
	p.until("the stream", `text("#live").startsWith("live")`)
	f.rack(t)
	f.step()
	p.until("the plan", racked)
}
