package detmath

import (
	"math"
	"testing"
)

func near(t *testing.T, name string, x, got, want, tol float64) {
	t.Helper()
	if math.Abs(got-want) > tol*math.Max(math.Abs(want), 1e-300) {
		t.Errorf("%s(%v) = %v, want %v", name, x, got, want)
	}
}

func TestAgainstMath(t *testing.T) {
	for i := range 20000 {
		x := -690 + float64(i)*0.069
		near(t, "Exp", x, Exp(x), math.Exp(x), 1e-15)
		y := math.Exp(x)
		near(t, "Log", y, Log(y), math.Log(y), 4e-16)
		p := (float64(i) + 0.5) / 20000
		near(t, "NormalQuantile", p, NormalQuantile(p), math.Sqrt2*math.Erfinv(2*p-1), 1e-12)
	}
	for _, p := range []float64{1e-300, 1e-20, 1e-12} {
		x := NormalQuantile(p)
		near(t, "tail", p, 0.5*math.Erfc(-x/math.Sqrt2), p, 1e-12)
	}
}

func TestSpecial(t *testing.T) {
	if !math.IsInf(Log(0), -1) || !math.IsNaN(Log(-1)) || !math.IsNaN(Exp(math.NaN())) || Exp(0) != 1 || Log(1) != 0 {
		t.Error("special values are wrong")
	}
}

// The bits are part of the numerics version: a change here changes every model.
func TestFrozenBits(t *testing.T) {
	for _, c := range []struct {
		got  float64
		want uint64
	}{
		{Exp(-1.25), 0x3fd25618372a584f}, {Log(0.3), 0xbff34378fcbda721}, {NormalQuantile(0.01), 0xc0029c5c4630ff0e},
	} {
		if math.Float64bits(c.got) != c.want {
			t.Errorf("got %#x (%v), want %#x", math.Float64bits(c.got), c.got, c.want)
		}
	}
}
