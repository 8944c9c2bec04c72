package kernel

import "github.com/weightspace/weightspace/runtime/kernel/fma"

// The pure-Go twins of the convolution and pooling assembly, with strides in floats.

// convRowRef computes n positions of one row for a block of channels.
func convRowRef(channels int, dst, x []float32, r *rowArgs) {
	var acc, wv [Lanes]float32
	for o := range channels {
		for p := range r.n {
			if r.bias == nil {
				copy(acc[:], dst[o*r.dstChan+p*Lanes:])
			} else {
				spread(&acc, r.bias, o, r.perLane)
			}
			for c := range r.nc {
				for ky := range r.nky {
					for kx := range r.nkx {
						w := r.w[r.wAt+o*r.wOut+c*r.wChan+ky*r.wRow+kx*r.wCol:]
						spread(&wv, w, 0, r.perLane)
						at := c*r.xChan + ky*r.xRow + (p+kx)*Lanes
						xv := x[at : at+Lanes : at+Lanes]
						for l := range acc {
							acc[l] = fma.F32(wv[l], xv[l], acc[l])
						}
					}
				}
			}
			copy(dst[o*r.dstChan+p*Lanes:], acc[:])
		}
	}
}

// spread gives v the i-th parameter: a value for all lanes or a vector.
func spread(v *[Lanes]float32, from []float32, i int, perLane bool) {
	if perLane {
		copy(v[:], from[i*Lanes:])
		return
	}
	for l := range v {
		v[l] = from[i]
	}
}

// convGradRef adds dy times x over a plane to acc, for a block of channels and columns.
func convGradRef(channels, columns int, acc, x, dy []float32, g *gradArgs) {
	for o := range channels {
		for c := range g.nc {
			for ky := range g.nky {
				for j := range columns {
					a := acc[o*g.accChan+(c*g.nky+ky)*g.accRow+j*Lanes:][:Lanes]
					if g.fresh {
						clear(a)
					}
					planeDot(a, x[c*g.xChan+ky*g.xKernel+j*Lanes:], dy[o*g.dyChan:], g)
				}
			}
		}
	}
}

// planeDot adds dy*x over a plane to a.
func planeDot(a, x, dy []float32, g *gradArgs) {
	for r := range g.rows {
		for c := range g.cols {
			xv := x[r*g.xRow+c*Lanes:][:Lanes]
			dv := dy[r*g.dyRow+c*Lanes:][:Lanes]
			for l := range a {
				a[l] = fma.F32(dv[l], xv[l], a[l])
			}
		}
	}
}

// larger is the vector instruction's maximum: b unless a is larger.
func larger(a, b float32) float32 {
	if a > b {
		return a
	}
	return b
}

// smaller is the vector instruction's minimum: b unless a is smaller.
func smaller(a, b float32) float32 {
	if a < b {
		return a
	}
	return b
}

// poolRowsRef takes the maximum of each 2x2 window of a pair of rows and its place.
func poolRowsRef(dst []float32, code []uint32, x []float32, a poolArgs) {
	for c := range a.channels {
		for p := range a.n * Lanes {
			i := c*a.channel + p/Lanes*2*Lanes + p%Lanes
			upper, ui := laterIfLarger(x[i], x[i+Lanes], 0, 1)
			lower, li := laterIfLarger(x[i+a.row], x[i+a.row+Lanes], 2, 3)
			dst[c*a.pooled+p], code[c*a.pooled+p] = laterIfLarger(upper, lower, ui, li)
		}
	}
}

func laterIfLarger(a, b float32, i, j uint32) (float32, uint32) {
	if b > a {
		return b, j
	}
	return a, i
}

// unpoolRowsRef gives dy to the place of code in each window and 0 to the others.
func unpoolRowsRef(dx, dy []float32, code []uint32, a poolArgs) {
	for c := range a.channels {
		for p := range a.n * Lanes {
			i := c*a.channel + p/Lanes*2*Lanes + p%Lanes
			for j, at := range [4]int{i, i + Lanes, i + a.row, i + a.row + Lanes} {
				dx[at] = 0
				if code[c*a.pooled+p] == uint32(j) {
					dx[at] = dy[c*a.pooled+p]
				}
			}
		}
	}
}

// reduceRef sums the lanes of each vector by the tree of adjacent pairs:
// ((0+1)+(2+3))+((4+5)+(6+7)) and so on.
func reduceRef(dst, src []float32) {
	for i := range dst {
		var s [Lanes]float32
		copy(s[:], src[i*Lanes:])
		for n := Lanes / 2; n > 0; n /= 2 {
			for l := range n {
				s[l] = s[2*l] + s[2*l+1]
			}
		}
		dst[i] = s[0]
	}
}
