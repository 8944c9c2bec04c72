package train

import (
	"math"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// TestLogitsGiveTheMetrics: losses and accuracies computed from Logits are those of Evaluate,
// for every activation and a number of images that fills no tile.
func TestLogitsGiveTheMetrics(t *testing.T) {
	d := synthetic(16, 1, 21, 1)
	for activation := range activations {
		c := mixed(Config{Architecture: "cnn-small", Activation: activation, Optimizer: "adam", BatchSize: 8, Data: d, Workers: 1})
		c.Members = c.Members[2:4]
		tr := start(t, c)
		f, err := NewForward(c)
		if err != nil {
			t.Fatal(err)
		}
		for p, row := range evaluate(t, tr) {
			logits, err := f.Logits(tr.row(tr.weights, p), &d.Test, d.Test.N)
			if err != nil {
				t.Fatal(err)
			}
			loss, right := 0.0, 0
			for i, label := range d.Test.Labels {
				v := logits[i*f.Outputs() : (i+1)*f.Outputs()]
				best, sum := 0, 0.0
				for o := range v {
					if v[o] > v[best] {
						best = o
					}
				}
				for o := range v {
					sum += detmath.Exp(float64(v[o]) - float64(v[best]))
				}
				loss += detmath.Log(sum) - float64(v[label]) + float64(v[best])
				if best == int(label) {
					right++
				}
			}
			n := float64(d.Test.N)
			if math.Abs(loss/n-row.TestLoss) > 1e-12*math.Abs(row.TestLoss) || float64(right)/n != row.TestAccuracy {
				t.Errorf("%s, member %d: loss %v, accuracy %v; Evaluate says %v, %v", activation, p, loss/n, float64(right)/n, row.TestLoss, row.TestAccuracy)
			}
		}
		if _, err := f.Logits(make([]float32, 7), &d.Test, 1); err == nil {
			t.Error("weights of another network were accepted")
		}
		if _, err := f.Logits(tr.row(tr.weights, 0), &d.Test, d.Test.N+1); err == nil {
			t.Error("more images than there are were accepted")
		}
	}
}
