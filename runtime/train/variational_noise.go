package train

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/tile"
	"github.com/weightspace/weightspace/runtime/variational"
)

// variancePrefix is what the variance of a parameter is called in programs: "variance/conv1.weight".
const variancePrefix = "variance/"

// noisyLayers records convolutions and linear layers with noise: an nn.Affine. The draws are inputs of the program.
type noisyLayers struct {
	// variances are by the name of the weights.
	variances map[string]op.Value
	convBias  bool
	inputs    []noiseInput
	// used are the weights with noise, and the biases.
	used map[string]bool
}

// noiseInput is where the draws of a layer go: rows and columns as kernel.Normals has them, of every sample. Samples are innermost or
// outermost.
type noiseInput struct {
	layer                   string
	offset, rows, width     int
	samples                 int
	samplesLast             bool
	stepElement, stepSample int
}

// newNoisyLayers declares the variances of all parameters of a layout, in its order, before anything else.
func newNoisyLayers(c *nn.Context, layout []tensor.Param, convBias bool) *noisyLayers {
	l := &noisyLayers{variances: map[string]op.Value{}, convBias: convBias, used: map[string]bool{}}
	for _, p := range layout {
		l.variances[p.Name] = c.Param(variancePrefix+p.Name, nn.Zero, p.Shape...)
	}
	return l
}

// variance is that of a parameter.
func (l *noisyLayers) variance(c *nn.Context, name string) op.Value {
	l.used[c.Path(name)] = true
	return l.variances[c.Path(name)]
}

// Conv implements nn.Affine.
func (l *noisyLayers) Conv(c *nn.Context, x nn.Tensor, w, b op.Value, o op.Conv) nn.Tensor {
	g := c.Graph
	var bs op.Value
	if b.Present() && l.convBias {
		bs = l.variance(c, "bias")
	}
	mean, v := g.Conv2D(x.Value, w, b, o), g.Conv2D(g.Square(x.Value), l.variance(c, "weight"), bs, o)
	s := g.Shape(mean) // [O, OH, OW, N]
	in := noiseInput{rows: s[0] * s[1], width: s[2], samples: s[3], samplesLast: true}
	if s[1] == 1 && s[2] == 1 {
		in.rows, in.width = 1, s[0]
	}
	return nn.Tensor{Value: l.perturb(c, in, mean, v), Layout: nn.Images}
}

// Linear implements nn.Affine.
func (l *noisyLayers) Linear(c *nn.Context, x nn.Tensor, w, b op.Value) nn.Tensor {
	g := c.Graph
	mean := c.Product(x, w, b)
	v := c.Product(nn.Tensor{Value: g.Square(x.Value), Layout: x.Layout}, l.variance(c, "weight"), op.Value{})
	s := g.Shape(mean.Value)
	in := noiseInput{rows: 1, width: s[len(s)-1], samples: s[0]}
	switch mean.Layout {
	case nn.FeaturesFirst: // [F, N]
		in.width, in.samples, in.samplesLast = s[0], s[1], true
	case nn.Sequences: // [B, T, D]
		in.rows = s[1]
	default: // [B, D]
	}
	return nn.Tensor{Value: l.perturb(c, in, mean.Value, v.Value), Layout: mean.Layout}
}

// perturb is mean + sqrt(v + 1e-15) draws.
func (l *noisyLayers) perturb(c *nn.Context, in noiseInput, mean, v op.Value) op.Value {
	g := c.Graph
	in.layer = moduleOf(c)
	e := g.Input("noise/"+in.layer, g.Shape(mean)...)
	in.offset = g.InputOffset(e)
	in.stepElement, in.stepSample = 1, in.rows*in.width
	if in.samplesLast {
		in.stepElement, in.stepSample = in.samples, 1
	}
	l.inputs = append(l.inputs, in)
	return g.Add(mean, g.Mul(g.Sqrt(g.Affine(v, 1, variational.Tiny)), e))
}

// moduleOf is the name of the current module.
func moduleOf(c *nn.Context) string {
	path := c.Path("")
	return path[:max(0, len(path)-1)]
}

// drawer fills the draws of a program's inputs. It is for one goroutine.
type drawer struct {
	k       *kernel.Kernels
	normals kernel.Normals
	tile    []float32
}

// draw fills the draws of a member's step.
func (d *drawer) draw(in device.Feed[float32], inputs []noiseInput, seed, step uint64) {
	for i := range inputs {
		n := &inputs[i]
		key := rng.New(seed, tile.NoiseLabel(n.layer)).Key()
		for lane := range kernel.Lanes {
			d.normals.SetLane(lane, key)
		}
		size := n.rows * n.width
		if len(d.tile) < size*kernel.Lanes {
			d.tile = make([]float32, size*kernel.Lanes)
		}
		for from := 0; from < n.samples; from += kernel.Lanes {
			d.normals.SetSample(step, from, 1)
			d.k.Normals(d.tile, &d.normals, 0, n.rows, n.width, n.width)
			for j := range size {
				dst := in.Floats[n.offset+j*n.stepElement+from*n.stepSample:]
				for lane, e := range d.tile[j*kernel.Lanes:][:min(kernel.Lanes, n.samples-from)] {
					dst[lane*n.stepSample] = e
				}
			}
		}
	}
}
