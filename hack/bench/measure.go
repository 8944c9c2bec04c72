package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// result is what was measured of one contender.
type result struct {
	contender contender
	setting   string
	versions  map[string]string
	// rates of the rounds, in work per second; err says why there are none.
	rates []float64
	err   error
}

// measurement is a workload's results, in the order of its contenders, and the peak of a core in
// GFLOP/s, measured in every round as well.
type measurement struct {
	results []result
	peak    result
	load    string
}

// runLimit is the longest that one run may take.
const runLimit = 3 * time.Minute

// measure warms all contenders up, one after another, then interleaves their runs. A contender
// that fails is passed over and its error shown.
func measure(ctx context.Context, w workload, o options, known settings, log io.Writer) (*measurement, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := &measurement{results: make([]result, len(w.contenders))}
	everyone := make([]*result, 0, len(m.results)+1)
	for i, c := range w.contenders {
		m.results[i].contender = c
		everyone = append(everyone, &m.results[i])
	}
	m.peak.contender = w.peak
	everyone = append(everyone, &m.peak)
	processes := make([]*process, len(everyone))
	defer func() {
		for _, p := range processes {
			if p != nil {
				p.stop()
			}
		}
	}()
	for i, r := range everyone {
		fmt.Fprintf(log, "%s: warming up %s\n", w.name, r.contender.name)
		p, err := r.contender.start(ctx, w.dir, known[w.name+" "+r.contender.name], log)
		if err != nil {
			r.err = err
			continue
		}
		processes[i] = p
		answer, err := p.ask(ctx, "warm", o.warm)
		r.setting, r.versions, r.err = answer.Setting, answer.Versions, err
	}
	for round := range o.runs {
		for i, r := range everyone {
			if r.err != nil {
				continue
			}
			time.Sleep(settle)
			answer, err := locked(o.lock, func() (reply, error) { return processes[i].ask(ctx, "run", runLimit) })
			if err != nil {
				r.err = err
				continue
			}
			r.rates = append(r.rates, answer.Work/answer.Seconds)
			fmt.Fprintf(log, "%s: round %d, %s: %.4g %s/s\n", w.name, round+1, r.contender.name, answer.Work/answer.Seconds, w.unit)
		}
	}
	for _, r := range m.results {
		if r.err == nil {
			known[w.name+" "+r.contender.name] = r.setting
		}
	}
	m.load = loadAverage()
	return m, ctx.Err()
}

// settings are what contenders chose while they warmed up, by workload and contender.
type settings map[string]string

// load reads settings that were saved; without a file there are none.
func (s settings) load(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, &s)
}

func (s settings) save(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// settle lets threads that spin after a run fall asleep.
const settle = 300 * time.Millisecond

// locked calls f while it holds an exclusive lock on a file, if one is named.
func locked(path string, f func() (reply, error)) (reply, error) {
	if path == "" {
		return f()
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return reply{}, err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return reply{}, err
	}
	return f()
}
