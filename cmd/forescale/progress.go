package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	stop chan struct{}
	done chan struct{}
}

// progress shows how many of size bytes at reads, until finish. A size below 0 is
// not known.
func (a *app) progress(size int64, at func() int64) *progress {
	return a.bar(size, at, progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(size > 0))
}

// steps shows how much of whole at tells to be done, until finish.
func (a *app) steps(whole int64, at func() int64) *progress {
	return a.bar(whole, at, progressbar.OptionSetPredictTime(true))
}

func (a *app) bar(whole int64, at func() int64, more ...progressbar.Option) *progress {
	p := &progress{stop: make(chan struct{}), done: make(chan struct{})}
	if !a.errTerminal {
		close(p.done)
		return p
	}
	bar := progressbar.NewOptions64(whole, append(more, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(), progressbar.OptionEnableColorCodes(false))...)
	go func() {
		defer close(p.done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = bar.Set64(at()) // a bar that cannot be drawn stops no import
			case <-p.stop:
				_ = bar.Finish()
				return
			}
		}
	}()
	return p
}

// finish takes the bar away.
func (p *progress) finish() {
	close(p.stop)
	<-p.done
}
