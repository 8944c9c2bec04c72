package rows

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// eps is the unit roundoff of float32.
const eps = 1. / (1 << 24)

// ulp is the distance of the float32 numbers around v.
func ulp(v float64) float64 {
	_, e := math.Frexp(v)
	return math.Ldexp(1, max(e, -125)-24)
}

// exp and log are within 2 ULP, and do what they say at the ends.
func TestElementary(t *testing.T) {
	worst, worstLog := 0., 0.
	for i := range 200000 {
		x := float32(-87.33 + float64(i)*(175.3/200000))
		want := math.Exp(float64(x))
		worst = max(worst, math.Abs(float64(exp32(x))-want)/ulp(want))
		z := float32(math.Exp2(-126 + float64(i)*(253.9/200000)))
		if i%2 == 0 {
			z = 0.5 + float32(i)*1e-5
		}
		want = math.Log(float64(z))
		worstLog = max(worstLog, math.Abs(float64(log32(z))-want)/ulp(want))
	}
	t.Logf("exp %.2f ULP, log %.2f ULP", worst, worstLog)
	if worst > 2 || worstLog > 2 {
		t.Errorf("exp %v ULP, log %v ULP", worst, worstLog)
	}
	inf := float32(math.Inf(1))
	if exp32(-inf) != 0 || exp32(-88) != 0 || exp32(0) != 1 || log32(1) != 0 || exp32(inf-inf) == 0 || log32(inf) == log32(inf) {
		t.Error("special values are wrong")
	}
	if expRef(-800.) != 0 || math.Abs(expRef(1.)-math.E) > 1e-15 || math.Abs(logRef(2.)-math.Ln2) > 1e-16 {
		t.Error("float64 is wrong")
	}
}

func random32(r *rand.Rand, n int, mean float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + r.NormFloat64())
	}
	return x
}

// Long sums are within the stated bounds. Control: a plain chain is not.
func TestSumBounds(t *testing.T) {
	k := kernels(t, isa.Auto)
	r := rand.New(rand.NewPCG(1, 1))
	const n = 1<<20 + 13
	x := random32(r, n, 1000)
	want, magnitude, chain := 0., 0., float32(0)
	for _, v := range x {
		want += float64(v)
		magnitude += math.Abs(float64(v))
		chain += v
	}
	if got := k.Sum(x); math.Abs(got-want) > 71*eps*magnitude {
		t.Errorf("sum is %v, want %v", got, want)
	}
	if math.Abs(float64(chain)-want) < 71*eps*magnitude {
		t.Error("a plain chain passes: the test is too weak")
	}
	const m = 4096
	dst := make([]float32, 3)
	k.ColSums(dst, x[:m*3], m, 3)
	for j := range dst {
		want, magnitude = 0, 0
		for i := range m {
			want += float64(x[i*3+j])
			magnitude += math.Abs(float64(x[i*3+j]))
		}
		if math.Abs(float64(dst[j])-want) > (m/8+3)*eps*magnitude {
			t.Errorf("column sum is %v, want %v", dst[j], want)
		}
	}
}

// The variance of 300,001 numbers around 1,000 is good to the bound of a sum of squares: the
// differences are exact to eps, the squares to 2 more, the sum to 71.
func TestVariance(t *testing.T) {
	k := kernels(t, isa.Auto)
	x := random32(rand.New(rand.NewPCG(2, 2)), 300001, 1000)
	mean, variance := 0., 0.
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	got, gotVar := k.MeanVar(x)
	if math.Abs(got-mean) > 71*eps*mean || math.Abs(gotVar-variance) > 75*eps*variance {
		t.Errorf("mean %v, variance %v, want %v, %v", got, gotVar, mean, variance)
	}
	out := make([]float32, 2)
	k.ChannelStats(out[:1], out[1:], x, 1, len(x))
	if out[0] != float32(got) || out[1] != float32(gotVar) {
		t.Errorf("channel statistics %v", out)
	}
	if m, v := k.MeanVar(nil); m == m || v == v {
		t.Error("of nothing there is a mean")
	}
}

// naive softmax of one row in float64.
func naive(x []float64) (y []float64, logSum float64) {
	m, s := math.Inf(-1), 0.
	for _, v := range x {
		m = max(m, v)
	}
	for _, v := range x {
		s += math.Exp(v - m)
	}
	for _, v := range x {
		y = append(y, math.Exp(v-m)/s)
	}
	return y, m + math.Log(s)
}

// Softmax, log-sum-exp and losses of both layouts are what their definitions say.
func TestSoftmaxValues(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(3, 3))}
	k := kernels(t, isa.Auto)
	const m, n = 6, 41
	x, labels := d.normal(m*n), []int32{0, 40, -1, 7, 8, 9}
	x32, turned, turned32 := make([]float32, m*n), make([]float64, m*n), make([]float32, m*n)
	for i, v := range x {
		x[i] = float64(float32(5 * v))
		x32[i] = float32(x[i])
		turned[i%n*m+i/n], turned32[i%n*m+i/n] = x[i], x32[i]
	}
	c := Columns{n, m, m}
	y, y32, yt, yt32, mask := make([]float64, m*n), make([]float32, m*n), make([]float64, m*n), make([]float32, m*n), make([]float64, m*n)
	lse, loss, loss32, lossT, lossT32 := make([]float64, m), make([]float64, m), make([]float32, m), make([]float64, m), make([]float32, m)
	SoftmaxRef(y, x, Softmax[float64]{M: m, N: n, Scale: 1, Mask: mask, Causal: true, Offset: n - m})
	LogSumExpRef(lse, x, m, n)
	k.Softmax(y32, x32, Softmax[float32]{M: m, N: n, Scale: 1})
	CrossEntropyRef(loss, make([]float64, m*n), x, labels, m, n, 1, 0)
	k.CrossEntropy(loss32, make([]float32, m*n), x32, labels, m, n, 1, 0)
	CrossEntropyColsRef(lossT, yt, turned, labels, c, 1, 0)
	k.CrossEntropyCols(lossT32, yt32, turned32, labels, c, 1, 0)
	SoftmaxColsRef(yt, turned, c)
	k.SoftmaxCols(yt32, turned32, c)
	for i := range m {
		want, logSum := naive(x[i*n:][:n])
		short, _ := naive(x[i*n:][:n-m+1+i])
		if math.Abs(lse[i]-logSum) > 1e-13 {
			t.Errorf("log-sum-exp %v, want %v", lse[i], logSum)
		}
		for j := range n {
			seen := 0.
			if j < len(short) {
				seen = short[j]
			}
			// The argument's rounding, 2 ULP of exp, the sum, a quotient and a product.
			bound := want[j] * eps * (40 + 4 + (n/16 + 6) + 4)
			if math.Abs(y[i*n+j]-seen) > 1e-14 || math.Abs(yt[j*m+i]-want[j]) > 1e-14 ||
				math.Abs(float64(y32[i*n+j])-want[j]) > bound || math.Abs(float64(yt32[j*m+i])-want[j]) > bound+want[j]*eps*n {
				t.Errorf("softmax [%d,%d] is %v %v %v %v, want %v %v", i, j, y[i*n+j], yt[j*m+i], y32[i*n+j], yt32[j*m+i], seen, want[j])
			}
		}
		nll := 0.
		if labels[i] >= 0 {
			nll = logSum - x[i*n+int(labels[i])]
		}
		for _, got := range []float64{loss[i], lossT[i]} {
			if math.Abs(got-nll) > 1e-13 {
				t.Errorf("loss is %v, want %v", got, nll)
			}
		}
		for _, got := range []float32{loss32[i], lossT32[i]} {
			if math.Abs(float64(got)-nll) > eps*(n+60) {
				t.Errorf("loss is %v, want %v", got, nll)
			}
		}
	}
}

// What is masked by -Inf has weight 0; a row that sees nothing is 0; NaN are seen.
func TestSoftmaxMasked(t *testing.T) {
	inf, nan := float32(math.Inf(-1)), float32(math.NaN())
	for _, k := range append(levels(t), kernels(t, isa.Ref)) {
		x := []float32{1, inf, 1, inf, inf, inf, 0, nan, 0}
		y := make([]float32, 9)
		check := func(what string, transposed bool) {
			at := func(i, j int) float32 {
				if transposed {
					i, j = j, i
				}
				return y[i*3+j]
			}
			if at(0, 0) != 0.5 || at(0, 1) != 0 || at(0, 2) != 0.5 || at(1, 0) != 0 || at(1, 1) != 0 || at(1, 2) != 0 || at(2, 0) == at(2, 0) {
				t.Errorf("%s %s: %v", k.Level(), what, y)
			}
		}
		k.Softmax(y, x, Softmax[float32]{M: 3, N: 3, Scale: 1})
		check("softmax", false)
		k.Softmax(y, make([]float32, 9), Softmax[float32]{M: 3, N: 3, Scale: 1, Mask: x})
		check("mask", false)
		k.SoftmaxCols(y, []float32{1, inf, 0, inf, inf, nan, 1, inf, 0}, Columns{3, 3, 3})
		check("columns", true)
		k.LogSumExp(y[:3], x, 3, 3)
		k.LogSumExpCols(y[3:6], []float32{1, inf, 0, inf, inf, nan, 1, inf, 0}, Columns{3, 3, 3})
		for i := 0; i < 6; i += 3 {
			if math.Abs(float64(y[i])-1-math.Ln2) > 1e-6 || y[i+1] != inf || y[i+2] == y[i+2] {
				t.Errorf("%s log-sum-exp: %v", k.Level(), y[:6])
			}
		}
	}
}

// In place gives the same as apart.
func TestAliases(t *testing.T) {
	k := kernels(t, isa.Auto)
	r := rand.New(rand.NewPCG(4, 4))
	const m, n = 37, 70
	x, y, labels := random32(r, m*n, 0), make([]float32, m*n), make([]int32, n)
	row, row2, gain := make([]float32, m), make([]float32, m), random32(r, n, 1)
	c, o := Columns{m, n, n}, Norm{m, n, 1e-5}
	for name, f := range map[string]func(dst, src []float32){
		"softmax":            func(d, s []float32) { k.Softmax(d, s, Softmax[float32]{M: m, N: n, Scale: 2, Mask: gain}) },
		"gradient":           func(d, s []float32) { k.SoftmaxGrad(d, x, s, m, n, 1) },
		"log-softmax":        func(d, s []float32) { k.LogSoftmax(d, s, m, n) },
		"columns":            func(d, s []float32) { k.SoftmaxCols(d, s, c) },
		"log columns":        func(d, s []float32) { k.LogSoftmaxCols(d, s, c) },
		"loss":               func(d, s []float32) { k.CrossEntropy(row, d, s, labels[:m], m, n, 1, 0.1) },
		"loss of columns":    func(d, s []float32) { k.CrossEntropyCols(gain, d, s, labels, c, 1, 0.1) },
		"soft loss":          func(d, s []float32) { k.SoftCrossEntropy(row, d, s, x, m, n, 1) },
		"layer norm":         func(d, s []float32) { k.LayerNorm(d, row, row2, s, nil, nil, o) },
		"cumulative sum":     func(d, s []float32) { CumSum(d, s, m, n, true) },
		"cumulative columns": func(d, s []float32) { k.CumSumCols(d, s, c, true) },
		"recurrence":         func(d, s []float32) { k.Scan(d, x, s, x[:n], c) },
	} {
		src := append([]float32{}, x...)
		f(y, src)
		f(src, src)
		for i := range y {
			if y[i] != src[i] {
				t.Errorf("%s: element %d is %v in place, %v apart", name, i, src[i], y[i])
				break
			}
		}
	}
}

// Any share of rows or columns gives the bits of the whole.
func TestShares(t *testing.T) {
	k := kernels(t, isa.Auto)
	r := rand.New(rand.NewPCG(5, 5))
	const m, n = 45, 70
	x, want, got := random32(r, m*n, 0), make([]float32, m*n), make([]float32, m*n)
	k.LogSoftmax(want, x, m, n)
	for at := range m {
		k.LogSoftmax(got[at*n:][:n], x[at*n:][:n], 1, n)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d differs alone", i/n)
		}
	}
	k.SoftmaxCols(want, x, Columns{m, n, n})
	for _, s := range [][2]int{{0, 1}, {1, 17}, {18, 33}, {51, 19}} {
		k.SoftmaxCols(got[s[0]:], x[s[0]:], Columns{m, s[1], n})
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("column %d differs in a share", i%n)
		}
	}
}

// Rows are copied by index.
func TestGatherRows(t *testing.T) {
	y := make([]float32, 6)
	GatherRows(y, []float32{1, 2, 3, 4, 5, 6}, []int32{2, 0, 2}, 2)
	for i, v := range []float32{5, 6, 1, 2, 5, 6} {
		if y[i] != v {
			t.Fatalf("gathered %v", y)
		}
	}
}
