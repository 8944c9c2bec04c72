package op_test

import (
	"fmt"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
)

// mostInUse is the largest number of arena elements that hold something still needed: a lower bound of any plan with this
// order and these in-place results.
func mostInUse(p *device.Program) int {
	// lastRead[i] is the last instruction that reads what the j-th result of instruction i wrote.
	type value struct{ from, to, born, dies int }
	var values []value
	newest := make([]int, p.ArenaSize) // the value that each element holds, plus one
	touch := func(o device.Operand, at int) {
		if o.Space != device.Arena {
			return
		}
		for k := range o.Size {
			if v := newest[o.Offset+k]; v > 0 {
				values[v-1].dies = at
			}
		}
	}
	for i, in := range p.Instrs {
		for _, o := range in.In {
			touch(o, i)
		}
		for _, o := range in.Out {
			if o.Space != device.Arena {
				continue
			}
			values = append(values, value{o.Offset, o.Offset + o.Size, i, i})
			for k := range o.Size {
				newest[o.Offset+k] = len(values)
			}
		}
	}
	for _, o := range p.Outputs {
		touch(o.At, len(p.Instrs))
	}
	// Elements in use at each instruction: in place counts once.
	change := make([]int, len(p.Instrs)+2)
	busy := make([]int, p.ArenaSize)
	for _, v := range values {
		for k := v.from; k < v.to; k++ {
			from := max(v.born, busy[k])
			if v.dies >= from {
				change[from]++
				change[v.dies+1]--
				busy[k] = v.dies + 1
			}
		}
	}
	most, now := 0, 0
	for _, c := range change {
		now += c
		most = max(most, now)
	}
	return most
}

func image(c *nn.Context, channels, side, batch int) nn.Tensor {
	return nn.Tensor{Value: c.Graph.Input("x", channels, side, side, batch), Layout: nn.Images}
}

// The arenas of real networks are at most 1.3 times what is in use at the fullest moment.
func TestArenasAreTight(t *testing.T) {
	for _, e := range []struct {
		name  string
		batch int
		apply func(c *nn.Context, batch int) nn.Tensor
	}{
		{"mlp", 64, func(c *nn.Context, b int) nn.Tensor { return nn.MLP([]int{512, 256}, 10).Apply(c, image(c, 1, 28, b)) }},
		{"cnn-small", 64, func(c *nn.Context, b int) nn.Tensor { return nn.CNNSmall(10).Apply(c, image(c, 1, 28, b)) }},
		{"cnn-small", 10, func(c *nn.Context, b int) nn.Tensor { return nn.CNNSmall(10).Apply(c, image(c, 1, 28, b)) }},
		{"cnn-medium", 64, func(c *nn.Context, b int) nn.Tensor { return nn.CNNMedium(10).Apply(c, image(c, 3, 32, b)) }},
		{"resnet18", 16, func(c *nn.Context, b int) nn.Tensor { return nn.ResNet18(16, 10).Apply(c, image(c, 3, 32, b)) }},
		{"vit-tiny", 8, func(c *nn.Context, b int) nn.Tensor { return nn.ViT(nn.ViTTiny(4, 10)).Apply(c, image(c, 3, 32, b)) }},
		{"encoder", 4, func(c *nn.Context, b int) nn.Tensor {
			y := nn.Tensor{Value: c.Graph.Input("x", b, 32, 64), Layout: nn.Sequences}
			for i := range 4 {
				y = nn.EncoderBlock{Heads: 4, MLP: 256, Activation: device.GELU}.Apply(c.In(fmt.Sprint(i)), y)
			}
			return nn.FirstToken{}.Apply(c, y)
		}},
	} {
		for _, training := range []bool{true, false} {
			g := op.NewGraph(training)
			c := nn.NewContext(g, device.Tanh)
			y := e.apply(c, e.batch)
			r := g.CrossEntropy(y.Value, g.IntInput("labels", e.batch), y.Layout == nn.FeaturesFirst, 0)
			g.Output("loss", r.Loss)
			if training {
				g.Backward(r.Loss)
			}
			p, err := g.Compile()
			if err != nil {
				t.Fatal(err)
			}
			need := mostInUse(p)
			ratio := float64(p.ArenaSize) / float64(need)
			t.Logf("%-10s B=%-3d training %-5v %9d elements, %.3f of what is in use", e.name, e.batch, training, p.ArenaSize, ratio)
			if ratio < 1 || ratio > 1.3 {
				t.Errorf("%s, training %v: arena of %d elements, %d in use: %.2f", e.name, training, p.ArenaSize, need, ratio)
			}
		}
	}
}
