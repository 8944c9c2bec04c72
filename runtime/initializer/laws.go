package initializer

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/rng"
)

// Constant sets every element to Value.
type Constant struct{ Value float64 }

// Zeros and Ones are constants.
var (
	Zeros = Constant{0}
	Ones  = Constant{1}
)

// Validate wants a finite value.
func (l Constant) Validate() error { return finite("constant", l.Value) }

func (l Constant) elements(rng.Stream, []int) (func(int) float64, error) {
	return func(int) float64 { return l.Value }, nil
}

// Uniform is U(Low, High) on a grid of 2^-24 of the width. After rounding to the element type
// High itself can occur, except with U(0, 1).
type Uniform struct{ Low, High float64 }

// Validate wants Low <= High.
func (l Uniform) Validate() error {
	if !(l.Low <= l.High) {
		return fmt.Errorf("uniform law from %v to %v", l.Low, l.High)
	}
	return finite("uniform law", l.Low, l.High)
}

func (l Uniform) elements(s rng.Stream, _ []int) (func(int) float64, error) {
	width := l.High - l.Low
	return func(i int) float64 { return l.Low + float64(width*float64(s.Uniform(i))) }, nil
}

// Normal is N(Mean, Std^2).
type Normal struct{ Mean, Std float64 }

// Validate wants a deviation that is not negative.
func (l Normal) Validate() error {
	if !(l.Std >= 0) {
		return fmt.Errorf("normal law of deviation %v", l.Std)
	}
	return finite("normal law", l.Mean, l.Std)
}

func (l Normal) elements(s rng.Stream, _ []int) (func(int) float64, error) {
	return func(i int) float64 { return l.Mean + float64(s.Normal(i)*l.Std) }, nil
}

// symmetric draws from U(-b, b) on a grid of 2^-51 b.
func symmetric(s rng.Stream, b float64) func(int) float64 {
	return func(i int) float64 { return float64(2*s.Open(i)-1) * b }
}

// XavierUniform is U(-b, b) with b = Gain sqrt(6/(fan in + fan out)) (Glorot and Bengio 2010).
type XavierUniform struct{ Gain Gain }

// Validate wants a positive gain.
func (l XavierUniform) Validate() error { return l.Gain.validate() }

func (l XavierUniform) elements(s rng.Stream, shape []int) (func(int) float64, error) {
	v, err := xavier(l.Gain, shape)
	return symmetric(s, math.Sqrt(3*v)), err
}

// XavierNormal is N(0, std^2) with std = Gain sqrt(2/(fan in + fan out)).
type XavierNormal struct{ Gain Gain }

// Validate wants a positive gain.
func (l XavierNormal) Validate() error { return l.Gain.validate() }

func (l XavierNormal) elements(s rng.Stream, shape []int) (func(int) float64, error) {
	v, err := xavier(l.Gain, shape)
	if err != nil {
		return nil, err
	}
	return Normal{Std: math.Sqrt(v)}.elements(s, shape)
}

// xavier is the variance of the Xavier laws.
func xavier(g Gain, shape []int) (float64, error) {
	in, out, err := Fans(shape)
	return float64(2*g.square) / float64(in+out), err
}

// KaimingUniform is U(-b, b) with b = Gain sqrt(3/fan) (He et al. 2015).
type KaimingUniform struct {
	Mode Mode
	Gain Gain
}

// Validate wants a known mode and a positive gain.
func (l KaimingUniform) Validate() error { return kaimingValidate(l.Mode, l.Gain) }

func (l KaimingUniform) elements(s rng.Stream, shape []int) (func(int) float64, error) {
	fan, err := l.Mode.of(shape)
	return symmetric(s, math.Sqrt(float64(3*l.Gain.square)/fan)), err
}

// KaimingNormal is N(0, std^2) with std = Gain/sqrt(fan).
type KaimingNormal struct {
	Mode Mode
	Gain Gain
}

// Validate wants a known mode and a positive gain.
func (l KaimingNormal) Validate() error { return kaimingValidate(l.Mode, l.Gain) }

func (l KaimingNormal) elements(s rng.Stream, shape []int) (func(int) float64, error) {
	fan, err := l.Mode.of(shape)
	if err != nil {
		return nil, err
	}
	return Normal{Std: math.Sqrt(l.Gain.square / fan)}.elements(s, shape)
}

func kaimingValidate(m Mode, g Gain) error {
	if err := m.validate(); err != nil {
		return err
	}
	return g.validate()
}

// LayerWeight is what PyTorch's linear and convolution layers draw their weights from:
// U(-b, b) with b = 1/sqrt(fan in), which is Kaiming's with a slope of sqrt(5).
func LayerWeight() Law { return KaimingUniform{Gain: Gain{1. / 3}} }

// LayerBias is what they draw the bias from, given the weight's shape: U(-b, b) with the same b.
func LayerBias(weight []int) (Law, error) {
	in, _, err := Fans(weight)
	if err != nil {
		return nil, err
	}
	if in == 0 {
		return Zeros, nil
	}
	return Symmetric{Bound: math.Sqrt(1 / float64(in))}, nil
}

// Symmetric is U(-Bound, Bound).
type Symmetric struct{ Bound float64 }

// Validate wants a bound that is not negative.
func (l Symmetric) Validate() error {
	if !(l.Bound >= 0) {
		return fmt.Errorf("symmetric uniform law of bound %v", l.Bound)
	}
	return finite("symmetric uniform law", l.Bound)
}

func (l Symmetric) elements(s rng.Stream, _ []int) (func(int) float64, error) {
	return symmetric(s, l.Bound), nil
}

// Identity is the identity: of a matrix, ones on the diagonal (torch.nn.init.eye_); of a
// convolution kernel [out, in, kernel...], the kernel that passes channel c on as channel c
// (dirac_). The rest is 0.
type Identity struct{}

// Validate finds nothing.
func (Identity) Validate() error { return nil }

func (Identity) elements(_ rng.Stream, shape []int) (func(int) float64, error) {
	in, _, err := Fans(shape)
	if err != nil {
		return nil, err
	}
	field, centre := 1, 0
	for _, d := range shape[2:] {
		field *= d
		centre = centre*d + d/2
	}
	return func(i int) float64 {
		if row, at := i/in, i%in; at == row*field+centre {
			return 1
		}
		return 0
	}, nil
}

// finite checks the parameters of a law.
func finite(law string, values ...float64) error {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s: %v is not finite", law, v)
		}
	}
	return nil
}
