package conv

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

func TestCheck(t *testing.T) {
	good := Conv2D{4, 5, 6, 7, 8, 3, 2, 2, 1, 1, 0, 1, 2, 2}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	if good.OH() != 3 || good.OW() != 4 || good.XSize() != 840 || good.YSize() != 672 || good.WSize() != 96 {
		t.Errorf("sizes %d %d %d %d %d", good.OH(), good.OW(), good.XSize(), good.YSize(), good.WSize())
	}
	for name, change := range map[string]func(c *Conv2D){
		"no channels":       func(c *Conv2D) { c.C = 0 },
		"no samples":        func(c *Conv2D) { c.N = 0 },
		"no stride":         func(c *Conv2D) { c.StrideW = 0 },
		"no dilation":       func(c *Conv2D) { c.DilationH = 0 },
		"negative padding":  func(c *Conv2D) { c.PadW = -1 },
		"groups of inputs":  func(c *Conv2D) { c.Groups, c.O = 3, 9 },
		"groups of outputs": func(c *Conv2D) { c.O = 7 },
		"no group":          func(c *Conv2D) { c.Groups = 0 },
		"kernel too high":   func(c *Conv2D) { c.KH = 8 },
		"kernel too wide":   func(c *Conv2D) { c.DilationW = 6 },
		"too large":         func(c *Conv2D) { c.H, c.W, c.N = limit, limit, limit },
		"number too large":  func(c *Conv2D) { c.C = 1 << 62 },
	} {
		c := good
		change(&c)
		if c.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := Pool2D{1, 4, 4, 1, 3, 3, 1, 1, 2, 0}
	if p.Check() == nil {
		t.Error("padding of more than half of the window: no error")
	}
}

// A convolution by hand: two samples, one of them negated, padding and bias.
func TestForwardByHand(t *testing.T) {
	c := Conv2D{1, 2, 3, 2, 1, 2, 2, 1, 2, 1, 0, 1, 1, 1}
	x := []float32{1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6}
	w := []float32{1, 10, 100, 1000}
	// Rows of the output start above, in and below the first row; there is one column.
	want := []float32{0.5 + 2100, 0.5 - 2100, 0.5 + 21 + 5400, 0.5 - 21 - 5400, 0.5 + 54, 0.5 - 54}
	for _, k := range kernels(t) {
		f := k.Forward(c)
		y, scratch := make([]float32, c.YSize()), make([]float32, f.Scratch())
		for i := range f.Chunks() {
			f.Run(i, y, x, w, []float32{0.5}, scratch)
		}
		same(t, k.Level().String(), y, want)
	}
}

func dot(a, b []float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// normal gives n values of the standard normal distribution.
func normal(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// near says whether sums of n products agree in float64: the scale is that of n values of size
// one, and an error of one unit in the last place per addition is far more than they can have.
func near(a, b float64, n int) bool {
	return math.Abs(a-b) <= 0x1p-52*float64(n)*math.Sqrt(float64(n))
}

// A convolution is linear in x and in w, and the gradients are its transposes:
// <dy, conv(x, w)> = <dx, x> = <dw, w>, and <dy, bias> = <db, bias>.
func TestGradientsAreTransposes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range shapes {
		x, w, dy, b := normal(r, c.XSize()), normal(r, c.WSize()), normal(r, c.YSize()), normal(r, c.O)
		y, yb := make([]float64, c.YSize()), make([]float64, c.YSize())
		dx, dw, db := make([]float64, c.XSize()), make([]float64, c.WSize()), make([]float64, c.O)
		ForwardRef(c, y, x, w, nil)
		ForwardRef(c, yb, make([]float64, c.XSize()), w, b)
		GradInputRef(c, dx, dy, w, false)
		GradWeightsRef(c, dw, db, x, dy, false)
		n := int(c.FLOPs()/2) + c.YSize()
		want := dot(dy, y)
		if got := dot(dx, x); !near(got, want, n) {
			t.Errorf("%+v: gradient of x: %v, want %v", c, got, want)
		}
		if got := dot(dw, w); !near(got, want, n) {
			t.Errorf("%+v: gradient of w: %v, want %v", c, got, want)
		}
		if got, want := dot(db, b), dot(dy, yb); !near(got, want, n) {
			t.Errorf("%+v: gradient of bias: %v, want %v", c, got, want)
		}
	}
}

// The same for pooling: the average is linear, and the maximum is where its places stay.
func TestPoolGradientsAreTransposes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, p := range pools {
		x, dy := normal(r, p.XSize()), normal(r, p.YSize())
		y, dx := make([]float64, p.YSize()), make([]float64, p.XSize())
		n := p.YSize() * p.KH * p.KW
		AvgPoolRef(p, y, x)
		AvgPoolGradRef(p, dx, dy, false)
		if got, want := dot(dx, x), dot(dy, y); !near(got, want, n) {
			t.Errorf("%+v: average: %v, want %v", p, got, want)
		}
		MaxPoolRef(p, y, x)
		MaxPoolGradRef(p, dx, x, dy, false)
		if got, want := dot(dx, x), dot(dy, y); !near(got, want, n) {
			t.Errorf("%+v: maximum: %v, want %v", p, got, want)
		}
	}
}

// The error of float32 gradients of weights is within the bound that GradWeights states.
func TestGradWeightsError(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	c := plain(2, 12, 64, 3, 3, 1, 1)
	x, dy := fill(r, make([]float32, c.XSize())), fill(r, make([]float32, c.YSize()))
	wide := func(x []float32, f func(float64) float64) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = f(float64(v))
		}
		return y
	}
	itself := func(x float64) float64 { return x }
	want, sizes := make([]float64, c.WSize()), make([]float64, c.WSize())
	GradWeightsRef(c, want, nil, wide(x, itself), wide(dy, itself), false)
	GradWeightsRef(c, sizes, nil, wide(x, math.Abs), wide(dy, math.Abs), false)
	blocks := newSumBlocks(&c)
	bound := float64(sumBlock+blocks.count()+1) * 0x1p-24
	for _, k := range kernels(t) {
		p := k.GradWeights(c)
		dw, scratch := make([]float32, c.WSize()), make([]float32, p.Scratch())
		for i := range p.Chunks() {
			p.Run(i, dw, nil, x, dy, false, scratch)
		}
		for i, v := range dw {
			if e := math.Abs(float64(v) - want[i]); e > bound*sizes[i] {
				t.Errorf("%s: weight %d: error %v of %v", k.Level(), i, e, want[i])
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	c, pool := plain(5, 6, 20, 7, 3, 1, 1), Pool2D{5, 6, 6, 20, 2, 2, 2, 2, 0, 0}
	x, y := make([]float32, c.XSize()), make([]float32, c.YSize())
	w, b, p := make([]float32, c.WSize()), make([]float32, c.O), make([]float32, pool.YSize())
	for _, k := range kernels(t) {
		if k.Level() == isa.Ref {
			continue // the pure-Go functions are not about speed
		}
		f, gi, gw := k.Forward(c), k.GradInput(c), k.GradWeights(c)
		scratch := make([]float32, max(f.Scratch(), gi.Scratch(), gw.Scratch()))
		n := testing.AllocsPerRun(5, func() {
			f.Run(0, y, x, w, b, scratch)
			gi.Run(0, x, y, w, true, scratch)
			gw.Run(0, w, b, x, y, true, scratch)
			k.MaxPool(pool, 0, p, x)
			k.MaxPoolGrad(pool, 0, x, x, p, true)
			k.AvgPool(pool, 0, p, x)
			k.AvgPoolGrad(pool, 0, x, p, true)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", k.Level(), n)
		}
	}
}

func TestPanics(t *testing.T) {
	c := plain(2, 3, 4, 5, 3, 1, 1)
	k := kernels(t)[0]
	x, y, w := make([]float32, c.XSize()), make([]float32, c.YSize()), make([]float32, c.WSize())
	b, scratch := make([]float32, c.O), make([]float32, 1<<16)
	for name, f := range map[string]func(){
		badShape:            func() { k.Forward(Conv2D{}) },
		badLength:           func() { k.Forward(c).Run(0, y[1:], x, w, b, scratch) },
		badLength + " bias": func() { k.Forward(c).Run(0, y, x, w, b[1:], scratch) },
		badLength + " dx":   func() { k.GradInput(c).Run(0, x[1:], y, w, false, scratch) },
		badLength + " dw":   func() { k.GradWeights(c).Run(0, w[1:], b, x, y, false, scratch) },
		badScratch:          func() { k.GradWeights(c).Run(0, w, b, x, y, false, scratch[:1]) },
		badLength + " pool": func() { k.MaxPool(GlobalPool(2, 3, 3, 4), 0, y[:1], x) },
	} {
		func() {
			defer func() {
				if got, ok := recover().(string); !ok || len(got) > len(name) || got != name[:len(got)] {
					t.Errorf("%s: panic %v", name, got)
				}
			}()
			f()
		}()
	}
	if _, err := New(isa.Level(99)); err == nil {
		t.Error("New of an unknown level: no error")
	}
}
