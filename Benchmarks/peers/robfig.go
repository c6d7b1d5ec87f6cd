// Command robfig measures robfig/cron 3.0.1 by its own means, beside `bench` and ../peers.py.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build robfig.go   (Debian: golang-go, golang-github-robfig-cron-dev)
//	robfig register|lateness-memory|burst-memory [COUNT]          prints one line of JSON
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	cron "github.com/robfig/cron"
)

type noop struct{}

func (noop) Run() {}

// once is due at one instant and never again.
type once struct{ at time.Time }

func (s once) Next(now time.Time) time.Time {
	if now.Before(s.at) {
		return s.at
	}
	return time.Time{}
}

func resident() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	return pages * float64(os.Getpagesize())
}

func processorSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func report(line map[string]any) {
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

// register adds entries to a scheduler and starts it, which computes each one's next instant.
func register(count int) {
	before, start := resident(), time.Now()
	peer := cron.New()
	for i := 0; i < count; i++ {
		peer.Schedule(cron.Every(time.Hour), noop{})
	}
	peer.Start()
	peer.Entries() // Answered by the loop once all of them are in order.
	seconds := time.Since(start).Seconds()
	report(map[string]any{"tasks": count, "per_second": float64(count) / seconds,
		"bytes_each": (resident() - before) / float64(count)})
	runtime.KeepAlive(peer)
}

// lateness has entries due every second at the same instant.
func lateness(count, seconds int) {
	var lock sync.Mutex
	late := make([]float64, 0, count*(seconds+2))
	peer := cron.New()
	for i := 0; i < count; i++ {
		peer.Schedule(cron.Every(time.Second), cron.FuncJob(func() {
			now := time.Now()
			lock.Lock()
			late = append(late, float64(now.Sub(now.Truncate(time.Second)).Microseconds())/1000)
			lock.Unlock()
		}))
	}
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(1700 * time.Millisecond).Sub(now))
	peer.Start()
	before := processorSeconds()
	time.Sleep(time.Duration(seconds) * time.Second)
	used := processorSeconds() - before
	peer.Stop()
	lock.Lock()
	sort.Float64s(late)
	report(map[string]any{"tasks": count, "runs": len(late), "expected": count * seconds,
		"lateness_p99_ms": late[len(late)*99/100], "processor_seconds": used})
}

// burst has one-shot entries due at one instant: how long until the last has run.
func burst(count int) {
	var done atomic.Int64
	at := time.Now().Add(time.Duration(2+count/300_000) * time.Second)
	peer := cron.New()
	finished := make(chan struct{})
	for i := 0; i < count; i++ {
		peer.Schedule(once{at}, cron.FuncJob(func() {
			if done.Add(1) == int64(count) {
				close(finished)
			}
		}))
	}
	peer.Start()
	time.Sleep(time.Until(at))
	<-finished
	report(map[string]any{"runs": done.Load(), "runs_per_second": float64(count) / time.Since(at).Seconds()})
}

func main() {
	name, count := "", 0
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if len(os.Args) > 2 {
		count, _ = strconv.Atoi(os.Args[2])
	}
	switch {
	case name == "register" && count > 0:
		register(count)
	case name == "lateness-memory" && count > 0:
		lateness(count, 20)
	case name == "burst-memory" && count > 0:
		burst(count)
	default:
		fmt.Fprintln(os.Stderr, "usage: robfig register|lateness-memory|burst-memory COUNT")
		os.Exit(64)
	}
}
