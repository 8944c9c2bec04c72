package kernel

// Shape of normalTable. Twin constants: those of _gen/tile.
const (
	normalTerms   = 7
	normalOctaves = 32
)

// philoxRounds is the number of rounds of Philox4x32-10.
const philoxRounds = 10

// Normals are streams of standard normal draws, one per lane. Element (row, column) of a lane is word column%4 of Philox4x32-10 of
// (row*ceil(width/4)+column/4, sample, step), where width is the length of all rows. A word whose lowest bit is set and that is read as a
// signed integer w is the quantile of the tail probability |w|/2^32, with w's sign: |draw| < 6.24, and its error is below 1e-6 + 2^-22 |draw|.
type Normals struct {
	// fields are vectors: counters of even lanes and of odd ones, word by word; then per round the first key of even and of odd lanes,
	// and the second. What belongs to an odd lane sits one lane lower, where the products are.
	fields [(6 + 4*philoxRounds) * Lanes]uint32
}

// SetLane gives a lane its stream's key.
func (s *Normals) SetLane(lane int, key [2]uint32) {
	for r := range philoxRounds {
		for i, k := range key {
			s.put(6+4*r+2*i, lane, k)
		}
		key[0] += 0x9E3779B9
		key[1] += 0xBB67AE85
	}
}

// put sets a lane's word of the pair of vectors from field on.
func (s *Normals) put(field, lane int, w uint32) {
	s.fields[(field+lane&1)*Lanes+lane&^1] = w
}

func (s *Normals) get(field, lane int) uint32 { return s.fields[(field+lane&1)*Lanes+lane&^1] }

// SetSample gives the counters: the step and the samples first, first+stride, ... of the lanes.
func (s *Normals) SetSample(step uint64, first, stride int) {
	for l := range Lanes {
		s.put(0, l, uint32(first+l*stride))
		s.put(2, l, uint32(step))
		s.put(4, l, uint32(step>>32))
	}
}

// Normals draws the first cols elements of rows [from, from+rows) into dst [rows][cols][16]; width is the length of a row.
func (k *Kernels) Normals(dst []float32, s *Normals, from, rows, cols, width int) {
	need(len(dst) >= rows*cols*Lanes && cols <= width && from >= 0, "kernel: Normals: slice too short")
	if rows <= 0 || cols <= 0 {
		return
	}
	blocks := (width + 3) / 4
	skip := blocks - (cols+3)/4
	if k.t == nil {
		normalsRef(dst, s, from*blocks, skip, rows, cols)
		return
	}
	for h := 0; h < Lanes; h += k.t.lanes {
		k.t.normals(&dst[h], &s.fields[h], &normalTable[0][0], from*blocks, skip, rows, cols)
	}
}

// Perturb adds noise: y += sqrt(v+1e-15) e, and v becomes e/(2 sqrt(v+1e-15)), the derivative of y by v. The root is within 2 units in
// the last place of v >= 0.
func (k *Kernels) Perturb(y, v, e []float32) {
	n := len(y)
	need(len(v) == n && len(e) == n && n%Lanes == 0, "kernel: Perturb: wrong length")
	if n == 0 {
		return
	}
	if k.t == nil {
		perturbRef(y, v, e)
		return
	}
	k.t.perturb(&y[0], &v[0], &e[0], n)
}

// NoiseScratch is the floats of scratch that VariationalPoolForward needs.
func (k *Kernels) NoiseScratch(c Conv) int { return 3 * k.PoolScratch(c) }

// VariationalForward computes y = conv(x, w)+b + sqrt(v) e with v = conv(xx, s)+bs + 1e-15 and draws e, and slope = dy/dv = e/(2
// sqrt(v)). p are the means w and b, q the variances s and bs; xx is the square of x. noise, as large as y, is overwritten.
func (k *Kernels) VariationalForward(c Conv, y, slope, x, xx []float32, p, q Params, draws *Normals, noise []float32) {
	need(len(slope) >= c.OutSize() && len(noise) >= c.OutSize(), "kernel: VariationalForward: slice too short")
	k.ConvForward(c, y, x, p)
	k.ConvForward(c, slope, xx, q)
	rows, width := c.noiseRows()
	n := c.OutSize()
	k.Normals(noise, draws, 0, rows, width, width)
	k.Perturb(y[:n], slope[:n], noise[:n])
}

// noiseRows are the rows of draws of a layer's output: those of its planes, or one row of a linear layer's outputs.
func (c Conv) noiseRows() (rows, width int) {
	if c.OH() == 1 && c.OW() == 1 {
		return 1, c.OutC
	}
	return c.OutC * c.OH(), c.OW()
}

// VariationalPoolForward is VariationalForward with 2x2 pooling behind it, as in ConvPoolForward: y and slope are those of the maxima.
func (k *Kernels) VariationalPoolForward(c Conv, y, slope []float32, code []uint32, x, xx []float32, p, q Params, draws *Normals, scratch []float32) {
	need(len(y) >= c.PooledSize() && len(slope) >= c.PooledSize() && len(code) >= c.PooledSize() && len(x) >= c.InSize() && len(xx) >= c.InSize() &&
		p.fit(c) && q.fit(c) && len(scratch) >= k.NoiseScratch(c), "kernel: VariationalPoolForward: slice too short")
	oh, ow := c.OH()/2*2, c.OW()/2*2
	if oh == 0 || ow == 0 {
		return
	}
	third := k.PoolScratch(c)
	for o, n := 0, 0; o < c.OutC; o += n {
		n = k.convBlock(c.OutC - o)
		rows := p.band(n, ow)
		for from := 0; from < oh; from += rows {
			m := min(rows, oh-from)
			size := n * m * ow * Lanes
			mean, v := scratch[:size], scratch[third:][:size]
			k.convBand(c, mean, x, p, o, n, from, m, m*ow, ow, ow)
			k.convBand(c, v, xx, q, o, n, from, m, m*ow, ow, ow)
			// The draws of a channel at a time stay in the first-level cache.
			plane := size / n
			e := scratch[2*third:][:plane]
			for i := range n {
				k.Normals(e, draws, (o+i)*c.OH()+from, m, ow, c.OW())
				k.Perturb(mean[i*plane:][:plane], v[i*plane:][:plane], e)
			}
			k.poolBand(c, y, code, mean, o, n, from, m)
			k.pickBand(c, slope, code, v, o, n, from, m)
		}
	}
}

// poolBand pools m rows of n channels from row from of channel o on.
func (k *Kernels) poolBand(c Conv, y []float32, code []uint32, band []float32, o, n, from, m int) {
	for r := range m / 2 {
		at, a := c.pooled(o, n, from/2+r, m)
		k.poolRows(y[at:], code[at:], band[r*2*a.row:], a)
	}
}

// pickBand takes the elements of another band at the places of the maxima.
func (k *Kernels) pickBand(c Conv, y []float32, code []uint32, band []float32, o, n, from, m int) {
	for r := range m / 2 {
		at, a := c.pooled(o, n, from/2+r, m)
		k.pickRows(y[at:], code[at:], band[r*2*a.row:], a)
	}
}

// pooled is where pooled row r of channel o is, and what poolRows needs for a band of n channels and m rows.
func (c Conv) pooled(o, n, r, m int) (int, poolArgs) {
	ph, pw := c.OH()/2, c.OW()/2
	return (o*ph + r) * pw * Lanes, poolArgs{row: 2 * pw * Lanes, channel: 2 * m * pw * Lanes, pooled: ph * pw * Lanes, channels: n, n: pw}
}

func (k *Kernels) pickRows(dst []float32, code []uint32, x []float32, a poolArgs) {
	if k.t == nil {
		pickRowsRef(dst, code, x, a)
		return
	}
	for h := 0; h < Lanes; h += k.t.lanes {
		k.t.pick(&dst[h], &code[h], &x[h], 4*a.row, 4*(a.channel-2*a.n*Lanes), 4*(a.pooled-a.n*Lanes), a.channels, a.n)
	}
}
