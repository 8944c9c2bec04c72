package data

import (
	"fmt"
	"io"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

// npzNames are the keys of a split's images and labels, as Keras and MedMNIST write them.
type npzNames struct {
	images, labels [2]string
}

// readNPZ reads one NumPy archive. Images are bytes [N, H, W] or [N, H, W, C], labels whole numbers [N] or
// [N, 1]. With keys val_images or x_val the validation split is theirs.
func readNPZ(b *builder) error {
	splits := []struct {
		to    *collector
		names npzNames
	}{
		{b.train, npzNames{[2]string{"x_train", "train_images"}, [2]string{"y_train", "train_labels"}}},
		{b.validation, npzNames{[2]string{"x_val", "val_images"}, [2]string{"y_val", "val_labels"}}},
		{b.test, npzNames{[2]string{"x_test", "test_images"}, [2]string{"y_test", "test_labels"}}},
	}
	return b.each(spec.RoleArchive, "NumPy archive", func(f File) error {
		labels := map[*collector][]uint16{}
		if err := walk(f, b.limits, func(e *entry) (err error) {
			name, isArray := strings.CutSuffix(e.name, ".npy")
			if !isArray {
				return nil
			}
			for _, s := range splits {
				switch name {
				case s.names.images[0], s.names.images[1]:
					err = npzImages(e, s.to)
				case s.names.labels[0], s.names.labels[1]:
					labels[s.to], err = npzLabels(e, s.to.limits.Items)
				}
				if err != nil {
					return within(err, e.offset, fmt.Sprintf("array %q", name))
				}
			}
			return nil
		}); err != nil {
			return err
		}
		for _, s := range splits {
			if got, want := len(labels[s.to]), s.to.n(); got != want || want == 0 && s.to != b.validation {
				return &FormatError{0, fmt.Sprintf("%s has %d images and %d labels", strings.Join(append(s.names.images[:], s.names.labels[:]...), ", "), want, got), nil}
			}
			s.to.labels = labels[s.to]
		}
		return nil
	})
}

// npzArray opens an array and reads its header.
func npzArray(e *entry) (io.ReadCloser, *npyHeader, error) {
	r, err := e.open()
	if err != nil {
		return nil, nil, err
	}
	h, err := readNPYHeader(r)
	if err != nil {
		_ = r.Close() // it was only read
		return nil, nil, err
	}
	return r, h, nil
}

func npzImages(e *entry, to *collector) error {
	r, h, err := npzArray(e)
	if err != nil {
		return err
	}
	defer r.Close()
	if len(h.descr) != 3 || h.descr[1:] != "u1" || h.fortran || len(h.shape) < 3 || len(h.shape) > 4 {
		return &FormatError{0, fmt.Sprintf("type %s, shape %v, Fortran order %v; bytes (u1) [N, H, W] or [N, H, W, C] in C order are read", h.descr, h.shape, h.fortran), nil}
	}
	s := shape{1, h.shape[1], h.shape[2]}
	if len(h.shape) == 4 {
		s.c = h.shape[3]
	}
	if n := h.shape[0]; n < 1 || int64(n) > to.limits.Items || s.c < 1 || s.c > 16 || s.h < 1 || s.w < 1 || s.h > 1<<16 || s.w > 1<<16 || int64(s.size()) > 16*to.limits.Pixels ||
		int64(s.size()) > e.size/int64(n) {
		return &FormatError{0, fmt.Sprintf("shape %v is out of reach, or more than the %d bytes of the array", h.shape, e.size), nil}
	}
	if to.n() > 0 {
		return &FormatError{0, "the split's images are there twice, with the keys of Keras and of MedMNIST", nil}
	}
	to.expect(h.shape[0])
	planes := make([]uint8, s.size())
	n, err := records(r, s.size(), func(i int, b []byte) error {
		if s.c > 1 && to.wants(i) {
			b = planar(planes, b, s)
		}
		return to.add(b, s, 0)
	})
	if err == nil && n != h.shape[0] {
		err = &FormatError{0, fmt.Sprintf("%d images, the shape is %v", n, h.shape), nil}
	}
	return within(err, h.bytes, "data")
}

// planar turns [H, W, C] into [C, H, W].
func planar(to, from []uint8, s shape) []uint8 {
	n := s.h * s.w
	for i := range n {
		for c := range s.c {
			to[c*n+i] = from[i*s.c+c]
		}
	}
	return to
}

func npzLabels(e *entry, most int64) ([]uint16, error) {
	r, h, err := npzArray(e)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	width, decode := npyInteger(h.descr)
	if width == 0 || len(h.shape) < 1 || len(h.shape) > 2 || len(h.shape) == 2 && h.shape[1] != 1 {
		return nil, &FormatError{0, fmt.Sprintf("type %s, shape %v; one whole number per image is read, [N] or [N, 1]", h.descr, h.shape), nil}
	}
	if n := int64(h.shape[0]); n > most || n > e.size/int64(width) {
		return nil, &FormatError{0, fmt.Sprintf("%d labels are out of reach, or more than the %d bytes of the array", n, e.size), nil}
	}
	var out []uint16
	n, err := records(r, width, func(i int, b []byte) error {
		v := decode(b)
		if v < 0 || v >= maxClasses {
			return &FormatError{0, fmt.Sprintf("the label is %d, it has to be from 0 to %d", v, maxClasses-1), nil}
		}
		if i >= h.shape[0] {
			return &FormatError{0, fmt.Sprintf("the data go on after the shape %v", h.shape), nil}
		}
		out = append(out, uint16(v))
		return nil
	})
	if err == nil && n != h.shape[0] {
		err = &FormatError{0, fmt.Sprintf("%d labels, the shape is %v", n, h.shape), nil}
	}
	return out, within(err, h.bytes, "data")
}
