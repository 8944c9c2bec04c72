package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
)

var pools = []Pool2D{
	{3, 8, 8, 16, 2, 2, 2, 2, 0, 0},
	{2, 7, 9, 33, 3, 3, 2, 2, 1, 1},
	{5, 5, 4, 10, 3, 2, 1, 1, 1, 1},
	{1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
	{2, 6, 5, 17, 2, 3, 3, 1, 0, 1},
	{2, 1, 12, 5, 1, 4, 1, 3, 0, 2},
	{4, 3, 3, 70, 5, 5, 1, 1, 2, 2},
	GlobalPool(7, 4, 4, 48),
	GlobalPool(2, 3, 5, 7),
}

// awkward values: ties, zeros of both signs, infinities and NaN.
func awkward(r *rand.Rand, x []float32) []float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for i := range fill(r, x) {
		if r.IntN(3) == 0 {
			x[i] = special[r.IntN(len(special))]
		}
	}
	return x
}

func TestPoolTwins(t *testing.T) {
	for _, p := range pools {
		if err := p.Check(); err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		for _, values := range []func(*rand.Rand, []float32) []float32{fill, awkward} {
			for _, add := range []bool{false, true} {
				testPools(t, p, values, add)
			}
		}
	}
}

func testPools(t *testing.T, p Pool2D, values func(*rand.Rand, []float32) []float32, add bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(p.C), uint64(p.N)))
	x, dy := values(r, make([]float32, p.XSize())), fill(r, make([]float32, p.YSize()))
	start := fill(r, make([]float32, p.XSize()))
	y, dx := make([]float32, p.YSize()), clone(start)
	avg, avgGrad := make([]float32, p.YSize()), clone(start)
	MaxPoolRef(p, y, x)
	MaxPoolGradRef(p, dx, x, dy, add)
	AvgPoolRef(p, avg, x)
	AvgPoolGradRef(p, avgGrad, dy, add)
	for _, k := range kernels(t) {
		var g check.Guards
		put := func(x []float32) []float32 {
			s := g.New(len(x), p.N%16)
			copy(s, x)
			return s
		}
		gx, gdy, gy, gdx, gavg, gavgGrad := put(x), put(dy), put(dy), put(start), put(dy), put(start)
		for i := range p.Chunks() {
			k.MaxPool(p, i, gy, gx)
			k.MaxPoolGrad(p, i, gdx, gx, gdy, add)
			k.AvgPool(p, i, gavg, gx)
			k.AvgPoolGrad(p, i, gavgGrad, gdy, add)
		}
		what := fmt.Sprintf("%s %+v add=%v ", k.Level(), p, add)
		same(t, what+"maximum", gy, y)
		same(t, what+"gradient of maximum", gdx, dx)
		sameOrNaN(t, what+"average", gavg, avg)
		same(t, what+"gradient of average", gavgGrad, avgGrad)
		if err := g.Check(); err != nil {
			t.Fatal(what, err)
		}
		same(t, what+"input", gx, x)
	}
}

// sameOrNaN is same, with any NaN equal to any other: arithmetic on two NaN may keep either.
func sameOrNaN(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, v := range want {
		if v != v && got[i] != got[i] {
			got[i] = v
		}
	}
	same(t, what, got, want)
}
