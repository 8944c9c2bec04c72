package tile

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// MaxClasses bounds the outputs of CrossEntropy.
const MaxClasses = 256

// CrossEntropy is log-softmax and negative log-likelihood on a tile of logits [classes][16],
// in float64. labels holds one label per used lane (at most 16). It returns the sum of the
// losses in lane order and the number of right predictions (the first largest logit). Unless
// grad is nil it becomes scale * (softmax - onehot), zero in unused lanes.
func CrossEntropy(logits []float32, labels []uint8, scale float64, grad []float32) (loss float64, correct int) {
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
			correct++
		}
		sum := 0.0
		for c := range classes {
			e[c] = detmath.Exp(float64(logits[c*kernel.Lanes+lane]) - top)
			sum += e[c]
		}
		loss += detmath.Log(sum) - (float64(logits[int(label)*kernel.Lanes+lane]) - top)
		if grad == nil {
			continue
		}
		e[label] -= sum
		f := scale / sum
		for c := range classes {
			grad[c*kernel.Lanes+lane] = float32(e[c] * f)
		}
	}
	if loss != loss {
		loss = math.NaN() // one NaN, whatever the platform's payload
	}
	return loss, correct
}
