package train

import (
	"strings"

	"github.com/weightspace/weightspace/runtime/tensor"
)

// TwinEngine trains sparsified twins of a population, one per parent. It is an Engine whose Weights have the parents' layout with dropped
// weights exactly 0: what evaluation, agreement and files use. Epoch 0 is the twin before training.
type TwinEngine interface {
	Engine
	// Sparsity gives what each member has dropped: one element per member, in their order.
	Sparsity() []Sparsity
}

// Sparsity is how many weights of a twin are dropped. Biases count in neither number.
type Sparsity struct {
	// Tensors are the prunable tensors in the layout's order.
	Tensors []TensorSparsity
	// Dropped and Total are the sums over Tensors.
	Dropped, Total int
}

// TensorSparsity is how many elements of one tensor are dropped.
type TensorSparsity struct {
	Name           string
	Dropped, Total int
}

// Fraction is Dropped / Total, 0 if there is nothing to drop.
func (s Sparsity) Fraction() float64 {
	if s.Total == 0 {
		return 0
	}
	return float64(s.Dropped) / float64(s.Total)
}

// Add appends a tensor's counts.
func (s *Sparsity) Add(name string, dropped, total int) {
	s.Tensors = append(s.Tensors, TensorSparsity{Name: name, Dropped: dropped, Total: total})
	s.Dropped, s.Total = s.Dropped+dropped, s.Total+total
}

// Prunable reports whether a parameter is a weight that twins may drop: a matrix or a convolution, neither a bias nor the scale of a
// normalisation.
func Prunable(p tensor.Param) bool { return len(p.Shape) > 1 && strings.HasSuffix(p.Name, "weight") }
