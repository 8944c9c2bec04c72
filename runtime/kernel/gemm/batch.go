package gemm

// Strides are the distances, in elements, between the matrices of neighbouring members of a
// population. Members share a matrix or a bias if its stride is 0; matrices of C must not
// overlap.
type Strides struct{ A, B, C, Bias int }

// Batch is how the products of a population are computed, one of the same shape per member.
// Like those of a Plan, its chunks are independent and cut by shape and population size alone;
// a member's bits do not depend on the population. Make it with Kernels.Batch.
type Batch struct {
	plan    Plan
	count   int
	strides Strides
	// group is the number of members of a chunk; 1 if the plan has several chunks.
	group, chunks int
	// together is the number of members that share calls; 0 if a product is too large for that.
	together int
}

// Batch decides how to compute count products of a shape. It allocates nothing.
func (k *Kernels) Batch(s Shape, count int, strides Strides) Batch {
	b := Batch{plan: k.Plan(s), count: count, strides: strides, group: 1}
	if count <= 0 || b.plan.chunks == 0 {
		return b
	}
	b.chunks = count * b.plan.chunks
	if b.plan.chunks == 1 {
		b.group = min(count, max(1, chunkWork/(s.M*s.N*max(s.K, 1))))
		b.chunks = ceil(count, b.group)
	}
	p := &b.plan
	if k.t == nil || p.chunks > 1 || p.packA || s.K == 0 || s.K > p.depth {
		return b
	}
	if size := s.M*s.K + s.K*s.N + s.M*s.N; size <= cached {
		b.together = min(b.group, cached/size)
	}
	if !p.packB && s.M <= p.height && s.N <= p.width*k.t.lanes {
		b.together = b.group
	}
	return b
}

// cached is how much, in elements, is surely in the first-level cache when it is used again.
const cached = 8 << 10

// packed is the number of elements of a packed panel of B for members that share calls.
func (b *Batch) packed() int {
	if !b.plan.packB {
		return 0
	}
	return b.together * b.plan.width * b.plan.k.t.lanes * b.plan.s.K
}

// Chunks is the number of independent parts.
func (b *Batch) Chunks() int { return b.chunks }

// Scratch is the number of elements of scratch that a worker needs.
func (b *Batch) Scratch() int { return max(b.plan.Scratch(), b.packed()) }

// Run computes chunk 0 <= chunk < Chunks(): for members p of the chunk
//
//	C[p] = op(A[p]) op(B[p]) plus what opt adds,
//
// where X[p] is x[p*stride:]. Biases have members, too. Slices that are too short panic. Scratch
// holds anything afterwards.
func (b *Batch) Run(chunk int, c []float32, ldc int, a []float32, lda int, bb []float32, ldb int, opt Options[float32], scratch []float32) {
	if chunk < 0 || chunk >= b.chunks {
		panic("gemm: no such chunk")
	}
	if len(scratch) < b.Scratch() {
		panic("gemm: scratch is too short")
	}
	p, d := &b.plan, b.strides
	if d.A < 0 || d.B < 0 || d.C < 0 || d.Bias < 0 || d.C == 0 && b.count > 1 {
		panic("gemm: a stride is negative, or 0 for C")
	}
	// The last member needs the longest slices.
	last := b.count - 1
	validate(p.s, tail(c, last*d.C), ldc, tail(a, last*d.A), lda, tail(bb, last*d.B), ldb, opt.member(last*d.Bias))
	first := chunk / p.chunks * b.group
	count := min(b.group, b.count-first)
	if b.direct(first, count, c, ldc, a, lda, bb, ldb, opt, scratch) {
		return
	}
	for i := first; i < first+count; i++ {
		p.run(chunk%p.chunks, c[i*d.C:], ldc, tail(a, i*d.A), lda, tail(bb, i*d.B), ldb, opt.member(i*d.Bias), scratch)
	}
}

// tail is x from i on, empty if x ends before.
func tail[T Float](x []T, i int) []T { return x[min(i, len(x)):] }

// member moves the biases to those of a member.
func (o Options[T]) member(offset int) Options[T] {
	if o.RowBias != nil {
		o.RowBias = tail(o.RowBias, offset)
	}
	if o.ColBias != nil {
		o.ColBias = tail(o.ColBias, offset)
	}
	return o
}

// direct computes members tile by tile, each tile of several members in one call, if the
// products are so small that one pass does without packing A.
func (b *Batch) direct(first, count int, c []float32, ldc int, a []float32, lda int, bb []float32, ldb int, opt Options[float32], scratch []float32) bool {
	p, d := &b.plan, b.strides
	if b.together == 0 || opt.RowBias != nil {
		return false
	}
	m := block{p: b.plan, t: p.k.t, s: p.s, ldc: ldc, lda: lda, ldb: ldb, depth: p.s.K}
	m.panel = scratch[:b.packed()]
	for ; count > 0; count -= m.members {
		m.members = min(count, b.together)
		m.c, m.a, m.b = c[first*d.C:], a[first*d.A:], bb[first*d.B:]
		m.strides = d
		switch {
		case opt.Accumulate:
			m.start, m.stepStart = start{m.c, ldc, ldc, 1}, d.C
		case opt.ColBias != nil:
			m.start, m.stepStart = start{opt.ColBias[first*d.Bias:], 0, 0, 1}, d.Bias
		default:
			m.start = start{x: zeros[:]}
		}
		m.left = m.leftOf(0, nil)
		m.pass(m.b)
		first += m.members
	}
	return true
}
