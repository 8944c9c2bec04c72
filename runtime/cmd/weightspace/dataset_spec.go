package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/spec"
)

// prepareFlags say how source files become a data set: those of a Dataset's spec, by preset or one by one.
type prepareFlags struct {
	preset, format, dir    string
	paths                  map[string]*[]string // by role
	splits, limit          string
	mean, std              string
	seed                   int64
	resize, crop           int32
	interpolation          string
	gray                   bool
	labels                 string
	imageColumn, labelName string

	set *pflag.FlagSet
}

// fileRoles are those that have a flag, in the order in which files are listed.
var fileRoles = []string{
	spec.RoleTrainImages, spec.RoleTrainLabels, spec.RoleTestImages, spec.RoleTestLabels,
	spec.RoleTrain, spec.RoleTest, spec.RoleValidation, spec.RoleArchive,
}

func (f *prepareFlags) add(cmd *cobra.Command) {
	f.set, f.paths = cmd.Flags(), map[string]*[]string{}
	s := f.set
	s.StringVar(&f.preset, "preset", "", `known data set, as "dataset presets" lists; the other flags change it`)
	s.StringVar(&f.format, "format", spec.FormatIDX, "format of the files: "+strings.Join(spec.Formats, ", "))
	s.StringVar(&f.dir, "from-dir", "", "folder that holds the files under their official names, or for imageFolder the folders train and test")
	for _, role := range fileRoles {
		f.paths[role] = s.StringArray(flagOfRole(role), nil, roleUsage(role))
	}
	s.StringVar(&f.splits, "splits", "", "images for train/validation/test; default: the preset's, or the format's usual ones")
	s.StringVar(&f.limit, "limit", "", "keep only the first images of train/validation/test, such as 5000/1000/1000")
	s.Int64Var(&f.seed, "seed", 42, "seed of the permutation that cuts train and validation")
	s.StringVar(&f.mean, "mean", "", "mean of pixels in [0, 1], one for all channels or for each, comma-separated")
	s.StringVar(&f.std, "std", "", "standard deviation of pixels in [0, 1], likewise")
	s.Int32Var(&f.resize, "resize", 0, "scale images so that the shorter edge has so many pixels")
	s.StringVar(&f.interpolation, "interpolation", "", "how to resize: bilinear (default), bicubic or nearest")
	s.Int32Var(&f.crop, "center-crop", 0, "then keep the square of so many pixels in the middle")
	s.BoolVar(&f.gray, "grayscale", false, "then make one channel of three")
	s.StringVar(&f.labels, "labels", "", "labels of cifar100: fine (default) or coarse")
	s.StringVar(&f.imageColumn, "image-column", "", "column of parquet that holds the images")
	s.StringVar(&f.labelName, "label-column", "", "column of parquet that holds the labels")
}

func roleUsage(role string) string {
	switch role {
	case spec.RoleArchive:
		return "file that holds all splits"
	case spec.RoleTrain, spec.RoleTest, spec.RoleValidation:
		return "file of " + role + " images with labels; may be repeated"
	}
	return "file of the " + strings.ReplaceAll(flagOfRole(role), "-", " ")
}

// usual is what a format's data set has when nothing else is said.
func usual(format string) (splits, norm string) {
	switch format {
	case spec.FormatIDX:
		return "50000/10000/10000", "0.1307,0.3081"
	case spec.FormatCIFAR10:
		return "42000/8000/10000", "0.5,0.5"
	case spec.FormatCIFAR100:
		return "40000/10000/10000", "0.5,0.5"
	case spec.FormatSVHN:
		return "60000/13257/26032", "0.5,0.5"
	case spec.FormatUSPS:
		return "6000/1291/2007", "0.1307,0.3081"
	case spec.FormatSTL10:
		return "4200/800/8000", "0.5,0.5"
	}
	return "", "0.5,0.5"
}

// base is what the preset, or else the format, says.
func (f *prepareFlags) base() (*v1alpha1.DatasetSpec, *catalog.Entry, error) {
	if f.preset == "" {
		splits, norm := usual(f.format)
		mean, std, _ := strings.Cut(norm, ",")
		d := &v1alpha1.DatasetSpec{
			Format:        v1alpha1.DatasetFormat(f.format),
			Normalization: v1alpha1.Normalization{Mean: []v1alpha1.Decimal{v1alpha1.Decimal(mean)}, Std: []v1alpha1.Decimal{v1alpha1.Decimal(std)}},
		}
		if splits == "" && f.splits == "" {
			return nil, nil, inputError("--splits", "format "+f.format+" has no usual splits", "give it, such as --splits 50000/10000/10000")
		}
		if f.splits != "" {
			return d, nil, nil
		}
		return d, nil, setSplits(d, splits)
	}
	e, err := findPreset(f.preset)
	if err != nil {
		return nil, nil, err
	}
	if f.set.Changed("format") && f.format != e.Format {
		return nil, nil, inputError("--format", fmt.Sprintf("preset %s has format %s", e.Name, e.Format), "leave one of the flags out")
	}
	d := &v1alpha1.DatasetSpec{Format: v1alpha1.DatasetFormat(e.Format)}
	for i := range e.Normalization.Mean {
		d.Normalization.Mean = append(d.Normalization.Mean, v1alpha1.Decimal(e.Normalization.Mean[i]))
		d.Normalization.Std = append(d.Normalization.Std, v1alpha1.Decimal(e.Normalization.Std[i]))
	}
	if t := e.Transform; t != nil {
		d.Transform.Resize, d.Transform.CenterCrop, d.Transform.Interpolation = int32(t.Resize), int32(t.CenterCrop), v1alpha1.DatasetInterpolation(t.Interpolation)
		if t.Grayscale {
			d.Transform.Grayscale = &t.Grayscale
		}
	}
	if o := e.Options; o != nil {
		d.Options = v1alpha1.DatasetOptions{Labels: v1alpha1.DatasetLabels(o.Labels), ImageColumn: o.ImageColumn, LabelColumn: o.LabelColumn}
	}
	return d, e, setSplits(d, splitsText(e.Splits))
}

// spec is the data set's spec without files.
func (f *prepareFlags) spec() (*v1alpha1.DatasetSpec, *catalog.Entry, error) {
	d, e, err := f.base()
	if err != nil {
		return nil, nil, err
	}
	if f.splits != "" {
		if err := setSplits(d, f.splits); err != nil {
			return nil, nil, err
		}
	}
	if f.set.Changed("seed") {
		d.Splits.Seed = &f.seed
	}
	if f.limit != "" {
		n, err := counts("--limit", f.limit)
		if err != nil {
			return nil, nil, err
		}
		d.Limit = v1alpha1.DatasetLimit{Train: n[0], Validation: n[1], Test: n[2]}
	}
	setList := func(to *[]v1alpha1.Decimal, text string) {
		if text != "" {
			*to = nil
			for v := range strings.SplitSeq(text, ",") {
				*to = append(*to, v1alpha1.Decimal(strings.TrimSpace(v)))
			}
		}
	}
	setList(&d.Normalization.Mean, f.mean)
	setList(&d.Normalization.Std, f.std)
	f.transform(&d.Transform)
	if f.set.Changed("labels") {
		d.Options.Labels = v1alpha1.DatasetLabels(f.labels)
	}
	if f.set.Changed("image-column") {
		d.Options.ImageColumn = f.imageColumn
	}
	if f.set.Changed("label-column") {
		d.Options.LabelColumn = f.labelName
	}
	return d, e, nil
}

// transform sets what flags say.
func (f *prepareFlags) transform(t *v1alpha1.DatasetTransform) {
	if f.set.Changed("resize") {
		t.Resize = f.resize
	}
	if f.set.Changed("center-crop") {
		t.CenterCrop = f.crop
	}
	if f.set.Changed("interpolation") {
		t.Interpolation = v1alpha1.DatasetInterpolation(f.interpolation)
	}
	if f.set.Changed("grayscale") {
		t.Grayscale = nil
		if f.gray {
			t.Grayscale = &f.gray
		}
	}
}

func setSplits(d *v1alpha1.DatasetSpec, text string) error {
	n, err := counts("--splits", text)
	if err != nil {
		return err
	}
	d.Splits.Train, d.Splits.Validation, d.Splits.Test = n[0], &n[1], n[2]
	return nil
}

// counts reads train/validation/test.
func counts(flag, text string) ([3]int32, error) {
	var out [3]int32
	parts := strings.Split(text, "/")
	if len(parts) != len(out) {
		return out, inputError(flag, fmt.Sprintf("%q is not train/validation/test", text), "write such as 5000/1000/1000")
	}
	for i, p := range parts {
		n, err := strconv.ParseInt(p, 10, 32)
		if err != nil || n < 0 || n > 100_000_000 {
			return out, inputError(flag, fmt.Sprintf("%q is not a number of images", p), "write such as 5000/1000/1000")
		}
		out[i] = int32(n)
	}
	return out, nil
}
