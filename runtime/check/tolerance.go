package check

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/device"
)

// The one table of tolerances: how far a kernel's float32 results may be from exact arithmetic on the same inputs. Nothing is
// tuned; every bound follows from the rounding unit u, the number of roundings and the magnitudes of the terms:
//
//	a sum of n products, in any order, fused or not: gamma(n) times the sum of their magnitudes, gamma(n) = n u/(1 - n u)
//	(Higham 2002, section 3.1); the magnitudes are the kernel's own results for the absolute values of its inputs
//	functions of one argument: the ULP that package vmath states
//	statistics, softmax, losses, attention: the first-order effect of the roundings above on the definition
//
// Second-order terms are below 1 % for sums of up to 10^5 terms: bounds are stretched by that. Results below the smallest normal
// number may be flushed to zero.
const (
	u       = 0x1p-24
	stretch = 1.01
	tiny    = 0x1p-126
)

func gamma(n int) float64 { return float64(n) * u / (1 - float64(n)*u) }

// ulps are package vmath's bounds.
var ulps = map[device.Func]float64{
	device.Exp: 1, device.Log: 1, device.Tanh: 3, device.Sigmoid: 3, device.Erf: 1.5, device.GELU: 4, device.GELUTanh: 3, device.SiLU: 3,
	device.Softplus: 2, device.Sin: 2, device.Cos: 2, device.Sqrt: 0.5, device.Rsqrt: 1.5, device.Reciprocal: 0.5, device.Square: 0.5,
	device.ReLU: 0, device.Neg: 0, device.Abs: 0, device.Positive: 0, device.Sign: 0, device.LeakyReLU: 1.5,
}

const (
	// A derivative of an activation is within 4.5 ULP of 1.
	derivative = 4.5 * 2 * u
	// An exponential or logarithm inside a reduction is within 2 ULP.
	inside = 2 * 2 * u
)

// trial is one kernel call with its exact results: in are the operands (nil for absent and integer ones), ints the integer
// operands in order, out the results. States are the old values of results that are updated in place.
type trial struct {
	kernel  device.Kernel
	in      [][]float64
	ints    [][]int32
	out     [][]float64
	states  [][]float64
	compute func(in [][]float64) ([][]float64, error)
}

// bounds are the errors allowed for every element of every result.
func (t *trial) bounds() ([][]float64, error) {
	b, err := t.raw()
	if err != nil {
		return nil, err
	}
	if len(b) != len(t.out) {
		return nil, fmt.Errorf("%T: %d bounds for %d results", t.kernel, len(b), len(t.out))
	}
	for _, row := range b {
		for i := range row {
			row[i] = stretch*row[i] + tiny
		}
	}
	return b, nil
}

func (t *trial) raw() ([][]float64, error) {
	switch k := t.kernel.(type) {
	case device.Copy, device.Transpose, device.Concat, device.Gather, device.OneHot:
		return t.relative(0), nil
	case device.Unary:
		b := t.relative(0)
		for i, y := range t.out[0] {
			b[0][i] = ulps[k.F] * ulp(y)
		}
		return b, nil
	case device.ActivationGrad:
		b := t.relative(u)
		for i, dy := range t.in[2] {
			b[0][i] += derivative * math.Abs(dy)
		}
		return b, nil
	case device.Binary, device.Fill, device.Dropout:
		return t.relative(u), nil
	case device.Affine:
		b := t.relative(u)
		for i, x := range t.in[0] {
			b[0][i] += 2*u*math.Abs(k.Mul*x) + u*math.Abs(k.Add)
		}
		return b, nil
	case device.Expand:
		return t.relative(2 * u), nil
	case device.Conv2D:
		return t.sums(convTerms(k))
	case device.Pool:
		return t.pool(k)
	case device.Segment:
		return t.segment(k)
	case device.SegmentGrad:
		if k.Op == device.SegmentMean {
			return t.relative(3 * u), nil
		}
		return t.relative(0), nil
	}
	if n, ok := terms(t.kernel); ok {
		return t.sums(n)
	}
	return t.composed()
}

// terms is the number of roundings on the way to an element of a sum of products.
func terms(k device.Kernel) (int, bool) {
	switch k := k.(type) {
	case device.Matmul:
		return k.K + 1, true
	case device.Reduce:
		if k.Op == device.ReduceMax {
			return 0, true
		}
		return k.Extent + 2, true
	case device.Cumsum:
		return k.Extent, true
	case device.LinearScan:
		return 2 * k.T, true
	case device.LinearScanGrad:
		return 2*k.T + 2, true
	case device.ScatterAdd:
		return k.N, true
	case device.SpMM:
		return k.Cols + 1, true
	case device.SDDMM:
		return k.D + 1, true
	}
	return 0, false
}

func convTerms(k device.Conv2D) int {
	switch k.Kind {
	case device.ConvForward:
		return k.C/k.Groups*k.KH*k.KW + 1
	case device.ConvGradInput:
		return k.O/k.Groups*k.KH*k.KW + 1
	case device.ConvGradWeight:
		return k.N*k.OH()*k.OW() + 1
	}
	return 0
}

// composed are the kernels with a definition of several steps.
func (t *trial) composed() ([][]float64, error) {
	switch k := t.kernel.(type) {
	case device.BatchNorm:
		return t.batchNorm(k), nil
	case device.BatchNormGrad:
		return t.batchNormGrad(k), nil
	case device.RunningStats:
		return t.runningStats(k), nil
	case device.ChannelAffine:
		return t.channelAffine(k), nil
	case device.LayerNorm:
		return t.layerNorm(k), nil
	case device.LayerNormGrad:
		return t.rowNormGrad(k.M, k.N, t.in[0], t.in[1], t.in[2], t.in[3], t.in[4]), nil
	case device.RMSNorm:
		return t.rmsNorm(k), nil
	case device.RMSNormGrad:
		return t.rowNormGrad(k.M, k.N, t.in[0], t.in[1], nil, t.in[2], t.in[3])[:2], nil
	case device.Softmax:
		return t.softmax(k), nil
	case device.SoftmaxGrad:
		return t.softmaxGrad(k), nil
	case device.CrossEntropy:
		return t.crossEntropy(k), nil
	case device.SoftCrossEntropy:
		return t.softCrossEntropy(k), nil
	case device.Attention:
		return t.attention(k), nil
	case device.AttentionGrad:
		return t.attentionGrad(k.Attention), nil
	}
	return nil, fmt.Errorf("no tolerance for %T: add it to the table", t.kernel)
}

// relative bounds every result by r times its size.
func (t *trial) relative(r float64) [][]float64 { return scaled(t.out, r) }

func scaled(x [][]float64, r float64) [][]float64 {
	b := make([][]float64, len(x))
	for i, row := range x {
		b[i] = make([]float64, len(row))
		for j, v := range row {
			b[i][j] = r * math.Abs(v)
		}
	}
	return b
}

// sums bounds sums of products by gamma(n) times the kernel of absolute values.
func (t *trial) sums(n int) ([][]float64, error) {
	in := make([][]float64, len(t.in))
	for i, x := range t.in {
		in[i] = magnitudes(x)
	}
	size, err := t.compute(in)
	return scaled(size, gamma(n)), err
}

func magnitudes(x []float64) []float64 {
	if x == nil {
		return nil
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Abs(v)
	}
	return out
}

func (t *trial) pool(k device.Pool) ([][]float64, error) {
	window := k.KH * k.KW
	switch k.Kind {
	case device.MaxPoolGrad:
		// The first operand chooses, the second is added up.
		size, err := t.compute([][]float64{t.in[0], magnitudes(t.in[1])})
		return scaled(size, gamma(window)), err
	case device.AvgPool, device.AvgPoolGrad:
		return t.sums(window + 2)
	case device.MaxPool, device.MaxPoolTake:
	}
	return t.relative(0), nil
}

func (t *trial) segment(k device.Segment) ([][]float64, error) {
	if k.Op == device.SegmentMax {
		return t.relative(0), nil
	}
	return t.sums(k.N + 2)
}

// ulp is the distance to the next float32 of larger size.
func ulp(x float64) float64 {
	if x == 0 {
		return 0x1p-149
	}
	_, e := math.Frexp(x)
	return max(math.Ldexp(1, e-24), 0x1p-149)
}
