package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// The images that are held out twice, as validation and as test split: MNIST's data file has the 60,000 training images only.
const heldOut = 10_000

// wholeZoo is the whole of a zoo of preset mnist-seed, as a pod makes it: data set from a store, training, evaluation, checkpoints, tables.
type wholeZoo struct {
	o     options
	store *artifact.Store
	input *spec.DatasetInput
	made  int
}

// newWhole makes zoos from nothing; work is counted in members.
func newWhole(o options) (*job, error) {
	w, err := prepareWhole(o)
	if err != nil {
		return nil, err
	}
	return &job{work: float64(o.members), setting: fmt.Sprintf("%d workers", o.cores), run: func(n int) (float64, error) {
		seconds := 0.0
		for range n {
			took, err := w.make(context.Background())
			if err != nil {
				return 0, err
			}
			seconds += took
		}
		return seconds, nil
	}}, nil
}

// newBare trains and evaluates the same members in memory and keeps nothing: what is missing to newWhole is what loading, checkpoints and
// tables cost.
func newBare(o options) (*job, error) {
	w, err := prepareWhole(o)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	set, err := data.Load(ctx, w.store, *w.input)
	if err != nil {
		return nil, err
	}
	c := train.Config{Architecture: "cnn-small", Activation: "tanh", Optimizer: "adam", Momentum: 0.9, BatchSize: 10, Data: set, Workers: o.cores}
	for i := range o.members {
		c.Members = append(c.Members, train.Member{Seed: uint64(i + 1), Initializer: "uniform", LearningRate: 3e-4})
	}
	return &job{work: float64(o.members), setting: fmt.Sprintf("%d workers", o.cores), run: func(n int) (float64, error) {
		start := time.Now()
		for range n {
			t, err := train.New(c)
			if err != nil {
				return 0, err
			}
			for epoch := range o.epochs + 1 {
				if epoch > 0 {
					if err := t.TrainEpoch(ctx); err != nil {
						return 0, err
					}
				}
				if _, err := t.Evaluate(ctx); err != nil {
					return 0, err
				}
			}
		}
		return time.Since(start).Seconds(), nil
	}}, nil
}

// prepareWhole puts the data set into a store of its own.
func prepareWhole(o options) (*wholeZoo, error) {
	all, err := loadSet(o.data)
	if err != nil {
		return nil, err
	}
	if o.images < 1 || all.Train.N < o.images+heldOut {
		return nil, fmt.Errorf("%d images to train on and %d held out, the file has %d", o.images, heldOut, all.Train.N)
	}
	dir, err := os.MkdirTemp("", "weightspace-bench-*")
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	w := &wholeZoo{o: o}
	if w.store, err = artifact.Open(ctx, dir, ""); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	set, err := splitImages(all.Train, o.images)
	if err != nil {
		return nil, err
	}
	const path = "default/dataset/mnist"
	digest, err := data.Write(ctx, w.store, path, set, artifact.Manifest{})
	if err != nil {
		return nil, err
	}
	w.input = &spec.DatasetInput{
		Name: "mnist", Store: w.store.URL(), Path: path, ManifestDigest: digest, ResultDigest: set.ResultDigest,
		Channels: 1, Height: 28, Width: 28, Classes: 10, Train: o.images, Validation: heldOut, Test: heldOut,
	}
	return w, nil
}

// make runs every shard of every stage of a new zoo, says how long that took, and removes it.
func (w *wholeZoo) make(ctx context.Context) (float64, error) {
	w.made++
	start := time.Now()
	z := &v1alpha1.ModelZooSpec{
		Dataset: v1alpha1.DatasetReference{Name: "mnist"}, Preset: "mnist-seed",
		Population: v1alpha1.Population{Limit: int32(w.o.members)}, Training: v1alpha1.Training{Epochs: int32(w.o.epochs)},
	}
	s, err := plan.ModelZoo(z, plan.Inputs{Namespace: "default", Name: fmt.Sprintf("zoo-%d", w.made), StoreURL: w.store.URL(), Dataset: w.input})
	if err != nil {
		return 0, err
	}
	for _, stage := range s.Stages {
		for shard := range stage.Shards {
			if _, err := program.Run(ctx, s, stage.Name, shard, program.Env{Store: w.store, Workers: w.o.cores}); err != nil {
				return 0, fmt.Errorf("%s, shard %d: %w", stage.Name, shard, err)
			}
		}
	}
	took := time.Since(start).Seconds()
	_, err = w.store.DeletePrefix(ctx, s.ArtifactPath)
	return took, err
}

// splitImages cuts the images as a Dataset does.
func splitImages(all data.Split, n int) (*data.Set, error) {
	pixels := all.C * all.H * all.W
	d := &spec.Dataset{
		Format: spec.FormatIDX, Splits: spec.Splits{Train: n, Validation: heldOut, Test: heldOut, Seed: 42},
		Normalization: spec.Normalization{Mean: []string{"0.1307"}, Std: []string{"0.3081"}},
	}
	files := map[string][]byte{}
	for name, part := range map[string][2]int{"train": {0, n + heldOut}, "test": {n, n + heldOut}} {
		count := part[1] - part[0]
		labels := make([]byte, count)
		for i, l := range all.Labels[part[0]:part[1]] {
			labels[i] = byte(l)
		}
		files[name+"Images"] = idxFile([]int{count, all.H, all.W}, all.Images[part[0]*pixels:part[1]*pixels])
		files[name+"Labels"] = idxFile([]int{count}, labels)
	}
	for _, role := range []string{spec.RoleTrainImages, spec.RoleTrainLabels, spec.RoleTestImages, spec.RoleTestLabels} {
		d.Files = append(d.Files, spec.File{Role: role})
	}
	return data.Build(d, func(i int) (data.File, error) {
		return data.Bytes(files[d.Files[i].Role]), nil
	})
}

// idxFile is an IDX file of bytes.
func idxFile(dims []int, content []byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, content...)
}
