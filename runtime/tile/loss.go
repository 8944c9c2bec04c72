package tile

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// Loss is the scratch of CrossEntropy and its results: the losses of the used lanes.
type Loss struct {
	Losses  [kernel.Lanes]float64
	softmax kernel.Softmax
	e       []float64
}

// CrossEntropy is log-softmax and negative log-likelihood on a tile of logits [classes][16],
// in float64. labels holds one label per used lane (at most 16), whose losses go to l. It
// returns the lanes whose prediction (the first largest logit) is right, as bits. Unless grad is
// nil it becomes scale * (softmax - onehot), zero in unused lanes.
func (l *Loss) CrossEntropy(k *kernel.Kernels, logits []float32, labels []uint16, scale float64, grad []float32) (right uint16) {
	if cap(l.e) < len(logits) {
		l.e = make([]float64, len(logits))
	}
	e := l.e[:len(logits)]
	k.Softmax(&l.softmax, e, logits)
	clear(grad)
	for lane, label := range labels {
		top, sum := l.softmax.Top[lane], l.softmax.Sum[lane]
		at := int(label)*kernel.Lanes + lane
		if first(logits, lane, top) == at {
			right |= 1 << lane
		}
		l.Losses[lane] = detmath.Log(sum) - (float64(logits[at]) - top)
		if grad == nil {
			continue
		}
		e[at] -= sum
		f := scale / sum
		for i := lane; i < len(e); i += kernel.Lanes {
			grad[i] = float32(e[i] * f)
		}
	}
	return right
}

// first is where the lane's largest logit is found first.
func first(logits []float32, lane int, top float64) int {
	for i := lane; i < len(logits); i += kernel.Lanes {
		if float64(logits[i]) == top {
			return i
		}
	}
	return lane
}

// Sum adds up losses in order. The result is one NaN, whatever the platform's payload.
func Sum(losses []float64) float64 {
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	if sum != sum {
		return math.NaN()
	}
	return sum
}
