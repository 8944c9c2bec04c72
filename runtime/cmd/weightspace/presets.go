package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/preset"
)

func newPresets(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "presets",
		Short: "List the published zoo recipes, for spec.preset",
		Long: `Lists the published zoos by name. A ModelZoo with spec.preset: NAME is that zoo;
spec.population.limit and spec.training.epochs shrink it without changing the models
that remain.`,
		Example: `  weightspace presets
  weightspace presets show mnist-hyp-10-rand > zoo.yaml
  weightspace plan -f zoo.yaml`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return listPresets(a.out) },
	}
	cmd.AddCommand(newPresetsShow(a))
	return cmd
}

func listPresets(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%-27s %6s %6s  %-10s %s\n", "NAME", "MODELS", "EPOCHS", "ARCH", "DATASET"); err != nil {
		return err
	}
	zoos, models := 0, 0
	for _, p := range preset.All() {
		zoos, models = zoos+1, models+p.Models()
		if _, err := fmt.Fprintf(w, "%-27s %6d %6d  %-10s %s\n", p.Name, p.Models(), p.Training.Epochs, p.Architecture.Preset, p.Dataset); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d recipes, %d models\n", zoos, models)
	return err
}

func newPresetsShow(a *app) *cobra.Command {
	var recipe bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Print the manifests of a published zoo, with its data set",
		Long: `Prints a ModelZoo with the preset and the Dataset it asks for, ready for run, plan or
kubectl. With --recipe everything that the preset fills in is written out, to be changed.`,
		Example: `  weightspace presets show mnist-seed > zoo.yaml
  weightspace presets show cifar10-resnet18-seed --recipe`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, ok := preset.Get(v1alpha1.ZooPreset(args[0]))
			if !ok {
				return inputError("NAME", fmt.Sprintf("there is no preset %q", args[0]), "use one of those that `weightspace presets` lists")
			}
			text, err := presetManifest(&p, recipe)
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.out, text)
			return err
		},
	}
	cmd.Flags().BoolVar(&recipe, "recipe", false, "write architecture, population and training out instead of the preset's name")
	return cmd
}

// presetManifest is the YAML of a preset's Dataset and ModelZoo.
func presetManifest(p *preset.Preset, recipe bool) (string, error) {
	data, err := presetDataset(p)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(data)
	b.WriteString("---\n")
	comment(&b, fmt.Sprintf("%s, %d models of %s, %d epochs.", p.About, p.Models(), p.Architecture.Preset, p.Training.Epochs))
	for _, n := range p.Notes {
		comment(&b, n)
	}
	fmt.Fprintf(&b, "apiVersion: %s\nkind: ModelZoo\nmetadata:\n  name: %s\nspec:\n  dataset: {name: %s}\n", v1alpha1.GroupVersion, p.Name, p.Dataset)
	if p.Continues {
		b.WriteString("  initialWeights: {zoo: {name: vit-supervised}, head: linear}\n")
	}
	if !recipe {
		fmt.Fprintf(&b, "  preset: %s\n", p.Name)
		if p.LengthMatters() {
			b.WriteString("  # population: {limit: 32}   # fewer models; each is as in the whole zoo\n")
		} else {
			b.WriteString("  # Fewer models and epochs; each is as in the whole zoo:\n  # population: {limit: 32}\n  # training: {epochs: 5}\n")
		}
		return b.String(), nil
	}
	written, err := yaml.Marshal(struct {
		Architecture v1alpha1.Architecture `json:"architecture"`
		Population   v1alpha1.Population   `json:"population"`
		Training     v1alpha1.Training     `json:"training"`
	}{p.Architecture, p.Population, p.Training})
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(written)) {
		b.WriteString("  " + line)
	}
	return b.String(), nil
}

// comment writes a paragraph as YAML comments of at most 80 columns.
func comment(b *strings.Builder, text string) {
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString("#")
			column = 1
		case column+1+len(word) > 80:
			b.WriteString("\n#")
			column = 1
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteString("\n")
}
