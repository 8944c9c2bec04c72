package train

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/variational"
)

// Variational describes sparse variational dropout (card sparse-twins, section 3). DefaultVariational gives the published settings.
// Everything is shared by the population; a twin trains with its member's optimiser, learning rate, weight decay and batches.
type Variational struct {
	// Epochs is E of the schedule of the weight of KL. Training may go on beyond it.
	Epochs   int
	KLWeight variational.KLWeight
	// LogAlphaThreshold is the log alpha from which on a weight answers as 0.
	LogAlphaThreshold float64
	// InitLogSigma2 is what every log sigma^2 starts with.
	InitLogSigma2 float64
	// ClampLinear and ClampConv bound |log alpha|.
	ClampLinear, ClampConv float64
	// VariationalConvBias gives the biases of convolutions noise, KL and a threshold of their own, as the public code does; otherwise all
	// biases are plain, as in the paper.
	VariationalConvBias bool
	// LogSigma2LearningRate is the learning rate of log sigma^2; 0 takes the member's. Adam moves log sigma^2 by at most about this per
	// step, and dropping a weight takes some 12 units.
	LogSigma2LearningRate float64
	// DecayLogSigma2 applies the member's weight decay to log sigma^2 too.
	DecayLogSigma2 bool
}

// DefaultVariational is what the published twins were made with.
func DefaultVariational() Variational {
	return Variational{
		Epochs: variational.DefaultEpochs, KLWeight: variational.KLWeight{Kind: variational.Linear, Max: variational.DefaultMax},
		LogAlphaThreshold: variational.DefaultThreshold, InitLogSigma2: variational.DefaultInit,
		ClampLinear: variational.DefaultClampLinear, ClampConv: variational.DefaultClampConv, VariationalConvBias: true,
	}
}

// VariationalEngine is a TwinEngine with what only variational twins have.
type VariationalEngine interface {
	TwinEngine
	// Penalty is R for every member: the sum of KL over its weights, and over variational biases.
	Penalty() []float64
	// TrainWithoutNoise scores every twin on the training split as on the others, where Evaluate's training metrics are running means
	// with noise: what a parent's training accuracy compares with. Cross-entropies in nats and fractions, one per member.
	TrainWithoutNoise(ctx context.Context) (loss, accuracy []float64, err error)
	// LogSigma2 is the slab [P, nParams] of log sigma^2 in the layout of parameters; parameters without noise keep InitLogSigma2. It is a
	// copy.
	LogSigma2() []float32
}

// NewVariational makes a twin of each of the parents, rows of [P, row] as an Engine's Weights gives them, at epoch 0: the same answers as
// the parents but for weights that start above the threshold. r is nil for networks on tiles; its schedule and plateau are not used.
func NewVariational(c Config, r *Recipe, parents []float32, v Variational) (VariationalEngine, error) {
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("train: variational dropout: %w", err)
	}
	if r == nil {
		return newVariationalTiles(c, parents, v)
	}
	return newVariationalRecorded(c, *r, parents, v)
}

func (v *Variational) check() error {
	switch {
	case v.Epochs < 1:
		return fmt.Errorf("epochs %d must be at least 1", v.Epochs)
	case !within(v.ClampLinear, math.SmallestNonzeroFloat32, 80) || !within(v.ClampConv, math.SmallestNonzeroFloat32, 80):
		return fmt.Errorf("clamps of log alpha %v (linear) and %v (conv) must be in (0, 80)", v.ClampLinear, v.ClampConv)
	case !(math.Abs(v.LogAlphaThreshold) <= min(v.ClampLinear, v.ClampConv)):
		return fmt.Errorf("logAlphaThreshold %v must be within the clamps, %v (linear) and %v (conv): otherwise all weights or none are dropped",
			v.LogAlphaThreshold, v.ClampLinear, v.ClampConv)
	case !within(v.InitLogSigma2, -100, 20):
		return fmt.Errorf("initLogSigma2 %v must be in [-100, 20)", v.InitLogSigma2)
	case !within(v.LogSigma2LearningRate, 0, math.Inf(1)):
		return fmt.Errorf("logSigma2LearningRate %v must be finite and not negative", v.LogSigma2LearningRate)
	}
	return v.KLWeight.Check()
}

// rates are a member's learning rate and weight decay of log sigma^2.
func (v *Variational) rates(m *Member) (rate, decay float64) {
	rate = m.LearningRate
	if v.LogSigma2LearningRate > 0 {
		rate = v.LogSigma2LearningRate
	}
	if v.DecayLogSigma2 {
		decay = m.WeightDecay
	}
	return rate, decay
}

// segments says which parameters have noise: weights of convolutions, [out, in, h, w], and of linear layers, [out, in], and perhaps
// the biases that follow a convolution's weights. lanes is the elements per parameter.
func (v *Variational) segments(layout []tensor.Param, lanes int) []variational.Segment {
	var out []variational.Segment
	for i, p := range layout {
		s := variational.Segment{From: p.Offset * lanes, To: (p.Offset + p.Size()) * lanes}
		switch {
		case Prunable(p) && len(p.Shape) == 4:
			s.Weight, s.Clamp = true, v.ClampConv
		case Prunable(p):
			s.Weight, s.Clamp = true, v.ClampLinear
		case v.VariationalConvBias && i > 0 && biasOf(p, layout[i-1]):
			s.Clamp = v.ClampConv
		}
		out = append(out, s)
	}
	return out
}

// biasOf reports that p is the bias of the convolution whose weights w are.
func biasOf(p, w tensor.Param) bool {
	module, ok := strings.CutSuffix(p.Name, ".bias")
	return ok && len(w.Shape) == 4 && w.Name == module+".weight"
}

// sparsityOf counts exact zeros of the weights of rows of twins [width each].
func sparsityOf(layout []tensor.Param, rows []float32, width int) []Sparsity {
	out := make([]Sparsity, len(rows)/width)
	for m := range out {
		row := rows[m*width : (m+1)*width]
		for _, p := range layout {
			if !Prunable(p) {
				continue
			}
			dropped := 0
			for _, w := range row[p.Offset : p.Offset+p.Size()] {
				if w == 0 {
					dropped++
				}
			}
			out[m].Add(p.Name, dropped, p.Size())
		}
	}
	return out
}

// withoutNoise collects what an evaluation of the training split gives.
func withoutNoise(d *data.Set, members int, evaluate func(s *data.Split, set func(p int, loss, accuracy float64)) error) (loss, accuracy []float64, err error) {
	loss, accuracy = make([]float64, members), make([]float64, members)
	err = evaluate(&d.Train, func(p int, l, a float64) { loss[p], accuracy[p] = l, a })
	return loss, accuracy, err
}
