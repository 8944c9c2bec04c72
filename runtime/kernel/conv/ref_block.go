package conv

// blockSum is the chain of one block of the gradient of a weight; ok is false if the tap is
// outside the image at every position of the block.
func blockSum[T float32 | float64](c *Conv2D, b block, o, i, ky, kx int, x, dy []T) (s T, ok bool) {
	first := o / (c.O / c.Groups) * (c.C / c.Groups)
	for oy := b.row0; oy < b.row1; oy++ {
		iy := oy*c.StrideH + ky*c.DilationH - c.PadH
		for ox := b.col0; ox < b.col1; ox++ {
			ix := ox*c.StrideW + kx*c.DilationW - c.PadW
			if iy < 0 || iy >= c.H || ix < 0 || ix >= c.W {
				continue
			}
			y, x0 := ((o*c.OH()+oy)*c.OW()+ox)*c.N, (((first+i)*c.H+iy)*c.W+ix)*c.N
			s, ok = chain(s, dy[y+b.n0:y+b.n1], x[x0+b.n0:x0+b.n1]), true
		}
	}
	return s, ok
}

// blockBias is the sum of one block of the gradient of a bias.
func blockBias[T float32 | float64](c *Conv2D, b block, o int, dy []T) (s T) {
	for oy := b.row0; oy < b.row1; oy++ {
		for ox := b.col0; ox < b.col1; ox++ {
			y := ((o*c.OH()+oy)*c.OW() + ox) * c.N
			for _, v := range dy[y+b.n0 : y+b.n1] {
				s += v
			}
		}
	}
	return s
}
