package rows

import (
	"math"
	"math/rand/v2"
	"testing"
)

// draws are float64 inputs.
type draws struct{ *rand.Rand }

func (d draws) normal(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = d.NormFloat64()
	}
	return x
}

func (d draws) positive(n int) []float64 {
	x := d.normal(n)
	for i, v := range x {
		x[i] = math.Abs(v) + 0.1
	}
	return x
}

func inner(a, b []float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// differences compares a gradient with central differences of f at every coordinate of x. The
// step 1e-5 leaves an error of about 1e-10 from the third derivative and 1e-11 from rounding;
// the rule of the project is 1e-6.
func differences(t *testing.T, what string, x, grad []float64, f func() float64) {
	t.Helper()
	const h = 1e-5
	for i, v := range x {
		x[i] = v + h
		up := f()
		x[i] = v - h
		down := f()
		x[i] = v
		if d := (up - down) / (2 * h); math.Abs(d-grad[i]) > 1e-6*max(1, math.Abs(d)) {
			t.Errorf("%s: gradient %d is %v, differences %v", what, i, grad[i], d)
		}
	}
}

const gm, gn = 5, 7

func TestSoftmaxGradients(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(1, 2))}
	x, w, y, dx := d.normal(gm*gn), d.normal(gm*gn), make([]float64, gm*gn), make([]float64, gm*gn)
	for _, o := range []Softmax[float64]{
		{M: gm, N: gn, Scale: 1},
		{M: gm, N: gn, Scale: 0.4, Mask: d.normal(gn)},
		{M: gm, N: gn, Scale: 1.4, Mask: d.normal(gm * gn), Causal: true, Offset: 1},
		{M: gm, N: gn, Scale: 1, Causal: true, Offset: -2},
	} {
		f := func() float64 { SoftmaxRef(y, x, o); return inner(y, w) }
		f()
		SoftmaxGradRef(dx, y, w, gm, gn, o.Scale)
		differences(t, "softmax", x, dx, f)
	}
	f := func() float64 { LogSoftmaxRef(y, x, gm, gn); return inner(y, w) }
	f()
	LogSoftmaxGradRef(dx, y, w, gm, gn)
	differences(t, "log-softmax", x, dx, f)
	c := Columns{gm, gn, gn}
	f = func() float64 { SoftmaxColsRef(y, x, c); return inner(y, w) }
	f()
	SoftmaxColsGradRef(dx, y, w, c)
	differences(t, "softmax of columns", x, dx, f)
	f = func() float64 { LogSoftmaxColsRef(y, x, c); return inner(y, w) }
	f()
	LogSoftmaxColsGradRef(dx, y, w, c)
	differences(t, "log-softmax of columns", x, dx, f)
}

func TestLossGradients(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(3, 4))}
	x, q, dx, spare := d.normal(gm*gn), d.positive(gm*gn), make([]float64, gm*gn), make([]float64, gm*gn)
	total := func(loss []float64) (s float64) {
		for _, v := range loss {
			s += v
		}
		return s * 0.3
	}
	loss, wide := make([]float64, gm), make([]float64, gn)
	labels, tops := []int32{3, -1, 0, 6, 3}, []int32{0, 4, -1, 2, 1, -1, 3}
	c := Columns{gm, gn, gn}
	for _, smooth := range []float64{0, 0.1} {
		f := func() float64 { CrossEntropyRef(loss, spare, x, labels, gm, gn, 0.3, smooth); return total(loss) }
		f()
		copy(dx, spare)
		differences(t, "cross-entropy", x, dx, f)
		f = func() float64 { CrossEntropyColsRef(wide, spare, x, tops, c, 0.3, smooth); return total(wide) }
		f()
		copy(dx, spare)
		differences(t, "cross-entropy of columns", x, dx, f)
	}
	f := func() float64 { SoftCrossEntropyRef(loss, spare, x, q, gm, gn, 0.3); return total(loss) }
	f()
	copy(dx, spare)
	differences(t, "soft cross-entropy", x, dx, f)
	f = func() float64 { SoftCrossEntropyColsRef(wide, spare, x, q, c, 0.3); return total(wide) }
	f()
	copy(dx, spare)
	differences(t, "soft cross-entropy of columns", x, dx, f)
}

func TestNormGradients(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(5, 6))}
	x, w, y, dx := d.normal(gm*gn), d.normal(gm*gn), make([]float64, gm*gn), make([]float64, gm*gn)
	gain, bias, mean, rstd := d.normal(gn), d.normal(gn), make([]float64, gm), make([]float64, gm)
	dgain, dbias := d.normal(gn), d.normal(gn)
	o := Norm{gm, gn, 1e-3}
	// Parameter gradients are added to what is there.
	minus := func(a, b []float64) []float64 {
		for i := range a {
			a[i] -= b[i]
		}
		return a
	}
	before, before2 := append([]float64{}, dgain...), append([]float64{}, dbias...)
	f := func() float64 { LayerNormRef(y, mean, rstd, x, gain, bias, o); return inner(y, w) }
	f()
	LayerNormGradRef(dx, dgain, dbias, w, x, gain, mean, rstd, o)
	differences(t, "layer norm x", x, dx, f)
	differences(t, "layer norm gain", gain, minus(dgain, before), f)
	differences(t, "layer norm bias", bias, minus(dbias, before2), f)
	f = func() float64 { LayerNormRef(y, mean, rstd, x, nil, nil, o); return inner(y, w) }
	f()
	LayerNormGradRef(dx, nil, nil, w, x, nil, mean, rstd, o)
	differences(t, "plain layer norm", x, dx, f)
	f = func() float64 { RMSNormRef(y, rstd, x, gain, o); return inner(y, w) }
	f()
	clear(dgain)
	RMSNormGradRef(dx, dgain, w, x, gain, rstd, o)
	differences(t, "RMS norm x", x, dx, f)
	differences(t, "RMS norm gain", gain, dgain, f)
	f = func() float64 { RMSNormRef(y, rstd, x, nil, o); return inner(y, w) }
	f()
	RMSNormGradRef(dx, nil, w, x, nil, rstd, o)
	differences(t, "plain RMS norm", x, dx, f)
}

func TestChannelGradients(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(7, 8))}
	x, w, y, dx := d.normal(gm*gn), d.normal(gm*gn), make([]float64, gm*gn), make([]float64, gm*gn)
	gain, bias, mean, variance, k := d.normal(gm), d.normal(gm), make([]float64, gm), make([]float64, gm), make([]float64, gm)
	dgain, dbias, rstd := make([]float64, gm), make([]float64, gm), make([]float64, gm)
	for _, relu := range []bool{false, true} {
		apply := func() float64 {
			for i, v := range variance {
				rstd[i] = 1 / math.Sqrt(v+1e-3)
				k[i] = gain[i] * rstd[i]
			}
			ChannelAffineRef(y, x, mean, k, bias, gm, gn, relu)
			return inner(y, w)
		}
		f := func() float64 { ChannelStatsRef(mean, variance, x, gm, gn); return apply() }
		f()
		o := ChannelGrad[float64]{C: gm, L: gn, DY: w, X: x, Mean: mean, RStd: rstd, Gain: gain}
		if relu {
			o.Y = append([]float64{}, y...)
		}
		ChannelGradSumsRef(dgain, dbias, o)
		ChannelGradInputRef(dx, dgain, dbias, o)
		differences(t, "batch norm x", x, dx, f)
		differences(t, "batch norm gain", gain, dgain, f)
		differences(t, "batch norm bias", bias, dbias, f)
		f()
		ChannelGradInputRef(dx, nil, nil, o)
		differences(t, "evaluation x", x, dx, apply)
	}
}

func TestScanGradients(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(9, 10))}
	a, b, w, h := d.normal(gm*gn), d.normal(gm*gn), d.normal(gm*gn), make([]float64, gm*gn)
	da, db, start, carry := make([]float64, gm*gn), make([]float64, gm*gn), d.normal(gn), make([]float64, gn)
	c := Columns{gm, gn, gn}
	f := func() float64 { ScanRef(h, a, b, start, c); return inner(h, w) }
	f()
	ScanGradRef(da, db, carry, w, a, h, start, c)
	differences(t, "scan a", a, da, f)
	differences(t, "scan b", b, db, f)
	differences(t, "scan start", start, carry, f)
	// In two parts, from the end.
	f()
	const cut = 2 * gn
	clear(carry)
	ScanGradRef(da[cut:], db[cut:], carry, w[cut:], a[cut:], h[cut:], h[cut-gn:cut], Columns{gm - 2, gn, gn})
	ScanGradRef(da, db, carry, w, a, h, start, Columns{2, gn, gn})
	differences(t, "scan in parts a", a, da, f)
	differences(t, "scan in parts start", start, carry, f)
	f = func() float64 { CumSumColsRef(h, b, c, false); return inner(h, w) }
	CumSumColsRef(db, w, c, true)
	differences(t, "cumulative sum of columns", b, db, f)
	f = func() float64 { CumSum(h, b, gm, gn, true); return inner(h, w) }
	CumSum(db, w, gm, gn, false)
	differences(t, "cumulative sum", b, db, f)
}

func TestSegmentGradients(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(11, 12))}
	const nodes, features = 6, 3
	s := Segments{Ptr: []int32{0, 2, 2, 5, 6}, Idx: []int32{1, 4, 0, 4, 5, 4}}
	// The transposed matrix: source to segments, with the place of each value.
	back := Segments{Ptr: []int32{0, 1, 2, 2, 2, 5, 6}, Idx: []int32{2, 0, 0, 2, 3, 2}}
	place := []int{2, 0, 1, 3, 5, 4}
	x, val, w, y := d.normal(nodes*features), d.normal(6), d.normal(4*features), make([]float64, 4*features)
	dx, dval, turned := make([]float64, nodes*features), make([]float64, 6), make([]float64, 6)
	f := func() float64 { SpMMRef(y, val, x, s, features, false); return inner(y, w) }
	for i, p := range place {
		turned[i] = val[p]
	}
	SpMMRef(dx, turned, w, back, features, false)
	SpMMGradRef(dval, w, x, s, features)
	differences(t, "sparse product x", x, dx, f)
	differences(t, "sparse product values", val, dval, f)
	f = func() float64 { SegmentSumRef(y, x, s, features, false); return inner(y, w) }
	SegmentSumRef(dx, w, back, features, false)
	differences(t, "gathered sum", x, dx, f)
	plain := Segments{Ptr: []int32{0, 2, 2, 5, 6}}
	f = func() float64 { SegmentSumRef(y, x, plain, features, false); return inner(y, w) }
	SegmentSpreadRef(dx, w, plain, features, false)
	differences(t, "segment sum", x, dx, f)
	f = func() float64 { SegmentMeanRef(y, x, plain, features); return inner(y, w) }
	SegmentSpreadRef(dx, w, plain, features, true)
	differences(t, "segment mean", x, dx, f)
	f = func() float64 { SegmentMaxRef(y, x, plain, features); return inner(y, w) }
	f()
	clear(dx)
	SegmentMaxGrad(dx, w, y, x, plain, features)
	differences(t, "segment max", x, dx, f)
}
