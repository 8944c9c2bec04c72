package data

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Element types of a MATLAB version 5 file. Source: MathWorks, "MAT-File Format", 2018, table 1-1.
const (
	matInt8       = 1
	matUint8      = 2
	matInt16      = 3
	matUint16     = 4
	matInt32      = 5
	matUint32     = 6
	matSingle     = 7
	matDouble     = 9
	matMatrix     = 14
	matCompressed = 15
)

// matArray is a numeric variable of a MAT file. Its data are in column-major order and stream from the file.
type matArray struct {
	name  string
	dims  []int
	count int64 // product of dims
	typ   uint32
	order binary.ByteOrder
	r     io.Reader
}

// readMAT visits the numeric variables of a MATLAB version 5 file, in the file's order. Other variables are
// passed over. What a visit does not read is skipped. Offsets in errors are the variable's.
func readMAT(f File, visit func(a *matArray) error) error {
	total, err := size(f)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(f, 64<<10)
	var head [128]byte
	if err := readFull(in, head[:], 0, "the header is cut short"); err != nil {
		return err
	}
	order, err := matOrder(head[:])
	if err != nil {
		return err
	}
	for at := int64(128); ; {
		var tag [8]byte
		switch n, err := io.ReadFull(in, tag[:]); {
		case n == 0 && err == io.EOF:
			return nil
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return &FormatError{at + int64(n), "a tag is cut short; fetch the file again", nil}
		case err != nil:
			return broken(at, "the tag cannot be read", err)
		}
		typ, size := order.Uint32(tag[:4]), int64(order.Uint32(tag[4:]))
		if size > total-at-8 {
			return &FormatError{at, fmt.Sprintf("the variable of %d bytes reaches beyond the file's end at %d; fetch it again", size, total), nil}
		}
		part := &io.LimitedReader{R: in, N: size}
		if err := matVariable(part, typ, order, visit); err != nil {
			if e, ok := err.(*FormatError); ok { //nolint:errorlint // one that is wrapped has its place already
				return &FormatError{at, e.Problem, e.Err} // what it has is in decompressed bytes
			}
			return err
		}
		if _, err := io.Copy(io.Discard, part); err != nil {
			return broken(at, "the variable cannot be read", err)
		}
		at += 8 + size
	}
}

// matOrder reads the byte order of the header.
func matOrder(head []byte) (binary.ByteOrder, error) {
	if strings.HasPrefix(string(head), "MATLAB 7.3") || strings.HasPrefix(string(head), "\x89HDF") {
		return nil, &FormatError{0, "this is a MATLAB 7.3 (HDF5) file; save it as version 5 or 7", nil}
	}
	var order binary.ByteOrder
	switch string(head[126:128]) {
	case "IM":
		order = binary.LittleEndian
	case "MI":
		order = binary.BigEndian
	default:
		return nil, &FormatError{126, fmt.Sprintf("the byte order mark is %q; a MATLAB version 5 file has IM or MI", head[126:128]), nil}
	}
	if v := order.Uint16(head[124:126]); v != 0x0100 {
		return nil, &FormatError{124, fmt.Sprintf("the version is 0x%04x, 0x0100 is read", v), nil}
	}
	return order, nil
}

// matVariable reads one top-level element.
func matVariable(r *io.LimitedReader, typ uint32, order binary.ByteOrder, visit func(*matArray) error) error {
	switch typ {
	case matMatrix:
		return (&matReader{r, order}).matrix(visit)
	case matCompressed:
		packed := r.N
		z, err := zlib.NewReader(r)
		if err != nil {
			return matDamaged("its compression is damaged", err)
		}
		in := &matReader{z, order}
		t, size, err := in.tag()
		if err != nil {
			return err
		}
		if t != matMatrix {
			return nil // not a variable
		}
		if size/1100 > packed { // deflate unfolds a byte to 1,032 at most
			return &FormatError{0, fmt.Sprintf("it claims to unpack to %d bytes", size), nil}
		}
		if err := (&matReader{io.LimitReader(z, size), order}).matrix(visit); err != nil {
			return err
		}
		// Where the data were read, the sum of the contents is behind the padding.
		if _, err := io.CopyN(io.Discard, z, 16); err != nil && !errors.Is(err, io.EOF) {
			return matDamaged("its compression is damaged", err)
		}
	}
	return nil // other elements hold no data of the user's
}

type matReader struct {
	r     io.Reader
	order binary.ByteOrder
}

// tag reads a tag of eight bytes.
func (m *matReader) tag() (typ uint32, size int64, err error) {
	var b [8]byte
	if err := readFull(m.r, b[:], 0, "it is cut short"); err != nil {
		return 0, 0, err
	}
	return m.order.Uint32(b[:4]), int64(m.order.Uint32(b[4:])), nil
}

// element reads a small element (flags, dimensions, a name) with its padding.
func (m *matReader) element(what string, most int64) ([]byte, error) {
	typ, size, err := m.tag()
	if err != nil {
		return nil, err
	}
	if packed := typ >> 16; packed != 0 { // the small form: the second word is the data
		if packed > 4 {
			return nil, &FormatError{0, fmt.Sprintf("its %s claims %d bytes in a small element", what, packed), nil}
		}
		var word [4]byte
		m.order.PutUint32(word[:], uint32(size))
		return word[:packed], nil
	}
	if size > most {
		return nil, &FormatError{0, fmt.Sprintf("its %s has %d bytes, at most %d are read", what, size, most), nil}
	}
	b := make([]byte, (size+7)/8*8)
	if err := readFull(m.r, b, 0, "its "+what+" is cut short"); err != nil {
		return nil, err
	}
	return b[:size], nil
}

// matrix reads an array's head and visits its data.
func (m *matReader) matrix(visit func(*matArray) error) error {
	flags, err := m.element("array flags", 8)
	if err != nil {
		return err
	}
	dims, err := m.element("dimensions", 64)
	if err != nil {
		return err
	}
	name, err := m.element("name", 256)
	if err != nil {
		return err
	}
	if len(flags) < 4 || len(dims)%4 != 0 || len(dims) < 8 {
		return &FormatError{0, "its flags or dimensions are damaged", nil}
	}
	a := &matArray{name: string(name), order: m.order, count: 1}
	const numericFrom, numericTo, complexBit = 6, 15, 0x0800
	word := m.order.Uint32(flags)
	if class := word & 0xff; class < numericFrom || class > numericTo || word&complexBit != 0 {
		return nil // text, cells, structures, sparse and complex arrays
	}
	for i := 0; i < len(dims); i += 4 {
		d := int(int32(m.order.Uint32(dims[i:])))
		if d < 0 || d > 0 && a.count > (1<<40)/int64(d) {
			return &FormatError{0, fmt.Sprintf("%q: dimension %d is %d", name, i/4, d), nil}
		}
		a.dims, a.count = append(a.dims, d), a.count*int64(d)
	}
	typ, size, err := m.tag()
	if err != nil {
		return err
	}
	a.r = io.LimitReader(m.r, size)
	if packed := typ >> 16; packed != 0 {
		var word [4]byte
		m.order.PutUint32(word[:], uint32(size))
		typ, size = typ&0xffff, int64(packed)
		a.r = strings.NewReader(string(word[:min(packed, 4)]))
	}
	a.typ = typ
	if width := matWidth(typ); width == 0 || size != a.count*width {
		return &FormatError{0, fmt.Sprintf("%q: %d bytes of type %d are not the %d numbers of its dimensions %v", name, size, typ, a.count, a.dims), nil}
	}
	return within(visit(a), 0, fmt.Sprintf("%q", name))
}

func matWidth(typ uint32) int64 {
	switch typ {
	case matInt8, matUint8:
		return 1
	case matInt16, matUint16:
		return 2
	case matInt32, matUint32, matSingle:
		return 4
	case matDouble:
		return 8
	}
	return 0
}

// numbers reads the array's elements, at most most.
func (a *matArray) numbers(most int64) ([]float64, error) {
	if a.count > most {
		return nil, &FormatError{0, fmt.Sprintf("%d numbers, at most %d are read", a.count, most), nil}
	}
	width := matWidth(a.typ)
	b, err := readGrowing(a.r, a.count*width)
	if err != nil {
		return nil, matDamaged("the data are damaged", err)
	}
	if int64(len(b)) < a.count*width {
		return nil, &FormatError{0, fmt.Sprintf("the data end after %d of %d bytes", len(b), a.count*width), nil}
	}
	out := make([]float64, a.count)
	for i := range out {
		out[i] = a.number(b[int64(i)*width:])
	}
	return out, nil
}

func (a *matArray) number(b []byte) float64 {
	switch a.typ {
	case matInt8:
		return float64(int8(b[0]))
	case matUint8:
		return float64(b[0])
	case matInt16:
		return float64(int16(a.order.Uint16(b)))
	case matUint16:
		return float64(a.order.Uint16(b))
	case matInt32:
		return float64(int32(a.order.Uint32(b)))
	case matUint32:
		return float64(a.order.Uint32(b))
	case matSingle:
		return float64(math.Float32frombits(a.order.Uint32(b)))
	}
	return math.Float64frombits(a.order.Uint64(b))
}

func matDamaged(problem string, err error) error { return zipError(0, problem, err) }
