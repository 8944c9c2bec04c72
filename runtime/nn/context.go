package nn

import (
	"strings"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Layout says what the axes of a layer's input mean.
type Layout uint8

// The layouts.
const (
	// Images are [C, H, W, N].
	Images Layout = iota
	// FeaturesFirst is [F, N].
	FeaturesFirst
	// Sequences are [B, T, D].
	Sequences
	// FeaturesLast is [B, D].
	FeaturesLast
	// Tokens are integers [B, T].
	Tokens
)

var layoutNames = [...]string{"images [C,H,W,N]", "features [F,N]", "sequences [B,T,D]", "features [B,D]", "tokens [B,T]"}

// String describes the layout.
func (l Layout) String() string { return layoutNames[l] }

// Tensor is what flows between layers.
type Tensor struct {
	op.Value
	Layout Layout
}

// Role says how a parameter is initialised.
type Role uint8

// The roles.
const (
	// Weight is drawn from the member's initialiser: matrices and convolutions.
	Weight Role = iota
	// Bias starts at the zoos' constant 0.01.
	Bias
	// One and Zero are the scale and shift of a normalisation.
	One
	Zero
	// Embedding is drawn from a normal law of deviation 0.02, truncated at two deviations: tables, tokens and positions.
	Embedding
)

// Param is a parameter with its role.
type Param struct {
	tensor.Param
	Role Role
}

// Context is what layers record into: a graph, and the prefix of names.
type Context struct {
	Graph *op.Graph
	// Activation is the member's non-linearity, for layers that name none.
	Activation device.Func
	prefix     string
	shared     *shared
}

type shared struct {
	roles  []Role
	affine Affine
}

// Affine records the products of Conv2D and Linear layers in another way than plainly: with noise, for example.
type Affine interface {
	// Conv is a convolution of images x; b may be absent.
	Conv(c *Context, x Tensor, w, b op.Value, o op.Conv) Tensor
	// Linear is a linear layer on features or sequences x; b may be absent.
	Linear(c *Context, x Tensor, w, b op.Value) Tensor
}

// SetAffine makes the context's layers record their products with a; nil records them plainly.
func (c *Context) SetAffine(a Affine) { c.shared.affine = a }

// Path is the full name of a parameter of the current module.
func (c *Context) Path(name string) string { return c.prefix + name }

// NewContext starts recording into a graph.
func NewContext(g *op.Graph, activation device.Func) *Context {
	return &Context{Graph: g, Activation: activation, shared: &shared{}}
}

// In is the context of a submodule: names get its prefix.
func (c *Context) In(name string) *Context {
	if name == "" {
		return c
	}
	d := *c
	d.prefix += name + "."
	return &d
}

// Param declares a parameter of the current module.
func (c *Context) Param(name string, role Role, shape ...int) op.Value {
	c.shared.roles = append(c.shared.roles, role)
	return c.Graph.Param(c.prefix+name, shape...)
}

// State declares running statistics of the current module.
func (c *Context) State(name string, shape ...int) op.Value {
	return c.Graph.State(c.prefix+name, shape...)
}

// Params lists the declared parameters with their roles.
func (c *Context) Params() []Param {
	out := make([]Param, len(c.shared.roles))
	for i, p := range c.Graph.Layout() {
		out[i] = Param{p, c.shared.roles[i]}
	}
	return out
}

// label is the module's path, for random streams.
func (c *Context) label() string { return strings.TrimSuffix(c.prefix, ".") }

// Layer is one step of a network.
type Layer interface {
	// Apply records the layer. It panics with op.BuildError if the input does not fit.
	Apply(c *Context, x Tensor) Tensor
}

// Named is a layer with the name of its module.
type Named struct {
	Name  string
	Layer Layer
}

// Sequential applies layers one after another.
type Sequential []Named

// Apply implements Layer.
func (s Sequential) Apply(c *Context, x Tensor) Tensor {
	for _, l := range s {
		x = l.Layer.Apply(c.In(l.Name), x)
	}
	return x
}

// fail panics with a BuildError.
func fail(layer, problem string) { panic(&op.BuildError{Op: layer, Problem: problem}) }

func expect(layer string, x Tensor, layouts ...Layout) {
	names := make([]string, len(layouts))
	for i, l := range layouts {
		if x.Layout == l {
			return
		}
		names[i] = l.String()
	}
	fail(layer, "takes "+strings.Join(names, " or ")+", not "+x.Layout.String())
}
