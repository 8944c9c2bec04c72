package data

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

var splitNames = []string{"train", "validation", "test"}

func (s *Set) split(name string) *Split {
	switch name {
	case "train":
		return &s.Train
	case "validation":
		return &s.Validation
	}
	return &s.Test
}

// Keys of the metadata of a split's file.
const (
	metaClasses       = "classes"
	metaNormalization = "normalization"
)

func fileName(split string) string { return split + ".safetensors" }

// Facts is a data set's summary in its manifest.
func (s *Set) Facts() spec.DatasetResult {
	return spec.DatasetResult{
		Channels: s.Train.C, Height: s.Train.H, Width: s.Train.W, Classes: s.Classes,
		Train: s.Train.N, Validation: s.Validation.N, Test: s.Test.N,
	}
}

// Write stores the data set in folder dir: a file per split (images U8 [N, C, H, W], labels U8
// [N], U16 with more than 256 classes), then the manifest, whose digest it returns. m brings kind, names, spec and versions; files, facts and
// resultDigest are filled in. Writing again is harmless.
func Write(ctx context.Context, store *artifact.Store, dir string, set *Set, m artifact.Manifest) (digest string, err error) {
	norm, err := json.Marshal(set.Normalization)
	if err != nil {
		return "", err
	}
	m.Files = nil
	for _, name := range splitNames {
		sp := set.split(name)
		b, err := artifact.EncodeSafetensors([]artifact.Tensor{
			{Name: "images", DType: artifact.U8, Shape: []int{sp.N, sp.C, sp.H, sp.W}, Data: sp.Images},
			{Name: "labels", DType: labelDType(set.Classes), Shape: []int{sp.N}, Data: encodeLabels(sp.Labels, set.Classes)},
		}, map[string]string{metaClasses: strconv.Itoa(set.Classes), metaNormalization: string(norm)})
		if err != nil {
			return "", fmt.Errorf("split %s: %w", name, err)
		}
		if err := store.Put(ctx, dir+"/"+fileName(name), b); err != nil {
			return "", err
		}
		m.Files = append(m.Files, artifact.Entry(fileName(name), b))
	}
	if m.Facts, err = json.Marshal(set.Facts()); err != nil {
		return "", err
	}
	m.Kind, m.ResultDigest = spec.KindDataset, set.ResultDigest
	return store.WriteManifest(ctx, dir, &m)
}

// Load reads the data set a plan pins and checks every file's sha256, the shapes and the
// resultDigest, which is what identifies the data: a manifest written again by another release, with
// other bytes but the same data, serves as well.
func Load(ctx context.Context, store *artifact.Store, in spec.DatasetInput) (*Set, error) {
	set, _, _, err := LoadPath(ctx, store, in.Path)
	if err != nil {
		return nil, err
	}
	if set.ResultDigest != in.ResultDigest {
		return nil, fmt.Errorf("%s: %w: the data's digest is %s, the plan pins %s", in.Path, artifact.ErrCorrupt, set.ResultDigest, in.ResultDigest)
	}
	want := spec.DatasetResult{Channels: in.Channels, Height: in.Height, Width: in.Width, Classes: in.Classes, Train: in.Train, Validation: in.Validation, Test: in.Test}
	if got := set.Facts(); got != want {
		return nil, fmt.Errorf("%s: the data are %+v, the plan says %+v", in.Path, got, want)
	}
	return set, nil
}

// LoadPath reads and checks the data set in folder dir, with its manifest and the manifest's
// digest.
func LoadPath(ctx context.Context, store *artifact.Store, dir string) (*Set, *artifact.Manifest, string, error) {
	m, digest, err := store.ReadManifest(ctx, dir)
	if err != nil {
		return nil, nil, "", err
	}
	if m.Kind != spec.KindDataset {
		return nil, nil, "", fmt.Errorf("%s: it is a %s, not a %s", dir, m.Kind, spec.KindDataset)
	}
	set := &Set{}
	for _, name := range splitNames {
		if err := set.loadSplit(ctx, store, dir, name, m); err != nil {
			return nil, nil, "", err
		}
	}
	if err := set.parseNormalization(); err != nil {
		return nil, nil, "", fmt.Errorf("%s: %w", dir, err)
	}
	if set.ResultDigest = resultDigest(set); set.ResultDigest != m.ResultDigest {
		return nil, nil, "", fmt.Errorf("%s: %w: the data's digest is %s, the manifest says %s", dir, artifact.ErrCorrupt, set.ResultDigest, m.ResultDigest)
	}
	return set, m, digest, nil
}

func (s *Set) loadSplit(ctx context.Context, store *artifact.Store, dir, name string, m *artifact.Manifest) error {
	path := dir + "/" + fileName(name)
	entry, ok := m.File(fileName(name))
	if !ok {
		return fmt.Errorf("%s: the manifest does not list it", path)
	}
	b, err := store.GetVerified(ctx, dir, entry)
	if err != nil {
		return err
	}
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	images, okImages := f.Tensor("images")
	labels, okLabels := f.Tensor("labels")
	if !okImages || !okLabels || images.DType != artifact.U8 || labels.DType != artifact.U8 && labels.DType != artifact.U16 || len(images.Shape) != 4 || len(labels.Shape) != 1 || images.Shape[0] != labels.Shape[0] {
		return fmt.Errorf("%s: it does not hold images U8 [N, C, H, W] and labels U8 or U16 [N]", path)
	}
	sp := Split{Images: images.Data, Labels: decodeLabels(labels), N: images.Shape[0], C: images.Shape[1], H: images.Shape[2], W: images.Shape[3]}
	if name != "train" && (sp.C != s.Train.C || sp.H != s.Train.H || sp.W != s.Train.W) {
		return fmt.Errorf("%s: images are %dx%dx%d, those of the training split %dx%dx%d", path, sp.C, sp.H, sp.W, s.Train.C, s.Train.H, s.Train.W)
	}
	*s.split(name) = sp
	if name != "train" {
		return s.checkLabels(path, sp.Labels)
	}
	if s.Classes, err = strconv.Atoi(f.Metadata[metaClasses]); err != nil || s.Classes < 1 || s.Classes > maxClasses {
		return fmt.Errorf("%s: metadata classes %q is no number from 1 to %d", path, f.Metadata[metaClasses], maxClasses)
	}
	if err := json.Unmarshal([]byte(f.Metadata[metaNormalization]), &s.Normalization); err != nil {
		return fmt.Errorf("%s: metadata normalization: %w", path, err)
	}
	return s.checkLabels(path, sp.Labels)
}

func (s *Set) checkLabels(path string, labels []uint16) error {
	for i, l := range labels {
		if int(l) >= s.Classes {
			return fmt.Errorf("%s: label %d is %d, there are %d classes", path, i, l, s.Classes)
		}
	}
	return nil
}
