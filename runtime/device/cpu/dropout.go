package cpu

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/rng"
)

// dropout draws 16 bits per element: block (feature/8, sample) of the step's stream serves eight features of a sample. The
// probability is rounded to a multiple of 1/65536. The draws are those of the tile engine.
func (d *Device[T]) dropout(k device.Dropout, in device.Instr) step[T] {
	x, y := in.In[0], in.Out[0]
	const perBlock = 8
	blocks := (k.Features + perBlock - 1) / perBlock
	return rowSpans(blocks, perBlock*k.Samples*4, func(f *frame[T], _ []T, from, to int) {
		src, dst := f.at(x), f.at(y)
		p := f.bind.Dropout
		if p == 0 {
			lo, hi := from*perBlock, min(to*perBlock, k.Features)
			copyFeatures(k, dst, src, lo, hi)
			return
		}
		threshold := uint32(math.RoundToEven(float64(p * 65536)))
		scale := [2]T{T(float32(1 / float64(1-float64(threshold)/65536))), 0}
		stream := rng.New(f.bind.Seed, k.Label)
		stepFeature, stepSample := 1, k.Features
		if k.SamplesLast {
			stepFeature, stepSample = k.Samples, 1
		}
		for i := from; i < to; i++ {
			n := min(perBlock, k.Features-i*perBlock)
			for s := range k.Samples {
				b := stream.Block(uint32(i), uint32(s), f.bind.Step)
				at := i*perBlock*stepFeature + s*stepSample
				for j := range n {
					u := b[j>>1] >> (16 * (j & 1)) & 0xffff
					// The sign bit of u-threshold says u < threshold, without a branch.
					dst[at] = src[at] * scale[(u-threshold)>>31]
					at += stepFeature
				}
			}
		}
	})
}

// copyFeatures copies features [from, to) of every sample.
func copyFeatures[T device.Float](k device.Dropout, dst, src []T, from, to int) {
	if k.SamplesLast {
		copy(dst[from*k.Samples:to*k.Samples], src[from*k.Samples:to*k.Samples])
		return
	}
	for s := range k.Samples {
		copy(dst[s*k.Features+from:s*k.Features+to], src[s*k.Features+from:s*k.Features+to])
	}
}
