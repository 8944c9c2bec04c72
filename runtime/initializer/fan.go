package initializer

import (
	"fmt"
	"math"
)

// Fans are the inputs and outputs that one element of the output or input sees, as
// torch.nn.init._calculate_fan_in_and_fan_out counts them: shape is [out, in, kernel...].
func Fans(shape []int) (in, out int, err error) {
	if len(shape) < 2 {
		return 0, 0, fmt.Errorf("shape %v has no fan: it needs two axes", shape)
	}
	field := 1
	for _, d := range shape[2:] {
		field *= d
	}
	return shape[1] * field, shape[0] * field, nil
}

// Mode says which fan a Kaiming law keeps the variance over.
type Mode int

const (
	// FanIn keeps the variance of the forward pass. It is the zero value.
	FanIn Mode = iota
	// FanOut keeps the variance of the backward pass.
	FanOut
)

// of picks a shape's fan.
func (m Mode) of(shape []int) (float64, error) {
	in, out, err := Fans(shape)
	if m == FanOut {
		in = out
	}
	return float64(in), err
}

func (m Mode) validate() error {
	if m != FanIn && m != FanOut {
		return fmt.Errorf("fan mode %d: use FanIn or FanOut", int(m))
	}
	return nil
}

// Gain is a factor of a law's standard deviation, made by Times or GainOf. It is kept squared:
// that is what variances need, and it is exact for the rectifiers.
type Gain struct{ square float64 }

// Times is the gain g.
func Times(g float64) Gain { return Gain{float64(g * g)} }

// GainOf is the gain that torch.nn.init.calculate_gain recommends before a nonlinearity: linear,
// sigmoid, tanh, relu, leaky_relu or selu. slope is leaky_relu's for negative inputs; PyTorch's
// default is 0.01.
func GainOf(nonlinearity string, slope float64) (Gain, error) {
	switch nonlinearity {
	case "linear", "sigmoid":
		return Gain{1}, nil
	case "tanh":
		return Gain{25. / 9}, nil
	case "relu":
		return Gain{2}, nil
	case "leaky_relu":
		return Gain{2 / (1 + float64(slope*slope))}, nil
	case "selu":
		return Gain{9. / 16}, nil
	}
	return Gain{}, fmt.Errorf("no gain for %q: use linear, sigmoid, tanh, relu, leaky_relu or selu", nonlinearity)
}

// Value is the gain.
func (g Gain) Value() float64 { return math.Sqrt(g.square) }

func (g Gain) validate() error {
	if !(g.square > 0) || math.IsInf(g.square, 1) {
		return fmt.Errorf("gain %v: must be positive", g.Value())
	}
	return nil
}
