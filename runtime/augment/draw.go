package augment

import (
	"math"
	"math/bits"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
	"github.com/weightspace/weightspace/runtime/rng"
)

// draws are the random words of one sample, in order: word k of (sample, view, epoch) is word k%4 of block (sample, view<<16 | k/4) of
// the epoch.
type draws struct {
	s     rng.Stream
	i     uint32
	view  uint32
	epoch uint64
	n     uint32
	block [4]uint32
}

func draw(s rng.Stream, i, view uint32, epoch uint64) draws {
	return draws{s: s, i: i, view: view << 16, epoch: epoch}
}

func (d *draws) word() uint32 {
	k := d.n % 4
	if k == 0 {
		d.block = d.s.Block(d.i, d.view|d.n/4, d.epoch)
	}
	d.n++
	return d.block[k]
}

// open is uniform inside (0, 1), of 32 bits.
func (d *draws) open() float64 { return float64(float64(d.word())+0.5) * (1.0 / (1 << 32)) }

// between is uniform between low and high.
func (d *draws) between(low, high float64) float64 { return low + float64(float64(high-low)*d.open()) }

// logBetween has a logarithm that is uniform between those of low and high.
func (d *draws) logBetween(low, high float64) float64 {
	return detmath.Exp(d.between(detmath.Log(low), detmath.Log(high)))
}

// below is uniform in [0, n).
func (d *draws) below(n int) int {
	hi, _ := bits.Mul32(d.word(), uint32(n))
	return int(hi)
}

// happens is true with probability p; it takes a word whatever p is.
func (d *draws) happens(p float64) bool { return d.open() < p }

// normal is a standard normal number.
func (d *draws) normal() float64 {
	w := uint64(d.word())<<32 | uint64(d.word())
	return detmath.NormalQuantile(float64(float64(w>>12)+0.5) * (1.0 / (1 << 52)))
}

// gamma is Gamma(a, 1), by Marsaglia and Tsang (2000); below a = 1 by a power of a uniform number. It is the logarithm, which does not
// underflow for small a.
func (d *draws) logGamma(a float64) float64 {
	boost := 0.0
	if a < 1 {
		boost = detmath.Log(d.open()) / a
		a++
	}
	t := a - 1.0/3
	c := 1 / math.Sqrt(float64(9*t))
	for {
		x := d.normal()
		v := 1 + float64(c*x)
		if v <= 0 {
			continue
		}
		v = float64(float64(v*v) * v)
		logV := detmath.Log(v)
		if detmath.Log(d.open()) < float64(0.5*float64(x*x))+float64(t*float64(float64(1-v)+logV)) {
			return boost + detmath.Log(t) + logV
		}
	}
}

// beta is Beta(a, a).
func (d *draws) beta(a float64) float64 {
	x, y := d.logGamma(a), d.logGamma(a)
	return 1 / (1 + detmath.Exp(y-x))
}

// sincos are the sine and cosine of an angle in degrees, |degrees| <= 360, within 2 ULP: sums and products only.
func sincos(degrees float64) (sine, cosine float64) {
	turns := math.RoundToEven(degrees / 90)
	x := float64(degrees-float64(90*turns)) * (math.Pi / 180)
	x2 := float64(x * x)
	s, c := 0.0, 0.0
	for k := 19; k >= 3; k -= 2 {
		s = float64(float64(s+1)*-x2) / float64(k*(k-1))
	}
	s = float64(x * float64(s+1))
	for k := 20; k >= 2; k -= 2 {
		c = float64(float64(c+1)*-x2) / float64(k*(k-1))
	}
	c++
	switch int(turns) & 3 {
	case 1:
		return c, -s
	case 2:
		return -s, -c
	case 3:
		return -c, s
	}
	return s, c
}
