package gemm

import (
	"math/rand/v2"
	"testing"
)

// A population gives every member the bits of its own product, whatever is shared.
func TestBatch(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 1500 {
		s := Shape{TransA: i&1 != 0, TransB: i&2 != 0, M: size(r), N: size(r), K: size(r)}
		count := r.IntN(6)
		if s.M*s.N*s.K*count > 1<<16 {
			continue
		}
		members := make([]*problem, max(count, 1))
		start := starts[r.IntN(4)]
		for j := range members {
			members[j] = newProblem(r, s, i%3, start)
		}
		share := [4]bool{r.IntN(4) == 0, r.IntN(4) == 0, r.IntN(4) == 0}
		pack := func(share bool, of func(*problem) []float32) (all []float32, stride int) {
			n := len(of(members[0]))
			if !share || n == 0 {
				stride = n + r.IntN(9) + 1
			}
			all = members[0].guards.New(stride*(len(members)-1)+n, r.IntN(16))
			for j, m := range members {
				copy(all[j*stride:], of(m))
			}
			return all, stride
		}
		var d Strides
		p := *members[0]
		p.a, d.A = pack(share[0], func(p *problem) []float32 { return p.a })
		p.b, d.B = pack(share[1], func(p *problem) []float32 { return p.b })
		p.c, d.C = pack(false, func(p *problem) []float32 { return p.c })
		if p.opt.RowBias != nil {
			p.opt.RowBias, d.Bias = pack(share[2], func(p *problem) []float32 { return p.opt.RowBias })
		}
		if p.opt.ColBias != nil {
			p.opt.ColBias, d.Bias = pack(share[2], func(p *problem) []float32 { return p.opt.ColBias })
		}
		old := append([]float32(nil), p.c...)
		want := append([]float32(nil), p.c...)
		for j := range count {
			one := p
			one.a, one.b, one.c = p.a[j*d.A:], p.b[j*d.B:], p.c[j*d.C:][:len(members[0].c)]
			one.opt = p.opt.member(j * d.Bias)
			copy(want[j*d.C:], one.naive())
		}
		for _, k := range levels(t) {
			copy(p.c, old)
			b := k.Batch(s, count, d)
			scratch := p.guards.New(b.Scratch(), r.IntN(16))
			for c := range b.Chunks() {
				b.Run(c, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, scratch)
			}
			p.expect(t, k.Level().String(), want)
			if t.Failed() {
				t.Fatalf("count %d, strides %+v, start %s", count, d, start)
			}
		}
	}
}
