package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// kernels are those of this machine's assembly levels, and the pure-Go ones.
func kernels(t testing.TB) []*Kernels {
	t.Helper()
	var ks []*Kernels
	for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
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
		t.Fatalf("%s: element %d of %d is %v (%08x), twin %v (%08x)", what, i, len(want), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
	}
}

// plain is a convolution with square kernel, stride and padding.
func plain(c, size, n, o, k, stride, pad int) Conv2D {
	return Conv2D{c, size, size, n, o, k, k, stride, stride, pad, pad, 1, 1, 1}
}

// shapes are those of networks, small, and odd ones.
var shapes = []Conv2D{
	plain(3, 6, 16, 13, 3, 1, 1),
	plain(7, 5, 64, 20, 3, 1, 1),
	plain(12, 4, 48, 6, 3, 2, 1),
	plain(9, 6, 33, 17, 1, 2, 0),
	plain(3, 8, 80, 10, 4, 4, 0),
	plain(8, 3, 10, 33, 2, 1, 0),
	plain(1, 1, 1, 1, 1, 1, 0),
	plain(2, 7, 5, 3, 7, 1, 3),
	plain(70, 2, 17, 70, 3, 1, 1),
	plain(5, 3, 300, 3, 3, 1, 1),
	plain(20, 9, 16, 8, 3, 1, 1),
	plain(90, 4, 64, 7, 1, 1, 0),
	plain(1, 2, 3, 2, 2, 3, 1),
	plain(1, 1, 2, 2, 1, 2, 3), // windows that see nothing of the image
	{4, 1, 19, 20, 9, 1, 5, 1, 2, 0, 2, 1, 1, 1},
	{6, 7, 9, 12, 8, 3, 3, 2, 1, 2, 1, 2, 1, 2},
	{8, 6, 5, 16, 8, 3, 3, 1, 1, 1, 1, 1, 1, 8},
	{3, 11, 7, 4, 5, 3, 2, 3, 2, 0, 1, 2, 3, 1},
	{2, 3, 90, 16, 2, 1, 3, 1, 1, 0, 1, 1, 1, 1},
	{2, 9, 8, 18, 3, 4, 3, 4, 3, 2, 1, 2, 2, 1},
}

// random is a small shape that passes Check.
func random(r *rand.Rand) Conv2D {
	for {
		g := 1 + r.IntN(3)
		c := Conv2D{
			C: g * (1 + r.IntN(8)), H: 1 + r.IntN(9), W: 1 + r.IntN(9), N: 1 + r.IntN(70), O: g * (1 + r.IntN(9)),
			KH: 1 + r.IntN(4), KW: 1 + r.IntN(4), StrideH: 1 + r.IntN(3), StrideW: 1 + r.IntN(3),
			PadH: r.IntN(3), PadW: r.IntN(3), DilationH: 1 + r.IntN(3), DilationW: 1 + r.IntN(2), Groups: g,
		}
		if c.Check() == nil && c.FLOPs() < 1e6 {
			return c
		}
	}
}

func TestTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := shapes
	for range 30 {
		all = append(all, random(r))
	}
	for _, c := range all {
		testTwins(t, c)
	}
}

func FuzzTwins(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { testTwins(t, random(rand.New(rand.NewPCG(seed, 0)))) })
}

// testTwins compares every level with the pure-Go functions, in all options.
func testTwins(t *testing.T, c Conv2D) {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	r := rand.New(rand.NewPCG(uint64(c.C), uint64(c.N)))
	in := data{
		x: fill(r, make([]float32, c.XSize())), w: fill(r, make([]float32, c.WSize())), b: fill(r, make([]float32, c.O)),
		dy: fill(r, make([]float32, c.YSize())), dx: fill(r, make([]float32, c.XSize())), dw: fill(r, make([]float32, c.WSize())),
	}
	for _, add := range []bool{false, true} {
		y, dx, dw, db := make([]float32, c.YSize()), clone(in.dx), clone(in.dw), clone(in.b)
		bias, biasGrad := in.b, db
		if add {
			bias = nil
		}
		ForwardRef(c, y, in.x, in.w, bias)
		GradInputRef(c, dx, in.dy, in.w, add)
		GradWeightsRef(c, dw, biasGrad, in.x, in.dy, add)
		for _, k := range kernels(t) {
			what := fmt.Sprintf("%s %+v add=%v", k.Level(), c, add)
			got := in.run(t, k, c, add)
			same(t, what+" forward", got[0], y)
			same(t, what+" gradient of x", got[1], dx)
			same(t, what+" gradient of weights", got[2], dw)
			same(t, what+" gradient of bias", got[3], db)
		}
	}
}

func clone(x []float32) []float32 { return append([]float32(nil), x...) }

type data struct{ x, w, b, dy, dx, dw []float32 }

// run runs the plans on guarded, misaligned slices, chunks in reverse order.
func (in *data) run(t *testing.T, k *Kernels, c Conv2D, add bool) [4][]float32 {
	t.Helper()
	var g check.Guards
	offset := 0
	put := func(x []float32) []float32 {
		offset = (offset + c.C + 4) % 16
		s := g.New(len(x), offset)
		copy(s, x)
		return s
	}
	dirty := func(n int) []float32 {
		s := g.New(n, 3)
		for i := range s {
			s[i] = float32(math.NaN())
		}
		return s
	}
	x, w, dy, dx, dw, db := put(in.x), put(in.w), put(in.dy), put(in.dx), put(in.dw), put(in.b)
	b := put(in.b)
	if add {
		b = nil
	}
	y := dirty(c.YSize())
	f := k.Forward(c)
	for i := range f.Chunks() {
		f.Run(f.Chunks()-1-i, y, x, w, b, dirty(f.Scratch()))
	}
	gi := k.GradInput(c)
	for i := range gi.Chunks() {
		gi.Run(gi.Chunks()-1-i, dx, dy, w, add, dirty(gi.Scratch()))
	}
	gw := k.GradWeights(c)
	for i := range gw.Chunks() {
		gw.Run(gw.Chunks()-1-i, dw, db, x, dy, add, dirty(gw.Scratch()))
	}
	if err := g.Check(); err != nil {
		t.Fatalf("%s %+v: %v", k.Level(), c, err)
	}
	for _, p := range [][2][]float32{{x, in.x}, {w, in.w}, {dy, in.dy}} {
		same(t, "input", p[0], p[1])
	}
	return [4][]float32{y, dx, dw, db}
}

// The generator counts words.
func TestArgumentLayout(t *testing.T) {
	if unsafe.Offsetof(tileArgs{}.rest) != 28*8 || unsafe.Sizeof(tileArgs{}) != 34*8 {
		t.Error("tileArgs differ from the generator's list")
	}
	if unsafe.Offsetof(weightArgs{}.lines) != 15*8 {
		t.Error("weightArgs differ from the generator's list")
	}
	if unsafe.Offsetof(poolArgs{}.rest) != 13*8 || unsafe.Sizeof(poolArgs{}) != 18*8 {
		t.Error("poolArgs differ from the generator's list")
	}
	if unsafe.Offsetof(laneMask{}.bits) != 64 {
		t.Error("laneMask differs from the generator's list")
	}
}

// Chunks run at the same time write what they write one after the other, and nothing twice.
func TestConcurrentChunks(t *testing.T) {
	c := plain(70, 9, 80, 70, 3, 1, 1)
	r := rand.New(rand.NewPCG(3, 4))
	x, w, dy := fill(r, make([]float32, c.XSize())), fill(r, make([]float32, c.WSize())), fill(r, make([]float32, c.YSize()))
	for _, k := range kernels(t)[1:] {
		f, gi, gw := k.Forward(c), k.GradInput(c), k.GradWeights(c)
		pass := func(each func(chunks int, run func(chunk int))) [4][]float32 {
			y, dx := make([]float32, c.YSize()), make([]float32, c.XSize())
			dw, db := make([]float32, c.WSize()), make([]float32, c.O)
			each(f.Chunks(), func(i int) { f.Run(i, y, x, w, nil, make([]float32, f.Scratch())) })
			each(gi.Chunks(), func(i int) { gi.Run(i, dx, dy, w, false, make([]float32, gi.Scratch())) })
			each(gw.Chunks(), func(i int) { gw.Run(i, dw, db, x, dy, false, make([]float32, gw.Scratch())) })
			return [4][]float32{y, dx, dw, db}
		}
		want := pass(func(chunks int, run func(int)) {
			for i := range chunks {
				run(i)
			}
		})
		got := pass(func(chunks int, run func(int)) {
			if chunks < 2 {
				t.Errorf("%d chunks: nothing to run at the same time", chunks)
			}
			var wait sync.WaitGroup
			for i := range chunks {
				wait.Go(func() { run(i) })
			}
			wait.Wait()
		})
		for i := range got {
			same(t, k.Level().String(), got[i], want[i])
		}
	}
}
