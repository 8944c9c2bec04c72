package augment

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
)

// everything is a recipe with every augmentation.
func everything() Config {
	return Config{
		Size: 12, EvaluationResize: 13, ResizedCrop: &ResizedCrop{Scale: [2]float64{0.3, 1}, Ratio: [2]float64{0.75, 4.0 / 3}}, Flip: 0.5,
		Rotation: &Rotation{Degrees: 20}, Jitter: &Jitter{0.8, 0.4, 0.4, 0.4, 0.1}, Grayscale: 0.2, Blur: &Blur{0.5, 5, [2]float64{0.1, 2}},
		Erasing: &Erasing{0.5, [2]float64{0.02, 0.33}, [2]float64{0.3, 3.3}}, MixUp: 0.8, CutMix: 1,
	}
}

func pixels(n int) []uint8 {
	out := make([]uint8, n)
	for i := range out {
		out[i] = uint8(i*i*31 + i*7)
	}
	return out
}

func mustNew(t testing.TB, c Config, in Shape) *Augmenter {
	t.Helper()
	table := bytesTable(in.C)
	a, err := New(c, in, table)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// An image's bits depend on the member, the epoch and the image: not on its batch, its place in it, or the worker.
func TestBatchesLeaveNoTrace(t *testing.T) {
	in := Shape{3, 16, 16}
	a := mustNew(t, everything(), in)
	images, m := pixels(40*in.size()), NewStreams(5)
	column := func(dst []float32, n, j int) []float32 {
		var out []float32
		for at := j; at < len(dst); at += n {
			out = append(out, dst[at])
		}
		return out
	}
	all := make([]int32, 40)
	for i := range all {
		all[i] = int32(i)
	}
	whole := make([]float32, a.Out().size()*40)
	a.Train(whole, Batch{Images: images, Index: all, N: 40, Epoch: 2}, m)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			one := make([]float32, a.Out().size()*3)
			a.Train(one, Batch{Images: images, Index: []int32{int32(i)}, From: 1, N: 3, Epoch: 2}, m)
			if !slices.Equal(column(one, 3, 1), column(whole, 40, i)) {
				t.Errorf("image %d alone differs", i)
			}
		}()
	}
	wait.Wait()
	other := make([]float32, len(whole))
	for name, f := range map[string]func(){
		"epoch":  func() { a.Train(other, Batch{Images: images, Index: all, N: 40, Epoch: 3}, m) },
		"member": func() { a.Train(other, Batch{Images: images, Index: all, N: 40, Epoch: 2}, NewStreams(6)) },
		"view":   func() { a.Train(other, Batch{Images: images, Index: all, N: 40, Epoch: 2, View: 1}, m) },
	} {
		if f(); slices.Equal(other, whole) {
			t.Errorf("another %s makes the same images", name)
		}
	}
}

// Mixing swaps or averages image i and the i-th last; an odd one in the middle stays.
func TestMix(t *testing.T) {
	in := Shape{1, 8, 8}
	for _, c := range []Config{{MixUp: 0.5}, {CutMix: 1}} {
		a := mustNew(t, c, in)
		n, changed := 5, 0
		for step := range 50 {
			x := make([]float32, in.size()*n)
			for i := range x {
				x[i] = float32(i % n)
			}
			lambda := a.Mix(x, n, NewStreams(1), 0, step)
			sums := make([]float64, n)
			for i, v := range x {
				sums[i%n] += float64(v) / float64(in.size())
			}
			for j, got := range sums {
				want := lambda*float64(j) + (1-lambda)*float64(n-1-j)
				if d := got - want; d > 1e-5 || d < -1e-5 {
					t.Fatalf("%+v, step %d, lambda %v: image %d has mean %v, want %v", c, step, lambda, j, got, want)
				}
			}
			if lambda != 1 {
				changed++
			}
		}
		if changed < 40 {
			t.Errorf("%+v mixes %d of 50 batches", c, changed)
		}
	}
}

func TestBatchesAllocateNothing(t *testing.T) {
	in := Shape{3, 16, 16}
	a := mustNew(t, everything(), in)
	images, m := pixels(32*in.size()), NewStreams(5)
	index := make([]int32, 32)
	dst := make([]float32, a.Out().size()*32)
	step := func() {
		a.Train(dst, Batch{Images: images, Index: index, N: 32}, m)
		a.Mix(dst, 32, m, 0, 0)
		a.Evaluate(dst, Batch{Images: images, Index: index, N: 32})
		index[0]++
		index[0] %= 32
	}
	for range 32 {
		step() // the largest scratch
	}
	if n := testing.AllocsPerRun(32, step); n != 0 {
		t.Errorf("%v allocations per batch", n)
	}
}

func TestErrors(t *testing.T) {
	in := Shape{3, 16, 16}
	for want, c := range map[string]Config{
		"exclude each other":           {Crop: &Crop{}, ResizedCrop: &ResizedCrop{}},
		"needs a crop":                 {Size: 8},
		"a crop of 20x20":              {Size: 20, Crop: &Crop{1}},
		"blur of 4":                    {Blur: &Blur{1, 4, [2]float64{1, 1}}},
		"blur of 33":                   {Blur: &Blur{1, 33, [2]float64{1, 1}}},
		"flip is 1.5":                  {Flip: 1.5},
		"hue is 0.6":                   {Jitter: &Jitter{Probability: 1, Hue: 0.6}},
		"scale is 0.9, outside":        {ResizedCrop: &ResizedCrop{Scale: [2]float64{0.9, 0.5}, Ratio: [2]float64{1, 1}}},
		"degrees is 200":               {Rotation: &Rotation{Degrees: 200}},
		"mixUp is -1":                  {MixUp: -1},
		"erasing's probability is 2":   {Erasing: &Erasing{Probability: 2}},
		"size -1, evaluation resize 0": {Size: -1},
	} {
		if err := c.Validate(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", c, err, want)
		}
	}
	if _, err := New(Config{Flip: 0.5}, in, nil); err == nil || !strings.Contains(err.Error(), "normalisation") {
		t.Errorf("no normalisation: %v", err)
	}
}

// A flip and a crop are copies: without padding and at full size an image is itself or its mirror image.
func TestFlipIsExact(t *testing.T) {
	in := Shape{1, 4, 6}
	a := mustNew(t, Config{Flip: 1}, in)
	src := pixels(in.size())
	dst := make([]float32, in.size())
	a.Train(dst, Batch{Images: src, Index: []int32{0}, N: 1}, NewStreams(1))
	want := bytes.Clone(src)
	for y := range 4 {
		mirror(want[y*6 : y*6+6])
	}
	for i, v := range dst {
		if v != float32(want[i]) {
			t.Fatalf("pixel %d is %v, want %d", i, v, want[i])
		}
	}
}

// BenchmarkTrain augments a batch as a ResNet on CIFAR does, and as a vision transformer on ImageNet.
func BenchmarkTrain(b *testing.B) {
	for _, e := range []struct {
		name string
		in   Shape
		n    int
		c    Config
	}{
		{"cifar crop flip", Shape{3, 32, 32}, 256, Config{Crop: &Crop{4}, Flip: 0.5}},
		{"imagenet resized crop flip erase", Shape{3, 256, 256}, 64, Config{Size: 224, ResizedCrop: &ResizedCrop{Scale: [2]float64{0.08, 1}, Ratio: [2]float64{0.75, 4.0 / 3}}, Flip: 0.5, Erasing: &Erasing{0.25, [2]float64{0.02, 0.33}, [2]float64{0.3, 3.3}}}},
	} {
		b.Run(e.name, func(b *testing.B) {
			a := mustNew(b, e.c, e.in)
			images, m := pixels(e.n*e.in.size()), NewStreams(5)
			index := make([]int32, e.n)
			for i := range index {
				index[i] = int32(i)
			}
			dst := make([]float32, a.Out().size()*e.n)
			epoch := uint64(0)
			for b.Loop() {
				a.Train(dst, Batch{Images: images, Index: index, N: e.n, Epoch: epoch}, m)
				epoch++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*e.n)/1000, "us/image")
		})
	}
}
