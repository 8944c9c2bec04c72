package vmath

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// levels are the assembly levels of this machine and build, with the twins under both types.
func levels(t testing.TB) []*Kernels {
	t.Helper()
	var ks []*Kernels
	for _, l := range []isa.Level{isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
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

// arena hands out slices between canaries, off alignment by any number of elements.
type arena[T Float] struct {
	all [][]T
	r   *rand.Rand
}

const (
	margin = 17
	canary = -1234.5
)

func (a *arena[T]) slice(n int) []T {
	off := margin + a.r.IntN(16)
	s := make([]T, off+n+margin)
	for i := range s {
		s[i] = canary
	}
	a.all = append(a.all, s, s[off:off+n])
	return s[off : off+n : off+n]
}

// copied returns a guarded copy.
func (a *arena[T]) copied(s []T) []T {
	c := a.slice(len(s))
	copy(c, s)
	return c
}

func (a *arena[T]) check(t *testing.T, what string) {
	t.Helper()
	for i := 0; i < len(a.all); i += 2 {
		s, in := a.all[i], len(a.all[i+1])
		off := len(s) - in - margin
		for j, v := range s {
			if (j < off || j >= off+in) && v != canary {
				t.Fatalf("%s: element %d of a slice of %d was overwritten", what, j-off, in)
			}
		}
	}
	a.all = a.all[:0]
}

// sameBits compares; any NaN equals any other.
func sameBits[T Float](t *testing.T, what string, got, want []T, x ...[]T) {
	t.Helper()
	for i := range want {
		if bits(got[i]) != bits(want[i]) && (!isNaN(got[i]) || !isNaN(want[i])) {
			args := []T{}
			for _, s := range x {
				args = append(args, s[i])
			}
			t.Fatalf("%s: element %d of %d is %v (%x), twin %v (%x), arguments %v", what, i, len(want), got[i], bits(got[i]), want[i], bits(want[i]), args)
		}
	}
}

// specials are the edges of the functions.
var specials = []float64{
	0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1, -1, 0.5, -0.5, math.Sqrt2 - 1, math.Sqrt2, math.Sqrt(0.5),
	0x1p-149, -0x1p-149, 0x1p-127, -0x1p-126, 0x1p-1074, -0x1p-1074, 0x1p-1022, math.MaxFloat32, -math.MaxFloat32, math.MaxFloat64, -math.MaxFloat64,
	88.72283, 88.72284, -87.33655, -103.97, -104, -110, 709.78, 709.79, -708.4, -745.13, -745.2, -760, 9.01, 10, 19.06, 20, 3.9, 5.9, 13, 14.2, 15, -15, 37.5, 38.5, 40, -40,
	-10.5, -11, -21.5, -22, math.Pi, math.Pi / 2, math.Pi / 4, 3 * math.Pi / 4, 1e5, -1e5, 0x1p17, 0x1p17 + 1, 0x1p30, 0x1p30 + 1, 1e9, -1e9, 1e30, 4096, -4096,
}

// draw mixes special values, random bits and numbers of ordinary size.
func draw[T Float](r *rand.Rand, n int) []T {
	x := make([]T, n)
	for i := range x {
		switch r.IntN(5) {
		case 0:
			x[i] = T(specials[r.IntN(len(specials))])
		case 1:
			x[i] = fromBits[T](r.Uint64())
		case 2:
			x[i] = T(r.NormFloat64())
		case 3:
			x[i] = T(r.NormFloat64() * 30)
		default:
			x[i] = T(math.Ldexp(r.Float64()-0.5, r.IntN(80)-60))
		}
	}
	return x
}

func testLengths(r *rand.Rand) []int {
	n := []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 257, block + 5}
	for range 6 {
		n = append(n, r.IntN(90))
	}
	return n
}

// Every level gives the twins' bits for every function, writes nothing else, and may work in
// place.
func TestTwins(t *testing.T) {
	for _, k := range levels(t) {
		t.Run(k.Level().String()+"/float32", func(t *testing.T) { testTwins(t, k.f32) })
		t.Run(k.Level().String()+"/float64", func(t *testing.T) { testTwins(t, k.f64) })
	}
}

func testTwins[T Float](t *testing.T, k *table[T]) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range testLengths(r) {
		a := &arena[T]{r: r}
		twinUnary(t, k, a, n)
		twinGrad(t, k, a, n)
		twinArithmetic(t, k, a, n)
	}
}

func twinUnary[T Float](t *testing.T, k *table[T], a *arena[T], n int) {
	for f := range funcs {
		act := Activation{Func: f, Slope: 0.01}
		x := a.copied(draw[T](a.r, n))
		want, y := make([]T, n), a.slice(n)
		ActivateRef(act, want, x)
		unary(k, act, y, x, false)
		sameBits(t, f.String(), y, want, x)
		in := a.copied(x)
		unary(k, act, in, in, false)
		sameBits(t, f.String()+" in place", in, want, x)
		a.check(t, f.String())
	}
	x := a.copied(draw[T](a.r, n))
	s, c, wantS, wantC := a.slice(n), a.slice(n), make([]T, n), make([]T, n)
	UnaryRef(Sin, wantS, x)
	UnaryRef(Cos, wantC, x)
	sincos(k, s, c, x)
	sameBits(t, "sincos", s, wantS, x)
	sameBits(t, "sincos", c, wantC, x)
	SincosRef(s, x, x)
	sameBits(t, "sincos twin", s, wantS)
	sameBits(t, "sincos twin", x, wantC)
	a.check(t, "sincos")
}

func twinGrad[T Float](t *testing.T, k *table[T], a *arena[T], n int) {
	for f := range funcs {
		if !f.Differentiable() {
			continue
		}
		act := Activation{Func: f, Slope: 0.01}
		x, dy := a.copied(draw[T](a.r, n)), a.copied(draw[T](a.r, n))
		y := a.slice(n)
		unary(k, act, y, x, false)
		for _, accumulate := range []bool{false, true} {
			want := draw[T](a.r, n)
			dx := a.copied(want)
			ActivateGradRef(act, want, x, y, dy, accumulate)
			grad(k, act, dx, x, y, dy, accumulate)
			sameBits(t, f.String()+" gradient", dx, want, x, y, dy)
		}
		want := make([]T, n)
		ActivateGradRef(act, want, x, y, dy, false)
		grad(k, act, dy, x, y, dy, false)
		sameBits(t, f.String()+" gradient in place", dy, want, x, y)
		a.check(t, f.String()+" gradient")
	}
}

func twinArithmetic[T Float](t *testing.T, k *table[T], a *arena[T], n int) {
	x, y, z := a.copied(draw[T](a.r, n)), a.copied(draw[T](a.r, n)), a.copied(draw[T](a.r, n))
	for i := range n / 3 {
		y[i] = x[i] // equal operands
	}
	want, dst := make([]T, n), a.slice(n)
	for op := range ops {
		BinaryRef(op, want, x, y)
		binary(k, op, dst, x, y)
		sameBits(t, op.String(), dst, want, x, y)
		copy(dst, y)
		binary(k, op, dst, x, dst)
		sameBits(t, op.String()+" in place", dst, want, x, y)
		b := draw[T](a.r, 1)[0]
		BinaryScalarRef(op, want, x, b)
		scalar(k, op, dst, x, b)
		sameBits(t, op.String()+" with a scalar", dst, want, x)
	}
	FMARef(want, x, y, z)
	fused(k, dst, x, y, z)
	sameBits(t, "fma", dst, want, x, y, z)
	alpha := T(a.r.NormFloat64())
	copy(want, y)
	copy(dst, y)
	AxpyRef(alpha, x, want)
	axpy(k, alpha, x, dst)
	sameBits(t, "axpy", dst, want, x, y)
	ClipRef(want, x, -2, 3)
	clip(k, dst, x, -2, 3)
	sameBits(t, "clip", dst, want, x)
	for i := range z {
		if i%3 == 0 {
			z[i] = 0
		}
	}
	SelectRef(want, z, x, y)
	pick(k, dst, z, x, y)
	sameBits(t, "select", dst, want, z, x, y)
	a.check(t, "arithmetic")
}

// Rows and columns are broadcast as by the twins, for matrices of all kinds.
func TestBroadcasts(t *testing.T) {
	for _, k := range levels(t) {
		t.Run(k.Level().String()+"/float32", func(t *testing.T) { testBroadcasts(t, k.f32) })
		t.Run(k.Level().String()+"/float64", func(t *testing.T) { testBroadcasts(t, k.f64) })
	}
}

func testBroadcasts[T Float](t *testing.T, k *table[T]) {
	r := rand.New(rand.NewPCG(3, 4))
	shapes := [][2]int{{0, 0}, {0, 5}, {5, 0}, {1, 1}, {1, 40}, {40, 1}, {7, 13}, {3, 16}, {2, block + 3}, {700, 29}, {5, 64}}
	for _, s := range shapes {
		m, n := s[0], s[1]
		a := &arena[T]{r: r}
		x, row, col := a.copied(draw[T](r, m*n)), a.copied(draw[T](r, n)), a.copied(draw[T](r, m))
		if m == 0 || n == 0 {
			x = x[:0]
		}
		want, y := make([]T, len(x)), a.slice(len(x))
		for _, op := range []Op{Add, Mul} {
			rows(nil, op, want, x, row)
			rows(k, op, y, x, row)
			sameBits(t, op.String()+" row", y, want, x)
			for i := range want {
				if v := twinsOf[T]().binary[op](x[i], row[i%n]); bits(v) != bits(want[i]) && !isNaN(v) {
					t.Fatalf("%v: row %d", s, i)
				}
			}
			cols(nil, op, want, x, col)
			cols(k, op, y, x, col)
			sameBits(t, op.String()+" column", y, want, x)
		}
		a.check(t, "broadcast")
	}
}

// Bytes are converted as by the twin.
func TestFromBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, k := range levels(t) {
		for _, n := range testLengths(r) {
			src := make([]uint8, n+3)[3:]
			for i := range src {
				src[i] = uint8(r.Uint32())
			}
			a := &arena[float32]{r: r}
			dst, want := a.slice(n), make([]float32, n)
			k.FromBytes(dst, src, 1/(255*0.3081), -0.1307/0.3081)
			FromBytesRef(want, src, 1/(255*0.3081), -0.1307/0.3081)
			sameBits(t, "bytes", dst, want)
			a.check(t, "bytes")
		}
	}
}
