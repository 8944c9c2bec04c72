package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/train"
)

// newZoo trains a population; a step is one step of every member.
func newZoo(o options) (*job, error) {
	set, err := loadSet(o.data)
	if err != nil {
		return nil, err
	}
	t, err := train.New(zooConfig(o, set))
	if err != nil {
		return nil, err
	}
	return trainingJob(t, o.members*o.batch, o.cores), nil
}

// trainingJob is a job whose step is one step of an engine.
func trainingJob(t train.Engine, samples, workers int) *job {
	return &job{
		work: float64(samples), setting: fmt.Sprintf("%d workers", workers),
		run: func(n int) (float64, error) {
			start := time.Now()
			made, err := steps(t, n)
			// The loop stops at the end of a round, which may be some steps later.
			return time.Since(start).Seconds() * float64(n) / float64(max(1, made)), err
		},
	}
}

// zooConfig is the population that the flags describe, with Adam.
func zooConfig(o options, set *data.Set) train.Config {
	c := train.Config{
		Architecture: o.architecture, Activation: o.activation, Optimizer: "adam",
		BatchSize: o.batch, Data: set, Workers: o.cores,
	}
	for i := range o.members {
		c.Members = append(c.Members, train.Member{Seed: uint64(i + 1), Initializer: "kaiming_uniform", LearningRate: 3e-4})
	}
	return c
}

// errEnough ends a TrainEpoch after a number of rounds.
var errEnough = errors.New("enough steps")

// enough is a context that is done once the trainer has come far enough; the training loop asks at
// the start of each of its rounds.
type enough struct {
	context.Context //nolint:containedctx // this is a context
	reached         func() bool
}

// Err implements context.Context.
func (e enough) Err() error {
	if e.reached() {
		return errEnough
	}
	return nil
}

// steps trains at least n steps and says how many it made.
func steps(t train.Engine, n int) (int, error) {
	position := func() int {
		step, perEpoch := t.Progress()
		return t.Epoch()*perEpoch + step
	}
	first := position()
	for {
		err := t.TrainEpoch(enough{context.Background(), func() bool { return position()-first >= n }})
		if errors.Is(err, errEnough) {
			return position() - first, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// loadSet reads a data file of the driver as the training split.
func loadSet(path string) (*data.Set, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pixels, ok := f.Tensor("images")
	labels, ok2 := f.Tensor("labels")
	if !ok || !ok2 || len(pixels.Shape) != 4 {
		return nil, fmt.Errorf("%s: images [N, C, H, W] or labels are missing", path)
	}
	set := &data.Set{Classes: 10, Train: data.Split{
		Images: pixels.Data, Labels: data.WidenLabels(labels.Data),
		N: pixels.Shape[0], C: pixels.Shape[1], H: pixels.Shape[2], W: pixels.Shape[3],
	}}
	if err := json.Unmarshal([]byte(f.Metadata["mean"]), &set.Mean); err != nil {
		return nil, fmt.Errorf("%s: mean: %w", path, err)
	}
	if err := json.Unmarshal([]byte(f.Metadata["std"]), &set.Std); err != nil {
		return nil, fmt.Errorf("%s: std: %w", path, err)
	}
	return set, nil
}
