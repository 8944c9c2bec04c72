package optim

import "testing"

// BenchmarkStep is one step of 64 members of 2,464 parameters, ten of them in ranges without
// weight decay.
func BenchmarkStep(b *testing.B) {
	const members, params = 64, 2464
	for _, kind := range kinds {
		for _, clip := range []float64{0, 1} {
			name := string(kind)
			if clip > 0 {
				name += "/clip"
			}
			b.Run(name, func(b *testing.B) {
				c := Default(kind, members, params)
				c.ClipNorm, c.NoDecay = clip, []Range{{200, 208}, {1400, 1406}, {2460, 2464}}
				if kind == SGD {
					c.Momentum = 0.9
				}
				o, err := New[float32](kind, c)
				if err != nil {
					b.Fatal(err)
				}
				w, g := make([]float32, members*params), make([]float32, members*params)
				for i := range g {
					g[i] = float32(i%7) - 3
				}
				b.ReportAllocs()
				for b.Loop() {
					o.Step(w, g, 0, members)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/member")
			})
		}
	}
}
