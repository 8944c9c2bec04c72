package par

import (
	"sync"
	"sync/atomic"
)

// Crew runs many small parallel loops one after another without allocating: its goroutines stay
// between Start and Stop. Which worker runs a task is left to chance. It is for one caller.
type Crew struct {
	workers  int
	help     func()
	work     chan struct{}
	busy     sync.WaitGroup
	running  sync.WaitGroup
	next     atomic.Int64
	total    int64
	worker   atomic.Int64
	f        func(worker, task int)
	failed   atomic.Bool
	panicked any
}

// NewCrew returns a crew of n workers, the caller included; n below 1 means GOMAXPROCS.
func NewCrew(n int) *Crew {
	c := &Crew{workers: Workers(n)}
	c.work = make(chan struct{}, c.workers)
	c.help = c.serve
	return c
}

// Workers is the number of workers.
func (c *Crew) Workers() int { return c.workers }

// Start starts the goroutines.
func (c *Crew) Start() {
	c.worker.Store(0)
	for range c.workers - 1 {
		c.running.Add(1)
		go c.help()
	}
}

// Stop ends the goroutines. The crew may start again.
func (c *Crew) Stop() {
	// A nil function tells a worker to leave.
	c.f = nil
	for range c.workers - 1 {
		c.work <- struct{}{}
	}
	c.running.Wait()
}

func (c *Crew) serve() {
	defer c.running.Done()
	w := int(c.worker.Add(1))
	for range c.work {
		if c.f == nil {
			return
		}
		c.take(w)
		c.busy.Done()
	}
}

// Do calls f(worker, task) for every task in [0, n) and returns when all calls have returned. Calls with the same worker
// never overlap. A panic in f is raised in the caller. The crew must have been started.
func (c *Crew) Do(n int, f func(worker, task int)) {
	helpers := min(c.workers, n) - 1
	if helpers < 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	c.f, c.total = f, int64(n)
	c.next.Store(0)
	c.busy.Add(helpers)
	for range helpers {
		c.work <- struct{}{}
	}
	c.take(0)
	c.busy.Wait()
	if c.failed.Swap(false) {
		panic(c.panicked)
	}
}

// take runs tasks until none is left.
func (c *Crew) take(w int) {
	defer func() {
		if p := recover(); p != nil {
			c.next.Store(c.total)
			if c.failed.CompareAndSwap(false, true) {
				c.panicked = p
			}
		}
	}()
	for {
		i := c.next.Add(1) - 1
		if i >= c.total {
			return
		}
		c.f(w, int(i))
	}
}
