package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/forescale/forescale/internal/api/dashboard"
)

// browser is a real Chromium of a test.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts Chromium. Without one, or without the built page, the test
// is skipped, or fails if the variable FORESCALE_NEED_BROWSER is 1.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("FORESCALE_NEED_BROWSER") == "1" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	if !dashboard.Built() {
		missing("the page is not built: make dashboard")
	}
	path := ""
	for _, p := range []string{os.Getenv("CHROMIUM"), "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(p); p != "" && err == nil {
			path = p
			break
		}
	}
	if path == "" {
		missing("no Chromium found: apt-get install chromium, or set CHROMIUM")
	}
	dir, err := os.MkdirTemp("", "forescale-browser-")
	if err != nil {
		t.Fatal(err)
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.WSURLReadTimeout(60 * time.Second)}
	for _, f := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"} {
		opts = append(opts, chromedp.Flag(f, true))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
		_ = os.RemoveAll(dir)
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{t: t, ctx: ctx}
}

// page is one open page.
type page struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // uncaught exceptions
}

func (b *browser) open(url string) *page {
	b.t.Helper()
	p := &page{t: b.t}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithListener(p.hear))
	b.t.Cleanup(cancel)
	p.ctx = ctx
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (p *page) hear(ev any) {
	if e, ok := ev.(*runtime.EventExceptionThrown); ok {
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, text)
	}
}

// quiet fails when something in the page threw.
func (p *page) quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) > 0 {
		p.t.Error(strings.Join(p.faults, "\n"))
	}
}

func (p *page) run(expression string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](expression)); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

func (p *page) value(expression string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true.
func (p *page) until(what, expression string) {
	p.t.Helper()
	began := time.Now()
	for time.Since(began) < 40*time.Second {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			p.t.Logf("after %4.1f s: %s", time.Since(began).Seconds(), what)
			return
		}
		select {
		case <-p.ctx.Done():
			p.t.Fatal(p.ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.t.Fatalf("never came: %s\n%s", what, p.value(`document.body.innerText.slice(0, 2500)`))
}
