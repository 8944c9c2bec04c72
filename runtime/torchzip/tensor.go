package torchzip

import (
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/pickle"
)

// storage is the memory that tensors look at.
type storage struct {
	key string
	// dtype is "" for untyped bytes.
	dtype artifact.DType
	numel int64
	data  []byte
}

// bytes is the storage's size; untyped storages count bytes.
func (s *storage) bytes() int64 {
	if s.dtype == "" {
		return s.numel
	}
	return s.numel * int64(s.dtype.Size())
}

func (s *storage) fill(b []byte) error {
	if int64(len(b)) != s.bytes() {
		return fmt.Errorf("%w: %.80q has %d bytes, %d elements of %s take %d", ErrStorage, s.key, len(b), s.numel, s.dtype, s.bytes())
	}
	s.data = b
	return nil
}

// storageTypes are PyTorch's storage classes.
var storageTypes = map[string]artifact.DType{
	"DoubleStorage": artifact.F64, "FloatStorage": artifact.F32, "HalfStorage": artifact.F16, "BFloat16Storage": artifact.BF16,
	"LongStorage": artifact.I64, "IntStorage": artifact.I32, "ShortStorage": artifact.I16, "CharStorage": artifact.I8,
	"ByteStorage": artifact.U8, "BoolStorage": artifact.Bool, "UntypedStorage": "",
}

// dtypes are torch's element types by name.
var dtypes = map[string]artifact.DType{
	"float64": artifact.F64, "float32": artifact.F32, "float16": artifact.F16, "bfloat16": artifact.BF16,
	"int64": artifact.I64, "int32": artifact.I32, "int16": artifact.I16, "int8": artifact.I8, "uint8": artifact.U8, "bool": artifact.Bool,
}

// reader turns the calls and persistent ids of a torch pickle into tensors.
type reader struct {
	o        *Options
	storages map[string]*storage
	order    []*storage
	tensors  []*Tensor
	// load fills a storage when it is first named; nil fills them later (the format before zip).
	load func(*storage) error
	// budget is how many bytes may still be copied to make tensors contiguous.
	budget int64
}

// copyBudget bounds the copies that views need: a file without tricks has far fewer views than bytes.
func copyBudget(fileBytes int) int64 { return 4*int64(fileBytes) + 1<<16 }

func (r *reader) options() pickle.Options {
	r.storages = map[string]*storage{}
	return pickle.Options{Allow: r.allow, Reduce: r.reduce, Persistent: r.persistent, MaxOps: 1 << 26}
}

func (r *reader) allow(module, name string) bool {
	switch module {
	case "torch":
		_, s := storageTypes[name]
		_, d := dtypes[name]
		return s || d || name == "Size" || name == "device"
	case "torch.storage":
		_, s := storageTypes[name]
		return s
	case "torch._utils":
		return name == "_rebuild_tensor" || name == "_rebuild_tensor_v2" || name == "_rebuild_tensor_v3" || name == "_rebuild_parameter"
	}
	return r.o.Allow != nil && r.o.Allow(module, name)
}

// reduce makes the tensors.
func (r *reader) reduce(g pickle.Global, args pickle.Tuple) (pickle.Value, bool, error) {
	var err error
	var v pickle.Value
	switch {
	case g.Module == "torch._utils" && g.Name == "_rebuild_parameter":
		if len(args) < 1 {
			return nil, false, fmt.Errorf("%w: a parameter of nothing", ErrTensor)
		}
		v = args[0]
	case g.Module == "torch._utils":
		v, err = r.rebuild(args, g.Name == "_rebuild_tensor_v3")
	case g.Module == "torch" && g.Name == "Size" && len(args) == 1:
		v = args[0]
	default:
		return nil, false, nil
	}
	return v, err == nil, err
}

// rebuild makes a tensor of (storage, offset, size, stride, ...); of version 3 the element type is args[6].
func (r *reader) rebuild(args pickle.Tuple, typed bool) (*Tensor, error) {
	if len(args) < 4 || typed && len(args) < 7 {
		return nil, fmt.Errorf("%w: %d arguments", ErrTensor, len(args))
	}
	s, ok := args[0].(*storage)
	if !ok {
		return nil, fmt.Errorf("%w: it has a %s where its storage belongs", ErrTensor, typeName(args[0]))
	}
	offset, ok := args[1].(int64)
	if !ok {
		return nil, fmt.Errorf("%w: its offset is a %s", ErrTensor, pickle.TypeName(args[1]))
	}
	size, err := integers(args[2])
	if err != nil {
		return nil, fmt.Errorf("%w: size: %w", ErrTensor, err)
	}
	strides, err := integers(args[3])
	if err != nil {
		return nil, fmt.Errorf("%w: stride: %w", ErrTensor, err)
	}
	t := &Tensor{DType: s.dtype, storage: s, offset: offset, strides: strides, Shape: make([]int, len(size))}
	if typed {
		g, ok := args[6].(pickle.Global)
		if t.DType = dtypes[g.Name]; !ok || t.DType == "" {
			return nil, fmt.Errorf("%w: element type %s", ErrUnsupported, pickle.TypeName(args[6]))
		}
	}
	if t.DType == "" {
		return nil, fmt.Errorf("%w: a tensor of an untyped storage", ErrUnsupported)
	}
	if len(size) != len(strides) {
		return nil, fmt.Errorf("%w: %d sizes and %d strides", ErrTensor, len(size), len(strides))
	}
	for i, n := range size {
		if n < 0 || n > math.MaxInt32 {
			return nil, fmt.Errorf("%w: size %d", ErrTensor, n)
		}
		t.Shape[i] = int(n)
	}
	r.tensors = append(r.tensors, t)
	return t, nil
}

// maxDims bounds a shape, as PyTorch does.
const maxDims = 64

func integers(v pickle.Value) ([]int64, error) {
	items, ok := v.(pickle.Tuple)
	if !ok || len(items) > maxDims {
		return nil, fmt.Errorf("a %s, not a tuple of at most %d numbers", pickle.TypeName(v), maxDims)
	}
	out := make([]int64, len(items))
	for i, x := range items {
		if out[i], ok = x.(int64); !ok {
			return nil, fmt.Errorf("a %s, not a number", pickle.TypeName(x))
		}
	}
	return out, nil
}

// persistent resolves ('storage', class, key, location, elements), in the older format with a view as
// sixth.
func (r *reader) persistent(id pickle.Value) (pickle.Value, error) {
	t, ok := id.(pickle.Tuple)
	if !ok || len(t) < 5 || t[0] != "storage" {
		return nil, fmt.Errorf("%w: a persistent id that is no storage", ErrUnsupported)
	}
	class, ok1 := t[1].(pickle.Global)
	key, ok2 := t[2].(string)
	numel, ok3 := t[4].(int64)
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("%w: its id holds %s, %s, %s", ErrStorage, pickle.TypeName(t[1]), pickle.TypeName(t[2]), pickle.TypeName(t[4]))
	}
	dtype, ok := storageTypes[class.Name]
	if !ok {
		return nil, fmt.Errorf("%w: storage class %s", ErrUnsupported, class)
	}
	if len(t) > 5 && t[5] != nil {
		return nil, fmt.Errorf("%w: a view of a storage", ErrUnsupported)
	}
	if s, ok := r.storages[key]; ok {
		if s.dtype != dtype || s.numel != numel {
			return nil, fmt.Errorf("%w: %.80q is named with two types or sizes", ErrStorage, key)
		}
		return s, nil
	}
	if numel < 0 || numel > math.MaxInt64/8 {
		return nil, fmt.Errorf("%w: %d elements", ErrStorage, numel)
	}
	s := &storage{key: key, dtype: dtype, numel: numel}
	r.storages[key] = s
	r.order = append(r.order, s)
	if r.load == nil {
		return s, nil
	}
	return s, r.load(s)
}

// resolve gives every tensor its bytes.
func (r *reader) resolve() error {
	for _, t := range r.tensors {
		if err := r.view(t); err != nil {
			return err
		}
	}
	return nil
}

// view finds a tensor's bytes in its storage, copying only when they are not in order there.
func (r *reader) view(t *Tensor) error {
	size := int64(t.DType.Size())
	numel, last, contiguous := int64(1), int64(0), true
	for i := len(t.Shape) - 1; i >= 0; i-- {
		n := int64(t.Shape[i])
		if n == 0 {
			t.Data = []byte{}
			return nil
		}
		if numel > math.MaxInt64/n {
			return fmt.Errorf("%w: shape %v overflows", ErrTensor, t.Shape)
		}
		if n > 1 {
			s := t.strides[i]
			if s < 0 || s > math.MaxInt32 || last > math.MaxInt64/2-(n-1)*s {
				return fmt.Errorf("%w: stride %d of %d", ErrTensor, s, n)
			}
			contiguous = contiguous && s == numel
			last += (n - 1) * s
		}
		numel *= n
	}
	have := int64(len(t.storage.data)) / size
	if t.offset < 0 || t.offset > have || last >= have-t.offset {
		return fmt.Errorf("%w: elements %d to %d of %d, shape %v, storage %.80q", ErrTensor, t.offset, last+t.offset, have, t.Shape, t.storage.key)
	}
	if contiguous {
		from := t.offset * size
		t.Data = t.storage.data[from : from+numel*size : from+numel*size]
		return nil
	}
	if r.budget -= numel * size; numel > have || r.budget < 0 {
		return fmt.Errorf("%w: a view that repeats its storage, shape %v of %d elements", ErrTooLarge, t.Shape, have)
	}
	t.Data = gather(t, int(numel), int(size))
	return nil
}

// gather copies a strided view in row-major order.
func gather(t *Tensor, numel, size int) []byte {
	out := make([]byte, 0, numel*size)
	index := make([]int, len(t.Shape))
	at := t.offset
	for {
		from := int(at) * size
		out = append(out, t.storage.data[from:from+size]...)
		i := len(index) - 1
		for ; i >= 0; i-- {
			index[i]++
			at += t.strides[i]
			if index[i] < t.Shape[i] {
				break
			}
			at -= int64(t.Shape[i]) * t.strides[i]
			index[i] = 0
		}
		if i < 0 {
			return slices.Clip(out)
		}
	}
}
