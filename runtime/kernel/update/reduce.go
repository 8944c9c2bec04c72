package update

import "math"

// lanes is the width of reductions: element i belongs to lane i mod 16 on every level.
const lanes = 16

// SquaredNorm is the sum of x[i]^2. Squares of float32 are exact in float64; they are summed in
// 16 lanes, lane l over i = l mod 16 in rising order, and the lanes by a fixed tree. The result
// is finite exactly when x is.
func (k *Kernels) SquaredNorm(x []float32) float64 {
	var s [lanes]float64
	for len(x) >= lanes {
		n := min(len(x), block) / lanes
		k.squares(&s, x[:n*lanes])
		x = x[n*lanes:]
	}
	if len(x) > 0 {
		var rest [lanes]float32
		copy(rest[:], x)
		k.squares(&s, rest[:])
	}
	return sumTree(&s)
}

// SquaredNormRef is SquaredNorm in pure Go. In float64 each square is fused into its lane's sum.
func SquaredNormRef[T Float](x []T) float64 {
	var s [lanes]float64
	squareLanes(&s, x)
	return sumTree(&s)
}

// squareLanes is the twin of the assembly: s[i mod 16] += x[i]^2.
func squareLanes[T Float](s *[lanes]float64, x []T) {
	for i, v := range x {
		l := i % lanes
		s[l] = math.FMA(float64(v), float64(v), s[l])
	}
}

// sumTree adds lanes 8 apart, then 4, 2 and 1.
func sumTree(s *[lanes]float64) float64 {
	for half := lanes / 2; half > 0; half /= 2 {
		for l := range half {
			s[l] += s[l+half]
		}
	}
	return s[0]
}

// MaxAbs is the largest magnitude in x, 0 for none, and a NaN if x has one.
func (k *Kernels) MaxAbs(x []float32) float32 {
	var s [lanes]uint32
	for len(x) >= lanes {
		n := min(len(x), block) / lanes
		k.magnitudes(&s, x[:n*lanes])
		x = x[n*lanes:]
	}
	magnitudeLanes(&s, x)
	// Magnitudes are ordered as their bits are, NaN above infinity.
	top := uint32(0)
	for _, v := range s {
		top = max(top, v)
	}
	return math.Float32frombits(top)
}

// Finite reports that x has no NaN and no infinity.
func (k *Kernels) Finite(x []float32) bool { return k.MaxAbs(x) <= math.MaxFloat32 }

// magnitudeLanes is the twin of the assembly: s[i mod 16] = max(s[i mod 16], bits of |x[i]|).
func magnitudeLanes(s *[lanes]uint32, x []float32) {
	for i, v := range x {
		s[i%lanes] = max(s[i%lanes], math.Float32bits(v)&0x7fffffff)
	}
}

// MaxAbsRef is MaxAbs in pure Go.
func MaxAbsRef[T Float](x []T) T {
	top := uint64(0)
	for _, v := range x {
		top = max(top, math.Float64bits(float64(v))&^(1<<63))
	}
	return T(math.Float64frombits(top))
}

// FiniteRef is Finite in pure Go.
func FiniteRef[T Float](x []T) bool {
	return float64(MaxAbsRef(x)) <= math.MaxFloat64
}
