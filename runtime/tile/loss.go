package tile

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// MaxClasses bounds the outputs of CrossEntropy.
const MaxClasses = 256

// CrossEntropy is log-softmax and negative log-likelihood on a tile of logits [classes][16],
// in float64. labels holds one label per used lane (at most 16), whose losses go to losses. It
// returns the lanes whose prediction (the first largest logit) is right, as bits. Unless grad is
// nil it becomes scale * (softmax - onehot), zero in unused lanes.
func CrossEntropy(logits []float32, labels []uint8, scale float64, grad []float32, losses *[kernel.Lanes]float64) (right uint16) {
	classes := len(logits) / kernel.Lanes
	clear(grad)
	var e [MaxClasses]float64
	for lane, label := range labels {
		best, top := 0, float64(logits[lane])
		for c := 1; c < classes; c++ {
			if v := float64(logits[c*kernel.Lanes+lane]); v > top {
				best, top = c, v
			}
		}
		if best == int(label) {
			right |= 1 << lane
		}
		sum := 0.0
		for c := range classes {
			e[c] = detmath.Exp(float64(logits[c*kernel.Lanes+lane]) - top)
			sum += e[c]
		}
		losses[lane] = detmath.Log(sum) - (float64(logits[int(label)*kernel.Lanes+lane]) - top)
		if grad == nil {
			continue
		}
		e[label] -= sum
		f := scale / sum
		for c := range classes {
			grad[c*kernel.Lanes+lane] = float32(e[c] * f)
		}
	}
	return right
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
