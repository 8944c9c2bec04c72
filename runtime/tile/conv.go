package tile

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Conv is a valid convolution, stride 1, square kernel, with bias.
type Conv struct {
	// Name is the parameters' prefix: Name.weight [Out, C, Kernel, Kernel], Name.bias [Out].
	Name        string
	Out, Kernel int
}

// Linear is a fully connected layer with bias on the flattened input (channel, row, column):
// Name.weight [Out, C*H*W], Name.bias [Out].
type Linear struct {
	Name string
	Out  int
}

// maxWidth bounds channels and columns of a convolution (constant buffers of the kernels).
const maxWidth = 4096

func (c Conv) bind(in Shape) (op, Shape, error) {
	if c.Out < 1 || c.Kernel < 1 || c.Kernel > in.H || c.Kernel > in.W || max(in.C, in.W) > maxWidth {
		return nil, Shape{}, fmt.Errorf("convolution %s with %d outputs and kernel %d does not fit", c.Name, c.Out, c.Kernel)
	}
	g := kernel.Conv{InC: in.C, H: in.H, W: in.W, OutC: c.Out, KH: c.Kernel, KW: c.Kernel}
	return convOp{c.Name, g, []int{c.Out, in.C, c.Kernel, c.Kernel}}, Shape{c.Out, g.OH(), g.OW()}, nil
}

func (l Linear) bind(in Shape) (op, Shape, error) {
	if l.Out < 1 || in.Size() > maxWidth {
		return nil, Shape{}, fmt.Errorf("linear layer %s with %d inputs and %d outputs does not fit", l.Name, in.Size(), l.Out)
	}
	g := kernel.Conv{InC: in.Size(), H: 1, W: 1, OutC: l.Out, KH: 1, KW: 1}
	return convOp{l.Name, g, []int{l.Out, in.Size()}}, Shape{l.Out, 1, 1}, nil
}

// convOp is a bound convolution or linear layer.
type convOp struct {
	name  string
	g     kernel.Conv
	shape []int
}

func (c convOp) params() []tensor.Param {
	return []tensor.Param{{Name: c.name + ".weight", Shape: c.shape}, {Name: c.name + ".bias", Shape: []int{c.g.OutC}}}
}

func (c convOp) inPlace() bool { return false }

func (c convOp) buffers() bufferSizes {
	b := bufferSizes{packed: c.g.Weights(), packedGrad: c.g.Weights()}
	if c.g.KW > 1 {
		b.aux = c.g.PaddedSize()
	}
	return b
}

func (c convOp) load(t *Tape, s *slot) {
	w := s.row[:c.g.Weights()]
	t.k.ConvPack(c.g, s.packed, w)
	if t.training && s.needsInputGrad {
		t.k.ConvPackGrad(c.g, s.packedGrad, w)
	}
}

func (c convOp) forward(t *Tape, s *slot, y, x []float32) {
	t.k.ConvForward(c.g, y, x, s.packed, s.row[c.g.Weights():])
}

func (c convOp) backward(t *Tape, s *slot, dx, dy, x []float32) {
	n := c.g.Weights() * kernel.Lanes
	t.k.ConvGradWeights(c.g, s.grad[:n], s.grad[n:], x, dy)
	if dx == nil {
		return
	}
	if c.g.KW > 1 {
		// Only the middle is written; the borders stay zero from the start.
		from, to := c.g.OW()*kernel.Lanes, (c.g.W+c.g.KW-1)*kernel.Lanes
		for r := range c.g.OutC * c.g.OH() {
			copy(s.aux[r*to+(c.g.KW-1)*kernel.Lanes:], dy[r*from:(r+1)*from])
		}
		dy = s.aux
	}
	t.k.ConvGradInput(c.g, dx, dy, s.packedGrad)
}
