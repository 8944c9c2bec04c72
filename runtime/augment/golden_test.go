package augment

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// goldens are made with torchvision and timm by hack/bench/peers/golden_augment.py.
type goldens struct {
	Cases []struct {
		Name, Op        string
		Shape, OutShape [3]int
		Src, Out        []byte
		Tolerance       int
		Window          [4]int
		Size, Resize    int
		Kernel          int
		Degrees, Factor float64
	}
	Targets []struct {
		Lambda, Smoothing float64
		Labels            []int32
		Out               []float32
	}
}

func readGoldens(t *testing.T) *goldens {
	t.Helper()
	b, err := os.ReadFile("testdata/torchvision.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &goldens{}
	if err := json.Unmarshal(b, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Given its parameters, every transform is torchvision's: exactly where pixels move, within 1/255 where both round.
func TestTransformsEqualTorchvision(t *testing.T) {
	for _, c := range readGoldens(t).Cases {
		shape := Shape{c.Shape[0], c.Shape[1], c.Shape[2]}
		want := Shape{c.OutShape[0], c.OutShape[1], c.OutShape[2]}
		src, dst := image{shape, c.Src}, image{pix: make([]uint8, 4*len(c.Out)+len(c.Src))}
		at := window{c.Window[0], c.Window[1], c.Window[2], c.Window[3]}
		same := func() { crop(&dst, src, window{H: shape.H, W: shape.W}, false) }
		step := func(k int) {
			same()
			x := tint{order: [jitterSteps]int{k, k, k, k}}
			x.order = [jitterSteps]int{0, 1, 2, 3}
			x.on[k], x.factor[k] = true, c.Factor
			colour(&dst, &x)
		}
		switch c.Op {
		case "crop":
			crop(&dst, src, at, false)
		case "flip":
			crop(&dst, src, window{H: shape.H, W: shape.W}, true)
		case "rotate", "rotateBilinear":
			rotate(&dst, src, c.Degrees, c.Op == "rotateBilinear")
		case "resize", "resizeBicubic":
			(&resizer{}).resize(&dst, src, at, c.Size, c.Size, c.Op == "resizeBicubic", false)
		case "blur":
			same()
			(&blurrer{}).blur(&dst, c.Kernel, c.Factor)
		case "brightness":
			step(brightness)
		case "contrast":
			step(contrast)
		case "saturation":
			step(saturation)
		case "hue":
			step(hue)
		case "centre":
			crop(&dst, src, centre(shape, c.Size, c.Size), false)
		case "grayscale":
			same()
			gray(&dst)
		case "evaluate":
			dst = evaluated(t, src, c.Resize, c.Size)
		default:
			t.Fatalf("no test for %q", c.Op)
		}
		if dst.Shape != want {
			t.Errorf("%s: shape %v, want %v", c.Name, dst.Shape, want)
			continue
		}
		worst, count := 0, 0
		for i, p := range dst.pix {
			d := int(p) - int(c.Out[i])
			worst = max(worst, d, -d)
			if d != 0 {
				count++
			}
		}
		if worst > c.Tolerance {
			t.Errorf("%s: differs by up to %d in %d of %d pixels", c.Name, worst, count, len(c.Out))
		}
	}
}

// evaluated passes an image through Evaluate with a table that keeps bytes.
func evaluated(t *testing.T, src image, resize, size int) image {
	t.Helper()
	a, err := New(Config{Size: size, EvaluationResize: resize, Crop: &Crop{Padding: 32}}, src.Shape, bytesTable(src.C))
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, a.Out().size())
	a.Evaluate(dst, Batch{Images: src.pix, Index: []int32{0}, N: 1})
	out := image{a.Out(), make([]uint8, len(dst))}
	for i, v := range dst {
		out.pix[i] = uint8(v)
	}
	return out
}

func bytesTable(channels int) [][256]float32 {
	table := make([][256]float32, channels)
	for c := range table {
		for p := range table[c] {
			table[c][p] = float32(p)
		}
	}
	return table
}

func TestTargetsEqualTimm(t *testing.T) {
	for _, g := range readGoldens(t).Targets {
		n, classes := len(g.Labels), len(g.Out)/len(g.Labels)
		last, first := make([]float32, len(g.Out)), make([]float32, len(g.Out))
		Targets(last, g.Labels, classes, false, g.Lambda, g.Smoothing)
		Targets(first, g.Labels, classes, true, g.Lambda, g.Smoothing)
		for i := range n {
			for k := range classes {
				want := g.Out[i*classes+k]
				if d := math.Abs(float64(last[i*classes+k] - want)); d > 1e-6 || last[i*classes+k] != first[k*n+i] {
					t.Errorf("lambda %v, smoothing %v, sample %d, class %d: %v and %v, want %v", g.Lambda, g.Smoothing, i, k, last[i*classes+k], first[k*n+i], want)
				}
			}
		}
	}
}
