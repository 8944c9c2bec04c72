package artifact_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestSafetensorsDefects(t *testing.T) {
	const a = `"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}`
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, artifact.ErrTensorsShort},
		{"seven bytes", make([]byte, 7), artifact.ErrTensorsShort},
		{"header of 2^63", append(bytes.Repeat([]byte{0xff}, 8), '{', '}'), artifact.ErrTensorsHuge},
		{"header past the end", append(binary.LittleEndian.AppendUint64(nil, 100), "{}"...), artifact.ErrTensorsTruncated},
		{"no object", file(`[]`, 0), artifact.ErrTensorsJSON},
		{"empty header", file(``, 0), artifact.ErrTensorsJSON},
		{"leading space", file(` {}`, 0), artifact.ErrTensorsJSON},
		{"unclosed", file(`{`+a, 4), artifact.ErrTensorsJSON},
		{"trailing text", file(`{`+a+`}x`, 4), artifact.ErrTensorsJSON},
		{"unknown field", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}}`, 4), artifact.ErrTensorsJSON},
		{"field missing", file(`{"a":{"dtype":"U8","shape":[4]}}`, 4), artifact.ErrTensorsJSON},
		{"three offsets", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}`, 4), artifact.ErrTensorsJSON},
		{"fraction", file(`{"a":{"dtype":"U8","shape":[4.5],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsJSON},
		{"number too large", file(`{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsJSON},
		{"33 dimensions", file(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 32)+`1],"data_offsets":[0,1]}}`, 1), artifact.ErrTensorsJSON},
		{"same tensor twice", file(`{`+a+`,`+a+`}`, 4), artifact.ErrTensorsDuplicate},
		{"same field twice", file(`{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsDuplicate},
		{"same metadata twice", file(`{"__metadata__":{"k":"1","k":"2"},`+a+`}`, 4), artifact.ErrTensorsDuplicate},
		{"metadata number", file(`{"__metadata__":{"k":1},`+a+`}`, 4), artifact.ErrTensorsMetadata},
		{"metadata list", file(`{"__metadata__":[],`+a+`}`, 4), artifact.ErrTensorsMetadata},
		{"unknown dtype", file(`{"a":{"dtype":"U7","shape":[4],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsDType},
		{"negative shape", file(`{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsShape},
		{"overflow", file(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), artifact.ErrTensorsShape},
		{"wrong size", file(`{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsOffsets},
		{"backwards", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}`, 4), artifact.ErrTensorsOffsets},
		{"negative offset", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}}`, 4), artifact.ErrTensorsOffsets},
		{"overlap", file(`{`+a+`,"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6), artifact.ErrTensorsOverlap},
		{"shared bytes", file(`{`+a+`,"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsOverlap},
		{"hole", file(`{`+a+`,"b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}}`, 9), artifact.ErrTensorsHole},
		{"hole at the start", file(`{"b":{"dtype":"U8","shape":[4],"data_offsets":[1,5]}}`, 5), artifact.ErrTensorsHole},
		{"trailing data", file(`{`+a+`}`, 5), artifact.ErrTensorsLength},
		{"truncated data", file(`{`+a+`}`, 3), artifact.ErrTensorsLength},
		{"no name", file(`{"":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4), artifact.ErrTensorsName},
	} {
		if _, err := artifact.ReadSafetensors(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestSafetensorsWriterRefuses(t *testing.T) {
	ok := artifact.Tensor{Name: "a", DType: artifact.U8, Shape: []int{1}, Data: []byte{1}}
	for name, c := range map[string]struct {
		tensors []artifact.Tensor
		want    error
	}{
		"twice":     {[]artifact.Tensor{ok, ok}, artifact.ErrTensorsDuplicate},
		"size":      {[]artifact.Tensor{{Name: "a", DType: artifact.F32, Shape: []int{2}, Data: make([]byte, 4)}}, artifact.ErrTensorsOffsets},
		"name":      {[]artifact.Tensor{{Name: "__metadata__", DType: artifact.U8, Shape: []int{0}}}, artifact.ErrTensorsName},
		"dtype":     {[]artifact.Tensor{{Name: "a", DType: "F8"}}, artifact.ErrTensorsDType},
		"dimension": {[]artifact.Tensor{{Name: "a", DType: artifact.U8, Shape: []int{-1}}}, artifact.ErrTensorsShape},
	} {
		if _, err := artifact.EncodeSafetensors(c.tensors, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// The bytes are frozen: they were checked with the reference implementation in Python
// (hack/bench/peers/check.py).
func TestSafetensorsGolden(t *testing.T) {
	b, err := artifact.EncodeSafetensors([]artifact.Tensor{
		{Name: "bytes", DType: artifact.U8, Shape: []int{3}, Data: []byte{1, 2, 3}},
		{Name: "weights", DType: artifact.F32, Shape: []int{1, 2}, Data: []byte{0, 0, 128, 63, 0, 0, 0, 64}},
	}, map[string]string{"epoch": "1", "a": `"q"`})
	must(t, err)
	want := `{"__metadata__":{"a":"\"q\"","epoch":"1"},"weights":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"bytes":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}`
	if got := strings.TrimRight(string(b[8:len(b)-11]), " "); got != want {
		t.Errorf("header:\n got %s\nwant %s", got, want)
	}
	if (len(b)-11)%8 != 0 {
		t.Errorf("data start at %d", len(b)-11)
	}
	if got := hex.EncodeToString(b[len(b)-11:]); got != "0000803f00000040010203" {
		t.Errorf("data: %s", got)
	}
}

func TestSafetensorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dtypes := []artifact.DType{artifact.F64, artifact.F32, artifact.F16, artifact.BF16, artifact.I64, artifact.I32, artifact.U8}
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 20, 40), 0, 8, func(s string) string { return s }).Draw(rt, "names")
		var tensors []artifact.Tensor
		for _, n := range names {
			tt := artifact.Tensor{Name: n, DType: rapid.SampledFrom(dtypes).Draw(rt, "dtype"), Shape: rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(rt, "shape")}
			size := tt.DType.Size()
			for _, d := range tt.Shape {
				size *= d
			}
			tt.Data = rapid.SliceOfN(rapid.Byte(), size, size).Draw(rt, "data")
			tensors = append(tensors, tt)
		}
		meta := rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "meta")
		var buf bytes.Buffer
		sum, n, err := artifact.WriteSafetensors(&buf, tensors, meta)
		if err != nil {
			rt.Fatal(err)
		}
		if e := artifact.Entry("", buf.Bytes()); e.SHA256 != sum || e.Size != n {
			rt.Fatalf("sum %s, size %d; content %s, %d", sum, n, e.SHA256, e.Size)
		}
		f, err := artifact.ReadSafetensors(buf.Bytes())
		if err != nil {
			rt.Fatal(err)
		}
		if len(f.Tensors) != len(tensors) || fmt.Sprint(f.Metadata) != fmt.Sprint(meta) {
			rt.Fatalf("%d tensors, metadata %v", len(f.Tensors), f.Metadata)
		}
		for _, want := range tensors {
			got, ok := f.Tensor(want.Name)
			if !ok || got.DType != want.DType || !bytes.Equal(got.Data, want.Data) || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
				rt.Fatalf("got %+v, want %+v", got, want)
			}
		}
		again, err := artifact.EncodeSafetensors(f.Tensors, f.Metadata)
		if err != nil || !bytes.Equal(again, buf.Bytes()) {
			rt.Fatalf("encoding what was read differs: %v", err)
		}
	})
}

func TestReadRowOfALargeHeader(t *testing.T) {
	s := openStore(t, "mem://", artifact.Options{})
	data := make([]byte, 5*3*4)
	for i := range data {
		data[i] = byte(i)
	}
	for name, padding := range map[string]int{"small": 10, "large": 100_000} {
		b, err := artifact.EncodeSafetensors([]artifact.Tensor{{Name: "weights", DType: artifact.F32, Shape: []int{5, 3}, Data: data}}, map[string]string{"pad": strings.Repeat("x", padding)})
		must(t, err)
		must(t, s.Put(t.Context(), name, b))
		h, err := s.ReadHeader(t.Context(), name)
		must(t, err)
		if h.Size != int64(len(b)) {
			t.Errorf("size %d, the file has %d", h.Size, len(b))
		}
		row, err := s.ReadRow(t.Context(), name, h, "weights", 4)
		if err != nil || !bytes.Equal(row, data[48:]) {
			t.Errorf("row: %v, %v", row, err)
		}
		for _, i := range []int{-1, 5} {
			if _, err := s.ReadRow(t.Context(), name, h, "weights", i); err == nil {
				t.Errorf("row %d was read", i)
			}
		}
		must(t, s.Put(t.Context(), name, b[:len(b)-1]))
		_, err = s.ReadRow(t.Context(), name, h, "weights", 4)
		wantKind(t, err, artifact.ErrRange, name)
	}
}

func FuzzReadSafetensors(f *testing.F) {
	b, err := artifact.EncodeSafetensors([]artifact.Tensor{{Name: "a", DType: artifact.F32, Shape: []int{1, 2}, Data: make([]byte, 8)}}, map[string]string{"k": "v"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[],"data_offsets":[4,5]}}`, 5))
	f.Add(file(`{"a":{"dtype":"U8","shape":[0,9223372036854775807],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := artifact.ReadSafetensors(b)
		if err != nil {
			return
		}
		// What is accepted covers the data once and can be written again.
		again, err := artifact.EncodeSafetensors(parsed.Tensors, parsed.Metadata)
		if err != nil {
			t.Fatalf("accepted, but cannot be written: %v", err)
		}
		if _, err := artifact.ReadSafetensors(again); err != nil {
			t.Fatalf("written, but not accepted: %v", err)
		}
	})
}
