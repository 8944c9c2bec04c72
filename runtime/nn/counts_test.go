package nn

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Parameter counts equal those of PyTorch, torchvision and timm (hack/bench/peers/golden_nn.py prints them), and the method cards'.
func TestParameterCounts(t *testing.T) {
	image := func(c, h int) func(*op.Graph) Tensor {
		return func(g *op.Graph) Tensor { return Tensor{g.Input("x", c, h, h, 2), Images} }
	}
	tokens := func(n int) func(*op.Graph) Tensor {
		return func(g *op.Graph) Tensor { return Tensor{g.IntInput("x", 2, n), Tokens} }
	}
	for _, e := range []struct {
		name  string
		layer Layer
		in    func(*op.Graph) Tensor
		want  int
	}{
		{"cnn-small", CNNSmall(10), image(1, 28), 2464},
		{"cnn-small, 3 channels", CNNSmall(10), image(3, 28), 2864},
		{"cnn-medium", CNNMedium(10), image(3, 32), 10853},
		{"resnet18, 10 classes", ResNet18(64, 10), image(3, 32), 11173962},
		{"resnet18, 100 classes", ResNet18(64, 100), image(3, 32), 11220132},
		{"resnet18, 200 classes", ResNet18(64, 200), image(3, 64), 11271432},
		{"vit-s, 1000 classes", ViT(ViTSmall(16, 1000)), image(3, 224), 22050664},
		{"vit-s, 100 classes", ViT(ViTSmall(16, 100)), image(3, 224), 21704164},
		{"vit-tiny, 224", ViT(ViTTiny(16, 1000)), image(3, 224), 5717416},
		{"mlp", MLP([]int{20, 30}, 10), image(1, 28), 785*20 + 21*30 + 31*10},
		{"GPT-2", GPT{Vocabulary: 50257, Positions: 1024, Dim: 768, Depth: 12, Heads: 12}, tokens(16), 124439808},
		{"MiniLM-L6", BERT{Vocabulary: 30522, Positions: 512, Types: 2, Dim: 384, Depth: 6, Heads: 12, MLP: 1536}, tokens(16), 22565376},
	} {
		g := op.NewGraph(true)
		c := NewContext(g, device.Tanh)
		if err := op.Build(func() { e.layer.Apply(c, e.in(g)) }); err != nil {
			t.Errorf("%s: %v", e.name, err)
			continue
		}
		if got := tensor.Total(g.Layout()); got != e.want {
			t.Errorf("%s: %d parameters, want %d", e.name, got, e.want)
		}
		if len(c.Params()) != len(g.Layout()) {
			t.Errorf("%s: %d roles for %d parameters", e.name, len(c.Params()), len(g.Layout()))
		}
	}
}
