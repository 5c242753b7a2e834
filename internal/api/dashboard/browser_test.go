package dashboard_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/api/dashboard"
)

// monday is Mon 23 Nov 2026 08:40:12 in Berlin, just before the morning's rise.
var monday = time.Date(2026, 11, 23, 7, 40, 12, 0, time.UTC)

// realistic is a small installation with a bit of everything.
func realistic() []*workload {
	return []*workload{
		{name: "checkout", mode: forescale.ModeActive, lo: 2, hi: 12, objective: 0.95, night: 0.9, day: 5, weekend: 0.45, spike: true, gap: true},
		{name: "ingest", mode: forescale.ModeActive, lo: 2, hi: 5, objective: 0.99, night: 1.1, day: 3.6, weekend: 0.9, state: "bad",
			reason: "stays at 5 (max), 6 are required from 09:05 to 11:20; utilization will reach 93 %, the limit is 75 %"},
		{name: "mailer", mode: forescale.ModeActive, lo: 2, hi: 6, objective: 0.95, night: 0.5, day: 1.8, weekend: 0.3, silent: 7 * time.Minute, state: "warn",
			reason: "silent for 7 min, last sample 08:33"},
		{name: "reports", mode: forescale.ModeForecastOnly, lo: 1, hi: 6, objective: 0.9, night: 0.3, day: 1.2, weekend: 0.1},
		{name: "thumbs", mode: forescale.ModeActive, lo: 1, hi: 20, objective: 0.95, night: 1.4, day: 9, weekend: 1.2, spike: true},
	}
}

// chromium is one Chromium for all tests of the package; each test has a tab.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path := ""
	for _, p := range []string{os.Getenv("CHROMIUM"), "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(p); p != "" && err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, fmt.Errorf("no Chromium found: apt-get install chromium, or set CHROMIUM")
	}
	dir, err := os.MkdirTemp("", "forescale-browser-")
	if err != nil {
		return nil, err
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.WSURLReadTimeout(60 * time.Second)}
	for _, f := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars"} {
		opts = append(opts, chromedp.Flag(f, true))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	closeBrowser = func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
		_ = os.RemoveAll(dir)
	}
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return ctx, nil
})

var closeBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	closeBrowser()
	os.Exit(code)
}

// tab is one page under test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	mu     sync.Mutex
	errors []string
	allow  []string // parts of console errors that the test provokes
}

// open shows f at a place (behind the #) in a window of the given width.
func open(t *testing.T, f *fake, width int64, dark bool, place string) *tab {
	t.Helper()
	need := os.Getenv("FORESCALE_NEED_BROWSER") == "1"
	if !dashboard.Built() {
		if need {
			t.Fatal("the page is not built: make dashboard")
		}
		t.Skip("the page is not built: make dashboard")
	}
	parent, err := chromium()
	if err != nil {
		if need {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	p := &tab{t: t}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithListener(p.hear))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // without a deadline: it would be the tab's
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(stop)
	p.ctx = ctx
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.run(
		call(log.Enable, cdp.Empty{}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}}),
		// The browser's own zone and clock must not matter.
		call(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "America/New_York"}),
		call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 1000, DeviceScaleFactor: 1, Mobile: width < 600}),
		chromedp.Navigate(f.URL+"/"+place),
	)
	t.Cleanup(p.noErrors)
	return p
}

// hear keeps what the console said.
func (p *tab) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if e := ev.ExceptionDetails.Exception; e != nil {
			text += " " + e.Description
		}
		p.errors = append(p.errors, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range ev.Args {
				p.errors = append(p.errors, "console: "+string(a.Value)+a.Description)
			}
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning {
			p.errors = append(p.errors, fmt.Sprintf("log: %s %s", ev.Entry.Text, ev.Entry.URL))
		}
	}
}

// call makes an action of one protocol command.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// noErrors fails the test for whatever the console said, Content-Security-Policy included.
func (p *tab) noErrors() {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for _, e := range p.errors {
		// Canvas2D: these tests read pixels. NETWORK_CHANGED: the machine got or lost an
		// interface (tests of the engine make networks), which the page outlives.
		for _, a := range append(p.allow, "Canvas2D", "ERR_NETWORK_CHANGED") {
			if strings.Contains(e, a) {
				continue next
			}
		}
		p.t.Error(e)
	}
}

// js is the value of an expression.
func js[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true.
func (p *tab) until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 1500)"))
			p.t.Fatalf("never came: %s (%v)\n%s", what, err, text)
		}
		select {
		case <-p.ctx.Done():
			p.t.Fatal(p.ctx.Err())
		case <-time.After(40 * time.Millisecond):
		}
	}
}

const drawn = `document.querySelectorAll("#chart-demand canvas, #chart-instances canvas").length === 2 && document.querySelector(".decisions li")`

// TestScreenshots writes pictures to look at, when FORESCALE_SHOTS names a folder.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("FORESCALE_SHOTS")
	if dir == "" {
		t.Skip("set FORESCALE_SHOTS to a folder to get pictures")
	}
	table := `document.querySelector(".numbers-table tbody tr")`
	for _, shot := range []struct{ name, place, ready string }{
		{"overview", "", `document.querySelectorAll(".spark .actual").length >= 5`},
		{"service", "#/services/checkout", drawn},
		{"why", "#/services/checkout?decision=DECISION", drawn + ` && document.querySelector(".whylist")`},
		{"pinned", "#/services/checkout?range=24h&pin=2026-11-23T06:05:00Z&tab=warmups", drawn},
		{"silent", "#/services/mailer?range=3h", drawn},
		{"forecast-only", "#/services/reports?range=7d&all=1", drawn},
		{"empty", "#/services/fresh", `document.querySelector("#nosample")`},
		{"failed", "#/services/broken?range=12h", drawn},
		{"paused", "#/services/thumbs?range=24h", drawn},
		{"report", "#/services/reports?tab=report&range=24h", replayed + ` && (document.querySelector(".fleet").scrollIntoView(), true)`},
		{"nodes", "#/nodes", racked},
		{"nodes-table", "#/nodes?view=table", `document.querySelector("#nodesteps")`},
		{"no-types", "#/nodes", `document.querySelector("#notype")`},
		{"money", "#/money", `document.querySelector(".budget[data-state=bad]")`},
		{"no-money", "#/money", `document.querySelector("#nobudget")`},
		{"table", "#/services/checkout?range=24h&view=table", table},
	} {
		for _, width := range []int64{360, 1600} {
			for scheme, dark := range map[string]bool{"light": false, "dark": true} {
				t.Run(fmt.Sprintf("%s-%d-%s", shot.name, width, scheme), func(t *testing.T) {
					empty := &workload{name: "fresh", mode: forescale.ModeForecastOnly, lo: 1, hi: 4, objective: 0.95, night: 1, day: 1, weekend: 1, never: true, state: "warn", reason: "no sample was ever received"}
					broken := &workload{name: "broken", mode: forescale.ModeActive, lo: 1, hi: 9, objective: 0.95, night: 1, day: 4, weekend: 1, failing: true, state: "bad", reason: "the last start failed"}
					f := newFake(t, monday, append(realistic(), empty, broken)...)
					f.history(t, "reports", forescale.ModeForecastOnly)
					if shot.name != "no-types" {
						f.rack(t)
					}
					if shot.name != "no-money" {
						f.budgets = november(t)
						f.services[1].limit = capped
					}
					f.pauses = []object{{"service": "thumbs", "by": "anna", "note": "fire drill", "since": monday.Add(-time.Hour), "until": monday.Add(80 * time.Minute)}}
					p := open(t, f, width, dark, f.named(shot.place))
					if width < 600 {
						p.run(call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 1700, DeviceScaleFactor: 1, Mobile: true}))
					}
					p.until(shot.name, shot.ready)
					png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
					if err != nil {
						t.Fatal(err)
					}
					name := strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestScreenshots/"), "/", "-") + ".png"
					if err := os.WriteFile(filepath.Join(dir, name), png, 0o644); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}
