package plan

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/nn"
)

// workspace is what one worker needs to train one member for a step, in closed form, in bytes.
type workspace struct {
	// train is the arena, inputs and gradient row of the training program; evaluate the arena and inputs of the forward pass.
	train, evaluate int64
	// states is the running statistics of a member.
	states int64
}

const floatBytes = 4

// networkWorkspace walks over a network's layers. input is the first tensor; params is the length of a member's row.
//
// A layer keeps what its gradient needs (its input, for an activation its output too) from its forward pass to its backward
// pass. Running backwards, layer i sees what layers 0..i kept, the gradients of its output and input, and the gradients that
// shortcuts hold. The largest of these sums is the arena.
func networkWorkspace(net nn.Sequential, input flow, params int) workspace {
	w := &walk{at: input}
	w.layer(net)
	w.loss()
	inputs := input.size()
	if w.tokens() {
		inputs *= 2 // tokens, and a label for each
	} else {
		inputs += int64(input.batch)
	}
	return workspace{
		train: floatBytes * (w.peak() + inputs + int64(params)), evaluate: floatBytes * (w.forward + inputs),
		states: floatBytes * w.states,
	}
}

// flow is the tensor between two layers. Images have c, h and w, sequences t positions of c features, features c.
type flow struct {
	layout     nn.Layout
	batch      int
	c, h, w, t int
	// stored says that it lies in the arena, kept that a layer before keeps it already, held that a shortcut does, grad that it
	// has a gradient.
	stored, kept, held, grad bool
}

// size is its elements.
func (f flow) size() int64 {
	n := int64(f.batch)
	for _, e := range []int{f.c, f.h, f.w, f.t} {
		if e > 0 {
			n *= int64(e)
		}
	}
	return n
}

// with is a tensor of c channels or features, otherwise of f's shape.
func (f flow) with(c int) flow {
	f.c = c
	return f
}

// step is an operation with its costs when running backwards.
type step struct {
	// keep is what it keeps of its forward pass beyond what layers before keep.
	keep int64
	// dy and dx are the gradients of its output and input. inPlace lets dx take dy's storage.
	dy, dx  int64
	inPlace bool
	// held is gradients that wait elsewhere; heldOutput says that dy is one of them.
	held       int64
	heldOutput bool
	// extra is temporary memory.
	extra int64
}

// need says what an operation's gradient needs.
type need struct {
	input, output  bool
	inPlace, param bool
	// more is elements kept beside input and output.
	more int64
}

// walk follows the tensor through a network.
type walk struct {
	at      flow
	steps   []step
	forward int64
	// branch is elements that shortcuts hold in the forward pass.
	branch int64
	states int64
	// table is the size of a token table, embedding the step that reads it.
	table     int64
	embedding int
}

func (w *walk) tokens() bool { return w.table > 0 }

// op applies an operation with the given output.
func (w *walk) op(out flow, n need) {
	in := w.at
	s := step{dy: out.size(), inPlace: n.inPlace, keep: n.more}
	live := w.branch + out.size()
	if in.grad {
		s.dx = in.size()
	}
	if in.stored && n.input && !in.kept {
		s.keep += in.size()
	}
	if in.stored && !in.held {
		live += in.size()
	}
	out.stored, out.kept, out.held, out.grad = true, false, false, in.grad || n.param
	if n.output {
		s.keep += out.size()
		out.kept = true
	}
	w.forward = max(w.forward, live)
	w.steps = append(w.steps, s)
	w.at = out
}

// peak is the largest arena of the steps run backwards.
func (w *walk) peak() int64 {
	var kept, peak int64
	for _, s := range w.steps {
		kept += s.keep
		dy, dx := s.dy, s.dx
		switch {
		case s.heldOutput:
			dy = 0
		case s.inPlace:
			dx = 0
		}
		peak = max(peak, kept+dy+dx+s.held+s.extra)
	}
	return peak
}

// hold adds elements that wait during the steps from a position on.
func (w *walk) hold(from int, n int64) {
	for i := from; i < len(w.steps); i++ {
		w.steps[i].held += n
	}
}

// residual applies a branch beside an identity and adds both: the gradient of the sum waits for the branch's.
func (w *walk) residual(branch func()) {
	from, x := len(w.steps), w.at
	w.branch += x.size()
	w.at.held = true
	branch()
	w.branch -= x.size()
	w.hold(from, w.at.size())
	w.steps[len(w.steps)-1].heldOutput = true
	// The sum takes the storage of the branch's result.
	w.at.kept = false
}

// loss is the cross-entropy: it makes the gradient of the logits beside them.
func (w *walk) loss() {
	w.at.kept = false
	w.op(w.at, need{})
}

// layer applies a layer of package nn.
func (w *walk) layer(layer nn.Layer) {
	switch l := layer.(type) {
	case nn.Sequential:
		for _, e := range l {
			w.layer(e.Layer)
		}
	case nn.Nothing:
	case nn.Conv2D:
		w.conv(l.Out, l.Kernel, max(1, l.Stride), l.Padding)
	case nn.Linear:
		w.op(w.at.with(l.Out), need{input: true, param: true})
	case nn.BatchNorm:
		w.batchNorm()
	case nn.LayerNorm:
		w.layerNorm()
	case nn.Activation:
		w.activation()
	case nn.Dropout:
		w.op(w.at, need{inPlace: true})
	case nn.MaxPool:
		w.pool(l.Kernel, l.Stride, l.Padding, true)
	case nn.AvgPool:
		w.pool(l.Kernel, l.Stride, l.Padding, false)
	case nn.GlobalAvgPool:
		w.op(flow{layout: nn.FeaturesFirst, batch: w.at.batch, c: w.at.c}, need{})
	case nn.Flatten:
		w.flatten()
	case nn.BasicBlock:
		w.basicBlock(l)
	case nn.PatchEmbedding:
		w.patches(l)
	case nn.FirstToken:
		w.op(flow{layout: nn.FeaturesLast, batch: w.at.batch, c: w.at.c}, need{})
	case nn.TokenEmbedding:
		w.embed(l)
	case nn.TokenLogits:
		w.tokenLogits()
	case nn.Block:
		w.blockFirst(l.Heads, l.MLP)
	case nn.EncoderBlock:
		w.blockLast(l.Heads, l.MLP)
	default:
		panic(fmt.Sprintf("plan: no formula for the memory of %T", layer))
	}
}

func (w *walk) window(c, kernel, stride, padding int) flow {
	out := w.at.with(c)
	out.h, out.w = (out.h+2*padding-kernel)/stride+1, (out.w+2*padding-kernel)/stride+1
	return out
}

func (w *walk) conv(out, kernel, stride, padding int) {
	w.op(w.window(out, kernel, stride, padding), need{input: true, param: true})
}

func (w *walk) pool(kernel, stride, padding int, input bool) {
	if stride == 0 {
		stride = kernel
	}
	w.op(w.window(w.at.c, kernel, stride, padding), need{input: input})
}

func (w *walk) batchNorm() {
	w.states += 2 * int64(w.at.c)
	w.op(w.at, need{input: true, param: true, more: 2 * int64(w.at.c)})
}

func (w *walk) layerNorm() {
	w.op(w.at, need{input: true, param: true, more: 2 * w.at.size() / int64(max(1, w.at.c))})
}

func (w *walk) activation() { w.op(w.at, need{input: true, output: true, inPlace: true}) }

func (w *walk) flatten() {
	if w.at.layout == nn.Images {
		w.at.layout, w.at.c, w.at.h, w.at.w = nn.FeaturesFirst, w.at.c*w.at.h*w.at.w, 0, 0
	}
}

func (w *walk) basicBlock(l nn.BasicBlock) {
	w.at.held = true
	from, x, stride := len(w.steps), w.at, max(1, l.Stride)
	w.branch += x.size()
	w.conv(l.Out, 3, stride, 1)
	w.batchNorm()
	w.conv(l.Out, 3, 1, 1)
	w.batchNorm()
	y := w.at
	if stride != 1 || x.c != l.Out {
		// The shortcut's gradient comes first and waits for that of the convolutions.
		w.hold(from, x.size())
		side := len(w.steps)
		x.kept = true // by the first convolution
		w.at = x
		w.conv(l.Out, 1, stride, 0)
		w.batchNorm()
		w.hold(side, y.size())
		w.steps[len(w.steps)-1].heldOutput = true
	} else {
		w.hold(from, y.size())
		w.steps[len(w.steps)-1].heldOutput = true
	}
	w.branch -= x.size()
	w.at = y
	w.activation()
}

func (w *walk) patches(l nn.PatchEmbedding) {
	w.conv(l.Dim, l.Patch, l.Patch, 0)
	w.op(flow{layout: nn.Sequences, batch: w.at.batch, c: l.Dim, t: 1 + w.at.h*w.at.w}, need{param: true})
}

func (w *walk) embed(l nn.TokenEmbedding) {
	w.table, w.embedding = int64(l.Vocabulary)*int64(l.Dim), len(w.steps)
	w.op(flow{layout: nn.Sequences, batch: w.at.batch, c: l.Dim, t: w.at.t}, need{param: true})
}

// tokenLogits uses the table a second time: its gradient waits for that of the embedding.
func (w *walk) tokenLogits() {
	w.hold(0, w.table)
	w.steps[w.embedding].extra += w.table
	w.op(w.at.with(int(w.table/int64(w.at.c))), need{input: true, param: true})
	w.steps[len(w.steps)-1].extra += w.table
}

// attention is the three projections, the heads and the output's projection.
func (w *walk) attention(heads int) {
	d := w.at.c
	w.op(w.at.with(3*d), need{input: true, param: true})
	scores := int64(w.at.batch) * int64(heads) * int64(w.at.t) * int64(w.at.t)
	w.op(w.at.with(d), need{input: true, more: scores})
	w.op(w.at, need{input: true, param: true})
	w.op(w.at, need{inPlace: true})
}

func (w *walk) perceptron(width int) {
	d := w.at.c
	w.op(w.at.with(width), need{input: true, param: true})
	w.activation()
	w.op(w.at.with(d), need{input: true, param: true})
	w.op(w.at, need{inPlace: true})
}

func (w *walk) blockFirst(heads, width int) {
	w.residual(func() { w.layerNorm(); w.attention(heads) })
	w.residual(func() { w.layerNorm(); w.perceptron(width) })
}

func (w *walk) blockLast(heads, width int) {
	w.residual(func() { w.attention(heads) })
	w.layerNorm()
	w.residual(func() { w.perceptron(width) })
	w.layerNorm()
}
