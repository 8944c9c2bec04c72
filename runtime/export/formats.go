package export

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// Formats of an export.
const (
	// Safetensors is a folder for each model with model.safetensors and config.json.
	Safetensors = "safetensors"
	// Torch is a folder for each model with model.pt, which torch.load(weights_only=True) reads, and config.json.
	Torch = "torch"
	// HuggingFace is Safetensors with the keys that Hugging Face's tools look for in config.json, and a model card.
	HuggingFace = "huggingFace"
	// RayTune is a folder for each model with params.json, result.json and a checkpoint for each epoch, as the published zoos have.
	RayTune = "rayTune"
)

// Formats lists them.
var Formats = []string{Safetensors, Torch, HuggingFace, RayTune}

// Names of the files in a model's folder.
const (
	configName      = "config.json"
	safetensorsName = "model.safetensors"
	torchName       = "model.pt"
	cardName        = "README.md"
)

// check fills in the format and refuses what does not go together.
func (o *Options) check() error {
	if o.Format == "" {
		o.Format = Safetensors
	}
	if !slices.Contains(Formats, o.Format) {
		return fmt.Errorf("export: unknown format %q; use one of %s", o.Format, strings.Join(Formats, ", "))
	}
	if o.Format == RayTune && o.Logits != 0 {
		return fmt.Errorf("export: format %s has no place for logits; use %s", RayTune, Safetensors)
	}
	return nil
}

// writeAs writes a model in the format; i is its place in the export.
func (z *zoo) writeAs(ctx context.Context, outDir string, i int, c candidate, answers *answers, o Options) error {
	if !isModelID(c.config.ModelID) {
		return fmt.Errorf("%q is no modelID; the table is damaged", c.config.ModelID)
	}
	if o.Format == RayTune {
		return z.writeTrial(ctx, outDir, i, c, o.Epoch)
	}
	if o.Format == HuggingFace {
		c.config.Architectures, c.config.ModelType, c.config.TorchDType = []string{className(c.config.Architecture)}, "weightspace", "float32"
	}
	return z.writeModel(ctx, outDir, c, answers, o.Format)
}

// encodeWeights gives the weights file's name and bytes.
func encodeWeights(format, id string, tensors []artifact.Tensor) (string, []byte, error) {
	if format == Torch {
		b, err := torchzip.EncodeStateDict(tensors)
		return torchName, b, err
	}
	b, err := artifact.EncodeSafetensors(tensors, map[string]string{"format": "pt", "modelID": id})
	return safetensorsName, b, err
}

// className is the class in load.py.
func className(architecture string) string {
	switch architecture {
	case "cnn-small":
		return "CNNSmall"
	case "cnn-medium":
		return "CNNMedium"
	case "resnet18":
		return "ResNet18"
	}
	return architecture
}

// baseWidth is the width of a resnet18, 0 for others.
func (z *zoo) baseWidth(architecture string) int {
	if architecture != "resnet18" {
		return 0
	}
	if w := z.plan.Zoo.Width; w != 0 {
		return w
	}
	return spec.DefaultWidth
}

// momentum is that of sgd, 0 for others.
func (z *zoo) momentum(optimizer string) float64 {
	v, err := strconv.ParseFloat(z.plan.Zoo.Momentum, 64)
	if optimizer != "sgd" || err != nil {
		return 0
	}
	return v
}

// card is a model card with what config.json says.
func card(c *Config) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nlibrary_name: pytorch\npipeline_tag: image-classification\ntags: [weightspace, %s]\n---\n\n", c.Architecture)
	fmt.Fprintf(&b, "# %s %s\n\n", c.Architecture, c.ModelID)
	fmt.Fprintf(&b, "A %s with %d parameters for %dx%dx%d images and %d classes, as it was after epoch %d of its training.\n", c.Architecture, c.Parameters, c.Channels, c.Height, c.Width, c.Classes, c.Epoch)
	fmt.Fprintf(&b, "Activation %s, initializer %s, optimizer %s, learning rate %g, weight decay %g, dropout %g, batch size %d, seed %d.\n",
		c.Activation, c.Initializer, c.Optimizer, c.LearningRate, c.WeightDecay, c.Dropout, c.BatchSize, c.Seed)
	if a := c.Metrics.TestAccuracy; a != nil {
		fmt.Fprintf(&b, "\nTest accuracy %.4f.\n", *a)
	}
	b.WriteString("\n`load.py` beside this folder loads it into PyTorch; the metrics are in `config.json`.\n")
	return []byte(b.String())
}
