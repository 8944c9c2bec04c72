package train

import (
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/variational"
)

// digits is the proxy of the method card: some parents on a few real digits. Batches are larger than the published 10, because with few
// steps the pull of KL must not drown in the noise of gradients: with batches of 10 of 600 images sparsity comes a few epochs later.
func digits(t testing.TB) (c Config, parents []float32, accuracy []float64) {
	t.Helper()
	if kernel.Best() == kernel.Ref {
		t.Skip("pure Go takes too long for this; the kernels give the same bits")
	}
	c = config(mnist(t, 2000, 0, 1000), kernel.Auto, 3)
	c.Workers, c.BatchSize = 0, 25
	for i := range c.Members {
		c.Members[i].LearningRate = 3e-3
	}
	parent := start(t, c)
	for range 6 {
		if err := parent.TrainEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range evaluate(t, parent) {
		accuracy = append(accuracy, m.TestAccuracy)
	}
	return c, slices.Clone(parent.Weights()), accuracy
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// trajectory trains twins and returns the median sparsity after every epoch, and the accuracies at the end.
func trajectory(t testing.TB, c Config, parents []float32, v Variational) (sparsity, accuracy []float64) {
	t.Helper()
	e := twins(t, c, parents, v)
	sparse := func() float64 {
		var s []float64
		for _, m := range e.Sparsity() {
			s = append(s, m.Fraction())
		}
		return median(s)
	}
	sparsity = append(sparsity, sparse())
	for range v.Epochs {
		if err := e.TrainEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
		sparsity = append(sparsity, sparse())
	}
	rows, err := e.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rows {
		accuracy = append(accuracy, m.TestAccuracy)
	}
	return sparsity, accuracy
}

// Twins get sparse as the card's proxy says (test 4): the learning rate of log sigma^2 is such that 25 epochs allow 37 units, as in the
// published runs. Without KL, and with the weight of the exact evidence bound, they do not.
func TestVariationalTrajectory(t *testing.T) {
	c, parents, before := digits(t)
	v := DefaultVariational()
	steps := float64(v.Epochs * ((c.Data.Train.N + c.BatchSize - 1) / c.BatchSize))
	v.LogSigma2LearningRate = 37 / steps
	sparsity, after := trajectory(t, c, parents, v)
	t.Logf("sparsity %.3f; accuracy %.3f, %.3f before", sparsity, median(after), median(before))
	if s := sparsity[0]; s >= 0.01 {
		t.Errorf("sparsity %v at the start", s)
	}
	if s := sparsity[(v.Epochs+2)/3]; s <= 0.5 {
		t.Errorf("sparsity %v after a third of the run, want more than 0.5", s)
	}
	if s := sparsity[v.Epochs]; s <= 0.7 {
		t.Errorf("sparsity %v at the end, want more than 0.7", s)
	}
	for e := 1; e < len(sparsity); e++ {
		if sparsity[e] < sparsity[e-1]-0.01 {
			t.Errorf("sparsity falls from %v to %v in epoch %d", sparsity[e-1], sparsity[e], e)
		}
	}
	if d := median(before) - median(after); d > 0.06 {
		t.Errorf("accuracy drops by %v", d)
	}

	// The controls have the same travel per epoch for half the run, which is 19 units and enough: with the schedule most weights are gone by then.
	half := v.Epochs/2 + 1
	none, elbo := v, v
	none.Epochs, elbo.Epochs = half, half
	none.KLWeight = variational.KLWeight{Kind: variational.Constant}
	elbo.KLWeight = variational.KLWeight{Kind: variational.Constant, Max: 1 / float64(c.Data.Train.N)}
	c.Members, parents = c.Members[:1], parents[:len(parents)/len(c.Members)]
	a, _ := trajectory(t, c, parents, none)
	b, _ := trajectory(t, c, parents, elbo)
	t.Logf("without KL %.3f; with the evidence bound's weight %.3f", a, b)
	if a[half] >= 0.05 {
		t.Errorf("sparsity %v without KL, want less than 0.05", a[half])
	}
	if b[half] >= sparsity[half]-0.1 {
		t.Errorf("sparsity %v with weight 1/N, %v with the reference's", b[half], sparsity[half])
	}
}
