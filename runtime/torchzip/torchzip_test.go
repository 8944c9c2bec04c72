package torchzip_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/pickle"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// The files in testdata are written by hack/bench/peers/golden_torch.py.

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type golden struct {
	Name, DType string
	Shape       []int
	Values      []float64
}

var dtypes = map[string]artifact.DType{
	"float64": artifact.F64, "float32": artifact.F32, "float16": artifact.F16, "bfloat16": artifact.BF16, "int64": artifact.I64,
	"int32": artifact.I32, "int16": artifact.I16, "int8": artifact.I8, "uint8": artifact.U8, "bool": artifact.Bool,
}

func compare(t *testing.T, what string, got []artifact.Tensor, want []golden) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d tensors, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || g.DType != dtypes[w.DType] || !slices.Equal(g.Shape, w.Shape) {
			t.Errorf("%s: tensor %q %s %v, want %q %s %v", what, g.Name, g.DType, g.Shape, w.Name, w.DType, w.Shape)
			continue
		}
		values, err := torchzip.Float32s(nil, &g)
		if err != nil || len(values) != len(w.Values) {
			t.Errorf("%s: %s: %d values, %v", what, g.Name, len(values), err)
			continue
		}
		for j, v := range w.Values {
			if math.Float32bits(values[j]) != math.Float32bits(float32(v)) {
				t.Errorf("%s: %s[%d] is %v, want %v", what, g.Name, j, values[j], v)
			}
		}
	}
}

// TestFiles: files of PyTorch hold the tensors that PyTorch put into them.
func TestFiles(t *testing.T) {
	for file, expect := range map[string]string{
		"state": "state", "deflated": "state", "legacy": "legacy", "protocol4": "protocol4", "wrapped": "wrapped", "views": "views",
		"views-legacy": "views-legacy", "types": "types", "no-checksums": "no-checksums",
	} {
		var want []golden
		if err := json.Unmarshal(read(t, expect+".json"), &want); err != nil {
			t.Fatal(err)
		}
		got, err := torchzip.ReadStateDict(read(t, file+".pt"), torchzip.Options{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		compare(t, file, got, want)
		// What we write of it is read as the same.
		b, err := torchzip.EncodeStateDict(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := torchzip.ReadStateDict(b, torchzip.Options{})
		if err != nil {
			t.Fatalf("%s, written by us: %v", file, err)
		}
		compare(t, file+", written by us", again, want)
		if twice, err := torchzip.EncodeStateDict(got); err != nil || !bytes.Equal(b, twice) {
			t.Errorf("%s: two writes differ, %v", file, err)
		}
	}
}

// TestAlias: tensors of stored entries are parts of the file.
func TestAlias(t *testing.T) {
	b := read(t, "state.pt")
	got, err := torchzip.ReadStateDict(b, torchzip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if before := got[0].Data[0]; true {
		at := bytes.Index(b, got[0].Data)
		b[at] ^= 1
		if got[0].Data[0] == before {
			t.Error("the data were copied")
		}
	}
}

// TestOther: a file of other things is read as their tree; as a state dict it is refused.
func TestOther(t *testing.T) {
	f, err := torchzip.Decode(read(t, "optimizer.pt"), torchzip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Value.(*pickle.Dict); !ok {
		t.Errorf("%T", f.Value)
	}
	if _, err := torchzip.StateDict(f.Value); !errors.Is(err, torchzip.ErrStateDict) || !strings.Contains(err.Error(), `"state"`) {
		t.Errorf("%v", err)
	}
	if _, err := torchzip.StateDict("text"); !errors.Is(err, torchzip.ErrStateDict) {
		t.Errorf("%v", err)
	}
}

type entry struct {
	name   string
	data   []byte
	method uint16
}

// archive makes a zip file; deflated entries announce their real size.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		if err == nil {
			_, err = f.Write(e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// oneTensor is the pickle of {"t": tensor} with the given numbers.
func oneTensor(class string, numel, offset int64, size, strides []int64) []byte {
	number := func(n int64) string { return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	tuple := func(list []int64) string {
		s := "("
		for _, n := range list {
			s += number(n)
		}
		return s + "t"
	}
	return []byte("\x80\x02}U\x01tctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" + class + "\nU\x010U\x03cpu" + number(numel) + "tQ" +
		number(offset) + tuple(size) + tuple(strides) + "\x89NtRs.")
}

// TestHostile: each defect is a specific error.
func TestHostile(t *testing.T) {
	eight := make([]byte, 32)
	tensor := func(class string, numel, offset int64, size, strides []int64) []byte {
		return archive(t, entry{name: "a/data.pkl", data: oneTensor(class, numel, offset, size, strides)}, entry{name: "a/data/0", data: eight})
	}
	good := read(t, "state.pt")
	flipped := slices.Clone(good)
	state, err := torchzip.ReadStateDict(good, torchzip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	flipped[bytes.Index(good, state[0].Data)] ^= 1
	if got, err := torchzip.ReadStateDict(tensor("FloatStorage", 8, 2, []int64{2, 3}, []int64{3, 1}), torchzip.Options{}); err != nil || len(got[0].Data) != 24 {
		t.Fatalf("the tensor without a defect: %v", err)
	}
	for name, c := range map[string]struct {
		in   []byte
		kind error
		text string
	}{
		"empty":          {nil, torchzip.ErrFormat, ""},
		"text":           {[]byte("hello"), torchzip.ErrFormat, ""},
		"truncated":      {good[:len(good)-100], torchzip.ErrZip, ""},
		"half":           {good[:len(good)/2], torchzip.ErrZip, ""},
		"legacy, cut":    {read(t, "legacy.pt")[:700], pickle.ErrTruncated, ""},
		"flipped bit":    {flipped, torchzip.ErrChecksum, ""},
		"no pickle":      {archive(t, entry{name: "a/b"}), torchzip.ErrEntry, "data.pkl"},
		"two pickles":    {archive(t, entry{name: "a/data.pkl"}, entry{name: "b/data.pkl"}), torchzip.ErrEntry, "b/data.pkl"},
		"name twice":     {archive(t, entry{name: "a/data.pkl"}, entry{name: "a/data.pkl"}), torchzip.ErrEntry, "twice"},
		"script":         {archive(t, entry{name: "a/data.pkl"}, entry{name: "a/constants.pkl"}), torchzip.ErrUnsupported, "TorchScript"},
		"big-endian":     {archive(t, entry{name: "a/data.pkl", data: []byte("N.")}, entry{name: "a/byteorder", data: []byte("big")}), torchzip.ErrUnsupported, "big"},
		"tail":           {archive(t, entry{name: "a/data.pkl", data: []byte("N.N.")}), torchzip.ErrFormat, "after the end"},
		"os.system":      {archive(t, entry{name: "a/data.pkl", data: []byte("cos\nsystem\n(S'true'\ntR.")}), pickle.ErrForeign, "os.system"},
		"bare pickle":    {[]byte("cos\nsystem\n(S'true'\ntR."), pickle.ErrForeign, "os.system"},
		"no storage":     {archive(t, entry{name: "a/data.pkl", data: oneTensor("FloatStorage", 1, 0, nil, nil)}), torchzip.ErrEntry, "data/0"},
		"storage class":  {tensor("QInt8Storage", 8, 0, nil, nil), pickle.ErrForeign, "QInt8Storage"},
		"too few bytes":  {tensor("FloatStorage", 9, 0, nil, nil), torchzip.ErrStorage, "36"},
		"negative":       {tensor("FloatStorage", -1, 0, nil, nil), torchzip.ErrStorage, "-1"},
		"beyond":         {tensor("FloatStorage", 8, 3, []int64{2, 3}, []int64{3, 1}), torchzip.ErrTensor, "[2 3]"},
		"offset":         {tensor("FloatStorage", 8, -1, []int64{1}, []int64{1}), torchzip.ErrTensor, ""},
		"negative size":  {tensor("FloatStorage", 8, 0, []int64{-1}, []int64{1}), torchzip.ErrTensor, "-1"},
		"negative step":  {tensor("FloatStorage", 8, 7, []int64{8}, []int64{-1}), torchzip.ErrTensor, "stride"},
		"huge stride":    {tensor("FloatStorage", 8, 0, []int64{3}, []int64{math.MaxInt64 / 2}), torchzip.ErrTensor, "stride"},
		"overflow":       {tensor("FloatStorage", 8, 0, []int64{1 << 30, 1 << 30, 1 << 30}, []int64{0, 0, 0}), torchzip.ErrTensor, "overflows"},
		"repeated":       {tensor("FloatStorage", 8, 0, []int64{1 << 30}, []int64{0}), torchzip.ErrTooLarge, "repeats"},
		"sizes, strides": {tensor("FloatStorage", 8, 0, []int64{2}, []int64{1, 1}), torchzip.ErrTensor, "1 sizes"},
		"bomb":           {bomb(t, 1<<30), torchzip.ErrTooLarge, "deflate cannot"},
		"two sizes":      {storedBomb(t), torchzip.ErrZip, "two sizes"},
		"overlap":        {overlap(t), torchzip.ErrOverlap, ""},
		"method":         {archiveRaw(t, zip.FileHeader{Name: "a/data.pkl", Method: 12}, []byte("N.")), torchzip.ErrUnsupported, "method 12"},
		"expanded":       {read(t, "expanded.pt"), torchzip.ErrTooLarge, "[1000]"},
	} {
		_, err := torchzip.Decode(c.in, torchzip.Options{})
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.kind, c.text)
		}
	}
	small := torchzip.Options{MaxInflated: 100, MaxPickle: 100}
	if _, err := torchzip.Decode(read(t, "deflated.pt"), small); !errors.Is(err, torchzip.ErrTooLarge) {
		t.Errorf("pickle: %v", err)
	}
	if _, err := torchzip.Decode(read(t, "deflated.pt"), torchzip.Options{MaxInflated: 100}); !errors.Is(err, torchzip.ErrTooLarge) {
		t.Errorf("inflated: %v", err)
	}
}

// archiveRaw makes an archive of one entry whose header says what it wants.
func archiveRaw(t testing.TB, h zip.FileHeader, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if h.CompressedSize64 == 0 {
		h.CompressedSize64 = uint64(len(data))
	}
	f, err := w.CreateRaw(&h)
	if err == nil {
		_, err = f.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb announces far more than its bytes can hold.
func bomb(t testing.TB, size uint64) []byte {
	return archiveRaw(t, zip.FileHeader{Name: "a/data.pkl", Method: zip.Deflate, UncompressedSize64: 200 << 20, CRC32: 1}, make([]byte, size>>24))
}

func storedBomb(t testing.TB) []byte {
	return archiveRaw(t, zip.FileHeader{Name: "a/data.pkl", Method: zip.Store, UncompressedSize64: 1 << 20}, []byte("N."))
}

// overlap makes the directory name one entry's bytes twice.
func overlap(t testing.TB) []byte {
	b := archive(t, entry{name: "a/data.pkl", data: []byte("N.")}, entry{name: "a/data/0x", data: []byte("N.")})
	// The second entry of the central directory gets the first one's offset.
	second := bytes.LastIndex(b, []byte("PK\x01\x02"))
	copy(b[second+42:second+46], make([]byte, 4))
	return b
}

// TestNotFinite: NaN and infinities are read as they are; the importer judges them.
func TestNotFinite(t *testing.T) {
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(math.Inf(-1))))
	file, err := torchzip.EncodeStateDict([]artifact.Tensor{{Name: "w", DType: artifact.F32, Shape: []int{2}, Data: b}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := torchzip.ReadStateDict(file, torchzip.Options{})
	if err != nil || !bytes.Equal(got[0].Data, b) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestWrite: entries are aligned and checked, as PyTorch writes them; wrong tensors are refused.
func TestWrite(t *testing.T) {
	tensors := []artifact.Tensor{
		{Name: "a.weight", DType: artifact.F32, Shape: []int{2, 1}, Data: make([]byte, 8)},
		{Name: "a.count", DType: artifact.I64, Shape: []int{}, Data: []byte{5, 0, 0, 0, 0, 0, 0, 0}},
	}
	var w bytes.Buffer
	if err := torchzip.WriteStateDict(&w, tensors); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(w.Bytes()), int64(w.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		at, err := f.DataOffset()
		if err != nil || at%64 != 0 || f.Method != zip.Store {
			t.Errorf("%s: data at %d, method %d, %v", f.Name, at, f.Method, err)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || crc32.ChecksumIEEE(b) != f.CRC32 {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	for name, bad := range map[string][]artifact.Tensor{
		"bytes": {{Name: "a", DType: artifact.F32, Shape: []int{3}, Data: make([]byte, 8)}}, "type": {{Name: "a", DType: "F8"}}, "twice": {tensors[0], tensors[0]},
	} {
		if _, err := torchzip.EncodeStateDict(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzDecode: no file panics or makes more memory than it is long.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pt")
	if err != nil || len(files) == 0 {
		f.Fatal(fmt.Errorf("%d files, %w", len(files), err))
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(bomb(f, 1<<30))
	f.Add(overlap(f))
	f.Add(archive(f, entry{name: "a/data.pkl", data: oneTensor("FloatStorage", 8, 0, []int64{1 << 30}, []int64{0})}, entry{name: "a/data/0", data: make([]byte, 32)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := torchzip.Decode(b, torchzip.Options{MaxInflated: 1 << 20})
		if err != nil {
			return
		}
		tensors, err := torchzip.StateDict(file.Value)
		if err != nil {
			return
		}
		for _, x := range tensors {
			if _, err := torchzip.Float32s(nil, &x); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkReadStateDict(b *testing.B) {
	file := read(b, "state.pt")
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := torchzip.ReadStateDict(file, torchzip.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
