package cpu

import "github.com/weightspace/weightspace/runtime/device"

// grain is about how many elements of streaming work one chunk has: enough to hide the cost of a barrier.
const grain = 1 << 14

// cut divides n items of the given weight into chunks of at least about grain elements; size is a multiple of 64 items where
// there are several chunks, so that no two workers write one cache line.
func cut(n, weight int) (chunks, size int) {
	size = max(1, grain/max(1, weight))
	size = (size + 63) / 64 * 64
	if size >= n {
		return min(n, 1), n
	}
	return (n + size - 1) / size, size
}

// cutRows is cut for items that are whole cache lines themselves.
func cutRows(n, weight int) (chunks, size int) {
	size = max(1, grain/max(1, weight))
	if size >= n {
		return min(n, 1), n
	}
	return (n + size - 1) / size, size
}

// single is a step in one piece.
func single[T device.Float](run func(f *frame[T], scratch []T)) step[T] {
	return step[T]{chunks: 1, run: func(f *frame[T], scratch []T, _ int) { run(f, scratch) }}
}

// spans is a step over n elements, cut into ranges [from, to).
func spans[T device.Float](n int, run func(f *frame[T], from, to int)) step[T] {
	chunks, size := cut(n, 1)
	return step[T]{chunks: chunks, run: func(f *frame[T], _ []T, c int) { run(f, c*size, min((c+1)*size, n)) }}
}

// rowSpans is a step over n rows of a width.
func rowSpans[T device.Float](n, width int, run func(f *frame[T], scratch []T, from, to int)) step[T] {
	chunks, size := cutRows(n, width)
	return step[T]{chunks: chunks, run: func(f *frame[T], scratch []T, c int) { run(f, scratch, c*size, min((c+1)*size, n)) }}
}
