package vmath

// FromBytes computes dst = scale*src+shift, rounded once: pixels become normalised numbers with
// scale 1/(255 std) and shift -mean/std.
func (k *Kernels) FromBytes(dst []float32, src []uint8, scale, shift float32) {
	if len(src) != len(dst) {
		panic(badLength)
	}
	// Bytes cannot be loaded under a mask with AVX2: the last 0 to 15 are the twin's.
	if k.fromBytes != nil {
		for len(dst) >= 16 {
			n := min(len(dst)&^15, block)
			k.fromBytes(&dst[0], &src[0], n, scale, shift)
			dst, src = dst[n:], src[n:]
		}
	}
	FromBytesRef(dst, src, scale, shift)
}

// FromBytesRef is the twin of FromBytes.
func FromBytesRef[T Float](dst []T, src []uint8, scale, shift T) {
	if len(src) != len(dst) {
		panic(badLength)
	}
	for i, v := range src {
		dst[i] = fma(scale, T(v), shift)
	}
}
