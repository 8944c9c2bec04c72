package check

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
)

// statistics are the mean, biased variance and 1/sqrt(variance+eps) of a group with the errors allowed for the mean and variance and
// the relative one of the root.
type statistics struct{ mean, variance, rstd, eMean, eVariance, rel float64 }

func statisticsOf(x []float64, eps float64) statistics {
	n, size := float64(len(x)), 0.0
	var s statistics
	for _, v := range x {
		s.mean, size = s.mean+v/n, size+math.Abs(v)/n
	}
	for _, v := range x {
		s.variance += (v - s.mean) * (v - s.mean) / n
	}
	s.rstd = 1 / math.Sqrt(s.variance+eps)
	s.eMean = gamma(len(x)+2)*size + u*math.Abs(s.mean)
	// Deviations from a mean that is off add the square of the error.
	s.eVariance = gamma(len(x)+6)*s.variance + s.eMean*s.eMean
	s.rel = 0.5*s.eVariance/(s.variance+eps) + 3*u
	return s
}

// normalised is the error of (x-mean)*rstd*gamma + beta.
func (s *statistics) normalised(x, gain, beta float64) float64 {
	d := math.Abs(x - s.mean)
	scale := math.Abs(gain) * s.rstd
	return scale*(d*(s.rel+4*u)+s.eMean) + u*math.Abs(beta)
}

func (t *trial) batchNorm(k device.BatchNorm) [][]float64 {
	b := t.relative(0)
	for c := range k.C {
		s := statisticsOf(t.in[0][c*k.L:(c+1)*k.L], k.Eps)
		for i := c * k.L; i < (c+1)*k.L; i++ {
			b[0][i] = s.normalised(t.in[0][i], t.in[1][c], t.in[2][c])
		}
		b[1][c], b[2][c], b[3][c] = s.eMean, s.eVariance, s.rstd*s.rel
	}
	return b
}

func (t *trial) layerNorm(k device.LayerNorm) [][]float64 {
	b := t.relative(0)
	for r := range k.M {
		s := statisticsOf(t.in[0][r*k.N:(r+1)*k.N], k.Eps)
		for j := range k.N {
			b[0][r*k.N+j] = s.normalised(t.in[0][r*k.N+j], t.in[1][j], t.in[2][j])
		}
		b[1][r], b[2][r] = s.eMean, s.rstd*s.rel
	}
	return b
}

func (t *trial) rmsNorm(k device.RMSNorm) [][]float64 {
	b := t.relative(0)
	// The mean square is a sum of N+3 roundings, its root halves the relative error.
	rel := gamma(k.N+3)/2 + 3*u
	for i, y := range t.out[0] {
		b[0][i] = (rel + 3*u) * math.Abs(y)
	}
	for r, v := range t.out[1] {
		b[1][r] = rel * v
	}
	return b
}

func (t *trial) channelAffine(k device.ChannelAffine) [][]float64 {
	b := t.relative(0)
	for c := range k.C {
		s := statistics{mean: t.in[3][c], rstd: 1 / math.Sqrt(t.in[4][c]+k.Eps), rel: 3 * u}
		for i := c * k.L; i < (c+1)*k.L; i++ {
			b[0][i] = s.normalised(t.in[0][i], t.in[1][c], t.in[2][c])
		}
	}
	return b
}

func (t *trial) runningStats(k device.RunningStats) [][]float64 {
	b := t.relative(0)
	for i := range b {
		for c := range b[i] {
			b[i][c] = gamma(6) * ((1-k.Momentum)*math.Abs(t.states[i][c]) + k.Momentum*2*math.Abs(t.in[i][c]))
		}
	}
	return b
}

// batchNormGrad: dx = gamma rstd (d - dbeta/L - xhat dgamma/L).
func (t *trial) batchNormGrad(k device.BatchNormGrad) [][]float64 {
	x, gain, y, mean, rstd, dy := t.in[0], t.in[1], t.in[2], t.in[3], t.in[4], t.in[5]
	b, n := t.relative(0), float64(k.L)
	for c := range k.C {
		d, hat := make([]float64, k.L), make([]float64, k.L)
		sumD, sumDX := 0.0, 0.0
		for j := range k.L {
			i := c*k.L + j
			if !k.ReLU || y[i] > 0 {
				d[j] = math.Abs(dy[i])
			}
			hat[j] = math.Abs(x[i]-mean[c]) * rstd[c]
			sumD, sumDX = sumD+d[j], sumDX+d[j]*hat[j]
		}
		eBeta, eGamma := gamma(k.L+1)*sumD, gamma(k.L+4)*sumDX
		dGamma, dBeta := math.Abs(t.out[1][c]), math.Abs(t.out[2][c])
		for j := range k.L {
			size := d[j] + dBeta/n + hat[j]*dGamma/n
			b[0][c*k.L+j] = math.Abs(gain[c]) * rstd[c] * (gamma(10)*size + eBeta/n + hat[j]*eGamma/n)
		}
		b[1][c], b[2][c] = eGamma, eBeta
	}
	return b
}

// rowNormGrad: dx = rstd (d - mean d - xhat mean(d xhat)) with d = dy gamma; without a mean the second term is not there.
func (t *trial) rowNormGrad(m, n int, x, gain, mean, rstd, dy []float64) [][]float64 {
	b := [][]float64{make([]float64, m*n), make([]float64, n), make([]float64, n)}
	for r := range m {
		d, hat := make([]float64, n), make([]float64, n)
		sumD, sumDX := 0.0, 0.0
		for j := range n {
			i, a := r*n+j, 0.0
			if mean != nil {
				a = mean[r]
			}
			hat[j] = math.Abs(x[i]-a) * rstd[r]
			d[j] = math.Abs(dy[i] * gain[j])
			sumDX += d[j] * hat[j]
			if mean != nil {
				sumD += d[j]
			}
			b[1][j] += gamma(m+5) * math.Abs(dy[i]) * hat[j]
			b[2][j] += gamma(m+1) * math.Abs(dy[i])
		}
		for j := range n {
			size := d[j]*10*u + sumD/float64(n)*gamma(n+13) + hat[j]*sumDX/float64(n)*gamma(n+16)
			b[0][r*n+j] = rstd[r] * size
		}
	}
	return b
}
