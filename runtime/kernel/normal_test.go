package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/rng"
)

// draws gives every lane a stream and a sample of its own.
func normalDraws(seed uint64) *Normals {
	s := new(Normals)
	s.SetSample(1<<33+5, 7, 3)
	for lane := range Lanes {
		s.SetLane(lane, rng.New(seed+uint64(lane), "noise/test").Key())
	}
	return s
}

func TestNormalTwins(t *testing.T) {
	s := normalDraws(1)
	for _, e := range []struct{ from, rows, cols, width int }{
		{0, 1, 1, 1}, {3, 2, 2, 2}, {0, 1, 3, 3}, {1, 3, 4, 4}, {2, 5, 12, 13}, {0, 9, 24, 24}, {4, 3, 7, 10}, {0, 1, 40, 40}, {5, 2, 1, 9},
	} {
		draw := func(k *Kernels) []float32 {
			var g check.Guards
			dst := g.New(e.rows*e.cols*Lanes, 3)
			k.Normals(dst, s, e.from, e.rows, e.cols, e.width)
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			return dst
		}
		want := draw(ref(t))
		for _, k := range levels(t) {
			same(t, fmt.Sprintf("%s %+v", k.Level(), e), draw(k), want)
		}
		// The definition.
		for r := range e.rows {
			for c := range e.cols {
				lane := (r + 3*c) % Lanes
				b := rng.New(1+uint64(lane), "noise/test").Block(uint32((e.from+r)*((e.width+3)/4)+c/4), uint32(7+3*lane), 1<<33+5)
				if got, want := want[(r*e.cols+c)*Lanes+lane], NormalOf(b[c%4]); got != want {
					t.Fatalf("%+v: row %d, column %d, lane %d: %v, want %v", e, r, c, lane, got, want)
				}
			}
		}
	}
}

// A word is turned into the quantile that the documentation names, within the error it names.
func TestNormalQuantile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	worst := 0.0
	try := func(w uint32) {
		w = w&^signBit | 1
		p := float64(w) / (1 << 32)
		x := float64(NormalOf(w))
		// The tail of x differs from p by the density times the error.
		e := math.Abs(0.5*math.Erfc(x/math.Sqrt2)-p) / (math.Exp(-x*x/2) / math.Sqrt(2*math.Pi))
		// Above 2^24 the word is rounded to 24 bits: 2^-25 of p, and p/density is below 1.26 there.
		if bound := 1e-6 + math.Abs(x)*0x1p-22; e > bound {
			t.Fatalf("word %08x: %v is off by %.2g, bound %.2g", w, x, e, bound)
		}
		worst = max(worst, e)
		if y := NormalOf(-w); float64(y) != -x || NormalOf(w-1) != NormalOf(w) {
			t.Fatalf("word %08x: %v and %v are not opposite", w, x, y)
		}
	}
	for k := range 31 {
		for d := range uint32(3) {
			try(1<<k - 1 + d)
		}
	}
	try(0)
	try(1<<31 - 1)
	for range 200000 {
		try(r.Uint32() >> r.IntN(31))
	}
	t.Logf("largest error %.2g, largest draw %v", worst, NormalOf(0))
}

// Moments and the distribution's distance of a million draws.
func TestNormalLaw(t *testing.T) {
	k, err := New(Auto)
	if err != nil {
		t.Fatal(err)
	}
	const rows, cols = 64, 1000
	x := make([]float32, rows*cols*Lanes)
	k.Normals(x, normalDraws(11), 0, rows, cols, cols)
	var sums [5]float64
	const bins = 64
	var counts [bins]float64
	for _, v := range x {
		p := 1.0
		for i := range sums {
			sums[i] += p
			p *= float64(v)
		}
		counts[min(bins-1, int(bins*0.5*math.Erfc(-float64(v)/math.Sqrt2)))]++
	}
	n := sums[0]
	for i, want := range []float64{1, 0, 1, 0, 3} {
		se := math.Sqrt([]float64{0, 1, 2, 15, 96}[i] / n)
		if got := sums[i] / n; math.Abs(got-want) > 4*se {
			t.Errorf("moment %d is %v, want %v (standard error %v)", i, got, want, se)
		}
	}
	chi := 0.0
	for _, c := range counts {
		d := c - n/bins
		chi += d * d / (n / bins)
	}
	// 63 degrees of freedom: mean 63, deviation 11.2.
	if chi < 63-4*11.2 || chi > 63+4*11.2 {
		t.Errorf("chi-square %v", chi)
	}
	// Neighbours and lanes are not correlated.
	for _, d := range []int{1, Lanes, 4 * Lanes, cols * Lanes} {
		c := 0.0
		for i := range len(x) - d {
			c += float64(x[i]) * float64(x[i+d])
		}
		if m := float64(len(x) - d); math.Abs(c/m) > 4/math.Sqrt(m) {
			t.Errorf("draws %d apart have correlation %v", d, c/m)
		}
	}
}

func TestPerturbTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	n := 40 * Lanes
	y, v, e := fill(r, make([]float32, n)), fill(r, make([]float32, n)), fill(r, make([]float32, n))
	for i := range v {
		v[i] = abs(v[i])
		if i%7 == 0 {
			v[i] = 0
		}
		if i%11 == 0 {
			v[i] *= 1e-20
		}
	}
	v[5], v[6] = float32(math.NaN()), float32(math.Inf(1))
	wy, wv := append([]float32(nil), y...), append([]float32(nil), v...)
	perturbRef(wy, wv, e)
	for i := range y {
		if i == 5 || i == 6 {
			if wy[i]-wy[i] == 0 {
				t.Errorf("variance %v gives %v", v[i], wy[i])
			}
			continue
		}
		s := math.Sqrt(float64(v[i]) + 1e-15)
		if d := math.Abs(float64(wy[i]) - float64(y[i]) - s*float64(e[i])); d > 4e-7*(math.Abs(float64(y[i]))+s*math.Abs(float64(e[i]))) {
			t.Fatalf("v = %v: y is off by %v", v[i], d)
		}
		if want := float64(e[i]) / (2 * s); math.Abs(float64(wv[i])-want) > 4e-7*math.Abs(want) {
			t.Fatalf("v = %v: slope %v, want %v", v[i], wv[i], want)
		}
	}
	for _, k := range levels(t) {
		gy, gv := append([]float32(nil), y...), append([]float32(nil), v...)
		k.Perturb(gy, gv, e)
		same(t, k.Level().String()+" y", gy, wy)
		same(t, k.Level().String()+" slope", gv, wv)
	}
}

// The pooled variational convolution is the composition of its parts, on every level.
func TestVariationalForwardTwins(t *testing.T) {
	for _, c := range []Conv{{1, 28, 28, 8, 5, 5}, {8, 12, 12, 6, 5, 5}, {6, 4, 4, 4, 2, 2}, {3, 9, 8, 15, 3, 3}, {20, 1, 1, 10, 1, 1}, {2, 7, 7, 17, 3, 2}} {
		for _, perLane := range []bool{false, true} {
			want := runVariational(t, ref(t), c, perLane)
			for _, k := range levels(t) {
				for i, got := range runVariational(t, k, c, perLane) {
					same(t, fmt.Sprintf("%s %+v per lane %v, result %d", k.Level(), c, perLane, i), got, want[i])
				}
			}
		}
	}
}

func runVariational(t *testing.T, k *Kernels, c Conv, perLane bool) [4][]float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(c.OutC), uint64(c.W)))
	p, q := Params{PerLane: perLane}, Params{PerLane: perLane}
	p.W, p.B = fill(r, make([]float32, c.Weights()*p.step())), fill(r, make([]float32, c.OutC*p.step()))
	q.W, q.B = fill(r, make([]float32, c.Weights()*p.step())), make([]float32, c.OutC*p.step())
	for i, v := range q.W {
		q.W[i] = v * v
	}
	x := fill(r, make([]float32, c.InSize()))
	xx := make([]float32, len(x))
	k.Mul(xx, x, x)
	s := normalDraws(uint64(c.H))
	var g check.Guards
	y, slope, noise := g.New(c.OutSize(), 1), g.New(c.OutSize(), 2), g.New(c.OutSize(), 3)
	k.VariationalForward(c, y, slope, x, xx, p, q, s, noise)
	pooled, pslope, scratch := g.New(c.PooledSize(), 4), g.New(c.PooledSize(), 5), g.New(k.NoiseScratch(c), 6)
	code := make([]uint32, c.PooledSize())
	k.VariationalPoolForward(c, pooled, pslope, code, x, xx, p, q, s, scratch)
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	ow := c.OW()
	for i := range pooled {
		pw := ow / 2
		at, lane := i/Lanes, i%Lanes
		o, py, px := at/(pw*(c.OH()/2)), at/pw%(c.OH()/2), at%pw
		from := (o*c.OH()+2*py)*ow + 2*px
		j := from + int(code[i]&1) + int(code[i]>>1)*ow
		if pooled[i] != y[j*Lanes+lane] || pslope[i] != slope[j*Lanes+lane] || max(y[from*Lanes+lane], y[(from+1)*Lanes+lane], y[(from+ow)*Lanes+lane], y[(from+ow+1)*Lanes+lane]) != pooled[i] {
			t.Fatalf("%s %+v: pooled element %d is not the maximum of its window", k.Level(), c, i)
		}
	}
	return [4][]float32{y, slope, pooled, pslope}
}

// Misuse panics before anything is written.
func TestVariationalMisuse(t *testing.T) {
	k := ref(t)
	c := Conv{1, 4, 4, 2, 2, 2}
	for name, f := range map[string]func(){
		"normals": func() { k.Normals(make([]float32, 16), new(Normals), 0, 2, 1, 1) },
		"columns": func() { k.Normals(make([]float32, 64), new(Normals), 0, 1, 4, 3) },
		"perturb": func() { k.Perturb(make([]float32, 16), make([]float32, 16), make([]float32, 8)) },
		"forward": func() {
			k.VariationalForward(c, make([]float32, c.OutSize()), nil, nil, nil, Params{}, Params{}, new(Normals), nil)
		},
		"pool": func() {
			k.VariationalPoolForward(c, make([]float32, c.PooledSize()), nil, nil, nil, nil, Params{}, Params{}, new(Normals), nil)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func BenchmarkNormals(b *testing.B) {
	for _, l := range []Level{AVX2, AVX512} {
		if !Supported(l) {
			continue
		}
		k, err := New(l)
		if err != nil {
			b.Fatal(err)
		}
		s := normalDraws(1)
		dst := make([]float32, 24*8*Lanes)
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				k.Normals(dst, s, 0, 8, 24, 24)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/draw")
		})
		v, y := make([]float32, len(dst)), make([]float32, len(dst))
		b.Run(l.String()+"/perturb", func(b *testing.B) {
			for b.Loop() {
				k.Perturb(y, v, dst)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/draw")
		})
	}
}
