package grid

import "github.com/weightspace/weightspace/runtime/rng"

// Alternating is +1, -1, +1, ... in file order.
func Alternating(n int) []float64 {
	p := make([]float64, n)
	for i := range p {
		p[i] = float64(1 - 2*(i%2))
	}
	return p
}

// BalancedSigns draws exactly floor(n/2) nodes without replacement that get -1; the others get +1
// (card, section 2). draw tells repeated draws for one grid apart.
func BalancedSigns(n int, seed, index uint64, draw int) []float64 {
	p := make([]float64, n)
	for i := range p {
		p[i] = 1
	}
	s := rng.New(seed^(uint64(draw)*0x9E3779B97F4A7C15), "grid/power")
	order := s.Permutation(n, index)
	for i := range n / 2 {
		p[order.At(i)] = -1
	}
	return p
}

// Scaled multiplies p in place by the magnitude of a node's power and returns it.
func Scaled(p []float64, magnitude float64) []float64 {
	for i := range p {
		p[i] *= magnitude
	}
	return p
}

// BySign is +1 for producers scaled so that powers balance, -1 for consumers and 0 for nodes of
// no net injection. With no producer or no consumer all are 0 and ok is false: there is nothing to balance.
func BySign(injection []float64) (p []float64, ok bool) {
	p = make([]float64, len(injection))
	var producers, consumers int
	for _, v := range injection {
		switch {
		case v > 0:
			producers++
		case v < 0:
			consumers++
		}
	}
	if producers == 0 || consumers == 0 {
		return p, false
	}
	for i, v := range injection {
		switch {
		case v > 0:
			p[i] = float64(consumers) / float64(producers)
		case v < 0:
			p[i] = -1
		}
	}
	return p, true
}
