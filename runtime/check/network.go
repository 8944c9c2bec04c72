package check

import "math"

// Network is an independent float64 implementation of cnn-small for one sample at a time,
// row-major without lanes, written from the definition. It is the oracle of the float32
// engine.
type Network struct {
	// Channels of the 28x28 input.
	Channels int
	// Activation is tanh, relu, sigmoid or gelu.
	Activation string
	// Mask gives the dropout factor of an element (nil: 1): layer 0..2 are the three dropout
	// layers.
	Mask func(layer, sample, element int) float64
}

// plane is a tensor [c][h][w] with the gradient of the loss.
type plane struct {
	c, h, w int
	x, d    []float64
}

func newPlane(c, h, w int) *plane {
	return &plane{c, h, w, make([]float64, c*h*w), make([]float64, c*h*w)}
}

// gradients of parameters, and the sums of the magnitudes of their terms (error bounds).
type gradients struct{ g, abs []float64 }

// pass is the forward and backward pass of one sample; undo holds the backward steps, unless
// only the value is wanted.
type pass struct {
	n      Network
	params []float64
	grad   gradients
	at     int // next parameter
	sample int
	undo   []func()
	value  bool
}

// later registers a backward step.
func (p *pass) later(step func()) {
	if !p.value {
		p.undo = append(p.undo, step)
	}
}

// Loss is the mean cross-entropy of images [C*28*28] with gradients in PyTorch parameter
// order; abs bounds what rounding acts on: the sum of magnitudes of each gradient's terms.
func (n Network) Loss(params []float64, images [][]float64, labels []int) (loss float64, grad, abs []float64) {
	g := gradients{make([]float64, len(params)), make([]float64, len(params))}
	for i, image := range images {
		p := &pass{n: n, params: params, grad: g, sample: i}
		out := p.network(image)
		loss += p.crossEntropy(out, labels[i], float64(len(images)))
		for j := len(p.undo) - 1; j >= 0; j-- {
			p.undo[j]()
		}
	}
	return loss / float64(len(images)), g.g, g.abs
}

// Value is the loss alone.
func (n Network) Value(params []float64, images [][]float64, labels []int) (loss float64) {
	for i, image := range images {
		p := &pass{n: n, params: params, sample: i, value: true}
		loss += p.crossEntropy(p.network(image), labels[i], float64(len(images)))
	}
	return loss / float64(len(images))
}

func (p *pass) network(image []float64) *plane {
	x := newPlane(p.n.Channels, 28, 28)
	copy(x.x, image)
	x = p.dropout(p.activation(p.pool(p.conv(x, 8, 5))), 0)
	x = p.dropout(p.activation(p.pool(p.conv(x, 6, 5))), 1)
	x = p.activation(p.conv(x, 4, 2))
	x = &plane{len(x.x), 1, 1, x.x, x.d}
	x = p.dropout(p.activation(p.conv(x, 20, 1)), 2)
	return p.conv(x, 10, 1)
}

func (p *pass) conv(in *plane, outC, k int) *plane {
	out := newPlane(outC, in.h-k+1, in.w-k+1)
	w := p.at
	b := w + outC*in.c*k*k
	p.at = b + outC
	each := func(f func(o, i, wi int)) {
		for c := range outC {
			for y := range out.h {
				for x := range out.w {
					o := (c*out.h+y)*out.w + x
					for ci := range in.c {
						for ky := range k {
							for kx := range k {
								f(o, (ci*in.h+y+ky)*in.w+x+kx, w+((c*in.c+ci)*k+ky)*k+kx)
							}
						}
					}
				}
			}
		}
	}
	area := out.h * out.w
	for o := range out.x {
		out.x[o] = p.params[b+o/area]
	}
	each(func(o, i, wi int) { out.x[o] += p.params[wi] * in.x[i] })
	p.later(func() {
		for o, d := range out.d {
			p.grad.g[b+o/area] += d
			p.grad.abs[b+o/area] += math.Abs(d)
		}
		each(func(o, i, wi int) {
			p.grad.g[wi] += out.d[o] * in.x[i]
			p.grad.abs[wi] += math.Abs(out.d[o] * in.x[i])
			in.d[i] += out.d[o] * p.params[wi]
		})
	})
	return out
}

func (p *pass) pool(in *plane) *plane {
	out := newPlane(in.c, in.h/2, in.w/2)
	from := make([]int, len(out.x))
	for o := range out.x {
		c, y, x := o/(out.h*out.w), o/out.w%out.h, o%out.w
		best := (c*in.h+2*y)*in.w + 2*x
		for _, i := range []int{best + 1, best + in.w, best + in.w + 1} {
			if in.x[i] > in.x[best] {
				best = i
			}
		}
		from[o], out.x[o] = best, in.x[best]
	}
	p.later(func() {
		for o, i := range from {
			in.d[i] += out.d[o]
		}
	})
	return out
}

func (p *pass) activation(in *plane) *plane {
	out := newPlane(in.c, in.h, in.w)
	slope := make([]float64, len(in.x))
	for i, x := range in.x {
		out.x[i], slope[i] = activate(p.n.Activation, x)
	}
	p.later(func() {
		for i := range slope {
			in.d[i] += out.d[i] * slope[i]
		}
	})
	return out
}

// activate is the function and its derivative.
func activate(name string, x float64) (y, slope float64) {
	switch name {
	case "tanh":
		y = math.Tanh(x)
		return y, 1 - y*y
	case "relu":
		if x > 0 {
			return x, 1
		}
		return 0, 0
	case "sigmoid":
		y = 1 / (1 + math.Exp(-x))
		return y, y * (1 - y)
	case "gelu":
		cdf := 0.5 * math.Erfc(-x/math.Sqrt2)
		return x * cdf, cdf + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	}
	panic("check: unknown activation " + name)
}

func (p *pass) dropout(in *plane, layer int) *plane {
	if p.n.Mask == nil {
		return in
	}
	out := newPlane(in.c, in.h, in.w)
	for i, x := range in.x {
		out.x[i] = x * p.n.Mask(layer, p.sample, i)
	}
	p.later(func() {
		for i := range in.d {
			in.d[i] += out.d[i] * p.n.Mask(layer, p.sample, i)
		}
	})
	return out
}

// crossEntropy returns the sample's loss and sets the gradient of the mean.
func (p *pass) crossEntropy(out *plane, label int, samples float64) float64 {
	top, sum := math.Inf(-1), 0.0
	for _, x := range out.x {
		top = math.Max(top, x)
	}
	for _, x := range out.x {
		sum += math.Exp(x - top)
	}
	for i, x := range out.x {
		out.d[i] = math.Exp(x-top) / sum / samples
	}
	out.d[label] -= 1 / samples
	return math.Log(sum) + top - out.x[label]
}
