package fma

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA is x*y+z by big arithmetic, rounded once to float32.
func exactFMA(x, y, z float32) float32 {
	const precision = 1000
	b := func(f float32) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(float64(f)) }
	s := b(x)
	s.Mul(s, b(y)).Add(s, b(z))
	f, _ := s.Float32()
	return f
}

// The pure-Go FMA is exact for all kinds of operands, halfway cases and subnormal results
// included. Control: rounding twice must not pass.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	wrong, twice := 0, 0
	for i := range 400000 {
		x, y, z := random(r), random(r), random(r)
		switch i % 4 {
		case 1: // z near the product's negative or a tiny fraction of it
			z = float32(float64(x) * float64(y) * math.Ldexp(1, r.IntN(60)-30))
		case 2: // halfway: short mantissas
			x, y = float32(1+r.IntN(1<<13)), float32(1+r.IntN(1<<13))
			z = float32(math.Ldexp(float64(1+r.IntN(1<<24)), r.IntN(50)-48))
		case 3: // subnormal results
			x, y, z = x*1e-20, y*1e-20, float32(math.Ldexp(float64(r.IntN(1<<12)), -149))
		}
		p := float64(x) * float64(y)
		if math.IsInf(float64(x), 0) || math.IsInf(float64(y), 0) || math.IsInf(float64(z), 0) {
			continue
		}
		want := exactFMA(x, y, z)
		if got := F32(x, y, z); got != want {
			if wrong++; wrong < 10 {
				t.Errorf("F32(%b, %b, %b) = %b, want %b", x, y, z, got, want)
			}
		}
		if float32(p+float64(z)) != want {
			twice++
		}
	}
	if twice == 0 {
		t.Error("no case where rounding twice goes wrong: the test is too weak")
	}
	t.Logf("rounding twice is wrong in %d cases", twice)
	if !math.IsInf(float64(F32(1e30, 1e30, 0)), 1) || !math.IsNaN(float64(F32(float32(math.Inf(1)), 0, 1))) {
		t.Error("overflow or NaN is wrong")
	}
}

func random(r *rand.Rand) float32 {
	return float32(math.Ldexp(r.Float64()*2-1, r.IntN(40)-20))
}
