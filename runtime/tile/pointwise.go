package tile

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// MaxPool takes the maximum of 2x2 windows with stride 2; an odd last row or column is
// dropped. Among equals the first, row by row, gets the gradient.
type MaxPool struct{}

// Activation applies a non-linearity to every element.
type Activation struct{ F kernel.Activation }

// Dropout zeroes elements with the member's probability p while training and scales the
// others by 1/(1-p). p is rounded to a multiple of 1/65536. The label names its random
// stream.
type Dropout struct{ Label string }

// plain is an operation without parameters or preparation.
type plain struct{}

func (plain) params() []tensor.Param { return nil }
func (plain) load(*Tape, *slot)      {}

type poolOp struct {
	plain
	in Shape
}

func (MaxPool) bind(in Shape) (op, Shape, error) {
	if in.H < 2 || in.W < 2 {
		return nil, Shape{}, fmt.Errorf("2x2 pooling needs at least 2x2 elements")
	}
	return poolOp{in: in}, Shape{in.C, in.H / 2, in.W / 2}, nil
}

func (poolOp) inPlace() bool        { return false }
func (poolOp) buffers() bufferSizes { return bufferSizes{} }

func (p poolOp) forward(t *Tape, _ *slot, y, x []float32) {
	t.k.MaxPool(y, x, p.in.C, p.in.H, p.in.W)
}

func (p poolOp) backward(t *Tape, _ *slot, dx, dy, x []float32) {
	if dx != nil {
		t.k.MaxPoolGrad(dx, x, dy, p.in.C, p.in.H, p.in.W)
	}
}

type activationOp struct {
	plain
	f    kernel.Activation
	size int
}

func (a Activation) bind(in Shape) (op, Shape, error) {
	return activationOp{f: a.F, size: in.Size() * kernel.Lanes}, in, nil
}

func (activationOp) inPlace() bool          { return true }
func (a activationOp) buffers() bufferSizes { return bufferSizes{aux: a.size} }

// forward keeps the derivative, so that backward is one product.
func (a activationOp) forward(t *Tape, s *slot, y, x []float32) { t.k.Activate(a.f, y, s.aux, x) }

func (a activationOp) backward(t *Tape, s *slot, dx, dy, _ []float32) {
	if dx != nil {
		t.k.Mul(dx, dy, s.aux)
	}
}

type dropoutOp struct {
	plain
	label string
	size  int
}

func (d Dropout) bind(in Shape) (op, Shape, error) {
	return dropoutOp{label: d.Label, size: in.Size() * kernel.Lanes}, in, nil
}

func (dropoutOp) inPlace() bool          { return true }
func (d dropoutOp) buffers() bufferSizes { return bufferSizes{aux: d.size} }

func (d dropoutOp) load(t *Tape, s *slot) { s.stream = rng.New(t.member.Seed, d.label) }

func (d dropoutOp) forward(t *Tape, s *slot, y, x []float32) {
	if !t.training || t.member.Dropout == 0 {
		return
	}
	dropMask(s.aux, s.stream, t.member.Dropout, t.step, t.firstSample)
	t.k.Mul(y, x, s.aux)
}

func (d dropoutOp) backward(t *Tape, s *slot, dx, dy, _ []float32) {
	if dx != nil && t.member.Dropout != 0 {
		t.k.Mul(dx, dy, s.aux)
	}
}

// dropMask fills mask [positions][16] with 0 or 1/(1-p). Block (i, j) of a step serves
// positions 8i..8i+7 of sample j of the batch, 16 bits each.
func dropMask(mask []float32, s rng.Stream, p float64, step uint64, firstSample int) {
	threshold := uint32(math.RoundToEven(float64(p * 65536)))
	keep := float32(1 / float64(1-float64(threshold)/65536))
	values := [2]float32{keep, 0}
	const perBlock = 8
	for at, i := 0, uint32(0); at < len(mask); at, i = at+perBlock*kernel.Lanes, i+1 {
		tile := mask[at:min(at+perBlock*kernel.Lanes, len(mask))]
		for lane := range kernel.Lanes {
			b := s.Block(i, uint32(firstSample+lane), step)
			for j, k := 0, lane; k < len(tile); j, k = j+1, k+kernel.Lanes {
				u := b[j>>1] >> (16 * (j & 1)) & 0xffff
				// The sign bit of u-threshold says u < threshold, without a branch.
				tile[k] = values[(u-threshold)>>31]
			}
		}
	}
}
