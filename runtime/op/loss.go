package op

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Classification is what a cross-entropy gives: the mean loss and the number of right predictions, both scalars.
type Classification struct{ Loss, Correct Value }

// CrossEntropy is the mean over samples of the cross-entropy in nats between labels and softmax(logits), labels smoothed as
// PyTorch's label_smoothing: logits [classes, N] with classesFirst, else [N, classes]; labels [N] (IntInput), -1 counts for nothing. Correct is
// absent in Composite graphs.
func (g *Graph) CrossEntropy(logits, labels Value, classesFirst bool, smoothing float64) Classification {
	k := g.classes(logits, classesFirst)
	if !g.values[labels.id].ints || g.size(labels) != k.Samples {
		fail("cross-entropy", "labels %s for logits %s", g.Shape(labels), g.Shape(logits))
	}
	if !(smoothing >= 0 && smoothing < 1) {
		fail("cross-entropy", "label smoothing %v is outside [0, 1)", smoothing)
	}
	if g.Composite {
		hot := g.record(device.OneHot{N: k.Samples, Classes: k.Classes, ClassesFirst: classesFirst}, g.Shape(logits), []Value{labels},
			func(Value, []bool) []Value { return []Value{{}} })
		count := g.Sum(hot)
		target := hot
		if smoothing > 0 {
			axis := 1
			if classesFirst {
				axis = 0
			}
			valid := g.SumAxis(hot, axis, true)
			target = g.Add(g.Affine(hot, 1-smoothing, 0), g.Affine(valid, smoothing/float64(k.Classes), 0))
		}
		return Classification{Loss: g.Div(g.softLoss(logits, target, classesFirst), count)}
	}
	k.Smoothing = smoothing
	var out []Value
	out = g.recordMulti(k, []tensor.Shape{{}, g.Shape(logits), {}}, []Value{logits, labels}, func(dy []Value, _ []bool) []Value {
		if dy[1].Present() {
			noSecond("cross-entropy")(Value{}, nil)
		}
		if !dy[0].Present() {
			return []Value{{}, {}}
		}
		return []Value{g.scaleBy(out[1], dy[0]), {}}
	})
	return Classification{Loss: out[0], Correct: out[2]}
}

// scaleBy is d times a scalar.
func (g *Graph) scaleBy(d, scalar Value) Value {
	if g.values[scalar.id].one {
		return d
	}
	return g.Mul(d, scalar)
}

func (g *Graph) classes(logits Value, classesFirst bool) device.CrossEntropy {
	s := g.Shape(logits)
	if len(s) != 2 || s[0] == 0 || s[1] == 0 {
		fail("cross-entropy", "logits %s: two axes are needed, samples and classes", s)
	}
	if classesFirst {
		return device.CrossEntropy{Samples: s[1], Classes: s[0], ClassesFirst: true}
	}
	return device.CrossEntropy{Samples: s[0], Classes: s[1]}
}

// SoftCrossEntropy is the mean over samples of the cross-entropy between target distributions and softmax(logits); targets have the
// logits' shape and no gradient.
func (g *Graph) SoftCrossEntropy(logits, targets Value, classesFirst bool) Value {
	k := g.classes(logits, classesFirst)
	if !g.Shape(targets).Equal(g.Shape(logits)) {
		fail("cross-entropy", "targets %s for logits %s", g.Shape(targets), g.Shape(logits))
	}
	if g.Composite {
		return g.Affine(g.softLoss(logits, targets, classesFirst), 1/float64(k.Samples), 0)
	}
	var out []Value
	out = g.recordMulti(device.SoftCrossEntropy{Samples: k.Samples, Classes: k.Classes, ClassesFirst: classesFirst},
		[]tensor.Shape{{}, g.Shape(logits)}, []Value{logits, targets}, func(dy []Value, need []bool) []Value {
			if need[1] {
				fail("cross-entropy", "targets have no gradient")
			}
			if dy[1].Present() {
				noSecond("cross-entropy")(Value{}, nil)
			}
			return []Value{g.scaleBy(out[1], dy[0]), {}}
		})
	return out[0]
}

// softLoss is -sum t log softmax(x).
func (g *Graph) softLoss(logits, targets Value, classesFirst bool) Value {
	axis := 1
	if classesFirst {
		axis = 0
	}
	return g.Neg(g.Sum(g.Mul(targets, g.LogSoftmax(logits, axis))))
}

// MSE is the mean of (a-b)^2 over all elements.
func (g *Graph) MSE(a, b Value) Value {
	if !g.Shape(a).Equal(g.Shape(b)) {
		fail("mean squared error", "shapes %s and %s", g.Shape(a), g.Shape(b))
	}
	return g.Mean(g.Square(g.Sub(a, b)))
}

// L2Normalize divides rows of the last axis by max(norm, eps): torch.nn.functional.normalize.
func (g *Graph) L2Normalize(x Value, eps float64) Value {
	s := g.Shape(x)
	square := g.SumAxis(g.Square(x), len(s)-1, true)
	return g.Mul(x, g.Rsqrt(g.Maximum(square, g.Fill(eps*eps, g.Shape(square)...))))
}

// NTXent is the normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, eq. 1): z [2B, D] holds the two views, row i and
// row i+B being a pair; similarities are cosines over temperature, self-similarity is left out, the mean is over all 2B rows.
func (g *Graph) NTXent(z Value, temperature float64) Value {
	return g.Contrast(z, temperature).Loss
}

// Contrast is NTXent with the number of rows whose partner is the most similar of all other rows.
func (g *Graph) Contrast(z Value, temperature float64) Classification {
	s := g.Shape(z)
	if len(s) != 2 || s[0]%2 != 0 || s[0] == 0 {
		fail("NT-Xent", "views %s: an even number of rows is needed", s)
	}
	if !(temperature > 0) {
		fail("NT-Xent", "temperature %v", temperature)
	}
	n := s[0]
	z = g.L2Normalize(z, 1e-12)
	sim := g.Affine(g.Matmul(z, z, false, true), 1/temperature, 0)
	mask, labels := make([]float64, n*n), make([]int32, n)
	for i := range n {
		mask[i*n+i] = selfMask
		labels[i] = int32((i + n/2) % n)
	}
	return g.CrossEntropy(g.Add(sim, g.Constant(mask, n, n)), g.IntConstant(labels), false, 0)
}

// selfMask takes an entry out of a softmax.
const selfMask = -1e9
