package kernel

// gradChannels is the output channels that a pass of the weight gradient handles.
func (c Conv) gradChannels() int {
	if c.KW >= 5 {
		return 4
	}
	return 8
}

// poolRows is the pooled rows that a pass of the weight gradient of a pooled layer spreads.
func (c Conv) poolRows() int { return band(c.gradChannels(), c.OW()/2*2) / 2 }

// ConvGradWeights adds the weight gradients of one tile, per lane, to dw [OutC][InC][KH][KW][16],
// or with fresh overwrites dw. dy is [OutC][OH][width][16] with width >= OW, of which the first
// OW columns are read. Every lane of every element is a chain over positions, rows first.
func (k *Kernels) ConvGradWeights(c Conv, dw, x, dy []float32, width int, fresh bool) {
	oh, ow := c.OH(), c.OW()
	need(len(dw) >= c.Weights()*Lanes && len(x) >= c.InSize() && width >= ow && len(dy) >= ((c.OutC*oh-1)*width+ow)*Lanes,
		"kernel: ConvGradWeights: slice too short")
	area := c.area() * Lanes
	group := c.gradChannels()
	for o := 0; o < c.OutC; o += group {
		n := min(group, c.OutC-o)
		rows := band(n, ow)
		for from := 0; from < oh; from += rows {
			k.gradBand(c, dw[o*area:], x[from*c.W*Lanes:], dy[(o*oh+from)*width*Lanes:], n, gradArgs{
				dyChan: oh * width * Lanes, dyRow: width * Lanes, rows: min(rows, oh-from), cols: ow, fresh: fresh && from == 0,
			})
		}
	}
}

// ConvPoolGradWeights is ConvGradWeights for a convolution with 2x2 pooling behind it: dy
// [OutC][OH/2][OW/2][16] and code as in ConvPoolForward. The chains are those of the full
// gradient, which is never stored.
func (k *Kernels) ConvPoolGradWeights(c Conv, dw, x, dy []float32, code []uint32, scratch []float32, fresh bool) {
	need(len(dw) >= c.Weights()*Lanes && len(x) >= c.InSize() && len(dy) >= c.PooledSize() && len(code) >= c.PooledSize() && len(scratch) >= k.PoolScratch(c),
		"kernel: ConvPoolGradWeights: slice too short")
	ph, pw := c.OH()/2, c.OW()/2
	if fresh && ph*pw == 0 {
		clear(dw[:c.Weights()*Lanes])
	}
	if ph*pw == 0 {
		return
	}
	area := c.area() * Lanes
	group, rows := c.gradChannels(), c.poolRows()
	for o := 0; o < c.OutC; o += group {
		n := min(group, c.OutC-o)
		for from := 0; from < ph; from += rows {
			m := min(rows, ph-from)
			for r := range m {
				at := (o*ph + from + r) * pw * Lanes
				k.unpoolRows(scratch[4*r*pw*Lanes:], dy[at:], code[at:], poolArgs{
					row: 2 * pw * Lanes, channel: 4 * m * pw * Lanes, pooled: ph * pw * Lanes, channels: n, n: pw,
				})
			}
			k.gradBand(c, dw[o*area:], x[2*from*c.W*Lanes:], scratch, n, gradArgs{
				dyChan: 4 * m * pw * Lanes, dyRow: 2 * pw * Lanes, rows: 2 * m, cols: 2 * pw, fresh: fresh && from == 0,
			})
		}
	}
}

// gradBand adds the weight gradients of some rows for the first channels output channels.
func (k *Kernels) gradBand(c Conv, dw, x, dy []float32, channels int, g gradArgs) {
	area := c.area()
	g.accChan, g.accRow = area*Lanes, c.KW*Lanes
	g.xKernel, g.xChan, g.xRow = c.W*Lanes, c.H*c.W*Lanes, c.W*Lanes
	g.nc, g.nky = c.InC, c.KH
	for o, n := 0, 0; o < channels; o += n {
		for kx, b := 0, 0; kx < c.KW; kx += b {
			b = columnBlock(c.KW - kx)
			// The first block of columns decides the block of channels of all.
			if kx == 0 {
				n = k.gradBlock(channels-o, b)
			}
			for j, m := 0, 0; j < n; j += m {
				m = k.gradBlock(n-j, b)
				k.convGrad(m, b, dw[((o+j)*area+kx)*Lanes:], x[kx*Lanes:], dy[(o+j)*g.dyChan:], &g)
			}
		}
	}
}

// ConvGradBias adds the bias gradients of one tile, per lane, to db [OutC][16], or with fresh
// overwrites db: chains over the positions of dy [OutC][positions][16].
func (k *Kernels) ConvGradBias(db, dy []float32, channels, positions int, fresh bool) {
	need(len(db) >= channels*Lanes && len(dy) >= channels*positions*Lanes, "kernel: ConvGradBias: slice too short")
	if positions == 0 {
		return
	}
	// The bias sees an input of ones: a row of them, read again for every row.
	cols := min(positions, len(k.ones)/Lanes)
	for positions%cols != 0 {
		cols--
	}
	g := gradArgs{accChan: Lanes, dyChan: positions * Lanes, dyRow: cols * Lanes, rows: positions / cols, cols: cols, nc: 1, nky: 1, fresh: fresh}
	for o, n := 0, 0; o < channels; o += n {
		n = k.gradBlock(channels-o, 1)
		k.convGrad(n, 1, db[o*Lanes:], k.ones, dy[o*positions*Lanes:], &g)
	}
}

// PadGrad copies dy [OutC][OH][OW][16] into the middle of padded, whose borders must be zero.
func (k *Kernels) PadGrad(c Conv, padded, dy []float32) {
	need(len(padded) >= c.PaddedSize() && len(dy) >= c.OutSize(), "kernel: PadGrad: slice too short")
	from, to := c.OW()*Lanes, c.PaddedWidth()*Lanes
	for r := range c.OutC * c.OH() {
		copy(padded[r*to+(c.KW-1)*Lanes:], dy[r*from:(r+1)*from])
	}
}

// UnpoolGrad spreads dy [OutC][OH/2][OW/2][16] over the middle of padded, whose borders, and
// what an odd last row or column would hold, must be zero.
func (k *Kernels) UnpoolGrad(c Conv, padded, dy []float32, code []uint32) {
	need(len(padded) >= c.PaddedSize() && len(dy) >= c.PooledSize() && len(code) >= c.PooledSize(), "kernel: UnpoolGrad: slice too short")
	oh, ph, pw, width := c.OH(), c.OH()/2, c.OW()/2, c.PaddedWidth()
	if pw == 0 {
		return
	}
	for r := range ph {
		k.unpoolRows(padded[(2*r*width+c.KW-1)*Lanes:], dy[r*pw*Lanes:], code[r*pw*Lanes:], poolArgs{
			row: width * Lanes, channel: oh * width * Lanes, pooled: ph * pw * Lanes, channels: c.OutC, n: pw,
		})
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
