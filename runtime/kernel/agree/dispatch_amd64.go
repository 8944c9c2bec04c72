//go:build amd64 && !purego

package agree

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// vectors counts whole vectors of x and of four rows of y, stride bytes apart (0 for one row), and
// returns the bytes of x that it has done.
func (k *Kernels) vectors(c *[group]int64, x, y []byte, stride, size int) int {
	n := len(x) / vector
	if k.level == isa.Ref || n == 0 {
		return 0
	}
	if size == 1 {
		count8AVX2(c, &x[0], &y[0], stride, n)
		return n * vector
	}
	count16AVX2(c, &x[0], &y[0], stride, n)
	for q := range c {
		c[q] /= 2
	}
	return n * vector
}
