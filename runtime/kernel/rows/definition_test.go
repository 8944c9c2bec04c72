package rows

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// narrow rounds x to float32 numbers and gives them in both types.
func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
		x[i] = float64(y[i])
	}
	return y
}

// closeTo compares float64 with the definition, and float32 within terms roundings of magnitude:
// the number of roundings on the longest way to an element, each at most eps of the largest
// intermediate number.
func closeTo(t *testing.T, what string, got []float64, got32 []float32, want []float64, terms, magnitude float64) {
	t.Helper()
	for i, v := range want {
		if math.Abs(got[i]-v) > 1e-12*magnitude {
			t.Fatalf("%s: float64 element %d is %v, want %v", what, i, got[i], v)
		}
		if math.Abs(float64(got32[i])-v) > terms*eps*magnitude {
			t.Fatalf("%s: float32 element %d is %v, want %v within %v", what, i, got32[i], v, terms*eps*magnitude)
		}
	}
}

// largest is the largest magnitude.
func largest(xs ...[]float64) (m float64) {
	for _, x := range xs {
		for _, v := range x {
			m = max(m, math.Abs(v))
		}
	}
	return m
}

// Normalisations are what they say: biased variance, eps inside the root.
func TestNormValues(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(6, 6))}
	k := kernels(t, isa.Auto)
	const m, n, e = 5, 83, 0.01
	x, gain, bias := d.normal(m*n), d.normal(n), d.normal(n)
	x32, gain32, bias32 := narrow(x), narrow(gain), narrow(bias)
	layer, rms := make([]float64, m*n), make([]float64, m*n)
	means, rstds := make([]float64, m), make([]float64, m)
	for i := range m {
		row := x[i*n:][:n]
		mean, square, variance := 0., 0., 0.
		for _, v := range row {
			mean += v / n
			square += v * v / n
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / n
		}
		means[i], rstds[i] = mean, 1/math.Sqrt(variance+e)
		for j, v := range row {
			layer[i*n+j] = (v-mean)*rstds[i]*gain[j] + bias[j]
			rms[i*n+j] = v / math.Sqrt(square+e) * gain[j]
		}
	}
	y, mean, rstd := make([]float64, m*n), make([]float64, m), make([]float64, m)
	y32, mean32, rstd32 := make([]float32, m*n), make([]float32, m), make([]float32, m)
	o := Norm{m, n, e}
	LayerNormRef(y, mean, rstd, x, gain, bias, o)
	k.LayerNorm(y32, mean32, rstd32, x32, gain32, bias32, o)
	// Sums: n/64+7 roundings each; then a difference, a root, two products, a sum.
	const terms = 2*(n/64+7) + 8
	closeTo(t, "layer norm", y, y32, layer, terms, largest(layer, x, bias)*largest(gain)*largest(rstds))
	closeTo(t, "mean", mean, mean32, means, terms, largest(x))
	closeTo(t, "rstd", rstd, rstd32, rstds, terms, largest(rstds))
	RMSNormRef(y, rstd, x, gain, o)
	k.RMSNorm(y32, rstd32, x32, gain32, o)
	closeTo(t, "RMS norm", y, y32, rms, terms, largest(rms))
	want := make([]float64, m*n)
	mean32 = narrow(means)
	for i, v := range x {
		want[i] = max(0, (v-means[i/n])*gain[i/n]+bias[i/n])
	}
	ChannelAffineRef(y, x, means, gain[:m], bias[:m], m, n, true)
	k.ChannelAffine(y32, x32, mean32, gain32[:m], bias32[:m], m, n, true)
	closeTo(t, "affine", y, y32, want, 3, largest(x, means)*2*largest(gain)+largest(bias))
}

// Gradients in float32 agree with those in float64, which are checked by differences.
func TestGradientsSingle(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(7, 7))}
	k := kernels(t, isa.Auto)
	const m, n = 6, 83
	x, dy, gain, mean, rstd := d.normal(m*n), d.normal(m*n), d.normal(n), d.normal(m), d.positive(m)
	x32, dy32, gain32, mean32, rstd32 := narrow(x), narrow(dy), narrow(gain), narrow(mean), narrow(rstd)
	dx, dgain, dbias := make([]float64, m*n), make([]float64, n), make([]float64, n)
	dx32, dgain32, dbias32 := make([]float32, m*n), make([]float32, n), make([]float32, n)
	o := Norm{m, n, 1e-5}
	scale := largest(dy) * largest(gain) * largest(rstd)
	spread := 1 + math.Pow((largest(x)+largest(mean))*largest(rstd), 2)
	const terms = n/32 + 7 + 12
	LayerNormGradRef(dx, dgain, dbias, dy, x, gain, mean, rstd, o)
	k.LayerNormGrad(dx32, dgain32, dbias32, dy32, x32, gain32, mean32, rstd32, o)
	closeTo(t, "layer norm dx", dx, dx32, dx, terms, scale*spread)
	closeTo(t, "layer norm dgain", dgain, dgain32, dgain, m+3, m*scale*spread)
	closeTo(t, "layer norm dbias", dbias, dbias32, dbias, m, m*largest(dy))
	clear(dgain)
	clear(dgain32)
	RMSNormGradRef(dx, dgain, dy, x, gain, rstd, o)
	k.RMSNormGrad(dx32, dgain32, dy32, x32, gain32, rstd32, o)
	closeTo(t, "RMS norm dx", dx, dx32, dx, terms, scale*spread)
	closeTo(t, "RMS norm dgain", dgain, dgain32, dgain, m+3, m*scale*spread)
	g := ChannelGrad[float64]{m, n, dy, x, x, mean, rstd, gain[:m]}
	g32 := ChannelGrad[float32]{m, n, dy32, x32, x32, mean32, rstd32, gain32[:m]}
	ChannelGradSumsRef(dgain[:m], dbias[:m], g)
	k.ChannelGradSums(dgain32[:m], dbias32[:m], g32)
	closeTo(t, "channel dgain", dgain[:m], dgain32[:m], dgain[:m], terms, n*largest(dy)*math.Sqrt(spread))
	closeTo(t, "channel dbias", dbias[:m], dbias32[:m], dbias[:m], terms, n*largest(dy))
	ChannelGradInputRef(dx, dgain[:m], dbias[:m], g)
	k.ChannelGradInput(dx32, dgain32[:m], dbias32[:m], g32)
	closeTo(t, "channel dx", dx, dx32, dx, terms, scale*spread)
	y := make([]float64, m*n)
	SoftmaxRef(y, x, Softmax[float64]{M: m, N: n, Scale: 1})
	y32 := narrow(y)
	SoftmaxGradRef(dx, y, dy, m, n, 0.5)
	k.SoftmaxGrad(dx32, y32, dy32, m, n, 0.5)
	closeTo(t, "softmax dx", dx, dx32, dx, terms, largest(dy))
	LogSoftmaxRef(y, x, m, n)
	y32 = narrow(y)
	LogSoftmaxGradRef(dx, y, dy, m, n)
	k.LogSoftmaxGrad(dx32, y32, dy32, m, n)
	closeTo(t, "log-softmax dx", dx, dx32, dx, terms, n*largest(dy))
}

// Losses with smoothing and with soft targets are what they say, in both layouts.
func TestLossValues(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(8, 8))}
	k := kernels(t, isa.Auto)
	for _, n := range []int{1, 10, 16, 17, 90} {
		const m, smooth = 40, 0.2
		x, q, want, soft := d.normal(m*n), d.positive(m*n), make([]float64, m), make([]float64, m)
		labels := make([]int32, m)
		x32, q32 := narrow(x), narrow(q)
		turn, turn32, turnq, turnq32 := make([]float64, m*n), make([]float32, m*n), make([]float64, m*n), make([]float32, m*n)
		for i := range m {
			labels[i] = int32(d.IntN(n+1) - 1)
			_, logSum := naive(x[i*n:][:n])
			for j := range n {
				v, p := x[i*n+j], smooth/float64(n)
				if int32(j) == labels[i] {
					p += 1 - smooth
				}
				want[i] += p * (logSum - v)
				soft[i] += q[i*n+j] * (logSum - v)
				turn[j*m+i], turn32[j*m+i], turnq[j*m+i], turnq32[j*m+i] = v, x32[i*n+j], q[i*n+j], q32[i*n+j]
			}
			if labels[i] < 0 {
				want[i] = 0
			}
		}
		loss, loss32, dx, dx32, c := make([]float64, m), make([]float32, m), make([]float64, m*n), make([]float32, m*n), Columns{n, m, m}
		back, back32 := make([]float64, m*n), make([]float32, m*n)
		size := largest(x)*2 + math.Log(float64(n)) + 1
		terms := float64(n) + 20
		CrossEntropyRef(loss, dx, x, labels, m, n, 1, smooth)
		k.CrossEntropy(loss32, dx32, x32, labels, m, n, 1, smooth)
		closeTo(t, "loss", loss, loss32, want, terms, size)
		CrossEntropyColsRef(loss, back, turn, labels, c, 1, smooth)
		k.CrossEntropyCols(loss32, back32, turn32, labels, c, 1, smooth)
		closeTo(t, "loss of columns", loss, loss32, want, terms, size)
		for i := range dx {
			at := i%n*m + i/n
			if math.Abs(dx[i]-back[at]) > 1e-13 || math.Abs(float64(dx32[i])-dx[i]) > terms*eps*size || math.Abs(float64(back32[at])-dx[i]) > terms*eps*size {
				t.Fatalf("gradient %d is %v %v %v %v", i, dx[i], back[at], dx32[i], back32[at])
			}
		}
		mass := float64(n) * largest(q)
		SoftCrossEntropyRef(loss, dx, x, q, m, n, 1)
		k.SoftCrossEntropy(loss32, dx32, x32, q32, m, n, 1)
		closeTo(t, "soft loss", loss, loss32, soft, terms, size*mass)
		SoftCrossEntropyColsRef(loss, dx, turn, turnq, c, 1)
		k.SoftCrossEntropyCols(loss32, dx32, turn32, turnq32, c, 1)
		closeTo(t, "soft loss of columns", loss, loss32, soft, terms, size*mass)
	}
}

// Scans and segments on numbers that are exact.
func TestExactValues(t *testing.T) {
	for _, k := range append(levels(t), kernels(t, isa.Ref)) {
		y := make([]float32, 6)
		want := func(what string, w ...float32) {
			t.Helper()
			for i, v := range w {
				if y[i] != v {
					t.Errorf("%s %s: %v, want %v", k.Level(), what, y[:len(w)], w)
					return
				}
			}
		}
		x, c := []float32{1, 2, 3, 4, 5, 6}, Columns{3, 2, 2}
		k.CumSumCols(y, x, c, false)
		want("running sum", 1, 2, 4, 6, 9, 12)
		k.CumSumCols(y, x, c, true)
		want("running sum upwards", 9, 12, 8, 10, 5, 6)
		CumSum(y, x, 2, 3, false)
		want("running sum along", 1, 3, 6, 4, 9, 15)
		k.Scan(y, []float32{2, 1, 2, 1, 2, 1}, x, []float32{1, 10}, c)
		want("recurrence", 3, 12, 9, 16, 23, 22)
		s := Segments{Ptr: []int32{0, 2, 2, 3}}
		k.SegmentSum(y, x, s, 2, false)
		want("segment sum", 4, 6, 0, 0, 5, 6)
		k.SegmentMean(y, x, s, 2)
		want("segment mean", 2, 3, 0, 0, 5, 6)
		k.SegmentMax(y, x, s, 2)
		want("segment maximum", 3, 4, 0, 0, 5, 6)
		k.SpMM(y, []float32{10, 1, 2}, x, Segments{s.Ptr, []int32{2, 0, 2}}, 2, false)
		want("sparse product", 51, 62, 0, 0, 10, 12)
		clear(y)
		k.AxisSums(y[:4], x[:4], 2, 1, 2)
		want("axis sum", 1, 2, 3, 4)
		k.AxisMax(y[:2], x, 1, 3, 2)
		want("axis maximum", 5, 6)
		at := make([]int32, 2)
		k.RowArgMax(at, []float32{1, 3, 3, 0, -1, 0}, 2, 3)
		if at[0] != 1 || at[1] != 0 {
			t.Errorf("%s: places %v", k.Level(), at)
		}
		k.ArgMaxCols(at, []float32{1, 3, 3, 0, 3, 5}, c)
		if at[0] != 1 || at[1] != 2 {
			t.Errorf("%s: places %v down", k.Level(), at)
		}
	}
}
