// Package preset holds the published zoo recipes by name: the 27 zoos of "Model Zoos" (card model-zoo.md, sections 1, 2 and 4)
// and the stages of the vision-transformer zoo (section 7). A preset is what a manifest would write out: architecture, population and training.
package preset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// Preset is one published recipe.
type Preset struct {
	Name v1alpha1.ZooPreset
	// About is one line for a list.
	About string
	// Dataset is the name of the data set, in package data/catalog unless Import is set.
	Dataset string
	// Import are the flags of `weightspace dataset import` that prepare it, "" for a data set of the catalogue.
	Import string
	// Continues says that the recipe continues the models of a zoo that spec.initialWeights has to name.
	Continues bool
	// Notes say where the recipe differs from what was published, or what could not be verified.
	Notes []string

	Architecture v1alpha1.Architecture
	Population   v1alpha1.Population
	Training     v1alpha1.Training
}

// Models is the number of models: every point of the grid with every seed; where Continues is set, for each model that is continued.
func (p *Preset) Models() int {
	g := &p.Population.Grid
	n := 1
	for _, values := range []int{len(g.Activation), len(g.Initializer), len(g.Optimizer), len(g.LearningRate), len(g.WeightDecay), len(g.Dropout)} {
		n *= max(1, values)
	}
	s := &p.Population.Seeds
	return n * (int(s.Count) + len(s.Values) + int(s.Random.Count))
}

// LengthMatters says that the rates of the recipe's schedule depend on its epochs from the first step on, so that another
// number of epochs would train other models.
func (p *Preset) LengthMatters() bool {
	return p.Training.Schedule.OneCycle != nil || p.Training.Schedule.Cosine != nil
}

// All returns every preset, in the order of the card's table. The result is the caller's.
func All() []Preset {
	out := cnnPresets()
	out = append(out, residualPresets()...)
	return append(out, vitPresets()...)
}

// Get returns the preset of a name.
func Get(name v1alpha1.ZooPreset) (Preset, bool) {
	all := All()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// Recipe is the preset in one line: architecture, the values of the grid, batch and epochs.
func (p *Preset) Recipe() string {
	g := &p.Population.Grid
	return fmt.Sprintf("%s %s %s %s %s %s %s batch %d epochs %d", p.Architecture.Preset, join(g.Activation), join(g.Initializer), join(g.Optimizer),
		join(g.LearningRate), join(g.WeightDecay), join(g.Dropout), p.Training.BatchSize, p.Training.Epochs)
}

func join[T ~string](values []T) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return strings.Join(out, ",")
}
