package train

import (
	"fmt"
	"math"
	"sync"

	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/rng"
)

// evaluationEpoch keys the views of images that are evaluated: they are the same at every epoch, and none of training.
const evaluationEpoch = math.MaxUint64

// views makes the images of a population that trains on augmented ones; nil is for those that see images as they are.
type views struct {
	augmenter *augment.Augmenter
	mixing    bool
	// streams are the members'.
	streams []*augment.Streams
	mu      sync.Mutex
	// targets is where a batch's soft targets lie among the inputs, by size.
	targets map[int]softTargets
	// contrastive: each image is seen twice.
	contrastive bool
}

// softTargets are an input [classes, batch] or [batch, classes].
type softTargets struct{ offset, classes int }

// input is the shape of the images that the network sees.
func (c *Config) input() augment.Shape {
	t := &c.Data.Train
	return c.Augmentation.Out(augment.Shape{C: t.C, H: t.H, W: t.W})
}

func newViews(c *Config, r *Recipe, l *imageLoader) (*views, error) {
	if c.Augmentation == nil {
		if r.Temperature > 0 {
			return nil, fmt.Errorf("a contrastive objective without augmentation: both views of an image would be equal")
		}
		return nil, nil
	}
	t := &c.Data.Train
	a, err := augment.New(*c.Augmentation, augment.Shape{C: t.C, H: t.H, W: t.W}, l.value)
	if err != nil {
		return nil, err
	}
	v := &views{augmenter: a, mixing: c.Augmentation.Mixes(), targets: map[int]softTargets{}, contrastive: r.Temperature > 0}
	if v.mixing && v.contrastive {
		return nil, fmt.Errorf("mixup and cutmix mix labels, which a contrastive objective has not")
	}
	for _, m := range c.Members {
		v.streams = append(v.streams, augment.NewStreams(m.Seed))
	}
	return v, nil
}

func (v *views) mixes() bool { return v != nil && v.mixing }

// columns is the images that the network sees for a batch: two views of each where the objective is contrastive.
func (t *Recorded) columns(batch int) int {
	if t.recipe.Temperature > 0 {
		return 2 * batch
	}
	return batch
}

// evaluationBatch is the images of an evaluation step. A contrastive loss depends on it, and takes that of training.
func (t *Recorded) evaluationBatch() int {
	if t.recipe.Temperature > 0 {
		return t.cfg.BatchSize
	}
	return evaluationBatch
}

// contrast is InfoNCE of outputs whose first half are one view of each image, the second half the other.
func (t *Recorded) contrast(g *op.Graph, y op.Value) op.Classification {
	if t.classesFirst {
		y = g.Transpose(y, 1, 0)
	}
	return g.Contrast(y, t.recipe.Temperature)
}

// softLoss is the cross-entropy with the targets of a mixed batch.
func (t *Recorded) softLoss(g *op.Graph, y op.Value, batch, classes int) op.Value {
	shape := []int{batch, classes}
	if t.classesFirst {
		shape = []int{classes, batch}
	}
	targets := g.Input("targets", shape...)
	t.views.mu.Lock()
	t.views.targets[batch] = softTargets{g.InputOffset(targets), classes}
	t.views.mu.Unlock()
	return g.SoftCrossEntropy(y, targets, t.classesFirst)
}

// augmented feeds member m the augmented images of a batch of the current epoch, in the member's order.
func (t *Recorded) augmented(m int, in device.Feed[float32], from, count int) {
	s, v := &t.cfg.Data.Train, t.views
	order := rng.New(t.cfg.Members[m].Seed, "data/order").Permutation(s.N, uint64(t.epoch))
	index := in.Ints[:count]
	for j := range count {
		index[j] = int32(order.At(from + j))
	}
	b := augment.Batch{Images: s.Images, Index: index, N: t.columns(count), Epoch: uint64(t.epoch)}
	v.augmenter.Train(in.Floats, b, v.streams[m])
	if v.contrastive {
		b.From, b.View = count, 1
		v.augmenter.Train(in.Floats, b, v.streams[m])
	}
	for j, i := range index {
		in.Ints[j] = int32(s.Labels[i])
	}
	if v.mixing {
		t.mix(m, in, count)
	}
}

// mix mixes the images and labels of a batch. For the accuracy, a mixed image has the label of which it has more.
func (t *Recorded) mix(m int, in device.Feed[float32], count int) {
	v := t.views
	lambda := v.augmenter.Mix(in.Floats, count, v.streams[m], uint64(t.epoch), int(t.step.Load()))
	v.mu.Lock()
	at := v.targets[count]
	v.mu.Unlock()
	labels := in.Ints[:count]
	augment.Targets(in.Floats[at.offset:], labels, at.classes, t.classesFirst, lambda, t.recipe.LabelSmoothing)
	if lambda < 0.5 {
		for i, j := 0, count-1; i < j; i, j = i+1, j-1 {
			labels[i], labels[j] = labels[j], labels[i]
		}
	}
}

// plain feeds images from, from+1, ... of a split as they are evaluated: without augmentation, or for a contrastive objective two
// views that are always the same.
func (t *Recorded) plain(m int, in device.Feed[float32], s *data.Split, from, count int) {
	v := t.views
	if !v.contrastive {
		v.plain(in, s, from, count)
		return
	}
	index := in.Ints[:count]
	for j := range index {
		index[j] = int32(from + j)
	}
	b := augment.Batch{Images: s.Images, Index: index, N: 2 * count, Epoch: evaluationEpoch}
	v.augmenter.Train(in.Floats, b, v.streams[m])
	b.From, b.View = count, 1
	v.augmenter.Train(in.Floats, b, v.streams[m])
}

// plain feeds images without augmentation; Ints, if there are any, get the labels.
func (v *views) plain(in device.Feed[float32], s *data.Split, from, count int) {
	index := in.Ints
	if len(index) < count {
		index = make([]int32, count)
	}
	index = index[:count]
	for j := range index {
		index[j] = int32(from + j)
	}
	v.augmenter.Evaluate(in.Floats, augment.Batch{Images: s.Images, Index: index, N: count})
	for j := range index {
		index[j] = int32(s.Labels[from+j])
	}
}
