package check

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
)

// head reads one head of one sample.
type head struct {
	k       device.Attention
	q, v, s []float64 // queries, values, keys
	row     int
	atQ     int
	atK     int
}

func (t *trial) heads(k device.Attention, f func(h head, c int)) {
	width := k.Heads * k.Dim
	for b := range k.B {
		for i := range k.Heads {
			h := head{k: k, row: width, atQ: b*k.T*width + i*k.Dim, atK: b*k.S*width + i*k.Dim}
			if k.Packed {
				h.row = 3 * width
				h.atQ, h.atK = b*k.T*h.row+i*k.Dim, b*k.S*h.row+i*k.Dim
				h.q, h.s, h.v = t.in[0], t.in[0][min(width, len(t.in[0])):], t.in[0][min(2*width, len(t.in[0])):]
			} else {
				h.q, h.s, h.v = t.in[0], t.in[1], t.in[2]
			}
			f(h, b*k.Heads+i)
		}
	}
}

func (h *head) query(i, d int) float64 { return h.q[h.atQ+i*h.row+d] }
func (h *head) key(j, d int) float64   { return h.s[h.atK+j*h.row+d] }
func (h *head) value(j, d int) float64 { return h.v[h.atK+j*h.row+d] }

func (t *trial) attention(k device.Attention) [][]float64 {
	b, bias := t.relative(0), t.in[len(t.in)-1]
	t.heads(k, func(h head, c int) {
		for i := range k.T {
			sees := k.S
			if k.Causal {
				sees = i + 1 + k.S - k.T
			}
			l := logits{x: make([]float64, sees), e: make([]float64, sees)}
			for j := range sees {
				size := 0.0
				for d := range k.Dim {
					l.x[j] += h.query(i, d) * h.key(j, d)
					size += math.Abs(h.query(i, d) * h.key(j, d))
				}
				l.x[j] *= k.Scale
				// The scale is rounded, then the product with it, then the sum with the mask.
				l.e[j] = k.Scale*gamma(k.Dim+3)*size + u*math.Abs(l.x[j])
				if bias != nil {
					l.x[j] += bias[c/k.Heads*k.S+j]
					l.e[j] += u * math.Abs(l.x[j])
				}
			}
			l.solve()
			for j := range sees {
				b[1][(c*k.T+i)*k.S+j] = l.p[j] * l.rel[j]
				for d := range k.Dim {
					b[0][c/k.Heads*k.T*k.Heads*k.Dim+c%k.Heads*k.Dim+i*k.Heads*k.Dim+d] += l.p[j] * math.Abs(h.value(j, d)) * (l.rel[j] + gamma(k.S))
				}
			}
		}
	})
	return b
}

// attentionGrad: dv = p^T do, dp = do v^T, ds = scale p (dp - sum dp p), dq = ds k, dk = ds^T q.
func (t *trial) attentionGrad(k device.Attention) [][]float64 {
	b := t.relative(0)
	p, do := t.in[len(t.in)-2], t.in[len(t.in)-1]
	width := k.Heads * k.Dim
	dq, dk, dv := b[0], b[0], b[0]
	if k.Packed {
		dk, dv = b[0][min(width, len(b[0])):], b[0][min(2*width, len(b[0])):]
	} else {
		dk, dv = b[1], b[2]
	}
	t.heads(k, func(h head, c int) {
		out := func(i, d int) float64 { return do[c/k.Heads*k.T*width+c%k.Heads*k.Dim+i*width+d] }
		for i := range k.T {
			row := p[(c*k.T+i)*k.S : (c*k.T+i+1)*k.S]
			dp, size := make([]float64, k.S), make([]float64, k.S)
			mean, meanSize := 0.0, 0.0
			for j := range k.S {
				for d := range k.Dim {
					dp[j] += out(i, d) * h.value(j, d)
					size[j] += math.Abs(out(i, d) * h.value(j, d))
					dv[h.atK+j*h.row+d] += gamma(k.T) * row[j] * math.Abs(out(i, d))
				}
				mean, meanSize = mean+dp[j]*row[j], meanSize+size[j]*row[j]
			}
			for j := range k.S {
				ds := k.Scale * row[j] * (dp[j] - mean)
				e := k.Scale * row[j] * (gamma(k.Dim+4)*size[j] + gamma(k.Dim+k.S+6)*meanSize)
				for d := range k.Dim {
					dq[h.atQ+i*h.row+d] += (e + gamma(k.S)*math.Abs(ds)) * math.Abs(h.key(j, d))
					dk[h.atK+j*h.row+d] += (e + gamma(k.T)*math.Abs(ds)) * math.Abs(h.query(i, d))
				}
			}
		}
	})
	return b
}
