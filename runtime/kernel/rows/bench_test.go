package rows

import (
	"math/rand/v2"
	"testing"
)

// bench times f at every level; bytes are what must be read and written once.
func bench(b *testing.B, name string, bytes int, f func(k *Kernels)) {
	for _, k := range levels(b) {
		b.Run(name+"/"+k.Level().String(), func(b *testing.B) {
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				f(k)
				n++
			}
			b.ReportMetric(float64(bytes)*float64(n)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

func data(n int) []float32 { return random32(rand.New(rand.NewPCG(1, 1)), n, 0) }

// Shapes: logits of MNIST and ImageNet, attention, a transformer's rows, channels of images.
func BenchmarkReduce(b *testing.B) {
	x, y, dst, col := data(1<<20), data(1<<20), data(1<<14), data(1<<10)
	bench(b, "Sum/4K", 4<<12, func(k *Kernels) { k.Sum(x[:1<<12]) })
	bench(b, "Sum/1M", 4<<20, func(k *Kernels) { k.Sum(x) })
	bench(b, "Dot/4K", 8<<12, func(k *Kernels) { k.Dot(x[:1<<12], y[:1<<12]) })
	bench(b, "MeanVar/100K", 400000, func(k *Kernels) { k.MeanVar(x[:100000]) })
	bench(b, "RowSums/64x1024", 4<<16, func(k *Kernels) { k.RowSums(dst[:64], x[:1<<16], 64, 1024) })
	bench(b, "RowSums/1024x10", 4*10240, func(k *Kernels) { k.RowSums(dst[:1024], x[:10240], 1024, 10) })
	bench(b, "RowMax/64x1024", 4<<16, func(k *Kernels) { k.RowMax(dst[:64], x[:1<<16], 64, 1024) })
	bench(b, "ColSums/64x1024", 4<<16, func(k *Kernels) { k.ColSums(col, x[:1<<16], 64, 1024) })
	bench(b, "ColSums/1024x1024", 4<<20, func(k *Kernels) { k.ColSums(col, x, 1024, 1024) })
	bench(b, "ColSums/1024x10", 4*10240, func(k *Kernels) { k.ColSums(col[:10], x[:10240], 1024, 10) })
}

func BenchmarkSoftmax(b *testing.B) {
	x, y, z, loss, labels := data(1<<18), data(1<<18), data(1<<18), data(1<<12), make([]int32, 1<<12)
	for _, s := range []struct {
		name string
		m, n int
	}{{"1024x10", 1024, 10}, {"256x50", 256, 50}, {"256x64", 256, 64}, {"256x256", 256, 256}, {"64x1024", 64, 1024}, {"4x50257", 4, 50257}} {
		m, n := s.m, s.n
		size := m * n
		bench(b, "Softmax/"+s.name, 8*size, func(k *Kernels) { k.Softmax(y[:size], x[:size], Softmax[float32]{M: m, N: n, Scale: 1}) })
		bench(b, "SoftmaxGrad/"+s.name, 12*size, func(k *Kernels) { k.SoftmaxGrad(z[:size], y[:size], x[:size], m, n, 1) })
		bench(b, "CrossEntropy/"+s.name, 8*size, func(k *Kernels) { k.CrossEntropy(loss[:m], z[:size], x[:size], labels[:m], m, n, 1, 0) })
	}
	causal := Softmax[float32]{M: 256, N: 256, Scale: 1, Causal: true}
	bench(b, "Causal/256x256", 8<<16, func(k *Kernels) { k.Softmax(y[:1<<16], x[:1<<16], causal) })
	c := Columns{10, 1024, 1024}
	bench(b, "SoftmaxCols/10x1024", 8*10240, func(k *Kernels) { k.SoftmaxCols(y[:10240], x[:10240], c) })
	bench(b, "CrossEntropyCols/10x1024", 8*10240, func(k *Kernels) { k.CrossEntropyCols(loss[:1024], z[:10240], x[:10240], labels[:1024], c, 1, 0) })
}

func BenchmarkNorm(b *testing.B) {
	const m, n = 256, 512
	x, y, dx := data(m*n), data(m*n), data(m*n)
	gain, bias, dgain, dbias, mean, rstd := data(n), data(n), data(n), data(n), data(m), data(m)
	o := Norm{m, n, 1e-5}
	bench(b, "LayerNorm", 8*m*n, func(k *Kernels) { k.LayerNorm(y, mean, rstd, x, gain, bias, o) })
	bench(b, "LayerNormGrad", 12*m*n, func(k *Kernels) { k.LayerNormGrad(dx, dgain, dbias, y, x, gain, mean, rstd, o) })
	bench(b, "RMSNorm", 8*m*n, func(k *Kernels) { k.RMSNorm(y, rstd, x, gain, o) })
	bench(b, "RMSNormGrad", 12*m*n, func(k *Kernels) { k.RMSNormGrad(dx, dgain, y, x, gain, rstd, o) })
	const c, l = 4, 1 << 15
	g := ChannelGrad[float32]{c, l, y[:c*l], x[:c*l], nil, mean[:c], rstd[:c], gain[:c]}
	bench(b, "ChannelStats", 4*c*l, func(k *Kernels) { k.ChannelStats(mean[:c], rstd[:c], x[:c*l], c, l) })
	bench(b, "ChannelAffineReLU", 8*c*l, func(k *Kernels) { k.ChannelAffine(y[:c*l], x[:c*l], nil, gain[:c], bias[:c], c, l, true) })
	bench(b, "ChannelGradSums", 8*c*l, func(k *Kernels) { k.ChannelGradSums(dgain[:c], dbias[:c], g) })
	bench(b, "ChannelGradInput", 12*c*l, func(k *Kernels) { k.ChannelGradInput(dx[:c*l], dgain[:c], dbias[:c], g) })
}

func BenchmarkGraph(b *testing.B) {
	const nodes, degree, d = 1024, 8, 64
	r := rand.New(rand.NewPCG(1, 1))
	s := Segments{Ptr: []int32{0}}
	for i := range nodes {
		s.Ptr = append(s.Ptr, int32((i+1)*degree))
	}
	for range nodes * degree {
		s.Idx = append(s.Idx, int32(r.IntN(nodes)))
	}
	x, y, val, e := data(nodes*d), data(nodes*d), data(nodes*degree), data(nodes*degree*d)
	plain := Segments{Ptr: s.Ptr}
	bench(b, "SpMM", 4*nodes*degree*d, func(k *Kernels) { k.SpMM(y, val, x, s, d, false) })
	bench(b, "SpMMGrad", 4*nodes*degree*d, func(k *Kernels) { k.SpMMGrad(val, y, x, s, d) })
	bench(b, "SegmentSum", 4*nodes*degree*d, func(k *Kernels) { k.SegmentSum(y, e, plain, d, false) })
	bench(b, "SegmentMax", 4*nodes*degree*d, func(k *Kernels) { k.SegmentMax(y, e, plain, d) })
}

func BenchmarkScan(b *testing.B) {
	const t, l = 256, 512
	a, x, h, da, db, start := data(t*l), data(t*l), data(t*l), data(t*l), data(t*l), data(l)
	for i := range a {
		a[i] = 0.5
	}
	c := Columns{t, l, l}
	bench(b, "CumSumCols", 8*t*l, func(k *Kernels) { k.CumSumCols(h, x, c, false) })
	bench(b, "CumSum", 8*t*l, func(*Kernels) { CumSum(h, x, t, l, false) })
	bench(b, "Scan", 12*t*l, func(k *Kernels) { k.Scan(h, a, x, start, c) })
	bench(b, "ScanGrad", 20*t*l, func(k *Kernels) { clear(start); k.ScanGrad(da, db, start, x, a, h, start, c) })
}
