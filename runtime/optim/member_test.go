package optim

import (
	"math"
	"sync"
	"testing"
)

// Try is Step with a check: the same weights and moments, in parallel too, whatever the borders of spans; a step that goes bad is taken back.
func TestTry(t *testing.T) {
	const n = 3*tryGrain + 17
	for _, kind := range []Kind{SGD, Adam, AdamW} {
		c := Default(kind, 1, n)
		c.Decay, c.ClipNorm, c.NoDecay = 0.1, 1, []Range{{5, 40}, {tryGrain - 3, tryGrain + 9}}
		run := func(step func(o *Optimizer[float32], w, g []float32) bool) ([]float32, State[float32]) {
			o, err := New[float32](kind, c)
			if err != nil {
				t.Fatal(err)
			}
			w, g := make([]float32, n), make([]float32, n)
			for i := range w {
				w[i] = float32(math.Sin(float64(i)))
			}
			for k := range 3 {
				for i := range g {
					g[i] = float32(math.Cos(float64(i * (k + 1))))
				}
				if !step(o, w, g) {
					t.Fatal("a good step was refused")
				}
			}
			return w, o.State()
		}
		before := make([]float32, n)
		want, state := run(func(o *Optimizer[float32], w, g []float32) bool { o.Step(w, g, 0, 1); return true })
		parallel := func(tasks int, f func(int)) {
			var wg sync.WaitGroup
			for i := range tasks {
				wg.Go(func() { f(i) })
			}
			wg.Wait()
		}
		for _, p := range []func(int, func(int)){nil, parallel} {
			got, s := run(func(o *Optimizer[float32], w, g []float32) bool { return o.Try(w, g, before, 0, p) })
			for i := range want {
				if got[i] != want[i] || s.Moments[0].Data[i] != state.Moments[0].Data[i] {
					t.Fatalf("%s: element %d differs", kind, i)
				}
			}
			o, err := New[float32](kind, c)
			if err != nil {
				t.Fatal(err)
			}
			w, g := make([]float32, n), make([]float32, n)
			g[n-1] = float32(math.NaN())
			w[0] = 3
			if o.Try(w, g, before, 0, p) || w[0] != 3 || w[n-1] != 0 {
				t.Errorf("%s: a bad step was not taken back", kind)
			}
		}
	}
}
