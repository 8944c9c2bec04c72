package data_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/spec"
)

// benchmark builds a data set of made records; MB/s are those of the pixels read.
func benchmark(b *testing.B, d *spec.Dataset, pixels int, files ...[]byte) {
	b.SetBytes(int64(pixels))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := data.Build(d, func(i int) (data.File, error) { return data.Bytes(files[i]), nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func benchSpec(format string, train, validation, test int, roles ...string) *spec.Dataset {
	d := &spec.Dataset{Format: format, Splits: spec.Splits{Train: train, Validation: validation, Test: test, Seed: 42}, Normalization: spec.Normalization{Mean: []string{"0.5"}, Std: []string{"0.5"}}}
	for _, r := range roles {
		d.Files = append(d.Files, spec.File{Role: r})
	}
	return d
}

// 60,000 images of 28x28 in plain IDX files.
func BenchmarkIDX(b *testing.B) {
	const n = 60000
	images, labels := idx(noise(n*784), n, 28, 28), idx(make([]byte, n), n)
	d := benchSpec(spec.FormatIDX, 50000, 10000, 1, spec.RoleTrainImages, spec.RoleTrainLabels, spec.RoleTestImages, spec.RoleTestLabels)
	benchmark(b, d, n*784, images, labels, idx(make([]byte, 784), 1, 28, 28), idx([]byte{1}, 1))
}

// 10,000 records of CIFAR-10, as they are and transformed.
func BenchmarkCIFAR10(b *testing.B) {
	const n = 10000
	records := noise(n * 3073)
	for i := range n {
		records[i*3073] %= 10
	}
	for _, t := range []spec.Transform{{}, {Resize: 28}, {Resize: 28, Interpolation: spec.ResizeBicubic}, {Resize: 28, Interpolation: spec.ResizeNearest}, {CenterCrop: 28, Grayscale: true}} {
		b.Run(fmt.Sprintf("%d-%s-%d-%v", t.Resize, t.Interpolation, t.CenterCrop, t.Grayscale), func(b *testing.B) {
			d := benchSpec(spec.FormatCIFAR10, 8000, 2000, 1, spec.RoleTrain, spec.RoleTest)
			d.Transform = &t
			benchmark(b, d, n*3072, records, records[:3073])
		})
	}
}

// 1,000 JPEG files of 64x64 with chroma of half the size, as Tiny-ImageNet's, in a zip.
func BenchmarkImageFolder(b *testing.B) {
	const n, size = 1000, 64
	r := rand.New(rand.NewPCG(1, 2))
	img := image.NewYCbCr(image.Rect(0, 0, size, size), image.YCbCrSubsampleRatio420)
	parts := make([]part, 0, n+1)
	for i := range n {
		for j := range img.Y {
			img.Y[j] = uint8(j/2 + r.IntN(40))
		}
		for j := range img.Cb {
			img.Cb[j], img.Cr[j] = uint8(j/8), uint8(i)
		}
		var out bytes.Buffer
		if err := jpeg.Encode(&out, img, nil); err != nil {
			b.Fatal(err)
		}
		parts = append(parts, part{fmt.Sprintf("train/%d/%d.jpg", i%10, i), out.Bytes()})
	}
	parts = append(parts, part{"test/1/1.jpg", parts[0].content})
	benchmark(b, benchSpec(spec.FormatImageFolder, 800, 200, 1, spec.RoleArchive), n*3*size*size, zipOf(b, parts...))
}

// 1,000 images of STL-10, resized.
func BenchmarkSTL10(b *testing.B) {
	const n = 1000
	images, labels := noise(n*27648), bytes.Repeat([]byte{3}, n)
	d := benchSpec(spec.FormatSTL10, 800, 200, n, spec.RoleTrainImages, spec.RoleTrainLabels, spec.RoleTestImages, spec.RoleTestLabels)
	d.Transform = &spec.Transform{Resize: 28}
	benchmark(b, d, 2*n*27648, images, labels, images, labels)
}
