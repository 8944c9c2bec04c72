package vmath

import (
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Names are read back; unknown ones are refused.
func TestNames(t *testing.T) {
	for f := range funcs {
		if got, err := ParseFunc(f.String()); err != nil || got != f {
			t.Errorf("%v: %v, %v", f, got, err)
		}
	}
	if _, err := ParseFunc("swish"); err == nil || !strings.Contains(err.Error(), `"swish"`) {
		t.Errorf("unknown name: %v", err)
	}
	if s := Func(-1).String() + Op(99).String() + RDiv.String(); s != "Func(-1)Op(99)rdiv" {
		t.Error(s)
	}
	for f := range funcs {
		if twins32.unary[f] == nil && f != LeakyReLU {
			t.Errorf("%v has no twin", f)
		}
	}
	for o := range ops {
		if twins64.binary[o] == nil {
			t.Errorf("%v has no twin", o)
		}
	}
}

// Misuse panics with a constant string before anything is written.
func TestMisuse(t *testing.T) {
	k, err := New(isa.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if k.Level() != isa.Ref {
		t.Error(k.Level())
	}
	if _, err := New(isa.Level(77)); err == nil {
		t.Error("a level that does not exist was accepted")
	}
	two, three := make([]float32, 2), make([]float32, 3)
	for name, c := range map[string]struct {
		message string
		f       func()
	}{
		"unary":     {badLength, func() { k.Unary(Exp, two, three) }},
		"function":  {badFunc, func() { k.Unary(Func(99), two, two) }},
		"slope":     {needsSlope, func() { k.Unary(LeakyReLU, two, two) }},
		"sincos":    {badLength, func() { k.Sincos(two, three, three) }},
		"gradient":  {badLength, func() { k.ActivateGrad(Activation{Func: Tanh}, two, two, two, three, false) }},
		"no slope":  {noGradient, func() { k.ActivateGrad(Activation{Func: Exp}, two, two, two, two, false) }},
		"binary":    {badLength, func() { k.Binary(Add, two, two, three) }},
		"operation": {badOp, func() { k.Binary(Op(-1), two, two, two) }},
		"scalar":    {badLength, func() { k.BinaryScalar(Add, two, three, 1) }},
		"fma":       {badLength, func() { k.FMA(two, two, three, two) }},
		"axpy":      {badLength, func() { k.Axpy(1, two, three) }},
		"clip":      {badLength, func() { k.Clip(two, three, 0, 1) }},
		"select":    {badLength, func() { k.Select(two, two, three, two) }},
		"row":       {badShape, func() { k.AddRow(three, three, two) }},
		"column":    {badShape, func() { k.MulCol(three, three, nil) }},
		"matrix":    {badLength, func() { k.AddCol(two, three, two) }},
		"bytes":     {badLength, func() { k.FromBytes(two, []uint8{1}, 1, 0) }},
	} {
		func() {
			defer func() {
				if got := recover(); got != c.message {
					t.Errorf("%s: panic %v, want %q", name, got, c.message)
				}
			}()
			c.f()
		}()
	}
}

// Nothing is allocated.
func TestAllocations(t *testing.T) {
	for _, l := range []isa.Level{isa.Ref, isa.Best()} {
		k, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		x, y, src := make([]float32, 40), make([]float32, 40), make([]uint8, 40)
		x64, y64 := make([]float64, 40), make([]float64, 40)
		allocs := testing.AllocsPerRun(10, func() {
			k.Unary(GELU, y, x)
			k.Unary64(GELU, y64, x64)
			k.Sincos(y, y, x)
			k.ActivateGrad(Activation{Func: SiLU}, y, x, x, x, true)
			k.Binary(Max, y, x, x)
			k.BinaryScalar(Mul, y, x, 2)
			k.FMA(y, x, x, x)
			k.Axpy(2, x, y)
			k.Clip(y, x, 0, 1)
			k.Select(y, x, x, y)
			k.AddRow(y, x, x[:10])
			k.MulCol(y, x, x[:8])
			k.FromBytes(y, src, 1, 0)
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations", l, allocs)
		}
	}
}

// FuzzTwins looks for arguments on which levels differ.
func FuzzTwins(f *testing.F) {
	for _, s := range specials {
		f.Add(math.Float64bits(s), uint64(math.Float32bits(float32(s))), uint8(3))
	}
	ks := levels(f)
	f.Fuzz(func(t *testing.T, b64, b32 uint64, length uint8) {
		n := int(length%40) + 1
		for _, k := range ks {
			fuzzTwins(t, k.f32, fromBits[float32](b32), n)
			fuzzTwins(t, k.f64, fromBits[float64](b64), n)
		}
	})
}

func fuzzTwins[T Float](t *testing.T, k *table[T], v T, n int) {
	x, y, want := make([]T, n), make([]T, n), make([]T, n)
	for i := range x {
		x[i] = v
	}
	for f := range funcs {
		a := Activation{Func: f, Slope: 0.2}
		ActivateRef(a, want, x)
		unary(k, a, y, x, false)
		sameBits(t, f.String(), y, want, x)
		if !f.Differentiable() {
			continue
		}
		dx, wantDx := make([]T, n), make([]T, n)
		ActivateGradRef(a, wantDx, x, y, x, false)
		grad(k, a, dx, x, y, x, false)
		sameBits(t, f.String()+" gradient", dx, wantDx, x)
	}
}
