package hdf5

import (
	"errors"
	"fmt"
)

// extensible is an array of chunks that grows along one axis. Its first entries lie in an index block, the next
// in data blocks that the index block names, the others in data blocks that super blocks name: super
// block u has 2^(u/2) data blocks of least x 2^((u+1)/2) entries.
type extensible struct {
	l              *layout
	w              *walk
	g              *gather
	filtered       bool
	entry, blocks  int // bytes of an entry and of a block's offset
	least, page    int
	position       int // of the next entry
	end            int // entries that were ever set
	growing        int // the axis
	chunks         []int
	stride         int // chunks of one step along the growing axis
	directs, super int
}

// growing visits the chunks of an extensible array.
func (l *layout) growing(d *Dataset, w *walk, g *gather) error {
	c, err := w.at(l.address, 12+6*w.length+w.offsets)
	if err != nil {
		return err
	}
	if err := c.tag("EAHD", 0); err != nil {
		return err
	}
	client, entry, bits := c.u8(), int(c.u8()), int(c.u8())
	inline, least, pointers, pageBits := int(c.u8()), uint64(c.u8()), uint64(c.u8()), int(c.u8())
	c.skip(4 * w.length)
	end := c.size()
	c.skip(w.length)
	block := c.offset()
	sizeBytes := entry - w.offsets - 4
	switch {
	case c.err != nil:
		return c.err
	case client == 0 && entry != w.offsets, client == 1 && (sizeBytes < 1 || sizeBytes > 8), client > 1:
		return errors.New("an array of chunks has entries of an unknown kind")
	case !power(least) || !power(pointers) || bits > 64 || bits < log2(least) || pageBits > 30:
		return errors.New("an array of chunks has sizes that do not fit together: the file is damaged")
	case block == undefined:
		return nil
	case end > MaxElements:
		return errors.New("an array of chunks is longer than a data set can be")
	}
	e := &extensible{
		l: l, w: w, g: g, filtered: client == 1, entry: entry, blocks: (bits + 7) / 8, least: int(least), page: 1 << pageBits, end: int(end),
		directs: 2 * int(pointers-1), super: 2 * log2(pointers),
	}
	if err := e.axes(d); err != nil {
		return err
	}
	return e.index(block, inline, 1+bits-log2(least))
}

// axes finds the axis that grows, which counts slowest in the array, and the chunks along the others.
func (e *extensible) axes(d *Dataset) error {
	if len(d.most) != len(d.shape) {
		return errors.New("chunks of a data set that does not grow lie in an index that does")
	}
	e.growing, e.stride = -1, 1
	for i, most := range d.most {
		chunk := uint64(d.layout.chunk[i])
		switch {
		case most != undefined && most <= MaxElements:
			e.chunks = append(e.chunks, int((most+chunk-1)/chunk))
		case most == undefined && e.growing < 0:
			e.growing = i
			e.chunks = append(e.chunks, 0)
			continue
		default:
			return errors.New("more than one axis grows without limit in an index for one")
		}
		if e.chunks[i] == 0 || e.stride > MaxElements/e.chunks[i] {
			return errors.New("an axis has no chunk or too many")
		}
		e.stride *= e.chunks[i]
	}
	if e.growing < 0 {
		return errors.New("no axis grows in an index for one that does")
	}
	return nil
}

// first is the first element of the chunk at a position of the array.
func (e *extensible) first(position int) []int {
	at := make([]int, len(e.chunks))
	at[e.growing] = position / e.stride * e.l.chunk[e.growing]
	rest := position % e.stride
	for i := len(at) - 1; i >= 0; i-- {
		if i != e.growing {
			at[i] = rest % e.chunks[i] * e.l.chunk[i]
			rest /= e.chunks[i]
		}
	}
	return at
}

// entries visits n entries.
func (e *extensible) entries(c *cursor, n int) error {
	for range n {
		p := place{address: c.offset(), bytes: uint64(e.l.size)}
		if e.filtered {
			p.bytes, p.mask = c.uint(e.entry-e.w.offsets-4), c.u32()
		}
		if c.err != nil {
			return c.err
		}
		if p.address != undefined {
			if err := e.g.add(e.w, p, e.first(e.position)); err != nil {
				return err
			}
		}
		e.position++
	}
	return nil
}

// index reads the index block.
func (e *extensible) index(address uint64, inline, supers int) error {
	o := e.w.offsets
	above := max(0, supers-e.super)
	c, err := e.w.at(address, 6+o+inline*e.entry+(e.directs+above)*o)
	if err != nil {
		return err
	}
	if err := c.tag("EAIB", 0); err != nil {
		return err
	}
	c.skip(1 + o)
	if err := e.entries(c, inline); err != nil {
		return err
	}
	for u := 0; u < supers && e.position < e.end; u++ {
		count, n := 1<<(u/2), e.least<<((u+1)/2)
		if n > e.page {
			return fmt.Errorf("a growing data set of more than %d chunks, in a file of libver=latest, is not read: repack it with h5repack --low=0", e.position)
		}
		from := c
		if u >= e.super {
			if from, err = e.superBlock(c.offset(), count); err != nil {
				return err
			}
		}
		for k := 0; k < count && e.position < e.end; k++ {
			var block uint64 = undefined
			if from != nil {
				block = from.offset()
			}
			if err := e.block(block, n); err != nil {
				return err
			}
		}
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// superBlock is a cursor over the addresses of a super block, nil if it was never written.
func (e *extensible) superBlock(address uint64, count int) (*cursor, error) {
	if address == undefined {
		return nil, nil //nolint:nilnil // absence is no error
	}
	c, err := e.w.at(address, 6+e.w.offsets+e.blocks+count*e.w.offsets)
	if err != nil {
		return nil, err
	}
	if err := c.tag("EASB", 0); err != nil {
		return nil, err
	}
	c.skip(1 + e.w.offsets + e.blocks)
	return c, c.err
}

// block visits a data block of n entries.
func (e *extensible) block(address uint64, n int) error {
	if address == undefined {
		e.position += n
		return nil
	}
	head := 6 + e.w.offsets + e.blocks
	c, err := e.w.at(address, head+n*e.entry)
	if err != nil {
		return err
	}
	if err := c.tag("EADB", 0); err != nil {
		return err
	}
	c.skip(head - 5)
	return e.entries(c, n)
}

// tree2 visits the chunks of a B-tree of version 2: data sets that grow along several axes.
func (l *layout) tree2(d *Dataset, w *walk, g *gather) error {
	kind := uint8(10)
	rank := len(d.shape)
	c, err := w.peek(l.address)
	if err != nil {
		return err
	}
	c.skip(5)
	if k := c.u8(); k == 11 {
		kind = k
	}
	c.skip(4)
	record := c.u16()
	sizeBytes := record - w.offsets - 4 - 8*rank
	if c.err != nil || (kind == 10 && record != w.offsets+8*rank) || (kind == 11 && (sizeBytes < 1 || sizeBytes > 8)) {
		return errors.New("a B-tree of chunks has records of an unknown kind")
	}
	return w.tree2(l.address, kind, record, func(r []byte) error {
		c := &cursor{b: r, offsets: w.offsets, length: w.length}
		p := place{address: c.offset(), bytes: uint64(l.size)}
		if kind == 11 {
			p.bytes, p.mask = c.uint(sizeBytes), c.u32()
		}
		at := make([]int, rank)
		for i := range at {
			v := c.uint(8) // in chunks
			if v > MaxElements/uint64(l.chunk[i]) {
				return errors.New("a chunk lies outside the data set: the file is damaged")
			}
			at[i] = int(v) * l.chunk[i]
		}
		return g.add(w, p, at)
	})
}
