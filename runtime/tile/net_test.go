package tile

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/rng"
)

var functions = map[string]kernel.Activation{"tanh": kernel.Tanh, "relu": kernel.ReLU, "sigmoid": kernel.Sigmoid, "gelu": kernel.GELU}

func small(t testing.TB, channels int, f kernel.Activation) *Net {
	t.Helper()
	n, err := CNNSmall(Shape{channels, 28, 28}, f)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCNNSmallLayout(t *testing.T) {
	for channels, want := range map[int]int{1: 2464, 3: 2864} {
		n := small(t, channels, kernel.Tanh)
		if n.NumParams() != want || n.Out() != (Shape{10, 1, 1}) {
			t.Errorf("%d channels: %d parameters, output %s", channels, n.NumParams(), n.Out())
		}
		names, offset := []string{}, 0
		for _, p := range n.Layout() {
			names = append(names, p.Name)
			if p.Offset != offset {
				t.Errorf("%s: offset %d, want %d", p.Name, p.Offset, offset)
			}
			offset += p.Size()
		}
		want := "0.weight 0.bias 3.weight 3.bias 6.weight 6.bias 9.weight 9.bias 11.weight 11.bias"
		if got := strings.ReplaceAll(strings.Join(names, " "), "module_list.", ""); got != want {
			t.Errorf("names %q", got)
		}
	}
}

func TestBadNetworks(t *testing.T) {
	for name, layers := range map[string][]Layer{
		"kernel too large": {{Name: "c", Out: 2, Kernel: 9}},
		"no outputs":       {{Name: "l"}},
		"pool too small":   {{Name: "l", Out: 4, Pool: true}},
		"no parameters":    {},
	} {
		if _, err := New(Shape{1, 8, 8}, layers...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := CNNSmall(Shape{1, 32, 32}, kernel.Tanh); err == nil || !strings.Contains(err.Error(), "28x28") {
		t.Errorf("32x32: %v", err)
	}
}

// batch runs one full batch of count samples and returns loss and gradients of the engine and
// of the float64 oracle, with the oracle's magnitude sums.
func batch(t *testing.T, n *Net, l kernel.Level, activation, initializer string, count int, dropout float64) (loss [2]float64, got []float32, want, abs []float64) {
	t.Helper()
	k, err := kernel.New(l)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(count), 5))
	row := make([]float32, n.NumParams())
	const seed, step = 4, 77
	if err := n.Init(row, seed, initializer); err != nil {
		t.Fatal(err)
	}
	images, labels := make([][]float64, count), make([]uint16, count)
	wide := make([]int, count)
	for i := range images {
		images[i] = make([]float64, n.In().Size())
		for j := range images[i] {
			images[i][j] = float64(float32(r.NormFloat64()))
		}
		labels[i] = uint16(r.IntN(10))
		wide[i] = int(labels[i])
	}
	tape := NewTape(n, k)
	tape.Load(row, Member{Seed: seed, Dropout: dropout}, true)
	tape.ZeroGrad()
	var losses Loss
	for at := 0; at < count; at += kernel.Lanes {
		lanes := min(kernel.Lanes, count-at)
		clear(tape.Input())
		for lane := range lanes {
			for j, v := range images[at+lane] {
				tape.Input()[j*kernel.Lanes+lane] = float32(v)
			}
		}
		logits := tape.Forward(step, at)
		losses.CrossEntropy(k, logits, labels[at:at+lanes], 1/float64(count), tape.OutputGrad())
		loss[0] += Sum(losses.Losses[:lanes]) / float64(count)
		tape.Backward()
	}
	got = make([]float32, n.NumParams())
	tape.Gradients(got)
	params := make([]float64, len(row))
	for i, v := range row {
		params[i] = float64(v)
	}
	oracle := check.Network{Channels: n.In().C, Activation: activation}
	if dropout > 0 {
		oracle.Mask = masks(seed, dropout, step)
	}
	loss[1], want, abs = oracle.Loss(params, images, wide)
	return loss, got, want, abs
}

// masks reads the engine's dropout factors one element at a time, from the definition.
func masks(seed uint64, p float64, step uint64) func(layer, sample, element int) float64 {
	labels := []string{"dropout/2", "dropout/5", "dropout/10"}
	return func(layer, sample, element int) float64 {
		b := rng.New(seed, labels[layer]).Block(uint32(element/8), uint32(sample), step)
		u := b[element%8/2] >> (16 * (element % 2)) & 0xffff
		if float64(u) < p*65536 {
			return 0
		}
		return 1 / (1 - p)
	}
}

// The engine's loss and gradients agree with the float64 oracle. Every gradient is a sum of
// terms whose magnitudes add up to abs. A term carries the rounding of chains of at most 200
// products in five layers, forward and back; errors add up like a random walk: 10 layers *
// sqrt(200) * 2^-24 = 8.5e-6. Softmax makes a relative error of the absolute error of the
// logits, which are about 20 here: as much again. GELU's derivative is good to 3e-7 absolute,
// not relative, so errors are held against the largest abs of the tensor.
func TestAgainstOracle(t *testing.T) {
	const bound = 2e-5
	for name, f := range functions {
		for channels, dropout := range map[int]float64{1: 0, 3: 0.5} {
			n := small(t, channels, f)
			loss, got, want, abs := batch(t, n, kernel.Auto, name, "kaiming_normal", 18, dropout)
			if math.Abs(loss[0]-loss[1]) > bound*(1+loss[1]) {
				t.Errorf("%s: loss %v, oracle %v", name, loss[0], loss[1])
			}
			worst := 0.0
			for _, p := range n.Layout() {
				scale := slices.Max(abs[p.Offset : p.Offset+p.Size()])
				for i := p.Offset; i < p.Offset+p.Size(); i++ {
					worst = max(worst, math.Abs(float64(got[i])-want[i])/scale)
				}
			}
			if t.Logf("%s channels %d dropout %v: worst error %.2g", name, channels, dropout, worst); !(worst < bound) {
				t.Errorf("%s channels %d dropout %v: worst error %.2g of the tensor's scale, bound %v", name, channels, dropout, worst, bound)
			}
		}
	}
}

// All levels give the same bits for a whole forward and backward pass.
func TestLevelsAgree(t *testing.T) {
	for name, f := range functions {
		n := small(t, 1, f)
		loss, want, _, _ := batch(t, n, kernel.Ref, name, "normal", 17, 0.3)
		for _, l := range []kernel.Level{kernel.AVX2, kernel.AVX512} {
			if !kernel.Supported(l) {
				continue
			}
			gotLoss, got, _, _ := batch(t, n, l, name, "normal", 17, 0.3)
			if i := check.FirstDifference(got, want); i >= 0 || gotLoss[0] != loss[0] {
				t.Errorf("%s %s: gradient %d differs, or loss %v from %v", name, l, i, gotLoss[0], loss[0])
			}
		}
	}
}

func TestDropMaskLaw(t *testing.T) {
	for _, p := range []float64{0.1, 0.3, 0.5, 0.9} {
		k, err := kernel.New(kernel.Auto)
		if err != nil {
			t.Fatal(err)
		}
		var draws kernel.Draws
		for lane := range kernel.Lanes {
			draws.SetLane(lane, rng.New(1, "dropout/2").Key(), p)
		}
		mask, other := make([]float32, 20*kernel.Lanes), make([]float32, 20*kernel.Lanes)
		kept, sum, n := 0, 0.0, 0
		for step := range uint64(400) {
			for i := range mask {
				mask[i] = 1
			}
			draws.SetSample(step, 0, 1)
			k.Dropout(mask, other, &draws)
			for _, v := range mask {
				if v != 0 {
					kept++
				}
				sum += float64(v)
				n++
			}
		}
		rate := float64(kept) / float64(n)
		if sigma := math.Sqrt(p * (1 - p) / float64(n)); math.Abs(rate-(1-p)) > 4*sigma {
			t.Errorf("p=%v: kept %v", p, rate)
		}
		if math.Abs(sum/float64(n)-1) > 0.03 {
			t.Errorf("p=%v: mean factor %v", p, sum/float64(n))
		}
	}
}

func TestInitLaws(t *testing.T) {
	if _, err := New(Shape{1, 100, 100}, Layer{Name: "a", Out: 1, Kernel: 3}, Layer{Name: "b", Out: 2}); err == nil {
		t.Fatal("a linear layer on 9,604 inputs should not fit")
	}
	n, err := New(Shape{1, 50, 50}, Layer{Name: "b", Out: 40})
	if err != nil {
		t.Fatal(err)
	}
	const fanIn, draws = 2500., 100000
	bound := math.Sqrt(6 / fanIn)
	for _, e := range []struct {
		law            string
		mean, variance float64
		low, high      float64
	}{
		{"uniform", 0.5, 1. / 12, 0, 1},
		{"normal", 0, 1, -10, 10},
		{"kaiming_uniform", 0, 2 / fanIn, -bound, bound},
		{"kaiming_normal", 0, 2 / fanIn, -10, 10},
	} {
		row := make([]float32, n.NumParams())
		if err := n.Init(row, 5, e.law); err != nil {
			t.Fatal(err)
		}
		var s, s2 float64
		for _, v := range row[:draws] {
			s += float64(v)
			s2 += float64(v) * float64(v)
			if float64(v) < e.low-1e-9 || float64(v) > e.high+1e-9 {
				t.Fatalf("%s: %v is outside [%v, %v]", e.law, v, e.low, e.high)
			}
		}
		mean := s / draws
		variance := s2/draws - mean*mean
		if math.Abs(mean-e.mean) > 0.01*math.Sqrt(e.variance)+0.004*e.mean || math.Abs(variance/e.variance-1) > 0.02 {
			t.Errorf("%s: mean %v (want %v), variance %v (want %v)", e.law, mean, e.mean, variance, e.variance)
		}
		for _, v := range row[draws:] {
			if v != 0.01 {
				t.Fatalf("%s: a bias is %v", e.law, v)
			}
		}
	}
	if err := n.Init(make([]float32, n.NumParams()), 5, "xavier"); err == nil {
		t.Error("an unknown initializer was accepted")
	}
}

func TestCrossEntropy(t *testing.T) {
	logits := make([]float32, 3*kernel.Lanes)
	grad := make([]float32, len(logits))
	for c, v := range []float32{1, 3, 3} {
		logits[c*kernel.Lanes+1] = v
	}
	k, err := kernel.New(kernel.Auto)
	if err != nil {
		t.Fatal(err)
	}
	var losses Loss
	right := losses.CrossEntropy(k, logits, []uint16{2, 1}, 0.5, grad)
	loss := Sum(losses.Losses[:2])
	e2 := math.Exp(-2)
	want := math.Log(3) + math.Log(2+e2)
	if math.Abs(loss-want) > 1e-14 || right != 2 {
		t.Errorf("loss %v, want %v; right lanes %b, want 10 (the first of equals counts)", loss, want, right)
	}
	for i, w := range map[int]float64{0: 0.5 / 3, 2 * kernel.Lanes: 0.5 * (1./3 - 1), 1: 0.5 * e2 / (2 + e2), kernel.Lanes + 1: 0.5 * (1/(2+e2) - 1), 5: 0} {
		if math.Abs(float64(grad[i])-w) > 1e-7 {
			t.Errorf("gradient %d is %v, want %v", i, grad[i], w)
		}
	}
	logits[0] = float32(math.Inf(1))
	losses.CrossEntropy(k, logits, []uint16{1}, 1, nil)
	if loss := Sum(losses.Losses[:1]); !math.IsNaN(loss) && !math.IsInf(loss, 1) {
		t.Errorf("loss of an infinite logit is %v", loss)
	}
}
