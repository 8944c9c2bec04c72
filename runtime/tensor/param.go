// Package tensor describes how named parameters lie in a flat slab of float32.
//
// A population of P networks with n parameters each is one slab [P, n]: member p owns
// slab[p*n : (p+1)*n], and inside it every parameter has the same offset for every member.
// Gradients and optimiser moments use the same offsets.
package tensor

// Param names one parameter tensor of a network and says where it lies in a member's row.
type Param struct {
	// Name is the PyTorch name, such as "module_list.0.weight".
	Name string
	// Shape is row-major: [out, in, kh, kw] for a convolution, [out, in] for a linear layer,
	// [out] for a bias.
	Shape []int
	// Offset is the position of the first element in the member's row, in elements.
	Offset int
}

// Size is the number of elements.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Total is the number of elements of a row that holds all params.
func Total(params []Param) int {
	n := 0
	for _, p := range params {
		n += p.Size()
	}
	return n
}
