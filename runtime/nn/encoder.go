package nn

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// EncoderBlock is a transformer block with the normalisation last: norm(x + attention(x)), then norm(x + mlp(x)) (Vaswani et
// al. 2017). Queries, keys and values have projections of their own. Names are BERT's reference implementation's.
type EncoderBlock struct {
	Heads, MLP int
	Causal     bool
	// Activation is the perceptron's, or with Member the member's.
	Activation device.Func
	Member     bool
	Eps        float64
	// KeyBias [B, T], if present, is added to the scores of each key.
	KeyBias op.Value
}

// Apply implements Layer.
func (l EncoderBlock) Apply(c *Context, x Tensor) Tensor {
	expect("encoder block", x, Sequences)
	g := c.Graph
	d := g.Shape(x.Value)[2]
	project := func(name string) op.Value { return Linear{Out: d}.Apply(c.In("attention.self."+name), x).Value }
	q, k, v := project("query"), project("key"), project("value")
	y := Tensor{g.Attention(q, k, v, op.AttentionOptions{Heads: l.Heads, Causal: l.Causal, KeyBias: l.KeyBias}), Sequences}
	y = Linear{Out: d}.Apply(c.In("attention.output.dense"), y)
	y = Dropout{"dropout/" + c.label() + ".attn"}.Apply(c, y)
	x = LayerNorm{l.Eps}.Apply(c.In("attention.output.LayerNorm"), Tensor{g.Add(x.Value, y.Value), Sequences})
	y = Linear{Out: l.MLP}.Apply(c.In("intermediate.dense"), x)
	y = Linear{Out: d}.Apply(c.In("output.dense"), Activation{F: l.Activation, Member: l.Member}.Apply(c, y))
	y = Dropout{"dropout/" + c.label() + ".mlp"}.Apply(c, y)
	return LayerNorm{l.Eps}.Apply(c.In("output.LayerNorm"), Tensor{g.Add(x.Value, y.Value), Sequences})
}
