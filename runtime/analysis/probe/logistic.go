package probe

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/rng"
)

// Logistic is the recipe of the categorical probe; the zero value is the card's: 50 epochs of
// batches of 10 with Adam, rate 1e-4, L2 1e-6 added to the gradient.
type Logistic struct {
	// Epochs, BatchSize, LearningRate: 0 means the card's.
	Epochs, BatchSize int
	LearningRate      float64
	// WeightDecay: negative means none, 0 the card's.
	WeightDecay float64
	// Standardise takes every feature less its mean, over its deviation, both of the training rows. The card does not.
	Standardise bool
	// Seed draws the initial weights and the order of the rows.
	Seed uint64
}

// Classification is the logistic probe of a category.
type Classification struct {
	// Classes is the number of classes C.
	Classes int
	// Weights is [C, D+1]: of the features (standardised, if the recipe says so) and the bias.
	Weights []float64
	// Accuracies are fractions of rows whose most probable class is right; Majority is that of always answering the most
	// frequent class of the training rows on the test rows: what a probe has to beat.
	TrainAccuracy, ValidationAccuracy, TestAccuracy, Majority float64
}

// Fit trains a multinomial logistic layer in float64: weights from N(0, 2/D), biases 0, the mean
// cross-entropy of batches, the last one being as small as it is. label[i] of every row is in
// [0, classes). The result depends on the recipe and data alone.
func (l Logistic) Fit(ctx context.Context, x Table[float64], label []int, classes int, split Split) (Classification, error) {
	if err := check(x, split); err != nil {
		return Classification{}, err
	}
	if len(label) != x.Rows() || classes < 2 {
		return Classification{}, fmt.Errorf("probe: %d labels of %d classes for %d rows", len(label), classes, x.Rows())
	}
	for i, c := range label {
		if c < 0 || c >= classes {
			return Classification{}, fmt.Errorf("probe: label %d of row %d: labels are in [0, %d)", c, i, classes)
		}
	}
	l = l.complete()
	f := newLayer(l, x.D, classes)
	if l.Standardise {
		x = standardised(x, split.Train)
	}
	for epoch := range l.Epochs {
		if err := ctx.Err(); err != nil {
			return Classification{}, err
		}
		order := shuffle(len(split.Train), rng.New(l.Seed, fmt.Sprintf("analysis/probe/order/%d", epoch)))
		f.epoch(l, x, label, split.Train, order)
	}
	return Classification{
		Classes: classes, Weights: f.w,
		TrainAccuracy: f.accuracy(x, label, split.Train), ValidationAccuracy: f.accuracy(x, label, split.Validation),
		TestAccuracy: f.accuracy(x, label, split.Test), Majority: majority(label, classes, split),
	}, nil
}

func (l Logistic) complete() Logistic {
	if l.Epochs == 0 {
		l.Epochs = 50
	}
	if l.BatchSize == 0 {
		l.BatchSize = 10
	}
	if l.LearningRate == 0 {
		l.LearningRate = 1e-4
	}
	if l.WeightDecay == 0 {
		l.WeightDecay = 1e-6
	}
	l.WeightDecay = max(l.WeightDecay, 0)
	return l
}

// layer is the weights [classes, d+1], their gradient and Adam's moments.
type layer struct {
	d, classes, steps int
	w, g, m, v, logit []float64
}

func newLayer(l Logistic, d, classes int) *layer {
	n := classes * (d + 1)
	f := &layer{d: d, classes: classes, w: make([]float64, n), g: make([]float64, n), m: make([]float64, n), v: make([]float64, n), logit: make([]float64, classes)}
	s, scale := rng.New(l.Seed, "analysis/probe/init"), math.Sqrt(2/float64(d))
	for c := range classes {
		for k := range d {
			f.w[c*(d+1)+k] = scale * s.Normal(c*d+k)
		}
	}
	return f
}

// epoch trains on the rows in an order, batch by batch.
func (f *layer) epoch(l Logistic, x Table[float64], label, rows, order []int) {
	for from := 0; from < len(order); from += l.BatchSize {
		batch := order[from:min(from+l.BatchSize, len(order))]
		clear(f.g)
		for _, i := range batch {
			row := rows[i]
			f.add(x.X[row*x.D:(row+1)*x.D], label[row], 1/float64(len(batch)))
		}
		f.step(l)
	}
}

// forward fills the logits of a row.
func (f *layer) forward(x []float64) {
	for c := range f.logit {
		w := f.w[c*(f.d+1):][:f.d+1]
		var s [4]float64
		k := 0
		for ; k+4 <= len(x); k += 4 {
			s[0] = math.FMA(w[k], x[k], s[0])
			s[1] = math.FMA(w[k+1], x[k+1], s[1])
			s[2] = math.FMA(w[k+2], x[k+2], s[2])
			s[3] = math.FMA(w[k+3], x[k+3], s[3])
		}
		for ; k < len(x); k++ {
			s[0] = math.FMA(w[k], x[k], s[0])
		}
		f.logit[c] = w[f.d] + ((s[0] + s[1]) + (s[2] + s[3]))
	}
}

// add adds a row's gradient of the cross-entropy, times scale.
func (f *layer) add(x []float64, label int, scale float64) {
	f.forward(x)
	top := f.logit[0]
	for _, z := range f.logit {
		top = max(top, z)
	}
	sum := 0.0
	for _, z := range f.logit {
		sum += math.Exp(z - top)
	}
	for c, z := range f.logit {
		p := math.Exp(z-top) / sum
		if c == label {
			p--
		}
		p *= scale
		g := f.g[c*(f.d+1):][:f.d+1]
		for k, e := range x {
			g[k] = math.FMA(p, e, g[k])
		}
		g[f.d] += p
	}
}

// step is Adam's, as in PyTorch.
func (f *layer) step(l Logistic) {
	const beta1, beta2, eps = 0.9, 0.999, 1e-8
	f.steps++
	rate := l.LearningRate / (1 - math.Pow(beta1, float64(f.steps)))
	root := math.Sqrt(1 - math.Pow(beta2, float64(f.steps)))
	for i, w := range f.w {
		g := f.g[i] + l.WeightDecay*w
		f.m[i] += (1 - beta1) * (g - f.m[i])
		f.v[i] = beta2*f.v[i] + (1-beta2)*g*g
		f.w[i] = w - rate*f.m[i]/(math.Sqrt(f.v[i])/root+eps)
	}
}

func (f *layer) accuracy(x Table[float64], label, rows []int) float64 {
	right := 0
	for _, i := range rows {
		f.forward(x.X[i*x.D : (i+1)*x.D])
		best := 0
		for c, z := range f.logit {
			if z > f.logit[best] {
				best = c
			}
		}
		if best == label[i] {
			right++
		}
	}
	return float64(right) / float64(len(rows))
}

func majority(label []int, classes int, s Split) float64 {
	counts, best, right := make([]int, classes), 0, 0
	for _, i := range s.Train {
		counts[label[i]]++
	}
	for c, n := range counts {
		if n > counts[best] {
			best = c
		}
	}
	for _, i := range s.Test {
		if label[i] == best {
			right++
		}
	}
	return float64(right) / float64(len(s.Test))
}

// standardised scales features by the training rows; those that do not vary become 0.
func standardised(x Table[float64], train []int) Table[float64] {
	mean, square := make([]float64, x.D), make([]float64, x.D)
	for _, i := range train {
		for k, v := range x.X[i*x.D : (i+1)*x.D] {
			mean[k] += v / float64(len(train))
		}
	}
	for _, i := range train {
		for k, v := range x.X[i*x.D : (i+1)*x.D] {
			square[k] += (v - mean[k]) * (v - mean[k]) / float64(len(train))
		}
	}
	s := Table[float64]{make([]float64, len(x.X)), x.D}
	for i, v := range x.X {
		if k := i % x.D; square[k] > 0 {
			s.X[i] = (v - mean[k]) / math.Sqrt(square[k])
		}
	}
	return s
}
