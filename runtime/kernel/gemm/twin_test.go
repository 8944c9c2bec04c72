package gemm

import (
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"
)

// Every level gives the bits of the definition for all transposes, starts, sizes and leading
// dimensions, and writes nothing else.
func TestLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		s := Shape{TransA: i&1 != 0, TransB: i&2 != 0, M: size(r), N: size(r), K: size(r)}
		if s.M*s.N*s.K > 1<<17 {
			continue
		}
		p := newProblem(r, s, r.IntN(2)*r.IntN(20), starts[r.IntN(4)])
		want, old := p.naive(), append([]float32(nil), p.c...)
		for _, k := range levels(t) {
			copy(p.c, old)
			plan := k.Plan(s)
			k.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, p.guards.New(plan.Scratch(), r.IntN(16)))
			p.expect(t, k.Level().String(), want)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// size draws a dimension: mostly small, sometimes prime and larger than a tile or a pass.
func size(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return r.IntN(4)
	case 1:
		return 1 + r.IntN(20)
	case 2:
		return []int{16, 31, 32, 37, 48, 61, 64, 97}[r.IntN(8)]
	}
	return []int{7, 113, 131, 257, 311, 521}[r.IntN(6)]
}

// Shapes around every limit of the plans: passes over k, packing, one tile, several chunks, blocks.
func TestLimits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range []Shape{
		{M: 0, N: 5, K: 5},
		{M: 5, N: 0, K: 5},
		{M: 5, N: 5, K: 0},
		{M: 1, N: 1, K: 1},
		{M: 17, N: 10, K: 1030},
		{M: 40, N: 65, K: 515},
		{M: 2, N: 530, K: 130},
		{M: 510, N: 17, K: 19},
		{M: 7, N: 515, K: 129},
		{M: 61, N: 67, K: 300},
		{M: 16, N: 16, K: 1024},
		{M: 20, N: 260, K: 1030},
		{M: 133, N: 257, K: 128},
		{M: 131, N: 131, K: 515},
		{M: 131, N: 259, K: 129},
		{M: 129, N: 172, K: 128},
	} {
		for i, start := range starts {
			s.TransA, s.TransB = i&1 != 0, i&2 != 0
			for range 2 {
				p := newProblem(r, s, 3, start)
				want, old := p.naive(), append([]float32(nil), p.c...)
				for _, k := range append(levels(t), blocking(t)...) {
					plan := k.Plan(s)
					copy(p.c, old)
					// Chunks in reverse, each with scratch of its own.
					for c := plan.Chunks() - 1; c >= 0; c-- {
						scratch := p.guards.New(plan.Scratch(), r.IntN(16))
						for j := range scratch {
							scratch[j] = float32(math.NaN())
						}
						plan.Run(c, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, scratch)
					}
					p.expect(t, k.Level().String()+" "+start, want)
				}
				s.TransA = !s.TransA
			}
		}
	}
}

// blocking gives kernels that block products as early as they can.
func blocking(t *testing.T) (all []*Kernels) {
	for _, k := range levels(t) {
		if k.t != nil {
			early := *k.t
			early.large = 0
			all = append(all, &Kernels{k.level, &early})
		}
	}
	return all
}

// Bits do not depend on how C is cut: single rows and columns equal the whole.
func TestCuts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	s := Shape{TransB: true, M: 37, N: 70, K: 530}
	for _, k := range levels(t)[1:] {
		p := newProblem(r, s, 1, "column bias")
		plan := k.Plan(s)
		scratch := make([]float32, plan.Scratch())
		k.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, scratch)
		whole := append([]float32(nil), p.c...)
		clear(p.c)
		copy(p.c[extent(1, s.N, p.ldc):p.ldc], whole[s.N:p.ldc]) // padding
		for i := range s.M {
			one := Shape{TransB: true, M: 1, N: s.N, K: s.K}
			plan := k.Plan(one)
			k.Gemm(one, p.c[i*p.ldc:], p.ldc, p.a[i*p.lda:], p.lda, p.b, p.ldb, p.opt, make([]float32, plan.Scratch()))
			for j := range s.N {
				if g, w := p.c[i*p.ldc+j], whole[i*p.ldc+j]; g != w {
					t.Fatalf("%s: [%d, %d] alone is %v, in the whole %v", k.Level(), i, j, g, w)
				}
			}
		}
	}
}

// The error against float64 stays within the standard bound gamma_K sum |a||b|, with K+1 terms
// when chains start from C (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
func TestError(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	s := Shape{M: 13, N: 33, K: 700}
	wide := func(x []float32) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v)
		}
		return y
	}
	abs := func(x []float64) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = math.Abs(v)
		}
		return y
	}
	for _, k := range levels(t) {
		p := newProblem(r, s, 0, "accumulate")
		a, b, c := wide(p.a), wide(p.b), wide(p.c)
		bound := abs(c)
		opt := Options[float64]{Accumulate: true}
		GemmRef(s, c, p.ldc, a, p.lda, b, p.ldb, opt)
		GemmRef(s, bound, p.ldc, abs(a), p.lda, abs(b), p.ldb, opt)
		plan := k.Plan(s)
		k.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, make([]float32, plan.Scratch()))
		const unit = 1. / (1 << 24)
		gamma := float64(s.K+1) * unit / (1 - float64(s.K+1)*unit)
		for i, g := range p.c {
			if e := math.Abs(float64(g) - c[i]); e > gamma*bound[i] {
				t.Errorf("%s: element %d: error %g exceeds %g", k.Level(), i, e, gamma*bound[i])
			}
		}
	}
}

// The float64 product is the chain of math.FMA.
func TestFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 200 {
		s := Shape{TransA: i&1 != 0, TransB: i&2 != 0, M: r.IntN(9), N: r.IntN(9), K: r.IntN(140)}
		lda, ldb := s.K, s.N
		if s.TransA {
			lda = s.M
		}
		if s.TransB {
			ldb = s.K
		}
		draw := func(n int) []float64 {
			x := make([]float64, n)
			for i := range x {
				x[i] = r.NormFloat64()
			}
			return x
		}
		a, b, c := draw(s.M*s.K), draw(s.K*s.N), draw(s.M*s.N)
		old := append([]float64(nil), c...)
		opt := Options[float64]{Accumulate: i&4 != 0}
		GemmRef(s, c, s.N, a, lda, b, ldb, opt)
		for e, g := range c {
			want := 0.
			if opt.Accumulate {
				want = old[e]
			}
			for k := range s.K {
				want = math.FMA(a[offset(s.TransA, e/s.N, lda)+offset(!s.TransA, k, lda)], b[offset(!s.TransB, e%s.N, ldb)+offset(s.TransB, k, ldb)], want)
			}
			if g != want {
				t.Fatalf("%+v: element %d is %v, want %v", s, e, g, want)
			}
		}
	}
}

// What is too short, or contradicts itself, panics before anything is written.
func TestPanics(t *testing.T) {
	s := Shape{M: 3, N: 4, K: 5}
	x := make([]float32, 100)
	type options = Options[float32]
	for name, f := range map[string]func(k *Kernels){
		"A":           func(k *Kernels) { k.Gemm(s, x, 4, x[:14], 5, x, 4, options{}, x) },
		"B":           func(k *Kernels) { k.Gemm(s, x, 4, x, 5, x[:19], 4, options{}, x) },
		"C":           func(k *Kernels) { k.Gemm(s, x[:11], 4, x, 5, x, 4, options{}, x) },
		"lda":         func(k *Kernels) { k.Gemm(s, x, 4, x, 4, x, 4, options{}, x) },
		"ldb":         func(k *Kernels) { k.Gemm(s, x, 4, x, 5, x, 3, options{}, x) },
		"ldc":         func(k *Kernels) { k.Gemm(s, x, 3, x, 5, x, 4, options{}, x) },
		"row bias":    func(k *Kernels) { k.Gemm(s, x, 4, x, 5, x, 4, options{RowBias: x[:2]}, x) },
		"column bias": func(k *Kernels) { k.Gemm(s, x, 4, x, 5, x, 4, options{ColBias: x[:3]}, x) },
		"two starts":  func(k *Kernels) { k.Gemm(s, x, 4, x, 5, x, 4, options{ColBias: x, Accumulate: true}, x) },
		"chunk":       func(k *Kernels) { p := k.Plan(s); p.Run(1, x, 4, x, 5, x, 4, options{}, x) },
		"member": func(k *Kernels) {
			b := k.Batch(s, 3, Strides{15, 20, 12, 0})
			b.Run(0, x, 4, x, 5, x[:59], 4, options{}, make([]float32, b.Scratch()))
		},
		"no stride of C": func(k *Kernels) {
			b := k.Batch(s, 3, Strides{})
			b.Run(0, x, 4, x, 5, x, 4, options{}, make([]float32, b.Scratch()))
		},
	} {
		for _, k := range levels(t) {
			func() {
				defer func() {
					if _, constant := recover().(string); !constant {
						t.Errorf("%s, %s: no panic with a constant", name, k.Level())
					}
				}()
				f(k)
			}()
		}
	}
}

// Nothing is allocated.
func TestAllocations(t *testing.T) {
	for _, k := range levels(t) {
		s := Shape{TransA: true, TransB: true, M: 20, N: 40, K: 30}
		x, c, scratch := make([]float32, 4000), make([]float32, 4000), make([]float32, 1<<16)
		if n := testing.AllocsPerRun(10, func() {
			k.Gemm(s, c, 40, x, 20, x, 30, Options[float32]{RowBias: x}, scratch)
			b := k.Batch(s, 3, Strides{10, 10, 900, 1})
			for i := range b.Chunks() {
				b.Run(i, c, 40, x, 20, x, 30, Options[float32]{ColBias: x}, scratch)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", k.Level(), n)
		}
	}
}

// The assembler accepts registers 16 to 31 in 256-bit instructions, but AVX2 does not have them.
func TestRegisters(t *testing.T) {
	text, err := os.ReadFile("kernels_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`\b[XY](1[6-9]|2[0-9]|3[01])\b`).Find(text); m != nil {
		t.Errorf("register %s needs AVX-512", m)
	}
}

// FuzzLevels draws products from the fuzzer's numbers.
func FuzzLevels(f *testing.F) {
	f.Add(uint64(1), uint8(7), uint8(33), uint8(70), uint8(0))
	f.Add(uint64(2), uint8(0), uint8(1), uint8(255), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k, kind uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := Shape{TransA: kind&1 != 0, TransB: kind&2 != 0, M: int(m), N: int(n), K: int(k)}
		p := newProblem(r, s, int(kind>>4), starts[kind>>2&3])
		want, old := p.naive(), append([]float32(nil), p.c...)
		for _, l := range levels(t)[1:] {
			copy(p.c, old)
			plan := l.Plan(s)
			l.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, p.guards.New(plan.Scratch(), r.IntN(16)))
			p.expect(t, l.Level().String(), want)
		}
	})
}
