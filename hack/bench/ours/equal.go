package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/train"
)

// Images that equal-work trains on and then tests with, and steps whose losses are compared.
const (
	equalTrain = 10000
	equalTest  = 5000
	equalSteps = 20
)

// equalWork trains an epoch and writes what a peer needs to do the same, and what came out:
//
//	weights  [P, n] before the first step, row-major, parameters as in the metadata's "layout"
//	order    [P, N] the images of each member's batches
//	losses   [steps, P] mean loss of each batch
//	accuracy [P] on the test images after the epoch
func equalWork(o options) error {
	set, err := loadSet(o.data)
	if err != nil {
		return err
	}
	set.Test = part(set.Train, equalTrain, equalTest)
	set.Train = part(set.Train, 0, equalTrain)
	c := zooConfig(o, set)
	c.RoundSamples = 1
	t, err := train.New(c)
	if err != nil {
		return err
	}
	weights := append([]float32(nil), t.Weights()...)
	losses, err := stepLosses(t, equalSteps)
	if err != nil {
		return err
	}
	if _, err := steps(t, (equalTrain+o.batch-1)/o.batch-equalSteps); err != nil {
		return err
	}
	metrics, err := t.Evaluate(context.Background())
	if err != nil {
		return err
	}
	var accuracy []float64
	for _, m := range metrics {
		accuracy = append(accuracy, m.TestAccuracy)
	}
	layout, err := json.Marshal(t.Layout())
	if err != nil {
		return err
	}
	p := len(c.Members)
	b, err := artifact.EncodeSafetensors([]artifact.Tensor{
		tensorOf("weights", artifact.F32, weights, p, len(weights)/p),
		tensorOf("order", artifact.I32, orders(c.Members, equalTrain), p, equalTrain),
		tensorOf("losses", artifact.F64, losses, equalSteps, p),
		tensorOf("accuracy", artifact.F64, accuracy, p),
	}, map[string]string{"layout": string(layout), "learningRate": fmt.Sprint(c.Members[0].LearningRate)})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.folder, "ours.safetensors"), b, 0o644)
}

// part is n images of a split.
func part(s data.Split, from, n int) data.Split {
	size := s.C * s.H * s.W
	return data.Split{
		N: n, C: s.C, H: s.H, W: s.W,
		Images: s.Images[from*size : (from+n)*size], Labels: s.Labels[from : from+n],
	}
}

// orders are the permutations that the members go through in the first epoch.
func orders(members []train.Member, n int) []int32 {
	all := make([]int32, 0, len(members)*n)
	for _, m := range members {
		order := rng.New(m.Seed, "data/order").Permutation(n, 0)
		for i := range n {
			all = append(all, int32(order.At(i)))
		}
	}
	return all
}

// stepLosses trains n single steps: losses [n, P] are differences of the running sums.
func stepLosses(t *train.Trainer, n int) ([]float64, error) {
	var losses []float64
	var before []float64
	for range n {
		made, err := steps(t, 1)
		if err != nil {
			return nil, err
		}
		if made != 1 {
			return nil, fmt.Errorf("%d steps in a round instead of one", made)
		}
		sums, width := runningSums(t.State())
		if before == nil {
			before = make([]float64, len(sums))
		}
		for p := 0; p < len(sums); p += width {
			losses = append(losses, (sums[p]-before[p])/(sums[p+2]-before[p+2]))
		}
		before = sums
	}
	return losses, nil
}

// runningSums are loss, correct and samples of each member in the current epoch.
func runningSums(s *train.State) (sums []float64, width int) {
	for _, slab := range s.Float64 {
		if slab.Name == "sums" {
			return slab.Data, slab.Width
		}
	}
	panic("state has no running sums")
}

// tensorOf encodes numbers for a safetensors file.
func tensorOf[T int32 | float32 | float64](name string, d artifact.DType, x []T, shape ...int) artifact.Tensor {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, x) // a buffer does not fail
	return artifact.Tensor{Name: name, DType: d, Shape: shape, Data: b.Bytes()}
}
