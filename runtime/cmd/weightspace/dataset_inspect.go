package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/data/inspect"
	"github.com/weightspace/weightspace/runtime/plan"
)

type inspectFlags struct {
	locator
	prepareFlags
	sheet, split string
	columns      int
	json         bool
}

// maxClassRows is how many classes are listed one by one.
const maxClassRows = 20

func newInspect(a *app) *cobra.Command {
	f := &inspectFlags{}
	cmd := &cobra.Command{
		Use:   "inspect [ARTIFACT]",
		Short: "Say what is in a data set, and draw it",
		Long: `Counts the images of each split and class, computes mean and standard deviation
of the training pixels, and with --sheet draws the first images of each class.

Give a data set's artifact, or with --preset or --format the source files as
they lie on this machine, to look at them before anything is uploaded.`,
		Example: `  weightspace dataset inspect out/default/dataset/cifar10 --sheet sheet.png
  weightspace dataset inspect --preset usps --from-dir ~/usps`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.inspect(cmd.Context(), f, args) },
	}
	f.prepareFlags.add(cmd)
	f.locator.add(cmd)
	if kind := cmd.Flags().Lookup("kind"); kind != nil {
		f.kind, kind.DefValue, kind.Hidden = "dataset", "dataset", true
	}
	cmd.Flags().StringVar(&f.sheet, "sheet", "", "PNG file to draw the first images of each class into")
	cmd.Flags().StringVar(&f.split, "split", "train", "split to draw: train, validation or test")
	cmd.Flags().IntVar(&f.columns, "columns", 10, "images of each class to draw")
	cmd.Flags().BoolVar(&f.json, "json", false, "write the numbers as JSON")
	return cmd
}

func (a *app) inspect(ctx context.Context, f *inspectFlags, args []string) error {
	if f.columns < 1 || f.columns > 100 {
		return inputError("--columns", fmt.Sprintf("%d is out of range", f.columns), "use 1 to 100")
	}
	set, name, err := f.load(ctx, a, args)
	if err != nil {
		return err
	}
	if f.sheet != "" {
		if err := f.draw(set); err != nil {
			return err
		}
	}
	s := inspect.Of(set)
	if f.json {
		return json.NewEncoder(a.out).Encode(s)
	}
	a.printSummary(name, s, set)
	return nil
}

// load reads the artifact or builds the data set from source files.
func (f *inspectFlags) load(ctx context.Context, a *app, args []string) (set *data.Set, name string, err error) {
	if f.preset == "" && !f.set.Changed("format") {
		if len(args) == 0 && f.name == "" && f.artifact == "" {
			return nil, "", &usageError{errors.New("give a data set's artifact, or --preset or --format with --from-dir")}
		}
		stores := newOpener("")
		defer stores.close()
		store, dir, err := f.open(ctx, args, stores)
		if err != nil {
			return nil, "", err
		}
		set, _, _, err = data.LoadPath(ctx, store, dir)
		return set, dir, err
	}
	if len(args) > 0 {
		return nil, "", &usageError{fmt.Errorf("%s: an artifact has its format; leave out --preset and --format, or give the files with --from-dir", args[0])}
	}
	d, files, err := f.resolve(a)
	if err != nil {
		return nil, "", err
	}
	defer files.remove()
	if err := hashFiles(a, d, files, "inspect"); err != nil {
		return nil, "", err
	}
	snap, err := plan.Dataset(d, plan.Inputs{Namespace: defaultNamespace, Name: "inspect"})
	if err != nil {
		return nil, "", err
	}
	set, err = data.Build(snap.Dataset, func(i int) (data.File, error) {
		at := slices.IndexFunc(d.Files, func(s v1alpha1.DatasetFile) bool { return s.URL == snap.Dataset.Files[i].URL })
		return os.Open(files.list[at].path)
	})
	var source *data.SourceError
	if errors.As(err, &source) {
		err = inputError("spec."+source.Field, source.Problem+causeText(source.Err), "correct the files or the flags")
	}
	name = f.preset
	if name == "" {
		name = f.format
	}
	return set, name, err
}

func causeText(err error) string {
	if err == nil {
		return ""
	}
	return ", " + err.Error()
}

// draw writes the contact sheet.
func (f *inspectFlags) draw(set *data.Set) error {
	splits := map[string]*data.Split{"train": &set.Train, "validation": &set.Validation, "test": &set.Test}
	split, ok := splits[f.split]
	if !ok {
		return inputError("--split", fmt.Sprintf("%q is unknown", f.split), "use train, validation or test")
	}
	if split.N == 0 {
		return inputError("--split", "the split "+f.split+" has no images", "draw another")
	}
	out, err := os.Create(f.sheet)
	if err != nil {
		return fmt.Errorf("--sheet: %w", err)
	}
	return errors.Join(png.Encode(out, inspect.Sheet(split, set.Classes, f.columns)), out.Close())
}

// printSummary writes the numbers in at most 80 columns.
func (a *app) printSummary(name string, s *inspect.Summary, set *data.Set) {
	fmt.Fprintf(a.out, "%s: images of %s, %d classes\nresult %s\n\n", name, shapeText(s.Channels, s.Height, s.Width), s.Classes, s.ResultDigest)
	t := newPlainTable(a)
	if s.Classes <= maxClassRows {
		t.AppendHeader(table.Row{"Class", "Train", "Validation", "Test"})
		for c := range s.Classes {
			t.AppendRow(table.Row{c, s.Splits[0].ByClass[c], s.Splits[1].ByClass[c], s.Splits[2].ByClass[c]})
		}
		t.AppendFooter(table.Row{"all", s.Splits[0].Images, s.Splits[1].Images, s.Splits[2].Images})
	} else {
		t.AppendHeader(table.Row{"Split", "Images", "Fewest of a class", "Most of a class"})
		for _, sp := range s.Splits {
			t.AppendRow(table.Row{sp.Name, sp.Images, slices.Min(sp.ByClass), slices.Max(sp.ByClass)})
		}
	}
	t.Render()
	fmt.Fprintln(a.out, "\nPixels of the training images in [0, 1], and what a network sees of them")
	t = newPlainTable(a)
	t.AppendHeader(table.Row{"Channel", "Mean", "Std", "Least", "Most", "Normalised mean", "Normalised std"})
	for c, p := range s.Pixels {
		t.AppendRow(table.Row{
			c, fmt.Sprintf("%.4f", p.Mean), fmt.Sprintf("%.4f", p.Std), p.Least, p.Most,
			fmt.Sprintf("%.4f", p.InputMean), fmt.Sprintf("%.4f", p.InputStd),
		})
	}
	t.Render()
	fmt.Fprintf(a.out, "\nNormalisation: mean %v, std %v\n", set.Normalization.Mean, set.Normalization.Std)
}

func newPlainTable(a *app) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(a.out)
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Box.PaddingLeft = ""
	t.Style().Format.Header, t.Style().Format.Footer = text.FormatDefault, text.FormatDefault
	return t
}
