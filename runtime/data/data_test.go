package data_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/spec"
)

// idx makes an IDX file of unsigned bytes.
func idx(content []byte, shape ...int) []byte {
	b := []byte{0, 0, 8, byte(len(shape))}
	for _, d := range shape {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, content...)
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadIDX(t *testing.T) {
	plain := idx([]byte{1, 2, 3, 4, 5, 6}, 1, 2, 3)
	for name, b := range map[string][]byte{"plain": plain, "gzip": zipped(t, plain)} {
		f, err := data.ReadIDX(bytes.NewReader(b), data.Limits{})
		if err != nil || !slices.Equal(f.Shape, []int{1, 2, 3}) || !slices.Equal(f.Data, []byte{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestReadIDXNamesDefectAndOffset(t *testing.T) {
	good := idx(make([]byte, 6), 2, 3)
	z := zipped(t, good)
	damaged := bytes.Clone(z)
	damaged[len(damaged)-6] ^= 0xff // the checksum
	for name, c := range map[string]struct {
		b      []byte
		offset int64
		want   string
	}{
		"empty":             {nil, 0, "magic number is cut short"},
		"HTML":              {[]byte("<html><body>"), 0, "starts with 00 00"},
		"float elements":    {append([]byte{0, 0, 0x0d, 1}, good[4:]...), 2, "element type is 0x0d"},
		"no dimensions":     {[]byte{0, 0, 8, 0}, 3, "0 dimensions"},
		"five dimensions":   {[]byte{0, 0, 8, 5}, 3, "5 dimensions"},
		"cut in a size":     {good[:6], 6, "dimension 0 is cut short"},
		"zero size":         {idx(nil, 0, 3), 4, "dimension 0 is 0"},
		"cut in the data":   {good[:len(good)-2], 16, "ends after 4 of 6"},
		"trailing":          {append(bytes.Clone(good), 0), 18, "data go on"},
		"too many items":    {idx(nil, 4_000_000_000, 1), 4, "items"},
		"overflow":          {idx(nil, 90_000_000, 0xffffffff, 0xffffffff, 0xffffffff), 8, "more than"},
		"gzip cut":          {z[:len(z)-12], 0, "ends"},
		"gzip checksum":     {damaged, 18, "invalid checksum"},
		"gzip header":       {[]byte{0x1f, 0x8b, 9, 9}, 0, "gzip"},
		"lies about length": {idx(make([]byte, 100), 90_000_000), 108, "ends after 100 of 90000000"},
	} {
		_, err := data.ReadIDX(bytes.NewReader(c.b), data.Limits{})
		var format *data.FormatError
		if !errors.As(err, &format) {
			t.Errorf("%s: got %v, want a FormatError", name, err)
			continue
		}
		if name != "gzip cut" && (format.Offset != c.offset || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q at byte %d", name, err, c.want, c.offset)
		}
	}
}

// A gzip bomb ends at the declared size: the reader takes a bounded part of it.
func TestReadIDXStopsABomb(t *testing.T) {
	bomb := zipped(t, idx(make([]byte, 64<<20), 10))
	r := &counter{r: bytes.NewReader(bomb)}
	if _, err := data.ReadIDX(r, data.Limits{}); err == nil {
		t.Fatal("accepted")
	}
	if r.n > len(bomb)/2+128<<10 {
		t.Errorf("read %d of %d bytes", r.n, len(bomb))
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func FuzzReadIDX(f *testing.F) {
	f.Add(idx([]byte{1, 2, 3, 4, 5, 6}, 1, 2, 3))
	f.Add(idx([]byte{1, 2}, 2))
	f.Add(zipped(f, idx([]byte{1, 2}, 2)))
	f.Add(idx(nil, 4_000_000_000, 4_000_000_000))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := data.ReadIDX(bytes.NewReader(b), data.Limits{Bytes: 1 << 20, Items: 1 << 10})
		if err != nil {
			return
		}
		size := 1
		for _, d := range got.Shape {
			size *= d
		}
		if size != len(got.Data) || size > 1<<20 || got.Shape[0] > 1<<10 {
			t.Fatalf("shape %v, %d bytes", got.Shape, len(got.Data))
		}
	})
}

// sources holds made files: image i of the training file is filled with byte i, of the test
// file with byte 200+i; labels are i%10.
func sources(train, test int) map[string][]byte {
	fill := func(n, from int) []byte {
		var b []byte
		for i := range n {
			b = append(b, bytes.Repeat([]byte{byte(from + i)}, 6)...)
		}
		return b
	}
	labels := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i % 10)
		}
		return b
	}
	return map[string][]byte{
		spec.RoleTrainImages: idx(fill(train, 0), train, 2, 3), spec.RoleTrainLabels: idx(labels(train), train),
		spec.RoleTestImages: idx(fill(test, 200), test, 2, 3), spec.RoleTestLabels: idx(labels(test), test),
	}
}

func opener(d *spec.Dataset, files map[string][]byte) data.Opener {
	return func(i int) (data.File, error) {
		b, ok := files[d.Files[i].Role]
		if !ok {
			return nil, fmt.Errorf("no file for %s", d.Files[i].Role)
		}
		return data.Bytes(b), nil
	}
}

func dataset() *spec.Dataset {
	return &spec.Dataset{
		Format: "idx", Files: []spec.File{{Role: spec.RoleTrainImages}, {Role: spec.RoleTrainLabels}, {Role: spec.RoleTestImages}, {Role: spec.RoleTestLabels}},
		Splits:        spec.Splits{Train: 40, Validation: 10, Test: 20, Seed: 42},
		Normalization: spec.Normalization{Mean: []string{"0.1307"}, Std: []string{"0.3081"}},
	}
}

func build(t *testing.T, d *spec.Dataset) *data.Set {
	t.Helper()
	set, err := data.Build(d, opener(d, sources(50, 20)))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestBuildSplits(t *testing.T) {
	set := build(t, dataset())
	seen := map[byte]bool{}
	moved := 0
	for _, sp := range []data.Split{set.Train, set.Validation} {
		for i, l := range sp.Labels {
			from := sp.Images[i*6]
			if seen[from] || from >= 50 || l != uint16(from%10) {
				t.Fatalf("image %d with label %d: seen %v", from, l, seen[from])
			}
			if int(from) != i {
				moved++
			}
			seen[from] = true
		}
	}
	if len(seen) != 50 || moved < 25 {
		t.Errorf("%d images, %d moved: that is no random permutation of all", len(seen), moved)
	}
	for i := range set.Test.N {
		if set.Test.Images[i*6] != byte(200+i) || set.Test.Labels[i] != uint16(i%10) {
			t.Errorf("test image %d is not in the file's order", i)
		}
	}
	if set.Classes != 10 || set.Mean[0] != 0.1307 || set.Std[0] != 0.3081 || set.Train.C != 1 || set.Train.H != 2 || set.Train.W != 3 {
		t.Errorf("set: %+v", set.Facts())
	}
}

// The permutation and the digest are frozen: they are part of every model's identity.
func TestBuildIsFrozen(t *testing.T) {
	set := build(t, dataset())
	var first []byte
	for i := range 5 {
		first = append(first, set.Train.Images[i*6])
	}
	const wantDigest = "sha256:28dfffbfd792ad9690f4916bcb911e582dea7d40ec048581852988f2a51e7221"
	if !bytes.Equal(first, []byte{12, 38, 37, 17, 7}) || set.ResultDigest != wantDigest {
		t.Errorf("first images %v, digest %s", first, set.ResultDigest)
	}
}

func TestLimitKeepsTheFirst(t *testing.T) {
	d := dataset()
	whole := build(t, d)
	d.Limit = spec.Limit{Train: 7, Validation: 3, Test: 2}
	part := build(t, d)
	if !bytes.Equal(part.Train.Images, whole.Train.Images[:7*6]) || !slices.Equal(part.Validation.Labels, whole.Validation.Labels[:3]) || part.Test.N != 2 || part.Classes != 10 {
		t.Errorf("got %+v", part.Facts())
	}
	if part.ResultDigest == whole.ResultDigest {
		t.Error("the limit does not move the digest")
	}
}

func TestEveryInputMovesTheDigest(t *testing.T) {
	digests := map[string]string{build(t, dataset()).ResultDigest: "unchanged"}
	for name, edit := range map[string]func(*spec.Dataset){
		"seed":  func(d *spec.Dataset) { d.Splits.Seed = 43 },
		"train": func(d *spec.Dataset) { d.Splits.Train = 39 },
		"test":  func(d *spec.Dataset) { d.Splits.Test = 19 },
		"mean":  func(d *spec.Dataset) { d.Normalization.Mean = []string{"0.5"} },
		"std":   func(d *spec.Dataset) { d.Normalization.Std = []string{"0.5"} },
	} {
		d := dataset()
		edit(d)
		got := build(t, d).ResultDigest
		if other, ok := digests[got]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		digests[got] = name
	}
}

func TestBuildErrorsNameTheField(t *testing.T) {
	for name, c := range map[string]struct {
		spec  func(*spec.Dataset)
		files func(map[string][]byte)
		field string
	}{
		"format":          {func(d *spec.Dataset) { d.Format = "png" }, nil, "format"},
		"too many":        {func(d *spec.Dataset) { d.Splits.Validation = 11 }, nil, "splits"},
		"overflowing":     {func(d *spec.Dataset) { d.Splits.Validation = 1 << 62; d.Splits.Train = 50 }, nil, "splits"},
		"too many tests":  {func(d *spec.Dataset) { d.Splits.Test = 21 }, nil, "splits.test"},
		"negative":        {func(d *spec.Dataset) { d.Splits.Test = -1 }, nil, "splits"},
		"bad mean":        {func(d *spec.Dataset) { d.Normalization.Mean = []string{"x"} }, nil, "normalization.mean"},
		"zero std":        {func(d *spec.Dataset) { d.Normalization.Std = []string{"0"} }, nil, "normalization.std[0]"},
		"three means":     {func(d *spec.Dataset) { d.Normalization.Mean = []string{"0", "0", "0"} }, nil, "normalization.mean"},
		"truncated":       {nil, func(f map[string][]byte) { f[spec.RoleTrainImages] = f[spec.RoleTrainImages][:50] }, "files[trainImages]"},
		"labels swapped":  {nil, func(f map[string][]byte) { f[spec.RoleTestLabels] = f[spec.RoleTestImages] }, "files[testLabels]"},
		"images swapped":  {nil, func(f map[string][]byte) { f[spec.RoleTestImages] = f[spec.RoleTestLabels] }, "files[testImages]"},
		"labels short":    {nil, func(f map[string][]byte) { f[spec.RoleTrainLabels] = idx(make([]byte, 49), 49) }, "files[trainLabels]"},
		"other test size": {nil, func(f map[string][]byte) { f[spec.RoleTestImages] = idx(make([]byte, 80), 20, 2, 2) }, "files[testImages]"},
	} {
		d, files := dataset(), sources(50, 20)
		if c.spec != nil {
			c.spec(d)
		}
		if c.files != nil {
			c.files(files)
		}
		_, err := data.Build(d, opener(d, files))
		var source *data.SourceError
		if !errors.As(err, &source) || source.Field != c.field {
			t.Errorf("%s: got %v, want a SourceError of %s", name, err, c.field)
		}
	}
	files := sources(50, 20)
	delete(files, spec.RoleTestLabels)
	var source *data.SourceError
	if _, err := data.Build(dataset(), opener(dataset(), files)); err == nil || errors.As(err, &source) || !strings.Contains(err.Error(), "files[testLabels]") {
		t.Errorf("a file that cannot be opened: got %v", err)
	}
}

func TestStoredSet(t *testing.T) {
	ctx := t.Context()
	store, err := artifact.Open(ctx, "mem://", "")
	if err != nil {
		t.Fatal(err)
	}
	set := build(t, dataset())
	m := artifact.Manifest{Namespace: "ns", Name: "made", Spec: []byte(`{}`)}
	digest, err := data.Write(ctx, store, "ns/dataset/made", set, m)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := data.Write(ctx, store, "ns/dataset/made", set, m); err != nil || again != digest {
		t.Errorf("written again: %s, %v", again, err)
	}
	in := spec.DatasetInput{Path: "ns/dataset/made", ManifestDigest: digest, ResultDigest: set.ResultDigest, Channels: 1, Height: 2, Width: 3, Classes: 10, Train: 40, Validation: 10, Test: 20}
	back, err := data.Load(ctx, store, in)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Train.Images, set.Train.Images) || !slices.Equal(back.Test.Labels, set.Test.Labels) || back.Classes != 10 || back.Mean[0] != set.Mean[0] {
		t.Error("what was loaded differs")
	}
	other := in
	other.ResultDigest = artifact.Digest(nil)
	if _, err := data.Load(ctx, store, other); !errors.Is(err, artifact.ErrCorrupt) {
		t.Errorf("another digest pinned: got %v", err)
	}
	b, err := store.Get(ctx, "ns/dataset/made/validation.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := store.Put(ctx, "ns/dataset/made/validation.safetensors", b); err != nil {
		t.Fatal(err)
	}
	if _, err := data.Load(ctx, store, in); !errors.Is(err, artifact.ErrCorrupt) || !strings.Contains(err.Error(), "validation.safetensors") {
		t.Errorf("a flipped bit: got %v", err)
	}
}

// No validation split, an empty one in the store.
func TestEmptyValidation(t *testing.T) {
	d := dataset()
	d.Splits.Validation, d.Splits.Train = 0, 50
	store, err := artifact.Open(t.Context(), "mem://", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Write(t.Context(), store, "d", build(t, d), artifact.Manifest{}); err != nil {
		t.Fatal(err)
	}
	set, _, _, err := data.LoadPath(t.Context(), store, "d")
	if err != nil || set.Validation.N != 0 || set.Train.N != 50 {
		t.Errorf("%+v, %v", set, err)
	}
}

// More than 256 classes are stored as two bytes each, and come back.
func TestWideLabels(t *testing.T) {
	labels := make([]uint16, 50)
	for i := range labels {
		labels[i] = uint16(i * 20)
	}
	sp := data.Split{Images: make([]uint8, 50), Labels: labels, N: 50, C: 1, H: 1, W: 1}
	set := &data.Set{Train: sp, Test: sp, Classes: 981, Normalization: dataset().Normalization}
	store, err := artifact.Open(t.Context(), "mem://", "")
	if err != nil {
		t.Fatal(err)
	}
	set.Validation = data.Split{Images: []uint8{}, C: 1, H: 1, W: 1}
	set.ResultDigest = data.ResultDigest(set)
	if _, err := data.Write(t.Context(), store, "d", set, artifact.Manifest{}); err != nil {
		t.Fatal(err)
	}
	back, _, _, err := data.LoadPath(t.Context(), store, "d")
	if err != nil || !slices.Equal(back.Train.Labels, labels) || back.Classes != 981 {
		t.Errorf("%v, %v", back, err)
	}
}
