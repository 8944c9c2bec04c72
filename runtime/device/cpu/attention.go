package cpu

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/gemm"
	"github.com/weightspace/weightspace/runtime/kernel/rows"
)

// heads locates one head of one sample in queries, keys and values.
type heads struct {
	k device.Attention
	// width is Heads*Dim, row the distance between rows of q, k and v.
	width, row int
}

func headsOf(k device.Attention) heads {
	h := heads{k: k, width: k.Heads * k.Dim}
	h.row = h.width
	if k.Packed {
		h.row = 3 * h.width
	}
	return h
}

// split gives the arrays that begin at q, k and v: one array when packed.
func (h heads) split(packed bool, ops []device.Operand) (q, k, v device.Operand) {
	if !packed {
		return ops[0], ops[1], ops[2]
	}
	q, k, v = ops[0], ops[0], ops[0]
	k.Offset, k.Size = k.Offset+h.width, k.Size-h.width
	v.Offset, v.Size = v.Offset+2*h.width, v.Size-2*h.width
	return q, k, v
}

// attention computes one head of one sample per chunk: scores, softmax, output, all in the cache.
func (d *Device[T]) attention(k device.Attention, in device.Instr) step[T] {
	h := headsOf(k)
	q, key, v := h.split(k.Packed, in.In)
	bias, o, p := in.In[len(in.In)-1], in.Out[0], in.Out[1]
	scores := d.k.product(gemm.Shape{TransB: true, M: k.T, N: k.S, K: k.Dim})
	values := d.k.product(gemm.Shape{M: k.T, N: k.Dim, K: k.S})
	soft := rows.Softmax[T]{M: k.T, N: k.S, Scale: T(k.Scale), Causal: k.Causal, Offset: k.S - k.T}
	return step[T]{chunks: k.B * k.Heads, scratch: max(scores.scratch, values.scratch), run: func(f *frame[T], scratch []T, c int) {
		b, head := c/k.Heads, c%k.Heads
		qa, ka, va := f.at(q)[b*k.T*h.row+head*k.Dim:], f.at(key)[b*k.S*h.row+head*k.Dim:], f.at(v)[b*k.S*h.row+head*k.Dim:]
		prob := f.at(p)[c*k.T*k.S : (c+1)*k.T*k.S]
		scores.all(prob, k.S, qa, h.row, ka, h.row, gemm.Options[T]{}, scratch)
		s := soft
		if bias.Space != device.None {
			s.Mask = f.at(bias)[b*k.S : (b+1)*k.S]
		}
		d.k.rows.softmax(prob, prob, s)
		values.all(f.at(o)[b*k.T*h.width+head*k.Dim:], h.width, prob, k.S, va, h.row, gemm.Options[T]{}, scratch)
	}}
}

// all runs every chunk of a product.
func (p *product[T]) all(c []T, ldc int, a []T, lda int, b []T, ldb int, o gemm.Options[T], scratch []T) {
	for i := range p.chunks {
		p.run(i, c, ldc, a, lda, b, ldb, o, scratch)
	}
}

// attentionGrad: dv = p^T do, dp = do v^T, ds = softmax's gradient, dq = ds k, dk = ds^T q, by head.
func (d *Device[T]) attentionGrad(k device.Attention, in device.Instr) step[T] {
	h := headsOf(k)
	q, key, v := h.split(k.Packed, in.In)
	p, do := in.In[len(in.In)-2], in.In[len(in.In)-1]
	dq, dk, dv := h.split(k.Packed, in.Out)
	dScores := d.k.product(gemm.Shape{TransB: true, M: k.T, N: k.S, K: k.Dim})
	dQuery := d.k.product(gemm.Shape{M: k.T, N: k.Dim, K: k.S})
	dKey := d.k.product(gemm.Shape{TransA: true, M: k.S, N: k.Dim, K: k.T})
	work := max(dScores.scratch, dQuery.scratch, dKey.scratch)
	return step[T]{chunks: k.B * k.Heads, scratch: work + k.T*k.S, run: func(f *frame[T], scratch []T, c int) {
		b, head := c/k.Heads, c%k.Heads
		atQ, atK := b*k.T*h.row+head*k.Dim, b*k.S*h.row+head*k.Dim
		prob, dOut := f.at(p)[c*k.T*k.S:(c+1)*k.T*k.S], f.at(do)[b*k.T*h.width+head*k.Dim:]
		ds, rest := scratch[work:work+k.T*k.S], scratch[:work]
		var none gemm.Options[T]
		dKey.all(f.at(dv)[atK:], h.row, prob, k.S, dOut, h.width, none, rest)
		dScores.all(ds, k.S, dOut, h.width, f.at(v)[atK:], h.row, none, rest)
		d.k.rows.softmaxGrad(ds, prob, ds, k.T, k.S, T(k.Scale))
		dQuery.all(f.at(dq)[atQ:], h.row, ds, k.S, f.at(key)[atK:], h.row, none, rest)
		dKey.all(f.at(dk)[atK:], h.row, ds, k.S, f.at(q)[atQ:], h.row, none, rest)
	}}
}
