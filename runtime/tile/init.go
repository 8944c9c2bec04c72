package tile

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// biasInit is the value of every bias at the start.
const biasInit = 0.01

// Initializers lists the laws that Init knows.
var Initializers = []string{"uniform", "normal", "kaiming_uniform", "kaiming_normal"}

// law draws element i of a tensor.
type law func(s rng.Stream, i int) float32

// Init fills a member's row: weights by the named law, biases 0.01. uniform is U(0,1), normal
// N(0,1), kaiming_uniform U(-b,b) with b = sqrt(6/fan_in), kaiming_normal N(0, 2/fan_in).
// The stream of a tensor is "init/<name>".
func (n *Net) Init(row []float32, seed uint64, initializer string) error {
	for _, p := range n.layout {
		w := row[p.Offset : p.Offset+p.Size()]
		if len(p.Shape) == 1 {
			for i := range w {
				w[i] = biasInit
			}
			continue
		}
		draw, err := lawOf(initializer, p)
		if err != nil {
			return err
		}
		s := rng.New(seed, "init/"+p.Name)
		for i := range w {
			w[i] = draw(s, i)
		}
	}
	return nil
}

func lawOf(name string, p tensor.Param) (law, error) {
	fanIn := float64(p.Size() / p.Shape[0])
	switch name {
	case "uniform":
		return func(s rng.Stream, i int) float32 { return s.Uniform(i) }, nil
	case "normal":
		return func(s rng.Stream, i int) float32 { return float32(s.Normal(i)) }, nil
	case "kaiming_uniform":
		b := math.Sqrt(6 / fanIn)
		return func(s rng.Stream, i int) float32 { return float32(float64(2*s.Open(i)-1) * b) }, nil
	case "kaiming_normal":
		std := math.Sqrt(2 / fanIn)
		return func(s rng.Stream, i int) float32 { return float32(s.Normal(i) * std) }, nil
	}
	return nil, fmt.Errorf("unknown initializer %q: use one of %v", name, Initializers)
}
