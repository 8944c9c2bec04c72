package hdf5

import (
	"errors"
	"fmt"
)

// dense reads a new-style group of many members: links lie in a fractal heap, and a B-tree of
// version 2 says where.
func (g *Group) dense(w *walk, heap, tree uint64) error {
	h, err := w.heap(heap)
	if err != nil {
		return err
	}
	const kind, hash = 5, 4 // records by name: a hash, then the heap's identifier
	return w.tree2(tree, kind, hash+h.id, func(record []byte) error {
		body, err := h.object(record[hash:])
		if err != nil {
			return err
		}
		return g.link(w, body)
	})
}

// fractalHeap is the header of a heap. Its objects lie in blocks of a doubling table: rows of
// width blocks, of size start in rows 0 and 1 and twice the size in every further row.
type fractalHeap struct {
	w                     *walk
	id                    int // bytes of an identifier
	offsetBytes, lenBytes int
	width, start, direct  uint64
	root                  uint64
	rows                  int
}

func (w *walk) heap(address uint64) (*fractalHeap, error) {
	c, err := w.at(address, 4+1+2+2+1+4+12*w.length+3*w.offsets+2+2+2+2)
	if err != nil {
		return nil, err
	}
	if err := c.tag("FRHP", 0); err != nil {
		return nil, err
	}
	h := &fractalHeap{w: w, id: c.u16()}
	filters := c.u16()
	c.skip(1)
	largest := c.u32()
	c.skip(w.length + w.offsets + w.length + w.offsets + 8*w.length)
	h.width, h.start, h.direct = c.uint(2), c.size(), c.size()
	bits := c.u16()
	c.skip(2)
	h.root, h.rows = c.offset(), c.u16()
	h.offsetBytes = (bits + 7) / 8
	h.lenBytes = min(log2(h.direct)/8+1, log2(uint64(largest))/8+1)
	switch {
	case c.err != nil:
		return nil, c.err
	case filters != 0:
		return nil, errors.New("a heap with filters is not read")
	case !power(h.width) || !power(h.start) || !power(h.direct) || h.start > h.direct || h.direct > 1<<40 || bits > 64 || h.id < 1+h.offsetBytes+h.lenBytes || h.id > 64:
		return nil, errors.New("a heap's sizes do not fit together: the file is damaged")
	}
	return h, nil
}

func power(v uint64) bool { return v != 0 && v&(v-1) == 0 }

// object is the object of an identifier.
func (h *fractalHeap) object(id []byte) ([]byte, error) {
	if id[0]&0x30 != 0 {
		return nil, errors.New("an object outside a heap's blocks is not read")
	}
	c := &cursor{b: id[1:]}
	offset, n := c.uint(h.offsetBytes), c.uint(h.lenBytes)
	if n > uint64(len(h.w.data)) {
		return nil, errShort
	}
	address, offset, err := h.block(offset)
	if err != nil {
		return nil, err
	}
	if address > uint64(len(h.w.data)) || offset > uint64(len(h.w.data)) {
		return nil, errShort
	}
	o, err := h.w.at(address+offset, int(n))
	if err != nil {
		return nil, err
	}
	return o.b, nil
}

// block is the address of the direct block that holds an offset, and the offset in it.
func (h *fractalHeap) block(offset uint64) (address, inside uint64, err error) {
	if h.rows == 0 {
		if offset >= h.direct {
			return 0, 0, errShort
		}
		return h.root, offset, nil
	}
	address = h.root
	rows := h.rows
	first := h.width * h.start // bytes of row 0
	directRows := log2(h.direct) - log2(h.start) + 2
	for {
		row, before, size := 0, uint64(0), h.start
		if offset >= first {
			row = log2(offset) - log2(first) + 1
			size = h.start << (row - 1)
			before = first << (row - 1)
		}
		if row >= rows || row >= 64 {
			return 0, 0, fmt.Errorf("offset %d is outside a heap of %d rows: the file is damaged", offset, rows)
		}
		column := (offset - before) / size
		// Tables are read again for every object, so they do not count.
		c, err := h.w.peek(address)
		if err != nil {
			return 0, 0, err
		}
		if err := c.tag("FHIB", 0); err != nil {
			return 0, 0, err
		}
		c.skip(h.w.offsets + h.offsetBytes + (row*int(h.width)+int(column))*h.w.offsets)
		address = c.offset()
		if c.err != nil {
			return 0, 0, c.err
		}
		offset -= before + column*size
		if row < directRows {
			return address, offset, nil
		}
		rows = log2(size) - log2(first) + 1 // fewer than before: the loop ends
	}
}

// tree2 visits the records of a B-tree of version 2.
func (w *walk) tree2(address uint64, kind uint8, record int, f func([]byte) error) error {
	c, err := w.at(address, 4+1+1+4+2+2+2+w.offsets+2+w.length)
	if err != nil {
		return err
	}
	if err := c.tag("BTHD", 0); err != nil {
		return err
	}
	if k := c.u8(); k != kind {
		return fmt.Errorf("a B-tree of type %d where %d is expected", k, kind)
	}
	node, size, depth := int(c.u32()), c.u16(), c.u16()
	c.skip(2)
	root, count := c.offset(), c.u16()
	const overhead, deepest = 10, 16
	if c.err != nil || size != record || record <= 0 || node <= overhead+record || depth > deepest {
		return errors.New("a B-tree's sizes do not fit together: the file is damaged")
	}
	if root == undefined {
		return nil
	}
	t := &tree2{w: w, kind: kind, record: record, f: f, counts: log2(uint64((node-overhead)/record))/8 + 1}
	// Widths of the totals that pointers to each level carry.
	most := uint64((node - overhead) / record)
	t.totals = append(t.totals, 0)
	total := most
	for level := 1; level <= depth; level++ {
		pointer := t.pointer(level)
		m := uint64(max(0, node-overhead-pointer) / (record + pointer))
		total = min((m+1)*total+m, 1<<40)
		t.totals = append(t.totals, log2(total)/8+1)
	}
	return t.node(root, count, depth)
}

type tree2 struct {
	w      *walk
	kind   uint8
	record int
	counts int // bytes of a child's number of records
	totals []int
	f      func([]byte) error
}

// pointer is the size of a pointer in a node of a level to a child.
func (t *tree2) pointer(level int) int {
	n := t.w.offsets + t.counts
	if level > 1 {
		n += t.totals[level-1]
	}
	return n
}

func (t *tree2) node(address uint64, count, level int) error {
	tag, n := "BTLF", 6+count*t.record
	if level > 0 {
		tag = "BTIN"
		n += (count + 1) * t.pointer(level)
	}
	c, err := t.w.at(address, n)
	if err != nil {
		return err
	}
	if err := c.tag(tag, 0); err != nil {
		return err
	}
	if k := c.u8(); k != t.kind {
		return fmt.Errorf("a node of type %d in a B-tree of type %d", k, t.kind)
	}
	for range count {
		r := c.bytes(t.record)
		if c.err != nil {
			return c.err
		}
		if err := t.f(r); err != nil {
			return err
		}
	}
	if level == 0 {
		return nil
	}
	for range count + 1 {
		child, records := c.offset(), int(c.uint(t.counts))
		if level > 1 {
			c.skip(t.totals[level-1])
		}
		if c.err != nil {
			return c.err
		}
		if err := t.node(child, records, level-1); err != nil {
			return err
		}
	}
	return nil
}
