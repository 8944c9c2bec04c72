// Package torchzip reads and writes what torch.save writes: a zip archive with a pickle of the object and an
// entry for the bytes of each storage, and, reading only, the format before PyTorch 1.6. Nothing of a
// file is ever run: the pickle may name what tensors are made of and nothing else (package pickle).
//
// Reading makes one pass over the file in memory; contiguous tensors of stored (not deflated) entries
// alias it.
package torchzip

import (
	"errors"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/pickle"
)

// Options bound what a file may make of memory and say what else it may name. The zero value is for
// state dicts and plain values.
type Options struct {
	// Allow permits further globals, as inert objects; nil for none.
	Allow func(module, name string) bool
	// MaxInflated bounds the bytes of deflated entries, 0 for 1 GiB.
	MaxInflated int64
	// MaxPickle bounds the pickle, 0 for 256 MiB.
	MaxPickle int64
}

const (
	defaultMaxInflated = 1 << 30
	defaultMaxPickle   = 256 << 20
)

// Defects of a file. Errors wrap one of them, or one of package pickle's.
var (
	ErrFormat      = errors.New("torch file: neither a zip archive of torch.save nor the format before it")
	ErrZip         = errors.New("torch file: damaged zip archive")
	ErrEntry       = errors.New("torch file: an entry of the archive is missing or unusable")
	ErrChecksum    = errors.New("torch file: an entry's bytes do not have its checksum")
	ErrTooLarge    = errors.New("torch file: larger than is read")
	ErrOverlap     = errors.New("torch file: entries overlap")
	ErrStorage     = errors.New("torch file: a storage is not as the pickle says")
	ErrTensor      = errors.New("torch file: a tensor does not fit its storage")
	ErrUnsupported = errors.New("torch file: not supported")
	ErrStateDict   = errors.New("torch file: no state dict")
)

// Tensor is a tensor in a file's value.
type Tensor struct {
	DType artifact.DType
	Shape []int
	// Data is row-major, little-endian. It may alias the file.
	Data []byte

	storage *storage
	offset  int64
	strides []int64
}

// SetState implements what package pickle asks for attributes that Python code put on a tensor; they
// are not kept.
func (t *Tensor) SetState(pickle.Value) error { return nil }

// File is a file's value: a tree of package pickle with *Tensor in it.
type File struct {
	Value pickle.Value
	// Legacy says that the file has the format before PyTorch 1.6.
	Legacy bool
}

// Decode reads a file.
func Decode(b []byte, o Options) (*File, error) {
	if o.MaxInflated == 0 {
		o.MaxInflated = defaultMaxInflated
	}
	if o.MaxPickle == 0 {
		o.MaxPickle = defaultMaxPickle
	}
	if len(b) >= 4 && string(b[:4]) == "PK\x03\x04" {
		return decodeZip(b, &o)
	}
	return decodeLegacy(b, &o)
}

// wrappers are the keys under which training scripts keep a state dict beside other things.
var wrappers = []string{"state_dict", "model_state_dict", "model", "net", "weights"}

// StateDict returns the tensors of a module's state_dict in its order: those of a dict of tensors by name, also
// one level down under a usual key.
func StateDict(v pickle.Value) ([]artifact.Tensor, error) {
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("%w: the file holds a %s, not a dict of tensors", ErrStateDict, pickle.TypeName(v))
	}
	for _, k := range wrappers {
		if inner, ok := d.Get(k); ok {
			if inner, ok := inner.(*pickle.Dict); ok {
				d = inner
				break
			}
		}
	}
	out := make([]artifact.Tensor, 0, d.Len())
	for i := range d.Len() {
		k, v := d.At(i)
		name, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%w: key %d is a %s, not a name", ErrStateDict, i, pickle.TypeName(k))
		}
		t, ok := v.(*Tensor)
		if !ok {
			return nil, fmt.Errorf("%w: %.80q is a %s, not a tensor", ErrStateDict, name, typeName(v))
		}
		out = append(out, artifact.Tensor{Name: name, DType: t.DType, Shape: t.Shape, Data: t.Data})
	}
	return out, nil
}

func typeName(v pickle.Value) string {
	if _, ok := v.(*Tensor); ok {
		return "tensor"
	}
	return pickle.TypeName(v)
}

// ReadStateDict is Decode and StateDict.
func ReadStateDict(b []byte, o Options) ([]artifact.Tensor, error) {
	f, err := Decode(b, o)
	if err != nil {
		return nil, err
	}
	return StateDict(f.Value)
}

// Float32s returns a tensor's elements as float32, whatever floating or integer type they have.
func Float32s(dst []float32, t *artifact.Tensor) ([]float32, error) {
	size := t.DType.Size()
	if size == 0 || len(t.Data)%size != 0 {
		return nil, fmt.Errorf("%w: element type %s", ErrUnsupported, t.DType)
	}
	for i := 0; i < len(t.Data); i += size {
		v, err := element(t.DType, t.Data[i:i+size])
		if err != nil {
			return nil, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}

func element(d artifact.DType, b []byte) (float32, error) {
	bits := uint64(0)
	for i := len(b) - 1; i >= 0; i-- {
		bits = bits<<8 | uint64(b[i])
	}
	switch d {
	case artifact.F32:
		return math.Float32frombits(uint32(bits)), nil
	case artifact.F64:
		return float32(math.Float64frombits(bits)), nil
	case artifact.F16:
		return half(uint16(bits)), nil
	case artifact.BF16:
		return math.Float32frombits(uint32(bits) << 16), nil
	case artifact.I64:
		return float32(int64(bits)), nil
	case artifact.I32:
		return float32(int32(uint32(bits))), nil
	case artifact.I16:
		return float32(int16(uint16(bits))), nil
	case artifact.I8:
		return float32(int8(uint8(bits))), nil
	case artifact.U8, artifact.Bool:
		return float32(bits), nil
	default:
	}
	return 0, fmt.Errorf("%w: element type %s", ErrUnsupported, d)
}

// half is the value of an IEEE half float; all are exact in float32.
func half(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	case 0:
		v := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(v))
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
