package check

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
)

// logits are one group of scores with the errors they come with, and what follows from them.
type logits struct {
	// x are the scores, e their absolute errors.
	x, e []float64
	// top is the maximum, p the probabilities, rel their relative errors; lse is log sum e^(x-top), eLSE its error.
	top, lse, eLSE float64
	p, rel         []float64
}

func (l *logits) solve() {
	n := len(l.x)
	l.top = math.Inf(-1)
	for _, x := range l.x {
		l.top = max(l.top, x)
	}
	l.p, l.rel = make([]float64, n), make([]float64, n)
	sum, err := 0.0, 0.0
	for i, x := range l.x {
		l.p[i] = math.Exp(x - l.top)
		// The difference is rounded, then the exponential.
		l.rel[i] = u*math.Abs(x-l.top) + inside
		if l.e != nil {
			l.rel[i] += l.e[i]
		}
		if l.p[i] == 0 {
			l.rel[i] = 0
		}
		sum += l.p[i]
		err += l.p[i] * l.rel[i]
	}
	relSum := gamma(n)
	if sum > 0 {
		relSum += err / sum
	}
	for i := range l.p {
		l.p[i] /= sum
		l.rel[i] += relSum + 3*u
	}
	l.lse = math.Log(sum)
	l.eLSE = relSum + inside*math.Abs(l.lse)
}

// groups calls f with the elements of every group along the middle axis.
func groups(outer, extent, inner int, f func(at func(i int) int)) {
	for o := range outer {
		for j := range inner {
			f(func(i int) int { return (o*extent+i)*inner + j })
		}
	}
}

// take reads a group.
func take(x []float64, n int, at func(i int) int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x[at(i)]
	}
	return out
}

func (t *trial) softmax(k device.Softmax) [][]float64 {
	b := t.relative(0)
	groups(k.Outer, k.Extent, k.Inner, func(at func(i int) int) {
		l := logits{x: take(t.in[0], k.Extent, at)}
		l.solve()
		for i := range k.Extent {
			if k.Log {
				b[0][at(i)] = u*math.Abs(l.x[i]-l.top) + l.eLSE + u*math.Abs(t.out[0][at(i)])
			} else {
				b[0][at(i)] = l.p[i] * l.rel[i]
			}
		}
	})
	return b
}

// softmaxGrad: y (dy - sum dy y), or dy - e^y sum dy.
func (t *trial) softmaxGrad(k device.SoftmaxGrad) [][]float64 {
	b := t.relative(0)
	groups(k.Outer, k.Extent, k.Inner, func(at func(i int) int) {
		y, dy := take(t.in[0], k.Extent, at), take(t.in[1], k.Extent, at)
		sum := 0.0
		for i := range y {
			if k.Log {
				sum += math.Abs(dy[i])
			} else {
				sum += math.Abs(dy[i] * y[i])
			}
		}
		for i := range y {
			if k.Log {
				b[0][at(i)] = gamma(2)*math.Abs(dy[i]) + math.Exp(y[i])*sum*(gamma(k.Extent+2)+inside)
			} else {
				b[0][at(i)] = math.Abs(y[i]) * (gamma(3)*math.Abs(dy[i]) + gamma(k.Extent+4)*sum)
			}
		}
	})
	return b
}

// sample gives the positions of a sample's logits.
func sample(s, samples, classes int, first bool) func(i int) int {
	if first {
		return func(i int) int { return i*samples + s }
	}
	return func(i int) int { return s*classes + i }
}

func (t *trial) crossEntropy(k device.CrossEntropy) [][]float64 {
	b, labels, count := t.relative(0), t.ints[0], 0.0
	for _, l := range labels {
		if l >= 0 {
			count++
		}
	}
	scale := 1 / max(count, 1)
	for s, label := range labels {
		if label < 0 {
			continue
		}
		at := sample(s, k.Samples, k.Classes, k.ClassesFirst)
		l := logits{x: take(t.in[0], k.Classes, at)}
		l.solve()
		right := math.Abs(l.x[label] - l.top)
		e, even := l.eLSE+u*(2*right+math.Abs(l.lse)), k.Smoothing/float64(k.Classes)
		for i := range k.Classes {
			// The smoothed part: the mean logit, less the maximum.
			e += even * (gamma(k.Classes+4)*(math.Abs(l.x[i])+math.Abs(l.top)) + 4*u*math.Abs(l.lse))
			target := even
			if i == int(label) {
				target += 1 - k.Smoothing
			}
			b[1][at(i)] = scale * (l.p[i]*(l.rel[i]+4*u) + 6*u*target)
		}
		b[0][0] += scale * e
	}
	b[0][0] += u * math.Abs(t.out[0][0])
	return b
}

func (t *trial) softCrossEntropy(k device.SoftCrossEntropy) [][]float64 {
	b, scale := t.relative(0), 1/float64(k.Samples)
	for s := range k.Samples {
		at := sample(s, k.Samples, k.Classes, k.ClassesFirst)
		l := logits{x: take(t.in[0], k.Classes, at)}
		l.solve()
		q, mass := take(t.in[1], k.Classes, at), 0.0
		for i := range q {
			mass += math.Abs(q[i])
			b[0][0] += scale * gamma(k.Classes+4) * math.Abs(q[i]) * (math.Abs(l.x[i]-l.top) + math.Abs(l.lse))
		}
		b[0][0] += scale * mass * l.eLSE
		for i := range q {
			b[1][at(i)] = scale * (l.p[i]*mass*(l.rel[i]+gamma(k.Classes+4)) + 6*u*math.Abs(q[i]))
		}
	}
	b[0][0] += u * math.Abs(t.out[0][0])
	return b
}
