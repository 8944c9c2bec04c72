package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// npyHeader describes a NumPy array. The module npyio panics on damaged headers and takes their word for
// lengths, so that these few lines are our own.
// Source: NumPy, numpy/lib/format.py, versions 1.0 to 3.0.
type npyHeader struct {
	// descr is the element type, such as |u1 or <i8.
	descr   string
	fortran bool
	shape   []int
	// bytes is the length of the header.
	bytes int64
}

var (
	npyDescr   = regexp.MustCompile(`^\{\s*'descr'\s*:\s*'([^']{2,16})'\s*,\s*'fortran_order'\s*:\s*(True|False)\s*,\s*'shape'\s*:\s*\(([0-9, ]*)\)\s*,?\s*\}\s*$`)
	npyMaximum = 64 << 10
)

// readNPYHeader reads up to the data.
func readNPYHeader(r io.Reader) (*npyHeader, error) {
	var head [8]byte
	if err := readFull(r, head[:], 0, "the header is cut short"); err != nil {
		return nil, err
	}
	if string(head[:6]) != "\x93NUMPY" {
		return nil, &FormatError{0, fmt.Sprintf("it starts with % x, a NumPy array starts with 93 NUMPY", head[:6]), nil}
	}
	length := make([]byte, 2)
	if head[6] > 1 {
		length = make([]byte, 4)
	}
	if err := readFull(r, length, 8, "the header is cut short"); err != nil {
		return nil, err
	}
	n := int(length[0]) | int(length[1])<<8
	if head[6] > 1 {
		n = int(binary.LittleEndian.Uint32(length))
	}
	if head[6] < 1 || head[6] > 3 || n > npyMaximum {
		return nil, &FormatError{6, fmt.Sprintf("version %d with a header of %d bytes; versions 1 to 3 with at most %d are read", head[6], n, npyMaximum), nil}
	}
	text := make([]byte, n)
	at := int64(8 + len(length))
	if err := readFull(r, text, at, "the header is cut short"); err != nil {
		return nil, err
	}
	m := npyDescr.FindSubmatch(text)
	if m == nil {
		return nil, &FormatError{at, fmt.Sprintf("the header %.100q is no array of one simple type", text), nil}
	}
	h := &npyHeader{descr: string(m[1]), fortran: string(m[2]) == "True", bytes: at + int64(n)}
	for dim := range strings.SplitSeq(string(m[3]), ",") {
		dim = strings.TrimSpace(dim)
		if dim == "" {
			continue
		}
		v, err := strconv.Atoi(dim)
		if err != nil || len(h.shape) >= 8 {
			return nil, &FormatError{at, fmt.Sprintf("the shape (%s) is out of reach", m[3]), nil}
		}
		h.shape = append(h.shape, v)
	}
	return h, nil
}

// npyInteger decodes whole numbers of a type; width 0 says that the type is none.
func npyInteger(descr string) (width int, decode func([]byte) int64) {
	var order binary.ByteOrder = binary.LittleEndian
	if descr[0] == '>' {
		order = binary.BigEndian
	}
	switch descr[1:] {
	case "u1":
		return 1, func(b []byte) int64 { return int64(b[0]) }
	case "i1":
		return 1, func(b []byte) int64 { return int64(int8(b[0])) }
	case "u2":
		return 2, func(b []byte) int64 { return int64(order.Uint16(b)) }
	case "i2":
		return 2, func(b []byte) int64 { return int64(int16(order.Uint16(b))) }
	case "u4":
		return 4, func(b []byte) int64 { return int64(order.Uint32(b)) }
	case "i4":
		return 4, func(b []byte) int64 { return int64(int32(order.Uint32(b))) }
	case "u8", "i8":
		return 8, func(b []byte) int64 { return int64(order.Uint64(b)) }
	}
	return 0, nil
}
