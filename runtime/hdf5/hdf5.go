// Package hdf5 reads numbers from HDF5 files: a subset of format versions 0 to 3 (The HDF Group,
// "HDF5 File Format Specification Version 3.0") that holds what h5py and HDF5.jl write by default and
// with libver=latest. Read are groups of both styles; contiguous, compact and chunked data sets of
// integers and IEEE floats; deflate, shuffle and Fletcher-32. Attributes and soft or external links are passed over.
// Not read, with an error that says so: other filters and types, data sets that grow along one axis
// to more than 130,000 chunks in files of libver=latest, data stored in other files.
//
// Files are not trusted: a reader returns errors, never panics, reads no structure
// more often than the file has room for, and allocates at most what its data can expand to.
// Checksums of metadata are not verified; Fletcher-32 of data is.
package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// MaxElements bounds the elements of one data set.
const MaxElements = 1 << 26

// undefined is the address of what does not exist.
const undefined = math.MaxUint64

var signature = []byte("\x89HDF\r\n\x1a\n")

// File is an HDF5 file in memory. It is safe for concurrent use when its groups are.
type File struct {
	data            []byte // from the base address
	offsets, length int    // sizes of addresses and lengths, bytes
	root            uint64
}

// Open reads the superblock. The file keeps data, which must not change.
func Open(data []byte) (*File, error) {
	for at := 0; at+len(signature) <= len(data); at = max(512, 2*at) {
		if string(data[at:at+len(signature)]) == string(signature) {
			f, err := superblock(data, at)
			if err != nil {
				return nil, fmt.Errorf("HDF5 superblock: %w", err)
			}
			return f, nil
		}
	}
	return nil, errors.New("HDF5: the file does not begin with the format's signature")
}

func superblock(data []byte, at int) (*File, error) {
	c := &cursor{b: data[at+len(signature):], offsets: 8, length: 8}
	version := c.u8()
	f := &File{}
	switch version {
	case 0, 1:
		c.skip(4)
		f.offsets, f.length = int(c.u8()), int(c.u8())
		c.skip(1 + 2 + 2 + 4)
		if version == 1 {
			c.skip(4)
		}
	case 2, 3:
		f.offsets, f.length = int(c.u8()), int(c.u8())
		c.skip(1)
	default:
		return nil, fmt.Errorf("version %d is not read, known are 0 to 3", version)
	}
	if !size(f.offsets) || !size(f.length) {
		return nil, fmt.Errorf("addresses of %d and lengths of %d bytes are not read", f.offsets, f.length)
	}
	c.offsets, c.length = f.offsets, f.length
	base := c.offset()
	if version < 2 {
		c.skip(3 * f.offsets) // free space, end of file, driver
		c.skip(f.offsets)     // name of the root
	} else {
		c.skip(2 * f.offsets) // extension, end of file
	}
	f.root = c.offset()
	if c.err != nil {
		return nil, c.err
	}
	if base > uint64(len(data)) {
		return nil, fmt.Errorf("base address %d is outside the file", base)
	}
	f.data = data[base:]
	return f, nil
}

func size(n int) bool { return n == 2 || n == 4 || n == 8 }

// errShort is a structure that goes beyond its bytes.
var errShort = errors.New("a structure goes beyond its end: the file is cut off or damaged")

// cursor reads little-endian fields; after an error all fields are 0.
type cursor struct {
	b               []byte
	offsets, length int
	err             error
}

func (c *cursor) bytes(n int) []byte {
	switch {
	case c.err != nil:
		return nil
	case n < 0 || n > len(c.b):
		c.err = errShort
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) skip(n int) { c.bytes(n) }

// uint is an unsigned integer of n <= 8 bytes.
func (c *cursor) uint(n int) uint64 {
	var v uint64
	for i, b := range c.bytes(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

func (c *cursor) u8() uint8   { return uint8(c.uint(1)) }
func (c *cursor) u16() int    { return int(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }

// offset is an address; all ones is undefined in any size.
func (c *cursor) offset() uint64 { return widen(c.uint(c.offsets), c.offsets) }
func (c *cursor) size() uint64   { return widen(c.uint(c.length), c.length) }

func widen(v uint64, n int) uint64 {
	if n < 8 && v == 1<<(8*n)-1 {
		return undefined
	}
	return v
}

// tag consumes a signature and a version.
func (c *cursor) tag(want string, versions ...uint8) error {
	if got := string(c.bytes(len(want))); c.err == nil && got != want {
		return fmt.Errorf("%q where %q is expected: the file is damaged", got, want)
	}
	v := c.u8()
	if c.err != nil {
		return c.err
	}
	for _, known := range versions {
		if v == known {
			return nil
		}
	}
	return fmt.Errorf("%s of version %d is not read", want, v)
}

// walk reads structures of a file once: what it reads counts against the file's size, since
// structures of a whole file do not overlap. That bounds loops and makes time linear.
type walk struct {
	*File
	left int
}

func (f *File) walk() *walk { return &walk{f, 2*len(f.data) + 4096} }

// at is a cursor over n bytes at an address.
func (w *walk) at(address uint64, n int) (*cursor, error) {
	if n < 0 || address > uint64(len(w.data)) || uint64(n) > uint64(len(w.data))-address {
		return nil, fmt.Errorf("%d bytes at address %d are outside the file", n, address)
	}
	if w.left -= n; w.left < 0 {
		return nil, errors.New("structures overlap or form a loop: the file is damaged")
	}
	return &cursor{b: w.data[address : address+uint64(n)], offsets: w.offsets, length: w.length}, nil
}

// peek is a cursor from an address to the end, not counted.
func (w *walk) peek(address uint64) (*cursor, error) {
	if address > uint64(len(w.data)) {
		return nil, fmt.Errorf("address %d is outside the file", address)
	}
	return &cursor{b: w.data[address:], offsets: w.offsets, length: w.length}, nil
}

// log2 is floor(log2 v), 0 for 0.
func log2(v uint64) int {
	n := 0
	for ; v > 1; v >>= 1 {
		n++
	}
	return n
}

var little = binary.LittleEndian
