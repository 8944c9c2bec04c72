package hdf5

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// Filters.
const (
	filterDeflate  = 1
	filterShuffle  = 2
	filterFletcher = 3
)

type filter struct{ id, parameter int }

// filters reads the pipeline, in the order of writing.
func (d *Dataset) filters(c *cursor) error {
	version, n := c.u8(), int(c.u8())
	switch version {
	case 1:
		c.skip(6)
	case 2:
	default:
		return fmt.Errorf("a filter pipeline of version %d is not read", version)
	}
	const most = 32
	if n > most {
		return fmt.Errorf("%d filters", n)
	}
	for range n {
		id, name := c.u16(), 0
		if version == 1 || id >= 256 {
			name = c.u16()
		}
		c.skip(2)
		values := c.u16()
		if version == 1 {
			name = (name + 7) / 8 * 8
		}
		c.skip(name)
		f := filter{id: id}
		for k := range values {
			if v := c.u32(); k == 0 {
				f.parameter = int(v)
			}
			if c.err != nil {
				return c.err
			}
		}
		if version == 1 && values%2 == 1 {
			c.skip(4)
		}
		if id != filterDeflate && id != filterShuffle && id != filterFletcher {
			return fmt.Errorf("filter %d is not read, only deflate, shuffle and Fletcher-32", id)
		}
		d.filter = append(d.filter, f)
	}
	return nil
}

// gather puts chunks into the array.
type gather struct {
	d      *Dataset
	out    []byte
	grid   []int // chunks along each axis
	total  int
	chunks []chunk
	stored int // bytes of chunks
}

// chunk is what an index says of one.
type chunk struct {
	at     []int // first element
	stored []byte
	mask   uint32
}

func newGather(d *Dataset) *gather {
	g := &gather{d: d, total: 1}
	for i, n := range d.shape {
		k := (n + d.layout.chunk[i] - 1) / d.layout.chunk[i]
		g.grid = append(g.grid, k)
		g.total *= k
	}
	return g
}

// at is the first element of chunk i in row-major order.
func (g *gather) at(i int) []int {
	out := make([]int, len(g.grid))
	for k := len(g.grid) - 1; k >= 0; k-- {
		out[k] = i % g.grid[k] * g.d.layout.chunk[k]
		i /= g.grid[k]
	}
	return out
}

// add notes a chunk whose first element is at.
func (g *gather) add(w *walk, p place, at []int) error {
	if len(g.chunks) == g.total {
		return errors.New("more chunks than make the data set: the file is damaged")
	}
	for i, v := range at {
		if v >= g.d.shape[i] || v%g.d.layout.chunk[i] != 0 {
			return fmt.Errorf("a chunk at %v lies outside the data set of shape %v", at, g.d.shape)
		}
	}
	if p.bytes > uint64(len(w.data)) {
		return errShort
	}
	c, err := w.at(p.address, int(p.bytes))
	if err != nil {
		return err
	}
	g.chunks = append(g.chunks, chunk{at, c.b, p.mask})
	g.stored += len(c.b)
	return nil
}

// read makes the array of all chunks.
func (g *gather) read() ([]byte, error) {
	var err error
	if g.out, err = g.d.blank(g.stored); err != nil {
		return nil, err
	}
	for _, c := range g.chunks {
		if err := g.put(c); err != nil {
			return nil, err
		}
	}
	return g.out, nil
}

// put reads a chunk.
func (g *gather) put(c chunk) error {
	d, l, at, b := g.d, &g.d.layout, c.at, c.stored
	overhangs := false
	for i, v := range at {
		overhangs = overhangs || v+l.chunk[i] > d.shape[i]
	}
	var err error
	for i := len(d.filter) - 1; i >= 0; i-- {
		if c.mask&(1<<i) != 0 || (l.partial && overhangs) {
			continue
		}
		if b, err = d.filter[i].undo(b, l.size, d.kind.size); err != nil {
			return fmt.Errorf("chunk at %v: %w", at, err)
		}
	}
	if len(b) != l.size {
		return fmt.Errorf("chunk at %v has %d bytes, want %d", at, len(b), l.size)
	}
	g.copy(b, at, 0, 0, 0)
	return nil
}

// copy copies the part of a chunk that lies in the array, axis by axis: from and to are positions of elements.
func (g *gather) copy(b []byte, at []int, axis, from, to int) {
	d, chunk := g.d, g.d.layout.chunk
	n := min(chunk[axis], d.shape[axis]-at[axis])
	from, to = from*chunk[axis], to*d.shape[axis]+at[axis]
	if axis == len(at)-1 {
		s := d.kind.size
		copy(g.out[to*s:(to+n)*s], b[from*s:])
		return
	}
	for i := range n {
		g.copy(b, at, axis+1, from+i, to+i)
	}
}

// undo reverses a filter. size is the bytes of a whole chunk, which bounds what deflate may give.
func (f filter) undo(b []byte, size, element int) ([]byte, error) {
	const checksum = 4
	switch f.id {
	case filterDeflate:
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("deflate: %w", err)
		}
		out, err := io.ReadAll(io.LimitReader(z, int64(size)+checksum+1))
		if err != nil {
			return nil, fmt.Errorf("deflate: %w", err)
		}
		return out, nil
	case filterShuffle:
		if f.parameter > 0 {
			element = f.parameter
		}
		out, n := make([]byte, len(b)), len(b)/element
		for i := range n {
			for k := range element {
				out[i*element+k] = b[k*n+i]
			}
		}
		copy(out[n*element:], b[n*element:])
		return out, nil
	default:
		if len(b) < checksum {
			return nil, errShort
		}
		data, sum := b[:len(b)-checksum], little.Uint32(b[len(b)-checksum:])
		if fletcher32(data) != sum {
			return nil, errors.New("its checksum does not fit: the data are damaged")
		}
		return data, nil
	}
}

// fletcher32 is the format's checksum: of 16-bit words, first byte high, a last byte alone high.
func fletcher32(b []byte) uint32 {
	var low, high uint32
	for len(b) > 0 {
		word := uint32(b[0]) << 8
		if len(b) > 1 {
			word |= uint32(b[1])
			b = b[2:]
		} else {
			b = nil
		}
		low += word
		high += low
		low, high = low&0xffff+low>>16, high&0xffff+high>>16
	}
	low, high = low&0xffff+low>>16, high&0xffff+high>>16
	return high<<16 | low
}
