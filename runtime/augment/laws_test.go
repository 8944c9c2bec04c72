package augment

import (
	"math"
	"testing"

	"github.com/weightspace/weightspace/runtime/rng"
)

// sample is n numbers with the bars of a test: five deviations, fixed seeds.
const sample = 20_000

// meanIs holds a mean of independent numbers against its law.
func meanIs(t *testing.T, name string, x []float64, mean, deviation float64) {
	t.Helper()
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	got := sum / float64(len(x))
	if bar := 5 * deviation / math.Sqrt(float64(len(x))); math.Abs(got-mean) > bar {
		t.Errorf("%s: mean %v, want %v within %v", name, got, mean, bar)
	}
}

func each(label string, f func(i int, d *draws)) {
	s := rng.New(11, "augment/"+label)
	for i := range sample {
		d := draw(s, uint32(i), 0, 3)
		f(i, &d)
	}
}

// uniformDeviation is that of a uniform law on an interval of length 1.
var uniformDeviation = 1 / math.Sqrt(12)

func TestCropIsUniform(t *testing.T) {
	in := Shape{3, 32, 32}
	c := &Crop{Padding: 4}
	var ys, xs [9]float64
	each("crop", func(_ int, d *draws) {
		w := c.window(d, in, 32, 32)
		ys[w.Y+4]++
		xs[w.X+4]++
	})
	for _, counts := range [][9]float64{ys, xs} {
		chi := 0.0
		for _, n := range counts {
			chi += (n - sample/9.0) * (n - sample/9.0) / (sample / 9.0)
		}
		if chi > 31.8 { // the 0.9999 quantile of 8 degrees of freedom
			t.Errorf("offsets %v: chi-squared %v", counts, chi)
		}
	}
}

// RandomResizedCrop: area uniform, ratio log-uniform, position uniform. The image is large, so that rounding and rejection do not show; areas
// stay below half of it for the same reason.
func TestResizedCropFollowsItsLaw(t *testing.T) {
	in := Shape{3, 4000, 4000}
	r := &ResizedCrop{Scale: [2]float64{0.08, 0.5}, Ratio: [2]float64{0.75, 4.0 / 3}}
	var area, ratio, top []float64
	each("crop", func(_ int, d *draws) {
		w := r.window(d, in)
		area = append(area, (float64(w.H*w.W)/16e6-0.08)/0.42)
		ratio = append(ratio, (math.Log(float64(w.W)/float64(w.H))-math.Log(0.75))/math.Log(4.0/3/0.75))
		top = append(top, (float64(w.Y)+0.5)/float64(4000-w.H+1))
		if w.Y < 0 || w.X < 0 || w.Y+w.H > 4000 || w.X+w.W > 4000 {
			t.Fatalf("window %+v", w)
		}
	})
	meanIs(t, "area", area, 0.5, uniformDeviation)
	meanIs(t, "log ratio", ratio, 0.5, uniformDeviation)
	meanIs(t, "place", top, 0.5, uniformDeviation)
}

// After ten windows that do not fit, the central one of the nearest allowed ratio is taken.
func TestResizedCropFallsBack(t *testing.T) {
	r := &ResizedCrop{Scale: [2]float64{1, 1}, Ratio: [2]float64{0.75, 4.0 / 3}}
	for in, want := range map[Shape]window{{1, 10, 100}: {0, 43, 10, 13}, {1, 100, 12}: {42, 0, 16, 12}} {
		each("crop", func(_ int, d *draws) {
			if w := r.window(d, in); w != want {
				t.Fatalf("%v: window %+v, want %+v", in, w, want)
			}
		})
	}
}

func TestErasingFollowsItsLaw(t *testing.T) {
	in := Shape{3, 3000, 3000}
	e := &Erasing{Probability: 0.25, Scale: [2]float64{0.02, 0.33}, Ratio: [2]float64{0.5, 2}}
	var happens, area, ratio []float64
	each("erasing", func(_ int, d *draws) {
		w, ok := e.window(d, in)
		if !ok {
			happens = append(happens, 0)
			return
		}
		happens = append(happens, 1)
		area = append(area, (float64(w.H*w.W)/9e6-0.02)/0.31)
		ratio = append(ratio, math.Log(float64(w.H)/float64(w.W))/math.Log(2))
	})
	meanIs(t, "probability", happens, 0.25, math.Sqrt(0.25*0.75))
	meanIs(t, "area", area, 0.5, uniformDeviation)
	meanIs(t, "log ratio", ratio, 0, 2*uniformDeviation)
}

func TestTintFollowsItsLaw(t *testing.T) {
	j := &Jitter{Probability: 0.8, Brightness: 0.5, Contrast: 1.5, Saturation: 0.5, Hue: 0.1}
	var happens, bright, con, turn []float64
	orders := map[[jitterSteps]int]int{}
	each("jitter", func(_ int, d *draws) {
		x, ok := j.tint(d)
		if !ok {
			happens = append(happens, 0)
			return
		}
		happens = append(happens, 1)
		orders[x.order]++
		bright, con, turn = append(bright, x.factor[brightness]), append(con, x.factor[contrast]), append(turn, x.factor[hue])
	})
	meanIs(t, "probability", happens, 0.8, 0.4)
	meanIs(t, "brightness", bright, 1, uniformDeviation)
	meanIs(t, "contrast", con, 1.25, 2.5*uniformDeviation) // from max(0, 1-1.5) to 2.5
	meanIs(t, "hue", turn, 0, 0.2*uniformDeviation)
	n := float64(len(bright)) / 24
	for o, count := range orders {
		if math.Abs(float64(count)-n) > 5*math.Sqrt(n) {
			t.Errorf("order %v comes %d times, want %v", o, count, n)
		}
	}
	if len(orders) != 24 {
		t.Errorf("%d orders of 24", len(orders))
	}
}

// Beta(a, a) has mean 1/2 and variance 1/(4(2a+1)); its square's mean tests the variance.
func TestBetaFollowsItsLaw(t *testing.T) {
	for _, a := range []float64{0.01, 0.2, 0.8, 1, 3} {
		variance := 1 / (4 * (2*a + 1))
		var x, square []float64
		each("mix", func(_ int, d *draws) {
			v := d.beta(a)
			if !(v >= 0 && v <= 1) {
				t.Fatalf("alpha %v: %v", a, v)
			}
			x, square = append(x, v), append(square, (v-0.5)*(v-0.5))
		})
		meanIs(t, "beta", x, 0.5, math.Sqrt(variance))
		meanIs(t, "beta's variance", square, variance, 0.25) // a square is at most 1/4
	}
}

// CutMix: the share of the window that lies in the image is what the partner gives; timm's expectation of the share that is cut off at the
// borders is checked by brute force.
func TestMixFollowsTimm(t *testing.T) {
	c := &Config{MixUp: 0.8, CutMix: 1}
	in := Shape{3, 20, 30}
	var cuts []float64
	each("mix", func(_ int, d *draws) {
		m := c.mix(d, in)
		if !m.cut {
			cuts = append(cuts, 0)
			return
		}
		cuts = append(cuts, 1)
		w := m.window
		if w.Y < 0 || w.X < 0 || w.Y+w.H > in.H || w.X+w.W > in.W || m.lambda != 1-float64(w.H*w.W)/600 {
			t.Fatalf("mix %+v", m)
		}
	})
	meanIs(t, "odds", cuts, 0.5, 0.5)
	for centre, want := range map[int][2]int{0: {0, 3}, 10: {8, 13}, 19: {17, 20}} {
		if from, to := span(centre, 5, 20); from != want[0] || to != want[1] {
			t.Errorf("5 around %d: [%d, %d), want %v", centre, from, to, want)
		}
	}
}

func TestSincos(t *testing.T) {
	for d := -360.0; d <= 360; d += 0.37 {
		s, c := sincos(d)
		if math.Abs(s-math.Sin(d*math.Pi/180)) > 1e-14 || math.Abs(c-math.Cos(d*math.Pi/180)) > 1e-14 {
			t.Errorf("%v degrees: %v %v", d, s, c)
		}
	}
}
