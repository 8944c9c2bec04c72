package kernel

import "math"

// Draws are what dropout needs of each lane: Philox4x32-10 keys and counters, threshold and
// factor. The draw of position p of a lane is 16 bits of block (p/8, sample, step).
type Draws struct{ fields [dropFields * Lanes]uint32 }

// Fields of Draws, vectors of 16.
const (
	dropSample = iota
	dropStepLow
	dropStepHigh
	dropKey0
	dropKey1
	dropThreshold
	dropKeep
	dropFields
)

// SetLane gives a lane its stream's key, its position in the batch and the probability of being
// dropped, rounded to a multiple of 1/65536.
func (d *Draws) SetLane(lane int, key [2]uint32, p float64) {
	threshold := uint32(math.RoundToEven(float64(p * 65536)))
	d.fields[dropKey0*Lanes+lane], d.fields[dropKey1*Lanes+lane] = key[0], key[1]
	d.fields[dropThreshold*Lanes+lane] = threshold
	d.fields[dropKeep*Lanes+lane] = math.Float32bits(float32(1 / float64(1-float64(threshold)/65536)))
}

// SetSample gives the counters: the step and the samples first, first+stride, ... of the lanes.
func (d *Draws) SetSample(step uint64, first, stride int) {
	for l := range Lanes {
		d.fields[dropSample*Lanes+l] = uint32(first + l*stride)
		d.fields[dropStepLow*Lanes+l] = uint32(step)
		d.fields[dropStepHigh*Lanes+l] = uint32(step >> 32)
	}
}

// Dropout multiplies every element of y and d [positions][16] by 1/(1-p), or clears it if its
// draw is below p.
func (k *Kernels) Dropout(y, d []float32, draws *Draws) {
	n := len(y)
	need(len(d) == n && n%Lanes == 0, "kernel: Dropout: wrong length")
	if n == 0 {
		return
	}
	if k.t == nil {
		dropoutRef(y, d, draws)
		return
	}
	for h := 0; h < Lanes; h += k.t.lanes {
		k.t.dropout(&y[h], &d[h], &draws.fields[h], n/Lanes)
	}
}
