package nn

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// Attention is multi-head self-attention with packed projections: query, key and value rows one after another in Packed.weight [3D, D],
// and an output projection.
type Attention struct {
	Heads  int
	Causal bool
	// Packed and Out name the projections: "qkv" and "proj" in timm.
	Packed, Out string
	// KeyBias [B, T], if present, is added to the scores of each key.
	KeyBias op.Value
}

// Apply implements Layer.
func (l Attention) Apply(c *Context, x Tensor) Tensor {
	expect("attention", x, Sequences)
	d := c.Graph.Shape(x.Value)[2]
	qkv := Linear{Out: 3 * d}.Apply(c.In(l.Packed), x)
	y := c.Graph.SelfAttention(qkv.Value, op.AttentionOptions{Heads: l.Heads, Causal: l.Causal, KeyBias: l.KeyBias})
	return Linear{Out: d}.Apply(c.In(l.Out), Tensor{y, Sequences})
}

// blockNames are the names of a block's modules in one code base.
type blockNames struct{ norm1, attn, packed, out, norm2, up, down string }

var (
	timmNames = blockNames{"norm1", "attn", "qkv", "proj", "norm2", "mlp.fc1", "mlp.fc2"}
	gptNames  = blockNames{"ln_1", "attn", "c_attn", "c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"}
)

// Block is a transformer block with the normalisation first: x + attention(norm(x)), then x + mlp(norm(x)) (Xiong et al. 2020).
type Block struct {
	Heads, MLP int
	Causal     bool
	// Activation is the perceptron's, or with Member the member's.
	Activation device.Func
	Member     bool
	Eps        float64
	names      blockNames
}

// Apply implements Layer.
func (l Block) Apply(c *Context, x Tensor) Tensor {
	expect("transformer block", x, Sequences)
	n := l.names
	if n == (blockNames{}) {
		n = timmNames
	}
	y := LayerNorm{l.Eps}.Apply(c.In(n.norm1), x)
	y = Attention{Heads: l.Heads, Causal: l.Causal, Packed: n.packed, Out: n.out}.Apply(c.In(n.attn), y)
	y = Dropout{"dropout/" + c.label() + ".attn"}.Apply(c, y)
	x = Tensor{c.Graph.Add(x.Value, y.Value), Sequences}
	y = feedForward(c, LayerNorm{l.Eps}.Apply(c.In(n.norm2), x), n, l.MLP, Activation{F: l.Activation, Member: l.Member})
	y = Dropout{"dropout/" + c.label() + ".mlp"}.Apply(c, y)
	return Tensor{c.Graph.Add(x.Value, y.Value), Sequences}
}

func feedForward(c *Context, x Tensor, n blockNames, width int, f Activation) Tensor {
	d := c.Graph.Shape(x.Value)[2]
	y := Linear{Out: width}.Apply(c.In(n.up), x)
	y = f.Apply(c, y)
	return Linear{Out: d}.Apply(c.In(n.down), y)
}

// PatchEmbedding cuts images into square patches, projects each to Dim features, puts a class token before them and adds learned
// positions (Dosovitskiy et al. 2021): images to sequences of 1 + patches.
type PatchEmbedding struct{ Patch, Dim int }

// Apply implements Layer.
func (l PatchEmbedding) Apply(c *Context, x Tensor) Tensor {
	expect("patch embedding", x, Images)
	g := c.Graph
	s := g.Shape(x.Value)
	if l.Patch < 1 || l.Dim < 1 || s[1]%l.Patch != 0 || s[2]%l.Patch != 0 {
		fail("patch embedding", fmt.Sprintf("images of %dx%d cannot be cut into patches of %d", s[1], s[2], l.Patch))
	}
	batch, patches := s[3], s[1]/l.Patch*(s[2]/l.Patch)
	token := c.Param("cls_token", Embedding, 1, 1, l.Dim)
	positions := c.Param("pos_embed", Embedding, 1, 1+patches, l.Dim)
	w := c.Param("patch_embed.proj.weight", Weight, l.Dim, s[0], l.Patch, l.Patch)
	b := c.Param("patch_embed.proj.bias", Bias, l.Dim)
	y := g.Conv2D(x.Value, w, b, op.Square(l.Patch, 0))
	y = g.Transpose(g.Reshape(y, l.Dim, patches, batch), 2, 1, 0)
	first := g.BroadcastTo(token, batch, 1, l.Dim)
	return Tensor{g.Add(g.Concat(1, first, y), positions), Sequences}
}

// FirstToken takes the first position of a sequence, the class token.
type FirstToken struct{}

// Apply implements Layer.
func (FirstToken) Apply(c *Context, x Tensor) Tensor {
	expect("first token", x, Sequences)
	s := c.Graph.Shape(x.Value)
	return Tensor{c.Graph.Reshape(c.Graph.Slice(x.Value, 1, 0, 1), s[0], s[2]), FeaturesLast}
}

// ViTConfig describes a vision transformer.
type ViTConfig struct{ Patch, Dim, Depth, Heads, MLP, Classes int }

// ViTSmall is ViT-S: 22,050,664 parameters with patches of 16 on 3x224x224 images and 1,000 classes.
func ViTSmall(patch, classes int) ViTConfig {
	return ViTConfig{Patch: patch, Dim: 384, Depth: 12, Heads: 6, MLP: 1536, Classes: classes}
}

// ViTTiny is ViT-Ti (Touvron et al. 2021): 192 features, 3 heads.
func ViTTiny(patch, classes int) ViTConfig {
	return ViTConfig{Patch: patch, Dim: 192, Depth: 12, Heads: 3, MLP: 768, Classes: classes}
}

// vitEps is timm's epsilon of the normalisations.
const vitEps = 1e-6

// ViT is a vision transformer with class token (Dosovitskiy et al. 2021), named as timm's.
func ViT(v ViTConfig) Sequential {
	s := Sequential{{"", PatchEmbedding{Patch: v.Patch, Dim: v.Dim}}}
	for i := range v.Depth {
		s = append(s, Named{fmt.Sprintf("blocks.%d", i), Block{Heads: v.Heads, MLP: v.MLP, Activation: device.GELU, Eps: vitEps}})
	}
	return append(s, Named{"norm", LayerNorm{vitEps}}, Named{"", FirstToken{}}, Named{"head", Linear{Out: v.Classes}})
}

// TokenEmbedding looks tokens up in a table [Vocabulary, Dim] and adds learned positions [Positions, Dim].
type TokenEmbedding struct {
	Vocabulary, Positions, Dim int
	table, position            string
}

// Apply implements Layer.
func (l TokenEmbedding) Apply(c *Context, x Tensor) Tensor {
	y, _ := l.apply(c, x)
	return y
}

func (l TokenEmbedding) apply(c *Context, x Tensor) (Tensor, op.Value) {
	expect("token embedding", x, Tokens)
	g := c.Graph
	t := g.Shape(x.Value)[1]
	if t > l.Positions {
		fail("token embedding", fmt.Sprintf("sequences of %d tokens, %d positions", t, l.Positions))
	}
	if l.table == "" {
		l.table, l.position = "wte", "wpe"
	}
	table := c.Param(l.table+".weight", Embedding, l.Vocabulary, l.Dim)
	positions := c.Param(l.position+".weight", Embedding, l.Positions, l.Dim)
	y := g.Add(g.Gather(table, x.Value), g.Slice(positions, 0, 0, t))
	return Tensor{y, Sequences}, table
}

// GPT is a decoder in GPT-2's form (Radford et al. 2019): learned positions, normalisation first, GELU by tanh, and an output
// matrix that is the token table. Tokens [B, T] to logits [B, T, Vocabulary]. Names are GPT-2's; projections are stored [out, in].
type GPT struct{ Vocabulary, Positions, Dim, Depth, Heads int }

// Apply implements Layer.
func (l GPT) Apply(c *Context, x Tensor) Tensor {
	t := c.In("transformer")
	y, table := TokenEmbedding{Vocabulary: l.Vocabulary, Positions: l.Positions, Dim: l.Dim}.apply(t, x)
	for i := range l.Depth {
		b := Block{Heads: l.Heads, MLP: 4 * l.Dim, Causal: true, Activation: device.GELUTanh, names: gptNames}
		y = b.Apply(t.In(fmt.Sprintf("h.%d", i)), y)
	}
	y = LayerNorm{}.Apply(t.In("ln_f"), y)
	return Tensor{c.Graph.Linear(y.Value, table, op.Value{}), Sequences}
}

// BERT is an encoder in BERT's form (Devlin et al. 2019): token, position and type embeddings, blocks with the normalisation last.
// Tokens [B, T] to states [B, T, Dim]. Inputs "token_types" (integers) and "key_bias" [B, T] (0 for tokens, a large
// negative number for padding) are declared beside the tokens. Names are those of the reference implementation.
type BERT struct{ Vocabulary, Positions, Types, Dim, Depth, Heads, MLP int }

// bertEps is BERT's epsilon of the normalisations.
const bertEps = 1e-12

// Apply implements Layer.
func (l BERT) Apply(c *Context, x Tensor) Tensor {
	expect("bert", x, Tokens)
	g := c.Graph
	s := g.Shape(x.Value)
	e := c.In("embeddings")
	table := TokenEmbedding{Vocabulary: l.Vocabulary, Positions: l.Positions, Dim: l.Dim, table: "word_embeddings", position: "position_embeddings"}
	y := table.Apply(e, x)
	kinds := e.Param("token_type_embeddings.weight", Embedding, l.Types, l.Dim)
	y.Value = g.Add(y.Value, g.Gather(kinds, g.IntInput("token_types", s...)))
	y = Dropout{"dropout/embeddings"}.Apply(e, LayerNorm{bertEps}.Apply(e.In("LayerNorm"), y))
	bias := g.Input("key_bias", s...)
	for i := range l.Depth {
		b := EncoderBlock{Heads: l.Heads, MLP: l.MLP, Activation: device.GELU, Eps: bertEps, KeyBias: bias}
		y = b.Apply(c.In(fmt.Sprintf("encoder.layer.%d", i)), y)
	}
	return y
}
