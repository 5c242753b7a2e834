package main

import (
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	bar  *progressbar.ProgressBar // nil: none is shown
	stop chan struct{}
	done chan struct{}
}

// progress shows how many of size bytes at reads, until finish. A size below 0 is
// not known.
func (a *app) progress(size int64, at func() int64) *progress {
	return a.draw(at, func() int64 { return size }, progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(size > 0))
}

// progressOf shows how many of total things at counts; total may be told later.
func (a *app) progressOf(things string, total *atomic.Int64, at func() int64) *progress {
	return a.draw(at, func() int64 { return max(1, total.Load()) }, progressbar.OptionShowCount(), progressbar.OptionSetItsString(things))
}

// steps shows how much of whole at tells to be done, until finish.
func (a *app) steps(whole int64, at func() int64) *progress {
	return a.draw(at, func() int64 { return whole }, progressbar.OptionSetPredictTime(true))
}

func (a *app) draw(at, size func() int64, more ...progressbar.Option) *progress {
	p := &progress{stop: make(chan struct{}), done: make(chan struct{})}
	if !a.errTerminal {
		close(p.done)
		return p
	}
	bar := progressbar.NewOptions64(size(), append(more,
		progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(), progressbar.OptionEnableColorCodes(false))...)
	p.bar = bar
	go func() {
		defer close(p.done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if n := size(); n != bar.GetMax64() {
					bar.ChangeMax64(n)
				}
				_ = bar.Set64(at()) // a bar that cannot be drawn stops no import
			case <-p.stop:
				_ = bar.Finish()
				return
			}
		}
	}()
	return p
}

// clear takes the bar away until it is drawn again, so that a line can be written. p
// may be nil.
func (p *progress) clear() {
	if p != nil && p.bar != nil {
		_ = p.bar.Clear() // a bar that stays stops nothing
	}
}

// finish takes the bar away.
func (p *progress) finish() {
	close(p.stop)
	<-p.done
}
