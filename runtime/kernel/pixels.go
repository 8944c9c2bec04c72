package kernel

// pixelGroup is the pixels that the assembly of Pixels takes at a time.
const pixelGroup = 8

// Pixels looks up bytes and transposes them: dst [n][16], element (i, lane) = table[src[lane][i]].
// All of src have at least n bytes.
func (k *Kernels) Pixels(dst []float32, src *[Lanes][]uint8, table *[256]float32) {
	n := len(dst) / Lanes
	ok := len(dst)%Lanes == 0
	for _, s := range src {
		ok = ok && len(s) >= n
	}
	need(ok, "kernel: Pixels: wrong length")
	whole := 0
	if k.t != nil {
		whole = n / pixelGroup * pixelGroup
	}
	if whole > 0 {
		k.t.pixels(&dst[0], &src[0], &table[0], whole/pixelGroup)
		k.t.pixels(&dst[Lanes/2], &src[Lanes/2], &table[0], whole/pixelGroup)
	}
	pixelsRef(dst, src, table, whole)
}

// pixelsRef is Pixels from pixel from on.
func pixelsRef(dst []float32, src *[Lanes][]uint8, table *[256]float32, from int) {
	for i := from; i < len(dst)/Lanes; i++ {
		for lane := range Lanes {
			dst[i*Lanes+lane] = table[src[lane][i]]
		}
	}
}
