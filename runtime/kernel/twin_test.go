package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
)

// levels are the assembly levels of this machine; each is compared with the pure-Go twins.
func levels(t testing.TB) []*Kernels {
	var ks []*Kernels
	for _, l := range []Level{AVX2, AVX512} {
		if !Supported(l) {
			t.Logf("%s is not available here", l)
			continue
		}
		k, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		ks = append(ks, k)
	}
	return ks
}

func ref(t testing.TB) *Kernels {
	k, err := New(Ref)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fill gives values of mixed sign and scale.
func fill(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(r.NormFloat64()))
	}
	return x
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if i := check.FirstDifference(got, want); i >= 0 {
		t.Fatalf("%s: element %d is %v (%08x), twin %v (%08x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
	}
}

func TestConvTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := []Conv{
		{1, 28, 28, 8, 5, 5},
		{8, 12, 12, 6, 5, 5},
		{6, 4, 4, 4, 2, 2},
		{36, 1, 1, 20, 1, 1},
		{20, 1, 1, 10, 1, 1},
		{3, 9, 8, 15, 3, 3},
		{1, 1, 1, 1, 1, 1},
		{2, 7, 7, 3, 7, 7},
		{2, 8, 13, 5, 2, 4},
		{5, 3, 11, 9, 3, 1},
	}
	for range 6 {
		c := Conv{InC: 1 + r.IntN(9), OutC: 1 + r.IntN(17), KH: 1 + r.IntN(4), KW: 1 + r.IntN(7)}
		c.H, c.W = c.KH+r.IntN(5), c.KW+r.IntN(14)
		shapes = append(shapes, c)
	}
	base := ref(t)
	for _, c := range shapes {
		want := runConv(t, base, c)
		for _, k := range levels(t) {
			got := runConv(t, k, c)
			for i, name := range []string{"forward", "input gradient", "weight gradient", "bias gradient"} {
				same(t, fmt.Sprintf("%s %+v %s", k.Level(), c, name), got[i], want[i])
			}
		}
	}
}

// runConv runs all convolution kernels on guarded, misaligned slices.
func runConv(t *testing.T, k *Kernels, c Conv) [4][]float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(c.OutC), uint64(c.W)))
	var g check.Guards
	offset := c.InC % 15
	x, w, b := g.New(c.InSize(), offset), g.New(c.Weights(), offset), g.New(c.OutC, 1)
	fill(r, x)
	fill(r, w)
	fill(r, b)
	y, dx := g.New(c.OutSize(), offset+1), g.New(c.InSize(), offset+2)
	dw, db := g.New(c.Weights()*Lanes, 3), g.New(c.OutC*Lanes, offset)
	fill(r, dw)
	fill(r, db)
	packed := g.New(c.Weights(), 5)
	k.ConvPack(c, packed, w)
	k.ConvForward(c, y, x, packed, b)
	padded := g.New(c.PaddedSize(), offset)
	pw := c.W + c.KW - 1
	for i := range c.OutC * c.OH() {
		copy(padded[(i*pw+c.KW-1)*Lanes:], y[i*c.OW()*Lanes:(i+1)*c.OW()*Lanes])
	}
	k.ConvPackGrad(c, packed, w)
	k.ConvGradInput(c, dx, padded, packed)
	k.ConvGradWeights(c, dw, db, x, y)
	if err := g.Check(); err != nil {
		t.Fatalf("%s %+v: %v", k.Level(), c, err)
	}
	return [4][]float32{y, dx, dw, db}
}

func TestElementwiseTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	base := ref(t)
	special := []float32{
		0, float32(math.Copysign(0, -1)), 1e-45, -1e-40, 1e-20, 87, 88, -87, -104, 1e30, -1e30,
		float32(math.Inf(1)), float32(math.Inf(-1)), 0.5, -0.5, 20, -20, 5, -5, 9, -9,
	}
	for _, n := range []int{0, 16, 32, 48, 16 * 67} {
		x := fill(r, make([]float32, n))
		if n > len(special) {
			copy(x, special)
		}
		for _, k := range levels(t) {
			for f := range activations {
				var g check.Guards
				y, d, wy, wd := g.New(n, 1), g.New(n, 2), g.New(n, 3), g.New(n, 4)
				k.Activate(f, y, d, x)
				base.Activate(f, wy, wd, x)
				if err := g.Check(); err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("%s activation %d", k.Level(), f), canonical(y), canonical(wy))
				same(t, fmt.Sprintf("%s derivative %d", k.Level(), f), canonical(d), canonical(wd))
			}
			y, wy := make([]float32, n), make([]float32, n)
			k.Mul(y, x, x)
			base.Mul(wy, x, x)
			same(t, "mul", y, wy)
			y, wy = make([]float32, n/16), make([]float32, n/16)
			k.Reduce(y, x)
			base.Reduce(wy, x)
			same(t, "reduce", canonical(y), canonical(wy))
		}
	}
}

// canonical makes every NaN the same: their payloads are outside the promise.
func canonical(x []float32) []float32 {
	for i, v := range x {
		if v != v {
			x[i] = float32(math.NaN())
		}
	}
	return x
}

func TestPoolTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	base := ref(t)
	for _, s := range [][3]int{{1, 2, 2}, {8, 24, 24}, {2, 9, 7}, {3, 5, 2}} {
		c, h, w := s[0], s[1], s[2]
		x := fill(r, make([]float32, c*h*w*Lanes))
		for i := range x {
			if r.IntN(3) == 0 {
				x[i] = 1 // ties
			}
		}
		dy := fill(r, make([]float32, c*(h/2)*(w/2)*Lanes))
		wy, wdx := make([]float32, len(dy)), make([]float32, len(x))
		base.MaxPool(wy, x, c, h, w)
		base.MaxPoolGrad(wdx, x, dy, c, h, w)
		for _, k := range levels(t) {
			var g check.Guards
			y, dx := g.New(len(dy), 1), g.New(len(x), 2)
			k.MaxPool(y, x, c, h, w)
			k.MaxPoolGrad(dx, x, dy, c, h, w)
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			same(t, "pool", y, wy)
			same(t, "pool gradient", dx, wdx)
		}
	}
}

func TestOptimizerTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	base := ref(t)
	for _, n := range []int{1, 16, 33, 2464} {
		w, m, v, g := fill(r, make([]float32, n)), fill(r, make([]float32, n)), fill(r, make([]float32, n)), fill(r, make([]float32, n))
		for i := range v {
			v[i] = abs(v[i])
			if i%3 == 0 {
				m[i], v[i], g[i] = 1e-30, 1e-31, 0 // to be flushed
			}
		}
		clone := func(x []float32) []float32 { return append([]float32(nil), x...) }
		for _, k := range levels(t) {
			w1, m1, v1, w2, m2, v2 := clone(w), clone(m), clone(v), clone(w), clone(m), clone(v)
			for step := 1; step < 4; step++ {
				k.Adam(w1, m1, v1, g, step, 1e-3, 1e-2)
				base.Adam(w2, m2, v2, g, step, 1e-3, 1e-2)
				k.SGD(w1, m1, g, 0.9, 1e-2, 1e-3)
				base.SGD(w2, m2, g, 0.9, 1e-2, 1e-3)
			}
			same(t, "weights", w1, w2)
			same(t, "first moments", m1, m2)
			same(t, "second moments", v1, v2)
		}
	}
}
