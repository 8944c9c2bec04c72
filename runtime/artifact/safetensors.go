package artifact

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
)

// DType is an element type of a safetensors file, in the format's spelling.
type DType string

// The element types this package reads and writes.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of an element, 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Tensor is a named array: row-major, little-endian.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	// Data has Size(DType) times the product of Shape bytes.
	Data []byte
}

// File is a safetensors file in memory.
type File struct {
	Metadata map[string]string
	// Tensors lie in the order of their data.
	Tensors []Tensor
}

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (*Tensor, bool) {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i], true
		}
	}
	return nil, false
}

// MaxHeader is the largest header accepted, as in the reference implementation.
const MaxHeader = 100_000_000

// maxDims bounds a shape; no tensor of ours has more than six.
const maxDims = 32

// Defects of a safetensors file, one each.
var (
	ErrTensorsShort     = errors.New("safetensors: fewer than 8 bytes")
	ErrTensorsHuge      = errors.New("safetensors: header larger than 100 MB")
	ErrTensorsTruncated = errors.New("safetensors: file ends inside the header")
	ErrTensorsJSON      = errors.New("safetensors: header is not the JSON object the format asks for")
	ErrTensorsDuplicate = errors.New("safetensors: a key occurs twice")
	ErrTensorsMetadata  = errors.New("safetensors: __metadata__ is not a map of strings to strings")
	ErrTensorsDType     = errors.New("safetensors: unknown dtype")
	ErrTensorsShape     = errors.New("safetensors: impossible shape")
	ErrTensorsOffsets   = errors.New("safetensors: data_offsets do not fit dtype and shape")
	ErrTensorsOverlap   = errors.New("safetensors: tensors overlap")
	ErrTensorsHole      = errors.New("safetensors: bytes that belong to no tensor")
	ErrTensorsLength    = errors.New("safetensors: file is longer or shorter than its tensors")
	ErrTensorsName      = errors.New("safetensors: bad tensor name")
)

// WriteSafetensors writes tensors and returns the file's sha256 in hexadecimal and its size.
// Equal arguments give equal bytes. Data are laid out by falling element size, in the given order
// within a size, so that every tensor is aligned; the header is padded to 8 bytes.
func WriteSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) (sum string, n int64, err error) {
	header, order, err := encodeHeader(tensors, metadata)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	out := io.MultiWriter(w, h)
	for _, b := range header {
		k, err := out.Write(b)
		n += int64(k)
		if err != nil {
			return "", n, err
		}
	}
	for _, t := range order {
		k, err := out.Write(t.Data)
		n += int64(k)
		if err != nil {
			return "", n, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), n, nil
}

// EncodeSafetensors is WriteSafetensors into memory.
func EncodeSafetensors(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	size := 4096 // most headers
	for _, t := range tensors {
		size += len(t.Data)
	}
	b.Grow(size)
	_, _, err := WriteSafetensors(&b, tensors, metadata)
	return b.Bytes(), err
}

// encodeHeader returns the length word and the header, and the tensors in their file order.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([][]byte, []Tensor, error) {
	order := slices.Clone(tensors)
	slices.SortStableFunc(order, func(a, b Tensor) int { return cmp.Compare(b.DType.Size(), a.DType.Size()) })
	var b bytes.Buffer
	b.WriteByte('{')
	if len(metadata) > 0 {
		m, err := json.Marshal(metadata) // sorted by key
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&b, `"__metadata__":%s`, m)
	}
	seen := map[string]bool{}
	offset := int64(0)
	for _, t := range order {
		size, err := byteSize(t.DType, t.Shape)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		case size != int64(len(t.Data)):
			return nil, nil, fmt.Errorf("tensor %q: %w: %d bytes for %s %v", t.Name, ErrTensorsOffsets, len(t.Data), t.DType, t.Shape)
		case t.Name == "" || t.Name == "__metadata__":
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, ErrTensorsName)
		case seen[t.Name]:
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, ErrTensorsDuplicate)
		}
		seen[t.Name] = true
		name, err := json.Marshal(t.Name)
		if err != nil {
			return nil, nil, err
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...))
		if err != nil {
			return nil, nil, err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, name, t.DType, shape, offset, offset+size)
		offset += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > MaxHeader {
		return nil, nil, ErrTensorsHuge
	}
	return [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()}, order, nil
}

// byteSize is the number of bytes of a tensor, without overflow.
func byteSize(d DType, shape []int) (int64, error) {
	size := int64(d.Size())
	if size == 0 {
		return 0, fmt.Errorf("%w %q", ErrTensorsDType, d)
	}
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%w: %d dimensions", ErrTensorsShape, len(shape))
	}
	empty := false
	for _, n := range shape {
		switch {
		case n < 0:
			return 0, fmt.Errorf("%w: %v", ErrTensorsShape, shape)
		case n == 0:
			empty = true
		case size > math.MaxInt64/int64(n):
			return 0, fmt.Errorf("%w: %v overflows", ErrTensorsShape, shape)
		default:
			size *= int64(n)
		}
	}
	if empty {
		return 0, nil
	}
	return size, nil
}

// TensorInfo is a tensor's entry in the header.
type TensorInfo struct {
	Name  string
	DType DType
	Shape []int
	// Begin and End are byte positions in the file.
	Begin, End int64
}

// Header is what a safetensors file says before its data.
type Header struct {
	Metadata map[string]string
	// Tensors lie in the order of their data.
	Tensors []TensorInfo
	// Size is the length the whole file must have.
	Size int64
}

// Tensor finds a tensor by name.
func (h *Header) Tensor(name string) (TensorInfo, bool) {
	for _, t := range h.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return TensorInfo{}, false
}

// headerLength reads the first 8 bytes.
func headerLength(b []byte) (int64, error) {
	if len(b) < 8 {
		return 0, fmt.Errorf("%w: %d", ErrTensorsShort, len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > MaxHeader {
		return 0, fmt.Errorf("%w: %d bytes", ErrTensorsHuge, n)
	}
	return int64(n), nil
}

// ReadSafetensors parses a whole file. It is strict: everything the format leaves no room for is
// an error, one of ErrTensors*. Data alias b.
func ReadSafetensors(b []byte) (*File, error) {
	h, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	if h.Size != int64(len(b)) {
		return nil, fmt.Errorf("%w: %d bytes, the header asks for %d", ErrTensorsLength, len(b), h.Size)
	}
	f := &File{Metadata: h.Metadata, Tensors: make([]Tensor, len(h.Tensors))}
	for i, t := range h.Tensors {
		f.Tensors[i] = Tensor{Name: t.Name, DType: t.DType, Shape: t.Shape, Data: b[t.Begin:t.End:t.End]}
	}
	return f, nil
}

// parseHeader reads the header at the start of b, which may end anywhere after it.
func parseHeader(b []byte) (*Header, error) {
	n, err := headerLength(b)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < 8+n {
		return nil, fmt.Errorf("%w: %d of %d bytes", ErrTensorsTruncated, len(b)-8, n)
	}
	h, err := decodeHeader(b[8 : 8+n])
	if err != nil {
		return nil, err
	}
	return h, h.layOut(8 + n)
}

// layOut checks that the tensors tile the data without holes and makes offsets file positions.
func (h *Header) layOut(base int64) error {
	sort.SliceStable(h.Tensors, func(i, j int) bool {
		a, b := h.Tensors[i], h.Tensors[j]
		return a.Begin < b.Begin || a.Begin == b.Begin && a.End < b.End
	})
	at := int64(0)
	for i := range h.Tensors {
		t := &h.Tensors[i]
		switch size, err := byteSize(t.DType, t.Shape); {
		case err != nil:
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		case t.Begin < 0 || t.End < t.Begin || t.End-t.Begin != size:
			return fmt.Errorf("tensor %q: %w: [%d, %d] for %s %v", t.Name, ErrTensorsOffsets, t.Begin, t.End, t.DType, t.Shape)
		case t.Begin < at:
			return fmt.Errorf("tensor %q: %w", t.Name, ErrTensorsOverlap)
		case t.Begin > at:
			return fmt.Errorf("tensor %q: %w: %d before it", t.Name, ErrTensorsHole, t.Begin-at)
		case t.End > math.MaxInt64-base:
			return fmt.Errorf("tensor %q: %w", t.Name, ErrTensorsOffsets)
		}
		at = t.End
		t.Begin, t.End = t.Begin+base, t.End+base
	}
	h.Size = base + at
	return nil
}
