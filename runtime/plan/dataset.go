package plan

import (
	"fmt"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Dataset plans the fetch and verification of a data set. A *FieldError names what the user
// has to change.
func Dataset(d *v1alpha1.DatasetSpec, in Inputs) (*spec.Snapshot, error) {
	d = d.DeepCopy()
	DefaultDataset(d)
	resolved, err := resolveDataset(d)
	if err != nil {
		return nil, err
	}
	memory, disk := datasetSizes(resolved)
	one := []spec.Shard{{}}
	s := newSnapshot(spec.KindDataset, in, DatasetSpecDigest(d))
	s.Dataset = resolved
	s.Stages = []spec.Stage{
		{Name: spec.StageFetch, Shards: one, MemoryBytes: memory, GraceSeconds: graceSeconds(0)},
		{Name: spec.StageVerify, Shards: one, MemoryBytes: memory, GraceSeconds: graceSeconds(0)},
	}
	s.DiskBytes = disk
	return s, nil
}

func resolveDataset(d *v1alpha1.DatasetSpec) (*spec.Dataset, error) {
	files, err := resolveFiles(string(d.Format), d.Files)
	if err != nil {
		return nil, err
	}
	norm, err := resolveNormalization(&d.Normalization)
	if err != nil {
		return nil, err
	}
	out := &spec.Dataset{
		Format: string(d.Format), Files: files, Normalization: norm,
		Splits: spec.Splits{
			Train: int(d.Splits.Train), Test: int(d.Splits.Test), Seed: *d.Splits.Seed,
		},
	}
	if out.Transform, err = resolveTransform(&d.Transform, norm); err != nil {
		return nil, err
	}
	if out.Options, err = resolveOptions(d.Format, &d.Options); err != nil {
		return nil, err
	}
	if d.Splits.Validation == nil {
		return nil, &FieldError{"spec.splits.validation", "it is not set", "give a number of images, 0 for none"}
	}
	out.Splits.Validation = int(*d.Splits.Validation)
	out.Limit = spec.Limit{Train: int(d.Limit.Train), Validation: int(d.Limit.Validation), Test: int(d.Limit.Test)}
	return out, checkCounts(out)
}

func resolveNormalization(n *v1alpha1.Normalization) (spec.Normalization, error) {
	var out spec.Normalization
	if len(n.Mean) == 0 || len(n.Mean) != len(n.Std) {
		return out, &FieldError{
			"spec.normalization", fmt.Sprintf("%d means and %d standard deviations", len(n.Mean), len(n.Std)),
			"give one of each for every channel",
		}
	}
	for i := range n.Mean {
		if err := checkDecimal(fmt.Sprintf("spec.normalization.mean[%d]", i), n.Mean[i], finite); err != nil {
			return out, err
		}
		if err := checkDecimal(fmt.Sprintf("spec.normalization.std[%d]", i), n.Std[i], positive); err != nil {
			return out, err
		}
		out.Mean = append(out.Mean, canonicalDecimal(string(n.Mean[i])))
		out.Std = append(out.Std, canonicalDecimal(string(n.Std[i])))
	}
	return out, nil
}

func checkCounts(d *spec.Dataset) error {
	for _, c := range []struct {
		name            string
		limit, have, lo int
	}{
		{"train", d.Limit.Train, d.Splits.Train, 1},
		{"validation", d.Limit.Validation, d.Splits.Validation, 0},
		{"test", d.Limit.Test, d.Splits.Test, 1},
	} {
		if c.have < c.lo {
			return &FieldError{"spec.splits." + c.name, fmt.Sprintf("%d images", c.have), fmt.Sprintf("use %d or more", c.lo)}
		}
		if c.limit < 0 || c.limit > c.have {
			return &FieldError{"spec.limit." + c.name, fmt.Sprintf("%d images, but the split has %d", c.limit, c.have), "use a limit within the split"}
		}
	}
	return nil
}

// datasetScience is what a Dataset's digest covers. A field added later must be omitted
// when it has its default, so that digests of existing objects stay.
type datasetScience struct {
	Version       int                    `json:"v"`
	Format        v1alpha1.DatasetFormat `json:"format"`
	Files         []spec.File            `json:"files"`
	Splits        spec.Splits            `json:"splits"`
	Limit         spec.Limit             `json:"limit"`
	Normalization spec.Normalization     `json:"normalization"`
	Store         string                 `json:"store,omitempty"`
	Transform     *spec.Transform        `json:"transform,omitempty"`
	Options       *spec.FormatOptions    `json:"options,omitempty"`
}

// DatasetSpecDigest returns "sha256:..." of the scientific fields of a Dataset with defaults
// filled in. Steering fields (parallelism, suspend, compute, ...) do not move it.
func DatasetSpecDigest(d *v1alpha1.DatasetSpec) string {
	d = d.DeepCopy()
	DefaultDataset(d)
	sci := datasetScience{Version: 1, Format: d.Format, Store: string(d.Store.Name)}
	sci.Files = sortFiles(d.Files)
	sci.Transform, sci.Options = transformOf(&d.Transform), optionsOf(&d.Options)
	sci.Splits = spec.Splits{Train: int(d.Splits.Train), Test: int(d.Splits.Test), Seed: *d.Splits.Seed}
	if d.Splits.Validation != nil {
		sci.Splits.Validation = int(*d.Splits.Validation)
	}
	sci.Limit = spec.Limit{Train: int(d.Limit.Train), Validation: int(d.Limit.Validation), Test: int(d.Limit.Test)}
	for _, m := range d.Normalization.Mean {
		sci.Normalization.Mean = append(sci.Normalization.Mean, canonicalDecimal(string(m)))
	}
	for _, m := range d.Normalization.Std {
		sci.Normalization.Std = append(sci.Normalization.Std, canonicalDecimal(string(m)))
	}
	return digestJSON(sci)
}
