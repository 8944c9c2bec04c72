package cpu

import "sync"

// buffers lend integer scratch to the calls of a step, which workers may make at the same time. What was lent once is
// kept, so that a run allocates nothing after the first.
type buffers struct {
	mu   sync.Mutex
	size int
	free []*buffer
}

type buffer struct{ ints []int32 }

func newBuffers(size int) *buffers { return &buffers{size: size} }

func (b *buffers) get() *buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		x := b.free[n-1]
		b.free = b.free[:n-1]
		return x
	}
	return &buffer{make([]int32, b.size)}
}

func (b *buffers) put(x *buffer) {
	b.mu.Lock()
	b.free = append(b.free, x)
	b.mu.Unlock()
}
