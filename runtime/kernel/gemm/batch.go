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
	return b
}

// Chunks is the number of independent parts.
func (b *Batch) Chunks() int { return b.chunks }

// Scratch is the number of elements of scratch that a worker needs.
func (b *Batch) Scratch() int { return b.plan.Scratch() }

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
	if b.direct(first, count, c, ldc, a, lda, bb, ldb, opt) {
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

// direct computes members whose product is one tile by one call, if nothing must be packed.
func (b *Batch) direct(first, count int, c []float32, ldc int, a []float32, lda int, bb []float32, ldb int, opt Options[float32]) bool {
	p, d := &b.plan, b.strides
	t := p.k.t
	if t == nil || p.packA || p.packB || p.s.M > p.height || p.s.N > p.width*t.lanes || p.s.K > p.depth || p.s.K == 0 || opt.RowBias != nil {
		return false
	}
	width := ceil(p.s.N, t.lanes)
	tiles := &t.tiles.byRows
	if p.s.TransA {
		tiles = &t.tiles.byCols
	}
	f := tiles[width][p.s.M]
	if f == nil {
		return false
	}
	c = c[first*d.C:]
	start, ldstart, step := &zeros[0], 0, 0
	switch {
	case opt.Accumulate:
		start, ldstart, step = &c[0], ldc, d.C
	case opt.ColBias != nil:
		start, step = &opt.ColBias[first*d.Bias], d.Bias
	}
	last, ldB := p.s.N-(width-1)*t.lanes, ldb*word
	if last < t.lanes {
		ldB = -ldB
	}
	f(&c[0], start, &a[first*d.A], &bb[first*d.B], ldc*word, ldstart*word, lda*word, ldB, p.s.K, last, count,
		d.C*word, step*word, d.A*word, d.B*word)
	return true
}
