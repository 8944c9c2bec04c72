package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/variational"
)

// quick is a schedule that does something in a few steps: log sigma^2 moves fast, and KL counts from the first epoch on.
func quick() Variational {
	v := DefaultVariational()
	v.Epochs, v.KLWeight, v.LogSigma2LearningRate = 4, variational.KLWeight{Kind: variational.Constant, Max: 1e-3}, 0.3
	return v
}

// parentsOf are rows of an engine's weights.
func parentsOf(t testing.TB, c Config) []float32 {
	t.Helper()
	return slices.Clone(start(t, c).Weights())
}

func twins(t testing.TB, c Config, parents []float32, v Variational) *variationalTiles {
	t.Helper()
	e, err := NewVariational(c, nil, parents, v)
	if err != nil {
		t.Fatal(err)
	}
	return e.(*variationalTiles)
}

// digests are of all that each twin is after some epochs.
func digests(t testing.TB, e VariationalEngine, epochs int) []string {
	t.Helper()
	for range epochs {
		if err := e.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := e.Evaluate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ls2, w := e.LogSigma2(), e.Weights()
	out := make([]string, len(rows))
	for p, m := range rows {
		h := sha256.New()
		_ = binary.Write(h, binary.LittleEndian, m)
		_ = binary.Write(h, binary.LittleEndian, w[p*len(w)/len(rows):(p+1)*len(w)/len(rows)])
		_ = binary.Write(h, binary.LittleEndian, ls2[p*len(ls2)/len(rows):(p+1)*len(ls2)/len(rows)])
		out[p] = hex.EncodeToString(h.Sum(nil)[:8])
	}
	return out
}

// Workers, population split, neighbours, lanes and instruction set leave no trace.
func TestVariationalInvariance(t *testing.T) {
	d := synthetic(33, 5, 9, 1)
	for _, optimizer := range []string{"adam", "sgd"} {
		c := mixed(config(d, kernel.Auto, 0))
		c.BatchSize, c.Optimizer = 12, optimizer
		parents := parentsOf(t, c)
		n := len(parents) / len(c.Members)
		v := quick()
		v.VariationalConvBias, v.DecayLogSigma2 = optimizer == "adam", optimizer == "sgd"
		want := digests(t, twins(t, c, parents, v), 2)
		for name, cohorts := range map[string]int{"members in lanes": 1, "samples in lanes": 0} {
			e := twins(t, c, parents, v)
			e.cohorts = func(int, int, int) int { return cohorts }
			equal(t, optimizer+" "+name, digests(t, e, 2), want)
		}
		more := c
		more.Workers = 3
		equal(t, optimizer+" workers", digests(t, twins(t, more, parents, v), 2), want)
		for p := range c.Members {
			one := c
			one.Members = c.Members[p : p+1]
			equal(t, optimizer+" alone", digests(t, twins(t, one, parents[p*n:(p+1)*n], v), 2), want[p:p+1])
		}
		for _, l := range []kernel.Level{kernel.Ref, kernel.AVX2, kernel.AVX512} {
			if kernel.Supported(l) && l != kernel.Best() && (l != kernel.Ref || optimizer == "adam") {
				other, from, to := c, 0, len(c.Members)
				if l == kernel.Ref {
					from, to = 2, 3 // pure Go is slow
				}
				other.ISA, other.Members = l, c.Members[from:to]
				equal(t, optimizer+" "+l.String(), digests(t, twins(t, other, parents[from*n:to*n], v), 2), want[from:to])
			}
		}
		change := c
		change.Members = slices.Clone(c.Members)
		change.Members[0].Seed++
		if got := digests(t, twins(t, change, parents, v), 2); got[0] == want[0] || got[1] != want[1] {
			t.Errorf("%s: a seed leaves no trace, or one on a neighbour", optimizer)
		}
	}
}

// A run stopped in mid-epoch, saved, regrouped and restored elsewhere ends with the same bits as an undisturbed one.
func TestVariationalResume(t *testing.T) {
	c := mixed(config(synthetic(34, 4, 4, 1), kernel.Auto, 0))
	c.BatchSize = 12
	parents := parentsOf(t, c)
	want := digests(t, twins(t, c, parents, quick()), 2)
	tr := twins(t, c, parents, quick())
	tr.roundSamples = 1
	if err := tr.TrainEpoch(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := tr.TrainEpoch(&stopAfter{1}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled epoch returned %v", err)
	}
	if step, steps := tr.Progress(); step < 1 || step >= steps {
		t.Fatalf("stopped at step %d of %d: not in mid-epoch", step, steps)
	}
	order := []int{3, 0, 4}
	s := tr.State().Select(order)
	equal(t, "continued in place", digests(t, tr, 1), want)
	part := c
	part.Members = nil
	var rows []float32
	for _, p := range order {
		part.Members = append(part.Members, c.Members[p])
		rows = append(rows, parents[p*tr.Parameters():(p+1)*tr.Parameters()]...)
	}
	resumed := twins(t, part, rows, quick())
	if err := resumed.Restore(s); err != nil {
		t.Fatal(err)
	}
	equal(t, "resumed", digests(t, resumed, 1), []string{want[3], want[0], want[4]})
	if err := start(t, part).Restore(s); err == nil {
		t.Error("a plain engine took the state of twins")
	}
}

// A twin at step 0 answers as its parent, and hardly anything is dropped.
func TestVariationalStart(t *testing.T) {
	d := synthetic(64, 30, 30, 1)
	c := config(d, kernel.Auto, 3)
	parent := start(t, c)
	for range 3 {
		if err := parent.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	parents := slices.Clone(parent.Weights())
	e := twins(t, c, parents, DefaultVariational())
	f, err := NewForward(c)
	if err != nil {
		t.Fatal(err)
	}
	n := e.Parameters()
	for p, s := range e.Sparsity() {
		a, err := f.Logits(parents[p*n:(p+1)*n], &d.Test, d.Test.N)
		if err != nil {
			t.Fatal(err)
		}
		b, err := f.Logits(e.Weights()[p*n:(p+1)*n], &d.Test, d.Test.N)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i := range a {
			worst = max(worst, math.Abs(float64(a[i]-b[i])))
		}
		// Weights below exp(-6.5) = 0.0015 start above the threshold: their answers may move the logits by about that.
		small := 0
		for _, s := range e.noise.segments(e.Layout(), 1) {
			for i := s.From; s.Weight && i < s.To; i++ {
				if math.Abs(float64(parents[p*n+i])) < math.Exp(-6.5) {
					small++
				}
			}
		}
		t.Logf("member %d: %d of %d dropped, logits differ by %.2g", p, s.Dropped, s.Total, worst)
		if s.Total != 2416 || len(s.Tensors) != 5 || s.Fraction() >= 0.01 || s.Dropped != small {
			t.Errorf("member %d: sparsity %+v, %d weights are below the bound", p, s, small)
		}
		if s.Dropped == 0 && worst > 1e-6 {
			t.Errorf("member %d: logits differ by %v", p, worst)
		}
	}
	// At epoch 0 both kinds of training metrics are the same; later noise costs accuracy or gives some.
	loss, accuracy, err := e.TrainWithoutNoise(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for p, m := range evaluate(t, e.Trainer) {
		if m.TrainLoss != loss[p] || m.TrainAccuracy != accuracy[p] {
			t.Errorf("member %d: training metrics %+v, without noise %v and %v", p, m, loss[p], accuracy[p])
		}
	}
	// With a threshold that no weight reaches, logits are the parents'.
	v := DefaultVariational()
	v.ClampLinear, v.ClampConv, v.LogAlphaThreshold = 40, 40, 40
	if w := twins(t, c, parents, v).Weights(); !slices.Equal(w, parents) {
		t.Error("a twin without dropped weights is not its parent")
	}
}

// What cannot be is refused by name.
func TestVariationalRefusal(t *testing.T) {
	c := config(synthetic(16, 0, 0, 1), kernel.Auto, 1)
	parents := parentsOf(t, c)
	for want, change := range map[string]func(v *Variational){
		"epochs":                func(v *Variational) { v.Epochs = 0 },
		"klWeight.kind":         func(v *Variational) { v.KLWeight.Kind = "" },
		"klWeight.max":          func(v *Variational) { v.KLWeight.Max = -1 },
		"clamps":                func(v *Variational) { v.ClampConv = 0 },
		"logAlphaThreshold":     func(v *Variational) { v.LogAlphaThreshold = 9 },
		"initLogSigma2":         func(v *Variational) { v.InitLogSigma2 = math.NaN() },
		"logSigma2LearningRate": func(v *Variational) { v.LogSigma2LearningRate = -1 },
	} {
		v := DefaultVariational()
		change(&v)
		if _, err := NewVariational(c, nil, parents, v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := NewVariational(c, nil, parents[1:], DefaultVariational()); err == nil {
		t.Error("too few weights were accepted")
	}
	parents[7] = float32(math.NaN())
	if _, err := NewVariational(c, nil, parents, DefaultVariational()); err == nil {
		t.Error("NaN was accepted")
	}
}

// A twin whose learning rate is absurd is frozen and reported; the other goes on.
func TestVariationalDivergence(t *testing.T) {
	c := config(synthetic(64, 0, 10, 1), kernel.Auto, 2)
	c.Optimizer, c.BatchSize, c.Activation = "sgd", 16, "relu"
	c.Members[0].LearningRate = 1e38
	parents := parentsOf(t, c)
	for _, cohorts := range []int{0, 1} {
		e := twins(t, c, parents, DefaultVariational())
		e.cohorts = func(int, int, int) int { return cohorts }
		for range 2 {
			if err := e.TrainEpoch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := e.DivergedEpoch(); got[0] != 1 || got[1] != -1 {
			t.Errorf("diverged %v, want member 0 in epoch 1", got)
		}
		if !finite(e.Weights()) || !finite(e.LogSigma2()) {
			t.Error("a number is not finite")
		}
	}
}

// BenchmarkTwins is an epoch of twins of a zoo, as the schedule cuts it, beside an epoch of plain training.
func BenchmarkTwins(b *testing.B) {
	for _, e := range []struct {
		name    string
		members int
		batch   int
	}{{"batch=10", 50, 10}, {"batch=64", 32, 64}} {
		c := config(synthetic(400, 0, 0, 1), kernel.Auto, e.members)
		c.BatchSize = e.batch
		run := func(name string, tr Engine) {
			b.Run(e.name+"/"+name, func(b *testing.B) {
				n := 0
				for b.Loop() {
					if err := tr.TrainEpoch(context.Background()); err != nil {
						b.Fatal(err)
					}
					n += 400 * e.members
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
			})
		}
		run("plain", start(b, c))
		run("twins", twins(b, c, parentsOf(b, c), DefaultVariational()))
	}
}

// Steps of twins allocate nothing, whatever is in the lanes.
func TestVariationalStepsAllocateNothing(t *testing.T) {
	c := config(synthetic(40, 0, 0, 1), kernel.Auto, 2)
	c.BatchSize = 10
	e := twins(t, c, parentsOf(t, c), DefaultVariational())
	w := e.workers[0]
	members := []int{0, 1}
	e.cohortRound(w, members, 0, 1)
	for name, f := range map[string]func(){
		"samples": func() { e.memberStep(w, 0, 1) },
		"members": func() { e.cohortRound(w, members, 0, 2) },
	} {
		if n := testing.AllocsPerRun(5, f); n > 0 {
			t.Errorf("%s in lanes: %v allocations", name, n)
		}
	}
}
