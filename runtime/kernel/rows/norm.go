package rows

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Norm is the shape of a normalisation along rows: M rows of N elements; Eps is added to the
// variance (or the mean square) inside the root.
type Norm struct {
	M, N int
	Eps  float64
}

// LayerNorm is y = (x-mean)*rstd*gain + bias with the mean and 1/sqrt(variance + Eps) of each
// row, the variance divided by N: y and x [M,N], mean and rstd [M], gain and bias [N], or both
// nil for 1 and 0. y may be x.
func (k *Kernels) LayerNorm(y, mean, rstd, x, gain, bias []float32, o Norm) {
	layerNorm(k.level, y, mean, rstd, x, gain, bias, o)
}

// LayerNormRef is the twin of LayerNorm.
func LayerNormRef[T Float](y, mean, rstd, x, gain, bias []T, o Norm) {
	layerNorm(isa.Ref, y, mean, rstd, x, gain, bias, o)
}

func layerNorm[T Float](l isa.Level, y, mean, rstd, x, gain, bias []T, o Norm) {
	m, n := o.M, o.N
	need(len(y) == m*n && len(x) == m*n && len(mean) == m && len(rstd) == m &&
		len(gain) == len(bias) && (len(gain) == 0 || len(gain) == n))
	step := tile(m, n)
	for at := 0; at < m; at += step {
		rows, i := min(step, m-at), at*n
		mt, rt := mean[at:][:rows], rstd[at:][:rows]
		rowSums(l, termX, mt, x[i:], nil, nil, rows, n)
		scale(mt, n)
		rowSums(l, termSquare, rt, x[i:], nil, mt, rows, n)
		inverseRoots(rt, o)
		normalise(l, y[i:], x[i:], gain, bias, mt, rt, rows, n)
	}
}

// scale divides sums by n.
func scale[T Float](sums []T, n int) {
	for r, s := range sums {
		sums[r] = T(float64(s) / float64(n))
	}
}

// inverseRoots makes sums of squares 1/sqrt(sum/N + Eps).
func inverseRoots[T Float](sums []T, o Norm) {
	for r, s := range sums {
		sums[r] = T(1 / math.Sqrt(float64(s)/float64(o.N)+o.Eps))
	}
}

// normalise writes y = (x-a)*c*gain+bias for some rows; bias may be nil if a is 0.
func normalise[T Float](l isa.Level, y, x, gain, bias, a, c []T, rows, n int) {
	if n == 0 {
		return
	}
	var zeros [group]T
	if a == nil {
		a = zeros[:]
	}
	for j := 0; j < n; j += callFloats {
		w := min(callFloats, n-j)
		switch {
		case len(gain) == 0:
			rowAffine(l, y[j:], x[j:], a, c, zeros[:], rows, w, n)
		case bias == nil:
			rowNormGain(l, y[j:], x[j:], gain[j:], c, rows, w, n)
		default:
			rowNorm(l, y[j:], x[j:], gain[j:], bias[j:], a, c, rows, w, n)
		}
	}
}

// LayerNormGrad is the gradient of LayerNorm: dx [M,N] is set, dgain and dbias [N] are added to
// (nil if gain is). Parameter gradients are sums over tiles of rows, in order: parts of the
// rows may be done by different workers into sums of their own. dx may be dy.
func (k *Kernels) LayerNormGrad(dx, dgain, dbias, dy, x, gain, mean, rstd []float32, o Norm) {
	layerNormGrad(k.level, dx, dgain, dbias, dy, x, gain, mean, rstd, o)
}

// LayerNormGradRef is the twin of LayerNormGrad.
func LayerNormGradRef[T Float](dx, dgain, dbias, dy, x, gain, mean, rstd []T, o Norm) {
	layerNormGrad(isa.Ref, dx, dgain, dbias, dy, x, gain, mean, rstd, o)
}

func layerNormGrad[T Float](l isa.Level, dx, dgain, dbias, dy, x, gain, mean, rstd []T, o Norm) {
	m, n := o.M, o.N
	need(len(dx) == m*n && len(dy) == m*n && len(x) == m*n && len(mean) == m && len(rstd) == m &&
		(len(gain) == 0 || len(gain) == n) && len(dgain) == len(gain) && len(dbias) == len(gain))
	step := tile(m, n)
	for at := 0; at < m && n > 0; at += step {
		rows, i := min(step, m-at), at*n
		mt, rt := mean[at:][:rows], rstd[at:][:rows]
		var c1, c2 [group]T
		backSumRows(l, c1[:], c2[:], dy[i:], x[i:], nil, gain, mt, rows, n)
		scale(c1[:rows], n)
		curvature(c2[:rows], rt, n)
		for j, w := 0, strip(n, rows); j < n && len(gain) > 0; j += w {
			colNormSums(l, dgain[j:], dbias[j:], dy[i+j:], x[i+j:], mt, rt, rows, min(w, n-j), n)
		}
		backDxRows(l, dx[i:], dy[i:], x[i:], nil, gain, mt, rt, c1[:], c2[:], rows, n)
	}
}

// curvature makes sums of dy*(x-mean) the factors of x-mean in dx: times rstd^2/n.
func curvature[T Float](sums, rstd []T, n int) {
	for r, s := range sums {
		f := float64(rstd[r])
		sums[r] = T(float64(float64(f*f)*float64(s)) / float64(n))
	}
}

// backSumRows are sums of dy and dy*(x-a), dy seen through y or gain; rows longer than Block
// are summed by blocks.
func backSumRows[T Float](l isa.Level, s1, s2, dy, x, y, gain, a []T, rows, n int) {
	if n <= Block {
		backSumBlock(l, s1, s2, dy, x, y, gain, a, rows, n)
		return
	}
	for r := range rows {
		var t1, t2 float64
		for j := 0; j < n; j += Block {
			var p1, p2 [1]T
			i, yt, gt := r*n+j, y, gain
			if len(y) > 0 {
				yt = y[i:]
			}
			if len(gain) > 0 {
				gt = gain[j:]
			}
			backSumBlock(l, p1[:], p2[:], dy[i:], x[i:], yt, gt, a[r:], 1, min(Block, n-j))
			t1 += float64(p1[0])
			t2 += float64(p2[0])
		}
		s1[r], s2[r] = T(t1), T(t2)
	}
}

func backSumBlock[T Float](l isa.Level, s1, s2, dy, x, y, gain, a []T, rows, n int) {
	switch {
	case len(gain) > 0:
		rowBackSumsGain(l, s1, s2, dy, x, gain, a, rows, n, n)
	case len(y) > 0:
		rowBackSumsReLU(l, s1, s2, dy, x, y, a, rows, n, n)
	default:
		rowBackSums(l, s1, s2, dy, x, a, rows, n, n)
	}
}

// backDxRows is dx = ((dy-c1)-(x-a)*c2)*k, dy seen through y or gain.
func backDxRows[T Float](l isa.Level, dx, dy, x, y, gain, a, k, c1, c2 []T, rows, n int) {
	for j := 0; j < n; j += callFloats {
		w := min(callFloats, n-j)
		switch {
		case len(gain) > 0:
			rowBackDxGain(l, dx[j:], dy[j:], x[j:], gain[j:], a, k, c1, c2, rows, w, n)
		case len(y) > 0:
			rowBackDxReLU(l, dx[j:], dy[j:], x[j:], y[j:], a, k, c1, c2, rows, w, n)
		default:
			rowBackDx(l, dx[j:], dy[j:], x[j:], a, k, c1, c2, rows, w, n)
		}
	}
}

// RMSNorm is y = x*rstd*gain with 1/sqrt(mean of x^2 + Eps) of each row: y and x [M,N], rstd
// [M], gain [N] or nil for 1. y may be x.
func (k *Kernels) RMSNorm(y, rstd, x, gain []float32, o Norm) { rmsNorm(k.level, y, rstd, x, gain, o) }

// RMSNormRef is the twin of RMSNorm.
func RMSNormRef[T Float](y, rstd, x, gain []T, o Norm) { rmsNorm(isa.Ref, y, rstd, x, gain, o) }

func rmsNorm[T Float](l isa.Level, y, rstd, x, gain []T, o Norm) {
	m, n := o.M, o.N
	need(len(y) == m*n && len(x) == m*n && len(rstd) == m && (len(gain) == 0 || len(gain) == n))
	step := tile(m, n)
	for at := 0; at < m; at += step {
		rows, i := min(step, m-at), at*n
		rt := rstd[at:][:rows]
		rowSums(l, termXY, rt, x[i:], x[i:], nil, rows, n)
		inverseRoots(rt, o)
		normalise(l, y[i:], x[i:], gain, nil, nil, rt, rows, n)
	}
}

// RMSNormGrad is the gradient of RMSNorm: dx [M,N] is set, dgain [N] (nil if gain is) added to,
// as LayerNormGrad does. dx may be dy.
func (k *Kernels) RMSNormGrad(dx, dgain, dy, x, gain, rstd []float32, o Norm) {
	rmsNormGrad(k.level, dx, dgain, dy, x, gain, rstd, o)
}

// RMSNormGradRef is the twin of RMSNormGrad.
func RMSNormGradRef[T Float](dx, dgain, dy, x, gain, rstd []T, o Norm) {
	rmsNormGrad(isa.Ref, dx, dgain, dy, x, gain, rstd, o)
}

func rmsNormGrad[T Float](l isa.Level, dx, dgain, dy, x, gain, rstd []T, o Norm) {
	m, n := o.M, o.N
	need(len(dx) == m*n && len(dy) == m*n && len(x) == m*n && len(rstd) == m &&
		(len(gain) == 0 || len(gain) == n) && len(dgain) == len(gain))
	step := tile(m, n)
	var zeros [group]T
	for at := 0; at < m && n > 0; at += step {
		rows, i := min(step, m-at), at*n
		rt := rstd[at:][:rows]
		var c1, c2 [group]T
		backSumRows(l, c1[:], c2[:], dy[i:], x[i:], nil, gain, zeros[:], rows, n)
		curvature(c2[:rows], rt, n)
		for j, w := 0, strip(n, rows); j < n && len(gain) > 0; j += w {
			colScaleSums(l, dgain[j:], dy[i+j:], x[i+j:], rt, rows, min(w, n-j), n)
		}
		backDxRows(l, dx[i:], dy[i:], x[i:], nil, gain, zeros[:], rt, zeros[:], c2[:], rows, n)
	}
}
