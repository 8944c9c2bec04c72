package op

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// AttentionOptions are what a multi-head attention needs besides its operands.
type AttentionOptions struct {
	Heads int
	// Causal lets query t see keys 0..t+S-T.
	Causal bool
	// KeyBias [B, S], if present, is added to every score of a key: 0 to keep it, a large negative number to mask it. It has no gradient.
	KeyBias Value
}

// Attention is softmax(q k^T / sqrt(dim)) v by head (Vaswani et al. 2017, eq. 1): q [B, T, heads*dim], k and v [B, S, heads*dim].
func (g *Graph) Attention(q, k, v Value, o AttentionOptions) Value {
	sq, sk := g.Shape(q), g.Shape(k)
	if len(sq) != 3 || len(sk) != 3 || !g.Shape(v).Equal(sk) || sq[0] != sk[0] || sq[2] != sk[2] {
		fail("attention", "queries %s, keys %s, values %s", sq, sk, g.Shape(v))
	}
	d := g.attention(o, sq[0], sq[1], sk[1], sq[2])
	if g.Composite {
		return g.compositeAttention(d, q, k, v, o.KeyBias)
	}
	var out []Value
	out = g.recordMulti(d, []tensor.Shape{sq, {d.B, d.Heads, d.T, d.S}}, []Value{q, k, v, o.KeyBias}, func(dy []Value, _ []bool) []Value {
		in := []Value{q, k, v, out[1], dy[0]}
		return append(g.recordMulti(device.AttentionGrad{Attention: d}, []tensor.Shape{sq, sk, sk}, in, noSecondMulti("attention")), Value{})
	})
	return out[0]
}

// SelfAttention is Attention on the packed projections qkv [B, T, 3*heads*dim]: queries, keys and values one after another in
// each row.
func (g *Graph) SelfAttention(qkv Value, o AttentionOptions) Value {
	s := g.Shape(qkv)
	if len(s) != 3 || s[2]%3 != 0 {
		fail("attention", "packed projections %s", s)
	}
	width := s[2] / 3
	d := g.attention(o, s[0], s[1], s[1], width)
	if g.Composite {
		p := g.Split(qkv, 2, width, width, width)
		return g.compositeAttention(d, p[0], p[1], p[2], o.KeyBias)
	}
	d.Packed = true
	var out []Value
	out = g.recordMulti(d, []tensor.Shape{{s[0], s[1], width}, {d.B, d.Heads, d.T, d.S}}, []Value{qkv, o.KeyBias}, func(dy []Value, _ []bool) []Value {
		in := []Value{qkv, out[1], dy[0]}
		return append(g.recordMulti(device.AttentionGrad{Attention: d}, []tensor.Shape{s}, in, noSecondMulti("attention")), Value{})
	})
	return out[0]
}

func (g *Graph) attention(o AttentionOptions, b, t, s, width int) device.Attention {
	if o.Heads < 1 || width%o.Heads != 0 || width == 0 {
		fail("attention", "%d heads for width %d", o.Heads, width)
	}
	if o.KeyBias.Present() && !g.Shape(o.KeyBias).Equal(tensor.Shape{b, s}) {
		fail("attention", "key bias %s for %d batches of %d keys", g.Shape(o.KeyBias), b, s)
	}
	if b*t > 0 && s == 0 {
		fail("attention", "%d batches of %d queries have no keys", b, t)
	}
	if o.Causal && t > s {
		fail("attention", "causal attention of %d queries over %d keys: the first queries see none", t, s)
	}
	dim := width / o.Heads
	return device.Attention{B: b, T: t, S: s, Heads: o.Heads, Dim: dim, Scale: 1 / math.Sqrt(float64(dim)), Causal: o.Causal}
}

// compositeAttention is made of products and softmax.
func (g *Graph) compositeAttention(d device.Attention, q, k, v, bias Value) Value {
	heads := func(x Value, n int) Value { return g.Transpose(g.Reshape(x, d.B, n, d.Heads, d.Dim), 0, 2, 1, 3) }
	scores := g.Affine(g.Matmul(heads(q, d.T), heads(k, d.S), false, true), d.Scale, 0)
	if bias.Present() {
		scores = g.Add(scores, g.Reshape(bias, d.B, 1, 1, d.S))
	}
	if d.Causal {
		mask := make([]float64, d.T*d.S)
		for t := range d.T {
			row := mask[t*d.S : (t+1)*d.S]
			for s := t + d.S - d.T + 1; s < d.S; s++ {
				row[s] = selfMask
			}
		}
		scores = g.Add(scores, g.Constant(mask, d.T, d.S))
	}
	y := g.Matmul(g.Softmax(scores, 3), heads(v, d.S), false, false)
	return g.Reshape(g.Transpose(y, 0, 2, 1, 3), d.B, d.T, d.Heads*d.Dim)
}
