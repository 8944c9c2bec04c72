package hdf5

import (
	"errors"
	"fmt"
)

// Ways of storing.
const (
	compact    = 0
	contiguous = 1
	chunked    = 2
)

// Indexes of chunks; the first is a B-tree of version 1, the others are of layout version 4.
const (
	indexTree     = 0
	indexSingle   = 1
	indexImplicit = 2
	indexFixed    = 3
	indexGrowing  = 4
	indexTree2    = 5
)

// layout says where the elements lie.
type layout struct {
	class   int
	inline  []byte
	address uint64
	bytes   uint64 // contiguous
	chunk   []int  // shape of a chunk
	size    int    // bytes of a whole chunk
	index   int
	single  place // of indexSingle with filters
	partial bool  // chunks that overhang are stored without filters
}

// place is where a chunk lies.
type place struct {
	address uint64
	bytes   uint64
	mask    uint32 // filters that were left out
}

func (d *Dataset) where(c *cursor) error {
	l := &d.layout
	version := c.u8()
	// Version 5 is version 4 with filtered chunks of 4 GiB and more; entries of indexes say their own size.
	if version < 3 || version > 5 {
		return fmt.Errorf("a data layout of version %d is not read, known are 3 to 5", version)
	}
	switch l.class = int(c.u8()); l.class {
	case compact:
		l.inline = c.bytes(c.u16())
	case contiguous:
		l.address, l.bytes = c.offset(), c.size()
	case chunked:
		if version == 3 {
			return d.chunks3(c)
		}
		return d.chunks4(c)
	default:
		return fmt.Errorf("a layout of class %d is not read (virtual data sets name other files)", l.class)
	}
	return nil
}

func (d *Dataset) chunks3(c *cursor) error {
	rank := int(c.u8()) - 1
	d.layout.address = c.offset()
	return d.chunkShape(c, rank, 4)
}

func (d *Dataset) chunks4(c *cursor) error {
	l := &d.layout
	flags, rank, width := c.u8(), int(c.u8())-1, int(c.u8())
	if width < 1 || width > 8 {
		return errors.New("sizes of a chunk of no known width")
	}
	if err := d.chunkShape(c, rank, width); err != nil {
		return err
	}
	l.partial = flags&1 != 0
	switch l.index = int(c.u8()); l.index {
	case indexSingle:
		l.single.bytes = uint64(l.size)
		if flags&2 != 0 {
			l.single.bytes, l.single.mask = c.size(), c.u32()
		}
	case indexImplicit:
	case indexFixed:
		c.skip(1)
	case indexGrowing:
		c.skip(5) // again in the array's header
	case indexTree2:
		c.skip(6) // again in the tree's header
	default:
		return fmt.Errorf("an index of chunks of type %d is not read", l.index)
	}
	l.address = c.offset()
	return nil
}

// chunkShape reads the sizes of a chunk, then the size of an element.
func (d *Dataset) chunkShape(c *cursor, rank, width int) error {
	l := &d.layout
	if rank != len(d.shape) || rank == 0 {
		return fmt.Errorf("chunks of %d axes in a data set of %d", rank, len(d.shape))
	}
	const largest = 1 << 30
	l.size = d.kind.size
	for range rank {
		n := c.uint(width)
		if c.err != nil {
			return c.err
		}
		if n == 0 || n > largest || uint64(l.size) > largest/n {
			return fmt.Errorf("a chunk is empty or larger than %d bytes", largest)
		}
		l.chunk = append(l.chunk, int(n))
		l.size *= int(n)
	}
	if n := c.uint(width); c.err == nil && n != uint64(d.kind.size) {
		return errors.New("elements of chunks have another size than the data type")
	}
	return nil
}

// read gathers all elements.
func (l *layout) read(d *Dataset, w *walk) ([]byte, error) {
	want := d.count * d.kind.size
	switch l.class {
	case compact:
		if len(l.inline) < want {
			return nil, errShort
		}
		return l.inline[:want], nil
	case contiguous:
		if l.address == undefined || want == 0 {
			return d.blank(0)
		}
		if l.bytes < uint64(want) {
			return nil, errShort
		}
		c, err := w.at(l.address, want)
		if err != nil {
			return nil, err
		}
		return c.b, nil
	}
	if l.address == undefined || want == 0 {
		return d.blank(0)
	}
	g := newGather(d)
	if err := l.list(d, w, g); err != nil {
		return nil, err
	}
	return g.read()
}

// list finds the chunks.
func (l *layout) list(d *Dataset, w *walk, g *gather) error {
	switch l.index {
	case indexTree:
		return l.tree(d, w, g)
	case indexSingle:
		p := l.single
		p.address = l.address
		return g.add(w, p, make([]int, len(d.shape)))
	case indexImplicit:
		if g.total > len(w.data)/l.size {
			return errShort
		}
		for i := range g.total {
			p := place{address: l.address + uint64(i)*uint64(l.size), bytes: uint64(l.size)}
			if err := g.add(w, p, g.at(i)); err != nil {
				return err
			}
		}
		return nil
	case indexGrowing:
		return l.growing(d, w, g)
	case indexTree2:
		return l.tree2(d, w, g)
	default:
		return l.fixed(w, g)
	}
}

// tree visits the chunks of a B-tree of version 1.
func (l *layout) tree(d *Dataset, w *walk, g *gather) error {
	rank := len(d.shape)
	return w.tree1(l.address, 1, 8+8*(rank+1), -1, func(key *cursor, child uint64) error {
		p := place{address: child, bytes: uint64(key.u32()), mask: key.u32()}
		at := make([]int, rank)
		for i := range at {
			v := key.uint(8)
			if v > MaxElements {
				return errors.New("a chunk lies outside the data set: the file is damaged")
			}
			at[i] = int(v)
		}
		return g.add(w, p, at)
	})
}

// fixedArray is an index of chunks by position.
type fixedArray struct {
	l        *layout
	w        *walk
	g        *gather
	filtered bool
	entry    int    // bytes of an entry
	page     int    // entries of a page
	at       uint64 // of what follows the header of the data block
}

// fixed visits the chunks of a fixed array.
func (l *layout) fixed(w *walk, g *gather) error {
	c, err := w.at(l.address, 4+4+w.length+w.offsets)
	if err != nil {
		return err
	}
	if err := c.tag("FAHD", 0); err != nil {
		return err
	}
	client, entry, pageBits := c.u8(), int(c.u8()), int(c.u8())
	count, block := c.size(), c.offset()
	sizeBytes := entry - w.offsets - 4 // of filtered chunks
	switch {
	case c.err != nil:
		return c.err
	case client == 0 && entry != w.offsets, client == 1 && (sizeBytes < 1 || sizeBytes > 8), client > 1, pageBits > 30:
		return errors.New("an array of chunks has entries of an unknown kind")
	case count != uint64(g.total):
		return fmt.Errorf("%d chunks are listed, %d make the data set", count, g.total)
	case block == undefined:
		return nil
	}
	if c, err = w.at(block, 6+w.offsets); err != nil {
		return err
	}
	if err := c.tag("FADB", 0); err != nil {
		return err
	}
	f := &fixedArray{l: l, w: w, g: g, filtered: client == 1, entry: entry, page: 1 << pageBits, at: block + uint64(6+w.offsets)}
	if g.total <= f.page {
		return f.visit(f.at, 0, g.total)
	}
	return f.pages()
}

// visit notes n chunks from the first, listed at an address.
func (f *fixedArray) visit(at uint64, first, n int) error {
	c, err := f.w.at(at, n*f.entry)
	if err != nil {
		return err
	}
	for i := first; i < first+n; i++ {
		p := place{address: c.offset(), bytes: uint64(f.l.size)}
		if f.filtered {
			p.bytes, p.mask = c.uint(f.entry-f.w.offsets-4), c.u32()
		}
		if c.err != nil {
			return c.err
		}
		if p.address == undefined {
			continue
		}
		if err := f.g.add(f.w, p, f.g.at(i)); err != nil {
			return err
		}
	}
	return nil
}

// pages visits an array in pages. Those that were never written are clear in a bitmap, the first page in the highest bit.
func (f *fixedArray) pages() error {
	pages := (f.g.total + f.page - 1) / f.page
	bitmap, err := f.w.at(f.at, (pages+7)/8)
	if err != nil {
		return err
	}
	at := f.at + uint64((pages+7)/8) + 4
	for i := range pages {
		if bitmap.b[i/8]&(0x80>>(i%8)) != 0 {
			if err := f.visit(at, i*f.page, min(f.page, f.g.total-i*f.page)); err != nil {
				return err
			}
		}
		at += uint64(f.page*f.entry) + 4
	}
	return nil
}
