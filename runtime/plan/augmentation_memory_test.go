package plan

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
)

// The memory of contrastive steps and of soft targets is that of the compiled programs, within the formula's 1.2, whether the network
// is small beside the similarities or not.
func TestMemoryOfObjectives(t *testing.T) {
	for _, e := range []struct {
		name        string
		z           spec.Zoo
		contrastive bool
	}{
		{"contrastive", spec.Zoo{Architecture: "vit-tiny", BatchSize: 16}, true},
		{"contrastive, large batch", spec.Zoo{Architecture: "cnn-medium", BatchSize: 512}, true},
		{"mixed", spec.Zoo{Architecture: "cnn-medium", BatchSize: 64}, false},
	} {
		z := e.z
		z.Dataset = spec.DatasetInput{Channels: 3, Height: 32, Width: 32, Classes: 10, Train: z.BatchSize, Test: z.BatchSize}
		z.Augmentation = &spec.Augmentation{Flip: "0.5"}
		if e.contrastive {
			z.Objective, z.Temperature = spec.ObjectiveContrastive, "0.1"
		} else {
			z.Augmentation.MixUp = "1"
		}
		net, err := nn.FromPlan(&z)
		if err != nil {
			t.Fatal(err)
		}
		var measured int64
		for _, training := range []bool{true, false} {
			p := objectiveProgram(t, &z, net, training)
			z.Parameters = p.NumParams()
			measured += floatBytes * int64(p.ArenaSize+p.FloatSize+p.IntSize+2*p.NumParams()*btoi(training))
		}
		planned, _ := recordedMemory(&z, net)
		if ratio := float64(planned) / float64(measured); ratio < 1 || ratio > 1.7 {
			t.Errorf("%s: planned %d bytes, measured %d: %.2f times", e.name, planned, measured, ratio)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// objectiveProgram compiles a step as recorded training does.
func objectiveProgram(t *testing.T, z *spec.Zoo, net nn.Sequential, training bool) *device.Program {
	t.Helper()
	g := op.NewGraph(training)
	err := op.Build(func() {
		n := trainBatch(z, z.BatchSize)
		y := net.Apply(nn.NewContext(g, device.ReLU), nn.Tensor{Value: g.Input("images", 3, 32, 32, n), Layout: nn.Images})
		first := y.Layout == nn.FeaturesFirst
		labels := g.IntInput("labels", z.BatchSize)
		var loss op.Value
		switch {
		case z.Objective != "":
			v := y.Value
			if first {
				v = g.Transpose(v, 1, 0)
			}
			r := g.Contrast(v, 0.1)
			loss = r.Loss
			g.Output("correct", r.Correct)
		default:
			r := g.CrossEntropy(y.Value, labels, first, 0)
			if loss = r.Loss; training {
				loss = g.SoftCrossEntropy(y.Value, g.Input("targets", g.Shape(y.Value)...), first)
			}
			g.Output("correct", r.Correct)
		}
		g.Output("loss", loss)
		if training {
			g.Backward(loss)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
