// Package lcg is for tests: it makes the inputs that they share with hack/bench/peers/golden_analysis.py,
// and reads what that wrote.
package lcg

// Numbers are n uniform numbers in [-0.5, 0.5) with 24 bits.
func Numbers(seed uint32, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = float32(seed>>8)/(1<<24) - 0.5
	}
	return out
}

// Integers are n integers in [0, bound).
func Integers(seed uint32, bound, n int) []int {
	out := make([]int, n)
	for i, v := range Numbers(seed, n) {
		out[i] = int((float64(v) + 0.5) * float64(bound))
	}
	return out
}
