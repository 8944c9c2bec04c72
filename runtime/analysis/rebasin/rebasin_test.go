package rebasin

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/train"
)

// network is a layout with two rows of random weights and what answers images with a row.
type network struct {
	name   string
	layout []tensor.Param
	a, b   []float32
	answer func(row []float32) []float32
}

func images(c, h int) *data.Set {
	r := rand.New(rand.NewPCG(1, 9))
	s := data.Split{N: 12, C: c, H: h, W: h, Images: make([]uint8, 12*c*h*h), Labels: make([]uint16, 12)}
	for i := range s.Images {
		s.Images[i] = uint8(r.IntN(256))
	}
	set := &data.Set{Train: s, Validation: s, Test: s, Classes: 10}
	for range c {
		set.Mean, set.Std = append(set.Mean, 0.5), append(set.Std, 0.3)
	}
	return set
}

func config(set *data.Set) train.Config {
	members := []train.Member{
		{Seed: 1, Initializer: "kaiming_uniform", LearningRate: 1e-3},
		{Seed: 2, Initializer: "kaiming_uniform", LearningRate: 1e-3},
	}
	return train.Config{Activation: "relu", Optimizer: "adam", BatchSize: 4, Members: members, Data: set, Workers: 1}
}

// networks are all the kinds that SpecOf supports.
func networks(t *testing.T) []network {
	custom := nn.Sequential{
		{Name: "0", Layer: nn.Conv2D{Out: 6, Kernel: 3, NoBias: true}},
		{Name: "1", Layer: nn.BatchNorm{ReLU: true}},
		{Name: "3", Layer: nn.Conv2D{Out: 5, Kernel: 3}},
		{Name: "4", Layer: nn.MaxPool{Kernel: 2}},
		{Name: "", Layer: nn.Flatten{}},
		{Name: "6", Layer: nn.Linear{Out: 9}},
		{Name: "8", Layer: nn.Activation{Member: true}},
		{Name: "9", Layer: nn.Linear{Out: 10}},
	}
	var all []network
	for _, k := range []struct {
		name   string
		c, h   int
		layers nn.Sequential
	}{
		{"cnn-small", 1, 28, nn.CNNSmall(10)},
		{"cnn-medium", 3, 32, nn.CNNMedium(10)},
		{"mlp", 1, 8, nn.MLP([]int{30, 20}, 10)},
		{"layers", 3, 12, custom},
		{"resnet18", 3, 16, nn.ResNet18(4, 10)},
	} {
		set := images(k.c, k.h)
		r, err := train.NewRecorded(config(set), train.Recipe{Layers: k.layers})
		if err != nil {
			t.Fatal(k.name, err)
		}
		f, err := train.NewRecordedForward(config(set), k.layers)
		if err != nil {
			t.Fatal(k.name, err)
		}
		n := tensor.Total(r.Layout())
		w := slices.Clone(r.Weights())
		draw := rand.New(rand.NewPCG(3, 3))
		for i := range w {
			w[i] += 0.1*draw.Float32() + 0.05 // biases, scales and statistics are not all alike
		}
		all = append(all, network{k.name, r.Layout(), w[:n], w[n : 2*n], func(row []float32) []float32 {
			z, err := f.Logits(row, &set.Test, 12)
			if err != nil {
				t.Fatal(err)
			}
			return z
		}})
	}
	return all
}

// Permuting hidden units changes no output beyond rounding; the weights do change.
func TestOutputsStay(t *testing.T) {
	groups := map[string]int{"cnn-small": 4, "cnn-medium": 4, "mlp": 2, "layers": 3, "resnet18": 4 + 8}
	for _, n := range networks(t) {
		s, err := SpecOf(n.layout)
		if err != nil {
			t.Fatal(n.name, err)
		}
		if len(s.Groups) != groups[n.name] {
			t.Errorf("%s: %d groups, want %d: %v", n.name, len(s.Groups), groups[n.name], s.Groups)
		}
		if s.HasStatistics() != (n.name == "layers" || n.name == "resnet18") {
			t.Errorf("%s: statistics %v", n.name, s.HasStatistics())
		}
		for seed := range uint64(3) {
			moved, err := s.Apply(s.Random(seed), n.a)
			if err != nil {
				t.Fatal(n.name, err)
			}
			if slices.Equal(moved, n.a) {
				t.Errorf("%s: nothing moved", n.name)
			}
			x, y := n.answer(n.a), n.answer(moved)
			scale := 0.0
			for i := range x {
				scale = max(scale, math.Abs(float64(x[i])))
			}
			for i := range x {
				if d := math.Abs(float64(x[i]) - float64(y[i])); d > 2e-5*scale {
					t.Fatalf("%s: logit %d moves by %g of %g", n.name, i, d, scale)
				}
			}
		}
	}
}

// A planted permutation is recovered exactly, through noise as well, and the objective never falls.
func TestPlanted(t *testing.T) {
	for _, n := range networks(t) {
		s, err := SpecOf(n.layout)
		if err != nil {
			t.Fatal(n.name, err)
		}
		for _, noise := range []float32{0, 0.01} {
			moved, err := s.Apply(s.Random(5), n.a)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(8, 8))
			for i := range moved {
				moved[i] += noise * (r.Float32() - 0.5)
			}
			m, err := s.Match(t.Context(), n.a, moved, Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			back, err := s.Apply(m.Permutations, moved)
			if err != nil {
				t.Fatal(err)
			}
			far := 0.0
			for i := range back {
				far = max(far, math.Abs(float64(back[i]-n.a[i])))
			}
			if far > float64(noise)/2*1.001 || !m.Converged {
				t.Errorf("%s, noise %g: weights are %g apart after %d passes", n.name, noise, far, m.Passes)
			}
			rising(t, m)
		}
	}
}

func rising(t testing.TB, m *Matching) {
	t.Helper()
	for i := 1; i < len(m.Objective); i++ {
		if m.Objective[i] < m.Objective[i-1] {
			t.Errorf("the objective falls from %g to %g", m.Objective[i-1], m.Objective[i])
		}
	}
}

// Independent networks come nearer to each other, the reported objective is that of the result, and
// nothing depends on the workers.
func TestMatch(t *testing.T) {
	for _, n := range networks(t) {
		s, err := SpecOf(n.layout)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Match(t.Context(), n.a, n.b, Options{Seed: 4, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		rising(t, m)
		moved, err := s.Apply(m.Permutations, n.b)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, p := range points.Trained(n.layout) {
			for i := p.Offset; i < p.Offset+p.Size(); i++ {
				sum += float64(n.a[i]) * float64(moved[i])
			}
		}
		lcg.Near(t, n.name+": objective", m.Objective[len(m.Objective)-1], sum, 1e-10)
		if m.Objective[len(m.Objective)-1] <= m.Objective[0] {
			t.Errorf("%s: matching gains nothing", n.name)
		}
		again, err := s.Match(t.Context(), n.a, n.b, Options{Seed: 4, Workers: 3})
		if err != nil || !slices.Equal(again.Objective, m.Objective) {
			t.Errorf("%s: workers change the matching: %v", n.name, err)
		}
	}
}

func TestUnsupported(t *testing.T) {
	p := func(name string, shape ...int) tensor.Param { return tensor.Param{Name: name, Shape: shape} }
	for name, layout := range map[string][]tensor.Param{
		"transformer": {p("patch_embed.proj.weight", 8, 3, 4, 4), p("blocks.0.attn.qkv.weight", 24, 8)},
		"grouped":     {p("0.weight", 8, 3, 3, 3), p("1.weight", 8, 1, 3, 3)},
		"widths":      {p("0.weight", 8, 3), p("1.weight", 8, 9)},
		"bias":        {p("0.weight", 8, 3), p("0.bias", 7), p("1.weight", 2, 8)},
		"one layer":   {p("0.weight", 8, 3), p("0.bias", 8)},
		"scalar":      {p("0.weight", 8, 3), p("scale"), p("1.weight", 2, 8)},
	} {
		if _, err := SpecOf(layout); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := SpecOf([]tensor.Param{p("0.weight", 3, 2), {Name: "1.weight", Shape: []int{2, 3}, Offset: 6}})
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 12)
	for name, q := range map[string]Permutations{"none": nil, "short": {{0, 1}}, "twice": {{0, 1, 1}}, "outside": {{0, 1, 3}}} {
		if _, err := s.Apply(q, row); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
	if _, err := s.Apply(s.Identity(), row[1:]); err == nil {
		t.Error("a short row is permuted")
	}
	row[3] = float32(math.NaN())
	if _, err := s.Match(t.Context(), row, row, Options{}); err == nil {
		t.Error("NaN is matched")
	}
}

// Assignments are SciPy's.
func TestAssign(t *testing.T) {
	var golden struct {
		Assign []struct {
			Rows, Cols, Seed int
			Columns          []int
			Sum              float64
		}
	}
	lcg.Golden(t, &golden)
	for _, g := range golden.Assign {
		cost := make([]float64, g.Rows*g.Cols)
		for i, v := range lcg.Numbers(uint32(g.Seed), len(cost)) {
			cost[i] = float64(v)
		}
		got, err := Assign(cost, g.Rows, g.Cols)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, j := range got {
			sum += cost[i*g.Cols+j]
		}
		lcg.Near(t, "sum", sum, g.Sum, 1e-12)
		if !slices.Equal(got, g.Columns) {
			t.Errorf("%dx%d: %v, want %v", g.Rows, g.Cols, got, g.Columns)
		}
	}
	for _, bad := range [][]float64{{1}, {1, math.NaN(), 2, 3}, {1, math.Inf(1), 2, 3}} {
		if _, err := Assign(bad, 2, 2); err == nil {
			t.Errorf("%v is assigned", bad)
		}
	}
}

// No permutation is cheaper than what Assign finds, also with ties.
func TestAssignIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		cols := rapid.IntRange(rows, 6).Draw(t, "cols")
		cost := make([]float64, rows*cols)
		for i := range cost {
			cost[i] = float64(rapid.IntRange(-4, 4).Draw(t, "cost"))
		}
		got, err := Assign(cost, rows, cols)
		if err != nil {
			t.Fatal(err)
		}
		sum, used := 0.0, map[int]bool{}
		for i, j := range got {
			if used[j] {
				t.Fatalf("column %d twice", j)
			}
			used[j] = true
			sum += cost[i*cols+j]
		}
		best := math.Inf(1)
		var try func(i int, s float64, taken int)
		try = func(i int, s float64, taken int) {
			if i == rows {
				best = min(best, s)
				return
			}
			for j := range cols {
				if taken>>j&1 == 0 {
					try(i+1, s+cost[i*cols+j], taken|1<<j)
				}
			}
		}
		try(0, 0, 0)
		if sum != best {
			t.Fatalf("found %g, best is %g", sum, best)
		}
	})
}
