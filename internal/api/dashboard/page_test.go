package dashboard_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/forescale/forescale"
)

// helpers are small functions in the page under test.
const helpers = `
window.text = s => (document.querySelector(s)?.innerText ?? "").replace(/\s+/g, " ");
window.pixels = (chart, css, near = 40) => {
  const probe = document.createElement("span");
  probe.style.color = css;
  document.body.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
  probe.remove();
  const c = document.querySelector("#chart-" + chart + " canvas");
  const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
  let n = 0;
  for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200 && Math.abs(d[i] - r) + Math.abs(d[i + 1] - g) + Math.abs(d[i + 2] - b) < near) n++;
  return n;
};
// column says how much of a canvas column is not see-through, 0 to 1.
window.column = (chart, share) => {
  const over = document.querySelector("#chart-" + chart + " .u-over"), c = document.querySelector("#chart-" + chart + " canvas");
  const o = over.getBoundingClientRect(), k = c.getBoundingClientRect(), z = c.width / k.width;
  const d = c.getContext("2d").getImageData(Math.round((o.left - k.left + share * o.width) * z), Math.round((o.top - k.top) * z), 1, Math.round(o.height * z)).data;
  let n = 0;
  for (let i = 3; i < d.length; i += 4) if (d[i] > 200) n++;
  return n / (d.length / 4);
};
window.button = (word, within = document) => [...within.querySelectorAll("button")].find(b => b.innerText.trim().startsWith(word) || b.getAttribute("aria-label")?.startsWith(word));
void 0`

// ready opens a place and waits until it is drawn.
func ready(t *testing.T, f *fake, width int64, dark bool, place, condition string) *tab {
	t.Helper()
	p := open(t, f, width, dark, place)
	p.until(place, condition)
	p.run(chromedp.Evaluate[chromedp.Void](helpers))
	return p
}

func contains(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(strings.ReplaceAll(got, " ", " "), w) {
			t.Errorf("%q is missing in %q", w, got)
		}
	}
}

const sparks = `document.querySelectorAll(".spark .actual").length >= 4`

func TestOverviewPutsTroubleFirst(t *testing.T) {
	p := ready(t, newFake(t, monday, realistic()...), 1600, false, "", sparks)
	names := js[[]string](p, `[...document.querySelectorAll(".services tbody th a")].map(a => a.innerText)`)
	if want := []string{"ingest", "mailer", "checkout", "reports", "thumbs"}; !slices.Equal(names, want) {
		t.Errorf("services in order %v, want %v", names, want)
	}
	contains(t, js[string](p, `text("#needs")`), "2 need you", "ingest: stays at 5 (max)", "mailer: silent for 7 min")
	contains(t, js[string](p, `text("#soon")`), "Next 3 h", "08:45", "thumbs", "9 → 10", "reports would 2 → 3")
	row := js[string](p, `[...document.querySelectorAll(".services tbody tr")][2].innerText.replace(/\s+/g, " ")`)
	contains(t, row, "checkout", "active", "6 6 3.4", "56 % of 75 %", "08:54 6 → 7", "At 08:59 the demand of Mondays rises")
	contains(t, js[string](p, `[...document.querySelectorAll(".services tbody tr")][3].innerText`), "would", "forecast-only")
	// A sparkline has a measured and a forecast half, and says both in words.
	if d := js[string](p, `document.querySelectorAll(".spark")[2].querySelector(".forecast").getAttribute("d")`); len(d) < 200 {
		t.Errorf("the forecast of a sparkline is %q", d)
	}
	contains(t, js[string](p, `document.querySelectorAll(".spark")[2].getAttribute("aria-label")`), "last 24 h up to", "next 24 h up to")
	// A name leads to its service.
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".services tbody th a")[2].click()`))
	p.until("the service", drawn)
	if h := js[string](p, `location.hash`); h != "#/services/checkout" {
		t.Errorf("the address is %s", h)
	}
}

func TestServiceDrawsPlannedAgainstActual(t *testing.T) {
	p := ready(t, newFake(t, monday, realistic()...), 1600, false, "#/services/checkout", drawn)
	for _, c := range []struct {
		chart, colour string
		least         int
	}{
		{"demand", "var(--actual)", 1500}, {"demand", "var(--forecast)", 800}, {"demand", "var(--limit)", 100},
		{"instances", "var(--actual)", 1500}, {"instances", "var(--required)", 500}, {"instances", "var(--wanted)", 500}, {"instances", "var(--short)", 3},
	} {
		if n := js[int](p, fmt.Sprintf(`pixels(%q, %q)`, c.chart, c.colour)); n < c.least {
			t.Errorf("%s: %d pixels of %s, want %d", c.chart, n, c.colour, c.least)
		}
	}
	// The line at now: 4 d wide, 24 h ahead, so at three quarters; it fills its column in both charts.
	for _, chart := range []string{"demand", "instances"} {
		most := js[float64](p, fmt.Sprintf(`Math.max(...Array.from({length: 41}, (_, i) => column(%q, 0.74 + i * 0.0005)))`, chart))
		if most < 0.95 {
			t.Errorf("%s: no line at now: its fullest column near three quarters is %.2f full", chart, most)
		}
	}
	contains(t, js[string](p, `text("header.servicehead")`), "checkout", "active", "objective 95 %", "min 2", "max 12", "Europe/Berlin (UTC+1)")
	contains(t, js[string](p, `text("#now")`), "6 ready, 6 wanted", "3.4 busy, 56 % (limit 75 %)")
	contains(t, js[string](p, `text("#next")`), "6 → 7 at 08:54", "Mondays rises to 3.9 busy instances (95 % sure: at most 4.5)")
	contains(t, js[string](p, `text("#lines")`), "last week's value 0.13", "the interval held 94.1 %")
	contains(t, js[string](p, `document.querySelector("#chart-demand").getAttribute("aria-label")`), "Demand of checkout: 3.4 busy instances now", "forecast up to", "95 % sure: at most")
	contains(t, js[string](p, `document.querySelector("#chart-instances").getAttribute("aria-label")`), "6 ready, 6 wanted", "6 → 7 at 08:54")
	contains(t, js[string](p, `text(".decisions li")`), "08:34", "forecast_rise", "done", "5 → 6 instances at 08:34", "starting takes 4 min 10 s here")
	// Both plots are of one width and begin at one place.
	if n := js[int](p, `new Set([...document.querySelectorAll(".u-over")].map(o => JSON.stringify([o.getBoundingClientRect().left, o.getBoundingClientRect().width]))).size`); n != 1 {
		t.Error("the two charts are not aligned")
	}
	// The clock is the server's: the browser's is years away and in New York.
	contains(t, js[string](p, `text("header.shell")`), "Mon 23 Nov 08:40", "Europe/Berlin UTC+1")
}

func TestDecisionsOpenFromListAndMark(t *testing.T) {
	p := ready(t, newFake(t, monday, realistic()...), 1600, false, "#/services/checkout", drawn)
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector(".decisions .head").click()`))
	p.until("the reasons", `document.querySelector(".decisions .whylist")`)
	contains(t, js[string](p, `text(".decisions li.open")`), "why forecast_rise", "demand high", "required 6: 3.8 / 6 = 63 %, limit 75 %. 5 would run at 75 %, limit 75 % by utilization",
		"limit warming_up Lead time 4 min 40 s", "final 6 instances", "bounds live 5, forecast 6 at 08:39*, min 2, max 12 * holds",
		"not fewer Not 5: at 08:39 the forecast needs 6 (3.8 busy instances, 95 % sure), and 5 serve 3.8. 5 would be at 75 % and save 0.125 an hour.",
		"not more Not 7: nothing needs more: the most is 3.8 busy instances, and 6 serve 4.5. One more would be at 54 % rather than 63 % and cost 0.125 an hour.",
		"changes 5 if demand stays under 3.8 busy instances until 09:04. 7 if demand rises above 4.5 busy instances by 08:38.",
		"cost +0.125 an hour (1 × 0.125)", "lead time 4 min 40 s = starting 4 min 10 s (9 of 10 starts) + planning 30 s", "actions start checkout-", "outcome done at 08:38, active")
	contains(t, js[string](p, `location.hash`), "decision=dec_")
	// Marks that are too near to each other are one; a single one opens its decision.
	marks := js[[]string](p, `[...document.querySelectorAll(".mark")].map(m => m.getAttribute("aria-label"))`)
	if len(marks) < 10 {
		t.Fatalf("only %d marks", len(marks))
	}
	contains(t, marks[len(marks)-1], "4 decisions from 06:35")
	single := js[string](p, `(m => (m.click(), m.getAttribute("aria-label")))([...document.querySelectorAll(".mark")].findLast(m => m.getAttribute("aria-label").endsWith(": open")))`)
	p.until("the decision of a mark", fmt.Sprintf(`%q.startsWith(text(".decisions li.open time"))`, single))
	p.run(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll(".mark")].find(m => m.innerText.trim() > "1").click()`))
	p.until("the decisions of a mark", `document.querySelectorAll(".cluster li").length >= 2`)
	// One that is older than the list opens all the same.
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector(".cluster button").click()`))
	p.until("an old decision", `document.querySelector(".decisions li.open time").innerText.startsWith("Fri")`)
	// All of them, the holds too, with repeats folded.
	p.run(chromedp.Evaluate[chromedp.Void](`button("all, holds").click()`))
	p.until("holds", `text(".decisions").includes("steady")`)
	contains(t, js[string](p, `text(".decisions")`), "×", "nothing to do")
	// A hold was not weighed: no bound is told of it, and nothing is said to be free.
	p.run(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll(".decisions > li")].find(l => l.innerText.includes("steady")).querySelector(".head").click()`))
	p.until("a hold", `text(".decisions li.open").includes("as before")`)
	if got := js[string](p, `text(".decisions li.open .whylist")`); strings.Contains(got, "bounds") || strings.Contains(got, "not fewer") || strings.Contains(got, "cost") {
		t.Errorf("a hold is told as weighed: %s", got)
	}
	p.run(chromedp.Evaluate[chromedp.Void](`window.before = document.querySelectorAll(".decisions > li").length; button("Older").click()`))
	p.until("older ones", `document.querySelectorAll(".decisions > li").length > before`)
}

func TestAStepChangesThePageWithoutReload(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1600, false, "#/services/checkout", drawn)
	p.until("the stream", `text("#live").startsWith("live")`)
	p.run(chromedp.Evaluate[chromedp.Void](`window.same = true; button("Pause").focus()`))
	f.with(func() { f.services[0].extra = 2 })
	f.step()
	p.until("8 ready", `text("#now").startsWith("8 ready")`)
	if !js[bool](p, `window.same === true && document.activeElement === button("Pause")`) {
		t.Error("the page was loaded again, or the focus was lost")
	}
	p.until("the new instances", `document.querySelectorAll("#fleet tbody tr").length === 8`)
	// At most one redraw a second, however many rounds are told.
	from := len(f.requests("/v1/services/checkout/capacity"))
	begin := time.Now()
	for time.Since(begin) < 2500*time.Millisecond {
		f.step()
		<-time.After(20 * time.Millisecond)
	}
	if n := len(f.requests("/v1/services/checkout/capacity")) - from; n < 1 || n > 4 {
		t.Errorf("%d reads in 2.5 s of steps", n)
	}
	// Pinned, it stands still; let go, it catches up.
	p.run(chromedp.Evaluate[chromedp.Void](`location.hash = "#/services/checkout?pin=2026-11-23T06:00:00Z"`))
	p.until("pinned", `text("#live") === "pinned" && document.querySelector("#readout.pinned")`)
	f.with(func() { f.services[0].extra = 3 })
	f.step()
	<-time.After(1500 * time.Millisecond)
	if got := js[string](p, `text("#now")`); !strings.HasPrefix(got, "8 ready") {
		t.Errorf("the page moved while pinned: %s", got)
	}
	p.run(chromedp.Evaluate[chromedp.Void](`button("pinned").click()`))
	p.until("caught up", `text("#now").startsWith("9 ready")`)
}

func (f *fake) requests(part string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, a := range f.asked {
		if strings.Contains(a, part) {
			out = append(out, a)
		}
	}
	return out
}

func TestNothingIsWiderThanTheWindow(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.budgets = november(t)
	f.rack(t)
	f.history(t, "checkout", forescale.ModeForecastOnly)
	for _, width := range []int64{360, 400, 800, 1600} {
		for place, condition := range map[string]string{
			"": sparks, "#/services/checkout": drawn, "#/services/checkout?tab=warmups&view=table&all=1": `document.querySelector(".numbers-table")`,
			"#/services/checkout?tab=report": replayed,
			"#/nodes":                        racked, "#/nodes?view=table": `document.querySelector("#nodesteps")`,
			"#/money":                                      `document.querySelectorAll(".budget").length === 3`,
			"#/services/checkout?decision=DECISION":        `document.querySelector(".whylist")`,
			"#/services/checkout?tab=accuracy":             `document.querySelectorAll("#fleet tbody tr").length === 2`,
			"#/services/checkout?pin=2026-11-23T06:00:00Z": `document.querySelector("#readout")`,
		} {
			t.Run(fmt.Sprintf("%d px %s", width, place), func(t *testing.T) {
				p := ready(t, f, width, false, f.named(place), condition)
				// Not innerWidth: on a phone it grows with what is too wide.
				if over := js[int](p, `document.documentElement.scrollWidth`) - int(width); over > 0 {
					t.Errorf("%d px too wide: %s", over,
						js[string](p, `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > `+fmt.Sprint(width+1)+` && !e.closest(".scroll")).slice(0, 5).map(e => e.tagName + "." + e.className).join(" ")`))
				}
			})
		}
	}
}

func TestColoursFollowTheSystemAndTheSwitch(t *testing.T) {
	p := ready(t, newFake(t, monday, realistic()...), 1200, true, "#/services/checkout", drawn)
	if got := js[string](p, `getComputedStyle(document.documentElement).backgroundColor`); got != "rgb(20, 23, 28)" {
		t.Errorf("dark background is %s", got)
	}
	if js[int](p, `pixels("demand", "#F2F4F7")`) < 1000 || js[int](p, `pixels("demand", "#9CCFEE")`) < 500 {
		t.Error("the charts are not in the dark colours")
	}
	p.run(chromedp.Evaluate[chromedp.Void](`const s = document.querySelector("#theme"); s.value = "light"; s.dispatchEvent(new Event("change", {bubbles: true}))`))
	p.until("light", `getComputedStyle(document.documentElement).backgroundColor === "rgb(255, 255, 255)"`)
	p.until("light charts", `pixels("demand", "#16191D") > 1000 && pixels("demand", "#F2F4F7", 10) < 200`)
	if got := js[string](p, `localStorage.getItem("forescale.theme")`); got != "light" {
		t.Errorf("the choice is remembered as %q", got)
	}
}

func TestAsksForAKeyAndUsesIt(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.key = "fsk_right"
	p := open(t, f, 1200, false, "")
	p.allow = []string{"401"} // the browser logs each refused answer
	p.until("the question", `document.querySelector("dialog input[type=password]")`)
	p.run(chromedp.Evaluate[chromedp.Void](helpers), chromedp.SendKeys(chromedp.CSS("dialog input"), "fsk_wrong"+kb.Enter))
	p.until("refused", `text("dialog").includes("The key was refused")`)
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector("dialog input").select()`), chromedp.SendKeys(chromedp.CSS("dialog input"), "fsk_right"+kb.Enter))
	p.until("the services", sparks)
	p.until("the stream", `text("#live").startsWith("live")`)
	if got := js[string](p, `sessionStorage.getItem("forescale.key") + " " + (localStorage.getItem("forescale.key") ?? "nowhere else") + " " + location.href`); !strings.HasPrefix(got, "fsk_right nowhere else") || strings.Count(got, "fsk_") != 1 {
		t.Errorf("the key is kept as %q", got)
	}
	if slices.ContainsFunc(f.requests(""), func(a string) bool { return strings.Contains(a, "fsk_") }) {
		t.Error("the key is in an address")
	}
}

func TestStatesShowThemselves(t *testing.T) {
	empty := &workload{name: "fresh", mode: forescale.ModeForecastOnly, lo: 1, hi: 4, objective: 0.95, night: 1, day: 1, weekend: 1, never: true, state: "warn", reason: "no sample was ever received"}
	broken := &workload{name: "broken", mode: forescale.ModeActive, lo: 1, hi: 9, objective: 0.95, night: 1, day: 4, weekend: 1, failing: true, state: "bad", reason: "the last start failed"}
	f := newFake(t, monday, append(realistic(), empty, broken)...)

	t.Run("no sample yet: axes, and a command to copy", func(t *testing.T) {
		p := ready(t, f, 1200, false, "#/services/fresh", `document.querySelector("#nosample")`)
		contains(t, js[string](p, `document.querySelector("#nosample").innerText`), "No sample received yet", "curl "+f.URL+"/v1/samples", `"service": "fresh"`, "reactive scaling works")
		contains(t, js[string](p, `text(".servicehead")`), "no sample yet", "forecast-only")
		contains(t, js[string](p, `text("#next")`), "no forecast yet")
		if js[int](p, `pixels("demand", "var(--grid)", 12)`) < 500 {
			t.Error("the axes are not drawn")
		}
	})
	t.Run("silent: how old, what holds, what comes", func(t *testing.T) {
		p := ready(t, f, 1200, false, "#/services/mailer?range=3h", drawn)
		contains(t, js[string](p, `text(".servicehead")`), "data 7 min old")
		contains(t, js[string](p, `text("#lines")`), "silent for 7 min", "The forecast stands in, upwards only; from 09:33 the count is held.", "demand unknown")
		contains(t, js[string](p, `document.querySelector("#chart-demand").getAttribute("aria-label")`), "no data since 08:3")
	})
	t.Run("forecast-only: would", func(t *testing.T) {
		p := ready(t, f, 1200, false, "#/services/reports", drawn)
		contains(t, js[string](p, `text("#next")`), "would go 2 → 3 at 09:03")
		contains(t, js[string](p, `text("#decisions")`), "would")
		contains(t, js[string](p, `text(".legend:last-of-type") + text(".charts section:nth-of-type(2) .legend")`), "would be planned")
	})
	t.Run("a failed start tells its error in full", func(t *testing.T) {
		p := ready(t, f, 400, true, "#/services/broken", drawn)
		contains(t, js[string](p, `text(".decisions li")`), "failed", "no answer from the Docker Engine within 30 s: dial unix: connection refused")
		contains(t, js[string](p, `text("#fleet")`), "exited with code 137 while starting (out of memory)")
	})
	t.Run("a service that does not exist", func(t *testing.T) {
		p := ready(t, f, 1200, false, "#/services/nobody", `document.body.innerText.includes("there is no service")`)
		p.allow = []string{"404"}
	})
	t.Run("no service at all: how to register one", func(t *testing.T) {
		p := ready(t, newFake(t, monday), 400, false, "", `document.querySelector(".empty")`)
		contains(t, js[string](p, `document.querySelector(".empty").innerText`), "No service registered yet", "curl -X PUT", "docker run", "forescale.enable=true")
	})
	t.Run("nobody needs you", func(t *testing.T) {
		p := ready(t, newFake(t, monday, realistic()[0]), 1200, false, "", `document.querySelector("#needs")`)
		contains(t, js[string](p, `text("#needs")`), "Nobody needs you", "1 service as wanted")
	})
}

// One server has no need of a word about it. Of several, each says who leads, and
// hears of a take-over without being asked for anything.
func TestAServerSaysWhetherItLeads(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, "", sparks)
	if said := js[string](p, `text("#lead") + text("#follows")`); said != "" {
		t.Errorf("the only server says %q", said)
	}
	lead := func(server string, fence int) {
		f.with(func() { f.leads = object{"server": server, "fence": fence, "since": monday.Add(-time.Hour)} })
	}
	lead("app-2-6f3a", 4)
	p = ready(t, f, 400, false, "", `document.querySelector("#follows")`)
	contains(t, js[string](p, `text("#lead")`), "follows, fence 4")
	contains(t, js[string](p, `text("#follows")`), "This server follows. app-2-6f3a leads since 07:40", "under fence 4", "This is app-1-02bd")
	if over := js[int](p, `document.documentElement.scrollWidth - 400`); over > 0 {
		t.Errorf("the page is %d pixels too wide for a phone", over)
	}
	lead("", 4)
	p.until("nobody", `text("#follows").includes("No server leads. Nothing is started or stopped until one takes over")`)
	lead("app-1-02bd", 5)
	p.until("the take-over", `text("#lead").includes("leads, fence 5") && !document.querySelector("#follows")`)
}

func TestAnErrorKeepsTheLastPictureAndTriesAgain(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, "#/services/checkout", drawn)
	p.allow = []string{"503", "ERR_"}
	p.until("the stream", `text("#live").startsWith("live")`)
	f.with(func() { f.broken = true })
	f.step()
	p.until("the banner", `document.querySelector("#trouble")`)
	contains(t, js[string](p, `text("#trouble")`), "the store does not answer: disk I/O error", "since 08:40", "look at the server's log", "Shown is the state of 08:40", "Try now")
	if js[int](p, `pixels("demand", "var(--actual)")`) < 1000 {
		t.Error("the last picture is gone")
	}
	f.with(func() { f.broken = false })
	p.run(chromedp.Evaluate[chromedp.Void](`button("Try now").click()`))
	p.until("well again", `!document.querySelector("#trouble")`)

	// The stream is cut, as by a restart: it comes back by itself.
	f.cut()
	p.until("it was noticed", `!text("#live").startsWith("live")`)
	p.until("live again", `text("#live").startsWith("live")`)

	// A part of the world that cannot be read is named.
	f.with(func() { f.failed = map[string]string{"docker": "connection refused"} })
	f.step()
	p.until("the part", `text("#blind").includes("docker: connection refused")`)
	f.with(func() { f.failed = nil })
	f.step()
	p.until("whole again", `!document.querySelector("#blind")`)
}

func TestPauseAsksForAnEndAndResumes(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, "#/services/checkout", drawn)
	p.run(chromedp.Evaluate[chromedp.Void](`button("Pause").click()`))
	p.until("the question", `document.querySelector("dialog[open]")`)
	contains(t, js[string](p, `text("dialog")`), "For how long?", "Until 10:40.")
	p.run(
		chromedp.Evaluate[chromedp.Void](`const i = document.querySelector("dialog input.short"); i.select()`),
		chromedp.SendKeys(chromedp.CSS("dialog input.short"), "for ever"),
	)
	p.until("refused", `text("dialog").includes("Write a length") && button("Pause", document.querySelector("dialog")).disabled`)
	p.run(
		chromedp.Evaluate[chromedp.Void](`document.querySelector("dialog input.short").select()`),
		chromedp.SendKeys(chromedp.CSS("dialog input.short"), "80 min"),
		chromedp.SendKeys(chromedp.CSS("dialog label input"), "fire drill"+kb.Enter),
	)
	p.until("paused", `text(".servicehead").includes("paused by anna until 10:00 (in 1 h 20 min)")`)
	if want := []string{"checkout for 1h20m0s: fire drill"}; !slices.Equal(f.bodies, want) {
		t.Errorf("sent %q, want %q", f.bodies, want)
	}
	contains(t, js[string](p, `text("#next")`), "would go 6 → 7")
	p.run(chromedp.Evaluate[chromedp.Void](`button("Resume").click()`))
	p.until("the question", `text("dialog").includes("acts on checkout again") && text("dialog").includes("fire drill")`)
	p.run(chromedp.Evaluate[chromedp.Void](`button("Resume", document.querySelector("dialog")).click()`))
	p.until("resumed", `text(".servicehead").includes("active")`)

	// A pause of everything is not ended by resuming one service, unless asked for.
	f.with(func() {
		f.pauses = []object{{"service": "", "by": "ben", "note": "", "since": f.now(), "until": f.now().Add(time.Hour)}}
	})
	f.step()
	p.until("all paused", `text(".servicehead").includes("paused by ben")`)
	p.run(chromedp.Evaluate[chromedp.Void](`button("Resume").click()`))
	p.until("the question", `document.querySelector("dialog[open]")`)
	p.run(chromedp.Evaluate[chromedp.Void](`button("Resume", document.querySelector("dialog")).click()`))
	p.until("asked again", `text("dialog").includes("one pause covers all services")`)
	p.run(chromedp.Evaluate[chromedp.Void](`button("Resume all", document.querySelector("dialog")).click()`))
	p.until("resumed", `text(".servicehead").includes("active")`)
}

func TestTableAndCSVShowWhatTheChartsShow(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, "#/services/checkout?range=24h&view=table", `document.querySelector(".numbers-table tbody tr")`)
	head := js[string](p, `text(".numbers-table thead")`)
	contains(t, head, "Time, Europe/Berlin (UTC+1)", "Actual", "Forecast", "Ready", "Wanted", "Planned", "Required")
	rows := js[int](p, `document.querySelectorAll(".numbers-table tbody tr").length`)
	dir := t.TempDir()
	p.run(call(browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir}))
	p.run(chromedp.Evaluate[chromedp.Void](`button("CSV").click()`))
	var lines []string
	for deadline := time.Now().Add(10 * time.Second); ; {
		files, _ := filepath.Glob(filepath.Join(dir, "checkout-*.csv"))
		if len(files) == 1 {
			b, err := os.ReadFile(files[0])
			if err == nil && len(b) > 0 {
				lines = strings.Split(strings.TrimSpace(string(b)), "\n")
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no file came")
		}
		<-time.After(50 * time.Millisecond)
	}
	if len(lines) != rows+1 {
		t.Errorf("%d lines for %d rows", len(lines), rows)
	}
	contains(t, lines[0], "time,demand,", "forecast,forecast_low,forecast_high", "ready,starting,draining,wanted,planned,required")
	contains(t, lines[1], "2026-11-22T19:")
}

func TestKeyboardAndMousePinAndZoom(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1600, false, "#/services/checkout", drawn)
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector(".charts").focus()`), chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowLeft))
	p.until("the readout", `document.querySelector("#readout")`)
	contains(t, js[string](p, `text("#readout")`), "Mon 23 Nov 08:3", "UTC 07:3", "actual", "forecast", "issued", "4 min 40 s before", "ready", "wanted", "required", "utilization", "limit")
	p.run(chromedp.KeyEvent(kb.Enter))
	p.until("the pin in the address", `location.hash.includes("pin=2026-11-23T07:3")`)
	p.run(chromedp.KeyEvent(kb.Escape))
	p.until("let go", `!location.hash.includes("pin") && !document.querySelector("#readout")`)

	type spot struct{ X, Y, W float64 }
	o := js[spot](p, `(r => ({X: r.left, Y: r.top + r.height / 2, W: r.width}))(document.querySelector("#chart-demand .u-over").getBoundingClientRect())`)
	p.run(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, o.X+0.9*o.W, o.Y))
	p.until("the plan under the mouse", `text("#readout").includes("planned") && text("#readout").includes("weekly")`)
	// The cursor is one for both charts.
	if !js[bool](p, `(c => c.length === 2 && c[0] === c[1])([...document.querySelectorAll(".u-cursor-x")].map(e => e.style.transform))`) {
		t.Error("the cursors differ")
	}
	p.run(chromedp.MouseClickXY(o.X+0.5*o.W, o.Y))
	p.until("a pin by click", `location.hash.includes("pin=") && document.querySelector(".pin")`)
	p.run(chromedp.Evaluate[chromedp.Void](`button("Let go").click()`))
	p.until("let go", `!location.hash.includes("pin")`)

	drag := func(from, to float64) {
		p.run(
			chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, o.X+from*o.W, o.Y),
			chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, o.X+from*o.W, o.Y, chromedp.Button("left"), chromedp.ClickCount(1)),
			chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, o.X+(from+to)/2*o.W, o.Y, chromedp.Button("left")),
			chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, o.X+to*o.W, o.Y, chromedp.Button("left")),
			chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, o.X+to*o.W, o.Y, chromedp.Button("left"), chromedp.ClickCount(1)),
		)
	}
	drag(0.5, 0.6)
	p.until("the zoom in the address", `location.hash.includes("from=2026-11-22T") && location.hash.includes("to=2026-11-22T")`)
	p.until("the finer step", `text(".legend").includes("step 1 min")`)
	p.run(chromedp.MouseClickXY(o.X+0.5*o.W, o.Y, chromedp.ClickCount(2)))
	p.until("back", `!location.hash.includes("from=")`)
	p.until("the coarser step", `text(".legend").includes("step 5 min")`)
}

// A small laptop shows all of the head in one row, however much there is to tell.
func TestTheHeadIsOneRow(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.speed, f.world = 360, "simulated Docker Engine"
	for _, width := range []int64{1280, 1440} {
		p := ready(t, f, width, false, "#/services/checkout", drawn)
		if tall := js[float64](p, `document.querySelector("header.shell").getBoundingClientRect().height / document.querySelector("header.shell select").getBoundingClientRect().height`); tall >= 2 {
			t.Errorf("%d px: the head is %.1f times as tall as what stands in it", width, tall)
		}
	}
}

func TestServedTimeMayRunFast(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.speed, f.world = 480, "simulated world"
	p := ready(t, f, 1200, false, "#/services/checkout?range=24h", drawn)
	contains(t, js[string](p, `text("header.shell")`), "simulated world", "480× time")
	before := js[string](p, `text("#clock")`)
	p.until("eight minutes a second", fmt.Sprintf(`(a => a(text("#clock")) - a(%q) > 900)(s => s.match(/(\d+):(\d+):(\d+)/).slice(1).reduce((n, x) => 60 * n + Number(x), 0))`, before))
	p.run(chromedp.Evaluate[chromedp.Void](`button("Pause").click()`))
	p.until("both clocks", `text("dialog").includes("of the served time, which is 15 s from now")`)
}

func TestTheDoubledHourIsNamedTwice(t *testing.T) {
	// Sun 25 Oct 2026, 05:10 in Berlin; clocks went back at 03:00.
	f := newFake(t, time.Date(2026, 10, 25, 4, 10, 0, 0, time.UTC), realistic()[0])
	p := ready(t, f, 1200, false, "#/services/checkout?range=12h&view=table", `document.querySelector(".numbers-table tbody tr")`)
	times := js[[]string](p, `[...document.querySelectorAll(".numbers-table tbody th")].map(e => e.innerText)`)
	first := slices.Index(times, "2026-10-25 02:30 (+2)")
	second := slices.Index(times, "2026-10-25 02:30 (+1)")
	if first < 0 || second-first != 60 {
		t.Errorf("02:30 stands at rows %d and %d", first, second)
	}
	p.run(chromedp.Evaluate[chromedp.Void](`location.hash += "&zone=utc"`))
	p.until("UTC", `text(".numbers-table thead").includes("Time, UTC")`)
	contains(t, js[string](p, `text("header.shell")`), "04:10")
}

func TestWarmupsAreMeasured(t *testing.T) {
	p := ready(t, newFake(t, monday, realistic()...), 1200, false, "#/services/checkout?tab=warmups", `document.querySelectorAll("#fleet tbody tr").length === 14`)
	contains(t, js[string](p, `text("#fleet")`), "in 9 of 10 starts (14 starts measured, 1 min declared)", "Lead time 4 min 40 s")
}

func TestAccuracyIsToldBesideLastWeek(t *testing.T) {
	const place, rows = "#/services/checkout?tab=accuracy", `document.querySelectorAll("#fleet tbody tr").length === 2`
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, place, rows)
	contains(t, js[string](p, `text("#fleet")`), "30 min 2,012 8.1 % 13 % 91 %", "1 d 1,912 18 % worse than last week 14 % 74 % 90 % promised", "up to 08:00")
	// Worse than last week, and an interval that holds too seldom, are marked in words as well.
	row := js[string](p, `[...document.querySelectorAll("#fleet tbody tr")][1].innerText`)
	contains(t, strings.ReplaceAll(row, "\n", " "), "worse than last week", "90 % promised")
	if js[bool](p, `[...document.querySelectorAll("#fleet tbody tr")][0].innerText.includes("worse")`) {
		t.Error("what is better than last week is called worse")
	}
	contains(t, js[string](p, `text("#fleet")`), "The forecasts have drifted since Mon 23 Nov 06:20")
	// Nothing was scored yet.
	p = ready(t, f, 1200, false, "#/services/reports?tab=accuracy", `(document.querySelector("#fleet")?.innerText ?? "").includes("scored")`)
	contains(t, js[string](p, `text("#fleet")`), "No forecast was scored yet")
}
