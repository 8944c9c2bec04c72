package update

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// sizes cover no vector, tails of every length, several vectors, and the cut between blocks.
func sizes() []int {
	n := []int{0, 97, 251, 1009, block - 1, block + 19}
	for i := 1; i <= 50; i++ {
		n = append(n, i)
	}
	return n
}

// forEach runs f for the kernels of every level that this machine and build can run.
func forEach(t *testing.T, f func(t *testing.T, k *Kernels)) {
	t.Helper()
	for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			if _, err := New(l); err == nil || !strings.Contains(err.Error(), "not available") {
				t.Errorf("%s: %v", l, err)
			}
			continue
		}
		k, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		if k.Level() != l {
			t.Errorf("level %s, want %s", k.Level(), l)
		}
		t.Run(l.String(), func(t *testing.T) { f(t, k) })
	}
}

// special are values at which instruction sets could differ.
var special = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
	1e-30, 9.9e-31, -9.9e-31, 1e-38, 1e-45, 3e38, -3e38, 1e20, 1e-20,
}

// fill draws magnitudes over many scales, and now and then a special value.
func fill(r *rand.Rand, x []float32, positive bool) {
	for i := range x {
		v := float32(r.NormFloat64() * math.Exp2(float64(r.IntN(40)-30)))
		if r.IntN(8) == 0 {
			v = special[r.IntN(len(special))]
		}
		if positive {
			v = float32(math.Abs(float64(v)))
		}
		x[i] = v
	}
}

// differs is the first index at which bits differ, any NaN being equal to any other: which
// operand's payload survives is not promised.
func differs(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			return i
		}
	}
	return -1
}

// twins runs a kernel and its twin on equal guarded slices; the last one must not change.
func twins(t *testing.T, r *rand.Rand, n int, run, ref func(x [4][]float32)) {
	t.Helper()
	var g check.Guards
	var got, want [4][]float32
	for i := range got {
		got[i], want[i] = g.New(n, r.IntN(16)), g.New(n, r.IntN(16))
		fill(r, got[i], i == 2)
		copy(want[i], got[i])
	}
	before := append([]float32(nil), got[3]...)
	run(got)
	ref(want)
	for i := range got {
		if at := differs(got[i], want[i]); at >= 0 {
			t.Errorf("n=%d: array %d differs at %d: %v, want %v", n, i, at, got[i][at], want[i][at])
		}
	}
	if at := check.FirstDifference(got[3], before); at >= 0 {
		t.Errorf("n=%d: the gradient was changed at %d", n, at)
	}
	if err := g.Check(); err != nil {
		t.Errorf("n=%d: %v", n, err)
	}
}

// clips are no clipping, by value, by norm, and both.
var clips = []Clip{Unclipped(), {Bound: 0.5, Scale: 1}, {Bound: math.Inf(1), Scale: 0.37}, {Bound: 3, Scale: 0.5}}

func TestSGDTwins(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		r := rand.New(rand.NewPCG(1, 2))
		for i, n := range sizes() {
			for _, momentum := range []float64{0, 0.9} {
				for _, nesterov := range []bool{false, true} {
					s := SGD{Rate: 0.1, Decay: 0.01 * float64(i%2), Momentum: momentum, Nesterov: nesterov, Clip: clips[i%len(clips)]}
					twins(t, r, n,
						func(x [4][]float32) { k.SGD(x[0], x[1], x[3], s) },
						func(x [4][]float32) { SGDRef(x[0], x[1], x[3], s) })
				}
			}
		}
	})
}

func TestAdamTwins(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		r := rand.New(rand.NewPCG(3, 4))
		for i, n := range sizes() {
			for _, decoupled := range []bool{false, true} {
				a := Adam{Rate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 0.1 * float64(i%2), Decoupled: decoupled, Step: 1 + i, Clip: clips[i%len(clips)]}
				twins(t, r, n,
					func(x [4][]float32) { k.Adam(x[0], x[1], x[2], x[3], a) },
					func(x [4][]float32) { AdamRef(x[0], x[1], x[2], x[3], a) })
			}
		}
	})
}

func TestReductionTwins(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, n := range sizes() {
			var g check.Guards
			x := g.New(n, r.IntN(16))
			for _, wild := range []bool{false, true} {
				fill(r, x, false)
				if !wild {
					for i, v := range x {
						if !(math.Abs(float64(v)) <= math.MaxFloat32) {
							x[i] = 0
						}
					}
				}
				got, want := k.SquaredNorm(x), SquaredNormRef(x)
				if got != want && (got == got || want == want) {
					t.Errorf("n=%d: squared norm %v, want %v", n, got, want)
				}
				if m, w := k.MaxAbs(x), MaxAbsRef(x); m != w && (m == m || w == w) {
					t.Errorf("n=%d: largest magnitude %v, want %v", n, m, w)
				}
				finite := FiniteRef(x)
				if k.Finite(x) != finite || !wild && !finite || (math.IsNaN(want) || math.IsInf(want, 0)) == finite {
					t.Errorf("n=%d: finite %v, want %v; squared norm %v", n, k.Finite(x), finite, want)
				}
			}
			if err := g.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}

// One bad element anywhere is found.
func TestOneBadElement(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		const n = 77
		for i := range n {
			for _, bad := range special[:3] {
				x := make([]float32, n)
				x[i] = bad
				if k.Finite(x) || FiniteRef(x) || !(math.IsNaN(k.SquaredNorm(x)) || math.IsInf(k.SquaredNorm(x), 1)) {
					t.Errorf("%v at %d is not found", bad, i)
				}
			}
		}
	})
}

// The sum of squares of small integers is exact. Control: a sum in float32 would be off.
func TestSquaredNormIsExact(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		x := make([]float32, 1000)
		want, narrow := uint64(0), float32(0)
		for i := range x {
			v := uint64(i * 31 % 4093)
			x[i] = float32(v)
			want += v * v
			narrow += x[i] * x[i]
		}
		if got := k.SquaredNorm(x); got != float64(want) {
			t.Errorf("got %v, want %d", got, want)
		}
		if float64(narrow) == float64(want) {
			t.Error("float32 would do: the test shows nothing")
		}
	})
}

// Without gradients moments decay to 0 and never turn subnormal.
func TestMomentsNeverTurnSubnormal(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		const smallest = 0x1p-126
		w, m, v, g := make([]float32, 17), make([]float32, 17), make([]float32, 17), make([]float32, 17)
		buffer := make([]float32, 17)
		for i := range m {
			m[i], v[i], buffer[i] = 1, 1e-25, -1
		}
		for s := 1; s < 1000; s++ {
			k.Adam(w, m, v, g, Adam{Beta1: 0.9, Beta2: 0.98, Eps: 1e-8, Step: s, Clip: Unclipped()})
			k.SGD(w, buffer, g, SGD{Momentum: 0.9, Clip: Unclipped()})
			for i := range m {
				for _, x := range []float32{m[i], v[i], -buffer[i]} {
					if x != 0 && x < smallest {
						t.Fatalf("step %d: %g", s, x)
					}
				}
			}
		}
		if m[16] != 0 || v[16] != 0 || buffer[16] != 0 {
			t.Errorf("left over: %g, %g, %g", m[16], v[16], buffer[16])
		}
	})
}

// Gradients too small to matter never get as far as an operation with a subnormal result.
func TestTinyGradients(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		for _, c := range []struct {
			gradient        float32
			moment, squares bool
		}{{1e-40, false, false}, {-9e-31, false, false}, {-2e-29, true, false}, {9e-16, true, false}, {1.1e-12, true, true}} {
			w, m, v, buffer := make([]float32, 19), make([]float32, 19), make([]float32, 19), make([]float32, 19)
			g := make([]float32, 19)
			for i := range g {
				g[i] = c.gradient
			}
			k.Adam(w, m, v, g, Adam{Beta1: 0.9, Beta2: 0.9, Eps: 1e-8, Step: 1, Clip: Unclipped()})
			k.SGD(w, buffer, g, SGD{Momentum: 0.9, Clip: Unclipped()})
			for i := range g {
				if (m[i] != 0) != c.moment || (buffer[i] != 0) != c.moment || (v[i] != 0) != c.squares {
					t.Errorf("gradient %g: moments %g and %g, buffer %g", c.gradient, m[i], v[i], buffer[i])
					break
				}
			}
		}
	})
}

func TestWrongArguments(t *testing.T) {
	k, err := New(isa.Auto)
	if err != nil {
		t.Fatal(err)
	}
	x, y := make([]float32, 4), make([]float32, 3)
	ok := Adam{Step: 1}
	for name, f := range map[string]func(){
		"SGD g":    func() { k.SGD(x, x, y, SGD{}) },
		"SGD m":    func() { k.SGD(x, y, x, SGD{Momentum: 0.9}) },
		"Adam m":   func() { k.Adam(x, y, x, x, ok) },
		"Adam v":   func() { AdamRef(x, x, y, x, ok) },
		"Adam g":   func() { k.Adam(x, x, x, y, ok) },
		"Adam t=0": func() { k.Adam(x, x, x, x, Adam{}) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "update: ") {
					t.Errorf("%s: panic %q", name, s)
				}
			}()
			f()
		}()
	}
}

func TestNoAllocations(t *testing.T) {
	forEach(t, func(t *testing.T, k *Kernels) {
		w, m, v, g := make([]float32, 100), make([]float32, 100), make([]float32, 100), make([]float32, 100)
		n := testing.AllocsPerRun(10, func() {
			k.SGD(w, m, g, SGD{Rate: 0.1, Momentum: 0.9, Nesterov: true, Clip: Unclipped()})
			k.Adam(w, m, v, g, Adam{Rate: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 3, Clip: Unclipped()})
			_ = k.SquaredNorm(g)
			_ = k.Finite(g)
		})
		if n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
