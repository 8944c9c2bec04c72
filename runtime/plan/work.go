package plan

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Work is the floating-point operations of one sample through a zoo's network: forward and backward, and forward only. It
// fails where the network does not fit the data set.
func Work(z *spec.Zoo) (train, evaluate float64, err error) {
	d := nn.Input(z)
	net, err := nn.FromPlan(z)
	if err != nil {
		return 0, 0, err
	}
	if train, err = sampleCost(net, d, true); err != nil {
		return 0, 0, err
	}
	if evaluate, err = sampleCost(net, d, false); err != nil {
		return 0, 0, err
	}
	views := float64(trainBatch(z, 1))
	return train * views, evaluate * views, nil
}

// sampleCost records a network with its loss on a batch and counts.
func sampleCost(net nn.Sequential, d nn.Image, training bool) (float64, error) {
	const batch = 64
	g := op.NewGraph(training)
	c := nn.NewContext(g, device.Tanh)
	err := op.Build(func() {
		y := net.Apply(c, nn.Tensor{Value: g.Input("images", d.Channels, d.Height, d.Width, batch), Layout: nn.Images})
		loss := g.CrossEntropy(y.Value, g.IntInput("labels", batch), y.Layout == nn.FeaturesFirst, 0).Loss
		g.Output("loss", loss)
		if training {
			g.Backward(loss)
		}
	})
	if err != nil {
		return 0, err
	}
	p, err := g.Compile()
	if err != nil {
		return 0, err
	}
	flops, _ := p.Cost()
	return float64(flops) / batch, nil
}
