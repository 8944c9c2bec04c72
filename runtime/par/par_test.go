package par

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestForRunsEveryTaskOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 7, 64} {
		for _, n := range []int{0, 1, 2, 100} {
			counts := make([]atomic.Int32, n)
			var busy [64]atomic.Int32
			err := For(context.Background(), workers, n, func(w, i int) {
				if busy[w].Add(1) != 1 {
					t.Errorf("worker %d runs two tasks at once", w)
				}
				counts[i].Add(1)
				busy[w].Add(-1)
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range counts {
				if c := counts[i].Load(); c != 1 {
					t.Errorf("%d workers: task %d of %d ran %d times", workers, i, n, c)
				}
			}
		}
	}
}

func TestForCancels(t *testing.T) {
	for _, workers := range []int{1, 3} {
		ctx, cancel := context.WithCancel(context.Background())
		var ran atomic.Int32
		err := For(ctx, workers, 1000, func(_, _ int) {
			if ran.Add(1) == 5 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || ran.Load() > int32(5+workers) {
			t.Errorf("%d workers: %v after %d tasks", workers, err, ran.Load())
		}
	}
}

func TestForRaisesPanics(t *testing.T) {
	defer func() {
		if p := recover(); p != "boom" {
			t.Errorf("recovered %v", p)
		}
	}()
	_ = For(context.Background(), 4, 100, func(_, i int) {
		if i == 50 {
			panic("boom")
		}
	})
}
