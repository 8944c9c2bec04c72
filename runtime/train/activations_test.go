package train

import (
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/nn"
)

// The last stage of a network is its logits; the others have the sizes of the layers.
func TestActivations(t *testing.T) {
	d := mnist(t, 40, 8, 150)
	c := Config{Architecture: "cnn-small", Activation: "tanh", Optimizer: "adam", BatchSize: 10, Data: d, Members: []Member{{Seed: 3, Initializer: "kaiming_uniform", LearningRate: 1e-3}}}
	engine, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	layers := nn.CNNSmall(10)
	a, err := NewActivations(c, layers)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"module_list.0", "module_list.3", "module_list.6", "module_list.9", "module_list.11"}; !slices.Equal(a.Stages(), want) {
		t.Errorf("stages %v, not %v", a.Stages(), want)
	}
	if want := []int{8 * 12 * 12, 6 * 4 * 4, 4 * 3 * 3, 20, 10}; !slices.Equal(a.Widths(), want) {
		t.Errorf("widths %v, not %v", a.Widths(), want)
	}
	const n = 150 // more than a batch
	out, err := a.Of(engine.Weights(), &d.Test, n)
	if err != nil {
		t.Fatal(err)
	}
	forward, err := NewRecordedForward(c, layers)
	if err != nil {
		t.Fatal(err)
	}
	logits, err := forward.Logits(engine.Weights(), &d.Test, n)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out[4], logits) {
		t.Error("the last stage differs from the logits")
	}
	for i, w := range a.Widths() {
		if len(out[i]) != n*w {
			t.Errorf("stage %s has %d numbers, not %d x %d", a.Stages()[i], len(out[i]), n, w)
		}
	}
}
