package torchzip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/weightspace/weightspace/runtime/pickle"
)

// legacyMagic and legacyVersion open a file of torch.save before PyTorch 1.6.
const (
	legacyMagic   = "1950a86a20f9469cfc6c"
	legacyVersion = 1001
)

// decodeLegacy reads five pickles (magic number, version, system, value, storage keys) and the storages.
func decodeLegacy(b []byte, o *Options) (*File, error) {
	rest := b
	next := func(po pickle.Options) (pickle.Value, error) {
		v, n, err := pickle.Decode(rest, po)
		if err != nil {
			return nil, fmt.Errorf("%w (at byte %d of the file)", err, len(b)-len(rest))
		}
		rest = rest[n:]
		return v, nil
	}
	magic, err := next(pickle.Options{MaxOps: 16})
	if errors.Is(err, pickle.ErrForeign) {
		return nil, err
	}
	if m, ok := magic.(*big.Int); err != nil || !ok || m.Text(16) != legacyMagic {
		return nil, ErrFormat
	}
	version, err := next(pickle.Options{MaxOps: 16})
	if err != nil {
		return nil, err
	}
	if version != int64(legacyVersion) {
		return nil, fmt.Errorf("%w: protocol version %s", ErrUnsupported, pickle.TypeName(version))
	}
	system, err := next(pickle.Options{MaxOps: 256})
	if err != nil {
		return nil, err
	}
	if d, ok := system.(*pickle.Dict); ok {
		if little, _ := d.Get("little_endian"); little == false {
			return nil, fmt.Errorf("%w: big-endian storages", ErrUnsupported)
		}
	}
	if int64(len(rest)) > o.MaxPickle+int64(len(b)) {
		return nil, ErrTooLarge
	}
	r := &reader{o: o, budget: copyBudget(len(b))}
	value, err := next(r.options())
	if err != nil {
		return nil, err
	}
	keys, err := next(pickle.Options{})
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*pickle.List)
	if !ok || len(list.Items) != len(r.order) {
		return nil, fmt.Errorf("%w: the list of storages does not have the %d of the value", ErrStorage, len(r.order))
	}
	for _, k := range list.Items {
		key, _ := k.(string)
		s, ok := r.storages[key]
		if !ok || s.data != nil {
			return nil, fmt.Errorf("%w: %.80q is no storage of the value, or there twice", ErrStorage, key)
		}
		if rest, err = s.legacyData(rest); err != nil {
			return nil, err
		}
	}
	return &File{Value: value, Legacy: true}, r.resolve()
}

// legacyData reads a count of elements and their bytes.
func (s *storage) legacyData(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("%w: the file ends before storage %.80q", ErrStorage, s.key)
	}
	n := binary.LittleEndian.Uint64(b)
	b = b[8:]
	size := s.bytes()
	if n != uint64(s.numel) || size > int64(len(b)) {
		return nil, fmt.Errorf("%w: %.80q has %d elements and %d bytes are left, %d elements of %s were named", ErrStorage, s.key, n, len(b), s.numel, s.dtype)
	}
	return b[size:], s.fill(b[:size:size])
}
