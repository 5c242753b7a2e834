// Command testservice is what the tests run in containers: a small HTTP service
// with a start-up delay, a health check and work to do on demand.
//
// Environment: PORT (8080), START_DELAY (a duration before it listens), FAIL
// (exit at once with this code), IGNORE_TERM (do not end on SIGTERM), NEVER_READY
// (/ready answers 503), EXIT_AFTER (a duration after which it exits with code 7).
// Run as "svc health" it asks its own service and exits 0 if that is ready.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	if len(os.Args) > 1 && os.Args[1] == "health" {
		os.Exit(health(port))
	}
	if code, err := strconv.Atoi(os.Getenv("FAIL")); err == nil {
		os.Exit(code)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGINT)
	delay, _ := time.ParseDuration(os.Getenv("START_DELAY"))
	select {
	case <-term:
		os.Exit(0)
	case <-time.After(delay):
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(l, routes()) }()
	if after, err := time.ParseDuration(os.Getenv("EXIT_AFTER")); err == nil {
		time.AfterFunc(after, func() { os.Exit(7) })
	}
	for range term {
		if os.Getenv("IGNORE_TERM") == "" {
			return
		}
	}
}

func health(port string) int {
	c := http.Client{Timeout: time.Second}
	r, err := c.Get("http://127.0.0.1:" + port + "/ready")
	if err != nil {
		return 1
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

// routes: /ready and /live answer 200, or what /answer?of=ready&code=N told last; /status?code=N answers N, /burn?ms=N keeps one
// core busy, /hold?mb=N keeps memory in use, /env?name=N tells a variable.
func routes() http.Handler {
	mux := http.NewServeMux()
	var codes sync.Map
	if os.Getenv("NEVER_READY") != "" {
		codes.Store("ready", http.StatusServiceUnavailable)
	}
	for _, of := range []string{"ready", "live"} {
		mux.HandleFunc("/"+of, func(w http.ResponseWriter, _ *http.Request) {
			if code, told := codes.Load(of); told {
				w.WriteHeader(code.(int))
			}
		})
	}
	mux.HandleFunc("/answer", func(_ http.ResponseWriter, r *http.Request) { codes.Store(r.FormValue("of"), number(r, "code")) })
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(number(r, "code")) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.FormValue("name"))) })
	mux.HandleFunc("/burn", func(w http.ResponseWriter, r *http.Request) {
		for end := time.Now().Add(time.Duration(number(r, "ms")) * time.Millisecond); time.Now().Before(end); {
			_ = strconv.Itoa(end.Nanosecond())
		}
	})
	var mu sync.Mutex
	var held [][]byte
	mux.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, number(r, "mb")<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		mu.Lock()
		defer mu.Unlock()
		held = append(held, b)
	})
	return mux
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.FormValue(name))
	return n
}
