// Package par runs independent tasks on a fixed number of goroutines. Which worker runs a
// task is left to chance, so a task's result must not depend on it.
package par

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers is n, or GOMAXPROCS if n is not positive.
func Workers(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// For calls f(worker, task) for every task in [0, n) on up to workers goroutines, and returns
// when all calls have returned. Calls with the same worker never overlap: worker indexes
// scratch memory. Once ctx is done no further task starts, and For returns its error. A panic
// in f is raised in the caller.
func For(ctx context.Context, workers, n int, f func(worker, task int)) error {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			f(0, i)
		}
		return ctx.Err()
	}
	var (
		next     atomic.Int64
		wg       sync.WaitGroup
		once     sync.Once
		panicked any
	)
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if p := recover(); p != nil {
					next.Store(int64(n))
					once.Do(func() { panicked = p })
				}
			}()
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				f(w, int(i))
			}
		}()
	}
	wg.Wait()
	if panicked != nil {
		panic(panicked)
	}
	return ctx.Err()
}
