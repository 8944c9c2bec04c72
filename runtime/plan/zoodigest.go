package plan

import (
	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// zooScience is what a ModelZoo's digest covers. A field added later must be omitted when it
// has its default, so that digests of existing objects stay.
type zooScience struct {
	Version      int            `json:"v"`
	Dataset      string         `json:"dataset"`
	Architecture string         `json:"architecture"`
	Seeds        v1alpha1.Seeds `json:"seeds"`
	Activation   []string       `json:"activation"`
	Initializer  []string       `json:"initializer"`
	Optimizer    []string       `json:"optimizer"`
	LearningRate []string       `json:"learningRate"`
	WeightDecay  []string       `json:"weightDecay"`
	Dropout      []string       `json:"dropout"`
	Epochs       int32          `json:"epochs"`
	BatchSize    int32          `json:"batchSize"`
	Momentum     string         `json:"momentum"`
	Store        string         `json:"store,omitempty"`

	Width          int            `json:"width,omitempty"`
	Layers         []spec.Layer   `json:"layers,omitempty"`
	Nesterov       bool           `json:"nesterov,omitempty"`
	Schedule       *spec.Schedule `json:"schedule,omitempty"`
	ClipNorm       string         `json:"clipNorm,omitempty"`
	ClipValue      string         `json:"clipValue,omitempty"`
	LabelSmoothing string         `json:"labelSmoothing,omitempty"`
	Limit          int32          `json:"limit,omitempty"`

	Augmentation *spec.Augmentation `json:"augmentation,omitempty"`
	Objective    string             `json:"objective,omitempty"`
	Temperature  string             `json:"temperature,omitempty"`
	Initial      *initialScience    `json:"initial,omitempty"`
	// Twins have defaults filled in and decimals as written.
	Twins []v1alpha1.Twin `json:"twins,omitempty"`
}

// ModelZooSpecDigest returns "sha256:..." of the scientific fields of a ModelZoo with
// defaults filled in. Steering fields (parallelism, suspend, sharding, compute, ...) do not move it.
func ModelZooSpecDigest(z *v1alpha1.ModelZooSpec) string {
	if z.Imported() {
		return importDigest(z)
	}
	z = z.DeepCopy()
	DefaultModelZoo(z)
	g := &z.Population.Grid
	t := spec.Zoo{}
	setTraining(&t, &z.Training)
	return digestJSON(zooScience{
		Version: 1, Dataset: string(z.Dataset.Name), Architecture: architectureName(&z.Architecture), Seeds: z.Population.Seeds,
		Activation: texts(g.Activation), Initializer: texts(g.Initializer), Optimizer: texts(g.Optimizer),
		LearningRate: numbers(g.LearningRate), WeightDecay: numbers(g.WeightDecay), Dropout: numbers(g.Dropout),
		Epochs: z.Training.Epochs, BatchSize: z.Training.BatchSize, Momentum: t.Momentum,
		Store: string(z.Store.Name),
		Width: specWidth(&z.Architecture), Layers: specLayers(z.Architecture.Layers),
		Nesterov: t.Nesterov, Schedule: t.Schedule, ClipNorm: t.ClipNorm, ClipValue: t.ClipValue, LabelSmoothing: t.LabelSmoothing,
		Limit:        z.Population.Limit,
		Augmentation: t.Augmentation, Objective: t.Objective, Temperature: t.Temperature, Initial: scienceOf(&z.InitialWeights),
		Twins: z.Twins,
	})
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func numbers(list []v1alpha1.Decimal) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = canonicalDecimal(string(v))
	}
	return out
}
