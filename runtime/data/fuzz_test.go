package data_test

import (
	"bytes"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/spec"
)

// fuzz reads hostile bytes as a format's file: whatever is accepted is consistent, and small.
func fuzz(f *testing.F, format, role string, seeds ...string) {
	f.Helper()
	for _, name := range seeds {
		b := testdata(f, name)
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(changed(b, len(b)/3, 0xff, 0xff, 0xff, 0x7f))
		f.Add(changed(b, len(b)-40, 0xff, 0xff, 0xff, 0x7f))
	}
	limits := data.Limits{Bytes: 1 << 20, Items: 1 << 10, Unpacked: 4 << 20, Pixels: 1 << 16}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, open := source(format, role, b, t)
		splits, classes, err := data.ReadAll(d, open, limits)
		if err != nil {
			return
		}
		for name, s := range splits {
			if len(s.Labels) != s.N || len(s.Images) != s.N*s.C*s.H*s.W || s.N > 1<<10 || len(s.Images) > 1<<20 {
				t.Fatalf("%s: %d images of %dx%dx%d, %d bytes, %d labels", name, s.N, s.C, s.H, s.W, len(s.Images), len(s.Labels))
			}
			for _, l := range s.Labels {
				if int(l) >= classes {
					t.Fatalf("%s: label %d of %d classes", name, l, classes)
				}
			}
		}
	})
}

func FuzzCIFAR10(f *testing.F) { fuzz(f, spec.FormatCIFAR10, spec.RoleTrain, "cifar10-1.bin") }
func FuzzCIFAR10Archive(f *testing.F) {
	fuzz(f, spec.FormatCIFAR10, spec.RoleArchive, "cifar10.tar.gz")
}

func FuzzCIFAR100(f *testing.F) { fuzz(f, spec.FormatCIFAR100, spec.RoleTrain, "cifar100-train.bin") }

func FuzzSVHN(f *testing.F) {
	fuzz(f, spec.FormatSVHN, spec.RoleTrain, "svhn-train.mat", "svhn-test.mat")
}
func FuzzUSPS(f *testing.F) { fuzz(f, spec.FormatUSPS, spec.RoleTrain, "usps.bz2", "usps.t") }

func FuzzSTL10(f *testing.F) {
	fuzz(f, spec.FormatSTL10, spec.RoleArchive, "stl10.tar.gz")
}

func FuzzSTL10Images(f *testing.F) {
	fuzz(f, spec.FormatSTL10, spec.RoleTrainImages, "stl-train-X.bin.gz")
}

func FuzzImageFolder(f *testing.F) {
	fuzz(f, spec.FormatImageFolder, spec.RoleArchive, "folder.zip", "folder.tar.gz", "tiny.zip", "jpeg.zip")
}

func FuzzNPZ(f *testing.F) {
	fuzz(f, spec.FormatNPZ, spec.RoleArchive, "keras.npz", "medmnist.npz")
}

func FuzzParquet(f *testing.F) {
	fuzz(f, spec.FormatParquet, spec.RoleTrain, "train-0.parquet", "train-1.parquet", "test.parquet", "validation.parquet")
}

// Headers of NumPy arrays are text; the archive's sums would hide them from the fuzzer of archives.
func FuzzNPZHeader(f *testing.F) {
	f.Add(npy(1, -1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2), }"), []byte{1})
	f.Add(npy(2, 9, "{'descr'"), []byte{})
	f.Add(npy(1, -1, "{'descr': '>i8', 'fortran_order': True, 'shape': (), }"), []byte{1})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		d, open := source(spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", images}, part{"y_train.npy", labels}), t)
		if _, err := data.BuildWithin(d, open, data.Limits{Bytes: 1 << 20, Items: 1 << 10}); err == nil {
			t.Fatal("accepted without test images")
		}
	})
}

// Image files alone; those of an archive are behind its sums.
func FuzzPicture(f *testing.F) {
	f.Add(pngOf(f, 8, 8))
	jpegs := testdata(f, "jpeg.zip")
	if at := bytes.Index(jpegs, []byte{0xff, 0xd8, 0xff}); at > 0 {
		f.Add(jpegs[at : at+1000])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		pixels, n, err := data.DecodePicture(b, data.Limits{Pixels: 1 << 16})
		if err == nil && (len(pixels) != n || n > 3<<16) {
			t.Fatalf("%d pixels, %d bytes", n, len(pixels))
		}
	})
}
