package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// decodeHeader parses the JSON of a header token by token, because encoding/json would let
// duplicate keys pass.
func decodeHeader(b []byte) (*Header, error) {
	if len(b) == 0 || b[0] != '{' {
		return nil, fmt.Errorf("%w: it does not start with {", ErrTensorsJSON)
	}
	h := &Header{Metadata: map[string]string{}}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	err := eachKey(dec, func(key string) error {
		if key == "__metadata__" {
			return decodeMetadata(dec, h.Metadata)
		}
		if key == "" {
			return fmt.Errorf("%w: it is empty", ErrTensorsName)
		}
		t, err := decodeInfo(dec, key)
		h.Tensors = append(h.Tensors, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	if rest := strings.TrimRight(string(b[dec.InputOffset():]), " "); rest != "" {
		return nil, fmt.Errorf("%w: %d bytes after its end", ErrTensorsJSON, len(rest))
	}
	return h, nil
}

// eachKey walks an object; f consumes the value of each key.
func eachKey(dec *json.Decoder, f func(key string) error) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(fmt.Errorf("%w: an object is missing", ErrTensorsJSON), err)
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return errors.Join(ErrTensorsJSON, err)
		}
		if seen[key] {
			return fmt.Errorf("%w: %q", ErrTensorsDuplicate, key)
		}
		seen[key] = true
		if err := f(key); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.Join(ErrTensorsJSON, err)
	}
	return nil
}

func decodeMetadata(dec *json.Decoder, into map[string]string) error {
	err := eachKey(dec, func(key string) error {
		t, err := dec.Token()
		v, ok := t.(string)
		if err != nil || !ok {
			return errors.Join(fmt.Errorf("%w: %q", ErrTensorsMetadata, key), err)
		}
		into[key] = v
		return nil
	})
	if err != nil && !errors.Is(err, ErrTensorsDuplicate) && !errors.Is(err, ErrTensorsMetadata) {
		return errors.Join(ErrTensorsMetadata, err)
	}
	return err
}

func decodeInfo(dec *json.Decoder, name string) (TensorInfo, error) {
	t := TensorInfo{Name: name}
	fields := map[string]bool{}
	err := eachKey(dec, func(key string) (err error) {
		fields[key] = true
		switch key {
		case "dtype":
			err = dec.Decode(&t.DType)
		case "shape":
			t.Shape, err = decodeInts[int](dec, maxDims)
		case "data_offsets":
			var o []int64
			if o, err = decodeInts[int64](dec, 2); err == nil && len(o) != 2 {
				err = errors.New("data_offsets has not two numbers")
			}
			if err == nil {
				t.Begin, t.End = o[0], o[1]
			}
		default:
			err = fmt.Errorf("unknown field %q", key)
		}
		return err
	})
	if err == nil && len(fields) != 3 {
		err = errors.New("dtype, shape or data_offsets is missing")
	}
	if err != nil {
		if !errors.Is(err, ErrTensorsDuplicate) {
			err = fmt.Errorf("%w: %w", ErrTensorsJSON, err)
		}
		return t, fmt.Errorf("tensor %q: %w", name, err)
	}
	return t, nil
}

// decodeInts reads an array of at most limit integers.
func decodeInts[T int | int64](dec *json.Decoder, limit int) ([]T, error) {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.Join(errors.New("an array is missing"), err)
	}
	out := []T{}
	for dec.More() {
		if len(out) == limit {
			return nil, fmt.Errorf("more than %d numbers", limit)
		}
		t, err := dec.Token()
		n, ok := t.(json.Number)
		if err != nil || !ok {
			return nil, errors.Join(errors.New("not a number"), err)
		}
		v, err := n.Int64()
		if err != nil || int64(T(v)) != v {
			return nil, fmt.Errorf("%s is no integer in range", n)
		}
		out = append(out, T(v))
	}
	_, err := dec.Token()
	return out, err
}

// firstChunk is how much is asked for before the header's length is known.
const firstChunk = 64 << 10

// ReadHeader reads and checks the header of a stored safetensors file: one ranged read, two when the
// header is large.
func (s *Store) ReadHeader(ctx context.Context, path string) (*Header, error) {
	b, err := s.getUpTo(ctx, path, firstChunk)
	if err != nil {
		return nil, err
	}
	n, err := headerLength(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if need := 8 + n; int64(len(b)) < need && len(b) == firstChunk {
		if b, err = s.getUpTo(ctx, path, need); err != nil {
			return nil, err
		}
	}
	h, err := parseHeader(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// ReadRow reads row i of a tensor's first axis with one ranged read, given the file's header: one
// model out of a population [P, nParams].
func (s *Store) ReadRow(ctx context.Context, path string, h *Header, name string, i int) ([]byte, error) {
	t, ok := h.Tensor(name)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: there is no tensor %q", path, name)
	case len(t.Shape) == 0:
		return nil, fmt.Errorf("%s: tensor %q is a scalar, it has no rows", path, name)
	case i < 0 || i >= t.Shape[0]:
		return nil, fmt.Errorf("%s: tensor %q has %d rows, row %d is not among them", path, name, t.Shape[0], i)
	}
	row := (t.End - t.Begin) / int64(t.Shape[0])
	return s.GetRange(ctx, path, t.Begin+int64(i)*row, row)
}

// ReadTensors reads a whole stored safetensors file.
func (s *Store) ReadTensors(ctx context.Context, path string) (*File, error) {
	b, err := s.Get(ctx, path)
	if err != nil {
		return nil, err
	}
	f, err := ReadSafetensors(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
