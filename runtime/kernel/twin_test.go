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
		for _, perLane := range []bool{false, true} {
			want := runConv(t, base, c, perLane)
			for _, k := range levels(t) {
				got := runConv(t, k, c, perLane)
				for i, name := range []string{"forward", "input gradient", "weight gradient", "bias gradient", "pooled", "pooled weight gradient", "fresh"} {
					same(t, fmt.Sprintf("%s %+v %s per lane %v", k.Level(), c, name, perLane), got[i], want[i])
				}
			}
		}
	}
}

// runConv runs all convolution kernels on guarded, misaligned slices.
func runConv(t *testing.T, k *Kernels, c Conv, perLane bool) [7][]float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(c.OutC), uint64(c.W)))
	var g check.Guards
	offset := c.InC % 15
	p := Params{PerLane: perLane}
	p.W, p.B = fill(r, g.New(c.Weights()*p.step(), offset)), fill(r, g.New(c.OutC*p.step(), 1))
	x := fill(r, g.New(c.InSize(), offset))
	y, dx := g.New(c.OutSize(), offset+1), g.New(c.InSize(), offset+2)
	dw, db := fill(r, g.New(c.Weights()*Lanes, 3)), fill(r, g.New(c.OutC*Lanes, offset))
	k.ConvForward(c, y, x, p)
	padded := g.New(c.PaddedSize(), offset)
	k.PadGrad(c, padded, y)
	k.ConvGradInput(c, dx, padded, p)
	k.ConvGradWeights(c, dw, x, y, c.OW(), false)
	again := g.New(c.Weights()*Lanes, 5)
	k.ConvGradWeights(c, again, x, padded[(c.KW-1)*Lanes:], c.PaddedWidth(), true)
	k.ConvGradBias(db, y, c.OutC, c.OH()*c.OW(), false)

	code, scratch := make([]uint32, c.PooledSize()), g.New(k.PoolScratch(c), 7)
	pooled, pdw := g.New(c.PooledSize(), 9), fill(r, g.New(c.Weights()*Lanes, 2))
	k.ConvPoolForward(c, pooled, code, x, p, scratch)
	// The pooled gradient is that of the spread one.
	k.ConvPoolGradWeights(c, pdw, x, pooled, code, scratch, true)
	clear(padded)
	k.UnpoolGrad(c, padded, pooled, code)
	spread := make([]float32, len(pdw))
	k.ConvGradWeights(c, spread, x, padded[(c.KW-1)*Lanes:], c.PaddedWidth(), true)
	if c.PooledSize() > 0 {
		for i, v := range spread {
			if v != pdw[i] {
				t.Fatalf("%s %+v: weight gradient %d is %v through pooling, %v spread", k.Level(), c, i, pdw[i], v)
			}
		}
	}
	if err := g.Check(); err != nil {
		t.Fatalf("%s %+v: %v", k.Level(), c, err)
	}
	return [7][]float32{y, dx, dw, db, pooled, pdw, again}
}

// A network per lane with the same weights in all lanes gives the bits of one network.
func TestPerLaneIsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, k := range append(levels(t), ref(t)) {
		for _, c := range []Conv{{8, 12, 12, 6, 5, 5}, {1, 10, 9, 8, 5, 5}, {36, 1, 1, 20, 1, 1}, {16, 7, 7, 17, 3, 3}} {
			one := Params{W: fill(r, make([]float32, c.Weights())), B: fill(r, make([]float32, c.OutC))}
			all := Params{PerLane: true}
			for _, v := range one.W {
				all.W = append(all.W, spreadOver(v)...)
			}
			for _, v := range one.B {
				all.B = append(all.B, spreadOver(v)...)
			}
			x := fill(r, make([]float32, c.InSize()))
			var y, dx [2][]float32
			for i, p := range []Params{one, all} {
				y[i], dx[i] = make([]float32, c.OutSize()), make([]float32, c.InSize())
				k.ConvForward(c, y[i], x, p)
				padded := make([]float32, c.PaddedSize())
				k.PadGrad(c, padded, y[i])
				k.ConvGradInput(c, dx[i], padded, p)
			}
			same(t, "forward", y[1], y[0])
			same(t, "input gradient", dx[1], dx[0])
		}
	}
}

func spreadOver(v float32) []float32 {
	s := make([]float32, Lanes)
	for i := range s {
		s[i] = v
	}
	return s
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
			for f := Tanh; f < activations; f++ {
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
			k.Add(y, x, wy)
			base.Add(wy, x, wy)
			same(t, "add", canonical(y), canonical(wy))
			var bad, wantBad [Lanes]float32
			k.Check(&bad, x)
			base.Check(&wantBad, x)
			same(t, "check", canonical(bad[:]), canonical(wantBad[:]))
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

// Pooling finds the first of equals, and its gradient goes there.
func TestPoolTies(t *testing.T) {
	for _, k := range append(levels(t), ref(t)) {
		c := Conv{InC: 1, H: 4, W: 6, OutC: 1, KH: 1, KW: 1}
		x := make([]float32, c.InSize())
		for i, v := range []float32{1, 1, 0, 2, 3, 3, 1, 1, 2, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, -1, 0} {
			for l := range Lanes {
				x[i*Lanes+l] = v
			}
		}
		y, code := make([]float32, c.PooledSize()), make([]uint32, c.PooledSize())
		k.ConvPoolForward(c, y, code, x, Params{W: []float32{1}, B: []float32{0}}, make([]float32, k.PoolScratch(c)))
		for i, want := range []struct {
			y    float32
			code uint32
		}{{1, 0}, {2, 1}, {4, 3}, {1, 3}, {1, 2}, {0, 0}} {
			for l := range Lanes {
				if y[i*Lanes+l] != want.y || code[i*Lanes+l] != want.code {
					t.Fatalf("%s: window %d lane %d has %v at %d, want %v", k.Level(), i, l, y[i*Lanes+l], code[i*Lanes+l], want)
				}
			}
		}
	}
}

func TestDropoutTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	base := ref(t)
	for _, positions := range []int{0, 1, 7, 8, 9, 20, 31} {
		var draws Draws
		for lane := range Lanes {
			draws.SetLane(lane, [2]uint32{r.Uint32(), r.Uint32()}, []float64{0, 0.1, 0.5, 0.9999}[lane%4])
		}
		draws.SetSample(r.Uint64(), 3, positions%2)
		y, d := fill(r, make([]float32, positions*Lanes)), fill(r, make([]float32, positions*Lanes))
		wy, wd := append([]float32(nil), y...), append([]float32(nil), d...)
		base.Dropout(wy, wd, &draws)
		for _, k := range levels(t) {
			var g check.Guards
			gy, gd := g.New(len(y), 1), g.New(len(d), 2)
			copy(gy, y)
			copy(gd, d)
			k.Dropout(gy, gd, &draws)
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			same(t, "dropout", gy, wy)
			same(t, "dropout of the derivative", gd, wd)
		}
	}
}

func TestSoftmaxTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	base := ref(t)
	for _, classes := range []int{1, 2, 10, 37} {
		x := fill(r, make([]float32, classes*Lanes))
		x[0], x[3], x[5] = float32(math.Inf(1)), float32(math.NaN()), float32(math.Inf(-1))
		x[len(x)-1], x[len(x)-9] = 3000, -800
		want, e := make([]float64, len(x)), make([]float64, len(x))
		var ws, s Softmax
		base.Softmax(&ws, want, x)
		for _, k := range levels(t) {
			k.Softmax(&s, e, x)
			for i := range e {
				if math.Float64bits(e[i]) != math.Float64bits(want[i]) && (e[i] == e[i] || want[i] == want[i]) {
					t.Fatalf("%s: exponential %d is %v, twin %v", k.Level(), i, e[i], want[i])
				}
			}
			for l := range Lanes {
				if (s.Sum[l] != ws.Sum[l] || s.Top[l] != ws.Top[l]) && ws.Sum[l] == ws.Sum[l] {
					t.Fatalf("%s: lane %d has sum %v and top %v, twin %v and %v", k.Level(), l, s.Sum[l], s.Top[l], ws.Sum[l], ws.Top[l])
				}
			}
		}
	}
}

func TestPixelsTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 6))
	var table [256]float32
	fill(r, table[:])
	for _, n := range []int{0, 1, 7, 8, 9, 17, 40} {
		var src [Lanes][]uint8
		for lane := range src {
			b := make([]uint8, 100)
			for i := range b {
				b[i] = uint8(r.Uint32())
			}
			src[lane] = b[lane:][:n+lane%2]
		}
		for _, k := range append(levels(t), ref(t)) {
			var g check.Guards
			dst := g.New(n*Lanes, 3)
			k.Pixels(dst, &src, &table)
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			for i, v := range dst {
				if want := table[src[i%Lanes][i/Lanes]]; v != want {
					t.Fatalf("%s: n %d, element %d is %v, want %v", k.Level(), n, i, v, want)
				}
			}
		}
	}
}

// The tree of a sum over lanes is that of adjacent pairs.
func TestReduceTree(t *testing.T) {
	x := fill(rand.New(rand.NewPCG(1, 3)), make([]float32, Lanes))
	s := append([]float32(nil), x...)
	for n := len(s); n > 1; n /= 2 {
		for i := range n / 2 {
			s[i] = s[2*i] + s[2*i+1]
		}
	}
	for _, k := range append(levels(t), ref(t)) {
		for _, n := range []int{1, 4, 7} {
			src, dst := make([]float32, n*Lanes), make([]float32, n)
			copy(src[(n-1)*Lanes:], x)
			k.Reduce(dst, src)
			if dst[n-1] != s[0] {
				t.Errorf("%s: %v, want %v", k.Level(), dst[n-1], s[0])
			}
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
				var adam, sgd Rates
				for l := range Lanes {
					adam.AdamRates(l, step, 1e-3*float64(l), 1e-2/float64(1+l))
					sgd.SGDRates(l, 1e-2*float64(l), 1e-3)
				}
				k.Adam(w1, m1, v1, g, step, &adam)
				base.Adam(w2, m2, v2, g, step, &adam)
				k.SGD(w1, m1, g, 0.9, &sgd)
				base.SGD(w2, m2, g, 0.9, &sgd)
			}
			same(t, "weights", w1, w2)
			same(t, "first moments", m1, m2)
			same(t, "second moments", v1, v2)
		}
	}
}
