package rng

import (
	"math"
	"testing"
)

// Known answers of Random123 (kat_vectors, philox4x32 10).
func TestPhiloxKnownAnswers(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox(c.ctr, c.key); got != c.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", c.ctr, c.key, got, c.want)
		}
	}
}

// Streams are frozen: a change here changes every model.
func TestStreamsFrozen(t *testing.T) {
	want := map[string][4]uint32{
		"init/module_list.0.weight": {0xb8984ab8, 0x71f5e056, 0xa084fc06, 0xdb7e2df7},
		"data/order":                {0x8672d2a7, 0x4f1dba68, 0x8c324537, 0x8216edb1},
		"dropout/2":                 {0x585a6f4e, 0x35f4a8db, 0xf499fb98, 0x7d37a219},
	}
	for label, w := range want {
		if got := New(7, label).Block(1, 2, 3); got != w {
			t.Errorf("%q: %#x, want %#x", label, got, w)
		}
	}
}

func TestPermutation(t *testing.T) {
	s := New(1, "data/order")
	for _, n := range []int{1, 2, 3, 10, 16, 17, 1000, 5000, 50000} {
		for step := range uint64(2) {
			p := s.Permutation(n, step)
			seen := make([]bool, n)
			for i := range n {
				j := p.At(i)
				if j < 0 || j >= n || seen[j] {
					t.Fatalf("n=%d: image %d of %d is outside or taken", n, j, i)
				}
				seen[j] = true
			}
		}
	}
}

// The image of each point is uniform over steps, and so are images of neighbours: chi-squared
// with 99 degrees of freedom is below 160 except with probability 1e-4.
func TestPermutationUniform(t *testing.T) {
	s := New(3, "data/order")
	const n, draws = 100, 20000
	var first, gap [n]float64
	for step := range uint64(draws) {
		p := s.Permutation(n, step)
		a, b := p.At(0), p.At(1)
		first[a]++
		gap[(b-a+n)%n]++
	}
	chi := func(c []float64, expected float64) (x float64) {
		for _, v := range c {
			x += (v - expected) * (v - expected) / expected
		}
		return x
	}
	if x := chi(first[:], draws/n); x > 160 {
		t.Errorf("position of the first point: chi-squared %v", x)
	}
	if gap[0] != 0 {
		t.Error("two points have the same image")
	}
	if x := chi(gap[1:], draws/(n-1.)); x > 160 {
		t.Errorf("distance of neighbours: chi-squared %v", x)
	}
}

func TestLaws(t *testing.T) {
	s := New(11, "init/test")
	const n = 100000
	var u, g, g2, lo, hi float64
	lo, hi = 1, 0
	for i := range n {
		v := float64(s.Uniform(i))
		u += v
		lo, hi = math.Min(lo, v), math.Max(hi, v)
		z := s.Normal(i)
		g += z
		g2 += z * z
	}
	if math.Abs(u/n-0.5) > 0.005 || lo < 0 || hi >= 1 {
		t.Errorf("uniform: mean %v, range [%v, %v]", u/n, lo, hi)
	}
	if math.Abs(g/n) > 0.015 || math.Abs(g2/n-1) > 0.02 {
		t.Errorf("normal: mean %v, variance %v", g/n, g2/n)
	}
}
