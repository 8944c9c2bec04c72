package hdf5

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Dataset is an array of numbers.
type Dataset struct {
	f      *File
	path   string
	shape  []int
	most   []uint64 // sizes that axes may grow to, undefined without limit; nil: they do not grow
	count  int      // elements
	kind   kind
	fill   []byte // of one element, nil for zero
	filter []filter
	layout layout
}

// kind is a type of elements.
type kind struct {
	size          int
	float, signed bool
	big           bool
	name          string
	unreadable    error // a type that holds no numbers
}

func (f *File) dataset(path string, address uint64) (*Dataset, error) {
	d := &Dataset{f: f, path: path}
	w := f.walk()
	ms, err := w.header(address)
	if err == nil {
		err = d.load(w, ms)
	}
	if err != nil {
		return nil, fmt.Errorf("HDF5 data set %s: %w", path, err)
	}
	return d, nil
}

func (d *Dataset) load(w *walk, ms []message) error {
	for _, m := range ms {
		if m.kind == msgExternal {
			return errors.New("its data lie in another file, which is not read")
		}
	}
	parts := []struct {
		kind   int
		what   string
		needed bool
		read   func(*cursor) error
	}{
		{msgDataspace, "data space", true, d.space},
		{msgDatatype, "data type", true, d.datatype},
		{msgFill, "fill value", false, d.fillValue},
		{msgFilters, "filter pipeline", false, d.filters},
		{msgLayout, "data layout", true, d.where},
	}
	for _, p := range parts {
		c, err := w.find(ms, p.kind, p.what)
		if err != nil {
			return err
		}
		if c == nil {
			if p.needed {
				return fmt.Errorf("is not a data set: it has no %s", p.what)
			}
			continue
		}
		if err := p.read(c); err != nil {
			return err
		}
		if c.err != nil {
			return fmt.Errorf("%s: %w", p.what, c.err)
		}
	}
	return nil
}

// Shape is the size of each axis, slowest first; nil for a scalar. Not to be written.
func (d *Dataset) Shape() []int { return d.shape }

// Type names the type of elements, such as float64.
func (d *Dataset) Type() string { return d.kind.name }

// space reads the shape.
func (d *Dataset) space(c *cursor) error {
	version, rank, flags := c.u8(), int(c.u8()), c.u8()
	null := false
	switch version {
	case 1:
		c.skip(5)
	case 2:
		null = c.u8() == 2
	default:
		return fmt.Errorf("a data space of version %d is not read", version)
	}
	const deepest = 32
	if rank > deepest {
		return fmt.Errorf("%d axes", rank)
	}
	d.count = 1
	for range rank {
		n := c.size()
		if n > MaxElements || (n > 0 && uint64(d.count) > MaxElements/n) {
			return fmt.Errorf("more than %d elements", MaxElements)
		}
		d.shape = append(d.shape, int(n))
		d.count *= int(n)
	}
	if flags&1 != 0 {
		for range rank {
			d.most = append(d.most, c.size())
		}
	}
	if null {
		d.count, d.shape = 0, []int{0}
	}
	return nil
}

// datatype reads the type. A type without numbers is an error of reading, not of opening.
func (d *Dataset) datatype(c *cursor) error {
	class := c.u8()
	bits := c.uint(3)
	k := kind{size: int(c.u32())}
	switch class & 15 {
	case 0:
		offset, precision := c.u16(), c.u16()
		k.big, k.signed = bits&1 != 0, bits&8 != 0
		k.name = fmt.Sprintf("int%d", 8*k.size)
		if !k.signed {
			k.name = "u" + k.name
		}
		if offset != 0 || precision != 8*k.size || !slices.Contains([]int{1, 2, 4, 8}, k.size) {
			k.unreadable = fmt.Errorf("integers of %d bits in %d bytes are not read", precision, k.size)
		}
	case 1:
		offset, precision := c.u16(), c.u16()
		layout := [5]uint64{c.uint(1), c.uint(1), c.uint(1), c.uint(1), c.uint(4)}
		k.float, k.big = true, bits&1 != 0
		k.name = fmt.Sprintf("float%d", 8*k.size)
		ieee := layout == [5]uint64{23, 8, 0, 23, 127} && k.size == 4 || layout == [5]uint64{52, 11, 0, 52, 1023} && k.size == 8
		if !ieee || offset != 0 || precision != 8*k.size || bits&0x40 != 0 {
			k.unreadable = fmt.Errorf("floats of %d bits are not read, only IEEE floats of 32 and 64", precision)
		}
	default:
		k.name = fmt.Sprintf("class %d", class&15)
		k.unreadable = errors.New("its elements are not numbers")
	}
	if c.err == nil && k.size <= 0 {
		return errors.New("elements of no bytes")
	}
	d.kind = k
	return nil
}

// fillValue reads what unwritten elements are.
func (d *Dataset) fillValue(c *cursor) error {
	version := c.u8()
	defined := false
	switch version {
	case 1, 2:
		c.skip(2)
		defined = c.u8() != 0
		if version == 1 {
			defined = true
		}
	case 3:
		defined = c.u8()&0x20 != 0
	default:
		return fmt.Errorf("a fill value of version %d is not read", version)
	}
	if !defined {
		return nil
	}
	n := c.u32()
	if c.err != nil {
		return c.err
	}
	if n == 0 {
		return nil
	}
	if int64(n) != int64(d.kind.size) {
		return errors.New("the fill value has another size than an element")
	}
	d.fill = c.bytes(int(n))
	return nil
}

// raw are all elements in file order and encoding.
func (d *Dataset) raw() ([]byte, error) {
	if d.kind.unreadable != nil {
		return nil, d.kind.unreadable
	}
	w := d.f.walk()
	return d.layout.read(d, w)
}

// blank are all elements unwritten. What is allocated stays in proportion to the stored bytes: deflate
// expands at most 1032-fold, and an array may have 1 MiB that was never written.
func (d *Dataset) blank(stored int) ([]byte, error) {
	const expansion, free = 1032, 1 << 20
	n := d.count * d.kind.size
	if n > free+expansion*stored {
		return nil, fmt.Errorf("%d bytes cannot come out of %d stored ones", n, stored)
	}
	out := make([]byte, n)
	if d.fill != nil {
		for at := 0; at < n; at += d.kind.size {
			copy(out[at:], d.fill)
		}
	}
	return out, nil
}

// Float64s are the elements in row-major order. Integers beyond 2^53 are an error.
func (d *Dataset) Float64s() ([]float64, error) {
	b, err := d.raw()
	if err != nil {
		return nil, fmt.Errorf("HDF5 data set %s: %w", d.path, err)
	}
	out := make([]float64, d.count)
	for i := range out {
		v, f := d.kind.decode(b[i*d.kind.size:])
		if !d.kind.float {
			if v > 1<<53 || v < -(1<<53) {
				return nil, fmt.Errorf("HDF5 data set %s: element %d is no number that float64 holds exactly", d.path, i)
			}
			f = float64(v)
		}
		out[i] = f
	}
	return out, nil
}

// Int64s are the elements in row-major order. Floats that are not integers are an error.
func (d *Dataset) Int64s() ([]int64, error) {
	b, err := d.raw()
	if err != nil {
		return nil, fmt.Errorf("HDF5 data set %s: %w", d.path, err)
	}
	out := make([]int64, d.count)
	for i := range out {
		v, f := d.kind.decode(b[i*d.kind.size:])
		if d.kind.float {
			if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return nil, fmt.Errorf("HDF5 data set %s: element %d is %v, not an integer", d.path, i, f)
			}
			v = int64(f)
		}
		if !d.kind.signed && !d.kind.float && v < 0 {
			return nil, fmt.Errorf("HDF5 data set %s: element %d is beyond 2^63", d.path, i)
		}
		out[i] = v
	}
	return out, nil
}

// decode is one element.
func (k kind) decode(b []byte) (v int64, f float64) {
	var u uint64
	for i := range k.size {
		at := i
		if k.big {
			at = k.size - 1 - i
		}
		u |= uint64(b[at]) << (8 * i)
	}
	switch {
	case k.float && k.size == 4:
		return 0, float64(math.Float32frombits(uint32(u)))
	case k.float:
		return 0, math.Float64frombits(u)
	case k.signed:
		shift := 64 - 8*k.size
		return int64(u<<shift) >> shift, 0
	default:
		return int64(u), 0
	}
}
