package rows

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// levels are the assembly levels of this machine.
func levels(t testing.TB) []*Kernels {
	var ks []*Kernels
	for _, l := range []isa.Level{isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			t.Logf("%s is not available here", l)
			continue
		}
		ks = append(ks, kernels(t, l))
	}
	return ks
}

func kernels(t testing.TB, l isa.Level) *Kernels {
	k, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// source makes guarded inputs and outputs of one run; outputs are what is compared.
type source struct {
	r    *rand.Rand
	g    check.Guards
	outs [][]float32
	// wild puts infinities, NaN, zeros of both signs and huge numbers among the inputs.
	wild bool
}

var wildValues = []float32{
	0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	3e38, -3e38, 1e-40, -1e-40, -104, 88, -87.4, -87.3,
}

func (s *source) in(n int) []float32 {
	x := s.g.New(n, s.r.IntN(16))
	for i := range x {
		x[i] = float32(s.r.NormFloat64() * math.Exp(s.r.NormFloat64()))
		if s.wild && s.r.IntN(20) == 0 {
			x[i] = wildValues[s.r.IntN(len(wildValues))]
		}
	}
	return x
}

// out is filled too: some kernels add.
func (s *source) out(n int) []float32 {
	x := s.in(n)
	s.outs = append(s.outs, x)
	return x
}

func (s *source) positive(n int) []float32 {
	x := s.in(n)
	for i, v := range x {
		x[i] = float32(math.Abs(float64(v)))
	}
	return x
}

func (s *source) number(v float64) {
	s.outs = append(s.outs, []float32{float32(v), float32(v - float64(float32(v)))})
}

func (s *source) ints(v []int32) {
	x := make([]float32, len(v))
	for i, w := range v {
		x[i] = float32(w)
	}
	s.outs = append(s.outs, x)
}

func (s *source) labels(n, c int) []int32 {
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(s.r.IntN(c+1) - 1)
	}
	return v
}

func (s *source) segments(count, rows int, indexed bool) Segments {
	g := Segments{Ptr: []int32{0}}
	for range count {
		step := s.r.IntN(5)
		if !indexed {
			step = min(step, rows-int(g.Ptr[len(g.Ptr)-1]))
		}
		g.Ptr = append(g.Ptr, g.Ptr[len(g.Ptr)-1]+int32(step))
	}
	if !indexed {
		return g
	}
	if rows == 0 {
		clear(g.Ptr)
	}
	g.Idx = make([]int32, g.Ptr[count])
	for i := range g.Idx {
		g.Idx[i] = int32(s.r.IntN(rows))
	}
	return g
}

// cases run every kernel on a shape of m rows of n.
var cases = map[string]func(k *Kernels, s *source, m, n int){
	"Sum":     func(k *Kernels, s *source, m, n int) { s.number(k.Sum(s.in(m * n))) },
	"Dot":     func(k *Kernels, s *source, m, n int) { s.number(k.Dot(s.in(m*n), s.in(m*n))) },
	"MeanVar": func(k *Kernels, s *source, m, n int) { a, b := k.MeanVar(s.in(m * n)); s.number(a); s.number(b) },
	"RowSums": func(k *Kernels, s *source, m, n int) { k.RowSums(s.out(m), s.in(m*n), m, n) },
	"RowDots": func(k *Kernels, s *source, m, n int) { k.RowDots(s.out(m), s.in(m*n), s.in(m*n), m, n) },
	"RowMax":  func(k *Kernels, s *source, m, n int) { k.RowMax(s.out(m), s.in(m*n), m, n) },
	"RowArgMax": func(k *Kernels, s *source, m, n int) {
		v := make([]int32, m)
		k.RowArgMax(v, s.in(m*n), m, n)
		s.ints(v)
	},
	"ColSums": func(k *Kernels, s *source, m, n int) { k.ColSums(s.out(n), s.in(m*n), m, n) },
	"AxisSums": func(k *Kernels, s *source, m, n int) {
		k.AxisSums(s.out(3*n), s.in(3*m*n), 3, m, n)
		k.AxisSums(s.out(m), s.in(m*n), m, n, 1)
	},
	"AxisMax": func(k *Kernels, s *source, m, n int) {
		k.AxisMax(s.out(3*n), s.in(3*m*n), 3, m, n)
		k.AxisMax(s.out(m), s.in(m*n), m, n, 1)
	},
	"Softmax": func(k *Kernels, s *source, m, n int) {
		o := Softmax[float32]{M: m, N: n, Scale: 0.7}
		k.Softmax(s.out(m*n), s.in(m*n), o)
		o.Mask = s.in(n)
		k.Softmax(s.out(m*n), s.in(m*n), o)
		o.Mask, o.Causal, o.Offset = s.in(m*n), true, n-m
		k.Softmax(s.out(m*n), s.in(m*n), o)
	},
	"SoftmaxGrad": func(k *Kernels, s *source, m, n int) {
		k.SoftmaxGrad(s.out(m*n), s.positive(m*n), s.in(m*n), m, n, 0.3)
	},
	"LogSoftmax":     func(k *Kernels, s *source, m, n int) { k.LogSoftmax(s.out(m*n), s.in(m*n), m, n) },
	"LogSoftmaxGrad": func(k *Kernels, s *source, m, n int) { k.LogSoftmaxGrad(s.out(m*n), s.in(m*n), s.in(m*n), m, n) },
	"LogSumExp":      func(k *Kernels, s *source, m, n int) { k.LogSumExp(s.out(m), s.in(m*n), m, n) },
	"CrossEntropy": func(k *Kernels, s *source, m, n int) {
		k.CrossEntropy(s.out(m), s.out(m*n), s.in(m*n), s.labels(m, n), m, n, 0.25, 0)
		k.CrossEntropy(s.out(m), s.out(m*n), s.in(m*n), s.labels(m, n), m, n, 0.25, 0.1)
	},
	"SoftCrossEntropy": func(k *Kernels, s *source, m, n int) {
		k.SoftCrossEntropy(s.out(m), s.out(m*n), s.in(m*n), s.positive(m*n), m, n, 0.25)
	},
	"LayerNorm": func(k *Kernels, s *source, m, n int) {
		o := Norm{m, n, 1e-5}
		k.LayerNorm(s.out(m*n), s.out(m), s.out(m), s.in(m*n), s.in(n), s.in(n), o)
		k.LayerNorm(s.out(m*n), s.out(m), s.out(m), s.in(m*n), nil, nil, o)
	},
	"LayerNormGrad": func(k *Kernels, s *source, m, n int) {
		o := Norm{m, n, 1e-5}
		k.LayerNormGrad(s.out(m*n), s.out(n), s.out(n), s.in(m*n), s.in(m*n), s.in(n), s.in(m), s.positive(m), o)
		k.LayerNormGrad(s.out(m*n), nil, nil, s.in(m*n), s.in(m*n), nil, s.in(m), s.positive(m), o)
	},
	"RMSNorm": func(k *Kernels, s *source, m, n int) {
		o := Norm{m, n, 1e-5}
		k.RMSNorm(s.out(m*n), s.out(m), s.in(m*n), s.in(n), o)
		k.RMSNorm(s.out(m*n), s.out(m), s.in(m*n), nil, o)
	},
	"RMSNormGrad": func(k *Kernels, s *source, m, n int) {
		o := Norm{m, n, 1e-5}
		k.RMSNormGrad(s.out(m*n), s.out(n), s.in(m*n), s.in(m*n), s.in(n), s.positive(m), o)
		k.RMSNormGrad(s.out(m*n), nil, s.in(m*n), s.in(m*n), nil, s.positive(m), o)
	},
	"Channel": func(k *Kernels, s *source, m, n int) {
		k.ChannelStats(s.out(m), s.out(m), s.in(m*n), m, n)
		k.ChannelAffine(s.out(m*n), s.in(m*n), s.in(m), s.in(m), s.in(m), m, n, true)
		k.ChannelAffine(s.out(m*n), s.in(m*n), nil, s.in(m), s.in(m), m, n, false)
		for _, relu := range []bool{false, true} {
			o := ChannelGrad[float32]{C: m, L: n, DY: s.in(m * n), X: s.in(m * n), Mean: s.in(m), RStd: s.positive(m), Gain: s.in(m)}
			if relu {
				o.Y = s.in(m * n)
			}
			dgain, dbias := s.out(m), s.out(m)
			k.ChannelGradSums(dgain, dbias, o)
			k.ChannelGradInput(s.out(m*n), dgain, dbias, o)
			k.ChannelGradInput(s.out(m*n), nil, nil, o)
		}
	},
	"Cols": func(k *Kernels, s *source, m, n int) {
		c := Columns{m, n, n + s.r.IntN(3)}
		size := m * c.Stride
		k.SoftmaxCols(s.out(size), s.in(size), c)
		k.SoftmaxColsGrad(s.out(size), s.in(size), s.in(size), c)
		k.LogSoftmaxCols(s.out(size), s.in(size), c)
		k.LogSoftmaxColsGrad(s.out(size), s.in(size), s.in(size), c)
		k.LogSumExpCols(s.out(n), s.in(size), c)
		v := make([]int32, n)
		k.ArgMaxCols(v, s.in(size), c)
		s.ints(v)
		k.CrossEntropyCols(s.out(n), s.out(size), s.in(size), s.labels(n, m), c, 0.25, 0)
		k.CrossEntropyCols(s.out(n), s.out(size), s.in(size), s.labels(n, m), c, 0.25, 0.1)
		k.SoftCrossEntropyCols(s.out(n), s.out(size), s.in(size), s.positive(size), c, 0.25)
	},
	"Scans": func(k *Kernels, s *source, m, n int) {
		c := Columns{m, n, n + s.r.IntN(3)}
		size := m * c.Stride
		k.CumSumCols(s.out(size), s.in(size), c, false)
		k.CumSumCols(s.out(size), s.in(size), c, true)
		k.Scan(s.out(size), s.in(size), s.in(size), s.in(n), c)
		k.ScanGrad(s.out(size), s.out(size), s.out(n), s.in(size), s.in(size), s.in(size), s.in(n), c)
	},
	"Segments": func(k *Kernels, s *source, m, n int) {
		for _, add := range []bool{false, true} {
			k.SegmentSum(s.out(9*n), s.in(m*n), s.segments(9, m, false), n, add)
			g := s.segments(9, m, true)
			k.SegmentSum(s.out(9*n), s.in(m*n), g, n, add)
			k.SpMM(s.out(9*n), s.in(len(g.Idx)), s.in(m*n), g, n, add)
			k.SpMMGrad(s.out(len(g.Idx)), s.in(9*n), s.in(m*n), g, n)
		}
		g := s.segments(9, m, false)
		k.SegmentMax(s.out(9*n), s.in(m*n), g, n)
		k.SegmentMean(s.out(9*n), s.in(m*n), g, n)
		k.SegmentSpread(s.out(m*n), s.in(9*n), g, n, true)
		k.SegmentSpread(s.out(m*n), s.in(9*n), g, n, false)
	},
}

// run is one run of a case, the same for every level.
func run(t testing.TB, k *Kernels, name string, m, n int, seed uint64, wild bool) [][]float32 {
	s := &source{r: rand.New(rand.NewPCG(seed, uint64(m*1000+n))), wild: wild}
	cases[name](k, s, m, n)
	if err := s.g.Check(); err != nil {
		t.Fatalf("%s %s %dx%d: %v", k.Level(), name, m, n, err)
	}
	// Payloads of NaN are outside the promise.
	for _, x := range s.outs {
		for i, v := range x {
			if v != v {
				x[i] = float32(math.NaN())
			}
		}
	}
	return s.outs
}

func compare(t testing.TB, name string, m, n int, seed uint64, wild bool) {
	t.Helper()
	want := run(t, kernels(t, isa.Ref), name, m, n, seed, wild)
	for _, k := range levels(t) {
		for o, got := range run(t, k, name, m, n, seed, wild) {
			if i := check.FirstDifference(got, want[o]); i >= 0 {
				t.Fatalf("%s %s %dx%d wild=%v: output %d element %d is %v (%08x), twin %v (%08x)", k.Level(), name, m, n, wild, o, i,
					got[i], math.Float32bits(got[i]), want[o][i], math.Float32bits(want[o][i]))
			}
		}
	}
}

// Every kernel gives the bits of its twin at every level, whatever the shape and the values.
func TestTwins(t *testing.T) {
	shapes := [][2]int{
		{0, 3},
		{3, 0},
		{1, 1},
		{2, 15},
		{3, 16},
		{1, 17},
		{5, 31},
		{7, 33},
		{9, 64},
		{40, 10},
		{70, 3},
		{17, 127},
		{10, 129},
		{33, 65},
		{2, 1031},
		{1, Block},
		{2, Block + 1},
		{1, 2*Block + 77},
	}
	for name := range cases {
		t.Run(name, func(t *testing.T) {
			for i, s := range shapes {
				compare(t, name, s[0], s[1], uint64(i), false)
				compare(t, name, s[0], s[1], uint64(i), true)
			}
		})
	}
}

// A row of more than one step of blocks, and columns of more than one call.
func TestTwinsLong(t *testing.T) {
	for _, name := range []string{"Sum", "MeanVar", "RowMax", "Softmax", "LogSoftmax"} {
		compare(t, name, 1, (group+2)*Block+5, 1, false)
	}
	compare(t, "ColSums", 30, 1<<14+3, 1, false)
	compare(t, "Cols", 65, 2100, 1, false)
}

func FuzzTwins(f *testing.F) {
	names := slices.Sorted(maps.Keys(cases))
	f.Add(uint8(0), uint8(3), uint16(20), uint64(1), true)
	f.Fuzz(func(t *testing.T, which, m uint8, n uint16, seed uint64, wild bool) {
		compare(t, names[int(which)%len(names)], int(m)%40, int(n)%300, seed, wild)
	})
}

// A level that cannot run is an error; the outcome names its level.
func TestNew(t *testing.T) {
	if _, err := New(isa.Level(77)); err == nil {
		t.Error("unknown level is accepted")
	}
	if k := kernels(t, isa.Auto); k.Level() != isa.Best() {
		t.Errorf("auto is %s", k.Level())
	}
}

// Nothing is allocated.
func TestAllocations(t *testing.T) {
	for _, k := range append(levels(t), kernels(t, isa.Ref)) {
		r := rand.New(rand.NewPCG(1, 1))
		s := &source{r: r}
		m, n := 9, 37
		x, y, z, q, row, col := s.in(m*n), s.in(m*n), s.in(m*n), s.positive(m*n), s.in(m), s.in(n)
		row2, col2 := s.positive(m), s.in(n)
		labels, ints, g := s.labels(m, n), make([]int32, n), s.segments(9, m, true)
		wide := s.in(9 * n)
		c, o := Columns{m, n, n}, Norm{m, n, 1e-5}
		calls := map[string]func(){
			"reductions": func() {
				k.Sum(x)
				k.MeanVar(x)
				k.RowSums(row, x, m, n)
				k.RowDots(row, x, y, m, n)
				k.ColSums(col, x, m, n)
			},
			"softmax": func() {
				k.Softmax(y, x, Softmax[float32]{M: m, N: n, Scale: 1, Mask: col, Causal: true})
				k.SoftmaxGrad(z, y, x, m, n, 1)
				k.LogSoftmax(y, x, m, n)
				k.LogSumExp(row, x, m, n)
				k.RowArgMax(ints[:m], x, m, n)
			},
			"losses": func() {
				k.CrossEntropy(row, z, x, labels, m, n, 1, 0.1)
				k.SoftCrossEntropy(row, z, x, q, m, n, 1)
				clear(ints)
				k.CrossEntropyCols(col, z, x, ints, c, 1, 0.1)
				k.SoftmaxCols(y, x, c)
			},
			"norms": func() {
				k.LayerNorm(y, row, row2, x, col, col2, o)
				k.LayerNormGrad(z, col, col2, x, y, col, row, row2, o)
				k.RMSNormGrad(z, col, x, y, col, row2, o)
				k.ChannelStats(row, row2, x, m, n)
				k.ChannelGradSums(row, row2, ChannelGrad[float32]{m, n, x, y, nil, row, row2, row})
			},
			"segments": func() {
				k.SpMM(wide, x[:len(g.Idx)], y, g, n, true)
				k.Scan(z, x, y, col, c)
				k.SegmentSum(wide, y, g, n, false)
			},
		}
		for name, f := range calls {
			if a := testing.AllocsPerRun(20, f); a != 0 {
				t.Errorf("%s %s: %v allocations", k.Level(), name, a)
			}
		}
	}
}

func TestPanics(t *testing.T) {
	k := kernels(t, isa.Auto)
	x := make([]float32, 12)
	for name, f := range map[string]func(){
		"length":  func() { k.RowSums(x[:3], x[:11], 3, 4) },
		"label":   func() { k.CrossEntropy(x[:3], x, x, []int32{0, 4, 1}, 3, 4, 1, 0) },
		"index":   func() { k.SegmentSum(x[:4], x[4:], Segments{[]int32{0, 1}, []int32{2}}, 4, false) },
		"order":   func() { k.SegmentSum(x[:8], x[8:], Segments{[]int32{0, 1, 0}, nil}, 4, false) },
		"scale":   func() { k.Softmax(x, x, Softmax[float32]{M: 3, N: 4}) },
		"stride":  func() { k.SoftmaxCols(x, x, Columns{3, 4, 3}) },
		"columns": func() { k.SoftmaxCols(x, x, Columns{3, 4, 5}) },
	} {
		func() {
			defer func() {
				if _, ok := recover().(string); !ok {
					t.Errorf("%s: no panic with a string", name)
				}
			}()
			f()
		}()
	}
}
