package par

import (
	"sync/atomic"
	"testing"
)

// Every task runs once, whatever the number of workers and tasks, over many loops.
func TestCrew(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		c := NewCrew(workers)
		for range 3 {
			c.Start()
			for n := range 20 {
				var hits [20]atomic.Int32
				var busy [5]atomic.Int32
				c.Do(n, func(w, i int) {
					if busy[w].Add(1) != 1 {
						t.Error("a worker ran two tasks at a time")
					}
					hits[i].Add(1)
					busy[w].Add(-1)
				})
				for i := range hits {
					if got, want := hits[i].Load(), int32(0); i < n {
						want = 1
						if got != want {
							t.Fatalf("%d workers, %d tasks: task %d ran %d times", workers, n, i, got)
						}
					}
				}
			}
			c.Stop()
		}
	}
}

// A panic reaches the caller, and the crew goes on working.
func TestCrewPanic(t *testing.T) {
	c := NewCrew(2)
	c.Start()
	defer c.Stop()
	func() {
		defer func() {
			if recover() != "broken" {
				t.Error("the panic was lost")
			}
		}()
		c.Do(10, func(_, i int) {
			if i == 3 {
				panic("broken")
			}
		})
	}()
	var n atomic.Int32
	c.Do(10, func(int, int) { n.Add(1) })
	if n.Load() != 10 {
		t.Errorf("%d tasks after a panic, want 10", n.Load())
	}
}

func BenchmarkCrew(b *testing.B) {
	c := NewCrew(2)
	c.Start()
	defer c.Stop()
	f := func(int, int) {}
	b.ReportAllocs()
	for b.Loop() {
		c.Do(2, f)
	}
}
