package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/spec"
)

func newDataset(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dataset",
		Short: "Bring data into a store, and look at them",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImport(a), newDatasetPresets(a), newInspect(a))
	return cmd
}

func newDatasetPresets(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "presets [NAME]",
		Short: "List the data sets that import knows by name",
		Long: `Lists the known data sets, cut and prepared as the published model zoos have
them. With a name, tells its files, where they come from, and everything a
manifest will say. "dataset import --preset NAME" makes that manifest.`,
		Example: `  weightspace dataset presets
  weightspace dataset presets tiny-imagenet`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.listPresets()
				return nil
			}
			return a.describePreset(args[0])
		},
	}
}

func (a *app) listPresets() {
	t := newPlainTable(a)
	t.AppendHeader(table.Row{"Name", "Format", "Shape", "Classes", "Train/val/test", "Mean; std"})
	for _, e := range catalog.All() {
		t.AppendRow(table.Row{
			e.Name, e.Format, shapeText(e.Channels, e.Height, e.Width), e.Classes, splitsText(e.Splits),
			normalizationText(e.Normalization),
		})
	}
	t.Render()
	fmt.Fprintln(a.out, "\nFiles and sources of one: weightspace dataset presets NAME")
}

// normalizationText keeps a table narrow.
func normalizationText(n spec.Normalization) string {
	if len(n.Mean) > 1 {
		return "per channel"
	}
	return n.Mean[0] + "; " + n.Std[0]
}

func shapeText(c, h, w int) string { return fmt.Sprintf("%dx%dx%d", c, h, w) }

func splitsText(s spec.Splits) string {
	return fmt.Sprintf("%d/%d/%d", s.Train, s.Validation, s.Test)
}

func (a *app) describePreset(name string) error {
	e, err := findPreset(name)
	if err != nil {
		return err
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.out, "%-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(a.out, "%s: %s\n", e.Name, e.Title)
	line("Source", "%s", e.Source)
	line("Format", "%s", e.Format)
	for i, f := range e.Files {
		title := ""
		if i == 0 {
			title = "Files"
		}
		line(title, "%s (%s)", f.Name, f.Role)
	}
	if e.Archive != "" {
		line("  or", "%s (%s)", e.Archive, spec.RoleArchive)
	}
	line("Images", "%s of %s, %d classes", splitsText(e.Splits), shapeText(e.Channels, e.Height, e.Width), e.Classes)
	if t := e.Transform; t != nil {
		line("Transform", "%s", transformText(t))
	}
	if o := e.Options; o != nil && o.Labels != "" {
		line("Labels", "%s", o.Labels)
	}
	line("Mean", "%s", strings.Join(e.Normalization.Mean, ", "))
	line("Std", "%s", strings.Join(e.Normalization.Std, ", "))
	if e.Notes != "" {
		fmt.Fprintln(a.out, text.WrapSoft(e.Notes, 79))
	}
	return nil
}

func transformText(t *spec.Transform) string {
	var parts []string
	if t.Resize > 0 {
		how := t.Interpolation
		if how == "" {
			how = string(v1alpha1.DatasetInterpolationBilinear)
		}
		parts = append(parts, fmt.Sprintf("resize to %d (%s)", t.Resize, how))
	}
	if t.CenterCrop > 0 {
		parts = append(parts, fmt.Sprintf("crop the middle %d", t.CenterCrop))
	}
	if t.Grayscale {
		parts = append(parts, "gray")
	}
	return strings.Join(parts, ", ")
}

func findPreset(name string) (*catalog.Entry, error) {
	e, err := catalog.Find(name)
	if err != nil {
		return nil, inputError("--preset", fmt.Sprintf("%q is unknown", name), "use one of "+strings.Join(catalog.Names(), ", "))
	}
	return e, nil
}
