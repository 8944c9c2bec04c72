package data_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/spec"
)

// part is an entry of a made archive.
type part struct {
	name    string
	content []byte
}

func zipOf(t testing.TB, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		f, err := w.Create(p.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(p.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// changed is b with some bytes replaced.
func changed(b []byte, at int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], with)
	return b
}

// source is a Dataset whose role has the content, and whose other roles take good files.
func source(format, role string, content []byte, t testing.TB) (*spec.Dataset, data.Opener) {
	t.Helper()
	good := map[string]string{
		spec.FormatCIFAR10 + spec.RoleTrain: "cifar10-1.bin", spec.FormatCIFAR10 + spec.RoleTest: "cifar10-test.bin",
		spec.FormatCIFAR100 + spec.RoleTrain: "cifar100-train.bin", spec.FormatCIFAR100 + spec.RoleTest: "cifar100-test.bin",
		spec.FormatSVHN + spec.RoleTrain: "svhn-train.mat", spec.FormatSVHN + spec.RoleTest: "svhn-test.mat",
		spec.FormatUSPS + spec.RoleTrain: "usps.bz2", spec.FormatUSPS + spec.RoleTest: "usps.t",
		spec.FormatSTL10 + spec.RoleTrainImages: "stl-train-X.bin.gz", spec.FormatSTL10 + spec.RoleTrainLabels: "stl-train-y.bin.gz",
		spec.FormatSTL10 + spec.RoleTestImages: "stl-test-X.bin.gz", spec.FormatSTL10 + spec.RoleTestLabels: "stl-test-y.bin.gz",
		spec.FormatImageFolder + spec.RoleTrain: "folder-train.zip", spec.FormatImageFolder + spec.RoleTest: "folder-test.zip",
		spec.FormatParquet + spec.RoleTrain: "train-0.parquet", spec.FormatParquet + spec.RoleTest: "test.parquet",
	}
	d := &spec.Dataset{Format: format, Splits: spec.Splits{Train: 1, Test: 1}, Normalization: spec.Normalization{Mean: []string{"0"}, Std: []string{"1"}}}
	contents := [][]byte{content}
	if role == spec.RoleArchive {
		d.Files = []spec.File{{Role: role}}
	} else {
		d.Files, contents = nil, nil
		for _, r := range []string{spec.RoleTrain, spec.RoleTest, spec.RoleTrainImages, spec.RoleTrainLabels, spec.RoleTestImages, spec.RoleTestLabels} {
			name, ok := good[format+r]
			if !ok {
				continue
			}
			d.Files = append(d.Files, spec.File{Role: r})
			if r == role {
				contents = append(contents, content)
			} else {
				contents = append(contents, testdata(t, name))
			}
		}
	}
	return d, func(i int) (data.File, error) { return data.Bytes(contents[i]), nil }
}

// Every reader names the file, the place in it and what is wrong.
func TestHostileSources(t *testing.T) {
	cifar, cifar100 := testdata(t, "cifar10-1.bin"), testdata(t, "cifar100-train.bin")
	mat, matPlain, text := testdata(t, "svhn-train.mat"), testdata(t, "svhn-test.mat"), testdata(t, "usps.t")
	pic := pngOf(t, 8, 8)
	huge := changed(pic, 16, 0, 0, 0x40, 0, 0, 0, 0x40, 0) // 16384 x 16384, whose sum is then wrong, too
	line, _, _ := bytes.Cut(text, []byte("\n"))
	for name, c := range map[string]struct {
		format, role string
		content      []byte
		want         string
	}{
		"cifar empty":         {spec.FormatCIFAR10, spec.RoleTrain, nil, "files[train]: the file is no valid binary file of CIFAR-10: at byte 0: the file is empty"},
		"cifar cut":           {spec.FormatCIFAR10, spec.RoleTrain, cifar[:4000], "at byte 4000: record 1 ends after 927 of 3073 bytes"},
		"cifar label":         {spec.FormatCIFAR10, spec.RoleTest, changed(cifar, 3073, 10), "files[test]: the file is no valid binary file of CIFAR-10: at byte 3073: record 1: the label is 10"},
		"cifar100 label":      {spec.FormatCIFAR100, spec.RoleTrain, changed(cifar100, 3074+1, 100), "at byte 3075: record 1: the label is 100"},
		"cifar archive":       {spec.FormatCIFAR10, spec.RoleArchive, zipOf(t, part{"data_batch_1.bin", cifar[:100]}), "no whole number of records"},
		"cifar archive, none": {spec.FormatCIFAR10, spec.RoleArchive, zipOf(t, part{"data_batch_1.bin", cifar}), "no test_batch.bin"},
		"cifar no archive":    {spec.FormatCIFAR10, spec.RoleArchive, bytes.Repeat([]byte("x"), 1024), "the file is no archive"},
		"mat 7.3":             {spec.FormatSVHN, spec.RoleTrain, append([]byte("MATLAB 7.3 MAT-file"), make([]byte, 200)...), "HDF5"},
		"mat mark":            {spec.FormatSVHN, spec.RoleTrain, changed(mat, 126, 'X', 'X'), `at byte 126: the byte order mark is "XX"`},
		"mat version":         {spec.FormatSVHN, spec.RoleTrain, changed(mat, 124, 0, 2), "at byte 124: the version is 0x0200"},
		"mat cut":             {spec.FormatSVHN, spec.RoleTrain, mat[:5000], "files[train]"},
		"mat header":          {spec.FormatSVHN, spec.RoleTrain, mat[:100], "at byte 100: the header is cut short"},
		"mat compression":     {spec.FormatSVHN, spec.RoleTrain, changed(mat, 140, 0xff, 0xff, 0xff, 0xff), "at byte 128: "},
		"mat without X":       {spec.FormatSVHN, spec.RoleTrain, mat[:128], "lacks the images X or the labels y"},
		"mat label":           {spec.FormatSVHN, spec.RoleTrain, bytes.Replace(matPlain, []byte{2, 0, 2, 0, 2, 10}, []byte{2, 0, 2, 0, 2, 11}, 1), "label 1 is 11"},
		"mat dimensions":      {spec.FormatSVHN, spec.RoleTrain, bytes.Replace(matPlain, []byte{32, 0, 0, 0, 32, 0, 0, 0, 3, 0, 0, 0}, []byte{32, 0, 0, 0, 32, 0, 0, 0, 4, 0, 0, 0}, 1), `"X": 6144 bytes of type 2 are not the 8192 numbers`},
		"mat negative":        {spec.FormatSVHN, spec.RoleTrain, bytes.Replace(matPlain, []byte{32, 0, 0, 0, 32, 0, 0, 0, 3, 0, 0, 0}, []byte{32, 0, 0, 0x80, 32, 0, 0, 0, 3, 0, 0, 0}, 1), "dimension 0 is -"},
		"usps label":          {spec.FormatUSPS, spec.RoleTrain, append(bytes.Clone(text), []byte("11 1:0\n")...), fmt.Sprintf("at byte %d: line 3: the label is \"11\"", len(text))},
		"usps feature":        {spec.FormatUSPS, spec.RoleTrain, []byte("1 1:0 x:1\n"), `at byte 0: line 1: "x:1" is no feature`},
		"usps order":          {spec.FormatUSPS, spec.RoleTrain, []byte("1 2:0 2:1\n"), "feature 2 after 2"},
		"usps index":          {spec.FormatUSPS, spec.RoleTrain, []byte("1 257:0\n"), "feature 257 after 0"},
		"usps value":          {spec.FormatUSPS, spec.RoleTrain, []byte("1 1:1.5\n"), "feature 1 is 1.5"},
		"usps NaN":            {spec.FormatUSPS, spec.RoleTrain, []byte("1 1:nan\n"), "feature 1 is NaN"},
		"usps long line":      {spec.FormatUSPS, spec.RoleTrain, append(bytes.Clone(line), bytes.Repeat([]byte(" "), 70000)...), "longer than 64 KiB"},
		"usps empty":          {spec.FormatUSPS, spec.RoleTest, nil, "files[test]: the file is no valid LIBSVM file of USPS: at byte 0: the file has no images"},
		"usps bzip2":          {spec.FormatUSPS, spec.RoleTrain, changed(testdata(t, "usps.bz2"), 200, 0xff, 0xff, 0xff), "the file cannot be read"},
		"stl labels few":      {spec.FormatSTL10, spec.RoleTrainLabels, []byte{1, 2}, "2 labels for 3 images"},
		"stl labels many":     {spec.FormatSTL10, spec.RoleTrainLabels, []byte{1, 2, 3, 4, 5}, "4 labels for 3 images"},
		"stl label":           {spec.FormatSTL10, spec.RoleTrainLabels, []byte{1, 2, 0}, "at byte 2: label 2 is 0, it has to be from 1 to 10"},
		"stl archive":         {spec.FormatSTL10, spec.RoleArchive, zipOf(t, part{"train_y.bin", []byte{1}}), "the archive lacks train_X.bin"},
		"folder traversal":    {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"../../etc/a.png", pic}), `the entry's name "../../etc/a.png" is no plain path`},
		"folder absolute":     {spec.FormatImageFolder, spec.RoleTrain, tarOf(t, tar.Header{Name: "/a/b.png", Size: 3, Typeflag: tar.TypeReg}), `the entry's name "/a/b.png"`},
		"folder backslash":    {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{`a\b.png`, pic}), "no plain path"},
		"folder link":         {spec.FormatImageFolder, spec.RoleTrain, tarOf(t, tar.Header{Name: "a/b.png", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}), `entry "a/b.png" is a link`},
		"folder twice":        {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", pic}, part{"a/b.png", pic}), `entry "a/b.png" is there twice`},
		"folder empty":        {spec.FormatImageFolder, spec.RoleTrain, zipOf(t), "no PNG or JPEG files"},
		"folder no class":     {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"b.png", pic}), `entry "b.png" lies in no folder of a class`},
		"folder no train":     {spec.FormatImageFolder, spec.RoleArchive, zipOf(t, part{"test/a/b.png", pic}, part{"other/c/b.png", pic}), "0 classes"},
		"folder other class":  {spec.FormatImageFolder, spec.RoleArchive, zipOf(t, part{"train/a/b.png", pic}, part{"test/c/b.png", pic}), `entry "test/c/b.png": class "c" has no training images`},
		"folder kind":         {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.gif", pic}), "convert it to PNG or JPEG"},
		"folder no image":     {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", []byte("GIF89a")}, part{"c/d.png", pic}), `entry "a/b.png": the image starts with 47 49 46 38`},
		"folder huge image":   {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", huge}, part{"c/d.png", pic}), `entry "a/b.png": the image`},
		"folder sizes":        {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", pic}, part{"a/c.png", pngOf(t, 9, 8)}, part{"c/d.png", pic}), "transform.resize"},
		"folder cut":          {spec.FormatImageFolder, spec.RoleTrain, testdata(t, "folder.zip")[:3000], "directory is damaged"},
		"folder tar cut":      {spec.FormatImageFolder, spec.RoleArchive, testdata(t, "folder.tar.gz")[:3000], "the archive is damaged"},
		"folder damaged":      {spec.FormatImageFolder, spec.RoleTrain, changed(testdata(t, "folder-train.zip"), 200, 0, 0, 0, 0), "at byte "},
		"tiny annotation":     {spec.FormatImageFolder, spec.RoleArchive, zipOf(t, part{"wnids.txt", []byte("a\n")}, part{"train/a/b.png", pic}, part{"val/images/v.png", pic}, part{"val/val_annotations.txt", []byte("w.png\ta\n")}), `entry "val/images/v.png" is not in val_annotations.txt`},
		"tiny annotations":    {spec.FormatImageFolder, spec.RoleArchive, zipOf(t, part{"train/a/b.png", pic}, part{"val/images/v.png", pic}, part{"val/val_annotations.txt", []byte("w.png a\n")}), "val_annotations.txt, line 1"},
		"npz no keys":         {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"a.npy", nil}), "has 0 images and 0 labels"},
		"npz magic":           {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", []byte("12345678")}), `array "x_train": it starts with`},
		"npz header":          {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", npy(2, 0xffffffff, "")}), "a header of 4294967295 bytes"},
		"npz type":            {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", npy(1, -1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2), }")}), "type <f4"},
		"npz objects":         {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"y_train.npy", npy(1, -1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")}), "type |O"},
		"npz claims":          {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", npy(1, -1, "{'descr': '|u1', 'fortran_order': False, 'shape': (90000000, 60000, 60000), }")}), "out of reach"},
		"npz overflow":        {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", npy(1, -1, "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 1, 1), }")}), "out of reach"},
		"parquet":             {spec.FormatParquet, spec.RoleTrain, []byte("PAR1xxxxxxxxPAR1"), "it cannot be opened as Parquet"},
		"parquet column":      {spec.FormatParquet, spec.RoleTrain, testdata(t, "columns.parquet"), "options.imageColumn"},
		"parquet cut":         {spec.FormatParquet, spec.RoleTest, testdata(t, "test.parquet")[:500], "files[test]"},
	} {
		t.Run(name, func(t *testing.T) {
			d, open := source(c.format, c.role, c.content, t)
			if name == "folder sizes" { // both of them have to be decoded
				d.Splits.Train = 3
			}
			_, err := data.Build(d, open)
			var source *data.SourceError
			if !errors.As(err, &source) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant a SourceError with %q", err, c.want)
			}
		})
	}
}

// npy is an array's header with a length, its own for -1, and no data.
func npy(version byte, length int, header string) []byte {
	if length < 0 {
		length = len(header)
	}
	b := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(length))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(length))
	}
	return append(b, header...)
}

// A small file that unpacks without end stops at the limit.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 8<<20)
	tarred := tarOf(t, tar.Header{Name: "train/a/b.png", Size: int64(len(zeros)), Typeflag: tar.TypeReg}, tar.Header{Name: "train/a/c.png", Size: int64(len(zeros)), Typeflag: tar.TypeReg})
	for name, c := range map[string]struct {
		format, role string
		content      []byte
		want         string
	}{
		"tar.gz":     {spec.FormatImageFolder, spec.RoleArchive, zipped(t, tarred), "it unpacks to more than"},
		"zip":        {spec.FormatImageFolder, spec.RoleArchive, zipOf(t, part{"train/a/b.png", zeros}), "at most"},
		"npz":        {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", zeros}), "at most"},
		"cifar gzip": {spec.FormatCIFAR10, spec.RoleTrain, zipped(t, zeros), "more than 4194304 bytes together"},
		"pixels":     {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", pngOf(t, 3000, 2000)}, part{"c/d.png", pngOf(t, 8, 8)}), "2000x3000 pixels"},
	} {
		d, open := source(c.format, c.role, c.content, t)
		_, err := data.BuildWithin(d, open, data.Limits{Bytes: 4 << 20, Unpacked: 4 << 20, Pixels: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A source that fails to be read is not the user's mistake.
func TestBrokenSource(t *testing.T) {
	for name, g := range goldens(t) {
		d := g.dataset()
		_, err := data.Build(d, func(i int) (data.File, error) {
			f, err := g.open(i)
			return &failing{f}, err
		})
		var source *data.SourceError
		if !errors.Is(err, errDisk) || errors.As(err, &source) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// failing is a file of which reads fail.
type failing struct{ data.File }

var errDisk = errors.New("the disk is gone")

func (f *failing) Read([]byte) (int, error)          { return 0, errDisk }
func (f *failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

var _ io.ReaderAt = (*failing)(nil)

// What a file claims costs nothing: memory goes with what is there.
func TestClaimsCostNothing(t *testing.T) {
	pic := pngOf(t, 8, 8)
	wide := bytes.Clone(pic)
	binary.BigEndian.PutUint32(wide[16:], 8000)
	binary.BigEndian.PutUint32(wide[20:], 8000)
	binary.BigEndian.PutUint32(wide[29:], crc32.ChecksumIEEE(wide[12:29]))
	mat := testdata(t, "svhn-test.mat")
	dims := []byte{32, 0, 0, 0, 32, 0, 0, 0, 3, 0, 0, 0}
	at := bytes.Index(mat, dims)
	claims := changed(mat, at+12, 0, 0, 2, 0) // 131,072 images
	data8 := bytes.Index(claims[at:], []byte{2, 0, 0, 0}) + at
	binary.LittleEndian.PutUint32(claims[data8+4:], 131072*3072)
	for name, c := range map[string]struct {
		format, role string
		content      []byte
		want         string
	}{
		"empty tar": {spec.FormatCIFAR10, spec.RoleArchive, tarOf(t)[:512], "no data_batch"},
		"png":       {spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", wide}, part{"c/d.png", pic}), "claims 8000x8000 pixels"},
		"mat":       {spec.FormatSVHN, spec.RoleTrain, claims, "the data end after 2 of 131072 images"},
		"npy":       {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"x_train.npy", npy(1, -1, "{'descr': '|u1', 'fortran_order': False, 'shape': (99000000, 1, 1), }")}), "out of reach"},
		"labels":    {spec.FormatNPZ, spec.RoleArchive, zipOf(t, part{"y_train.npy", npy(1, -1, "{'descr': '<i8', 'fortran_order': False, 'shape': (99000000,), }")}), "out of reach"},
	} {
		d, open := source(c.format, c.role, c.content, t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := data.Build(d, open)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
			t.Errorf("%s: %d bytes were allocated", name, got)
		}
	}
}

// An image of one line that is to be resized is not blown up without bounds.
func TestResizeOfALine(t *testing.T) {
	d, open := source(spec.FormatImageFolder, spec.RoleTrain, zipOf(t, part{"a/b.png", pngOf(t, 5000, 1)}, part{"c/d.png", pngOf(t, 1, 5000)}), t)
	d.Transform = &spec.Transform{Resize: 4096}
	if _, err := data.Build(d, open); err == nil || !strings.Contains(err.Error(), "edges differ too much") {
		t.Errorf("got %v", err)
	}
}

// What the spec asks for is checked before a file is opened.
func TestSpecMistakes(t *testing.T) {
	for field, d := range map[string]*spec.Dataset{
		"format":                  {Format: "csv"},
		"files":                   {Format: spec.FormatNPZ, Files: []spec.File{{Role: spec.RoleTrain}}},
		"transform.resize":        {Format: spec.FormatNPZ, Transform: &spec.Transform{Resize: 5000}},
		"transform.centerCrop":    {Format: spec.FormatNPZ, Transform: &spec.Transform{CenterCrop: -1}},
		"transform.interpolation": {Format: spec.FormatNPZ, Transform: &spec.Transform{Resize: 8, Interpolation: "lanczos"}},
		"options.labels":          {Format: spec.FormatNPZ, Options: &spec.FormatOptions{Labels: "fine"}},
		"options.imageColumn":     {Format: spec.FormatNPZ, Options: &spec.FormatOptions{ImageColumn: "x"}},
		"options.labelColumn":     {Format: spec.FormatNPZ, Options: &spec.FormatOptions{LabelColumn: "x"}},
	} {
		if d.Files == nil {
			d.Files = []spec.File{{Role: spec.RoleArchive}}
		}
		_, err := data.Build(d, func(int) (data.File, error) { t.Error("a file was opened"); return nil, errDisk })
		var source *data.SourceError
		if !errors.As(err, &source) || source.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
