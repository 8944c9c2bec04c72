package kernel

import "github.com/weightspace/weightspace/runtime/kernel/fma"

// The pure-Go twins of the convolution and pooling assembly, with strides in floats.

// convRowRef computes n positions of one output row for a block of channels. Weights are
// [channel of input][row][column][block].
func convRowRef(channels int, dst, x, w, bias []float32, r rowArgs) {
	for o := range channels {
		for p := range r.n {
			var acc [Lanes]float32
			for l := range acc {
				acc[l] = bias[o]
			}
			for c := range r.nc {
				for ky := range r.nky {
					for kx := range r.nkx {
						wv := w[c*r.wChan+(ky*r.nkx+kx)*channels+o]
						at := c*r.xChan + ky*r.xRow + (p+kx)*Lanes
						xv := x[at : at+Lanes : at+Lanes]
						for l := range acc {
							acc[l] = fma.F32(wv, xv[l], acc[l])
						}
					}
				}
			}
			copy(dst[o*r.dstChan+p*Lanes:], acc[:])
		}
	}
}

// convGradRef adds dy times x over a plane to acc, for a block of channels and columns.
func convGradRef(channels, columns int, acc, x, dy []float32, g gradArgs) {
	for o := range channels {
		for j := range columns {
			a := acc[o*g.accChan+j*Lanes:][:Lanes]
			for r := range g.rows {
				for c := range g.cols {
					xv := x[r*g.xRow+(c+j)*Lanes:][:Lanes]
					dv := dy[o*g.dyChan+r*g.dyRow+c*Lanes:][:Lanes]
					for l := range a {
						a[l] = fma.F32(dv[l], xv[l], a[l])
					}
				}
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

// poolRowRef takes the maximum of each 2x2 window of rows x0 and x1.
func poolRowRef(dst, x0, x1 []float32, n int) {
	for p := range n {
		for l := range Lanes {
			i := 2*p*Lanes + l
			dst[p*Lanes+l] = larger(larger(x0[i], x0[i+Lanes]), larger(x1[i], x1[i+Lanes]))
		}
	}
}

// poolGradRowRef gives dy to the first largest element of each window and 0 to the others.
func poolGradRowRef(dx0, dx1, x0, x1, dy []float32, n int) {
	for p := range n {
		for l := range Lanes {
			i := 2*p*Lanes + l
			v := [4]float32{x0[i], x0[i+Lanes], x1[i], x1[i+Lanes]}
			m := larger(larger(v[0], v[1]), larger(v[2], v[3]))
			var d [4]float32
			for j := range v {
				if v[j] == m {
					d[j] = dy[p*Lanes+l]
					break
				}
			}
			dx0[i], dx0[i+Lanes], dx1[i], dx1[i+Lanes] = d[0], d[1], d[2], d[3]
		}
	}
}

// reduceRef sums the lanes of each vector: lanes 8 apart, then 4, 2 and 1.
func reduceRef(dst, src []float32, n int) {
	for i := range n {
		var s [Lanes]float32
		copy(s[:], src[i*Lanes:])
		for half := Lanes / 2; half > 0; half /= 2 {
			for l := range half {
				s[l] += s[l+half]
			}
		}
		dst[i] = s[0]
	}
}
