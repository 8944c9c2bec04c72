package kernel

// Lanes is the width of a tile, the innermost axis: samples of one member, or members with one
// sample each.
const Lanes = 16

// Conv is the geometry of a valid convolution with stride 1: tiles [InC][H][W][16] to
// [OutC][OH][OW][16]. A linear layer is the case H = W = KH = KW = 1.
type Conv struct{ InC, H, W, OutC, KH, KW int }

// OH is the output height.
func (c Conv) OH() int { return c.H - c.KH + 1 }

// OW is the output width.
func (c Conv) OW() int { return c.W - c.KW + 1 }

// Weights is the number of weights, without bias.
func (c Conv) Weights() int { return c.OutC * c.area() }

// InSize is the floats of the input tile.
func (c Conv) InSize() int { return c.InC * c.H * c.W * Lanes }

// OutSize is the floats of the output tile.
func (c Conv) OutSize() int { return c.OutC * c.OH() * c.OW() * Lanes }

// PooledSize is the floats of the output after 2x2 pooling.
func (c Conv) PooledSize() int { return c.OutC * (c.OH() / 2) * (c.OW() / 2) * Lanes }

// PaddedWidth is the positions of a row of an output gradient with KW-1 zero columns on both
// sides, which ConvGradInput reads.
func (c Conv) PaddedWidth() int { return c.W + c.KW - 1 }

// PaddedSize is the floats of such a gradient.
func (c Conv) PaddedSize() int { return c.OutC * c.OH() * c.PaddedWidth() * Lanes }

// area is the number of weights of an output channel.
func (c Conv) area() int { return c.InC * c.KH * c.KW }

// Params are the parameters of a layer: W [OutC][InC][KH][KW] and B [OutC], or with PerLane
// [OutC][InC][KH][KW][16] and [OutC][16], a network of its own in every lane.
type Params struct {
	W, B    []float32
	PerLane bool
}

// step is the distance of neighbouring parameters in floats.
func (p Params) step() int {
	if p.PerLane {
		return Lanes
	}
	return 1
}

func (p Params) fit(c Conv) bool {
	return len(p.W) >= c.Weights()*p.step() && len(p.B) >= c.OutC*p.step()
}

// Sizes in bytes that decide how loops are cut: what a pass should keep in the first-level
// cache. With weights per lane these take most of it. The sizes change the order of work, never
// the order of operations of an element.
const (
	bandBytes     = 24 << 10
	bandLaneBytes = 12 << 10
	weightBytes   = 28 << 10
	laneBytes     = 4 * Lanes
)

// band is how many rows of width positions and channels make a band; even.
func band(channels, width int) int { return max(2, bandBytes/(channels*max(1, width)*laneBytes)/2*2) }

// band is that of a pass that reads the parameters.
func (p Params) band(channels, width int) int {
	if p.PerLane {
		return max(2, bandLaneBytes/(channels*width*laneBytes)/2*2)
	}
	return band(channels, width)
}

// reduction is how many of the reduced channels one pass handles, with area weights for each
// of block channels: all of them unless every lane has weights of its own.
func (p Params) reduction(block, area, channels int) int {
	if !p.PerLane {
		return channels
	}
	return min(channels, max(1, weightBytes/(block*area*laneBytes)))
}

// ConvForward computes y = conv(x, w) + bias. Every element is the chain bias, then input
// channel, kernel row, kernel column. y may not overlap x.
func (k *Kernels) ConvForward(c Conv, y, x []float32, p Params) {
	need(len(y) >= c.OutSize() && len(x) >= c.InSize() && p.fit(c), "kernel: ConvForward: slice too short")
	oh, ow := c.OH(), c.OW()
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.convBlock(c.OutC - o)
		rows := p.band(n, ow)
		for from := 0; from < oh; from += rows {
			k.convBand(c, y[(o*oh+from)*ow*Lanes:], x, p, o, n, from, min(rows, oh-from), oh*ow, ow, ow)
		}
	}
}

// PoolScratch is the floats of scratch that ConvPoolForward and ConvPoolGradWeights need.
func (k *Kernels) PoolScratch(c Conv) int {
	ow := c.OW() / 2 * 2
	size := 0
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.convBlock(c.OutC - o)
		size = max(size, n*band(n, ow)*ow*Lanes)
	}
	return max(size, c.gradChannels()*2*c.poolRows()*ow*Lanes)
}

// ConvPoolForward computes conv(x, w) + bias and the maximum of its 2x2 windows, stride 2; an
// odd last row or column is dropped. y is [OutC][OH/2][OW/2][16]; code, of the same size, is
// the place of the first largest element of each window: 0, 1 in the upper row, 2, 3 in the
// lower.
func (k *Kernels) ConvPoolForward(c Conv, y []float32, code []uint32, x []float32, p Params, scratch []float32) {
	need(len(y) >= c.PooledSize() && len(code) >= c.PooledSize() && len(x) >= c.InSize() && p.fit(c) && len(scratch) >= k.PoolScratch(c),
		"kernel: ConvPoolForward: slice too short")
	ph, pw := c.OH()/2, c.OW()/2
	if ph == 0 || pw == 0 {
		return
	}
	oh, ow := 2*ph, 2*pw
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.convBlock(c.OutC - o)
		rows := p.band(n, ow)
		for from := 0; from < oh; from += rows {
			m := min(rows, oh-from)
			k.convBand(c, scratch, x, p, o, n, from, m, m*ow, ow, ow)
			for r := range m / 2 {
				at := ((o*ph + from/2 + r) * pw) * Lanes
				k.poolRows(y[at:], code[at:], scratch[2*r*ow*Lanes:], poolArgs{
					row: ow * Lanes, channel: m * ow * Lanes, pooled: ph * pw * Lanes, channels: n, n: pw,
				})
			}
		}
	}
}

// convBand computes m rows of n output channels from channel o on, cols positions each, into
// dst with channel and row positions between channels and rows.
func (k *Kernels) convBand(c Conv, dst, x []float32, p Params, o, n, from, m, channel, row, cols int) {
	s, area := p.step(), c.KH*c.KW
	reduced := p.reduction(n, area, c.InC)
	r := rowArgs{
		dstChan: channel * Lanes, xRow: c.W * Lanes, xChan: c.H * c.W * Lanes,
		w: p.W, wOut: c.area() * s, wCol: s, wRow: c.KW * s, wChan: area * s,
		nky: c.KH, nkx: c.KW, n: cols, perLane: p.PerLane,
	}
	for i := 0; i < c.InC; i += reduced {
		r.nc = min(reduced, c.InC-i)
		r.bias = nil
		if i == 0 {
			r.bias = p.B[o*s:]
		}
		r.wAt = (o*c.area() + i*area) * s
		for y := range m {
			k.convRow(n, dst[y*row*Lanes:], x[(i*c.H+from+y)*c.W*Lanes:], &r)
		}
	}
}

// ConvGradInput computes dx from the padded output gradient (see PaddedSize). Every element
// is the chain 0, then output channel, kernel row from high to low, kernel column from high
// to low; rows outside the output are skipped, columns outside it are zeros of the padding or
// skipped as well.
func (k *Kernels) ConvGradInput(c Conv, dx, padded []float32, p Params) {
	need(len(dx) >= c.InSize() && len(padded) >= c.PaddedSize() && p.fit(c), "kernel: ConvGradInput: slice too short")
	s, area, oh, pw := p.step(), c.KH*c.KW, c.OH(), c.PaddedWidth()
	r := rowArgs{
		dstChan: c.H * c.W * Lanes, xRow: pw * Lanes, xChan: oh * pw * Lanes,
		w: p.W, wOut: area * s, wCol: -s, wRow: -c.KW * s, wChan: c.area() * s, perLane: p.PerLane,
	}
	for i, n := 0, 0; i < c.InC; i += n {
		n = k.convBlock(c.InC - i)
		rows, reduced := p.band(n, c.W), p.reduction(n, area, c.OutC)
		for from := 0; from < c.H; from += rows {
			for o := 0; o < c.OutC; o += reduced {
				r.nc, r.bias = min(reduced, c.OutC-o), nil
				if o == 0 {
					r.bias = k.zeros
				}
				for iy := from; iy < min(from+rows, c.H); iy++ {
					lo, hi := max(0, c.KH-1-iy), min(c.KH-1, oh-1-iy+c.KH-1)
					r.nky = hi - lo + 1
					r.wAt = ((o*c.InC+i)*area + (c.KH-lo)*c.KW - 1) * s
					k.gradRow(c, n, dx[(i*c.H+iy)*c.W*Lanes:], padded[(o*oh+iy-c.KH+1+lo)*pw*Lanes:], r)
				}
			}
		}
	}
}

// gradRow computes a row of an input gradient without most of the products with the padding:
// in pieces that share a range of kernel columns.
func (k *Kernels) gradRow(c Conv, n int, dst, x []float32, r rowArgs) {
	step, ow, w := k.positions(n, c.W), c.OW(), r.wAt
	// columns are those, counted from the highest kernel column, that meet the output anywhere
	// in the positions [at, at+step).
	columns := func(at int) (lo, hi int) {
		return max(0, c.KW-at-step), min(c.KW-1, c.KW-2-at+ow)
	}
	for at := 0; at < c.W; {
		lo, hi := columns(at)
		to := at + step
		for to < c.W {
			if l, h := columns(to); l != lo || h != hi {
				break
			}
			to += step
		}
		to = min(to, c.W)
		r.nkx, r.n, r.wAt = hi-lo+1, to-at, w+lo*r.wCol
		k.convRow(n, dst[at*Lanes:], x[(at+lo)*Lanes:], &r)
		at = to
	}
}

func need(ok bool, message string) {
	if !ok {
		panic(message)
	}
}
