package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/kernel"
)

// mixed is a population in which everything that can differ between members does.
func mixed(c Config) Config {
	c.Members = []Member{
		{Seed: 1, Initializer: "kaiming_uniform", LearningRate: 1e-3},
		{Seed: 1, Initializer: "uniform", LearningRate: 3e-4, WeightDecay: 1e-3},
		{Seed: 2, Initializer: "normal", LearningRate: 1e-2, Dropout: 0.5},
		{Seed: 999999999999, Initializer: "kaiming_normal", LearningRate: 1e-3, WeightDecay: 1e-2, Dropout: 0.1},
		{Seed: 0, Initializer: "kaiming_normal", LearningRate: 1e-4},
	}
	return c
}

func start(t testing.TB, c Config) *Trainer {
	t.Helper()
	tr, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// history trains epochs and returns a digest per member of all its weights and metric bits.
func history(t testing.TB, tr *Trainer, epochs int) []string {
	t.Helper()
	hashes := make([][]byte, len(tr.cfg.Members))
	for e := 0; ; e++ {
		rows := evaluate(t, tr)
		for p, m := range rows {
			h := sha256.New()
			h.Write(hashes[p])
			_ = binary.Write(h, binary.LittleEndian, tr.row(tr.weights, p))
			_ = binary.Write(h, binary.LittleEndian, m)
			hashes[p] = h.Sum(nil)
		}
		if e == epochs {
			break
		}
		if err := tr.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]string, len(hashes))
	for p, h := range hashes {
		out[p] = hex.EncodeToString(h[:8])
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	for p := range want {
		if got[p] != want[p] {
			t.Errorf("%s: member %d has digest %s, want %s", what, p, got[p], want[p])
		}
	}
}

// Workers, population split, neighbours and instruction set leave no trace.
func TestInvariance(t *testing.T) {
	d := synthetic(33, 5, 9, 1)
	for _, optimizer := range []string{"adam", "sgd"} {
		c := mixed(config(d, kernel.Auto, 0))
		c.BatchSize, c.Optimizer = 12, optimizer
		want := history(t, start(t, c), 2)
		for _, workers := range []int{2, 5} {
			c.Workers = workers
			equal(t, optimizer+" workers", history(t, start(t, c), 2), want)
		}
		for p := range c.Members {
			one := c
			one.Members = c.Members[p : p+1]
			equal(t, optimizer+" alone", history(t, start(t, one), 2), want[p:p+1])
		}
		for _, l := range []kernel.Level{kernel.Ref, kernel.AVX2, kernel.AVX512} {
			if kernel.Supported(l) && l != kernel.Best() && (l != kernel.Ref || optimizer == "adam") {
				c.ISA = l
				equal(t, optimizer+" "+l.String(), history(t, start(t, c), 2), want)
			}
		}
	}
}

// Two runs of one configuration differ if anything scientific does: the digests above mean
// something.
func TestDigestsSeeDifferences(t *testing.T) {
	d := synthetic(17, 0, 5, 1)
	c := mixed(config(d, kernel.Auto, 0))
	c.BatchSize = 10
	want := history(t, start(t, c), 1)
	change := map[string]func(m *Member){
		"seed":    func(m *Member) { m.Seed++ },
		"rate":    func(m *Member) { m.LearningRate *= 1.0001 },
		"decay":   func(m *Member) { m.WeightDecay += 1e-4 },
		"dropout": func(m *Member) { m.Dropout += 0.01 },
	}
	for name, f := range change {
		o := c
		o.Members = append([]Member(nil), c.Members...)
		f(&o.Members[0])
		got := history(t, start(t, o), 1)
		if got[0] == want[0] {
			t.Errorf("%s leaves no trace", name)
		}
		equal(t, name+" of a neighbour", got[1:], want[1:])
	}
}

// stopAfter is a context that is done after some looks at it.
type stopAfter struct{ left int }

func (s *stopAfter) Err() error {
	if s.left--; s.left < 0 {
		return context.Canceled
	}
	return nil
}
func (s *stopAfter) Deadline() (time.Time, bool) { return time.Time{}, false }
func (s *stopAfter) Done() <-chan struct{}       { return nil }
func (s *stopAfter) Value(any) any               { return nil }

// A run stopped in mid-epoch, saved, regrouped and restored elsewhere ends with the same bits
// as an undisturbed one.
func TestResumeMidEpoch(t *testing.T) {
	d := synthetic(34, 4, 4, 1)
	for _, optimizer := range []string{"adam", "sgd"} {
		c := mixed(config(d, kernel.Auto, 0))
		c.BatchSize, c.Optimizer = 12, optimizer
		whole := start(t, c)
		for range 2 {
			if err := whole.TrainEpoch(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		want := history(t, whole, 0)

		tr := start(t, c)
		tr.roundSamples = 1 // rounds of one step
		if err := tr.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := tr.TrainEpoch(&stopAfter{1}); !errors.Is(err, context.Canceled) {
			t.Fatalf("a cancelled epoch returned %v", err)
		}
		if step, steps := tr.Progress(); step < 1 || step >= steps {
			t.Fatalf("stopped at step %d of %d: not in mid-epoch", step, steps)
		}
		if _, err := tr.Evaluate(context.Background()); err == nil {
			t.Error("Evaluate in mid-epoch succeeded")
		}
		order := []int{3, 0, 4}
		s := tr.State().Select(order)
		if err := tr.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
		equal(t, optimizer+" continued in place", history(t, tr, 0), want)

		part := c
		part.Members = nil
		for _, p := range order {
			part.Members = append(part.Members, c.Members[p])
		}
		resumed := start(t, part)
		if err := resumed.Restore(s); err != nil {
			t.Fatal(err)
		}
		if err := resumed.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
		equal(t, optimizer+" resumed", history(t, resumed, 0), []string{want[3], want[0], want[4]})
		// A state saved at the end of an epoch still has its train metrics.
		again := start(t, part)
		if err := again.Restore(resumed.State()); err != nil {
			t.Fatal(err)
		}
		equal(t, optimizer+" at the end", history(t, again, 0), []string{want[3], want[0], want[4]})
	}
}

// One golden curve: losses of ten steps on the synthetic set. Bits may change only with the
// numerics version; the values themselves are held against the oracle in package tile.
func TestGoldenCurve(t *testing.T) {
	c := config(synthetic(160, 0, 0, 1), kernel.Auto, 1)
	c.BatchSize = 16
	tr := start(t, c)
	last, got := 0.0, make([]float64, 10)
	for s := range got {
		tr.memberStep(tr.workers[0], 0, s)
		got[s] = (tr.sums[0].loss - last) / 16
		last = tr.sums[0].loss
	}
	for s, want := range goldenCurve {
		if math.Float64bits(got[s]) != math.Float64bits(want) {
			t.Fatalf("step %d: loss %v, want %v; the whole curve is %#v", s, got[s], want, got)
		}
	}
}
