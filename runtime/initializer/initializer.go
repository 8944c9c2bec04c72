// Package initializer draws the first values of parameters: the laws of torch.nn.init from
// counter-based streams. Element i of a tensor is draw i of the stream (member seed,
// "init/<parameter>"), so it depends on neither the population's size nor the order of filling.
//
// Values are computed in float64 and rounded to the element type, the same bits on every
// platform. They are not PyTorch's numbers, whose generator is another, but follow the same laws.
package initializer

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/rng"
)

// Float is an element type of parameters.
type Float interface{ float32 | float64 }

// Law is a distribution of a tensor's elements.
type Law interface {
	// Validate says what is wrong with the law's own parameters.
	Validate() error
	// elements gives element i (row-major) of a tensor. The law is valid and the shape has only
	// positive extents.
	elements(s rng.Stream, shape []int) (func(i int) float64, error)
}

// Fill sets the elements of a parameter: dst is row-major with the given shape. name is the
// parameter's, such as "conv1.weight", and seed the member's.
func Fill[T Float](dst []T, shape []int, seed uint64, name string, law Law) error {
	if err := law.Validate(); err != nil {
		return fmt.Errorf("parameter %q: %w", name, err)
	}
	n := 1
	for _, d := range shape {
		if d < 0 {
			return fmt.Errorf("parameter %q: shape %v has a negative extent", name, shape)
		}
		n *= d
	}
	if n != len(dst) {
		return fmt.Errorf("parameter %q: %d elements for shape %v", name, len(dst), shape)
	}
	if n == 0 {
		return nil
	}
	at, err := law.elements(rng.New(seed, "init/"+name), shape)
	if err != nil {
		return fmt.Errorf("parameter %q: %w", name, err)
	}
	for i := range dst {
		dst[i] = T(at(i))
	}
	return nil
}
