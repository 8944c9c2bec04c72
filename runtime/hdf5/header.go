package hdf5

import (
	"errors"
	"fmt"
)

// Types of header messages that are read.
const (
	msgDataspace   = 0x01
	msgLinkInfo    = 0x02
	msgDatatype    = 0x03
	msgFill        = 0x05
	msgLink        = 0x06
	msgExternal    = 0x07
	msgLayout      = 0x08
	msgFilters     = 0x0B
	msgContinue    = 0x10
	msgSymbolTable = 0x11
)

// message of an object header.
type message struct {
	kind   int
	shared bool
	body   []byte
}

// header reads the messages of an object, both versions.
func (w *walk) header(address uint64) ([]message, error) {
	c, err := w.peek(address)
	if err != nil {
		return nil, err
	}
	if len(c.b) >= 4 && string(c.b[:4]) == "OHDR" {
		return w.header2(address)
	}
	return w.header1(address)
}

func (w *walk) header1(address uint64) ([]message, error) {
	c, err := w.at(address, 16)
	if err != nil {
		return nil, err
	}
	if v := c.u8(); v != 1 {
		return nil, fmt.Errorf("an object header of version %d at address %d is not read", v, address)
	}
	c.skip(1)
	count := c.u16()
	c.skip(4)
	n := c.u32()
	block, err := w.at(address+16, int(n))
	if err != nil {
		return nil, err
	}
	var out []message
	queue := []*cursor{block}
	for len(queue) > 0 && len(out) < count {
		c, queue = queue[0], queue[1:]
		for len(c.b) >= 8 && len(out) < count {
			m := message{kind: c.u16()}
			n := c.u16()
			m.shared = c.u8()&2 != 0
			c.skip(3)
			m.body = c.bytes(n)
			if c.err != nil {
				return nil, c.err
			}
			out = append(out, m)
			if m.kind == msgContinue {
				next, err := w.continued(m.body)
				if err != nil {
					return nil, err
				}
				queue = append(queue, next)
			}
		}
	}
	return out, nil
}

// continued is the block that a continuation message names.
func (w *walk) continued(body []byte) (*cursor, error) {
	c := &cursor{b: body, offsets: w.offsets, length: w.length}
	address, n := c.offset(), c.size()
	if c.err != nil {
		return nil, c.err
	}
	if n > uint64(len(w.data)) {
		return nil, errShort
	}
	return w.at(address, int(n))
}

func (w *walk) header2(address uint64) ([]message, error) {
	c, err := w.peek(address)
	if err != nil {
		return nil, err
	}
	if err := c.tag("OHDR", 2); err != nil {
		return nil, err
	}
	flags := c.u8()
	if flags&0x20 != 0 {
		c.skip(16)
	}
	if flags&0x10 != 0 {
		c.skip(4)
	}
	n := c.uint(1 << (flags & 3))
	if c.err != nil {
		return nil, c.err
	}
	if n > uint64(len(c.b)) {
		return nil, errShort
	}
	block, err := w.at(uint64(len(w.data)-len(c.b)), int(n))
	if err != nil {
		return nil, err
	}
	var out []message
	for queue := []*cursor{block}; len(queue) > 0; {
		c, queue = queue[0], queue[1:]
		for len(c.b) >= 4 {
			m := message{kind: int(c.u8())}
			n := c.u16()
			m.shared = c.u8()&2 != 0
			if flags&4 != 0 {
				c.skip(2)
			}
			m.body = c.bytes(n)
			if c.err != nil {
				return nil, c.err
			}
			out = append(out, m)
			if m.kind != msgContinue {
				continue
			}
			next, err := w.continued(m.body)
			if err != nil {
				return nil, err
			}
			if len(next.b) < 8 || string(next.b[:4]) != "OCHK" {
				return nil, errors.New("a continuation of an object header has no signature: the file is damaged")
			}
			next.b = next.b[4 : len(next.b)-4] // less signature and checksum
			queue = append(queue, next)
		}
	}
	return out, nil
}

// find is the first message of a kind, nil if there is none. A shared message is an error.
func (w *walk) find(ms []message, kind int, what string) (*cursor, error) {
	for _, m := range ms {
		if m.kind != kind {
			continue
		}
		if m.shared {
			return nil, fmt.Errorf("a shared %s is not read", what)
		}
		return &cursor{b: m.body, offsets: w.offsets, length: w.length}, nil
	}
	return nil, nil //nolint:nilnil // an absent message is no error
}
