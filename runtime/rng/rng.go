// Package rng draws random numbers from counters: there is no generator state. A draw is
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) of a key, made from a member's seed and
// a text label, and a counter that says which draw it is. Labels are frozen: changing one
// changes every model.
package rng

import (
	"math"
	"math/bits"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// Philox is the block function Philox4x32-10.
func Philox(ctr [4]uint32, key [2]uint32) [4]uint32 {
	a, b, c, d, k0, k1 := ctr[0], ctr[1], ctr[2], ctr[3], key[0], key[1]
	for range 10 {
		h0, l0 := bits.Mul32(0xD2511F53, a)
		h1, l1 := bits.Mul32(0xCD9E8D57, c)
		a, b, c, d = h1^b^k0, l1, h0^d^k1, l0
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return [4]uint32{a, b, c, d}
}

// Stream is the random stream of one (seed, label).
type Stream struct{ key [2]uint32 }

// Key is the Philox key of the stream.
func (s Stream) Key() [2]uint32 { return s.key }

// streamTag keeps the keys' derivation apart from draws ("wspc", "keys").
const (
	streamTag0 = 0x77737063
	streamTag1 = 0x6b657973
)

// New returns the stream of a member's seed and a label such as "data/order": its key is a
// Philox block of the seed and the label's FNV-1a hash.
func New(seed uint64, label string) Stream {
	h := uint64(14695981039346656037)
	for i := range len(label) {
		h = (h ^ uint64(label[i])) * 1099511628211
	}
	out := Philox([4]uint32{uint32(h), uint32(h >> 32), streamTag0, streamTag1}, [2]uint32{uint32(seed), uint32(seed >> 32)})
	return Stream{[2]uint32{out[0], out[1]}}
}

// Block returns draw (i, j) of a step: four words.
func (s Stream) Block(i, j uint32, step uint64) [4]uint32 {
	return Philox([4]uint32{i, j, uint32(step), uint32(step >> 32)}, s.key)
}

// Uniform is draw i as a float32 in [0, 1): 24 bits.
func (s Stream) Uniform(i int) float32 {
	return float32(s.Block(uint32(i), 0, 0)[0]>>8) * (1.0 / (1 << 24))
}

// Open is draw i as a float64 inside (0, 1): 52 bits.
func (s Stream) Open(i int) float64 {
	b := s.Block(uint32(i), 0, 0)
	w := uint64(b[0])<<32 | uint64(b[1])
	return float64(float64(w>>12)+0.5) * (1.0 / (1 << 52))
}

// Normal is draw i of the standard normal law, by inversion.
func (s Stream) Normal(i int) float64 { return detmath.NormalQuantile(s.Open(i)) }

// rounds of the permutation network.
const rounds = 8

// Permutation is a pseudo-random permutation of [0, n), evaluated point by point: eight
// rounds of an alternating Feistel network over Z_a x Z_b with a*b >= n, Philox as its round
// function; points outside [0, n) walk on. It needs no memory.
type Permutation struct {
	s       Stream
	step    uint64
	n, a, b uint32
}

// Permutation returns the permutation of [0, n) of a step (an epoch). n is in [1, 2^31).
func (s Stream) Permutation(n int, step uint64) Permutation {
	a := uint32(math.Ceil(math.Sqrt(float64(n))))
	return Permutation{s: s, step: step, n: uint32(n), a: a, b: (uint32(n) + a - 1) / a}
}

// At is the image of i.
func (p Permutation) At(i int) int {
	x := uint32(i)
	for {
		l, r := x%p.a, x/p.a
		for k := uint32(0); k < rounds; k += 2 {
			l = p.add(l, r, k, p.a)
			r = p.add(r, l, k+1, p.b)
		}
		if x = r*p.a + l; x < p.n {
			return int(x)
		}
	}
}

// add is (x + F(y)) mod m.
func (p Permutation) add(x, y, round, m uint32) uint32 {
	f, _ := bits.Mul32(p.s.Block(y, round, p.step)[0], m)
	if x += f; x >= m {
		x -= m
	}
	return x
}
