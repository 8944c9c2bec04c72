package kernel

// Lanes is the number of samples of a tile: the innermost axis.
const Lanes = 16

// Conv is the geometry of a valid convolution with stride 1: tiles [InC][H][W][16] to
// [OutC][OH][OW][16]. A linear layer is the case H = W = KH = KW = 1.
type Conv struct{ InC, H, W, OutC, KH, KW int }

// OH is the output height.
func (c Conv) OH() int { return c.H - c.KH + 1 }

// OW is the output width.
func (c Conv) OW() int { return c.W - c.KW + 1 }

// Weights is the number of weights, without bias.
func (c Conv) Weights() int { return c.OutC * c.InC * c.KH * c.KW }

// InSize and OutSize are the floats of the input and output tile.
func (c Conv) InSize() int { return c.InC * c.H * c.W * Lanes }

// OutSize is the floats of the output tile.
func (c Conv) OutSize() int { return c.OutC * c.OH() * c.OW() * Lanes }

// PaddedSize is the floats of an output gradient with KW-1 zero columns on both sides, which
// ConvGradInput reads.
func (c Conv) PaddedSize() int { return c.OutC * c.OH() * (c.W + c.KW - 1) * Lanes }

// ConvPack reorders weights [OutC][InC][KH][KW] for ConvForward into dst of the same size.
func (k *Kernels) ConvPack(c Conv, dst, w []float32) {
	need(len(dst) == c.Weights() && len(w) == c.Weights(), "kernel: ConvPack: wrong length")
	area := c.InC * c.KH * c.KW
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.convBlock(c.OutC - o)
		for i := range area {
			for j := range n {
				dst[o*area+i*n+j] = w[(o+j)*area+i]
			}
		}
	}
}

// ConvPackGrad reorders weights for ConvGradInput: channels swapped, kernel turned by 180
// degrees.
func (k *Kernels) ConvPackGrad(c Conv, dst, w []float32) {
	need(len(dst) == c.Weights() && len(w) == c.Weights(), "kernel: ConvPackGrad: wrong length")
	area, pos := c.KH*c.KW, 0
	for i, n := 0, 0; i < c.InC; i += n {
		n = k.convBlock(c.InC - i)
		for o := range c.OutC {
			for a := area - 1; a >= 0; a-- {
				for j := range n {
					dst[pos] = w[(o*c.InC+i+j)*area+a]
					pos++
				}
			}
		}
	}
}

// ConvForward computes y = conv(x, w) + bias. Every element is the chain bias, then input
// channel, kernel row, kernel column. y may not overlap x.
func (k *Kernels) ConvForward(c Conv, y, x, packed, bias []float32) {
	need(len(y) >= c.OutSize() && len(x) >= c.InSize() && len(packed) >= c.Weights() && len(bias) >= c.OutC,
		"kernel: ConvForward: slice too short")
	area, oh, ow := c.InC*c.KH*c.KW, c.OH(), c.OW()
	r := rowArgs{
		dstChan: oh * ow * Lanes, xRow: c.W * Lanes, xChan: c.H * c.W * Lanes,
		nc: c.InC, nky: c.KH, nkx: c.KW, n: ow,
	}
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.convBlock(c.OutC - o)
		r.wChan = c.KH * c.KW * n
		for oy := range oh {
			k.convRow(n, y[(o*oh+oy)*ow*Lanes:], x[oy*c.W*Lanes:], packed[o*area:], bias[o:], r)
		}
	}
}

// ConvGradInput computes dx from the padded output gradient (see PaddedSize). Every element
// is the chain 0, then output channel, kernel row from high to low, kernel column from high
// to low; rows outside the output are skipped, columns outside it are zeros of the padding.
func (k *Kernels) ConvGradInput(c Conv, dx, padded, packed []float32) {
	need(len(dx) >= c.InSize() && len(padded) >= c.PaddedSize() && len(packed) >= c.Weights() && c.InC <= len(k.zeros),
		"kernel: ConvGradInput: slice too short")
	area, oh, pw := c.KH*c.KW, c.OH(), c.W+c.KW-1
	r := rowArgs{
		dstChan: c.H * c.W * Lanes, xRow: pw * Lanes, xChan: oh * pw * Lanes,
		nc: c.OutC, nkx: c.KW, n: c.W,
	}
	for i, n := 0, 0; i < c.InC; i += n {
		n = k.convBlock(c.InC - i)
		r.wChan = area * n
		for iy := range c.H {
			lo := max(0, c.KH-1-iy)
			hi := min(c.KH-1, oh-1-iy+c.KH-1)
			r.nky = hi - lo + 1
			k.convRow(n, dx[(i*c.H+iy)*c.W*Lanes:], padded[(iy-c.KH+1+lo)*pw*Lanes:], packed[i*c.OutC*area+lo*c.KW*n:], k.zeros, r)
		}
	}
}

// ConvGradWeights adds the weight and bias gradients of one tile, per lane: dw
// [OutC][InC][KH][KW][16] and db [OutC][16]. Every lane of every element is a chain over
// positions, rows first.
func (k *Kernels) ConvGradWeights(c Conv, dw, db, x, dy []float32) {
	need(len(dw) >= c.Weights()*Lanes && len(db) >= c.OutC*Lanes && len(x) >= c.InSize() && len(dy) >= c.OutSize() && c.OW()*Lanes <= len(k.ones),
		"kernel: ConvGradWeights: slice too short")
	oh, ow, area := c.OH(), c.OW(), c.InC*c.KH*c.KW
	g := gradArgs{accChan: area * Lanes, xRow: c.W * Lanes, dyChan: oh * ow * Lanes, dyRow: ow * Lanes, rows: oh, cols: ow}
	for kx, b := 0, 0; kx < c.KW; kx += b {
		b = columnBlock(c.KW - kx)
		for o, n := 0, 0; o < c.OutC; o += n {
			n = k.gradBlock(c.OutC-o, b)
			for i := range c.InC {
				for ky := range c.KH {
					k.convGrad(n, b, dw[(o*area+(i*c.KH+ky)*c.KW+kx)*Lanes:], x[((i*c.H+ky)*c.W+kx)*Lanes:], dy[o*oh*ow*Lanes:], g)
				}
			}
		}
	}
	// The bias sees an input of ones: one row of them, read again for every row.
	g.accChan, g.xRow = Lanes, 0
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.gradBlock(c.OutC-o, 1)
		k.convGrad(n, 1, db[o*Lanes:], k.ones, dy[o*oh*ow*Lanes:], g)
	}
}

// columnBlock cuts kernel columns into blocks of 5, 3, 2 and 1.
func columnBlock(n int) int {
	switch {
	case n >= 5:
		return 5
	case n >= 3:
		return 3
	}
	return n
}

func need(ok bool, message string) {
	if !ok {
		panic(message)
	}
}
