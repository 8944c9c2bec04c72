package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
)

func fmaf(x, y, z float32) float32 { return fma.F32(x, y, z) }

// Every level gives the bits of the definition for all transposes, starts, sizes and leading
// dimensions, and writes nothing else.
func TestLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		s := Shape{TransA: i&1 != 0, TransB: i&2 != 0, M: size(r), N: size(r), K: size(r)}
		if s.M*s.N*s.K > 1<<17 {
			continue
		}
		p := newProblem(r, s, r.IntN(2)*r.IntN(20), starts[r.IntN(4)])
		want, old := p.naive(), append([]float32(nil), p.c...)
		for _, k := range levels(t) {
			copy(p.c, old)
			plan := k.Plan(s)
			k.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, p.guards.New(plan.Scratch(), r.IntN(16)))
			p.expect(t, k.Level().String(), want)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// size draws a dimension: mostly small, sometimes prime and larger than a tile or a pass.
func size(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return r.IntN(4)
	case 1:
		return 1 + r.IntN(20)
	case 2:
		return []int{16, 31, 32, 37, 48, 61, 64, 97}[r.IntN(8)]
	}
	return []int{7, 113, 131, 257, 311, 521}[r.IntN(6)]
}
